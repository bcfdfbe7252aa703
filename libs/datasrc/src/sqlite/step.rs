//! One step of a zone's journal: how a version differs from the one before, on its way into the database.
//!
//! Differences lie in pages of many, as RRsets lie in blocks (`block.rs`): a row for each would cost as much as the change.

use std::collections::BTreeSet;

use rusqlite::{OptionalExtension, Transaction};
use tenon_wire::RrType;
use tenon_zone::RdataList;

use super::JournalLimits;
use super::block::Block;
use super::rows::Row;
use super::store::WriteError;

/// Differences written in one transaction.
const BATCH_ENTRIES: usize = 4096;
const BATCH_OCTETS: usize = 1 << 20;
/// The page of an SOA that comes when others were written already; it is the first one.
const SOA_PAGE: u64 = 0;

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
    /// So many records differ, and they are in the journal, not yet marked as ready.
    Recorded(u64),
    /// There are more differences than the journal takes, or the serial did not grow: the journal ends here.
    NotRecorded,
}

/// Takes differences and writes them into the journal.
pub(super) struct StepRecorder<'a> {
    step: &'a Step,
    records: u64,
    pages: u64,
    entries: usize,
    deleted: Side,
    added: Side,
}

/// What was deleted, or what was added, and is not written yet.
#[derive(Default)]
struct Side {
    /// The SOA, which a transfer sends first.
    soa: Block,
    others: Block,
}

impl<'a> StepRecorder<'a> {
    pub(super) fn new(step: &'a Step) -> Self {
        Self { step, records: 0, pages: 0, entries: 0, deleted: Side::default(), added: Side::default() }
    }

    /// Takes what an RRset was and what it is now.
    pub(super) fn differ(&mut self, old: Option<Row<'_>>, new: Option<Row<'_>>) {
        let (gone, came) = match (old, new) {
            (Some(old), Some(new)) => (Some(without(&old, &new)), Some(without(&new, &old))),
            (old, new) => (old.map(|row| row.rdatas.to_vec()), new.map(|row| row.rdatas.to_vec())),
        };
        for (side, row, rdatas) in [(&mut self.deleted, old, gone), (&mut self.added, new, came)] {
            if let (Some(row), Some(rdatas)) = (row, rdatas.filter(|rdatas| !rdatas.is_empty())) {
                side.push(&Row { rdatas: &rdatas, ..row });
                self.records += RdataList::from_packed(&rdatas).iter().count() as u64;
                self.entries += 1;
            }
        }
    }

    /// Whether it is time to [write](Self::record).
    pub(super) fn is_full(&self) -> bool {
        self.entries >= BATCH_ENTRIES || self.pending_octets() >= BATCH_OCTETS
    }

    /// Octets that wait to be written.
    pub(super) fn pending_octets(&self) -> usize {
        self.deleted.octets() + self.added.octets()
    }

    /// Whether more differs than the journal takes.
    pub(super) fn is_too_much(&self) -> bool {
        self.records > self.step.most_records
    }

    /// Forgets what waits to be written.
    pub(super) fn give_up(&mut self) {
        (self.deleted, self.added, self.entries) = (Side::default(), Side::default(), 0);
    }

    /// What the comparison came to, when all was written.
    pub(super) fn outcome(&self) -> Outcome {
        match self.records {
            0 => Outcome::Same,
            _ if self.is_too_much() => Outcome::NotRecorded,
            records => Outcome::Recorded(records),
        }
    }

    /// Writes what waits, in the transaction that also [settles](Outcome::settle) the step.
    pub(super) fn record(&mut self, transaction: &Transaction<'_>) -> Result<(), WriteError> {
        if self.entries == 0 {
            return Ok(());
        }
        let mut insert = transaction
            .prepare_cached("INSERT INTO journal (version, page, deleted, added) VALUES (?1, ?2, ?3, ?4)")?;
        if self.pages > 0 && !(self.deleted.soa.is_empty() && self.added.soa.is_empty()) {
            let (deleted, added) = (self.deleted.soa.octets(), self.added.soa.octets());
            insert.execute((self.step.version, SOA_PAGE, deleted, added))?;
            (self.deleted.soa, self.added.soa) = (Block::default(), Block::default());
        }
        self.pages += 1;
        insert.execute((self.step.version, self.pages, self.deleted.take(), self.added.take()))?;
        self.entries = 0;
        Ok(())
    }

    /// Writes what waits, in a transaction before that one: who finds it without a writer can clear it.
    pub(super) fn record_early(&mut self, transaction: &Transaction<'_>) -> Result<(), WriteError> {
        let step = self.step;
        transaction
            .prepare_cached(
                "INSERT INTO journal_steps (version, zone_id, from_serial, to_serial, records, state, version_before)
                 VALUES (?1, ?2, ?3, ?4, 0, 'writing', ?5) ON CONFLICT (version) DO NOTHING",
            )?
            .execute((step.version, step.zone_id, step.from_serial, step.to_serial, step.version_before))?;
        self.record(transaction)
    }
}

impl Side {
    fn push(&mut self, row: &Row<'_>) {
        let is_soa = row.key.is_empty() && row.rrtype == RrType::SOA.0;
        if is_soa { &mut self.soa } else { &mut self.others }.push(row);
    }

    fn octets(&self) -> usize {
        self.soa.octets().len() + self.others.octets().len()
    }

    /// All of it, the SOA first.
    fn take(&mut self) -> Vec<u8> {
        let octets = [self.soa.octets(), self.others.octets()].concat();
        *self = Self::default();
        octets
    }
}

impl Outcome {
    /// Makes a step the last one of the zone's journal, or ends the journal, and drops the steps that are beyond the limits.
    pub(super) fn settle(
        self,
        transaction: &Transaction<'_>,
        step: &Step,
        limits: JournalLimits,
    ) -> Result<(), WriteError> {
        match self {
            Self::Same => {}
            Self::Recorded(records) => {
                let (number, records_so_far) = make_ready(transaction, step, records)?;
                drop_beyond(transaction, step.zone_id, (number, records_so_far), limits)?;
            }
            Self::NotRecorded => {
                drop_all(transaction, step.zone_id)?;
                drop_written(transaction, step)?;
            }
        }
        Ok(())
    }
}

/// Makes a step the last one of the zone's journal; gives its number and the records of the journal up to it.
fn make_ready(transaction: &Transaction<'_>, step: &Step, records: u64) -> rusqlite::Result<(u64, u64)> {
    let (number, records_so_far): (u64, u64) = last_ready(transaction, step.zone_id)?.unwrap_or_default();
    let (number, records_so_far) = (number + 1, records_so_far + records);
    transaction
        .prepare_cached(
            "INSERT INTO journal_steps (version, zone_id, from_serial, to_serial, records, state, version_before,
                 number, records_so_far)
             VALUES (?1, ?2, ?3, ?4, ?5, 'ready', ?6, ?7, ?8)
             ON CONFLICT (version) DO UPDATE SET state = 'ready', records = excluded.records,
                 number = excluded.number, records_so_far = excluded.records_so_far",
        )?
        .execute((
            step.version,
            step.zone_id,
            step.from_serial,
            step.to_serial,
            records,
            step.version_before,
            number,
            records_so_far,
        ))?;
    Ok((number, records_so_far))
}

/// Has what was written of a step cleared.
fn drop_written(transaction: &Transaction<'_>, step: &Step) -> rusqlite::Result<usize> {
    transaction
        .prepare_cached(
            "INSERT INTO journal_steps (version, zone_id, from_serial, to_serial, records, state)
             SELECT ?1, ?2, ?3, ?4, 0, 'dropped' WHERE EXISTS (SELECT 1 FROM journal WHERE version = ?1)
             ON CONFLICT (version) DO UPDATE SET state = 'dropped'",
        )?
        .execute((step.version, step.zone_id, step.from_serial, step.to_serial))
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
fn drop_beyond(
    transaction: &Transaction<'_>,
    zone_id: i64,
    (last, all_records): (u64, u64),
    limits: JournalLimits,
) -> rusqlite::Result<()> {
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
        .prepare_cached("UPDATE journal_steps SET state = 'dropped' WHERE zone_id = ?1 AND state = 'ready'")?
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
