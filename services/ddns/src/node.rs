//! The records of one name.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use tenon_wire::rdata::canonical_cmp;
use tenon_wire::{Name, RrType};
use tenon_zone::{Rrset, RrsetRef};

/// RRsets of one name by their type. None of them is empty.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Node(BTreeMap<RrType, RecordSet>);

/// An RRset in pieces. Its records are in canonical order and no two are the same.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecordSet {
    /// Owner, as written.
    pub owner: Name,
    /// Time to live in seconds.
    pub ttl: u32,
    rdatas: Vec<Vec<u8>>,
}

impl Node {
    /// Takes an RRset as it is stored.
    pub fn insert(&mut self, rrset: RrsetRef<'_>) {
        let rdatas = rrset.rdatas.iter().map(<[u8]>::to_vec).collect();
        let set = RecordSet { owner: rrset.owner.to_name(), ttl: rrset.ttl, rdatas };
        self.0.insert(rrset.rrtype, set);
    }

    /// The RRset of a type.
    #[must_use]
    pub fn get(&self, rrtype: RrType) -> Option<&RecordSet> {
        self.0.get(&rrtype)
    }

    /// Whether there are no records.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The types that are there, with their records.
    pub fn sets(&self) -> impl Iterator<Item = (RrType, &RecordSet)> {
        self.0.iter().map(|(rrtype, set)| (*rrtype, set))
    }

    /// Adds a record; one that is there already is replaced, and the TTL holds for all of the RRset (RFC 2181 section
    /// 5.2).
    pub fn add(&mut self, owner: &Name, rrtype: RrType, ttl: u32, rdata: &[u8]) {
        let new = || RecordSet { owner: owner.clone(), ttl, rdatas: Vec::new() };
        let set = self.0.entry(rrtype).or_insert_with(new);
        set.ttl = ttl;
        match set.place(rrtype, rdata) {
            Ok(at) => {
                if let Some(there) = set.rdatas.get_mut(at) {
                    *there = rdata.to_vec();
                }
            }
            Err(at) => set.rdatas.insert(at, rdata.to_vec()),
        }
    }

    /// Takes a record away, if it is there.
    pub fn remove_record(&mut self, rrtype: RrType, rdata: &[u8]) {
        let Some(set) = self.0.get_mut(&rrtype) else { return };
        if let Ok(at) = set.place(rrtype, rdata) {
            set.rdatas.remove(at);
        }
        if set.rdatas.is_empty() {
            self.0.remove(&rrtype);
        }
    }

    /// Takes an RRset away.
    pub fn remove(&mut self, rrtype: RrType) {
        self.0.remove(&rrtype);
    }

    /// Keeps the RRsets of some types only.
    pub fn retain(&mut self, keep: impl Fn(RrType) -> bool) {
        self.0.retain(|rrtype, _| keep(*rrtype));
    }
}

impl RecordSet {
    /// The record data, in canonical order.
    pub fn rdatas(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.rdatas.iter().map(Vec::as_slice)
    }

    /// In the form in which it is stored.
    #[must_use]
    pub fn to_rrset(&self, rrtype: RrType) -> Rrset {
        let mut rdatas = Vec::new();
        for rdata in &self.rdatas {
            // Data of a record that was read from a message or a store: its length has 16 bits.
            rdatas.extend(u16::try_from(rdata.len()).unwrap_or(u16::MAX).to_be_bytes());
            rdatas.extend_from_slice(rdata);
        }
        Rrset { owner: self.owner.clone(), rrtype, ttl: self.ttl, rdatas }
    }

    /// Whether a record is in it.
    #[must_use]
    pub fn has(&self, rrtype: RrType, rdata: &[u8]) -> bool {
        self.place(rrtype, rdata).is_ok()
    }

    fn place(&self, rrtype: RrType, rdata: &[u8]) -> Result<usize, usize> {
        let order = |there: &Vec<u8>| -> Ordering { canonical_cmp(rrtype, there, rdata) };
        self.rdatas.binary_search_by(order)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_sorted_and_once() {
        let owner: Name = "a.example.".parse().unwrap();
        let mut node = Node::default();
        for last in [3, 1, 2, 1] {
            node.add(&owner, RrType::A, 60 + u32::from(last), &[192, 0, 2, last]);
        }
        let set = node.get(RrType::A).unwrap();
        assert_eq!(set.rdatas().map(|rdata| rdata[3]).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(set.ttl, 61, "the last one holds for all");
        node.add(&owner, RrType::NS, 1, b"\x02NS\x00");
        node.remove_record(RrType::NS, b"\x02ns\x00");
        assert!(node.get(RrType::NS).is_none(), "names in data are the same in any case");
        (1..=4).for_each(|last| node.remove_record(RrType::A, &[192, 0, 2, last]));
        assert!(node.is_empty());
    }
}
