//! A datagram that another process answers: contract points 3 to 5 of `libs/handover`, for one message.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream as StdStream;
use std::rc::Rc;

use tokio::io::AsyncReadExt as _;
use tokio::net::{UdpSocket, UnixStream};

use super::DATAGRAM_MAX;
use super::pktinfo::Destination;
use super::send::{Reply, Sender};
use crate::handler::{Handle, Handler, RelayFailure};
use crate::worker::Worker;

/// A datagram that waits for its answer. Whoever makes one counts it among the worker's.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) handle: Handle,
    pub(super) stream: StdStream,
    /// The reply when nothing comes.
    pub(super) instead: Box<[u8]>,
    pub(super) peer: SocketAddr,
    /// Where the reply has to leave from, on sockets bound to all addresses.
    pub(super) source: Option<Destination>,
}

impl Waiting {
    /// Waits for the answer and sends it from the socket that the datagram came to.
    pub(super) async fn serve<H: Handler>(self, worker: Rc<Worker<H>>, io: Rc<UdpSocket>) {
        let Self { handle, stream, instead, peer, source } = self;
        let patience = worker.common.limits.relay();
        let outcome = tokio::time::timeout(patience, receive(stream)).await;
        let counters = worker.counters.udp(&handle.local);
        let failed = |failure| worker.handler.borrow_mut().relay_failed(&handle, failure, false);
        let message = match outcome {
            Ok(Ok(message)) => {
                counters.relayed.add(1);
                message
            }
            Ok(Err(_)) => {
                counters.relaybroken.add(1);
                failed(RelayFailure::Broken);
                instead.into()
            }
            Err(_) => {
                counters.relaytimeout.add(1);
                failed(RelayFailure::Silent);
                instead.into()
            }
        };
        if !message.is_empty() {
            let mut replies = vec![Reply::new(0, message.len(), peer, source)];
            Sender::default().send(io.as_fd(), &mut replies, &message, counters);
        }
        counters.relaying.subtract(1);
        worker.datagram_relays.set(worker.datagram_relays.get().saturating_sub(1));
        worker.left.notify_one();
    }
}

/// The one message of an answer; empty when there is to be none.
async fn receive(stream: StdStream) -> io::Result<Vec<u8>> {
    let mut stream = UnixStream::from_std(stream)?;
    let length = usize::from(stream.read_u16().await?);
    if length > DATAGRAM_MAX {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut message = vec![0; length];
    stream.read_exact(&mut message).await?;
    Ok(message)
}
