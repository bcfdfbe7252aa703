//! Where generations and candidates are kept.

#[cfg(test)]
mod conformance;
pub mod convert;
pub mod directory;
pub mod engine;
pub(crate) mod files;
mod generations;
pub mod sqlite;
pub mod step;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tenon_service::committed::StoredGeneration;

/// Keeps generations and candidates. Every method is one step to the outside: it happened, or it did not.
pub trait Storage: Send + Sync {
    /// The committed generation; number 0 and no settings while nothing was ever committed. When it is damaged, the newest
    /// older one that is not; one of a newer format is an error ([`std::io::ErrorKind::Unsupported`]).
    fn current(&self) -> Result<StoredGeneration, StorageError>;

    /// A number that no generation has or had.
    fn next_number(&self) -> Result<u64, StorageError>;

    /// Keeps a generation and makes it the committed one, durably.
    fn store(&self, generation: &StoredGeneration) -> Result<(), StorageError>;

    /// Generations older than `before`, newest first, at most `limit`. Ones that cannot be read are left out.
    fn history(&self, before: u64, limit: usize) -> Result<Vec<StoredGeneration>, StorageError>;

    /// One generation, not newer than the committed one; `None` when it is not kept.
    fn generation(&self, number: u64) -> Result<Option<StoredGeneration>, StorageError>;

    /// Removes all but the newest `keep` generations; the committed one stays in any case.
    fn prune(&self, keep: usize) -> Result<(), StorageError>;

    /// The candidate of a user; an empty one when there is none.
    fn candidate(&self, uid: u32) -> Result<Candidate, StorageError>;

    /// Users who have candidates.
    fn candidates(&self) -> Result<Vec<u32>, StorageError>;

    /// Keeps the candidate of a user; an empty one is removed.
    fn put_candidate(&self, uid: u32, candidate: &Candidate) -> Result<(), StorageError>;

    /// What was promised to be taken back unless it is confirmed. May name a generation that was never stored.
    fn promise(&self) -> Result<Option<Promise>, StorageError>;

    /// Keeps a promise, or forgets it.
    fn put_promise(&self, promise: Option<&Promise>) -> Result<(), StorageError>;
}

/// A promise to take a generation back unless somebody confirms it. Kept before the generation is stored, so that
/// there is no moment at which a dead process leaves the one without the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promise {
    /// The generation that waits.
    pub generation: u64,
    /// The one whose settings come back.
    pub restores: u64,
    /// Who committed it.
    pub author: String,
    /// Until when it can be confirmed, in microseconds since the epoch.
    pub until_usec: u64,
    /// How long that was from the commit on, in seconds.
    pub seconds: u32,
}

/// Why something could not be kept or read.
#[derive(Debug, thiserror::Error)]
#[error("{}: {error}", path.display())]
pub struct StorageError {
    /// The file or directory.
    pub path: PathBuf,
    /// What is wrong with it.
    pub error: std::io::Error,
}

/// The edits of one user that are not committed yet, by the path of the option.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// Path to edit.
    pub edits: BTreeMap<String, Edit>,
}

/// One edit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Edit {
    /// The value that was committed when the option was edited: when another one is committed since, the edit is in
    /// conflict.
    pub was: Value,
    /// The value to be; `None` for the default.
    pub value: Option<Value>,
}
