//! A version of a zone: the current one is a row of the table of zones, every other one a row of the table of versions.

use rusqlite::{Connection, OptionalExtension};
use tenon_wire::NameRef;

use super::transaction::Transaction;
use crate::{ZoneEntry, sort_key};

/// Names a version.
#[derive(Clone, Debug)]
pub(super) struct Version {
    /// The sort key of the zone.
    pub(super) zone: Vec<u8>,
    pub(super) number: u64,
}

impl Version {
    pub(super) fn new(origin: NameRef<'_>, number: u64) -> Self {
        Self { zone: sort_key::of(origin), number }
    }

    /// The one that is listed as this entry.
    pub(super) fn of(entry: &ZoneEntry) -> Self {
        Self::new(entry.origin.as_ref(), entry.version)
    }

    /// The version that was written as a whole and whose rows, as far as they were born and had not died, make up this one;
    /// none when they are, or may soon be, incomplete.
    pub(super) fn base(&self, connection: &Connection) -> rusqlite::Result<Option<u64>> {
        let current = connection
            .prepare_cached("SELECT base FROM zones WHERE sort_key = ?1 AND version = ?2")?
            .query_row((&self.zone, self.number), |row| row.get(0))
            .optional()?;
        if current.is_some() {
            return Ok(current);
        }
        connection
            .prepare_cached("SELECT base FROM versions WHERE version = ?1 AND state <> 'clearing'")?
            .query_row([self.number], |row| row.get(0))
            .optional()
    }

    pub(super) fn is_being_written(&self, connection: &Connection) -> rusqlite::Result<bool> {
        connection
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM versions WHERE version = ?1 AND state = 'writing')",
            )?
            .query_row([self.number], |row| row.get(0))
    }
}

/// Has the current version of a zone, if it has one, be a replaced one; another one is to take its place.
pub(super) fn retire_current(transaction: &Transaction<'_>, zone_id: i64) -> rusqlite::Result<usize> {
    transaction
        .prepare_cached(
            "INSERT INTO versions (version, zone_id, state, base)
             SELECT version, zone_id, 'replaced', base FROM zones WHERE zone_id = ?1 AND version IS NOT NULL",
        )?
        .execute([zone_id])
}

/// Takes a version out of the table: it is the current one, or nothing is left of it.
pub(super) fn unlist(transaction: &Transaction<'_>, version: u64) -> rusqlite::Result<usize> {
    transaction.prepare_cached("DELETE FROM versions WHERE version = ?1")?.execute([version])
}

/// The number of a version to be written, which no other one has had.
pub(super) fn new_number(transaction: &Transaction<'_>) -> rusqlite::Result<u64> {
    transaction.prepare_cached("UPDATE store SET last_version = last_version + 1")?.execute([])?;
    last_number(transaction)
}

/// The same of one that this transaction makes a current one.
pub(super) fn new_current_number(transaction: &Transaction<'_>) -> rusqlite::Result<u64> {
    transaction
        .prepare_cached("UPDATE store SET changes = changes + 1, last_version = last_version + 1")?
        .execute([])?;
    last_number(transaction)
}

fn last_number(transaction: &Transaction<'_>) -> rusqlite::Result<u64> {
    // A statement of its own: RETURNING collects its rows in a table made for them, which costs ten times as much.
    transaction.prepare_cached("SELECT last_version FROM store")?.query_row([], |row| row.get(0))
}
