//! What every data source offers, whatever engine is below.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use tenon_wire::{Name, NameRef};
use tenon_zone::RrsetRef;

use crate::{Error, JournalCoverage, JournalEvent};

/// The current version of one zone, as the store lists it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ZoneEntry {
    /// Name of the apex, as written.
    pub origin: Name,
    /// Number of the version: unique in the store, and higher than that of every earlier commit.
    pub version: u64,
    /// Serial of its SOA.
    pub serial: u32,
    /// How many RRsets it has.
    pub rrsets: u64,
    /// How many records those hold.
    pub records: u64,
    /// When it was committed, in microseconds since 1970.
    pub committed_usec: u64,
}

/// A version that is being written and has grown large already.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Coming {
    /// Name of the apex.
    pub origin: Name,
    /// Number of the version, if it is ever committed.
    pub version: u64,
}

/// A store of zones. All methods may be called from several threads; each call is short but for [`Self::read`],
/// [`Self::journal`] and [`Self::clear_leftovers`], and none holds a lock while a visitor runs.
pub trait DataSource: Send + Sync {
    /// At most `limit` zones in canonical order of their names, from the first one behind `after`.
    ///
    /// # Errors
    /// Any [`Error`] of reading.
    fn zones(&self, after: Option<NameRef<'_>>, limit: usize) -> Result<Vec<ZoneEntry>, Error>;

    /// The zone whose apex is `origin`.
    ///
    /// # Errors
    /// Any [`Error`] of reading.
    fn zone(&self, origin: NameRef<'_>) -> Result<Option<ZoneEntry>, Error>;

    /// Shows every RRset of that version to `visit`, owners in canonical order and types by number, until it breaks.
    ///
    /// A version being read is kept by engines that can; a reader that may not write beside the store has no way
    /// to say that it reads.
    ///
    /// # Errors
    /// [`Error::VersionGone`] when the version was replaced and is being cleared; any [`Error`] of reading.
    fn read(
        &self,
        entry: &ZoneEntry,
        visit: &mut dyn FnMut(RrsetRef<'_>) -> ControlFlow<()>,
    ) -> Result<(), Error>;

    /// The version of a zone that is being written, if there is one of which others can see a part by now.
    ///
    /// # Errors
    /// Any [`Error`] of reading.
    fn coming(&self, origin: NameRef<'_>) -> Result<Option<Coming>, Error>;

    /// As [`Self::read`], of a version that is being written: shows what is there, and the rest as it comes; gives what
    /// it is listed as when it was committed. `wait` is called when nothing more is there yet; when that or `visit`
    /// breaks, there is none.
    ///
    /// # Errors
    /// [`Error::VersionGone`] when it was given up, or committed and replaced; any [`Error`] of reading.
    fn follow(
        &self,
        coming: &Coming,
        wait: &mut dyn FnMut() -> ControlFlow<()>,
        visit: &mut dyn FnMut(RrsetRef<'_>) -> ControlFlow<()>,
    ) -> Result<Option<ZoneEntry>, Error>;

    /// Shows the RRsets of names of that version to `visit`, name by name, types by number; of a name that has no records
    /// none.
    ///
    /// # Errors
    /// As [`Self::read`].
    fn rrsets_of(
        &self,
        entry: &ZoneEntry,
        owners: &[NameRef<'_>],
        visit: &mut dyn FnMut(RrsetRef<'_>),
    ) -> Result<(), Error>;

    /// As [`Self::rrsets_of`] one name.
    ///
    /// # Errors
    /// As [`Self::read`].
    fn rrsets_at(
        &self,
        entry: &ZoneEntry,
        owner: NameRef<'_>,
        visit: &mut dyn FnMut(RrsetRef<'_>),
    ) -> Result<(), Error> {
        self.rrsets_of(entry, &[owner], visit)
    }

    /// Whether that version has records below `owner`, which is at or below the apex.
    ///
    /// # Errors
    /// As [`Self::read`].
    fn has_names_below(&self, entry: &ZoneEntry, owner: NameRef<'_>) -> Result<bool, Error>;

    /// Begins a new version of a zone beside the current one, or of a zone that is not there yet.
    ///
    /// # Errors
    /// [`Error::ZoneBusy`] while another writer is at work on the same zone; any [`Error`] of writing.
    fn begin(&self, origin: NameRef<'_>) -> Result<Box<dyn ZoneWriter + '_>, Error>;

    /// Begins new versions of several small zones, which become current together.
    fn begin_together(&self) -> Box<dyn ZonesWriter + '_>;

    /// Begins a change of the current version of a zone: what is not named stays as it is.
    ///
    /// # Errors
    /// [`Error::NoZone`]; as [`Self::begin`].
    fn change(&self, origin: NameRef<'_>) -> Result<Box<dyn ZoneChange + '_>, Error>;

    /// Keeps a version from being cleared while it is read in several calls, until the lease is dropped.
    ///
    /// # Errors
    /// [`Error::VersionGone`]; any [`Error`] of reading.
    fn lease(&self, entry: &ZoneEntry) -> Result<Lease, Error>;

    /// Removes a zone, its current version and its journal; false when there is none.
    ///
    /// # Errors
    /// As [`Self::begin`].
    fn remove(&self, origin: NameRef<'_>) -> Result<bool, Error>;

    /// A number that differs after a commit or removal by anyone.
    ///
    /// # Errors
    /// [`Error::Replaced`] when the store's file is no longer the one that was opened: open it again.
    fn change_counter(&self) -> Result<u64, Error>;

    /// Shows the differences that lead from `from_serial` to the current version, oldest first.
    ///
    /// # Errors
    /// [`Error::VersionGone`] when they were dropped while being read; any [`Error`] of reading.
    fn journal(
        &self,
        origin: NameRef<'_>,
        from_serial: u32,
        visit: &mut dyn FnMut(JournalEvent<'_>) -> ControlFlow<()>,
    ) -> Result<JournalCoverage, Error>;

    /// The names whose records differ between the version numbered `since` and that of `entry`, as far as the journal
    /// knows; none when it does not reach back, or when they are more than `limit`.
    ///
    /// # Errors
    /// Any [`Error`] of reading.
    fn changed_names(
        &self,
        entry: &ZoneEntry,
        since: u64,
        limit: usize,
    ) -> Result<Option<BTreeSet<Name>>, Error>;

    /// Returns when every commit before is on the disk, those by [`ZoneWriter::commit_unsynced`] too.
    ///
    /// # Errors
    /// Any [`Error`] of writing.
    fn sync(&self) -> Result<(), Error>;

    /// Clears what writers that died left behind and replaced versions that nobody reads any more; gives how many
    /// versions went. Versions that a living writer is writing stay.
    ///
    /// # Errors
    /// Any [`Error`] of writing.
    fn clear_leftovers(&self) -> Result<u64, Error>;
}

/// Held as long as a version is read; see [`DataSource::lease`].
pub struct Lease(#[expect(dead_code, reason = "it only has to be there")] pub(crate) Option<Box<dyn Send>>);

impl std::fmt::Debug for Lease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Lease")
    }
}

/// A change of a zone's current version, held in memory until it is committed. Dropping it changes nothing.
pub trait ZoneChange {
    /// The version that is being changed. Nobody else writes the zone meanwhile.
    fn before(&self) -> &ZoneEntry;

    /// Puts an RRset in the place of the one that the version has there; none: there was or there is to be nothing. Each place
    /// comes once. What was before is believed.
    ///
    /// # Errors
    /// [`Error::OutOfZone`], [`Error::BadRrset`].
    fn replace(&mut self, before: Option<RrsetRef<'_>>, after: Option<RrsetRef<'_>>) -> Result<(), Error>;

    /// Makes the change a new version and that the current one, durably, and notes it in the journal, if the SOA's serial
    /// is a newer one.
    ///
    /// # Errors
    /// [`Error::NoSoa`]; any [`Error`] of writing. The version before stays the current one.
    fn commit(self: Box<Self>) -> Result<ZoneEntry, Error>;

    /// As [`Self::commit`], visible at once but not waiting for the disk; see [`ZoneWriter::commit_unsynced`].
    ///
    /// # Errors
    /// As [`Self::commit`].
    fn commit_unsynced(self: Box<Self>) -> Result<ZoneEntry, Error>;
}

/// Versions of several zones being written. Dropping it abandons them all and leaves nothing behind.
pub trait ZonesWriter {
    /// Adds a zone, whose RRsets `fill` puts.
    ///
    /// # Errors
    /// Those of [`DataSource::begin`] and of `fill`; the zone is not among the others then.
    fn add(
        &mut self,
        origin: NameRef<'_>,
        fill: &mut dyn FnMut(&mut dyn ZoneWriter) -> Result<(), Error>,
    ) -> Result<(), Error>;

    /// Makes each the current version of its zone, in as few transactions as is good; as
    /// [`ZoneWriter::commit_unsynced`]. What became of each, in the order of adding.
    fn commit_unsynced(self: Box<Self>) -> Vec<Result<ZoneEntry, Error>>;
}

/// A version being written. Dropping it abandons the version and leaves nothing behind.
pub trait ZoneWriter {
    /// Adds an RRset. Owners come in canonical order, types by number, no pair of both twice.
    ///
    /// # Errors
    /// [`Error::OutOfOrder`], [`Error::OutOfZone`], [`Error::BadRrset`]; any [`Error`] of writing.
    fn put(&mut self, rrset: RrsetRef<'_>) -> Result<(), Error>;

    /// Shows what was put so far to `visit`, in its order, until it breaks.
    ///
    /// # Errors
    /// Any [`Error`] of writing or reading.
    fn read_back(&mut self, visit: &mut dyn FnMut(RrsetRef<'_>) -> ControlFlow<()>) -> Result<(), Error>;

    /// Makes the version the current one, durably, and notes in the journal how it differs from the one before.
    ///
    /// # Errors
    /// [`Error::NoSoa`]; any [`Error`] of writing. The version before stays the current one.
    fn commit(self: Box<Self>) -> Result<ZoneEntry, Error>;

    /// As [`Self::commit`], visible at once but not waiting for the disk: after a power failure the version before may
    /// be the current one again, until [`DataSource::sync`] returned. For many small zones one after the other.
    ///
    /// # Errors
    /// As [`Self::commit`].
    fn commit_unsynced(self: Box<Self>) -> Result<ZoneEntry, Error>;
}
