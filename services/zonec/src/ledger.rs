//! What is being compiled, what failed and when to try it again, and what is wrong besides.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tenon_datasrc::ZoneEntry;
use tenon_wire::Name;

/// First and longest time until a failed version is tried again.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Most failed zones that are told one by one.
const FAULTS_TOLD: usize = 100;

/// See the module.
#[derive(Debug, Default)]
pub struct Ledger {
    compiling: BTreeMap<Name, u64>,
    failures: BTreeMap<Name, Failure>,
    /// What is wrong with a store, the manifest or the directory, by what it is.
    troubles: BTreeMap<String, String>,
}

/// A version that could not be compiled.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The version.
    pub version: u64,
    /// Its serial.
    pub serial: u32,
    /// Why, for people.
    pub reason: String,
    pause: Duration,
    retry: Instant,
}

impl Ledger {
    /// Whether this version is not to be started now: another of the zone is being compiled, or this one just failed.
    #[must_use]
    pub fn is_held(&self, entry: &ZoneEntry, now: Instant) -> bool {
        self.compiling.contains_key(&entry.origin)
            || self
                .failures
                .get(&entry.origin)
                .is_some_and(|failure| failure.version == entry.version && now < failure.retry)
    }

    /// Notes that a version is being compiled, or waits for it.
    pub fn begin(&mut self, entry: &ZoneEntry) {
        self.compiling.insert(entry.origin.clone(), entry.version);
    }

    /// Notes that nothing is being compiled for a zone any more.
    pub fn end(&mut self, origin: &Name) {
        self.compiling.remove(origin);
    }

    /// Whether anything is being compiled.
    #[must_use]
    pub fn is_compiling(&self) -> bool {
        !self.compiling.is_empty()
    }

    /// Notes a failure; true when it is news: another version or another reason than last time.
    pub fn fail(&mut self, entry: &ZoneEntry, reason: &str, now: Instant) -> bool {
        let before = self.failures.get(&entry.origin).filter(|failure| failure.version == entry.version);
        let is_news = before.is_none_or(|failure| failure.reason != reason);
        let pause = before.map_or(FIRST_PAUSE, |failure| (failure.pause * 2).min(LONGEST_PAUSE));
        let failure = Failure {
            version: entry.version,
            serial: entry.serial,
            reason: reason.to_owned(),
            pause,
            retry: now + pause,
        };
        self.failures.insert(entry.origin.clone(), failure);
        is_news
    }

    /// Forgets the failure of a zone.
    pub fn succeed(&mut self, origin: &Name) {
        self.failures.remove(origin);
    }

    /// Forgets the failures of zones that are not there any more.
    pub fn forget_unless(&mut self, is_stored: impl Fn(&Name) -> bool) {
        self.failures.retain(|origin, _| is_stored(origin));
    }

    /// The failure of a version.
    #[must_use]
    pub fn failure(&self, entry: &ZoneEntry) -> Option<&Failure> {
        self.failures.get(&entry.origin).filter(|failure| failure.version == entry.version)
    }

    /// How many zones have failed.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.failures.len()
    }

    /// Whether a failed version is to be tried again by now.
    #[must_use]
    pub fn is_retry_due(&self, now: Instant) -> bool {
        self.failures.values().any(|failure| failure.retry <= now)
    }

    /// Notes what is wrong with something; true when it is news.
    pub fn trouble(&mut self, with: &str, reason: String) -> bool {
        let is_news = self.troubles.get(with) != Some(&reason);
        self.troubles.insert(with.to_owned(), reason);
        is_news
    }

    /// Notes that something is well; true when it was not.
    pub fn well(&mut self, with: &str) -> bool {
        self.troubles.remove(with).is_some()
    }

    /// Whether anything but single zones is in trouble.
    #[must_use]
    pub fn is_troubled(&self) -> bool {
        !self.troubles.is_empty()
    }

    /// One sentence for each thing that is wrong.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let mut faults: Vec<String> = self.troubles.values().cloned().collect();
        let failures = self.failures.iter().take(FAULTS_TOLD);
        faults.extend(failures.map(|(zone, failure)| {
            format!("zone {zone} serial {} could not be compiled: {}", failure.serial, failure.reason)
        }));
        if let Some(more) = self.failures.len().checked_sub(FAULTS_TOLD).filter(|more| *more > 0) {
            faults.push(format!("{more} more zones could not be compiled"));
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(version: u64) -> ZoneEntry {
        let origin = "a.".parse().unwrap();
        ZoneEntry { origin, version, serial: 1, rrsets: 1, records: 1, committed_usec: 0 }
    }

    #[test]
    fn failures_are_tried_again_ever_more_slowly() {
        let mut ledger = Ledger::default();
        let now = Instant::now();
        assert!(ledger.fail(&entry(1), "bad", now));
        assert!(ledger.is_held(&entry(1), now + Duration::from_secs(1)));
        assert!(!ledger.is_retry_due(now));
        let later = now + FIRST_PAUSE;
        assert!(ledger.is_retry_due(later) && !ledger.is_held(&entry(1), later));
        assert!(!ledger.fail(&entry(1), "bad", later), "told once");
        assert!(ledger.is_held(&entry(1), later + FIRST_PAUSE));
        assert!(ledger.fail(&entry(1), "worse", later));
        for _ in 0..10 {
            ledger.fail(&entry(1), "worse", later);
        }
        assert!(!ledger.is_held(&entry(1), later + LONGEST_PAUSE));
        assert_eq!(ledger.faults(), ["zone a. serial 1 could not be compiled: worse"]);
    }

    #[test]
    fn a_newer_version_is_tried_at_once_and_success_forgets() {
        let mut ledger = Ledger::default();
        let now = Instant::now();
        ledger.fail(&entry(1), "bad", now);
        assert!(!ledger.is_held(&entry(2), now));
        assert!(ledger.failure(&entry(2)).is_none());
        ledger.begin(&entry(2));
        assert!(ledger.is_held(&entry(3), now), "one version of a zone at a time");
        ledger.end(&entry(2).origin);
        ledger.succeed(&entry(2).origin);
        assert!(!ledger.is_held(&entry(3), now) && ledger.faults().is_empty());
    }

    #[test]
    fn troubles_come_and_go() {
        let mut ledger = Ledger::default();
        assert!(ledger.trouble("primary", "gone".into()));
        assert!(!ledger.trouble("primary", "gone".into()));
        assert!(ledger.is_troubled());
        assert_eq!(ledger.faults(), ["gone"]);
        assert!(ledger.well("primary"));
        assert!(!ledger.well("primary"));
    }
}
