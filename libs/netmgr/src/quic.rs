//! DNS over QUIC (RFC 9250): a stream for each message, all at the same time; nothing before the handshake is over
//! (no 0-RTT).
//!
//! A QUIC connection belongs to the worker whose socket its packets come to, so these sockets are never shared between
//! workers, and connections do not migrate. What a client can make this hold is bounded: `quic_streams` messages at a
//! time, [`HELD_MAX`] octets of messages that are not whole, [`SEND_WINDOW`] octets of replies that it has not
//! acknowledged. Connections are part of the same quota as those over TCP. Clients whose address may be forged are asked
//! to prove it (Retry) once a worker is agreeing with `quic_unproven` of them.

mod connection;
mod endpoint;
mod exchange;

use std::sync::Arc;
use std::time::Duration;

use quinn::{IdleTimeout, ServerConfig, TransportConfig, VarInt};

use crate::answering::MESSAGE_MAX;
use crate::settings::Settings;
use crate::tls::Identity;
pub(crate) use endpoint::{Endpoint, serve};

/// Octets of a message's length.
const PREFIX: usize = 2;
/// Octets that one stream may send: a message with its length.
const STREAM_WINDOW: u32 = 65_537;
/// Octets that all streams of a connection may send before they are looked at.
const RECEIVE_WINDOW: u32 = 4 * STREAM_WINDOW;
/// Octets of messages in parts, over all streams of a connection.
const HELD_MAX: usize = 4 * (PREFIX + MESSAGE_MAX);
/// Octets of replies that are kept until the client acknowledges them.
const SEND_WINDOW: u64 = 256 * 1024;
/// Connections that may wait to be looked at, for each socket, and octets of theirs that are kept meanwhile.
const INCOMING_MAX: usize = 1024;
const INCOMING_OCTETS: u64 = 16 * 1024;
const INCOMING_OCTETS_IN_ALL: u64 = 1024 * 1024;

/// How QUIC is spoken with that certificate. Holds for connections from there on.
pub(crate) fn config(identity: &Identity, settings: &Settings) -> ServerConfig {
    let mut transport = TransportConfig::default();
    transport
        .max_concurrent_bidi_streams(settings.quic_streams.max(1).into())
        .max_concurrent_uni_streams(0_u32.into())
        .stream_receive_window(STREAM_WINDOW.into())
        .receive_window(RECEIVE_WINDOW.into())
        .send_window(SEND_WINDOW)
        .datagram_receive_buffer_size(None)
        .max_idle_timeout(Some(idle_timeout(settings)))
        // Packets of 1,200 octets go everywhere, and answers are short.
        .mtu_discovery_config(None)
        .allow_spin(false);
    let mut config = ServerConfig::with_crypto(identity.quic());
    config
        .transport_config(Arc::new(transport))
        .migration(false)
        .max_incoming(INCOMING_MAX)
        .incoming_buffer_size(INCOMING_OCTETS)
        .incoming_buffer_size_total(INCOMING_OCTETS_IN_ALL);
    config
}

/// For clients that are gone. One that is there and asks nothing is parted with by the worker, whatever else it sends.
fn idle_timeout(settings: &Settings) -> IdleTimeout {
    let longest = settings.tcp_idle_timeout.max(settings.tcp_initial_timeout).max(Duration::from_secs(1));
    let milliseconds = u32::try_from(longest.as_millis()).unwrap_or(u32::MAX);
    VarInt::from_u32(milliseconds).into()
}
