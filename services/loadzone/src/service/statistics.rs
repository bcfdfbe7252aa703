//! What is counted.

use std::sync::atomic::{AtomicU64, Ordering};

use tenon_service::counters;

counters! {
    /// The counters of the loader as a service.
    Statistics:
    jobs_waiting Gauge "Loads that wait for their turn.",
    jobs_running Gauge "Loads that have begun.",
    jobs_refused Counter "Loads refused because as many as may be were waiting or running.",
    too_large Counter "Loads refused because what was sent was larger than max_octets.",
    zones_loaded Counter "Zones loaded.",
    zones_unchanged Counter "Zones that were stored already as they were sent.",
    zones_refused Counter "Zones that were not loaded, whatever the reason.",
    zones_removed Counter "Zones removed from the store.",
}

/// Adds one to a counter.
pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Sets a gauge.
pub(super) fn set(gauge: &AtomicU64, value: u64) {
    gauge.store(value, Ordering::Relaxed);
}
