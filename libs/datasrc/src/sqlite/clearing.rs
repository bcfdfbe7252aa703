//! Clears versions and journal steps that nobody needs any more, a few thousand rows at a time.

use std::fs;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension};
use tenon_wire::Name;

use super::fault;
use super::lock_file::LockFile;
use super::store::{Durability, Store, WriteError};
use super::transaction::Transaction;
use super::version::unlist;
use super::writer::zone_file_name;
use crate::Error;

/// Rows deleted in one transaction.
const BATCH_ROWS: u32 = 4096;
/// Blocks deleted in one transaction.
const BATCH_BLOCKS: u32 = 256;
/// Pages of the journal deleted in one transaction.
const BATCH_PAGES: u32 = 4;
/// Roughly what a deleted row leaves in the log.
const ROW_OCTETS: usize = 128;

/// A version of which rows may be left.
struct Candidate {
    version: u64,
    state: String,
    zone: Option<String>,
}

/// Clears whatever no living writer and no reader holds; gives the number of versions that went.
pub(super) fn clear_leftovers(store: &Store) -> Result<u64, Error> {
    let mut cleared = 0;
    for candidate in candidates(store)? {
        if release(store, &candidate)? {
            clear_version(store, candidate.version)?;
            cleared += 1;
        }
    }
    clear_dropped_steps(store)?;
    clear_empty_zones(store)?;
    remove_stale_locks(store)?;
    Ok(cleared)
}

/// Clears a version that its own writer gives up; `_alive` shows that nobody else can be at it.
pub(super) fn abandon(store: &Store, version: u64, _alive: &LockFile) -> Result<(), Error> {
    store.write(Durability::Later, |transaction| mark_clearing(transaction, version))?;
    clear_version(store, version)?;
    clear_dropped_steps(store)?;
    clear_empty_zones(store)
}

/// Clears a small replaced version inside the transaction that replaces it, unless somebody reads it.
pub(super) fn clear_at_once(
    store: &Store,
    transaction: &Transaction<'_>,
    version: u64,
) -> Result<(), WriteError> {
    let path = lease_path(store, version);
    if !is_free(&path)? {
        return Ok(());
    }
    let remains = Remains::of(transaction, version)?;
    if remains.needed_from.is_none() && has_blocks(transaction, remains.base)? {
        // It was large once: that is cleared beside, bit by bit.
        return Ok(());
    }
    unlist(transaction, version)?;
    match remains.needed_from {
        Some(least) => {
            hide_dead(transaction, remains.base, least)?;
            transaction
                .prepare_cached("DELETE FROM rrsets WHERE base = ?1 AND died BETWEEN 1 AND ?2")?
                .execute((remains.base, least))?
        }
        None => transaction.prepare_cached("DELETE FROM rrsets WHERE base = ?1")?.execute([remains.base])?,
    };
    Ok(())
}

/// Whether nobody reads a current version, and no other one shares the rows of its base.
pub(super) fn is_last(
    store: &Store,
    transaction: &Transaction<'_>,
    base: u64,
    version: u64,
) -> Result<bool, WriteError> {
    Ok(is_free(&lease_path(store, version))?
        && !transaction
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM versions WHERE base = ?1)")?
            .query_row([base], |row| row.get(0))?)
}

/// What clearing a version may delete.
struct Remains {
    /// Where its rows are.
    base: u64,
    /// The earliest of the other versions that have rows there: what died no later is seen by none of them.
    needed_from: Option<u64>,
}

impl Remains {
    fn of(connection: &Connection, version: u64) -> rusqlite::Result<Self> {
        let (zone_id, base): (i64, u64) = connection
            .prepare_cached("SELECT zone_id, base FROM versions WHERE version = ?1")?
            .query_row([version], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let needed_from = connection
            .prepare_cached(
                "SELECT min(version) FROM (
                     SELECT version FROM versions WHERE base = ?1 AND version <> ?2
                     UNION ALL SELECT version FROM zones WHERE zone_id = ?3 AND base = ?1)",
            )?
            .query_row((base, version, zone_id), |row| row.get(0))?;
        Ok(Self { base, needed_from })
    }
}

/// Path of the lock that readers of a version share.
pub(super) fn lease_path(store: &Store, version: u64) -> std::path::PathBuf {
    store.lock_path("reading", &version.to_string())
}

fn candidates(store: &Store) -> Result<Vec<Candidate>, Error> {
    store.read(|connection| {
        let mut statement = connection.prepare(
            "SELECT version, state, (SELECT name FROM zones WHERE zones.zone_id = versions.zone_id)
             FROM versions",
        )?;
        let found = statement.query_map([], |row| {
            Ok(Candidate { version: row.get(0)?, state: row.get(1)?, zone: row.get(2)? })
        })?;
        found.collect()
    })
}

/// Marks a version for clearing unless a writer or a reader holds it.
fn release(store: &Store, candidate: &Candidate) -> Result<bool, Error> {
    let path = match (candidate.state.as_str(), &candidate.zone) {
        ("clearing", _) => return Ok(true),
        ("writing", Some(zone)) => match zone.parse::<Name>() {
            Ok(name) => store.lock_path("writing", &zone_file_name(name.as_ref())),
            Err(_) => return Err(damaged(store, zone)),
        },
        _ => lease_path(store, candidate.version),
    };
    let Some(_lock) = LockFile::exclusive(path.clone()).map_err(|error| fault::io(&path, error))? else {
        return Ok(false);
    };
    // The writer may have finished between our look and our lock.
    store.write(Durability::Later, |transaction| {
        let state: Option<String> = transaction
            .query_row("SELECT state FROM versions WHERE version = ?1", [candidate.version], |row| row.get(0))
            .optional()?;
        if state.as_deref() != Some(&candidate.state) {
            return Ok(false);
        }
        mark_clearing(transaction, candidate.version)?;
        Ok(true)
    })
}

fn damaged(store: &Store, zone: &str) -> Error {
    Error::Damaged { path: store.path.clone(), reason: format!("{zone:?} is not a zone name") }
}

fn mark_clearing(transaction: &Transaction<'_>, version: u64) -> Result<(), WriteError> {
    transaction
        .prepare_cached("UPDATE versions SET state = 'clearing' WHERE version = ?1")?
        .execute([version])?;
    transaction
        .prepare_cached("UPDATE loose_steps SET state = 'dropped' WHERE version = ?1")?
        .execute([version])?;
    Ok(())
}

fn clear_version(store: &Store, version: u64) -> Result<(), Error> {
    loop {
        let is_last = store.write(Durability::Later, |transaction| {
            let Remains { base, needed_from } = Remains::of(transaction, version)?;
            let is_last = match needed_from {
                Some(least) => {
                    hide_dead(transaction, base, least)?;
                    delete_dead(transaction, base, least)? < BATCH_ROWS as usize
                }
                None => {
                    delete_from_start(transaction, base)? < BATCH_ROWS as usize
                        && delete_blocks(transaction, base)? < BATCH_BLOCKS as usize
                }
            };
            if is_last {
                unlist(transaction, version)?;
            }
            Ok(is_last)
        })?;
        store.wrote(BATCH_ROWS as usize * ROW_OCTETS)?;
        if is_last {
            return Ok(());
        }
    }
}

/// Rows that died no later than in that version and stand for what a block holds: they go on hiding that, and nothing more.
fn hide_dead(transaction: &Transaction<'_>, base: u64, least: u64) -> rusqlite::Result<usize> {
    transaction
        .prepare_cached(
            "UPDATE rrsets SET died = 0, rdatas = x'' WHERE base = ?1 AND died BETWEEN 1 AND ?2 AND born = 0
             AND EXISTS (SELECT 1 FROM blocks WHERE blocks.base = ?1)",
        )?
        .execute((base, least))
}

fn has_blocks(connection: &Connection, base: u64) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM blocks WHERE base = ?1)")?
        .query_row([base], |row| row.get(0))
}

/// Deletes some blocks of a base; gives how many.
fn delete_blocks(transaction: &Transaction<'_>, base: u64) -> rusqlite::Result<usize> {
    transaction
        .prepare_cached(
            "DELETE FROM blocks WHERE block IN (SELECT block FROM blocks WHERE base = ?1 LIMIT ?2)",
        )?
        .execute((base, BATCH_BLOCKS))
}

/// Deletes a batch of rows that died no later than in that version; gives how many.
fn delete_dead(transaction: &Transaction<'_>, base: u64, least: u64) -> rusqlite::Result<usize> {
    transaction
        .prepare_cached(
            "DELETE FROM rrsets WHERE (base, sort_key, type, born) IN
             (SELECT base, sort_key, type, born FROM rrsets WHERE base = ?1 AND died BETWEEN 1 AND ?2 LIMIT ?3)",
        )?
        .execute((base, least, BATCH_ROWS))
}

/// Deletes the first rows of a base, a batch at most; gives how many.
fn delete_from_start(transaction: &Transaction<'_>, base: u64) -> rusqlite::Result<usize> {
    let edge: Option<(Vec<u8>, u16)> = transaction
        .prepare_cached(
            "SELECT sort_key, type FROM rrsets WHERE base = ?1 ORDER BY sort_key, type LIMIT 1 OFFSET ?2",
        )?
        .query_row((base, BATCH_ROWS - 1), |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    match edge {
        Some((key, rrtype)) => transaction
            .prepare_cached("DELETE FROM rrsets WHERE base = ?1 AND (sort_key, type) <= (?2, ?3)")?
            .execute((base, key, rrtype)),
        None => transaction.prepare_cached("DELETE FROM rrsets WHERE base = ?1")?.execute([base]),
    }
}

fn clear_dropped_steps(store: &Store) -> Result<(), Error> {
    let find = "SELECT version FROM loose_steps WHERE state = 'dropped' LIMIT 1";
    while let Some(version) = store.read(|connection| {
        connection.prepare_cached(find)?.query_row([], |row| row.get::<_, u64>(0)).optional()
    })? {
        store.write(Durability::Later, |transaction| {
            let deleted = transaction
                .prepare_cached(
                    "DELETE FROM journal WHERE version = ?1 AND page IN
                     (SELECT page FROM journal WHERE version = ?1 LIMIT ?2)",
                )?
                .execute((version, BATCH_PAGES))?;
            if deleted < BATCH_PAGES as usize {
                transaction
                    .prepare_cached("DELETE FROM loose_steps WHERE version = ?1")?
                    .execute([version])?;
            }
            Ok(())
        })?;
        store.wrote(BATCH_ROWS as usize * ROW_OCTETS)?;
    }
    Ok(())
}

fn clear_empty_zones(store: &Store) -> Result<(), Error> {
    let empty =
        "version IS NULL AND NOT EXISTS (SELECT 1 FROM versions WHERE versions.zone_id = zones.zone_id)";
    let found = store.read(|connection| {
        connection
            .query_row(&format!("SELECT EXISTS (SELECT 1 FROM zones WHERE {empty})"), [], |row| row.get(0))
    })?;
    if found {
        store.write(Durability::Later, |transaction| {
            transaction.execute(&format!("DELETE FROM zones WHERE {empty}"), [])?;
            Ok(())
        })?;
    }
    Ok(())
}

/// Lock files of those who were killed hold nothing; taking and dropping such a lock removes the file.
fn remove_stale_locks(store: &Store) -> Result<(), Error> {
    let (Some(directory), Some(stem)) = (store.path.parent(), store.path.file_stem()) else { return Ok(()) };
    let prefixes = ["writing", "reading"].map(|purpose| format!("{}.{purpose}.", stem.display()));
    for entry in fs::read_dir(directory).map_err(|error| fault::io(directory, error))? {
        let path = entry.map_err(|error| fault::io(directory, error))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if prefixes.iter().any(|prefix| name.starts_with(prefix.as_str())) {
            is_free(&path)?;
        }
    }
    Ok(())
}

/// Whether nobody holds a lock; removes the file of a free one.
fn is_free(path: &Path) -> Result<bool, Error> {
    let told = |error| fault::io(path, error);
    if !fs::exists(path).map_err(told)? {
        return Ok(true);
    }
    Ok(LockFile::exclusive(path.to_owned()).map_err(told)?.is_some())
}
