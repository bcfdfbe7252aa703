//! HTTP/1.1: one connection, one request, bounded in size, number and time.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::debug;

use crate::pages::Pages;
use crate::statistics::{Statistics, count};

/// How long to wait after a connection could not be accepted, most often for want of descriptors.
const PAUSE: Duration = Duration::from_millis(100);
/// Octets of a request's line and header fields.
const HEADER_OCTETS: usize = 8192;
/// Header fields of a request.
const HEADER_FIELDS: usize = 64;

/// What a client may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at a time, over all addresses; further ones wait in the system's queue.
    pub connections: usize,
    /// Until the header has come.
    pub header: Duration,
    /// For the connection as a whole: a header, a collection and its turn, an answer.
    pub connection: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 64, header: Duration::from_secs(5), connection: Duration::from_secs(20) }
    }
}

/// The server.
#[derive(Debug)]
pub struct Http {
    pages: Arc<Pages>,
    limits: Limits,
    places: Arc<Semaphore>,
    statistics: Arc<Statistics>,
}

impl Http {
    /// A server of these pages.
    pub fn new(pages: Pages, limits: Limits, statistics: Arc<Statistics>) -> Self {
        let places = Arc::new(Semaphore::new(limits.connections));
        Self { pages: Arc::new(pages), limits, places, statistics }
    }

    /// Takes connections for ever.
    pub async fn accept(self: Arc<Self>, listener: TcpListener) {
        loop {
            let Ok(place) = Arc::clone(&self.places).acquire_owned().await else { return };
            match listener.accept().await {
                Ok((stream, _)) => drop(tokio::spawn(Arc::clone(&self).serve(stream, place))),
                Err(error) => {
                    debug!("no connection: {error}");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    async fn serve(self: Arc<Self>, stream: TcpStream, _place: OwnedSemaphorePermit) {
        self.statistics.http_connections.fetch_add(1, Ordering::Relaxed);
        let pages = Arc::clone(&self.pages);
        let service = service_fn(move |request| {
            let pages = Arc::clone(&pages);
            async move { Ok::<_, Infallible>(pages.answer(&request).await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.header)
            .max_header_size(HEADER_OCTETS)
            .max_headers(HEADER_FIELDS)
            .keep_alive(false)
            .serve_connection(TokioIo::new(stream), service);
        match tokio::time::timeout(self.limits.connection, connection).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => count(&self.statistics.http_connections_broken),
        }
        self.statistics.http_connections.fetch_sub(1, Ordering::Relaxed);
    }
}
