//! Changes the current version in place of writing a new one: rows that are not touched are those of both.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use rusqlite::{OptionalExtension, Transaction};
use tenon_wire::serial::is_newer;
use tenon_wire::{NameRef, RrType};
use tenon_zone::{RdataList, RrsetRef};

use super::block::Neighbours;
use super::lock_file::LockFile;
use super::rows::{Apex, Row, Rows};
use super::step::{Step, StepRecorder};
use super::store::{Durability, Store, WriteError};
use super::writer::{flip, lock_zone, now_usec, soa_serial};
use super::{JournalLimits, clearing, cursor, reading};
use crate::{Error, ZoneChange, ZoneEntry};

/// About what even the smallest change leaves in the log: a dozen pages of the database.
const LEAST_LOGGED: usize = 48 << 10;

/// See [`ZoneChange`].
pub(super) struct Change<'a> {
    store: &'a Store,
    limits: JournalLimits,
    apex: Apex,
    before: ZoneEntry,
    /// What is to be, by place.
    rrsets: BTreeMap<(Vec<u8>, u16), Rows>,
    /// Nobody else writes the zone while it lives. It is there until the end.
    alone: Option<LockFile>,
}

/// Where the rows of a zone are.
#[derive(Clone, Copy, Debug)]
struct Place {
    zone_id: i64,
    base: u64,
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
        let _ = self.store.wrote(LEAST_LOGGED + self.rrsets.values().map(Rows::octets).sum::<usize>());
        Ok(entry)
    }

    /// The serial there will be.
    fn serial(&self) -> Result<u32, Error> {
        let apex = (Vec::new(), RrType::SOA.0);
        let Some(rows) = self.rrsets.get(&apex) else { return Ok(self.before.serial) };
        let rdatas = rows.last().map_or(&[][..], |row| row.rdatas);
        let soa = RdataList::from_packed(rdatas).iter().next().and_then(soa_serial);
        soa.ok_or_else(|| Error::NoSoa { zone: self.before.origin.clone() })
    }

    fn commit_in(&self, transaction: &Transaction<'_>, serial: u32) -> Result<ZoneEntry, WriteError> {
        let place = self.place_in(transaction)?;
        transaction
            .prepare_cached("INSERT INTO versions (zone_id, state, base) VALUES (?1, 'writing', ?2)")?
            .execute((place.zone_id, place.base))?;
        let version = transaction.last_insert_rowid().unsigned_abs();
        let step = Step {
            zone_id: place.zone_id,
            version,
            version_before: self.before.version,
            from_serial: self.before.serial,
            to_serial: serial,
            most_records: if is_newer(serial, self.before.serial) { self.limits.records } else { 0 },
        };
        let mut entry = ZoneEntry { version, serial, committed_usec: now_usec(), ..self.before.clone() };
        let (mut recorder, mut blocks) = (StepRecorder::new(&step), Neighbours::default());
        for rows in self.rrsets.values() {
            if let Some(row) = rows.last() {
                replace(transaction, place, &mut blocks, &row, &mut entry, &mut recorder)?;
            }
            if recorder.is_full() && !recorder.is_too_much() {
                recorder.record(transaction)?;
            }
        }
        if recorder.is_too_much() {
            recorder.give_up();
        }
        recorder.record(transaction)?;
        flip(transaction, place.zone_id, &entry, Some(self.before.version), recorder.outcome(), self.limits)?;
        clearing::clear_at_once(self.store, transaction, self.before.version)?;
        Ok(entry)
    }

    fn place_in(&self, transaction: &Transaction<'_>) -> Result<Place, WriteError> {
        let version = self.before.version;
        let zone_id: Option<i64> = transaction
            .prepare_cached("SELECT zone_id FROM zones WHERE version = ?1")?
            .query_row([version], |row| row.get(0))
            .optional()?;
        match (zone_id, cursor::base_of(transaction, version)?) {
            (Some(zone_id), Some(base)) => Ok(Place { zone_id, base }),
            // Only who holds the zone's lock may have changed it.
            _ => Err(Error::VersionGone { zone: self.before.origin.clone(), version }.into()),
        }
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

    fn set(&mut self, rrset: RrsetRef<'_>) -> Result<(), Error> {
        let (owner, rrtype) = (rrset.owner, rrset.rrtype);
        if !owner.is_at_or_below(self.before.origin.as_ref()) {
            return Err(Error::OutOfZone { owner: owner.to_name(), zone: self.before.origin.clone() });
        }
        if !rrset.rdatas.packed().is_empty() && !rrset.rdatas.is_well_formed() {
            return Err(Error::BadRrset { owner: owner.to_name(), rrtype });
        }
        let mut rows = Rows::default();
        rows.push_rrset(rrset, &self.apex);
        let key = rows.last().map(|row| row.key.to_vec()).unwrap_or_default();
        self.rrsets.insert((key, rrtype.0), rows);
        Ok(())
    }

    fn commit(self: Box<Self>) -> Result<ZoneEntry, Error> {
        self.commit_as(Durability::Synced)
    }

    fn commit_unsynced(self: Box<Self>) -> Result<ZoneEntry, Error> {
        self.commit_as(Durability::Later)
    }
}

/// Puts one RRset in the place of what is there.
fn replace(
    transaction: &Transaction<'_>,
    place: Place,
    blocks: &mut Neighbours,
    new: &Row<'_>,
    entry: &mut ZoneEntry,
    recorder: &mut StepRecorder<'_>,
) -> Result<(), WriteError> {
    let found = find(transaction, place.base, blocks, new)?;
    let old = found.as_ref().and_then(|found| found.rows.last());
    let new = Some(*new).filter(|row| !row.rdatas.is_empty());
    if old == new {
        return Ok(());
    }
    recorder.differ(old, new);
    let records =
        |row: Option<Row<'_>>| row.map_or(0, |row| RdataList::from_packed(row.rdatas).iter().count() as u64);
    entry.records = (entry.records + records(new)).saturating_sub(records(old));
    entry.rrsets = (entry.rrsets + u64::from(new.is_some())).saturating_sub(u64::from(old.is_some()));
    if let (Some(found), Some(old)) = (&found, old) {
        found.end(transaction, place.base, &old, entry.version)?;
    }
    if let Some(new) = new {
        transaction
            .prepare_cached(
                "INSERT INTO rrsets (base, sort_key, type, born, owner, ttl, rdatas)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute((place.base, new.key, new.rrtype, entry.version, new.owner, new.ttl, new.rdatas))?;
    }
    Ok(())
}

/// An RRset of the version before.
struct Found {
    rows: Rows,
    /// The version in which it came; none when a block holds it.
    born: Option<u64>,
}

/// The RRset at the place of `new`.
fn find(
    transaction: &Transaction<'_>,
    base: u64,
    blocks: &mut Neighbours,
    new: &Row<'_>,
) -> rusqlite::Result<Option<Found>> {
    let mut statement = transaction.prepare_cached(
        "SELECT born, owner, ttl, rdatas, died IS NULL FROM rrsets
         WHERE base = ?1 AND sort_key = ?2 AND type = ?3 AND (died IS NULL OR born = 0) ORDER BY born DESC LIMIT 1",
    )?;
    let mut found = statement.query((base, new.key, new.rrtype))?;
    let Some(row) = found.next()? else {
        let rows = blocks.find(transaction, base, new.key, new.rrtype)?;
        return Ok(rows.map(|rows| Found { rows, born: None }));
    };
    if !row.get::<_, bool>(4)? {
        return Ok(None);
    }
    let mut rows = Rows::default();
    rows.push(Row {
        key: new.key,
        rrtype: new.rrtype,
        owner: row.get_ref(1)?.as_str()?,
        ttl: row.get(2)?,
        rdatas: row.get_ref(3)?.as_blob()?,
    });
    Ok(Some(Found { rows, born: Some(row.get(0)?) }))
}

impl Found {
    /// Ends its life with the version before `version`.
    fn end(
        &self,
        transaction: &Transaction<'_>,
        base: u64,
        old: &Row<'_>,
        version: u64,
    ) -> rusqlite::Result<()> {
        let Some(born) = self.born else {
            transaction
                .prepare_cached(
                    "INSERT INTO rrsets (base, sort_key, type, born, died, owner, ttl, rdatas)
                     VALUES (?1, ?2, ?3, 0, ?4, ?5, ?6, ?7)",
                )?
                .execute((base, old.key, old.rrtype, version, old.owner, old.ttl, old.rdatas))?;
            return Ok(());
        };
        transaction
            .prepare_cached(
                "UPDATE rrsets SET died = ?5 WHERE base = ?1 AND sort_key = ?2 AND type = ?3 AND born = ?4",
            )?
            .execute((base, old.key, old.rrtype, born, version))?;
        Ok(())
    }
}
