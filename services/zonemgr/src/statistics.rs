//! What is counted.

use std::sync::atomic::{AtomicU64, Ordering};

use tenon_service::counters;

counters! {
    /// The counters of the zone manager.
    Statistics:
    zones Gauge "Secondary zones configured.",
    zones_expired Gauge "Secondary zones not refreshed in time, answered SERVFAIL.",
    zones_unloaded Gauge "Secondary zones never transferred, answered SERVFAIL.",
    zones_failing Gauge "Secondary zones whose last look at a primary failed.",
    catalog_members Gauge "Secondary zones that are here because a catalog lists them.",
    catalogs_broken Gauge "Catalogs whose newest version is broken; the zones of the last good one stay.",
    catalog_clashes Gauge "Zones that a catalog lists and that are not taken, because the settings or another catalog have them.",
    refreshes_running Gauge "Looks and transfers under way.",
    refreshes_waiting Gauge "Looks that are due and wait for their turn.",
    refreshes Counter "Looks at primaries begun.",
    refreshes_current Counter "Looks that found nothing newer.",
    refreshes_transferred Counter "Looks that brought a new version.",
    refreshes_failed Counter "Looks that failed with all primaries.",
    refreshes_interrupted Counter "Looks that tenon-xfrin could not begin or finish.",
    expiries Counter "Zones that expired.",
    recoveries Counter "Expired zones that were refreshed.",
    catalogs_read Counter "Times that a catalog was read.",
    removals Counter "Zones removed from the store because they are no longer configured.",
    notifies Counter "NOTIFY messages taken from tenon-auth.",
    notifies_refreshing Counter "NOTIFY messages that had a zone looked at.",
    notifies_coalesced Counter "NOTIFY messages that came while the zone was being looked at or about to be.",
    notifies_current Counter "NOTIFY messages about a serial that is not newer than ours.",
    notifies_refused Counter "NOTIFY messages from somebody who is no primary of the zone, or without the key of one.",
    notifies_unknown Counter "NOTIFY messages about a zone that is no secondary zone here.",
    notifies_malformed Counter "Requests that were no NOTIFY message or did not come through whole.",
    state_writes Counter "Times that changes were written to the state file.",
    state_write_errors Counter "Times that the state file could not be written.",
}

/// Adds one to a counter.
pub fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Sets a gauge.
pub fn set(gauge: &AtomicU64, value: usize) {
    gauge.store(u64::try_from(value).unwrap_or(u64::MAX), Ordering::Relaxed);
}
