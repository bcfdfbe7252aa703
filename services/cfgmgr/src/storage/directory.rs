//! Storage in a directory: the default engine.
//!
//! ```text
//! current, generations/                    see `generations.rs`
//! candidates/uid-1000.json                 a user's edits
//! unconfirmed.json                         the generation that is taken back unless it is confirmed
//! ```
//!
//! What a dead process left half done (names with a dot, generations newer than `current`) is removed at start.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tenon_service::committed::StoredGeneration;
use tracing::error;

use super::files::{at, read, remove_if_there, replace};
use super::generations::{Generations, clear_half_done};
use super::step::Steps;
use super::{Candidate, Promise, Storage, StorageError};
use crate::messages;

const CANDIDATES: &str = "candidates";
const UNCONFIRMED: &str = "unconfirmed.json";

/// The engine.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    generations: Generations,
}

impl Directory {
    /// Opens the directory, makes what is missing in it and removes what a dead process left half done.
    pub fn open(path: &Path, steps: Steps) -> Result<Self, StorageError> {
        let generations = Generations::open(path, steps)?;
        let candidates = path.join(CANDIDATES);
        fs::create_dir_all(&candidates).map_err(at(&candidates))?;
        generations.clear(generations.committed_number()?)?;
        clear_half_done(&candidates)?;
        Ok(Self { path: path.to_owned(), generations })
    }

    /// Keeps an older generation, which another engine had.
    pub(super) fn adopt(&self, generation: &StoredGeneration) -> Result<(), StorageError> {
        self.generations.keep(generation)
    }

    /// Removes all that another engine keeps now: everything but generations.
    pub(super) fn leave(path: &Path) -> Result<(), StorageError> {
        let candidates = path.join(CANDIDATES);
        match fs::remove_dir_all(&candidates) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(&candidates)(error)),
            _ => {}
        }
        remove_if_there(&path.join(UNCONFIRMED))
    }

    fn candidate_path(&self, uid: u32) -> PathBuf {
        self.path.join(CANDIDATES).join(format!("uid-{uid}.json"))
    }
}

impl Storage for Directory {
    fn current(&self) -> Result<StoredGeneration, StorageError> {
        let committed = self.generations.committed_number()?;
        if committed == 0 {
            return Ok(StoredGeneration::default());
        }
        let mut last = None;
        for number in self.generations.numbers()?.into_iter().filter(|number| *number <= committed) {
            match self.generations.read(number) {
                Ok(generation) => return Ok(generation),
                // It is whole: what it says must not be lost by committing something else on an older one.
                Err(newer) if newer.error.kind() == io::ErrorKind::Unsupported => return Err(newer),
                Err(reason) => {
                    error!(
                        message_id = messages::STORE_BROKEN,
                        path = %reason.path.display(),
                        reason = %reason.error,
                        "generation {number} cannot be read: {reason}; looking for an older one"
                    );
                    last = Some(reason);
                }
            }
        }
        let link = self.generations.link();
        Err(last.unwrap_or_else(|| at(&link)(io::Error::other("names a generation that is not there"))))
    }

    fn next_number(&self) -> Result<u64, StorageError> {
        let newest = self.generations.numbers()?.first().copied().unwrap_or_default();
        Ok(newest.max(self.generations.committed_number()?).saturating_add(1))
    }

    fn store(&self, generation: &StoredGeneration) -> Result<(), StorageError> {
        self.generations.keep(generation)?;
        self.generations.name(generation.generation)
    }

    fn history(&self, before: u64, limit: usize) -> Result<Vec<StoredGeneration>, StorageError> {
        let committed = self.generations.committed_number()?;
        let numbers = self.generations.numbers()?.into_iter();
        let older = numbers.filter(|number| *number <= committed && (before == 0 || *number < before));
        Ok(older.filter_map(|number| self.generations.read(number).ok()).take(limit).collect())
    }

    fn generation(&self, number: u64) -> Result<Option<StoredGeneration>, StorageError> {
        if number > self.generations.committed_number()? {
            return Ok(None);
        }
        match self.generations.read(number) {
            Err(error) if error.error.kind() == io::ErrorKind::NotFound => Ok(None),
            read => read.map(Some),
        }
    }

    fn prune(&self, keep: usize) -> Result<(), StorageError> {
        self.generations.prune(keep)
    }

    fn candidate(&self, uid: u32) -> Result<Candidate, StorageError> {
        Ok(read(&self.candidate_path(uid))?.unwrap_or_default())
    }

    fn candidates(&self) -> Result<Vec<u32>, StorageError> {
        let folder = self.path.join(CANDIDATES);
        let entries = fs::read_dir(&folder).map_err(at(&folder))?;
        let uid = |name: &str| name.strip_prefix("uid-")?.strip_suffix(".json")?.parse().ok();
        Ok(entries.filter_map(|entry| uid(entry.ok()?.file_name().to_str()?)).collect())
    }

    fn put_candidate(&self, uid: u32, candidate: &Candidate) -> Result<(), StorageError> {
        let path = self.candidate_path(uid);
        if candidate.edits.is_empty() {
            return remove_if_there(&path);
        }
        replace(&path, candidate)
    }

    fn promise(&self) -> Result<Option<Promise>, StorageError> {
        read(&self.path.join(UNCONFIRMED))
    }

    fn put_promise(&self, promise: Option<&Promise>) -> Result<(), StorageError> {
        let path = self.path.join(UNCONFIRMED);
        match promise {
            Some(promise) => replace(&path, promise),
            None => remove_if_there(&path),
        }
    }
}
