//! What this service counts.

use std::sync::atomic::{AtomicU64, Ordering};

use tenon_service::counters;

counters! {
    /// The counters of transfers out and of NOTIFY.
    Statistics:
    requests Counter "Requests taken from tenon-auth.",
    requests_unreadable Counter "Requests that could not be taken from tenon-auth.",
    requests_formerr Counter "Requests that made no sense: answered FORMERR, BADVERS or NOTIMP.",
    requests_bad_key Counter "Requests whose signature (TSIG) was not taken: answered NOTAUTH or FORMERR.",
    requests_rejected Counter "Requests answered REFUSED because of an access list.",
    requests_dropped Counter "Requests not answered because of an access list.",
    refusals_not_logged Counter "Refusals that were not logged one by one because many came.",
    requests_notauth Counter "Requests for zones that are not served: answered NOTAUTH.",
    requests_unavailable Counter "Requests for zones without data that can be served: answered SERVFAIL.",
    requests_over_quota Counter "Requests answered REFUSED because too many transfers were on their way.",
    requests_waiting Gauge "Requests that wait for a place among the transfers.",
    ixfr_current Counter "IXFR requests of clients that had the current serial already.",
    ixfr_differences Counter "IXFR requests answered with differences.",
    ixfr_whole_unknown Counter "IXFR requests answered with the whole zone because the journal does not reach back to the client's serial.",
    ixfr_whole_larger Counter "IXFR requests answered with the whole zone because the difference has more records or is over ixfr_max_octets.",
    ixfr_whole_failed Counter "IXFR requests answered with the whole zone because the store could not be read.",
    axfr_running Gauge "AXFR on their way.",
    ixfr_running Gauge "IXFR on their way.",
    transfers_done Counter "Transfers that were sent whole.",
    transfers_failed Counter "Transfers that broke off.",
    transfers_timed_out Counter "Transfers ended because the client read too slowly; part of those that broke off.",
    transfer_messages Counter "DNS messages sent in transfers.",
    transfer_records Counter "Records sent in transfers.",
    transfer_octets Counter "Octets sent in transfers.",
    notifies_pending Gauge "Notices that wait or are unanswered.",
    notifies_sent_ipv4 Counter "Notices sent over IPv4, repeated ones included.",
    notifies_sent_ipv6 Counter "Notices sent over IPv6, repeated ones included.",
    notifies_send_failed Counter "Notices that the system did not send.",
    notifies_acknowledged Counter "Notices answered NOERROR.",
    notifies_refused Counter "Notices answered with an error.",
    notifies_unanswered Counter "Notices given up because no answer came.",
    notifies_replaced Counter "Notices that gave way to one with a newer serial.",
    notify_bad_signatures Counter "Answers to signed notices whose signature was not good.",
    notify_strangers Counter "Datagrams that were no answer to a notice.",
    notify_targets Gauge "Servers that are being told.",
    notify_zones_waiting Gauge "Zones whose servers are told when others are done.",
    told_write_failed Counter "How often it could not be kept who was told.",
}

/// Adds to a counter.
pub fn add(counter: &AtomicU64, amount: u64) {
    counter.fetch_add(amount, Ordering::Relaxed);
}

/// Sets a gauge.
pub fn set(gauge: &AtomicU64, value: usize) {
    gauge.store(u64::try_from(value).unwrap_or(u64::MAX), Ordering::Relaxed);
}
