//! What the door counts.

use std::sync::atomic::{AtomicU64, Ordering};

use tenon_service::counters;

counters! {
    /// The door's counters.
    Statistics:
    connections_open Gauge "Connections that are open.",
    connections Counter "Connections taken.",
    connections_waited Counter "How often the next connection had to wait because as many as allowed were open.",
    connections_broken Counter "Connections that ended with an error: no HTTP, cut, too slow.",
    connections_expired Counter "Connections closed because they had been open as long as allowed.",
    handshakes_failed Counter "TLS handshakes that failed or took too long.",
    requests Counter "Requests answered.",
    requests_failed Counter "Requests answered with an error.",
    requests_timed_out Counter "Requests that took longer than allowed.",
    headers_too_large Counter "Requests whose header was larger than allowed.",
    bodies_too_large Counter "Requests whose body was larger than allowed.",
    bodies_too_slow Counter "Requests whose body did not come in time.",
    authentications_failed Counter "Requests with a wrong password or token.",
    authentications_limited Counter "Requests not looked at, after too many wrong passwords.",
    changes Counter "Changes made: commits, zones, records.",
    changes_refused Counter "Changes that were refused.",
    events_open Gauge "Clients that follow events.",
    events_refused Counter "Clients that may not follow events because as many as allowed did.",
    events_reset Counter "How often a client that followed events had missed some and was told so.",
}

/// Adds one to a counter.
pub fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
