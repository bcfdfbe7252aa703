//! Counters of one worker, with the names that BIND 9's socket statistics use where the two count the same thing.
//!
//! Each has one writer, its worker, so that counting is a plain load and store; readers sum over workers.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::handler::{Handle, Transport};
use crate::latency::Histogram;

/// Whether a counter only grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CounterKind {
    /// Only grows while the process lives.
    Counter,
    /// Goes up and down, or is a high-water mark.
    Gauge,
}

/// Name and meaning of one counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CounterInfo {
    /// Such as `tcp4_accept`.
    pub name: &'static str,
    /// Whether it only grows.
    pub kind: CounterKind,
    /// One sentence for people.
    pub meaning: &'static str,
}

/// One number with one writer.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self, amount: usize) {
        self.0.store(self.get().wrapping_add(amount as u64), Ordering::Relaxed);
    }

    pub(crate) fn subtract(&self, amount: usize) {
        self.0.store(self.get().wrapping_sub(amount as u64), Ordering::Relaxed);
    }

    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Defines a set of counters once: its struct, their names for both families, and their values in the same order.
macro_rules! counters {
    ($(#[$doc:meta])* $set:ident, $four:literal, $six:literal, { $($field:ident: $kind:ident, $meaning:literal;)* }) => {
        $(#[$doc])*
        #[derive(Debug, Default)]
        pub(crate) struct $set { $(pub(crate) $field: Count,)* }

        impl $set {
            pub(crate) const INFO: [&'static [CounterInfo]; 2] = [
                &[$(CounterInfo {
                    name: concat!($four, "_", stringify!($field)), kind: CounterKind::$kind, meaning: $meaning,
                },)*],
                &[$(CounterInfo {
                    name: concat!($six, "_", stringify!($field)), kind: CounterKind::$kind, meaning: $meaning,
                },)*],
            ];

            fn values(&self) -> impl Iterator<Item = u64> {
                [$(self.$field.get(),)*].into_iter()
            }
        }
    };
}

counters! {
    /// Of the datagram sockets of one family.
    UdpCounters, "udp4", "udp6", {
        open: Counter, "Datagram sockets taken up, counted once for each worker that serves them.";
        openfail: Counter, "Datagram sockets that could not be taken up.";
        active: Gauge, "Datagram sockets being served, counted once for each worker that serves them.";
        received: Counter, "Datagrams received.";
        sent: Counter, "Replies given to the kernel.";
        coupled: Counter, "Replies among those that went with others to the same peer in one piece (UDP segmentation).";
        recvfail: Counter, "Failed attempts to receive.";
        sendfail: Counter, "Replies that could not be sent.";
        sendwait: Counter, "Times that a worker had to wait for room to send.";
        overflow: Counter, "Datagrams that the kernel dropped because too many waited, as far as those that came later told; not of sockets bound to all addresses.";
        oversize: Counter, "Datagrams dropped because they were longer than 4,096 octets.";
        proxyrefused: Counter, "Datagrams dropped because their sender may not speak for others.";
        proxyfail: Counter, "Datagrams dropped because they did not begin as a proxy's do.";
        relaying: Gauge, "Answers of other services being awaited.";
        relayed: Counter, "Answers of other services passed on, those included that were to be none.";
        relayfull: Counter, "Requests not handed over because the worker awaited as many answers of other services as it may.";
        relaynobody: Counter, "Requests that could not be handed over because no service took them.";
        relaybroken: Counter, "Answers of other services that ended before they were whole.";
        relaytimeout: Counter, "Answers of other services given up because nothing came in time.";
    }
}

counters! {
    /// Of the listeners and connections of one family.
    TcpCounters, "tcp4", "tcp6", {
        open: Counter, "Sockets taken up: listeners, counted once for each worker that serves them, and connections accepted.";
        openfail: Counter, "Listeners that could not be taken up.";
        close: Counter, "Connections closed, by whichever side.";
        accept: Counter, "Connections accepted.";
        acceptfail: Counter, "Failed attempts to accept, such as for want of descriptors.";
        quotawait: Counter, "Times that accepting paused because tcp_clients were open; new ones wait in the kernel's queue.";
        networkfull: Counter, "Connections closed at once because their network had as many as it may.";
        active: Gauge, "Connections open.";
        proxyrefused: Counter, "Connections closed because their client may not speak for others.";
        proxyfail: Counter, "Connections closed because they did not begin, in time, as a proxy's do.";
        tlshandshake: Counter, "TLS sessions agreed on.";
        tlsresumed: Counter, "TLS sessions agreed on by resuming an earlier one.";
        tlsfail: Counter, "Connections closed because no TLS session was agreed on.";
        tlstimeout: Counter, "Connections closed because no TLS session was agreed on in time.";
        tlsclient: Counter, "TLS sessions whose client showed a certificate that was found good.";
        tlsnoidentity: Counter, "Connections closed because there is no certificate for TLS.";
        received: Counter, "Messages received.";
        sent: Counter, "Replies written.";
        recvfail: Counter, "Connections that ended with an error while reading.";
        sendfail: Counter, "Connections that ended with an error while writing.";
        framing: Counter, "Connections closed because of a message length that no message can have.";
        initialtimeout: Counter, "Connections closed because no first message came in time.";
        idletimeout: Counter, "Connections closed because no further message came in time.";
        writetimeout: Counter, "Connections closed because replies were not taken in time.";
        sendwait: Counter, "Times that reading paused until the peer took replies.";
        relaying: Gauge, "Answers of other services being awaited or passed on.";
        relayed: Counter, "Answers of other services passed on whole.";
        relaywait: Counter, "Times that a connection awaited as many answers of other services as it may, so that reading paused.";
        relayfull: Counter, "Requests not handed over because the worker awaited as many answers of other services as it may.";
        relaynobody: Counter, "Requests that could not be handed over because no service took them.";
        relaybroken: Counter, "Answers of other services that ended before they were whole.";
        relaytimeout: Counter, "Answers of other services given up because nothing more came in time.";
        relaycut: Counter, "Connections closed because an answer passed on in part did not become whole.";
    }
}

counters! {
    /// Of exchanges over HTTPS; the connections under them count as those of TCP.
    HttpsCounters, "https4", "https6", {
        received: Counter, "Requests received, whole or not.";
        sent: Counter, "Requests answered with a DNS message (status 200).";
        badrequest: Counter, "Requests without a DNS message that deserves an answer (400).";
        notfound: Counter, "Requests for another path than https_path (404).";
        badmethod: Counter, "Requests neither GET nor POST (405).";
        toolarge: Counter, "Requests with a longer message than https_body_octets (413).";
        badtype: Counter, "Requests with another type of content than application/dns-message (415).";
        unavailable: Counter, "Requests that another service answered with nothing (503).";
        cancelled: Counter, "Requests that their client gave up before the answer.";
        flood: Counter, "Connections closed because their client sent too much that led to nothing.";
        protocolerror: Counter, "Connections closed because their client broke the rules of HTTP/2.";
    }
}

counters! {
    /// Of connections and messages over QUIC.
    QuicCounters, "quic4", "quic6", {
        open: Counter, "Sockets taken up, each by one worker, and connections accepted.";
        openfail: Counter, "Sockets that could not be taken up.";
        close: Counter, "Connections closed, by whichever side.";
        accept: Counter, "Connections accepted.";
        acceptfail: Counter, "Connections refused because of their first packet, such as one that offers no DNS (ALPN).";
        retry: Counter, "Clients asked to prove their address because quic_unproven others had not proven theirs.";
        quotafull: Counter, "Connections refused because tcp_clients were open.";
        networkfull: Counter, "Connections refused because their network had as many as it may.";
        active: Gauge, "Connections open.";
        handshake: Counter, "Sessions agreed on.";
        handshakefail: Counter, "Connections closed because no session was agreed on.";
        handshaketimeout: Counter, "Connections closed because no session was agreed on in time.";
        received: Counter, "Messages received.";
        sent: Counter, "Replies given to the connection.";
        cancelled: Counter, "Messages that their client gave up before the answer.";
        protocolerror: Counter, "Connections closed because their client broke the rules of DNS over QUIC.";
        flood: Counter, "Connections closed because their client sent too much that led to nothing.";
        lost: Counter, "Connections whose client vanished or broke the rules of QUIC.";
        initialtimeout: Counter, "Connections closed because a message did not come in time.";
        idletimeout: Counter, "Connections closed because no further message came in time.";
        writetimeout: Counter, "Connections closed because replies were not taken in time.";
        relaying: Gauge, "Answers of other services being awaited or passed on.";
        relayed: Counter, "Answers of other services passed on whole.";
        relayfull: Counter, "Requests not handed over because the worker awaited as many answers of other services as it may.";
        relaynobody: Counter, "Requests that could not be handed over because no service took them.";
        relaybroken: Counter, "Answers of other services that ended before they were whole.";
        relaytimeout: Counter, "Answers of other services given up because nothing more came in time.";
        relaycut: Counter, "Streams reset because an answer passed on in part did not become whole.";
    }
}

/// Those of answers of other services, whichever the transport.
pub(crate) struct RelayCounters<'c> {
    pub(crate) relaying: &'c Count,
    pub(crate) relayed: &'c Count,
    pub(crate) full: &'c Count,
    pub(crate) nobody: &'c Count,
    pub(crate) broken: &'c Count,
    pub(crate) timeout: &'c Count,
    pub(crate) cut: &'c Count,
}

impl QuicCounters {
    const fn relays(&self) -> RelayCounters<'_> {
        RelayCounters {
            relaying: &self.relaying,
            relayed: &self.relayed,
            full: &self.relayfull,
            nobody: &self.relaynobody,
            broken: &self.relaybroken,
            timeout: &self.relaytimeout,
            cut: &self.relaycut,
        }
    }
}

/// All counters of one worker, on cache lines of their own.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct WorkerCounters {
    udp: [UdpCounters; 2],
    tcp: [TcpCounters; 2],
    https: [HttpsCounters; 2],
    quic: [QuicCounters; 2],
    /// How long answering took, in the order of [`Transport::ALL`].
    times: [Histogram; Transport::ALL.len()],
    /// Grows with every turn of the worker's loop; stands still when the worker is stuck.
    pub(crate) heartbeat: Count,
}

impl WorkerCounters {
    /// How long answering took.
    pub(crate) fn times(&self, transport: Transport) -> &Histogram {
        let [udp, tcp, tls, https, quic] = &self.times;
        match transport {
            Transport::Udp => udp,
            Transport::Tcp => tcp,
            Transport::Tls => tls,
            Transport::Https => https,
            Transport::Quic => quic,
        }
    }

    pub(crate) fn udp(&self, local: &SocketAddr) -> &UdpCounters {
        let [four, six] = &self.udp;
        if local.is_ipv4() { four } else { six }
    }

    /// Connections open as this one comes.
    pub(crate) fn active(&self, handle: &Handle) -> &Count {
        match handle.transport {
            Transport::Quic => &self.quic(&handle.local).active,
            _ => &self.tcp(&handle.local).active,
        }
    }

    pub(crate) fn tcp(&self, local: &SocketAddr) -> &TcpCounters {
        let [four, six] = &self.tcp;
        if local.is_ipv4() { four } else { six }
    }

    /// Answers of other services for this connection.
    pub(crate) fn relays(&self, handle: &Handle) -> RelayCounters<'_> {
        if handle.transport == Transport::Quic {
            return self.quic(&handle.local).relays();
        }
        let tcp = self.tcp(&handle.local);
        RelayCounters {
            relaying: &tcp.relaying,
            relayed: &tcp.relayed,
            full: &tcp.relayfull,
            nobody: &tcp.relaynobody,
            broken: &tcp.relaybroken,
            timeout: &tcp.relaytimeout,
            cut: &tcp.relaycut,
        }
    }

    pub(crate) fn https(&self, local: &SocketAddr) -> &HttpsCounters {
        let [four, six] = &self.https;
        if local.is_ipv4() { four } else { six }
    }

    pub(crate) fn quic(&self, local: &SocketAddr) -> &QuicCounters {
        let [four, six] = &self.quic;
        if local.is_ipv4() { four } else { six }
    }

    /// Names and meanings in the order of [`Self::values`].
    pub(crate) fn info() -> impl Iterator<Item = &'static CounterInfo> {
        let all = [UdpCounters::INFO, TcpCounters::INFO, HttpsCounters::INFO, QuicCounters::INFO];
        all.into_iter().flatten().flatten()
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = u64> {
        let udp = self.udp.iter().flat_map(UdpCounters::values);
        let tcp = self.tcp.iter().flat_map(TcpCounters::values);
        let https = self.https.iter().flat_map(HttpsCounters::values);
        udp.chain(tcp).chain(https).chain(self.quic.iter().flat_map(QuicCounters::values))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_go_together() {
        let counters = WorkerCounters::default();
        counters.udp(&"[::1]:53".parse().unwrap()).oversize.add(3);
        counters.tcp(&"127.0.0.1:53".parse().unwrap()).accept.add(4);
        let pairs: Vec<_> = WorkerCounters::info().map(|info| info.name).zip(counters.values()).collect();
        assert_eq!(pairs.len(), WorkerCounters::info().count());
        assert_eq!(pairs.len(), counters.values().count());
        let set: Vec<_> = pairs.into_iter().filter(|(_, value)| *value != 0).collect();
        assert_eq!(set, [("udp6_oversize", 3), ("tcp4_accept", 4)]);
    }

    #[test]
    fn the_table_for_who_comes_from_bind_names_counters_that_there_are() {
        let table = include_str!("../../../docs/sockets.md");
        let of_auth = |name: &&str| ["udp4_", "tcp4_"].iter().any(|family| name.starts_with(family));
        let named: Vec<_> = table.split('`').filter(of_auth).filter(|name| !name.ends_with("...")).collect();
        assert!(named.len() > 15, "{named:?}");
        for name in named.into_iter().filter(|name| *name != "tcp4_clients") {
            assert!(WorkerCounters::info().any(|info| info.name == name), "{name}");
        }
    }
}
