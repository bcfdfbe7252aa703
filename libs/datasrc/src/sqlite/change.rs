//! Changes the current version in place of writing a new one: rows that are not touched are those of both.
//!
//! Where nobody reads the version before, it is gone with the commit: rows are overwritten, and its number is all that
//! changes in the table of zones. Otherwise its rows stay for who reads them, marked with the version they died in.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use rusqlite::OptionalExtension;
use tenon_wire::serial::is_newer;
use tenon_wire::{NameRef, RrType};
use tenon_zone::{RdataList, RrsetRef};

use super::lock_file::LockFile;
use super::rows::{Apex, Row, Rows};
use super::step::{Step, StepRecorder};
use super::store::{Durability, Store, WriteError};
use super::transaction::Transaction;
use super::version::{new_current_number, retire_current};
use super::writer::{lock_zone, now_usec, soa_serial, update_zone};
use super::{JournalLimits, clearing, reading};
use crate::{Error, ZoneChange, ZoneEntry, sort_key};

/// About what even the smallest change leaves in the log: a few pages of the database.
const LEAST_LOGGED: usize = 32 << 10;

/// See [`ZoneChange`].
pub(super) struct Change<'a> {
    store: &'a Store,
    limits: JournalLimits,
    apex: Apex,
    before: ZoneEntry,
    /// What was and what is to be, by place.
    rrsets: BTreeMap<(Vec<u8>, u16), Replacement>,
    /// Nobody else writes the zone while it lives. It is there until the end.
    alone: Option<LockFile>,
}

/// An RRset in the place of another one.
#[derive(Debug)]
struct Replacement {
    rows: Rows,
    had: bool,
    has: bool,
}

/// Where the rows of a zone are.
#[derive(Clone, Copy, Debug)]
struct Place {
    zone_id: i64,
    base: u64,
    /// Whether the version before goes with this change.
    is_overwritten: bool,
}

impl<'a> Change<'a> {
    pub(super) fn begin(store: &'a Store, limits: JournalLimits, origin: NameRef<'_>) -> Result<Self, Error> {
        let alone = Some(lock_zone(store, origin)?);
        let before = reading::zone(store, origin)?;
        let before = before.ok_or_else(|| Error::NoZone { zone: origin.to_name() })?;
        let apex = Apex::new(before.origin.as_ref());
        Ok(Self { store, limits, apex, before, rrsets: BTreeMap::new(), alone })
    }

    fn commit_as(&self, durability: Durability) -> Result<ZoneEntry, Error> {
        let serial = self.serial()?;
        let entry = self.store.write(durability, |transaction| self.commit_in(transaction, serial))?;
        // The change is there whatever becomes of the log now.
        let octets = self.rrsets.values().map(|replacement| replacement.rows.octets()).sum::<usize>();
        let _ = self.store.wrote(LEAST_LOGGED + octets);
        Ok(entry)
    }

    /// The serial there will be.
    fn serial(&self) -> Result<u32, Error> {
        let Some(replacement) = self.rrsets.get(&(Vec::new(), RrType::SOA.0)) else {
            return Ok(self.before.serial);
        };
        let rdatas = replacement.after().map_or(&[][..], |row| row.rdatas);
        let soa = RdataList::from_packed(rdatas).iter().next().and_then(soa_serial);
        soa.ok_or_else(|| Error::NoSoa { zone: self.before.origin.clone() })
    }

    fn commit_in(&self, transaction: &Transaction<'_>, serial: u32) -> Result<ZoneEntry, WriteError> {
        let place = self.place_in(transaction)?;
        let version = new_current_number(transaction)?;
        let before = &self.before;
        let step = Step {
            zone_id: place.zone_id,
            version,
            version_before: before.version,
            from_serial: before.serial,
            to_serial: serial,
            most_records: if is_newer(serial, before.serial) { self.limits.records } else { 0 },
        };
        let mut entry = ZoneEntry { version, serial, committed_usec: now_usec(), ..before.clone() };
        let mut recorder = StepRecorder::new(&step);
        let mut insert = transaction.prepare_cached(
            "INSERT INTO rrsets (base, sort_key, type, born, owner, ttl, rdatas)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?;
        for replacement in self.rrsets.values().filter(|replacement| replacement.is_change()) {
            if replacement.make_room(transaction, place, version)?
                && let Some(new) = replacement.after()
            {
                insert.execute((place.base, new.key, new.rrtype, version, new.owner, new.ttl, new.rdatas))?;
            }
            replacement.count(&mut entry);
            recorder.differ(replacement.before(), replacement.after());
            if recorder.is_full() && !recorder.is_too_much() {
                recorder.record(transaction)?;
            }
        }
        if recorder.is_too_much() {
            recorder.give_up();
        }
        recorder.finish(transaction)?.settle(transaction, &step, self.limits)?;
        if place.is_overwritten {
            update_zone(transaction, place.zone_id, &entry, place.base)?;
        } else {
            retire_current(transaction, place.zone_id)?;
            update_zone(transaction, place.zone_id, &entry, place.base)?;
            clearing::clear_at_once(self.store, transaction, before.version)?;
        }
        Ok(entry)
    }

    fn place_in(&self, transaction: &Transaction<'_>) -> Result<Place, WriteError> {
        let version = self.before.version;
        let found: Option<(i64, u64)> = transaction
            .prepare_cached("SELECT zone_id, base FROM zones WHERE sort_key = ?1 AND version = ?2")?
            .query_row((sort_key::of(self.before.origin.as_ref()), version), |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()?;
        // Only who holds the zone's lock may have changed it.
        let (zone_id, base) =
            found.ok_or_else(|| Error::VersionGone { zone: self.before.origin.clone(), version })?;
        let is_overwritten = clearing::is_last(self.store, transaction, base, version)?;
        Ok(Place { zone_id, base, is_overwritten })
    }
}

impl Drop for Change<'_> {
    fn drop(&mut self) {
        // Changes come one upon the other: making and removing a file for each would cost the disk as much as the change.
        let parked = self.alone.take().and_then(LockFile::park);
        *self.store.parked.lock().unwrap_or_else(PoisonError::into_inner) = parked;
    }
}

impl ZoneChange for Change<'_> {
    fn before(&self) -> &ZoneEntry {
        &self.before
    }

    fn replace(&mut self, before: Option<RrsetRef<'_>>, after: Option<RrsetRef<'_>>) -> Result<(), Error> {
        let mut rows = Rows::default();
        for rrset in before.iter().chain(&after) {
            let (owner, rrtype) = (rrset.owner, rrset.rrtype);
            if !owner.is_at_or_below(self.before.origin.as_ref()) {
                return Err(Error::OutOfZone { owner: owner.to_name(), zone: self.before.origin.clone() });
            }
            if rrset.rdatas.packed().is_empty() || !rrset.rdatas.is_well_formed() {
                return Err(Error::BadRrset { owner: owner.to_name(), rrtype });
            }
            rows.push_rrset(*rrset, &self.apex);
        }
        let (had, has) = (before.is_some(), after.is_some());
        let Some(place) = rows.last().map(|row| (row.key.to_vec(), row.rrtype)) else { return Ok(()) };
        let replacement = Replacement { rows, had, has };
        if let (Some(before), Some(after)) = (replacement.before(), replacement.after())
            && before.place() != after.place()
        {
            let rrtype = RrType(after.rrtype);
            return Err(Error::BadRrset { owner: self.before.origin.clone(), rrtype });
        }
        self.rrsets.insert(place, replacement);
        Ok(())
    }

    fn commit(self: Box<Self>) -> Result<ZoneEntry, Error> {
        self.commit_as(Durability::Synced)
    }

    fn commit_unsynced(self: Box<Self>) -> Result<ZoneEntry, Error> {
        self.commit_as(Durability::Later)
    }
}

impl Replacement {
    fn before(&self) -> Option<Row<'_>> {
        self.rows.get(0).filter(|_| self.had)
    }

    fn after(&self) -> Option<Row<'_>> {
        self.rows.last().filter(|_| self.has)
    }

    fn is_change(&self) -> bool {
        self.before().map(|row| (row.ttl, row.rdatas)) != self.after().map(|row| (row.ttl, row.rdatas))
    }

    /// Counts it in the numbers of its zone.
    fn count(&self, entry: &mut ZoneEntry) {
        let records = |row: Option<Row<'_>>| {
            row.map_or(0, |row| RdataList::from_packed(row.rdatas).iter().count() as u64)
        };
        entry.records = (entry.records + records(self.after())).saturating_sub(records(self.before()));
        entry.rrsets = (entry.rrsets + u64::from(self.has)).saturating_sub(u64::from(self.had));
    }

    /// Takes what was before out of the way; false when what comes after is in its place already.
    fn make_room(&self, transaction: &Transaction<'_>, place: Place, version: u64) -> rusqlite::Result<bool> {
        let Some(before) = self.before() else { return Ok(true) };
        if let (Some(after), true) = (self.after(), place.is_overwritten)
            && overwrite(transaction, place.base, &after)?
        {
            return Ok(false);
        }
        end(transaction, place, &before, version)?;
        Ok(true)
    }
}

/// Puts an RRset into the row of the one before it; false when that is in a block.
fn overwrite(transaction: &Transaction<'_>, base: u64, new: &Row<'_>) -> rusqlite::Result<bool> {
    let rows = transaction
        .prepare_cached(
            "UPDATE rrsets SET owner = ?4, ttl = ?5, rdatas = ?6
             WHERE base = ?1 AND sort_key = ?2 AND type = ?3 AND died IS NULL",
        )?
        .execute((base, new.key, new.rrtype, new.owner, new.ttl, new.rdatas))?;
    Ok(rows > 0)
}

/// Ends the life of an RRset with the version before `version`.
fn end(transaction: &Transaction<'_>, place: Place, old: &Row<'_>, version: u64) -> rusqlite::Result<()> {
    let base = place.base;
    let rows = if place.is_overwritten {
        transaction
            .prepare_cached(
                "DELETE FROM rrsets WHERE base = ?1 AND sort_key = ?2 AND type = ?3 AND died IS NULL",
            )?
            .execute((base, old.key, old.rrtype))?
    } else {
        transaction
            .prepare_cached(
                "UPDATE rrsets SET died = ?4 WHERE base = ?1 AND sort_key = ?2 AND type = ?3 AND died IS NULL",
            )?
            .execute((base, old.key, old.rrtype, version))?
    };
    if rows > 0 {
        return Ok(());
    }
    // A block holds it, which a row must hide: with what is there for who reads the version before, if anybody does.
    let (died, rdatas) = if place.is_overwritten { (0, &[][..]) } else { (version, old.rdatas) };
    transaction
        .prepare_cached(
            "INSERT INTO rrsets (base, sort_key, type, born, died, owner, ttl, rdatas)
             VALUES (?1, ?2, ?3, 0, ?4, ?5, ?6, ?7)",
        )?
        .execute((base, old.key, old.rrtype, died, old.owner, old.ttl, rdatas))?;
    Ok(())
}
