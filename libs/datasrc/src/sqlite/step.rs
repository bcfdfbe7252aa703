//! One step of a zone's journal: how a version differs from the one before, on its way into the database.
//!
//! Differences lie in pages of many, as RRsets lie in blocks (`block.rs`): a row for each would cost as much as the change.

use std::collections::BTreeSet;

use tenon_wire::RrType;
use tenon_zone::RdataList;

use super::block::Block;
use super::rows::Row;
use super::store::WriteError;
use super::transaction::Transaction;

/// Differences written in one transaction.
const BATCH_ENTRIES: usize = 4096;
const BATCH_OCTETS: usize = 1 << 20;
/// Differences of no more than that are kept with their step, in no pages.
const SMALL_OCTETS: usize = 8 << 10;
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
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Outcome {
    /// There is no difference (or nothing to compare with).
    Same,
    /// These differ, and can be looked up once the step is [settled](Outcome::settle).
    Recorded(Differences),
    /// There are more differences than the journal takes, or the serial did not grow: the journal ends here.
    NotRecorded,
}

/// What differs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Differences {
    /// How many records, deleted and added.
    pub(super) records: u64,
    /// What was deleted and what was added, where they are few; otherwise they are in pages.
    pub(super) few: Option<(Vec<u8>, Vec<u8>)>,
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

    /// What the comparison came to. What still waits is written, unless it is little and all there is.
    pub(super) fn finish(&mut self, transaction: &Transaction<'_>) -> Result<Outcome, WriteError> {
        if self.pages == 0 && self.pending_octets() <= SMALL_OCTETS && !self.is_too_much() {
            let few = Some((self.deleted.take(), self.added.take()));
            return Ok(self.outcome(few));
        }
        self.record(transaction)?;
        Ok(self.outcome(None))
    }

    /// What the comparison came to, when all was written.
    pub(super) fn outcome(&self, few: Option<(Vec<u8>, Vec<u8>)>) -> Outcome {
        match self.records {
            0 => Outcome::Same,
            _ if self.is_too_much() => Outcome::NotRecorded,
            records => Outcome::Recorded(Differences { records, few }),
        }
    }

    /// Writes what waits, in the transaction that also [settles](Outcome::settle) the step or, noted as
    /// [early](Self::record_early), before it.
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
        transaction
            .prepare_cached(
                "INSERT INTO loose_steps (version, state) VALUES (?1, 'writing') ON CONFLICT (version) DO NOTHING",
            )?
            .execute([self.step.version])?;
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
