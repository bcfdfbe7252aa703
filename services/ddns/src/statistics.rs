//! What this service counts.

use std::sync::atomic::{AtomicU64, Ordering};

use tenon_service::counters;

counters! {
    /// The counters of changes of primary zones.
    Statistics:
    requests Counter "Updates taken from tenon-auth.",
    requests_unreadable Counter "Requests that could not be taken from tenon-auth.",
    requests_formerr Counter "Updates that made no sense: answered FORMERR, NOTZONE or BADVERS.",
    requests_bad_key Counter "Updates with a signature that does not hold: answered NOTAUTH.",
    requests_rejected Counter "Updates answered REFUSED because of an access list.",
    requests_dropped Counter "Updates not answered because of an access list.",
    requests_notauth Counter "Updates of zones that are not stored as primary ones: answered NOTAUTH.",
    requests_over_quota Counter "Updates answered SERVFAIL because too many waited.",
    requests_waiting Gauge "Updates and edits that wait to be made.",
    prerequisites_failed Counter "Updates and edits whose prerequisites did not hold.",
    invalid Counter "Updates and edits refused because the zone could not have been served any more.",
    not_stored Counter "Updates and edits that failed because of the store or another writer of the zone: answered SERVFAIL.",
    updates_done Counter "Updates that were made, on the disk when they were answered.",
    answered_unserved Counter "Updates and edits that were to be answered when they are served, and were answered before: it could not be seen in time.",
    updates_unchanged Counter "Updates that changed nothing: answered NOERROR.",
    edits_done Counter "Edits that were made over the bus.",
    commits Counter "Times that the store was written; all updates that wait share one.",
    records_added Counter "Records that came.",
    records_removed Counter "Records that went.",
}

/// Adds to a counter.
pub fn add(counter: &AtomicU64, amount: u64) {
    counter.fetch_add(amount, Ordering::Relaxed);
}
