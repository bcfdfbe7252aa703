//! Where zones live: the [`DataSource`] trait, its SQLite engine, the journal of differences, master files.
//!
//! A data source holds zones in *versions*. A version is written beside the current one, becomes visible all at
//! once, and is never changed afterwards; the one it replaces is cleared later. Whoever reads sees one version or
//! is told that it is gone, never a mixture.
//!
//! Reads and writes: the database file it is given and lock files beside it. Knows no bus and no sockets.
//! What every engine must do is written down as a test against the trait: `tests/conformance.rs`.

pub mod bulk;
mod condensed;
mod edit;
mod error;
mod journal;
pub mod master;
mod sort_key;
mod source;
pub mod sqlite;

pub use condensed::{ChangedRecord, CondensedDifference, Condensing};
pub use edit::{Difference, Edit, EditCheck, Node, RecordSet};
pub use error::Error;
pub use journal::{JournalCoverage, JournalEvent};
pub use source::{Coming, DataSource, Lease, ZoneChange, ZoneEntry, ZoneWriter, ZonesWriter};
