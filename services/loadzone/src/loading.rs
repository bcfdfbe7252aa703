//! One zone on its way from its file into the store: what is known of it so far.

use std::time::Instant;

use tenon_datasrc::{Error, ZoneEntry};
use tenon_wire::NameRef;

use crate::findings::{Finding, Findings, Severity};
use crate::outcome::{Outcome, ZoneResult};
use crate::signals::Stop;
use crate::store;

/// See the module.
#[derive(Debug)]
pub struct Loading {
    pub(crate) result: ZoneResult,
    pub(crate) findings: Findings,
    began: Instant,
}

/// How the storing of one zone ended.
pub(crate) enum Stored {
    Committed(ZoneEntry),
    Unchanged(ZoneEntry),
    GivenUp,
    /// The version to be replaced is not there.
    Missed(String),
}

impl Loading {
    pub(crate) fn begin(zone: NameRef<'_>) -> Self {
        let result = ZoneResult::new(zone.to_lowercase().to_string(), Outcome::Refused);
        Self { result, findings: Findings::default(), began: Instant::now() }
    }

    /// Notes how the storing ended, which began then.
    pub(crate) fn settle(&mut self, stored: Result<Stored, Error>, began: Instant) {
        self.result.commit_ms = Some((began.elapsed().as_secs_f64() * 1e6).round() / 1e3);
        let (outcome, entry) = match stored {
            Ok(Stored::Committed(entry)) => (Outcome::Loaded, entry),
            Ok(Stored::Unchanged(entry)) => (Outcome::Unchanged, entry),
            Ok(Stored::GivenUp) => return,
            Ok(Stored::Missed(reason)) => return self.fail(Outcome::Conflict, reason),
            Err(error) => {
                let is_busy = matches!(error, Error::ZoneBusy { .. });
                let outcome = if is_busy { Outcome::Busy } else { Outcome::Failed };
                return self.fail(outcome, store::explain(&error));
            }
        };
        self.result.outcome = outcome;
        self.result.version = Some(entry.version);
        (self.result.records, self.result.rrsets) = (entry.records, entry.rrsets);
    }

    fn fail(&mut self, outcome: Outcome, reason: String) {
        self.result.outcome = outcome;
        self.findings.add(Finding::general(Severity::Error, reason));
    }

    /// What became of it.
    pub(crate) fn end(self, stop: &Stop) -> ZoneResult {
        let Self { mut result, findings, began } = self;
        if stop.signal().is_some() && result.version.is_none() {
            result.outcome = Outcome::Interrupted;
        }
        (result.errors, result.warnings) = (findings.errors, findings.warnings);
        result.findings = findings.into_sorted();
        result.seconds = began.elapsed().as_secs_f64();
        result
    }
}
