//! Datagrams: receive a batch, answer it, send the replies.

mod batch;
mod control;
mod options;
mod overflow;
mod pktinfo;
mod relay;
mod send;
mod train;

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd as _, OwnedFd};
use std::rc::Rc;
use std::time::Duration;

use tokio::io::Interest;
use tokio::net::UdpSocket;

pub(crate) use batch::Room;
use batch::{Batch, Received};
pub(crate) use overflow::Told;

use crate::handler::Handler;
use crate::worker::Worker;

/// Most datagrams taken by one system call. More brings nothing: the kernel's work per datagram is what costs.
const BATCH: usize = 32;
/// Longest datagram taken and longest reply given, in octets.
const DATAGRAM_MAX: usize = 4096;
/// Batches answered before the worker's other tasks get their turn.
const BATCHES_A_TURN: usize = 8;
/// Pause after an error of the socket itself, so that a lasting one does not become a busy loop.
const PAUSE: Duration = Duration::from_millis(100);

/// A datagram socket as one worker serves it.
pub(crate) struct Socket {
    io: UdpSocket,
    batch: Batch,
}

impl Socket {
    /// Sets the socket up and registers it with the worker's event loop.
    pub(crate) fn new(fd: OwnedFd, local: SocketAddr, proxied: bool, told: Told) -> io::Result<Self> {
        options::prepare(&fd, &local)?;
        Ok(Self { io: UdpSocket::from_std(fd.into())?, batch: Batch::new(local, proxied, told) })
    }
}

/// Serves the socket for as long as the worker runs. Nothing is in hand whenever it waits.
pub(crate) async fn serve<H: Handler + 'static>(worker: Rc<Worker<H>>, socket: Socket) {
    let Socket { io, mut batch } = socket;
    // Shared with the datagrams that wait for another process.
    let io = Rc::new(io);
    while io.readable().await.is_ok() {
        let turn = || {
            for _ in 0..BATCHES_A_TURN {
                match batch.turn(io.as_fd(), &worker) {
                    Received::Full => {}
                    // Whatever comes from now on makes the socket ready again: readiness is told at each arrival.
                    Received::Part => return Err(io::ErrorKind::WouldBlock.into()),
                    Received::Failed => return Ok(Received::Failed),
                }
            }
            Ok(Received::Full)
        };
        let outcome = io.try_io(Interest::READABLE, turn);
        for waiting in batch.handed_over() {
            drop(tokio::task::spawn_local(waiting.serve(Rc::clone(&worker), Rc::clone(&io))));
        }
        match outcome {
            Ok(Received::Failed) => tokio::time::sleep(PAUSE).await,
            Ok(_) => tokio::task::yield_now().await,
            Err(_would_block) => {}
        }
    }
}
