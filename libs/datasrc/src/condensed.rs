//! The journal's steps between two serials made one: what came and went again in between is left out (RFC 1995 section 5).

use std::ops::{ControlFlow, Range};

use tenon_wire::{NameRef, RrType};
use tenon_zone::RrsetRef;

use crate::{DataSource, Error, JournalCoverage, JournalEvent, sort_key};

/// Octets in memory that a record takes beside its owner, the key that sorts it, and its data.
const OVERHEAD: u64 = size_of::<Record>() as u64;

/// What became of reading a difference.
#[derive(Debug)]
pub enum Condensing {
    /// It is all here.
    Whole(CondensedDifference),
    /// The journal does not know how to get from the one serial to the other.
    Unknown,
    /// It takes more memory than it may.
    TooLarge,
}

/// How one version differs from another, in memory.
#[derive(Debug)]
pub struct CondensedDifference {
    octets: Vec<u8>,
    records: Vec<Record>,
    deleted: Vec<usize>,
    added: Vec<usize>,
}

/// A record that went or came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ChangedRecord<'a> {
    /// Owner, as written.
    pub owner: NameRef<'a>,
    /// Type.
    pub rrtype: RrType,
    /// Time to live in seconds.
    pub ttl: u32,
    /// Record data, names in it uncompressed.
    pub rdata: &'a [u8],
}

#[derive(Debug)]
struct Record {
    is_added: bool,
    rrtype: RrType,
    ttl: u32,
    /// Sort key, owner and data lie one behind the other.
    key: Range<usize>,
    owner_end: usize,
    rdata_end: usize,
}

impl CondensedDifference {
    /// Reads how the version with `to_serial` differs from that with `from_serial`, if that takes no more than
    /// `most_octets` of memory. Nothing of the store is held when this returns.
    ///
    /// # Errors
    /// Those of [`DataSource::journal`].
    pub fn read(
        source: &dyn DataSource,
        origin: NameRef<'_>,
        from_serial: u32,
        to_serial: u32,
        most_octets: u64,
    ) -> Result<Condensing, Error> {
        let mut read =
            Self { octets: Vec::new(), records: Vec::new(), deleted: Vec::new(), added: Vec::new() };
        let labels = origin.label_count();
        let (mut is_there, mut is_too_large) = (false, false);
        let coverage = source.journal(origin, from_serial, &mut |event| {
            if is_there && matches!(event, JournalEvent::Step { from_serial, .. } if from_serial == to_serial)
            {
                return ControlFlow::Break(());
            }
            match event {
                JournalEvent::Step { to_serial: reached, .. } => is_there = reached == to_serial,
                JournalEvent::Deleted(rrset) => read.note(rrset, labels, false),
                JournalEvent::Added(rrset) => read.note(rrset, labels, true),
            }
            is_too_large = read.octets() > most_octets;
            if is_too_large { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        if is_too_large {
            return Ok(Condensing::TooLarge);
        }
        if !is_there || !matches!(coverage, JournalCoverage::Complete { .. }) {
            return Ok(Condensing::Unknown);
        }
        read.condense();
        Ok(Condensing::Whole(read))
    }

    /// How many records went and came, both SOA records among them.
    #[must_use]
    pub fn count(&self) -> u64 {
        (self.deleted.len() + self.added.len()) as u64
    }

    /// What went, owners in canonical order.
    pub fn deleted(&self) -> impl Iterator<Item = ChangedRecord<'_>> {
        self.deleted.iter().filter_map(|&index| self.record(index))
    }

    /// What came, owners in canonical order.
    pub fn added(&self) -> impl Iterator<Item = ChangedRecord<'_>> {
        self.added.iter().filter_map(|&index| self.record(index))
    }

    fn octets(&self) -> u64 {
        self.octets.len() as u64 + self.records.len() as u64 * OVERHEAD
    }

    fn note(&mut self, rrset: RrsetRef<'_>, labels: usize, is_added: bool) {
        for rdata in rrset.rdatas {
            let start = self.octets.len();
            sort_key::append(rrset.owner, labels, &mut self.octets);
            let key = start..self.octets.len();
            self.octets.extend_from_slice(rrset.owner.octets());
            let owner_end = self.octets.len();
            self.octets.extend_from_slice(rdata);
            let rdata_end = self.octets.len();
            let (rrtype, ttl) = (rrset.rrtype, rrset.ttl);
            self.records.push(Record { is_added, rrtype, ttl, key, owner_end, rdata_end });
        }
    }

    /// Finds, of all that happened to each record, what it comes to.
    fn condense(&mut self) {
        let mut order: Vec<usize> = (0..self.records.len()).collect();
        // Stable: what happened to one record stays in the order in which it happened.
        order.sort_by(|&a, &b| self.place(a).cmp(&self.place(b)));
        let (mut deleted, mut added) = (Vec::new(), Vec::new());
        for same in order.chunk_by(|&a, &b| self.place(a) == self.place(b)) {
            let (mut gone, mut came) = (None, None);
            for &index in same {
                let Some(record) = self.records.get(index) else { continue };
                let is_back = |gone: Option<usize>| {
                    gone.and_then(|gone| self.records.get(gone)).is_some_and(|gone| gone.ttl == record.ttl)
                };
                match (record.is_added, came) {
                    (false, Some(_)) => came = None,
                    (false, None) => gone = Some(index),
                    (true, _) if is_back(gone) => gone = None,
                    (true, _) => came = Some(index),
                }
            }
            deleted.extend(gone);
            added.extend(came);
        }
        (self.deleted, self.added) = (deleted, added);
    }

    /// What makes a record the same as another, TTL aside: its owner, type and data.
    fn place(&self, index: usize) -> Option<(&[u8], u16, &[u8])> {
        let record = self.records.get(index)?;
        let key = self.octets.get(record.key.clone())?;
        Some((key, record.rrtype.0, self.octets.get(record.owner_end..record.rdata_end)?))
    }

    fn record(&self, index: usize) -> Option<ChangedRecord<'_>> {
        let record = self.records.get(index)?;
        let owner = self.octets.get(record.key.end..record.owner_end)?;
        let owner = NameRef::from_octets(owner).ok()?;
        let rdata = self.octets.get(record.owner_end..record.rdata_end)?;
        Some(ChangedRecord { owner, rrtype: record.rrtype, ttl: record.ttl, rdata })
    }
}
