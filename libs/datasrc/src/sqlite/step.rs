//! One step of a zone's journal: how a version differs from the one before, on its way into the database.

use std::collections::BTreeSet;

use rusqlite::{OptionalExtension, Transaction};
use tenon_wire::RrType;
use tenon_zone::RdataList;

use super::JournalLimits;
use super::rows::Row;
use super::store::WriteError;

/// Differences written in one transaction.
const BATCH_ENTRIES: usize = 4096;
const BATCH_OCTETS: usize = 1 << 20;

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

/// The part of the journal that a difference belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Part {
    Deleted = 0,
    Added = 1,
}

/// Takes differences and writes them into the journal.
pub(super) struct StepRecorder<'a> {
    step: &'a Step,
    /// Numbers given so far in each part.
    numbers: [u64; 2],
    records: u64,
    pending: Vec<Entry>,
    pending_octets: usize,
}

/// One row of the journal.
struct Entry {
    part: Part,
    number: u64,
    rrtype: u16,
    owner: String,
    ttl: u32,
    rdatas: Vec<u8>,
}

impl<'a> StepRecorder<'a> {
    pub(super) fn new(step: &'a Step) -> Self {
        Self { step, numbers: [0; 2], records: 0, pending: Vec::new(), pending_octets: 0 }
    }

    /// Takes what an RRset was and what it is now.
    pub(super) fn differ(&mut self, old: Option<Row<'_>>, new: Option<Row<'_>>) {
        let (gone, came) = match (old, new) {
            (Some(old), Some(new)) => (Some(without(&old, &new)), Some(without(&new, &old))),
            (old, new) => (old.map(|row| row.rdatas.to_vec()), new.map(|row| row.rdatas.to_vec())),
        };
        for (part, row, rdatas) in [(Part::Deleted, old, gone), (Part::Added, new, came)] {
            if let (Some(row), Some(rdatas)) = (row, rdatas) {
                self.note(part, &row, rdatas);
            }
        }
    }

    /// Whether it is time to [write](Self::record).
    pub(super) fn is_full(&self) -> bool {
        self.pending.len() >= BATCH_ENTRIES || self.pending_octets >= BATCH_OCTETS
    }

    /// Octets that wait to be written.
    pub(super) fn pending_octets(&self) -> usize {
        self.pending_octets
    }

    /// Whether more differs than the journal takes.
    pub(super) fn is_too_much(&self) -> bool {
        self.records > self.step.most_records
    }

    /// Forgets what waits to be written.
    pub(super) fn give_up(&mut self) {
        self.pending.clear();
        self.pending_octets = 0;
    }

    /// What the comparison came to, when all was written.
    pub(super) fn outcome(&self) -> Outcome {
        match self.records {
            0 => Outcome::Same,
            _ if self.is_too_much() => Outcome::NotRecorded,
            _ => Outcome::Recorded,
        }
    }

    fn note(&mut self, part: Part, row: &Row<'_>, rdatas: Vec<u8>) {
        if rdatas.is_empty() {
            return;
        }
        let mut number = 0;
        if !(row.owner == "@" && row.rrtype == RrType::SOA.0) {
            // Number 0 is kept for the SOA, which a transfer sends first.
            let last = &mut self.numbers[part as usize];
            *last += 1;
            number = *last;
        }
        self.records += RdataList::from_packed(&rdatas).iter().count() as u64;
        self.pending_octets += rdatas.len() + row.owner.len();
        let (rrtype, owner, ttl) = (row.rrtype, row.owner.to_owned(), row.ttl);
        self.pending.push(Entry { part, number, rrtype, owner, ttl, rdatas });
    }

    /// Writes what waits.
    pub(super) fn record(&mut self, transaction: &Transaction<'_>) -> Result<(), WriteError> {
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
            statement.execute((step.version, e.part as u8, e.number, e.rrtype, e.owner, e.ttl, e.rdatas))?;
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
            Self::Same => {}
            Self::Recorded => {
                make_ready(transaction, zone_id, version)?;
                drop_beyond(transaction, zone_id, limits)?;
            }
            Self::NotRecorded => {
                drop_all(transaction, zone_id)?;
            }
        }
        Ok(())
    }
}

/// Makes a step the last one of the zone's journal.
fn make_ready(transaction: &Transaction<'_>, zone_id: i64, version: u64) -> rusqlite::Result<()> {
    let (number, records): (u64, u64) = last_ready(transaction, zone_id)?.unwrap_or_default();
    transaction
        .prepare_cached(
            "UPDATE journal_steps SET state = 'ready', number = ?2 + 1, records_so_far = ?3 + records WHERE version = ?1",
        )?
        .execute((version, number, records))?;
    Ok(())
}

/// Number of the last step and records of the journal up to there.
fn last_ready(transaction: &Transaction<'_>, zone_id: i64) -> rusqlite::Result<Option<(u64, u64)>> {
    transaction
        .prepare_cached(
            "SELECT number, records_so_far FROM journal_steps WHERE zone_id = ?1 AND state = 'ready'
             ORDER BY version DESC LIMIT 1",
        )?
        .query_row([zone_id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
}

/// Drops the oldest steps until the rest is within the limits; costs what is dropped, not what there is.
fn drop_beyond(transaction: &Transaction<'_>, zone_id: i64, limits: JournalLimits) -> rusqlite::Result<()> {
    let Some((last, all_records)) = last_ready(transaction, zone_id)? else { return Ok(()) };
    let mut oldest = transaction.prepare_cached(
        "SELECT version, number, records_so_far - records FROM journal_steps
         WHERE zone_id = ?1 AND state = 'ready' ORDER BY version",
    )?;
    let (mut rows, mut beyond) = (oldest.query([zone_id])?, None);
    while let Some(row) = rows.next()? {
        let (version, number, records_before): (u64, u64, u64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        if last.saturating_sub(number) < limits.steps
            && all_records.saturating_sub(records_before) <= limits.records
        {
            break;
        }
        beyond = Some(version);
    }
    let Some(beyond) = beyond else { return Ok(()) };
    transaction
        .prepare_cached(
            "UPDATE journal_steps SET state = 'dropped' WHERE zone_id = ?1 AND state = 'ready' AND version <= ?2",
        )?
        .execute((zone_id, beyond))?;
    Ok(())
}

/// Ends the journal of a zone.
pub(super) fn drop_all(transaction: &Transaction<'_>, zone_id: i64) -> rusqlite::Result<usize> {
    transaction
        .prepare_cached("UPDATE journal_steps SET state = 'dropped' WHERE zone_id = ?1")?
        .execute([zone_id])
}

/// The records of `row` that `other` does not have; all of them when the TTL is another.
fn without(row: &Row<'_>, other: &Row<'_>) -> Vec<u8> {
    if row.ttl != other.ttl {
        return row.rdatas.to_vec();
    }
    if row.rdatas == other.rdatas {
        return Vec::new();
    }
    let others: BTreeSet<&[u8]> = RdataList::from_packed(other.rdatas).iter().collect();
    let mut left = Vec::new();
    for rdata in RdataList::from_packed(row.rdatas).iter().filter(|rdata| !others.contains(rdata)) {
        // Its length came out of two octets.
        left.extend((rdata.len() as u16).to_be_bytes());
        left.extend_from_slice(rdata);
    }
    left
}
