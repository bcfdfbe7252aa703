//! Counters of one worker, with the names that BIND 9's socket statistics use where the two count the same thing.
//!
//! Each has one writer, its worker, so that counting is a plain load and store; readers sum over workers.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

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
        active: Gauge, "Datagram sockets being served, counted once for each worker that serves them.";
        received: Counter, "Datagrams received.";
        sent: Counter, "Replies given to the kernel.";
        coupled: Counter, "Replies among those that went with others to the same peer in one piece (UDP segmentation).";
        recvfail: Counter, "Failed attempts to receive.";
        sendfail: Counter, "Replies that could not be sent.";
        sendwait: Counter, "Times that a worker had to wait for room to send.";
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

/// All counters of one worker, on cache lines of their own.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct WorkerCounters {
    udp: [UdpCounters; 2],
    tcp: [TcpCounters; 2],
    /// Grows with every turn of the worker's loop; stands still when the worker is stuck.
    pub(crate) heartbeat: Count,
}

impl WorkerCounters {
    pub(crate) fn udp(&self, local: &SocketAddr) -> &UdpCounters {
        let [four, six] = &self.udp;
        if local.is_ipv4() { four } else { six }
    }

    pub(crate) fn tcp(&self, local: &SocketAddr) -> &TcpCounters {
        let [four, six] = &self.tcp;
        if local.is_ipv4() { four } else { six }
    }

    /// Names and meanings in the order of [`Self::values`].
    pub(crate) fn info() -> impl Iterator<Item = &'static CounterInfo> {
        UdpCounters::INFO.into_iter().flatten().chain(TcpCounters::INFO.into_iter().flatten())
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = u64> {
        let udp = self.udp.iter().flat_map(UdpCounters::values);
        udp.chain(self.tcp.iter().flat_map(TcpCounters::values))
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
}
