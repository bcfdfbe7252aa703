//! A whole zone: its SOA, everything else in any order, its SOA.

use tenon_datasrc::bulk::{Chunk, Collector, RECORD_OVERHEAD, SortedRecords, StoredRecord};
use tenon_wire::message::Record;
use tenon_wire::rdata::{Soa, canonical_cmp};
use tenon_wire::{NameRef, RrType};

use super::{Budget, IncomingError, sound_ttl};

/// Records of a large zone that are handed on together while it comes.
const CHUNK: usize = 1 << 14;

/// A zone that came as a whole.
#[derive(Debug)]
pub struct Transferred {
    /// Its records, less those that were taken out while it came.
    pub records: SortedRecords,
    /// The numbers of its SOA record.
    pub soa: Soa,
}

/// A zone on its way.
pub(super) struct Whole {
    collector: Collector,
    soa: Vec<u8>,
    is_complete: bool,
}

impl Whole {
    /// A zone whose first record came.
    pub(super) fn new(
        zone: NameRef<'_>,
        soa: &[u8],
        ttl: u32,
        budget: &mut Budget,
    ) -> Result<Self, IncomingError> {
        let mut whole = Self { collector: Collector::new(zone), soa: soa.to_vec(), is_complete: false };
        whole.collect(zone, RrType::SOA, ttl, soa, budget)?;
        Ok(whole)
    }

    pub(super) const fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// The serial of the zone; none when its SOA record is broken.
    pub(super) fn serial(&self) -> Option<u32> {
        Soa::read(&self.soa).map(|soa| soa.serial)
    }

    /// Takes out the records that came, once they are many.
    pub(super) fn take_chunk(&mut self) -> Option<Chunk> {
        if self.collector.count() < CHUNK { None } else { self.collector.take_chunk() }
    }

    pub(super) fn record(
        &mut self,
        record: &Record<'_>,
        is_soa: bool,
        budget: &mut Budget,
    ) -> Result<(), IncomingError> {
        if self.is_complete {
            return Err(IncomingError::BehindEnd);
        }
        if !is_soa {
            return self.collect(record.owner, record.rrtype, record.ttl, record.rdata, budget);
        }
        let last = Soa::read(record.rdata).ok_or(IncomingError::BadSoa)?;
        if canonical_cmp(RrType::SOA, &self.soa, record.rdata).is_ne() {
            let first = Soa::read(&self.soa).unwrap_or_default().serial;
            return Err(IncomingError::SoaChanged { first, last: last.serial });
        }
        self.is_complete = true;
        Ok(())
    }

    pub(super) fn finish(self) -> Result<Transferred, IncomingError> {
        let soa = Soa::read(&self.soa).ok_or(IncomingError::BadSoa)?;
        let records = self.collector.finish(Vec::new()).ok_or(IncomingError::Memory)?;
        Ok(Transferred { records, soa })
    }

    fn collect(
        &mut self,
        owner: NameRef<'_>,
        rrtype: RrType,
        ttl: u32,
        rdata: &[u8],
        budget: &mut Budget,
    ) -> Result<(), IncomingError> {
        budget.record()?;
        let line = u32::try_from(budget.received.records).unwrap_or(u32::MAX);
        let stored = StoredRecord { owner, rrtype, ttl: sound_ttl(ttl), rdata, file: 0, line };
        if self.collector.add(&stored) {
            return budget.hold(owner.octets().len() + rdata.len() + RECORD_OVERHEAD);
        }
        budget.received.ignored += 1;
        Ok(())
    }
}
