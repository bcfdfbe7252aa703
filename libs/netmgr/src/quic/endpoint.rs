//! A datagram socket that speaks QUIC: takes connections up, within the quota.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;

use quinn::{EndpointConfig, Incoming, TokioRuntime};

use super::connection;
use crate::handler::{Handle, Handler, Transport};
use crate::worker::Worker;

/// A socket as its one worker serves it.
pub(crate) struct Endpoint {
    quic: quinn::Endpoint,
    local: SocketAddr,
}

impl Endpoint {
    /// Sets the socket up and registers it with the worker's event loop.
    pub(crate) fn new(fd: OwnedFd, local: SocketAddr) -> io::Result<Self> {
        let socket = UdpSocket::from(fd);
        socket.set_nonblocking(true)?;
        let quic = quinn::Endpoint::new(EndpointConfig::default(), None, socket, Arc::new(TokioRuntime))?;
        Ok(Self { quic, local })
    }
}

/// Takes connections up for as long as the worker runs. Without a certificate nobody is heard.
pub(crate) async fn serve<H: Handler + 'static>(worker: Rc<Worker<H>>, endpoint: Endpoint) {
    let Endpoint { quic, local } = endpoint;
    let mut config = worker.common.quic.subscribe();
    config.mark_changed();
    loop {
        tokio::select! {
            changed = config.changed() => {
                if changed.is_err() {
                    return;
                }
                quic.set_server_config(config.borrow_and_update().clone());
            }
            incoming = quic.accept() => match incoming {
                Some(incoming) => take(&worker, local, incoming),
                None => return,
            },
        }
    }
}

fn take<H: Handler + 'static>(worker: &Rc<Worker<H>>, bound: SocketAddr, incoming: Incoming) {
    let peer = incoming.remote_address();
    let local = SocketAddr::new(incoming.local_ip().unwrap_or(bound.ip()), bound.port());
    let counters = worker.counters.quic(&local);
    let proven = incoming.remote_address_validated();
    let unproven = worker.unproven.get();
    if !proven && unproven >= worker.common.limits.quic_unproven() && incoming.may_retry() {
        counters.retry.add(1);
        // It fails only for who has proven it.
        let _proven = incoming.retry();
        return;
    }
    let Some(mut permit) = worker.common.quota.try_take() else {
        counters.quotafull.add(1);
        return incoming.refuse();
    };
    if !permit.opened(&local, &peer) {
        counters.networkfull.add(1);
        return incoming.refuse();
    }
    let Ok(connecting) = incoming.accept() else { return counters.acceptfail.add(1) };
    counters.accept.add(1);
    counters.open.add(1);
    let handle = Handle { peer, local, transport: Transport::Quic, alpn: true, tls_name: None };
    let unproven = (!proven).then(|| Unproven::new(worker));
    tokio::task::spawn_local(connection::agree(Rc::clone(worker), connecting, handle, permit, unproven));
}

/// One of the clients that the worker is agreeing with and whose address may be forged.
pub(super) struct Unproven<H>(Rc<Worker<H>>);

impl<H> Unproven<H> {
    fn new(worker: &Rc<Worker<H>>) -> Self {
        worker.unproven.set(worker.unproven.get() + 1);
        Self(Rc::clone(worker))
    }
}

impl<H> Drop for Unproven<H> {
    fn drop(&mut self) {
        self.0.unproven.set(self.0.unproven.get().saturating_sub(1));
    }
}
