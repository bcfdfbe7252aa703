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
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::connection;
use super::quota::{Permit, Quota};
use crate::handler::{Handle, Handler, Transport};
use crate::proxy::Header;
use crate::worker::Worker;

/// Pause after an error that the next attempt would meet again, such as a want of descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// A listener as one worker serves it; others may serve the same.
pub(crate) struct Listener {
    io: TcpListener,
    local: SocketAddr,
    tls: bool,
    proxied: bool,
}

impl Listener {
    /// Sets the listener up and registers it with the worker's event loop.
    pub(crate) fn new(fd: OwnedFd, local: SocketAddr, tls: bool, proxied: bool) -> io::Result<Self> {
        let listener = std::net::TcpListener::from(fd);
        listener.set_nonblocking(true)?;
        // Accepted connections inherit it: replies leave at once.
        SockRef::from(&listener).set_tcp_nodelay(true)?;
        Ok(Self { io: TcpListener::from_std(listener)?, local, tls, proxied })
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
    mut permit: Permit,
) -> io::Result<()> {
    let wildcard = listener.local.ip().is_unspecified();
    let local = if wildcard { stream.local_addr()? } else { listener.local };
    let transport = if listener.tls { Transport::Tls } else { Transport::Tcp };
    let handle = Handle { peer, local, transport, alpn: false };
    let worker = Rc::clone(worker);
    if listener.proxied {
        tokio::task::spawn_local(introduce(worker, stream, handle, permit));
        return Ok(());
    }
    if !has_room(&worker, &handle, &mut permit) {
        return Ok(());
    }
    if listener.tls {
        tokio::task::spawn_local(encrypt(worker, stream, handle, permit));
    } else {
        tokio::task::spawn_local(connection::serve(worker, stream, handle, permit));
    }
    Ok(())
}

/// Whether the network of the client may have one connection more.
fn has_room<H>(worker: &Worker<H>, handle: &Handle, permit: &mut Permit) -> bool {
    let room = permit.opened(&handle.local, &handle.peer);
    if !room {
        // Who is over the share of his network is parted with, not kept waiting: he would keep others waiting, too.
        worker.counters.tcp(&handle.local).networkfull.add(1);
    }
    room
}

/// Hears from a proxy for whom it speaks, in the time that a connection has for its first message, and goes on with that.
async fn introduce<H: Handler>(
    worker: Rc<Worker<H>>,
    mut stream: TcpStream,
    mut handle: Handle,
    mut permit: Permit,
) {
    let counters = worker.counters.tcp(&handle.local);
    if !worker.handler.borrow().trusts_proxy(&handle) {
        return counters.proxyrefused.add(1);
    }
    let reading = Header::before(&mut stream);
    let Ok(Ok(header)) = tokio::time::timeout(worker.common.limits.initial(), reading).await else {
        return counters.proxyfail.add(1);
    };
    if let Some((peer, local)) = header.addresses {
        (handle.peer, handle.local) = (peer, local);
    }
    if !has_room(&worker, &handle, &mut permit) {
        return;
    }
    let worker = Rc::clone(&worker);
    match handle.transport {
        Transport::Tls => encrypt(worker, stream, handle, permit).await,
        Transport::Tcp | Transport::Udp => connection::serve(worker, stream, handle, permit).await,
    }
}

/// Agrees on a session, in the time that a connection has for its first message, and serves what comes through it.
async fn encrypt<H: Handler>(worker: Rc<Worker<H>>, stream: TcpStream, mut handle: Handle, permit: Permit) {
    let counters = worker.counters.tcp(&handle.local);
    let Some(identity) = worker.common.identity.get() else {
        counters.tlsnoidentity.add(1);
        return;
    };
    let handshake = TlsAcceptor::from(identity).accept(stream);
    let stream = match tokio::time::timeout(worker.common.limits.initial(), handshake).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(_)) => return counters.tlsfail.add(1),
        Err(_) => return counters.tlstimeout.add(1),
    };
    counters.tlshandshake.add(1);
    // No other protocol is in the server's list.
    handle.alpn = stream.get_ref().1.alpn_protocol().is_some();
    let resumed = stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed);
    counters.tlsresumed.add(usize::from(resumed));
    connection::serve(Rc::clone(&worker), stream, handle, permit).await;
}
