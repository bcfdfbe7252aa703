//! How a run ended.

use std::process::ExitCode;

use serde::Serialize;

use crate::findings::Finding;

/// Exit status of the program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// 0: all zones loaded, unchanged, removed or found good.
    Done,
    /// 1: a zone was refused.
    Refused,
    /// 2: usage.
    Usage,
    /// 3: the store cannot be opened or written.
    Store,
    /// 4: stored, but not compiled within the time given.
    NotReady,
    /// 130 or 143: a signal.
    Signal(u8),
}

impl Exit {
    /// The number.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Refused => 1,
            Self::Usage => 2,
            Self::Store => 3,
            Self::NotReady => 4,
            Self::Signal(signal) => 128 + signal,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// What became of one zone.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A new version is committed.
    Loaded,
    /// The store has the same content already; nothing was written.
    Unchanged,
    /// Its file is good; nothing was to be written.
    Checked,
    /// It is no longer in the store.
    Removed,
    /// It was to be removed and was not there.
    Absent,
    /// Its file has errors; the store is as it was.
    Refused,
    /// Another load or update of this zone is under way; the store is as it was.
    Busy,
    /// The stored version is not the one that was to be replaced; the store is as it was.
    Conflict,
    /// The store could not be written; it is as it was.
    Failed,
    /// A signal came first; the store is as it was.
    Interrupted,
}

/// The result for one zone.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ZoneResult {
    /// Name of the zone, in lower case with the final dot.
    pub zone: String,
    /// What became of it.
    pub outcome: Outcome,
    /// Serial of its SOA, when one was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial: Option<u32>,
    /// Number of the version committed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// Records, duplicates not counted.
    pub records: u64,
    /// RRsets.
    pub rrsets: u64,
    /// From opening the file to the end.
    pub seconds: f64,
    /// The part of it that went into the store: begin, write, commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit_ms: Option<f64>,
    /// Whether it is compiled and ready to be answered, when that was waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready: Option<bool>,
    /// Errors in all.
    pub errors: u64,
    /// Warnings in all.
    pub warnings: u64,
    /// The first of them.
    pub findings: Vec<Finding>,
}

impl ZoneResult {
    /// A result without figures.
    #[must_use]
    pub fn new(zone: String, outcome: Outcome) -> Self {
        Self {
            zone,
            outcome,
            serial: None,
            version: None,
            records: 0,
            rrsets: 0,
            seconds: 0.0,
            commit_ms: None,
            ready: None,
            errors: 0,
            warnings: 0,
            findings: Vec::new(),
        }
    }

    /// True when the zone is in the store as its file says, or gone as asked.
    #[must_use]
    pub fn is_good(&self) -> bool {
        matches!(
            self.outcome,
            Outcome::Loaded | Outcome::Unchanged | Outcome::Checked | Outcome::Removed | Outcome::Absent
        )
    }
}
