//! The database file and how it is opened, written and kept small.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::lock_file::ParkedLock;
use super::transaction::Transaction;
use super::turnstile::Turnstile;
use super::{Access, create, fault};
use crate::Error;

/// Marks the file as a store of zones (`file` and `PRAGMA application_id` show it): "Tnzn".
pub(super) const APPLICATION_ID: i64 = 0x546e_7a6e;
/// Format of the schema, in `PRAGMA user_version`.
pub(super) const FORMAT: i64 = 6;

/// How long to wait for a program that writes without taking turns (a person's `sqlite3`, say).
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Whoever wrote so much moves the log into the database, so that a small writer finds a short one.
const CHECKPOINT_OCTETS: usize = 4 << 20;
/// A log longer than this is moved into the database while nobody else may write, else it would never start afresh.
const LONG_LOG_PAGES: i32 = 16_384;
/// Statements that stay prepared; more than there are.
const STATEMENTS_KEPT: usize = 64;
/// After a burst the log file is cut back to this size.
const LOG_KEPT_OCTETS: i64 = 16 << 20;

/// Whether a transaction must be on the disk when it is done.
///
/// SQLite itself never waits for the disk but when it moves the log into the database: we do ([`Store::sync`]), when the turn is
/// over, so that others write meanwhile; and for the data alone, while SQLite as it is bundled asks for times and sizes
/// too, which costs a second write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Durability {
    /// Yes: the log is synced, and so all before it.
    Synced,
    /// Not yet; a synced one follows before anybody relies on it.
    Later,
}

/// An open store.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) path: PathBuf,
    /// The path without its extension: lock files are named after it.
    stem: PathBuf,
    connection: Mutex<Connection>,
    turnstile: Option<Turnstile>,
    identity: (u64, u64),
    /// Octets written since the log was last moved into the database.
    logged: AtomicUsize,
    /// Transactions are synced by [`Self::sync`] only.
    deferred: bool,
    /// SQLite's log, `PATH-wal`. It stays the same file while somebody has the database open.
    log: OnceLock<File>,
    /// The lock of the zone that was changed last.
    pub(super) parked: Mutex<Option<ParkedLock>>,
}

impl Store {
    pub(super) fn open(path: &Path, access: Access) -> Result<Self, Error> {
        let stem = path.with_extension("");
        let may_create = access == Access::Create;
        if !may_create && !fs::exists(path).map_err(|error| fault::io(path, error))? {
            return Err(Error::NoStore { path: path.to_owned() });
        }
        let turnstile = match access {
            Access::ReadOnly => None,
            Access::ReadWrite | Access::Create => Some(Turnstile::open(&stem)?),
        };
        if let Some(turnstile) = turnstile.as_ref().filter(|_| may_create) {
            let _turn = turnstile.enter()?;
            create::if_missing(path)?;
        }
        let meta = fs::metadata(path).map_err(|error| fault::io(path, error))?;
        if meta.len() == 0 {
            let reason = "the file is empty".to_owned();
            return Err(Error::NotAStore { path: path.to_owned(), reason });
        }
        let connection =
            connect(path, access == Access::ReadOnly).map_err(|error| fault::named(path, error))?;
        let store = Self {
            path: path.to_owned(),
            stem,
            connection: Mutex::new(connection),
            turnstile,
            identity: (meta.dev(), meta.ino()),
            logged: AtomicUsize::new(0),
            deferred: false,
            log: OnceLock::new(),
            parked: Mutex::default(),
        };
        if store.check_format()? < FORMAT && access != Access::ReadOnly {
            store.write(Durability::Synced, |transaction| Ok(create::upgrade(transaction)?))?;
        }
        Ok(store)
    }

    /// The format of the store, which is one that is known.
    fn check_format(&self) -> Result<i64, Error> {
        let (id, format): (i64, i64) = self.read(|connection| {
            let id = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
            Ok((id, connection.pragma_query_value(None, "user_version", |row| row.get(0))?))
        })?;
        let path = self.path.clone();
        if id != APPLICATION_ID {
            return Err(Error::NotAStore { path, reason: "a database of something else".to_owned() });
        }
        if format > FORMAT {
            return Err(Error::NewerFormat { path, found: format, known: FORMAT });
        }
        Ok(format)
    }

    /// Path of the lock file `STEM.PURPOSE.WHOM`.
    pub(super) fn lock_path(&self, purpose: &str, whom: &str) -> PathBuf {
        PathBuf::from(format!("{}.{purpose}.{whom}", self.stem.display()))
    }

    /// Whether the path still leads to the file that was opened.
    pub(super) fn check_identity(&self) -> Result<(), Error> {
        match fs::metadata(&self.path) {
            Ok(meta) if (meta.dev(), meta.ino()) == self.identity => Ok(()),
            _ => Err(Error::Replaced { path: self.path.clone() }),
        }
    }

    /// Reads; each statement sees one state of the store, several need a transaction of their own.
    pub(super) fn read<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Error> {
        work(&self.connection()).map_err(|error| fault::named(&self.path, error))
    }

    /// Reads everything in `work` from one state of the store.
    pub(super) fn read_at_once<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        let mut connection = self.connection();
        Transaction::read(&mut connection)
            .and_then(|state| work(&state))
            .map_err(|error| fault::named(&self.path, error))
    }

    /// Runs `work` as one transaction, when it is this writer's turn. Keep it short: others wait.
    pub(super) fn write<T>(
        &self,
        durability: Durability,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, WriteError>,
    ) -> Result<T, Error> {
        let outcome = self.write_unsynced(work)?;
        if durability == Durability::Synced && !self.deferred {
            self.sync()?;
        }
        Ok(outcome)
    }

    fn write_unsynced<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, WriteError>,
    ) -> Result<T, Error> {
        let Some(turnstile) = &self.turnstile else {
            let reason = "opened for reading only".to_owned();
            return Err(Error::Denied { path: self.path.clone(), reason });
        };
        let mut connection = self.connection();
        let _turn = turnstile.enter()?;
        transact(&mut connection, work).map_err(|error| match error {
            WriteError::Refused(error) => error,
            WriteError::Engine(error) => fault::named(&self.path, error),
        })
    }

    /// From now on transactions that ask for it are not synced; [`Self::sync`] does it for all of them.
    pub(super) fn defer_sync(&mut self) {
        self.deferred = true;
    }

    /// Has the log on the disk, and with it all transactions so far, whoever made them: it is written in order, and what it
    /// does not hold any more was synced when it was moved into the database.
    pub(super) fn sync(&self) -> Result<(), Error> {
        let path = PathBuf::from(format!("{}-wal", self.path.display()));
        let log = match self.log.get() {
            Some(log) => log,
            None => {
                let log = File::open(&path).map_err(|error| fault::io(&path, error))?;
                self.log.get_or_init(|| log)
            }
        };
        log.sync_data().map_err(|error| fault::io(&path, error))
    }

    /// Moves what the log holds into the database, beside the work of others.
    pub(super) fn checkpoint(&self) -> Result<(), Error> {
        // Pages in the log; a checkpoint that somebody else is making counts as made.
        let run = |connection: &Connection| {
            connection
                .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get::<_, i32>(1))
                .or_else(|error| if is_busy(&error) { Ok(0) } else { Err(error) })
                .map_err(|error| fault::named(&self.path, error))
        };
        let connection = self.connection();
        let pages = run(&connection)?;
        if let Some(turnstile) = self.turnstile.as_ref().filter(|_| pages > LONG_LOG_PAGES) {
            let _turn = turnstile.enter()?;
            run(&connection)?;
        }
        Ok(())
    }

    /// Notes that so much was written, and now and then moves the log into the database.
    pub(super) fn wrote(&self, octets: usize) -> Result<(), Error> {
        let logged = self.logged.fetch_add(octets, Ordering::Relaxed).saturating_add(octets);
        if logged < CHECKPOINT_OCTETS {
            return Ok(());
        }
        self.logged.store(0, Ordering::Relaxed);
        self.checkpoint()
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        // A panic elsewhere cannot leave a transaction open: dropping it rolled it back.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if let Some(parked) = self.parked.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            parked.remove();
        }
        if self.logged.load(Ordering::Relaxed) > 0 {
            // What stays in the log is as safe there; the next writer moves it.
            let _ = self.checkpoint();
        }
    }
}

/// Why a transaction was not made: refused by our own rules or by the engine.
#[derive(Debug)]
pub(super) enum WriteError {
    Refused(Error),
    Engine(rusqlite::Error),
}

impl From<rusqlite::Error> for WriteError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Engine(error)
    }
}

impl From<Error> for WriteError {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

fn transact<T>(
    connection: &mut Connection,
    work: impl FnOnce(&Transaction<'_>) -> Result<T, WriteError>,
) -> Result<T, WriteError> {
    let transaction = Transaction::write(connection)?;
    let outcome = work(&transaction)?;
    transaction.commit()?;
    Ok(outcome)
}

fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked)
    )
}

/// A connection as every user of a store has it.
fn connect(path: &Path, read_only: bool) -> rusqlite::Result<Connection> {
    let access = if read_only { OpenFlags::SQLITE_OPEN_READ_ONLY } else { OpenFlags::SQLITE_OPEN_READ_WRITE };
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // The log stays when the last user goes: a reader that may not create files could not open the store without.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    // Checkpoints are made between transactions and by those who wrote much; a small commit never pays for them.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    // The log is synced by us, see `Durability`; SQLite does it before and after it moves it into the database.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "cache_size", -16_384)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    // Statements are planned once; without this, those that could use a partial index are planned for every value anew.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    if !read_only {
        connection.pragma_update(None, "journal_size_limit", LOG_KEPT_OCTETS)?;
    }
    Ok(connection)
}
