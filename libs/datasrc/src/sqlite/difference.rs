//! How a new version differs from the one before: both are walked side by side, neither is held in memory.

use std::collections::BTreeSet;

use rusqlite::{Connection, Transaction};
use tenon_wire::RrType;
use tenon_zone::RdataList;

use super::JournalLimits;
use super::cursor::{Cursor, Fetched};
use super::rows::Row;
use super::store::{Durability, Store, WriteError};
use crate::Error;

/// Differences written in one transaction.
const BATCH_ENTRIES: usize = 4096;
const BATCH_OCTETS: usize = 1 << 20;

const DELETED: u8 = 0;
const ADDED: u8 = 1;

/// Between which versions, and how many records may differ.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) zone_id: i64,
    pub(super) version: u64,
    pub(super) version_before: u64,
    pub(super) from_serial: u32,
    pub(super) to_serial: u32,
    pub(super) most_records: u64,
}

/// What a comparison came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Outcome {
    /// There is no difference (or nothing to compare with).
    Same,
    /// The differences are in the journal, not yet marked as ready.
    Recorded,
    /// There are more differences than the journal takes, or the serial did not grow: the journal ends here.
    NotRecorded,
}

/// A comparison under way.
pub(super) struct Difference<'a> {
    step: &'a Step,
    old: Cursor,
    new: Cursor,
    /// Numbers given so far in each part.
    numbers: [u64; 2],
    records: u64,
    pending: Vec<Entry>,
    pending_octets: usize,
}

/// One row of the journal.
struct Entry {
    part: u8,
    number: u64,
    rrtype: u16,
    owner: String,
    ttl: u32,
    rdatas: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Progress {
    More,
    Done,
    GaveUp,
}

impl<'a> Difference<'a> {
    pub(super) fn new(step: &'a Step) -> Self {
        Self {
            step,
            old: Cursor::new(step.version_before),
            new: Cursor::new(step.version),
            numbers: [0; 2],
            records: 0,
            pending: Vec::new(),
            pending_octets: 0,
        }
    }

    /// Compares and records inside a transaction that is under way.
    pub(super) fn run_in(mut self, transaction: &Transaction<'_>) -> Result<Outcome, WriteError> {
        loop {
            let progress = self.advance(transaction)?;
            self.record(transaction)?;
            if progress != Progress::More {
                return Ok(self.outcome(progress));
            }
        }
    }

    /// Compares and records in many short transactions.
    pub(super) fn run_in_batches(mut self, store: &Store) -> Result<Outcome, Error> {
        loop {
            let progress = store.read_at_once(|connection| self.advance(connection))?;
            if !self.pending.is_empty() {
                let octets = self.pending_octets;
                store.write(Durability::Later, |transaction| self.record(transaction))?;
                store.wrote(octets)?;
            }
            if progress != Progress::More {
                return Ok(self.outcome(progress));
            }
        }
    }

    fn outcome(&self, progress: Progress) -> Outcome {
        match progress {
            Progress::GaveUp => Outcome::NotRecorded,
            _ if self.records == 0 => Outcome::Same,
            _ => Outcome::Recorded,
        }
    }

    /// Goes on until a batch is full, both versions are at their end, or the limit is passed.
    fn advance(&mut self, connection: &Connection) -> rusqlite::Result<Progress> {
        while self.pending.len() < BATCH_ENTRIES && self.pending_octets < BATCH_OCTETS {
            for cursor in [&mut self.old, &mut self.new] {
                if cursor.wants_page() && cursor.fetch(connection)? == Fetched::Gone {
                    return Ok(Progress::GaveUp);
                }
            }
            if !self.compare() {
                return Ok(Progress::Done);
            }
            if self.records > self.step.most_records {
                self.pending.clear();
                return Ok(Progress::GaveUp);
            }
        }
        Ok(Progress::More)
    }

    /// Looks at the RRsets under both cursors and moves at least one on; false when both are at the end.
    fn compare(&mut self) -> bool {
        let (deleted, added) = match (self.old.row(), self.new.row()) {
            (None, None) => return false,
            (Some(old), None) => (Some(whole(&old)), None),
            (None, Some(new)) => (None, Some(whole(&new))),
            (Some(old), Some(new)) => match old.place().cmp(&new.place()) {
                std::cmp::Ordering::Less => (Some(whole(&old)), None),
                std::cmp::Ordering::Greater => (None, Some(whole(&new))),
                std::cmp::Ordering::Equal => (Some(without(&old, &new)), Some(without(&new, &old))),
            },
        };
        if let Some(entry) = deleted {
            self.old.step();
            self.note(DELETED, entry);
        }
        if let Some(entry) = added {
            self.new.step();
            self.note(ADDED, entry);
        }
        true
    }

    fn note(&mut self, part: u8, mut entry: Entry) {
        if entry.rdatas.is_empty() {
            return;
        }
        entry.part = part;
        if !(entry.owner == "@" && entry.rrtype == RrType::SOA.0) {
            // Number 0 is kept for the SOA, which a transfer sends first.
            let number = &mut self.numbers[usize::from(part)];
            *number += 1;
            entry.number = *number;
        }
        self.records += RdataList::from_packed(&entry.rdatas).iter().count() as u64;
        self.pending_octets += entry.rdatas.len() + entry.owner.len();
        self.pending.push(entry);
    }

    fn record(&mut self, transaction: &Transaction<'_>) -> Result<(), WriteError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let step = self.step;
        transaction
            .prepare_cached(
                "INSERT INTO journal_steps (version, zone_id, from_serial, to_serial, records, state, version_before)
                 VALUES (?1, ?2, ?3, ?4, ?5, 'writing', ?6)
                 ON CONFLICT (version) DO UPDATE SET records = excluded.records",
            )?
            .execute((
                step.version,
                step.zone_id,
                step.from_serial,
                step.to_serial,
                self.records,
                step.version_before,
            ))?;
        let mut statement = transaction.prepare_cached(
            "INSERT INTO journal (version, part, number, type, owner, ttl, rdatas)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?;
        for e in self.pending.drain(..) {
            statement.execute((step.version, e.part, e.number, e.rrtype, e.owner, e.ttl, e.rdatas))?;
        }
        self.pending_octets = 0;
        Ok(())
    }
}

impl Outcome {
    /// Marks the step as ready, or ends the journal, and drops the steps that are beyond the limits.
    pub(super) fn settle(
        self,
        transaction: &Transaction<'_>,
        zone_id: i64,
        version: u64,
        limits: JournalLimits,
    ) -> Result<(), WriteError> {
        match self {
            Self::Same => return Ok(()),
            Self::Recorded => {
                transaction
                    .prepare_cached("UPDATE journal_steps SET state = 'ready' WHERE version = ?1")?
                    .execute([version])?;
            }
            Self::NotRecorded => {
                drop_all(transaction, zone_id)?;
            }
        }
        transaction
            .prepare_cached(
                "UPDATE journal_steps SET state = 'dropped' WHERE zone_id = ?1 AND state = 'ready' AND version <= (
                     SELECT max(version) FROM (
                         SELECT version, sum(records) OVER newest_first AS total, row_number() OVER newest_first AS place
                         FROM journal_steps WHERE zone_id = ?1 AND state = 'ready'
                         WINDOW newest_first AS (ORDER BY version DESC))
                     WHERE total > ?2 OR place > ?3)",
            )?
            .execute((zone_id, limits.records, limits.steps))?;
        Ok(())
    }
}

/// Ends the journal of a zone.
pub(super) fn drop_all(transaction: &Transaction<'_>, zone_id: i64) -> rusqlite::Result<usize> {
    transaction
        .prepare_cached("UPDATE journal_steps SET state = 'dropped' WHERE zone_id = ?1")?
        .execute([zone_id])
}

fn whole(row: &Row<'_>) -> Entry {
    Entry {
        part: DELETED,
        number: 0,
        rrtype: row.rrtype,
        owner: row.owner.to_owned(),
        ttl: row.ttl,
        rdatas: row.rdatas.to_vec(),
    }
}

/// The records of `row` that `other` does not have; all of them when the TTL is another.
fn without(row: &Row<'_>, other: &Row<'_>) -> Entry {
    if row.ttl != other.ttl {
        return whole(row);
    }
    let mut entry = Entry { rdatas: Vec::new(), owner: String::new(), ..header(row) };
    if row.rdatas == other.rdatas {
        return entry;
    }
    row.owner.clone_into(&mut entry.owner);
    let others: BTreeSet<&[u8]> = RdataList::from_packed(other.rdatas).iter().collect();
    for rdata in RdataList::from_packed(row.rdatas).iter().filter(|rdata| !others.contains(rdata)) {
        // Its length came out of two octets.
        entry.rdatas.extend((rdata.len() as u16).to_be_bytes());
        entry.rdatas.extend_from_slice(rdata);
    }
    entry
}

fn header(row: &Row<'_>) -> Entry {
    Entry {
        part: DELETED,
        number: 0,
        rrtype: row.rrtype,
        owner: String::new(),
        ttl: row.ttl,
        rdatas: Vec::new(),
    }
}
