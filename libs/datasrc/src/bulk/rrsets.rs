//! From sorted records to RRsets.

use std::iter::Peekable;

use tenon_wire::rdata::canonical_cmp;
use tenon_wire::{NameRef, RrType};
use tenon_zone::{RdataList, RrsetRef};

use super::records::{Records, SortedRecords, StoredRecord};

/// What was mended when records became an RRset, and where.
#[derive(Clone, Copy, Debug)]
pub struct Mended<'a> {
    /// The first record of the RRset.
    pub first: StoredRecord<'a>,
    /// A record that is there twice, the second time: dropped.
    pub duplicate: Option<StoredRecord<'a>>,
    /// A record whose TTL differs from that of the first; the lowest one holds for all (RFC 2181 section 5.2).
    pub other_ttl: Option<StoredRecord<'a>>,
}

/// RRsets one after the other, in the order that the store wants.
pub struct Rrsets<'a> {
    records: Peekable<Records<'a>>,
    packed: Vec<u8>,
    /// RRsets so far.
    pub rrsets: u64,
    /// Records in them so far.
    pub count: u64,
}

impl<'a> Rrsets<'a> {
    /// From the first one on.
    #[must_use]
    pub fn new(records: &'a SortedRecords) -> Self {
        Self { records: records.iter().peekable(), packed: Vec::new(), rrsets: 0, count: 0 }
    }

    /// The next RRset; its records are valid until the next call.
    pub fn next_rrset(&mut self) -> Option<(RrsetRef<'_>, Mended<'a>)> {
        let first = self.records.next()?;
        let mut mended = Mended { first, duplicate: None, other_ttl: None };
        self.packed.clear();
        self.push(first.rdata);
        let (mut ttl, mut last) = (first.ttl, first);
        while let Some(record) =
            self.records.next_if(|record| is_same_rrset(record, first.owner, first.rrtype))
        {
            if record.ttl != first.ttl && first.rrtype != RrType::RRSIG {
                mended.other_ttl.get_or_insert(record);
            }
            ttl = ttl.min(record.ttl);
            if is_same_rdata(first.rrtype, record.rdata, last.rdata) {
                mended.duplicate.get_or_insert(record);
                continue;
            }
            self.push(record.rdata);
            last = record;
        }
        self.rrsets += 1;
        let rdatas = RdataList::from_packed(&self.packed);
        Some((RrsetRef { owner: first.owner, rrtype: first.rrtype, ttl, rdatas }, mended))
    }

    fn push(&mut self, rdata: &[u8]) {
        self.count += 1;
        self.packed.extend_from_slice(&(rdata.len() as u16).to_be_bytes());
        self.packed.extend_from_slice(rdata);
    }
}

/// Names in canonical form are as long as they were, and differ by case only.
fn is_same_rdata(rrtype: RrType, a: &[u8], b: &[u8]) -> bool {
    a.eq_ignore_ascii_case(b) && canonical_cmp(rrtype, a, b).is_eq()
}

fn is_same_rrset(record: &StoredRecord<'_>, owner: NameRef<'_>, rrtype: RrType) -> bool {
    record.rrtype == rrtype && record.owner == owner
}
