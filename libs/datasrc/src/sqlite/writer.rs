//! Writes one version of a zone: in batches beside the current one, then one transaction that makes it visible.

use std::ops::ControlFlow;
use std::sync::PoisonError;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rusqlite::OptionalExtension;
use tenon_wire::serial::is_newer;
use tenon_wire::{NameRef, RrType};
use tenon_zone::RrsetRef;

use super::block::{Block, Blocks};
use super::clearing;
use super::cursor::Cursor;
use super::difference::Difference;
use super::lock_file::LockFile;
use super::rows::{Apex, Row, Rows};
use super::step::{Outcome, Step};
use super::store::{Durability, Store, WriteError};
use super::transaction::Transaction;
use super::version::{Version, new_number, retire_current, unlist};
use super::{JournalLimits, fault, reading};
use crate::{Error, ZoneEntry, ZoneWriter, sort_key};

/// Longest time one batch holds the turn to write, so longest that another writer waits for it.
const BATCH_TIME: Duration = Duration::from_millis(25);
/// A version no larger than this is compared with and cleared inside the one transaction that replaces it.
const SMALL_RRSETS: u64 = 8192;
/// How long to wait for another writer of the same zone, who may be just cleaning up, before refusing.
const ZONE_WAIT: Duration = Duration::from_millis(500);

/// See [`ZoneWriter`].
pub(super) struct Writer<'a> {
    store: &'a Store,
    limits: JournalLimits,
    apex: Apex,
    /// Tells others that the rows of this version are not a leftover.
    alive: LockFile,
    /// What was put and is not in the database yet, as long as nothing is.
    pending: Rows,
    /// The version in the database, once there is one.
    begun: Option<Begun>,
    /// What was put since and is not in the database yet.
    blocks: Blocks,
    /// Place of the last RRset that was put.
    last: Option<(Vec<u8>, u16)>,
    /// Key and owner of the one that is being put.
    key: Vec<u8>,
    owner: String,
    serial: Option<u32>,
    rrsets: u64,
    records: u64,
}

#[derive(Clone, Copy, Debug)]
struct Begun {
    zone_id: i64,
    version: u64,
}

/// The version that is about to be replaced.
#[derive(Clone, Copy, Debug)]
struct Before {
    version: u64,
    serial: u32,
    rrsets: u64,
}

/// What one needs to commit in one transaction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ready {
    serial: u32,
    before: Option<Before>,
}

impl<'a> Writer<'a> {
    pub(super) fn begin(store: &'a Store, limits: JournalLimits, origin: NameRef<'_>) -> Result<Self, Error> {
        Ok(Self {
            alive: lock_zone(store, origin)?,
            store,
            limits,
            apex: Apex::new(origin),
            pending: Rows::default(),
            begun: None,
            blocks: Blocks::default(),
            last: None,
            key: Vec::new(),
            owner: String::new(),
            serial: None,
            rrsets: 0,
            records: 0,
        })
    }

    /// Writes all that is pending as blocks, in as many transactions as it takes to keep each one short.
    fn flush(&mut self) -> Result<(), Error> {
        for row in (0..self.pending.len()).filter_map(|at| self.pending.get(at)) {
            self.blocks.push(&row);
        }
        self.pending.clear();
        let mut written = 0;
        while let Some(left @ [_, ..]) = self.blocks.all().get(written..) {
            let (begun, now_written) = self.store.write(Durability::Later, |transaction| {
                let begun = self.begun_in(transaction)?;
                Ok((begun, insert_blocks(transaction, begun.version, left)?))
            })?;
            self.begun = Some(begun);
            written += now_written;
        }
        let octets = self.blocks.octets();
        self.blocks.clear();
        self.store.wrote(octets)
    }

    /// The version in the database; makes it where there is none yet.
    fn begun_in(&self, transaction: &Transaction<'_>) -> Result<Begun, WriteError> {
        if let Some(begun) = self.begun {
            return Ok(begun);
        }
        let key = sort_key::of(self.apex.origin.as_ref());
        transaction
            .prepare_cached(
                "INSERT INTO zones (name, sort_key) VALUES (?1, ?2) ON CONFLICT (sort_key) DO NOTHING",
            )?
            .execute((self.apex.origin.to_string(), &key))?;
        let zone_id: i64 = transaction
            .prepare_cached("SELECT zone_id FROM zones WHERE sort_key = ?1")?
            .query_row([&key], |row| row.get(0))?;
        let version = new_number(transaction)?;
        transaction
            .prepare_cached(
                "INSERT INTO versions (version, zone_id, state, base) VALUES (?1, ?2, 'writing', ?1)",
            )?
            .execute((version, zone_id))?;
        Ok(Begun { zone_id, version })
    }

    fn before(&self) -> Result<Option<Before>, Error> {
        let key = sort_key::of(self.apex.origin.as_ref());
        self.store.read(|connection| {
            let sql = "SELECT version, serial, rrsets FROM zones WHERE sort_key = ?1 AND version IS NOT NULL";
            let read = |row: &rusqlite::Row<'_>| {
                Ok(Before { version: row.get(0)?, serial: row.get(1)?, rrsets: row.get(2)? })
            };
            connection.prepare_cached(sql)?.query_row([key], read).optional()
        })
    }

    fn entry(&self, begun: Begun, serial: u32) -> ZoneEntry {
        ZoneEntry {
            origin: self.apex.origin.clone(),
            version: begun.version,
            serial,
            rrsets: self.rrsets,
            records: self.records,
            committed_usec: now_usec(),
        }
    }

    /// Octets that were put and are not in the database yet.
    pub(super) fn pending_octets(&self) -> usize {
        self.pending.octets()
    }

    pub(super) fn commit_as(&mut self, durability: Durability) -> Result<ZoneEntry, Error> {
        let ready = self.ready()?;
        let entry = if self.is_small(&ready) {
            self.store.write(durability, |transaction| self.commit_in(transaction, &ready))?
        } else {
            self.commit_in_batches(ready, durability)?
        };
        self.begun = None;
        // The version is there whatever becomes of the log now.
        let _ = self.store.wrote(self.pending.octets());
        Ok(entry)
    }

    fn ready(&self) -> Result<Ready, Error> {
        let Some(serial) = self.serial else { return Err(Error::NoSoa { zone: self.apex.origin.clone() }) };
        Ok(Ready { serial, before: self.before()? })
    }

    fn is_small(&self, ready: &Ready) -> bool {
        self.begun.is_none() && ready.before.is_none_or(|before| before.rrsets <= SMALL_RRSETS)
    }

    /// What [`Self::commit_in`] needs; none for a zone that is too large for it.
    pub(super) fn ready_at_once(&self) -> Result<Option<Ready>, Error> {
        self.ready().map(|ready| self.is_small(&ready).then_some(ready))
    }

    /// Everything in one transaction: what a small zone costs is one sync.
    pub(super) fn commit_in(
        &self,
        transaction: &Transaction<'_>,
        ready: &Ready,
    ) -> Result<ZoneEntry, WriteError> {
        let Ready { serial, before } = *ready;
        let begun = self.begun_in(transaction)?;
        insert(transaction, begun.version, &self.pending)?;
        let step = before.map(|before| self.step(begun, serial, before));
        let outcome = match &step {
            Some(step) => Difference::new(step, self.apex.origin.as_ref()).run_in(transaction)?,
            None => Outcome::Same,
        };
        let entry = self.entry(begun, serial);
        flip(transaction, begun.zone_id, &entry)?;
        if let Some(step) = &step {
            outcome.settle(transaction, step, self.limits)?;
            clearing::clear_at_once(self.store, transaction, step.version_before)?;
        }
        Ok(entry)
    }

    fn commit_in_batches(&mut self, ready: Ready, durability: Durability) -> Result<ZoneEntry, Error> {
        let Ready { serial, before } = ready;
        self.flush()?;
        let Some(begun) = self.begun else { return Err(Error::NoSoa { zone: self.apex.origin.clone() }) };
        let step = before.map(|before| self.step(begun, serial, before));
        let outcome = match &step {
            Some(step) => Difference::new(step, self.apex.origin.as_ref()).run_in_batches(self.store)?,
            None => Outcome::Same,
        };
        let entry = self.entry(begun, serial);
        self.store.write(durability, |transaction| {
            flip(transaction, begun.zone_id, &entry)?;
            step.as_ref().map_or(Ok(()), |step| outcome.settle(transaction, step, self.limits))
        })?;
        Ok(entry)
    }

    fn step(&self, begun: Begun, serial: u32, before: Before) -> Step {
        Step {
            zone_id: begun.zone_id,
            version: begun.version,
            version_before: before.version,
            from_serial: before.serial,
            to_serial: serial,
            most_records: if is_newer(serial, before.serial) { self.limits.records } else { 0 },
        }
    }
}

impl ZoneWriter for Writer<'_> {
    fn put(&mut self, rrset: RrsetRef<'_>) -> Result<(), Error> {
        let (owner, rrtype) = (rrset.owner, rrset.rrtype);
        if !owner.is_at_or_below(self.apex.origin.as_ref()) {
            return Err(Error::OutOfZone { owner: owner.to_name(), zone: self.apex.origin.clone() });
        }
        if !rrset.rdatas.is_well_formed() {
            return Err(Error::BadRrset { owner: owner.to_name(), rrtype });
        }
        self.key.clear();
        sort_key::append(owner, self.apex.labels, &mut self.key);
        let (last_key, last_type) = self.last.get_or_insert_default();
        let is_first = self.rrsets == 0;
        if !is_first && (&*self.key, rrtype.0) <= (&**last_key, *last_type) {
            return Err(Error::OutOfOrder { owner: owner.to_name(), rrtype });
        }
        self.owner.clear();
        self.apex.append_relative(owner, &mut self.owner);
        let (ttl, rdatas) = (rrset.ttl, rrset.rdatas.packed());
        let row = Row { key: &self.key, rrtype: rrtype.0, owner: &self.owner, ttl, rdatas };
        match self.begun {
            Some(_) => self.blocks.push(&row),
            None => self.pending.push(row),
        }
        std::mem::swap(last_key, &mut self.key);
        *last_type = rrtype.0;
        if rrtype == RrType::SOA && owner == self.apex.origin.as_ref() {
            self.serial = rrset.rdatas.iter().next().and_then(soa_serial);
        }
        self.rrsets += 1;
        self.records += rrset.rdatas.iter().count() as u64;
        if self.pending.is_full() || self.blocks.is_full() { self.flush() } else { Ok(()) }
    }

    fn read_back(&mut self, visit: &mut dyn FnMut(RrsetRef<'_>) -> ControlFlow<()>) -> Result<(), Error> {
        if let Some(begun) = self.begun {
            self.flush()?;
            let mut cursor = Cursor::new(Version::new(self.apex.origin.as_ref(), begun.version));
            return reading::walk(self.store, &self.apex.origin, &mut cursor, visit).map(drop);
        }
        let origin = &self.apex.origin;
        for row in (0..self.pending.len()).filter_map(|at| self.pending.get(at)) {
            let shown = row.with_rrset(origin.as_ref(), &mut *visit);
            if shown.ok_or_else(|| reading::no_name(self.store, origin, row.owner))?.is_break() {
                return Ok(());
            }
        }
        Ok(())
    }

    fn commit(mut self: Box<Self>) -> Result<ZoneEntry, Error> {
        self.commit_as(Durability::Synced)
    }

    fn commit_unsynced(mut self: Box<Self>) -> Result<ZoneEntry, Error> {
        self.commit_as(Durability::Later)
    }
}

impl Drop for Writer<'_> {
    fn drop(&mut self) {
        if let Some(begun) = self.begun {
            // What cannot be cleared now is cleared by the next `clear_leftovers`: nobody is alive for it then.
            let _ = clearing::abandon(self.store, begun.version, &self.alive);
        }
    }
}

/// Takes the lock that says: this zone is being written.
pub(super) fn lock_zone(store: &Store, origin: NameRef<'_>) -> Result<LockFile, Error> {
    let path = store.lock_path("writing", &zone_file_name(origin));
    let parked = store.parked.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(lock) = parked.and_then(|parked| parked.lock(&path)) {
        return Ok(lock);
    }
    let waiting = Instant::now();
    loop {
        match LockFile::exclusive(path.clone()).map_err(|error| fault::io(&path, error))? {
            Some(lock) => return Ok(lock),
            None if waiting.elapsed() < ZONE_WAIT => std::thread::sleep(Duration::from_millis(10)),
            None => return Err(Error::ZoneBusy { zone: origin.to_name() }),
        }
    }
}

/// The name of a zone as part of a file name; names that are too long or have other characters get a hash instead.
pub(super) fn zone_file_name(origin: NameRef<'_>) -> String {
    let text = origin.to_lowercase().to_string();
    let is_plain = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'-' | b'_');
    if text.len() <= 200 && text.bytes().all(is_plain) {
        return text;
    }
    // FNV-1a. Two zones with one hash would only wait for each other.
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, octet| {
        (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{hash:016x}")
}

/// Inserts blocks until all are in or the turn is over; gives how many are in.
fn insert_blocks(transaction: &Transaction<'_>, version: u64, blocks: &[Block]) -> Result<usize, WriteError> {
    let (started, mut inserted) = (Instant::now(), 0);
    for block in blocks {
        block.insert(transaction, version)?;
        inserted += 1;
        if started.elapsed() > BATCH_TIME {
            break;
        }
    }
    Ok(inserted)
}

/// Inserts the RRsets of a small version, a row for each: that is changed most easily.
fn insert(transaction: &Transaction<'_>, version: u64, rows: &Rows) -> Result<(), WriteError> {
    let mut statement = transaction.prepare_cached(
        "INSERT INTO rrsets (base, sort_key, type, born, owner, ttl, rdatas) VALUES (?1, ?2, ?3, 0, ?4, ?5, ?6)",
    )?;
    for row in (0..rows.len()).filter_map(|at| rows.get(at)) {
        statement.execute((version, row.key, row.rrtype, row.owner, row.ttl, row.rdatas))?;
    }
    Ok(())
}

/// Makes a version that was written as a whole the current one.
fn flip(transaction: &Transaction<'_>, zone_id: i64, entry: &ZoneEntry) -> Result<(), WriteError> {
    retire_current(transaction, zone_id)?;
    unlist(transaction, entry.version)?;
    update_zone(transaction, zone_id, entry, entry.version)?;
    transaction.prepare_cached("UPDATE store SET changes = changes + 1")?.execute([])?;
    Ok(())
}

/// Lists a zone as it is from now on.
pub(super) fn update_zone(
    transaction: &Transaction<'_>,
    zone_id: i64,
    entry: &ZoneEntry,
    base: u64,
) -> rusqlite::Result<usize> {
    transaction
        .prepare_cached(
            "UPDATE zones SET name = ?2, version = ?3, serial = ?4, rrsets = ?5, records = ?6, committed_usec = ?7,
                 base = ?8
             WHERE zone_id = ?1",
        )?
        .execute((
            zone_id,
            entry.origin.to_string(),
            entry.version,
            entry.serial,
            entry.rrsets,
            entry.records,
            entry.committed_usec,
            base,
        ))
}

/// Serial of an SOA's record data (RFC 1035 section 3.3.13).
pub(super) fn soa_serial(rdata: &[u8]) -> Option<u32> {
    let (_, rest) = NameRef::split_from(rdata).ok()?;
    let (_, rest) = NameRef::split_from(rest).ok()?;
    rest.first_chunk().copied().map(u32::from_be_bytes)
}

pub(super) fn now_usec() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lock_file_names_hold_no_path() {
        let name = |text: &str| text.parse::<tenon_wire::Name>().unwrap();
        assert_eq!(zone_file_name(name("Example.COM.").as_ref()), "example.com.");
        assert_eq!(zone_file_name(name("0/25.2.0.192.in-addr.arpa.").as_ref()).len(), 16);
    }
}
