//! The birth of a store: made aside and renamed into place, so that nobody ever sees half a schema.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use tenon_wire::RrType;

use super::fault;
use super::lock_file::share;
use super::store::{APPLICATION_ID, FORMAT};
use super::transaction::Transaction;
use crate::Error;

/// Makes an empty store at `path` unless something is there. The caller holds the turn to write.
pub(super) fn if_missing(path: &Path) -> Result<(), Error> {
    let told = |error| fault::io(path, error);
    if fs::exists(path).map_err(told)? {
        return Ok(());
    }
    let aside = PathBuf::from(format!("{}.new", path.display()));
    for leftover in ["", "-wal", "-shm", "-journal"] {
        let _ = fs::remove_file(format!("{}{leftover}", aside.display()));
    }
    make(&aside).map_err(|error| fault::named(path, error))?;
    let file = File::open(&aside).map_err(told)?;
    share(&file, &aside).map_err(told)?;
    file.sync_all().map_err(told)?;
    fs::rename(&aside, path).map_err(told)?;
    match path.parent() {
        Some(directory) => File::open(directory).and_then(|d| d.sync_all()).map_err(told),
        None => Ok(()),
    }
}

/// Brings a store of an older format up to this one.
pub(super) fn upgrade(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    let format: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if format < 2 {
        transaction.execute_batch(include_str!("upgrade2.sql"))?;
    }
    if format < 3 {
        transaction.execute_batch(include_str!("upgrade3.sql"))?;
    }
    if format < 4 {
        transaction.execute_batch(include_str!("upgrade4.sql"))?;
    }
    if format < 5 {
        transaction.execute_batch(include_str!("upgrade5.sql"))?;
    }
    if format < FORMAT {
        transaction.execute_batch(include_str!("upgrade6.sql"))?;
        transaction.execute_batch(include_str!("records.sql"))?;
    }
    Ok(())
}

fn make(path: &Path) -> rusqlite::Result<()> {
    let mut connection = Connection::open(path)?;
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    connection.pragma_update(None, "user_version", FORMAT)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    let transaction = connection.transaction()?;
    transaction.execute_batch(include_str!("schema.sql"))?;
    transaction.execute_batch(include_str!("records.sql"))?;
    transaction.execute(
        "INSERT INTO store (changes, last_version) VALUES (1, CAST(strftime('%s', 'now') AS INTEGER))",
        [],
    )?;
    for code in 0..=u16::MAX {
        let mnemonic = RrType(code).to_string();
        if !mnemonic.starts_with("TYPE") {
            transaction.execute("INSERT INTO types (type, mnemonic) VALUES (?1, ?2)", (code, mnemonic))?;
        }
    }
    transaction.commit()?;
    connection.close().map_err(|(_, error)| error)
}
