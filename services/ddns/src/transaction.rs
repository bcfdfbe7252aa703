//! What is asked of a zone: all of it or nothing, whoever asks and however.

use tenon_wire::message::Rcode;
use tenon_wire::{Name, RrType};

use crate::message::Record;

/// A change of one zone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Transaction {
    /// The zone.
    pub zone: Name,
    /// What must be so before.
    pub prerequisites: Vec<Record>,
    /// The serial that the zone must have before.
    pub expected_serial: Option<u32>,
    /// What is to be done, in this order.
    pub steps: Steps,
    /// Whether it is only wanted what would come of it.
    pub is_trial: bool,
    /// Whether the differences are wanted.
    pub wants_differences: bool,
}

/// What is to be done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Steps {
    /// As an UPDATE message says; not looked at before the prerequisites are.
    Message(Vec<Record>),
    /// Checked already.
    Ready(Vec<Step>),
}

/// One step.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// Add a record, or put it in the place of the one that it cannot stand beside.
    Add {
        /// Its owner.
        owner: Name,
        /// Its type.
        rrtype: RrType,
        /// Its TTL in seconds; none: that of the RRset, or of the zone's SOA record.
        ttl: Option<u32>,
        /// Its data.
        rdata: Vec<u8>,
    },
    /// Delete all records of a name.
    DeleteName {
        /// The name.
        owner: Name,
    },
    /// Delete an RRset.
    DeleteRrset {
        /// Its owner.
        owner: Name,
        /// Its type.
        rrtype: RrType,
    },
    /// Delete a record.
    DeleteRecord {
        /// Its owner.
        owner: Name,
        /// Its type.
        rrtype: RrType,
        /// Its data.
        rdata: Vec<u8>,
    },
    /// Put an RRset in the place of the one there is.
    Set {
        /// Its owner.
        owner: Name,
        /// Its type.
        rrtype: RrType,
        /// Its TTL, as with [`Step::Add`].
        ttl: Option<u32>,
        /// Its records' data.
        rdatas: Vec<Vec<u8>>,
    },
}

/// What came of a change.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Applied {
    /// Serial of the zone before.
    pub serial_before: u32,
    /// Serial of the zone after; the same when nothing changed.
    pub serial: u32,
    /// What differs, if that was wanted: "-" or "+", a blank, and the record as a line of a master file.
    pub differences: Vec<String>,
    /// Records that came.
    pub added: u64,
    /// Records that went.
    pub removed: u64,
}

/// Why there is no change.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{reason}")]
pub struct Refusal {
    /// What to answer.
    pub rcode: Rcode,
    /// What is wrong, for people.
    pub reason: String,
    /// Which kind of wrong it is.
    pub kind: RefusalKind,
}

/// Kinds of refusals.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RefusalKind {
    /// The request makes no sense.
    Malformed,
    /// The zone is not here.
    NoZone,
    /// A prerequisite, or the expected serial, is not what there is.
    Prerequisite,
    /// The zone could not be served any more.
    Invalid,
    /// The store or another writer stands in the way; it may work later.
    NotNow,
}

impl Refusal {
    /// A refusal.
    pub fn new(kind: RefusalKind, rcode: Rcode, reason: impl Into<String>) -> Self {
        Self { rcode, reason: reason.into(), kind }
    }

    /// The request makes no sense.
    pub fn malformed(reason: impl Into<String>) -> Self {
        Self::new(RefusalKind::Malformed, Rcode::FORMERR, reason)
    }
}

impl From<tenon_datasrc::Error> for Refusal {
    fn from(error: tenon_datasrc::Error) -> Self {
        match &error {
            tenon_datasrc::Error::NoZone { .. } | tenon_datasrc::Error::NoStore { .. } => {
                Self::new(RefusalKind::NoZone, Rcode::NOTAUTH, error.to_string())
            }
            _ => Self::new(RefusalKind::NotNow, Rcode::SERVFAIL, error.to_string()),
        }
    }
}

/// What comes of a transaction.
pub type Outcome = Result<Applied, Refusal>;
