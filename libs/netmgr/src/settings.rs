//! Limits and timeouts, and how they reach workers while these run.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;

/// What can be set from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Workers, 1 to 1024; 0 means one per core. Taken at start only.
    pub workers: usize,
    /// Connections open at a time over all workers; those beyond wait in the kernel's queue. At least 1.
    pub tcp_clients: u64,
    /// Connections open at a time from one network (the first 24 bits of an IPv4 address, 56 of an IPv6 address);
    /// further ones are closed at once. At least 1.
    pub tcp_clients_per_network: u64,
    /// How long a new connection may take to send its first whole message.
    pub tcp_initial_timeout: Duration,
    /// How long a connection may stay without a whole message after that.
    pub tcp_idle_timeout: Duration,
    /// The same for connections whose handler says that they are to be kept alive.
    pub tcp_keepalive_timeout: Duration,
    /// How long a peer may take to accept replies (up to 128 KiB of them) that the kernel's buffer had no room for.
    pub tcp_write_timeout: Duration,
    /// Answers of other processes that one connection waits for at a time; with so many on their way nothing more is
    /// read from it. At least 1.
    pub relays_per_connection: u64,
    /// Answers of other processes that one worker waits for at a time, over all its connections; further requests are
    /// not handed over.
    pub relays_per_worker: u64,
    /// The same for messages that came as datagrams.
    pub datagram_relays_per_worker: u64,
    /// How long another process may send no whole message of an answer while the client is ready to take one.
    pub relay_timeout: Duration,
    /// Where DNS is asked for over HTTPS, such as `/dns-query`.
    pub https_path: String,
    /// Exchanges that one connection over HTTPS may have under way at a time. At least 1.
    pub https_streams: u32,
    /// Longest header of a request over HTTPS, in octets, as RFC 9113 section 10.5.1 counts them.
    pub https_header_octets: u32,
    /// Longest message in a request over HTTPS, in octets.
    pub https_body_octets: u32,
    /// Messages that one connection over QUIC may have under way at a time. At least 1.
    pub quic_streams: u32,
    /// Connections over QUIC that one worker agrees on at a time with clients that have not proven their address; others
    /// are asked to prove theirs first (Retry). With 0 all are.
    pub quic_unproven: u32,
    /// Requests in a row that a connection over HTTPS or QUIC may send or begin without any use; with one more it is
    /// closed.
    pub useless_requests: u32,
    /// How long a stopping worker waits for peers to take the replies to what they had sent, and for answers that are
    /// on their way from other processes.
    pub stop_grace: Duration,
}

impl Default for Settings {
    /// BIND 9's figures: 150 clients, 30 seconds for everything, 23 messages in flight.
    fn default() -> Self {
        let thirty = Duration::from_secs(30);
        Self {
            workers: 0,
            tcp_clients: 150,
            tcp_clients_per_network: 100,
            tcp_initial_timeout: thirty,
            tcp_idle_timeout: thirty,
            tcp_keepalive_timeout: thirty,
            tcp_write_timeout: thirty,
            relays_per_connection: 23,
            relays_per_worker: 250,
            datagram_relays_per_worker: 250,
            relay_timeout: Duration::from_secs(60),
            https_path: "/dns-query".to_owned(),
            https_streams: 100,
            https_header_octets: 16_384,
            https_body_octets: 65_535,
            quic_streams: 100,
            quic_unproven: 50,
            useless_requests: 50,
            stop_grace: Duration::from_secs(1),
        }
    }
}

/// The limits and timeouts in force, as workers look them up; times are in milliseconds.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    initial: AtomicU64,
    idle: AtomicU64,
    keepalive: AtomicU64,
    write: AtomicU64,
    relay: AtomicU64,
    grace: AtomicU64,
    relays_per_connection: AtomicU64,
    relays_per_worker: AtomicU64,
    datagram_relays_per_worker: AtomicU64,
    https_path: ArcSwapOption<String>,
    https_streams: AtomicU32,
    https_header_octets: AtomicU32,
    https_body_octets: AtomicU32,
    quic_unproven: AtomicU32,
    useless_requests: AtomicU32,
}

impl Limits {
    pub(crate) fn new(settings: &Settings) -> Self {
        let limits = Self::default();
        limits.apply(settings);
        limits
    }

    pub(crate) fn apply(&self, settings: &Settings) {
        for (place, value) in [
            (&self.initial, settings.tcp_initial_timeout),
            (&self.idle, settings.tcp_idle_timeout),
            (&self.keepalive, settings.tcp_keepalive_timeout),
            (&self.write, settings.tcp_write_timeout),
            (&self.relay, settings.relay_timeout),
            (&self.grace, settings.stop_grace),
        ] {
            place.store(u64::try_from(value.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
        self.relays_per_connection.store(settings.relays_per_connection.max(1), Ordering::Relaxed);
        self.relays_per_worker.store(settings.relays_per_worker, Ordering::Relaxed);
        self.datagram_relays_per_worker.store(settings.datagram_relays_per_worker, Ordering::Relaxed);
        self.https_path.store(Some(Arc::new(settings.https_path.clone())));
        for (place, value) in [
            (&self.https_streams, settings.https_streams.max(1)),
            (&self.https_header_octets, settings.https_header_octets),
            (&self.https_body_octets, settings.https_body_octets),
            (&self.quic_unproven, settings.quic_unproven),
            (&self.useless_requests, settings.useless_requests),
        ] {
            place.store(value, Ordering::Relaxed);
        }
    }

    pub(crate) fn initial(&self) -> Duration {
        time(&self.initial)
    }

    pub(crate) fn idle(&self) -> Duration {
        time(&self.idle)
    }

    pub(crate) fn keepalive(&self) -> Duration {
        time(&self.keepalive)
    }

    pub(crate) fn write(&self) -> Duration {
        time(&self.write)
    }

    pub(crate) fn relay(&self) -> Duration {
        time(&self.relay)
    }

    pub(crate) fn grace(&self) -> Duration {
        time(&self.grace)
    }

    pub(crate) fn relays_per_connection(&self) -> usize {
        number(&self.relays_per_connection)
    }

    pub(crate) fn relays_per_worker(&self) -> usize {
        number(&self.relays_per_worker)
    }

    pub(crate) fn datagram_relays_per_worker(&self) -> usize {
        number(&self.datagram_relays_per_worker)
    }
}

impl Limits {
    /// Whether DNS is asked for at this path.
    pub(crate) fn is_https_path(&self, path: &str) -> bool {
        self.https_path.load().as_deref().is_some_and(|known| known == path)
    }

    pub(crate) fn https_streams(&self) -> u32 {
        self.https_streams.load(Ordering::Relaxed)
    }

    pub(crate) fn https_header_octets(&self) -> u32 {
        self.https_header_octets.load(Ordering::Relaxed)
    }

    pub(crate) fn https_body_octets(&self) -> usize {
        small(&self.https_body_octets)
    }

    pub(crate) fn quic_unproven(&self) -> usize {
        small(&self.quic_unproven)
    }

    pub(crate) fn useless_requests(&self) -> usize {
        small(&self.useless_requests)
    }
}

fn time(place: &AtomicU64) -> Duration {
    Duration::from_millis(place.load(Ordering::Relaxed))
}

fn number(place: &AtomicU64) -> usize {
    usize::try_from(place.load(Ordering::Relaxed)).unwrap_or(usize::MAX)
}

fn small(place: &AtomicU32) -> usize {
    usize::try_from(place.load(Ordering::Relaxed)).unwrap_or(usize::MAX)
}
