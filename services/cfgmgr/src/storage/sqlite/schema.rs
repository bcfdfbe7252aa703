//! The tables of `settings.sqlite`, to be read with `sqlite3` too.

use std::io;
use std::path::Path;

use rusqlite::Connection;

use super::{at, failed};
use crate::storage::StorageError;

/// `user_version` of the file; a newer one is refused.
const FORMAT: u32 = 1;

const TABLES: &str = "
BEGIN;
-- Every generation that is kept; settings: JSON, component to the options that differ from their defaults.
CREATE TABLE generations (
    number INTEGER PRIMARY KEY, committed_usec INTEGER NOT NULL, author TEXT NOT NULL, comment TEXT NOT NULL,
    settings TEXT NOT NULL
);
-- The one that is in force; no row while nothing was ever committed.
CREATE TABLE committed (one INTEGER PRIMARY KEY CHECK (one = 1), number INTEGER NOT NULL);
-- Edits of users that are not committed; JSON.
CREATE TABLE candidates (uid INTEGER PRIMARY KEY, edits TEXT NOT NULL);
-- What is taken back unless it is confirmed; JSON. It may name a generation that was never stored.
CREATE TABLE promise (one INTEGER PRIMARY KEY CHECK (one = 1), promise TEXT NOT NULL);
PRAGMA user_version = 1;
COMMIT;";

/// Opens a file, or makes it.
pub(super) fn open(path: &Path) -> Result<Connection, StorageError> {
    let connection = Connection::open(path).map_err(|error| failed(path, error))?;
    // EXTRA: the directory is synced too when a transaction ends.
    let prepared = connection.execute_batch("PRAGMA journal_mode = DELETE; PRAGMA synchronous = EXTRA;");
    prepared.map_err(|error| failed(path, error))?;
    let format: u32 = connection
        .query_row("PRAGMA user_version", [], |row| row.get(0))
        .map_err(|error| failed(path, error))?;
    match format {
        0 => connection.execute_batch(TABLES).map_err(|error| failed(path, error))?,
        FORMAT => {}
        newer => {
            let reason = format!("a newer Tenon wrote it (format {newer}; {FORMAT} is known here)");
            return Err(at(path)(io::Error::new(io::ErrorKind::Unsupported, reason)));
        }
    }
    Ok(connection)
}
