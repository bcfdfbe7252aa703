//! The configuration manager's counters.

use std::sync::atomic::{AtomicU64, Ordering};

use tenon_service::{CounterDefinition, CounterKind};

/// Counters of what was asked and what came of it.
#[derive(Debug, Default)]
pub struct Statistics {
    /// Commits that are in force.
    pub commits: Counter,
    /// Commits that an owner rejected.
    pub rejected: Counter,
    /// Commits in conflict with another.
    pub conflicts: Counter,
    /// Commits that were accepted, could not be applied, and were taken back.
    pub restored: Counter,
    /// Owners that came with older settings and were given the committed ones.
    pub caught_up: Counter,
    /// Owners that could not be given the committed settings.
    pub apply_failures: Counter,
    /// Edits refused because a candidate was at its bound.
    pub candidate_full: Counter,
}

/// A counter that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds one.
    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

const fn counter(name: &'static str, text: &'static str) -> CounterDefinition {
    CounterDefinition { name, kind: CounterKind::Counter, text }
}

const COMMITS: CounterDefinition = counter("commits", "Commits that are in force.");
const REJECTED: CounterDefinition = counter("commits_rejected", "Commits that an owner rejected.");
const CONFLICTS: CounterDefinition = counter("commits_in_conflict", "Commits in conflict with another.");
const RESTORED: CounterDefinition =
    counter("commits_restored", "Commits that were accepted, could not be applied, and were taken back.");
const CAUGHT_UP: CounterDefinition =
    counter("owners_caught_up", "Owners that came with older settings and were given the committed ones.");
const APPLY_FAILURES: CounterDefinition =
    counter("apply_failures", "Owners that could not be given the committed settings.");
const CANDIDATE_FULL: CounterDefinition =
    counter("candidates_full", "Edits refused because a candidate was at its bound.");

impl Statistics {
    /// All counters with their values now.
    pub fn all(&self) -> Vec<(&'static CounterDefinition, u64)> {
        vec![
            (&COMMITS, self.commits.get()),
            (&REJECTED, self.rejected.get()),
            (&CONFLICTS, self.conflicts.get()),
            (&RESTORED, self.restored.get()),
            (&CAUGHT_UP, self.caught_up.get()),
            (&APPLY_FAILURES, self.apply_failures.get()),
            (&CANDIDATE_FULL, self.candidate_full.get()),
        ]
    }
}
