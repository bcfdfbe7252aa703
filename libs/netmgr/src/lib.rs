//! Sockets in, messages out.
//!
//! A [`Network`] runs one worker per core: a thread with its own event loop, its own buffers and its own
//! [`Handler`]. A worker serves its share of the datagram sockets and listeners, and every connection stays on the
//! worker that accepted it. In a steady state a worker allocates nothing (opening a connection does: the runtime
//! registers its descriptor) and shares nothing with the others but the quota of connections.
//!
//! * **UDP**: batches by recvmmsg and sendmmsg, answered at once; replies leave from the address that was asked.
//! * **TCP**: all whole messages of one read are answered by one write; limits on connections, on waiting and on slow
//!   readers, changeable while running. The stream code asks for no more than `AsyncRead + AsyncWrite`, so that TLS stands
//!   between the socket and the framing.
//! * **PROXY** (version 2): sockets marked for it take connections and datagrams of proxies alone, whom the handler has to
//!   trust; what counts is then for whom they speak.
//! * **TLS**: the same over an encrypted stream (RFC 7858), with an [`Identity`] that is replaced while running.
//! * **HTTPS** and **QUIC** (RFC 8484, RFC 9250): an exchange for each message. These allocate for each; their
//!   connections share quota, timeouts and certificate with the others.
//! * **Relays**: what another process answers to a message of a stream is passed on message by message, between the
//!   other replies of that connection, and never faster than the client reads (see `libs/handover` for the contract).
//!
//! Reads: the sockets it is given. Writes: replies to them. Owns: the threads of its workers. It creates no sockets
//! and knows nothing of a message but its length.

#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

mod answering;
mod assignment;
mod counters;
mod exchanges;
mod handler;
mod https;
mod inherited;
mod latency;
mod network;
mod place;
mod proxy;
mod quic;
mod quota;
mod seat;
mod settings;
mod tcp;
mod tls;
mod udp;
mod worker;

pub use counters::{CounterInfo, CounterKind};
pub use handler::{Handle, Handler, RelayFailure, Transport, Verdict};
pub use inherited::{InheritedSocket, Listener, Protocol, SocketError, SocketKind, sort_sockets};
pub use latency::{AnswerTimes, BUCKETS};
pub use network::{Failure, Network, NetworkError, Pulse, ServedSocket};
pub use settings::Settings;
pub use tls::{ClientCertificates, Identity, IdentityError};
