//! Accepting connections, within the quota.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use rustls::HandshakeKind;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::connection;
use super::gathered::Gathered;
use crate::handler::{Handle, Handler, Transport};
use crate::https;
use crate::proxy::Header;
use crate::quota::{Permit, Quota};
use crate::tls::client_name;
use crate::worker::Worker;

/// Pause after an error that the next attempt would meet again, such as a want of descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// A listener as one worker serves it; others may serve the same.
pub(crate) struct Listener {
    io: TcpListener,
    local: SocketAddr,
    transport: Transport,
    proxied: bool,
}

impl Listener {
    /// Sets the listener up and registers it with the worker's event loop.
    pub(crate) fn new(
        fd: OwnedFd,
        local: SocketAddr,
        transport: Transport,
        proxied: bool,
    ) -> io::Result<Self> {
        let listener = std::net::TcpListener::from(fd);
        listener.set_nonblocking(true)?;
        // Accepted connections inherit it: replies leave at once.
        SockRef::from(&listener).set_tcp_nodelay(true)?;
        Ok(Self { io: TcpListener::from_std(listener)?, local, transport, proxied })
    }
}

/// Accepts for as long as the worker runs. With the quota used up, connections wait in the kernel's queue.
pub(crate) async fn accept<H: Handler + 'static>(worker: Rc<Worker<H>>, listener: Listener) {
    let counters = worker.counters.tcp(&listener.local);
    loop {
        match next(&listener.io, &worker.common.quota).await {
            Next::Full => {
                counters.quotawait.add(1);
                worker.common.quota.room().await;
            }
            Next::Connection(stream, peer, permit) => match open(&worker, &listener, stream, peer, permit) {
                Ok(()) => counters.accept.add(1),
                Err(_) => counters.acceptfail.add(1),
            },
            Next::Failed(error) => {
                counters.acceptfail.add(1);
                if error.kind() != io::ErrorKind::ConnectionAborted {
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
        // One at a time, so that other workers get their share and queries are not kept waiting.
        tokio::task::yield_now().await;
    }
}

/// What comes of waiting for a connection.
enum Next {
    Connection(TcpStream, SocketAddr, Permit),
    Full,
    Failed(io::Error),
}

/// Waits for a connection; it holds a part of the quota only for the moment of looking.
async fn next(listener: &TcpListener, quota: &Arc<Quota>) -> Next {
    poll_fn(|context| {
        let Some(permit) = quota.try_take() else { return Poll::Ready(Next::Full) };
        listener.poll_accept(context).map(|accepted| match accepted {
            Ok((stream, peer)) => Next::Connection(stream, peer, permit),
            Err(error) => Next::Failed(error),
        })
    })
    .await
}

fn open<H: Handler + 'static>(
    worker: &Rc<Worker<H>>,
    listener: &Listener,
    stream: TcpStream,
    peer: SocketAddr,
    permit: Permit,
) -> io::Result<()> {
    let wildcard = listener.local.ip().is_unspecified();
    let local = if wildcard { stream.local_addr()? } else { listener.local };
    let handle = Handle { peer, local, transport: listener.transport, alpn: false, tls_name: None };
    let arrived = Arrived::new(worker, handle, permit);
    if listener.proxied {
        tokio::task::spawn_local(introduce(arrived, stream));
    } else {
        go_on(arrived, stream);
    }
    Ok(())
}

/// A connection on its way to being served, as one that will be counted as closed.
struct Arrived<H> {
    worker: Rc<Worker<H>>,
    handle: Handle,
    permit: Permit,
    open: Open<H>,
}

impl<H> Arrived<H> {
    fn new(worker: &Rc<Worker<H>>, handle: Handle, permit: Permit) -> Self {
        let counters = Rc::clone(worker);
        counters.counters.tcp(&handle.local).open.add(1);
        let open = Open { worker: counters, local: handle.local };
        Self { worker: Rc::clone(worker), handle, permit, open }
    }
}

/// Counts a connection as closed when dropped.
struct Open<H> {
    worker: Rc<Worker<H>>,
    local: SocketAddr,
}

impl<H> Drop for Open<H> {
    fn drop(&mut self) {
        self.worker.counters.tcp(&self.local).close.add(1);
    }
}

/// Serves a connection, or has it agree on a session first. Each stage is a task of its own, so that none takes memory
/// once it is over.
fn go_on<H: Handler + 'static>(mut arrived: Arrived<H>, stream: TcpStream) {
    let Arrived { worker, handle, permit, .. } = &mut arrived;
    if !permit.opened(&handle.local, &handle.peer) {
        // Who is over the share of his network is parted with, not kept waiting: he would keep others waiting, too.
        return worker.counters.tcp(&handle.local).networkfull.add(1);
    }
    match handle.transport {
        Transport::Https => {
            tokio::task::spawn_local(async move {
                if let Some((arrived, mut stream)) = encrypt(arrived, Gathered::new(stream)).await {
                    stream.get_mut().0.gather();
                    tokio::task::spawn_local(serve_https(arrived, stream));
                }
            });
        }
        Transport::Tls => {
            tokio::task::spawn_local(async move {
                if let Some((arrived, stream)) = encrypt(arrived, stream).await {
                    tokio::task::spawn_local(serve(arrived, stream));
                }
            });
        }
        Transport::Tcp | Transport::Udp | Transport::Quic => {
            tokio::task::spawn_local(serve(arrived, stream));
        }
    }
}

async fn serve<S, H>(Arrived { worker, handle, permit, open }: Arrived<H>, stream: S)
where
    S: AsyncRead + AsyncWrite + Unpin,
    H: Handler,
{
    connection::serve(worker, stream, handle, permit).await;
    drop(open);
}

async fn serve_https<S, H>(Arrived { worker, handle, permit, open }: Arrived<H>, stream: S)
where
    S: AsyncRead + AsyncWrite + Unpin,
    H: Handler + 'static,
{
    https::serve(worker, stream, handle, permit).await;
    drop(open);
}

/// Hears from a proxy for whom it speaks, in the time that a connection has for its first message, and goes on with that.
async fn introduce<H: Handler + 'static>(mut arrived: Arrived<H>, mut stream: TcpStream) {
    let Arrived { worker, handle, .. } = &mut arrived;
    let counters = worker.counters.tcp(&handle.local);
    if !worker.handler.borrow().trusts_proxy(handle) {
        return counters.proxyrefused.add(1);
    }
    let reading = Header::before(&mut stream);
    let Ok(Ok(header)) = tokio::time::timeout(worker.common.limits.initial(), reading).await else {
        return counters.proxyfail.add(1);
    };
    if let Some((peer, local)) = header.addresses {
        (handle.peer, handle.local) = (peer, local);
    }
    go_on(arrived, stream);
}

/// Agrees on a session, in the time that a connection has for its first message; none when it did not come to that.
async fn encrypt<S, H>(mut arrived: Arrived<H>, stream: S) -> Option<(Arrived<H>, TlsStream<S>)>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let Arrived { worker, handle, .. } = &mut arrived;
    let counters = worker.counters.tcp(&handle.local);
    let Some(identity) = worker.common.identity.get() else {
        counters.tlsnoidentity.add(1);
        return None;
    };
    let config = if handle.transport == Transport::Https { &identity.https } else { &identity.tls };
    let handshake = TlsAcceptor::from(Arc::clone(config)).accept(stream);
    let stream = match tokio::time::timeout(worker.common.limits.initial(), handshake).await {
        Ok(Ok(stream)) => stream,
        failed => {
            let counter = if failed.is_ok() { &counters.tlsfail } else { &counters.tlstimeout };
            counter.add(1);
            return None;
        }
    };
    counters.tlshandshake.add(1);
    let session = stream.get_ref().1;
    // No other protocol is in the server's list.
    handle.alpn = session.alpn_protocol().is_some();
    handle.tls_name = client_name(session.peer_certificates());
    let resumed = session.handshake_kind() == Some(HandshakeKind::Resumed);
    counters.tlsresumed.add(usize::from(resumed));
    counters.tlsclient.add(usize::from(session.peer_certificates().is_some()));
    Some((arrived, stream))
}
