//! Storage in one SQLite file, `settings.sqlite`.
//!
//! ```text
//! settings.sqlite                          generations, candidates and what waits for confirmation
//! current, generations/                    the committed generation and the one before, for those who read files
//! ```
//!
//! The database is the truth and the files follow it, as daemons start from files alone. The file of a generation is
//! there before its row is, and `current` names it right after: whoever dies between leaves files that are made to agree at
//! the next start. One process writes, so the plain rollback journal does, synced at every transaction.

mod schema;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tenon_service::committed::StoredGeneration;
use tracing::{error, warn};

use super::directory::Directory;
use super::files::at;
use super::generations::Generations;
use super::step::{Step, Steps};
use super::{Candidate, Promise, Storage, StorageError};
use crate::messages;

/// Name of the file.
pub(super) const FILE: &str = "settings.sqlite";
/// Files of generations that are kept for daemons: the committed one, and one to fall back to.
const PUBLISHED: usize = 2;
/// What a generation's row is read from.
const COLUMNS: &str = "number, committed_usec, author, comment, settings";

/// The engine.
#[derive(Debug)]
pub struct Sqlite {
    path: PathBuf,
    connection: Mutex<Connection>,
    published: Generations,
    steps: Steps,
}

impl Sqlite {
    /// Opens the file in a configuration directory, makes it if it is missing, and makes the files for daemons agree with
    /// it.
    pub fn open(directory: &Path, steps: Steps) -> Result<Self, StorageError> {
        let published = Generations::open(directory, steps.clone())?;
        let path = directory.join(FILE);
        let connection = schema::open(&path)?;
        let engine = Self { path, connection: Mutex::new(connection), published, steps };
        Directory::leave(directory)?;
        engine.publish()?;
        Ok(engine)
    }

    /// Makes a file with all that another engine keeps. Nothing is published.
    pub(super) fn fill(path: &Path, from: &dyn Storage) -> Result<(), StorageError> {
        let mut connection = schema::open(path)?;
        let failed = |error| failed(path, error);
        let transaction = connection.transaction().map_err(failed)?;
        for generation in from.history(0, usize::MAX)? {
            insert(&transaction, path, &generation)?;
        }
        name(&transaction, from.current()?.generation).map_err(failed)?;
        for uid in from.candidates()? {
            let edits = text(path, &from.candidate(uid)?)?;
            transaction
                .execute("INSERT INTO candidates VALUES (?1, ?2)", params![uid, edits])
                .map_err(failed)?;
        }
        if let Some(promise) = from.promise()? {
            let promise = text(path, &promise)?;
            transaction.execute("INSERT INTO promise VALUES (1, ?1)", [promise]).map_err(failed)?;
        }
        transaction.commit().map_err(failed)
    }

    /// Makes the files for daemons agree with what is committed.
    fn publish(&self) -> Result<(), StorageError> {
        let committed = self.current()?;
        let number = committed.generation;
        // A damaged generation must not be what daemons fall back to, and a newer one was never committed.
        self.published.clear(number)?;
        if number == 0 || self.published.committed_number()? == number && self.published.read(number).is_ok()
        {
            return Ok(());
        }
        self.published.keep(&committed)?;
        self.published.name(number)
    }

    fn committed_number(&self) -> Result<u64, StorageError> {
        let number = self.held().query_row("SELECT number FROM committed", [], |row| row.get(0)).optional();
        Ok(number.map_err(|error| self.failed(error))?.unwrap_or_default())
    }

    /// Rows not newer than `newest` and older than `before`, newest first, with their numbers; `None` for damaged ones.
    fn rows(&self, newest: u64, before: u64, limit: usize) -> Result<Vec<Found>, StorageError> {
        let connection = self.held();
        let mut statement = connection
            .prepare(&format!(
                "SELECT {COLUMNS} FROM generations WHERE number <= ?1 AND number < ?2 ORDER BY number DESC LIMIT ?3"
            ))
            .map_err(|error| self.failed(error))?;
        let largest = i64::MAX.unsigned_abs();
        let limit = u64::try_from(limit).unwrap_or(largest).min(largest);
        let rows = statement.query_map(params![newest.min(largest), before.min(largest), limit], found);
        let rows = rows.and_then(Iterator::collect::<Result<Vec<_>, _>>);
        rows.map_err(|error| self.failed(error))
    }

    fn write(&self, sql: &str, parameters: impl rusqlite::Params) -> Result<(), StorageError> {
        self.held().execute(sql, parameters).map(drop).map_err(|error| self.failed(error))
    }

    fn before(&self, step: Step) -> Result<(), StorageError> {
        self.steps.before(step).map_err(at(&self.path))
    }

    fn failed(&self, error: rusqlite::Error) -> StorageError {
        failed(&self.path, error)
    }

    /// SQLite undoes what a panicking holder began.
    fn held(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a generation whose file is there the committed one.
    fn commit_rows(&self, generation: &StoredGeneration) -> Result<(), StorageError> {
        let mut connection = self.held();
        self.before(Step::WriteRows)?;
        let transaction = connection.transaction().map_err(|error| self.failed(error))?;
        insert(&transaction, &self.path, generation)?;
        name(&transaction, generation.generation).map_err(|error| self.failed(error))?;
        self.before(Step::CommitRows)?;
        transaction.commit().map_err(|error| self.failed(error))
    }

    /// As if the disk were full.
    #[cfg(test)]
    pub(super) fn limit_pages(&self) {
        let limit = "PRAGMA max_page_count = 1; PRAGMA cache_spill = 0;";
        self.held().execute_batch(limit).unwrap();
    }

    /// Takes a generation back that could not be published.
    fn take_back(&self, number: u64, before: u64) -> Result<(), rusqlite::Error> {
        let mut connection = self.held();
        let transaction = connection.transaction()?;
        transaction.execute("DELETE FROM generations WHERE number = ?1", [number])?;
        name(&transaction, before)?;
        transaction.commit()
    }
}

impl Storage for Sqlite {
    fn current(&self) -> Result<StoredGeneration, StorageError> {
        let committed = self.committed_number()?;
        if committed == 0 {
            return Ok(StoredGeneration::default());
        }
        for Found { number, generation } in self.rows(committed, u64::MAX, usize::MAX)? {
            match generation {
                Ok(generation) => return Ok(generation),
                Err(reason) => error!(
                    message_id = messages::STORE_BROKEN,
                    path = %self.path.display(),
                    reason = %reason,
                    "generation {number} cannot be read: {reason}; looking for an older one"
                ),
            }
        }
        let reason =
            format!("generation {committed} is committed, and neither it nor an older one can be read");
        Err(at(&self.path)(io::Error::new(io::ErrorKind::InvalidData, reason)))
    }

    fn next_number(&self) -> Result<u64, StorageError> {
        let newest: Option<u64> = self
            .held()
            .query_row("SELECT max(number) FROM generations", [], |row| row.get(0))
            .map_err(|error| self.failed(error))?;
        // A file may have been named for a moment.
        let file = self.published.numbers()?.first().copied().unwrap_or_default();
        Ok(newest.unwrap_or_default().max(self.committed_number()?).max(file).saturating_add(1))
    }

    fn store(&self, generation: &StoredGeneration) -> Result<(), StorageError> {
        let before = self.committed_number()?;
        // What can fail for want of room comes first.
        self.published.keep(generation)?;
        self.commit_rows(generation)?;
        if let Err(error) = self.published.name(generation.generation) {
            // Nobody was told of it: neither file nor database has it then.
            return match self.take_back(generation.generation, before) {
                Ok(()) => Err(error),
                Err(again) => Err(self.failed(again)),
            };
        }
        if let Err(error) = self.published.prune(PUBLISHED) {
            warn!("files of old generations cannot be removed: {error}, ignoring");
        }
        Ok(())
    }

    fn history(&self, before: u64, limit: usize) -> Result<Vec<StoredGeneration>, StorageError> {
        let before = if before == 0 { u64::MAX } else { before };
        let rows = self.rows(self.committed_number()?, before, limit)?;
        Ok(rows.into_iter().filter_map(|found| found.generation.ok()).collect())
    }

    fn generation(&self, number: u64) -> Result<Option<StoredGeneration>, StorageError> {
        if number > self.committed_number()? {
            return Ok(None);
        }
        let found = self.rows(number, u64::MAX, 1)?.into_iter().find(|found| found.number == number);
        let damaged = |reason| at(&self.path)(io::Error::new(io::ErrorKind::InvalidData, reason));
        found.map(|found| found.generation.map_err(damaged)).transpose()
    }

    fn prune(&self, keep: usize) -> Result<(), StorageError> {
        let keep = u64::try_from(keep).unwrap_or(u64::MAX).min(i64::MAX.unsigned_abs());
        self.write(
            "DELETE FROM generations WHERE number NOT IN (SELECT number FROM committed) AND number NOT IN \
             (SELECT number FROM generations ORDER BY number DESC LIMIT ?1)",
            [keep],
        )
    }

    fn candidate(&self, uid: u32) -> Result<Candidate, StorageError> {
        let edits = self
            .held()
            .query_row("SELECT edits FROM candidates WHERE uid = ?1", [uid], |row| row.get::<_, String>(0))
            .optional()
            .map_err(|error| self.failed(error))?;
        edits.map_or_else(|| Ok(Candidate::default()), |edits| parsed(&self.path, &edits))
    }

    fn candidates(&self) -> Result<Vec<u32>, StorageError> {
        let connection = self.held();
        let uids = connection.prepare("SELECT uid FROM candidates ORDER BY uid").and_then(|mut statement| {
            statement.query_map([], |row| row.get(0)).and_then(Iterator::collect::<Result<Vec<u32>, _>>)
        });
        uids.map_err(|error| self.failed(error))
    }

    fn put_candidate(&self, uid: u32, candidate: &Candidate) -> Result<(), StorageError> {
        if candidate.edits.is_empty() {
            return self.write("DELETE FROM candidates WHERE uid = ?1", [uid]);
        }
        let edits = text(&self.path, candidate)?;
        self.write("INSERT OR REPLACE INTO candidates VALUES (?1, ?2)", params![uid, edits])
    }

    fn promise(&self) -> Result<Option<Promise>, StorageError> {
        let promise = self
            .held()
            .query_row("SELECT promise FROM promise", [], |row| row.get::<_, String>(0))
            .optional()
            .map_err(|error| self.failed(error))?;
        promise.map(|promise| parsed(&self.path, &promise)).transpose()
    }

    fn put_promise(&self, promise: Option<&Promise>) -> Result<(), StorageError> {
        match promise {
            None => self.write("DELETE FROM promise", []),
            Some(promise) => {
                let promise = text(&self.path, promise)?;
                self.write("INSERT OR REPLACE INTO promise VALUES (1, ?1)", [promise])
            }
        }
    }
}

/// A row of a generation.
struct Found {
    number: u64,
    /// Why it cannot be read otherwise.
    generation: Result<StoredGeneration, String>,
}

fn found(row: &Row<'_>) -> Result<Found, rusqlite::Error> {
    let number = row.get("number")?;
    let generation = || -> Result<StoredGeneration, String> {
        let bad = |error: rusqlite::Error| error.to_string();
        let settings: String = row.get("settings").map_err(bad)?;
        Ok(StoredGeneration {
            generation: number,
            committed_usec: row.get("committed_usec").map_err(bad)?,
            author: row.get("author").map_err(bad)?,
            comment: row.get("comment").map_err(bad)?,
            settings: serde_json::from_str(&settings).map_err(|error| error.to_string())?,
        })
    };
    Ok(Found { number, generation: generation() })
}

fn insert(connection: &Connection, path: &Path, generation: &StoredGeneration) -> Result<(), StorageError> {
    let StoredGeneration { generation: number, committed_usec, author, comment, settings } = generation;
    let settings = text(path, settings)?;
    let inserted = connection.execute(
        &format!("INSERT OR REPLACE INTO generations ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5)"),
        params![number, committed_usec, author, comment, settings],
    );
    inserted.map(drop).map_err(|error| failed(path, error))
}

/// Makes a generation the committed one; 0: none.
fn name(connection: &Connection, number: u64) -> Result<(), rusqlite::Error> {
    if number == 0 {
        return connection.execute("DELETE FROM committed", []).map(drop);
    }
    connection.execute("INSERT OR REPLACE INTO committed VALUES (1, ?1)", [number]).map(drop)
}

fn text(path: &Path, document: &impl Serialize) -> Result<String, StorageError> {
    serde_json::to_string(document).map_err(|error| at(path)(error.into()))
}

fn parsed<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T, StorageError> {
    serde_json::from_str(text).map_err(|error| at(path)(io::Error::new(io::ErrorKind::InvalidData, error)))
}

/// The error of a system call where SQLite's is one, so that others need not know SQLite.
fn failed(path: &Path, error: rusqlite::Error) -> StorageError {
    use rusqlite::ErrorCode;
    let kind = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => io::ErrorKind::StorageFull,
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => io::ErrorKind::InvalidData,
        Some(ErrorCode::PermissionDenied | ErrorCode::ReadOnly | ErrorCode::CannotOpen) => {
            io::ErrorKind::PermissionDenied
        }
        _ => io::ErrorKind::Other,
    };
    at(path)(io::Error::new(kind, error))
}
