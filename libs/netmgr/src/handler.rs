//! What stands above the network: one handler per worker, which turns messages into replies.

use std::net::SocketAddr;

/// How a message came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// A datagram: the reply has to fit the sender's idea of a datagram.
    Udp,
    /// A plain stream with two-octet lengths (RFC 1035 section 4.2.2, RFC 7766).
    Tcp,
}

/// Where a message came from and where its reply goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Handle {
    /// Who asks.
    pub peer: SocketAddr,
    /// The address that was asked; the reply leaves from it.
    pub local: SocketAddr,
    /// How the message came.
    pub transport: Transport,
}

/// What becomes of a message.
///
/// A third way, a message handed over to another process and answered later by way of its handle, gets its own
/// variant when there is somebody to hand it to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The first so many octets of the output are the reply.
    Reply(usize),
    /// No reply at all.
    Silence,
}

/// Answers the messages of one worker. It never leaves the worker's thread.
pub trait Handler {
    /// Called before each batch of messages, and a few times a second when none come: the place to take up what
    /// others published, and to let go of what they replaced.
    fn batch_begins(&mut self) {}

    /// Answers one message. `out` holds 4,096 octets for datagrams and 65,535 for streams.
    fn answer(&mut self, from: &Handle, message: &[u8], out: &mut [u8]) -> Verdict;
}
