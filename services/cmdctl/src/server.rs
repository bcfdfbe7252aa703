//! HTTPS: TLS, HTTP/1.1 and 2, bounded in number, size and time.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, HeaderValue};
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;
use tower::ServiceExt;
use tracing::debug;

use crate::client_authority::{self, ClientAuthority};
use crate::gate::Gate;
use crate::lent::Lent;
use crate::problem::Problem;
use crate::settings::CmdctlSettings;
use crate::statistics::{Statistics, count};

/// How long to wait after a connection could not be accepted, most often for want of descriptors.
const PAUSE: Duration = Duration::from_millis(100);
/// Header fields of a request.
const HEADER_FIELDS: usize = 64;
/// Requests at a time on one connection of HTTP/2.
const STREAMS: u32 = 16;
/// How often a silent connection of HTTP/2 is asked whether it lives, and how long it may take to say so.
const PING: Duration = Duration::from_secs(20);

/// The server.
pub struct Server {
    router: Router,
    gate: Arc<Gate>,
    authority: Arc<ClientAuthority>,
    settings: Mutex<Arc<CmdctlSettings>>,
    /// Told when a connection ended or more are allowed.
    room: Notify,
    statistics: Arc<Statistics>,
}

impl Server {
    /// A server of these pages.
    pub fn new(
        router: Router,
        gate: Arc<Gate>,
        authority: Arc<ClientAuthority>,
        settings: Arc<CmdctlSettings>,
        statistics: Arc<Statistics>,
    ) -> Self {
        Self { router, gate, authority, settings: Mutex::new(settings), room: Notify::new(), statistics }
    }

    /// Bounds connections and requests by these settings from now on.
    pub fn set(&self, settings: Arc<CmdctlSettings>) {
        *self.settings.lock().unwrap_or_else(PoisonError::into_inner) = settings;
        self.room.notify_waiters();
    }

    fn settings(&self) -> Arc<CmdctlSettings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes connections for ever.
    pub async fn accept(self: Arc<Self>, listener: TcpListener) {
        loop {
            let place = self.place().await;
            match listener.accept().await {
                Ok((stream, peer)) => drop(tokio::spawn(self.clone().serve(stream, peer, place))),
                Err(error) => {
                    debug!("no connection: {error}");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// Waits until one more connection is allowed.
    async fn place(self: &Arc<Self>) -> Place {
        let open = &self.statistics.connections_open;
        let mut waited = false;
        loop {
            let mut told = pin!(self.room.notified());
            told.as_mut().enable();
            let most = u64::from(self.settings().connections);
            let taken = |now: u64| (now < most).then_some(now.saturating_add(1));
            if open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken).is_ok() {
                return Place(self.clone());
            }
            if !std::mem::replace(&mut waited, true) {
                count(&self.statistics.connections_waited);
            }
            told.await;
        }
    }

    async fn serve(self: Arc<Self>, stream: TcpStream, peer: SocketAddr, place: Place) {
        count(&self.statistics.connections);
        let settings = self.settings();
        let _ = stream.set_nodelay(true);
        match timeout(settings.read_limit(), self.authority.acceptor().accept(stream)).await {
            Ok(Ok(stream)) => self.converse(stream, peer, &settings).await,
            Ok(Err(_)) | Err(_) => count(&self.statistics.handshakes_failed),
        }
        drop(place);
    }

    async fn converse(
        self: &Arc<Self>,
        stream: TlsStream<TcpStream>,
        peer: SocketAddr,
        settings: &CmdctlSettings,
    ) {
        let session = stream.get_ref().1;
        let second = session.alpn_protocol() == Some(b"h2");
        let vouched = session.peer_certificates().and_then(<[_]>::first).and_then(client_authority::name_of);
        let vouched: Option<Arc<str>> = vouched.map(Into::into);
        let (server, busy) = (self.clone(), Arc::new(AtomicUsize::new(0)));
        let answering = busy.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let (server, answering, vouched) = (server.clone(), answering.clone(), vouched.clone());
            async move {
                answering.fetch_add(1, Ordering::Relaxed);
                let response = server.answer(request, peer, vouched.as_deref()).await;
                answering.fetch_sub(1, Ordering::Relaxed);
                Ok::<_, Infallible>(response)
            }
        });
        let header = usize::try_from(settings.header_octets).unwrap_or(usize::MAX);
        let stream = TokioIo::new(stream);
        let outcome = if second {
            let connection = http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .max_concurrent_streams(STREAMS)
                .max_header_list_size(settings.header_octets)
                .keep_alive_interval(PING)
                .keep_alive_timeout(PING)
                .serve_connection(stream, service);
            let shut = |connection: Pin<&mut _>| http2::Connection::graceful_shutdown(connection);
            self.bounded(pin!(connection), shut, &busy, settings).await
        } else {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(settings.read_limit())
                .max_buf_size(header)
                .max_headers(HEADER_FIELDS)
                .serve_connection(stream, service);
            let shut = |connection: Pin<&mut _>| http1::Connection::graceful_shutdown(connection);
            self.bounded(pin!(connection), shut, &busy, settings).await
        };
        if let Err(error) = outcome {
            if error.is_parse_too_large() {
                count(&self.statistics.headers_too_large);
            }
            count(&self.statistics.connections_broken);
        }
    }

    /// Lets a connection live as long as allowed, then takes no further request from it, then cuts it.
    async fn bounded<C>(
        &self,
        mut connection: Pin<&mut C>,
        shut: impl Fn(Pin<&mut C>),
        busy: &AtomicUsize,
        settings: &CmdctlSettings,
    ) -> hyper::Result<()>
    where
        C: Future<Output = hyper::Result<()>>,
    {
        if let Ok(ended) = timeout(settings.connection_limit(), connection.as_mut()).await {
            return ended;
        }
        count(&self.statistics.connections_expired);
        shut(connection.as_mut());
        // What is being answered has its own limit; a client that only has to say goodbye is not waited for long.
        let idle = busy.load(Ordering::Relaxed) == 0;
        let patience = if idle { settings.read_limit() } else { settings.request_limit() };
        timeout(patience, connection).await.unwrap_or(Ok(()))
    }

    async fn answer(&self, request: Request<Incoming>, peer: SocketAddr, vouched: Option<&str>) -> Response {
        count(&self.statistics.requests);
        let limit = self.settings().request_limit();
        let (head, body) = request.into_parts();
        let mut body = Lent::new(body);
        let request = Request::from_parts(head, Body::new(body.clone()));
        let mut response = match timeout(limit, self.admitted(request, peer, vouched)).await {
            Ok(response) => response,
            Err(_) => {
                count(&self.statistics.requests_timed_out);
                let detail =
                    format!("no answer within {} s; a commit that has begun goes on", limit.as_secs());
                Problem::new(StatusCode::GATEWAY_TIMEOUT, "TimedOut", "answering took too long", detail)
                    .into_response()
            }
        };
        if response.status().is_client_error() || response.status().is_server_error() {
            count(&self.statistics.requests_failed);
        }
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        body.read_rest().await;
        response.map(|answer| body.kept_by(answer))
    }

    async fn admitted(
        &self,
        mut request: Request<Body>,
        peer: SocketAddr,
        vouched: Option<&str>,
    ) -> Response {
        let authorization = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let visitor = match self.gate.admit(peer.ip().to_canonical(), authorization, vouched).await {
            Ok(visitor) => visitor,
            Err(denied) => return Problem::from(denied).into_response(),
        };
        request.extensions_mut().insert(visitor);
        request.extensions_mut().insert(self.settings());
        // A router has no way to fail.
        self.router.clone().oneshot(request).await.unwrap_or_else(|never| match never {})
    }
}

/// One connection's place; given back when dropped.
struct Place(Arc<Server>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.statistics.connections_open.fetch_sub(1, Ordering::Relaxed);
        self.0.room.notify_waiters();
    }
}
