//! Zones in one SQLite file: the default engine.
//!
//! One file for each class of writer (primary zones, say), which everybody in the store's group may open. Its schema,
//! `sqlite/schema.sql`, is meant to be read with `sqlite3` too. Around the file lie
//!
//! * `zones.sqlite-wal`, `zones.sqlite-shm`: SQLite's own; they stay when the last user goes;
//! * `zones.lock`, `zones.lock.next`: where writers queue, see `turnstile.rs`;
//! * `zones.writing.ZONE`: held by the one writer of that zone while it lives. Rows of a version without such a
//!   holder are leftovers. A second writer of the same zone waits half a second and is then refused;
//! * `zones.reading.VERSION`: shared by the readers of a version, so that it is not cleared under them.
//!
//! # How a version comes and goes
//! A large zone is written under the number of a version that is not current, as blocks of many RRsets each (`block.rs`), in
//! batches of at most 25 ms, each in its turn and not synced. One short transaction, synced (and with it, since the log is written in order, all batches before it),
//! makes the version the zone's current one, and lists the one before it as `replaced`. A small zone takes this one transaction alone, and has a row for each RRset.
//! [`DataSource::clear_leftovers`] deletes replaced versions, and whatever killed writers left, in batches as short;
//! call it after announcing a commit, not before.
//!
//! A change of few RRsets makes a version too, but writes what changed only: the rows of a version are those of its *base*,
//! the one that was written as a whole, as far as they were born by then and had not died. What died goes when no version
//! before is read any more. A block is never changed: a row takes the place of an RRset in it from the change on.
//!
//! # Limits
//! Every batch and page is bounded (about 1 MiB, 8192 rows), so memory does not grow with a zone. The file does not
//! shrink: room of cleared versions is used again. The journal is bounded by [`JournalLimits`].

mod block;
mod change;
mod clearing;
mod create;
mod cursor;
mod difference;
mod fault;
mod following;
mod journal;
mod lock_file;
mod points;
mod reading;
mod rows;
mod settling;
mod step;
mod store;
#[cfg(test)]
mod tests;
mod together;
mod transaction;
mod turnstile;
mod version;
mod writer;

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::Path;

use rusqlite::OptionalExtension;
use tenon_wire::{Name, NameRef};
use tenon_zone::RrsetRef;

use self::store::{Durability, Store};
use self::together::Together;
use self::writer::Writer;
use crate::{
    Coming, DataSource, Error, JournalCoverage, JournalEvent, Lease, ZoneChange, ZoneEntry, ZoneWriter,
    ZonesWriter, sort_key,
};

/// What the opener of a store will do with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Look only; works without permission to write the file or its directory.
    ReadOnly,
    /// Look and write; the store must be there.
    ReadWrite,
    /// Look and write; an empty store is made where there is none.
    Create,
}

/// How much of the past the journal of one zone keeps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct JournalLimits {
    /// Most records, deleted and added, in all steps together; a longer step is not kept at all. As with steps, a journal
    /// grows by a sixteenth more before it is cut back.
    pub records: u64,
    /// Most steps.
    pub steps: u64,
}

impl Default for JournalLimits {
    fn default() -> Self {
        Self { records: 500_000, steps: 10_000 }
    }
}

/// A store in an SQLite file. Threads that write at the same time should each open their own.
#[derive(Debug)]
pub struct SqliteSource {
    store: Store,
    limits: JournalLimits,
}

impl SqliteSource {
    /// Opens the store at `path`.
    ///
    /// # Errors
    /// [`Error::NoStore`], [`Error::NotAStore`], [`Error::NewerFormat`], [`Error::Damaged`], [`Error::Denied`].
    pub fn open(path: &Path, access: Access) -> Result<Self, Error> {
        Ok(Self { store: Store::open(path, access)?, limits: JournalLimits::default() })
    }

    /// The same store with other limits for the journals of the versions it will commit.
    #[must_use]
    pub fn with_journal_limits(self, limits: JournalLimits) -> Self {
        Self { limits, ..self }
    }

    /// The same store, whose commits are durable only after the next [`Self::sync`]: for loading many small zones, each
    /// of which would otherwise wait for the disk. What a power cut takes is whole versions, the last ones first.
    #[must_use]
    pub fn with_deferred_sync(mut self) -> Self {
        self.store.defer_sync();
        self
    }

    /// Whether the path still leads to the file that was opened; another one must be opened anew.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.store.check_identity().is_ok()
    }

    /// Makes all commits so far durable.
    ///
    /// # Errors
    /// Any [`Error`] of writing.
    pub fn sync(&self) -> Result<(), Error> {
        self.store.sync()
    }
}

impl DataSource for SqliteSource {
    fn zones(&self, after: Option<NameRef<'_>>, limit: usize) -> Result<Vec<ZoneEntry>, Error> {
        reading::zones(&self.store, after, limit)
    }

    fn zone(&self, origin: NameRef<'_>) -> Result<Option<ZoneEntry>, Error> {
        reading::zone(&self.store, origin)
    }

    fn read(
        &self,
        entry: &ZoneEntry,
        visit: &mut dyn FnMut(RrsetRef<'_>) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        reading::version(&self.store, entry, visit)
    }

    fn coming(&self, origin: NameRef<'_>) -> Result<Option<Coming>, Error> {
        following::coming(&self.store, origin)
    }

    fn follow(
        &self,
        coming: &Coming,
        wait: &mut dyn FnMut() -> ControlFlow<()>,
        visit: &mut dyn FnMut(RrsetRef<'_>) -> ControlFlow<()>,
    ) -> Result<Option<ZoneEntry>, Error> {
        following::follow(&self.store, coming, wait, visit)
    }

    fn rrsets_of(
        &self,
        entry: &ZoneEntry,
        owners: &[NameRef<'_>],
        visit: &mut dyn FnMut(RrsetRef<'_>),
    ) -> Result<(), Error> {
        reading::rrsets_of(&self.store, entry, owners, visit)
    }

    fn has_names_below(&self, entry: &ZoneEntry, owner: NameRef<'_>) -> Result<bool, Error> {
        reading::has_names_below(&self.store, entry, owner)
    }

    fn begin(&self, origin: NameRef<'_>) -> Result<Box<dyn ZoneWriter + '_>, Error> {
        Ok(Box::new(Writer::begin(&self.store, self.limits, origin)?))
    }

    fn begin_together(&self) -> Box<dyn ZonesWriter + '_> {
        Box::new(Together::begin(&self.store, self.limits))
    }

    fn change(&self, origin: NameRef<'_>) -> Result<Box<dyn ZoneChange + '_>, Error> {
        Ok(Box::new(change::Change::begin(&self.store, self.limits, origin)?))
    }

    fn lease(&self, entry: &ZoneEntry) -> Result<Lease, Error> {
        reading::lease(&self.store, entry)
    }

    fn remove(&self, origin: NameRef<'_>) -> Result<bool, Error> {
        let _alone = writer::lock_zone(&self.store, origin)?;
        let key = sort_key::of(origin);
        self.store.write(Durability::Synced, |transaction| {
            let found: Option<i64> = transaction
                .query_row(
                    "SELECT zone_id FROM zones WHERE sort_key = ?1 AND version IS NOT NULL",
                    [&key],
                    |row| row.get(0),
                )
                .optional()?;
            let Some(zone_id) = found else { return Ok(false) };
            version::retire_current(transaction, zone_id)?;
            settling::drop_all(transaction, zone_id)?;
            transaction.execute("DELETE FROM zones WHERE zone_id = ?1", [zone_id])?;
            transaction.execute("UPDATE store SET changes = changes + 1", [])?;
            Ok(true)
        })
    }

    fn change_counter(&self) -> Result<u64, Error> {
        self.store.check_identity()?;
        self.store.read(|connection| {
            connection.prepare_cached("SELECT changes FROM store")?.query_row([], |row| row.get(0))
        })
    }

    fn journal(
        &self,
        origin: NameRef<'_>,
        from_serial: u32,
        visit: &mut dyn FnMut(JournalEvent<'_>) -> ControlFlow<()>,
    ) -> Result<JournalCoverage, Error> {
        journal::differences(&self.store, origin, from_serial, visit)
    }

    fn changed_names(
        &self,
        entry: &ZoneEntry,
        since: u64,
        limit: usize,
    ) -> Result<Option<BTreeSet<Name>>, Error> {
        journal::changed_names(&self.store, entry, since, limit)
    }

    fn sync(&self) -> Result<(), Error> {
        self.store.sync()
    }

    fn clear_leftovers(&self) -> Result<u64, Error> {
        clearing::clear_leftovers(&self.store)
    }
}
