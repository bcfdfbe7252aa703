//! What stands above the network: one handler per worker, which turns messages into replies.

use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::rc::Rc;

/// How a message came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// A datagram: the reply has to fit the sender's idea of a datagram.
    Udp,
    /// A plain stream with two-octet lengths (RFC 1035 section 4.2.2, RFC 7766).
    Tcp,
    /// The same in TLS (RFC 7858).
    Tls,
    /// Exchanges of HTTP/2 in TLS (RFC 8484).
    Https,
    /// Streams of QUIC, one for each message (RFC 9250).
    Quic,
}

impl Transport {
    /// All of them, in the order in which they are numbered.
    pub const ALL: [Self; 5] = [Self::Udp, Self::Tcp, Self::Tls, Self::Https, Self::Quic];

    /// For people and programs: `udp`, `tcp`, `tls`, `https`, `quic`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Https => "https",
            Self::Quic => "quic",
        }
    }

    /// Whether nobody can look into the way between.
    #[must_use]
    pub const fn is_encrypted(self) -> bool {
        matches!(self, Self::Tls | Self::Https | Self::Quic)
    }
}

/// Where a message came from and where its reply goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handle {
    /// Who asks.
    pub peer: SocketAddr,
    /// The address that was asked; the reply leaves from it.
    pub local: SocketAddr,
    /// How the message came.
    pub transport: Transport,
    /// Client and server agreed by name what is spoken in TLS (ALPN).
    pub alpn: bool,
    /// The client's name by the certificate that it showed and that was found good: the first dNSName (RFC 5280 section
    /// 4.2.1.6), in lower case. None without a certificate, or with one that names no host.
    pub tls_name: Option<Rc<str>>,
}

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The first so many octets of the output are the reply.
    Reply(usize),
    /// No reply at all.
    Silence,
    /// Another process answers: [`Handler::hand_over`] is asked for the way to it, and what comes from there is passed
    /// on. The first so many octets of the output are the reply for the case that nothing comes. To a datagram one
    /// message is passed on, of at most 4,096 octets.
    HandOver(usize),
}

/// Why the answer of another process did not reach the client as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelayFailure {
    /// As many answers are awaited as the settings allow; nobody was asked.
    Full,
    /// The other process ended its connection, or sent what is no answer.
    Broken,
    /// The other process sent nothing for too long.
    Silent,
}

/// Answers the messages of one worker. It never leaves the worker's thread.
pub trait Handler {
    /// Called before each batch of messages, and a few times a second when none come: the place to take up what
    /// others published, and to let go of what they replaced.
    fn batch_begins(&mut self) {}

    /// Answers one message. `out` holds 4,096 octets for datagrams and 65,535 for everything else.
    fn answer(&mut self, from: &Handle, message: &[u8], out: &mut [u8]) -> Verdict;

    /// Whether the connection that the last message came on is to be kept alive for longer than others: its client asked
    /// for it.
    fn keeps_alive(&self) -> bool {
        false
    }

    /// Seconds for which a reply may be kept by others between the client and this server (RFC 8484 section 5.1); none
    /// when that is not to be told.
    fn freshness(&self, _reply: &[u8]) -> Option<u32> {
        None
    }

    /// Whether somebody may speak for others on sockets that are for proxies.
    fn trusts_proxy(&self, _from: &Handle) -> bool {
        false
    }

    /// Asks another process for the answer to a message that got [`Verdict::HandOver`]. The answer comes from the
    /// returned stream (non-blocking) as messages with two-octet lengths, ended by a length of zero. None when nobody
    /// can be asked: the client gets the reply that [`Handler::answer`] wrote.
    fn hand_over(&mut self, _from: &Handle, _message: &[u8]) -> Option<UnixStream> {
        None
    }

    /// Told when an answer of another process failed. Nothing had been passed on, and the client got the reply that
    /// [`Handler::answer`] wrote; or, when `begun`, its connection was closed.
    fn relay_failed(&mut self, _from: &Handle, _failure: RelayFailure, _begun: bool) {}
}
