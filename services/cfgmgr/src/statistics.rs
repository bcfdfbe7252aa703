//! The configuration manager's counters.

use std::sync::atomic::{AtomicU64, Ordering};

use tenon_service::counters;

counters! {
    /// Counters of what was asked and what came of it.
    Statistics:
    commits Counter "Commits that are in force.",
    commits_rejected Counter "Commits that an owner rejected.",
    commits_in_conflict Counter "Commits in conflict with another.",
    commits_restored Counter "Commits that were accepted, could not be applied, and were taken back.",
    commits_confirmed Counter "Commits that waited for confirmation and were confirmed.",
    commits_unconfirmed Counter "Commits that were not confirmed in time and were taken back.",
    owners_caught_up Counter "Owners that came with older settings and were given the committed ones.",
    apply_failures Counter "Owners that could not be given the committed settings.",
    candidates_full Counter "Edits refused because a candidate was at its bound.",
}

/// Adds one to a counter.
pub fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
