//! The name whose RRsets are coming in. Its room is used again for the next one: there are millions.

use std::ops::Range;

use tenon_wire::{NameRef, NameRoom, RrType};
use tenon_zone::RdataList;

/// A name that is kept for a while, in room that is used again.
#[derive(Debug, Default)]
pub(super) struct KeptName {
    name: NameRoom,
    is_set: bool,
}

impl KeptName {
    pub(super) fn set(&mut self, name: NameRef<'_>) {
        self.name.set(name);
        self.is_set = true;
    }

    /// The name; none when there is none.
    pub(super) fn get(&self) -> Option<NameRef<'_>> {
        self.is_set.then(|| self.name.as_ref())
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Pending {
    pub(super) owner: KeptName,
    rrsets: Vec<Coming>,
    /// Record data of all RRsets, packed, one behind the other.
    data: Vec<u8>,
    /// In a layer: the name has no records any more; whether there are names below it.
    pub(super) removed: Option<bool>,
}

#[derive(Debug)]
struct Coming {
    rrtype: RrType,
    ttl: u32,
    rdatas: Range<usize>,
}

/// An RRset with the signatures that cover it.
#[derive(Debug)]
pub(super) struct Covered<'a> {
    pub(super) rrtype: RrType,
    pub(super) ttl: u32,
    pub(super) rdatas: &'a [u8],
    pub(super) signatures: Vec<u8>,
}

impl Pending {
    /// Makes `owner` the name that is coming in.
    pub(super) fn renew(&mut self, owner: NameRef<'_>) {
        self.owner.set(owner);
        self.rrsets.clear();
        self.data.clear();
        self.removed = None;
    }

    /// The type of the last RRset.
    pub(super) fn last_type(&self) -> Option<RrType> {
        self.rrsets.last().map(|last| last.rrtype)
    }

    pub(super) fn push(&mut self, rrtype: RrType, ttl: u32, rdatas: RdataList<'_>) {
        let start = self.data.len();
        self.data.extend_from_slice(rdatas.packed());
        self.rrsets.push(Coming { rrtype, ttl, rdatas: start..self.data.len() });
    }

    /// The only RRset, if there is one only and it is no signature: so it is with most names.
    pub(super) fn single(&self) -> Option<[Covered<'_>; 1]> {
        let [only] = self.rrsets.as_slice() else { return None };
        let Coming { rrtype, ttl, ref rdatas } = *only;
        let rdatas = self.data.get(rdatas.clone())?;
        (rrtype != RrType::RRSIG).then_some([Covered { rrtype, ttl, rdatas, signatures: Vec::new() }])
    }

    /// The RRsets, signatures sorted to what they cover. Those that cover nothing make an RRset without records.
    pub(super) fn covered(&self) -> Vec<Covered<'_>> {
        let rdatas = |coming: &Coming| self.data.get(coming.rdatas.clone()).unwrap_or_default();
        let is_signatures = |coming: &&Coming| coming.rrtype == RrType::RRSIG;
        let mut all = Vec::with_capacity(self.rrsets.len());
        all.extend(self.rrsets.iter().filter(|coming| !is_signatures(coming)).map(|coming| Covered {
            rrtype: coming.rrtype,
            ttl: coming.ttl,
            rdatas: rdatas(coming),
            signatures: Vec::new(),
        }));
        for coming in self.rrsets.iter().filter(is_signatures) {
            for rdata in RdataList::from_packed(rdatas(coming)) {
                let rrtype = RrType(rdata.first_chunk().map_or(0, |code| u16::from_be_bytes(*code)));
                let at = match all.binary_search_by_key(&rrtype, |rrset| rrset.rrtype) {
                    Ok(at) => at,
                    Err(at) => {
                        let none = Covered { rrtype, ttl: coming.ttl, rdatas: &[], signatures: Vec::new() };
                        all.insert(at, none);
                        at
                    }
                };
                if let Some(rrset) = all.get_mut(at) {
                    rrset.signatures.extend_from_slice(&(rdata.len() as u16).to_be_bytes());
                    rrset.signatures.extend_from_slice(rdata);
                }
            }
        }
        all
    }
}
