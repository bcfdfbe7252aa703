//! What the collector counts of itself.

use std::sync::atomic::{AtomicU64, Ordering};

use tenon_service::counters;

counters! {
    /// The collector's own counters.
    Statistics:
    instances Gauge "Processes that told their counters at the last collection.",
    instances_silent Gauge "Processes that did not tell their counters at the last collection.",
    zones Gauge "Zones whose counters were collected.",
    zones_left_out Gauge "Zones with counters that stats/zones_max left out.",
    zones_failed Counter "How often an instance of auth did not tell the counters of its zones.",
    collections Counter "Collections made.",
    collections_failed Counter "Collections that the bus did not allow.",
    silences Counter "How often a process did not tell its counters.",
    http_connections Gauge "HTTP connections that are open.",
    http_requests Counter "HTTP requests answered.",
    http_requests_failed Counter "HTTP requests answered with an error.",
    http_connections_broken Counter "HTTP connections cut: bad requests, slow clients.",
}

/// Adds one to a counter.
pub fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Sets a gauge.
pub fn set(gauge: &AtomicU64, value: usize) {
    gauge.store(u64::try_from(value).unwrap_or(u64::MAX), Ordering::Relaxed);
}
