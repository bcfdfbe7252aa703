//! What is counted.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use tenon_service::counters;

counters! {
    /// The counters of who transfers zones in.
    Statistics:
    jobs_waiting Gauge "Jobs that wait for their turn.",
    jobs_running Gauge "Jobs that have begun.",
    jobs_refused Counter "Jobs refused because as many as may be were waiting or running.",
    soa_queries_ipv4 Counter "Questions for a serial sent over IPv4, each try counted.",
    soa_queries_ipv6 Counter "Questions for a serial sent over IPv6, each try counted.",
    soa_queries_tcp Counter "Questions for a serial sent over TCP, because UDP gave no answer or a cut one.",
    soa_queries_running Gauge "Primaries that are being asked for a serial.",
    soa_queries_failed Counter "Primaries that told no serial.",
    primaries_passed_over Counter "How often a waiting job did not ask a primary because it had not answered another one meanwhile.",
    responses_ignored Counter "Datagrams that were no answer to what was asked.",
    zones_current Counter "Jobs that found the stored version to be current.",
    primaries_older Counter "How often a primary had an older version than is stored.",
    axfr_requests_ipv4 Counter "Whole zones asked for over IPv4.",
    axfr_requests_ipv6 Counter "Whole zones asked for over IPv6.",
    ixfr_requests_ipv4 Counter "Differences asked for over IPv4.",
    ixfr_requests_ipv6 Counter "Differences asked for over IPv6.",
    ixfr_done Counter "Differences stored; part of the transfers stored.",
    ixfr_answered_whole Counter "Whole zones that came in answer to a question for differences.",
    ixfr_failed Counter "Questions for differences that led to none and, unless request_ixfr is `only`, to one for the whole zone.",
    ixfr_mismatches Counter "Differences that did not fit the stored version; part of those that failed.",
    last_ixfr_usec Gauge "Microseconds that the last stored difference took.",
    axfr_running Gauge "Transfers that are coming in or being stored, whole zones and differences.",
    transfers_done Counter "Transfers stored.",
    transfers_failed Counter "Transfers that failed, whatever the reason.",
    transfers_cancelled Counter "Transfers given up on request.",
    last_axfr_usec Gauge "Microseconds that the last stored transfer took.",
    refused_by_primary Counter "Transfers that the primary answered with an error.",
    refused_malformed Counter "Transfers refused because a message was malformed or not an answer to the question.",
    bad_signatures Counter "Transfers and serials whose signature (TSIG) was not good, or not taken by the primary.",
    refused_records Counter "Transfers refused because the records did not make a transfer: no SOA record first and last, or a serial that is not newer.",
    refused_zone Counter "Transfers refused because the zone as a whole has errors.",
    store_failed Counter "Transfers that the store did not take.",
    idle_timeouts Counter "Transfers cut at idle_timeout_s.",
    total_timeouts Counter "Transfers cut at total_timeout_s.",
    record_limits Counter "Transfers cut at max_records.",
    octet_limits Counter "Transfers cut at max_octets.",
    records_ignored Counter "Records that were not in the zone and were left out.",
    records_received Counter "Records received, those of transfers that failed too.",
    octets_received Counter "Octets received in transfers.",
    messages_received Counter "Messages received in transfers.",
    bind_failed Counter "Sockets for primaries that could not be opened or have their source address.",
    udp_failed Counter "Errors of connecting, sending and receiving over UDP, such as of primaries where nobody listens.",
    tcp_connected_ipv4 Counter "Connections made over IPv4.",
    tcp_connected_ipv6 Counter "Connections made over IPv6.",
    tcp_connect_failed_ipv4 Counter "Connections that could not be made over IPv4.",
    tcp_connect_failed_ipv6 Counter "Connections that could not be made over IPv6.",
    connect_timeouts Counter "Connections given up at connect_timeout_s; part of those that could not be made.",
    tls_connected Counter "Connections over TLS on which the primary proved who it is.",
    tls_failed Counter "Connections that came to no agreement over TLS.",
    tcp_closed Counter "Connections closed.",
    tcp_send_errors Counter "Errors of sending over TCP.",
    tcp_receive_errors Counter "Errors of receiving over TCP, and connections that the primary closed too early.",
    zones_removed Counter "Zones removed from the store.",
    leftovers Counter "Old zone versions cleared from the store.",
}

/// Adds one to a counter.
pub fn count(counter: &AtomicU64) {
    add(counter, 1);
}

/// Adds to a counter.
pub fn add(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}

/// Sets a gauge.
pub fn set(gauge: &AtomicU64, value: u64) {
    gauge.store(value, Ordering::Relaxed);
}

/// Of two counters the one for the address family of `peer`.
pub fn by_family<'c>(peer: SocketAddr, ipv4: &'c AtomicU64, ipv6: &'c AtomicU64) -> &'c AtomicU64 {
    if peer.is_ipv4() { ipv4 } else { ipv6 }
}

/// Counts something while it goes on.
#[derive(Debug)]
pub struct Going<'c>(&'c AtomicU64);

impl<'c> Going<'c> {
    /// It begins.
    pub fn begin(gauge: &'c AtomicU64) -> Self {
        count(gauge);
        Self(gauge)
    }
}

impl Drop for Going<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
