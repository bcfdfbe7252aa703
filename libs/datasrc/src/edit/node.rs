//! The records of one name, to be changed.

use tenon_wire::rdata::canonical_cmp;
use tenon_wire::{Name, RrType};
use tenon_zone::{RdataList, Rrset, RrsetRef};

/// RRsets of one name, types by number. None of them is empty.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Node(Vec<RecordSet>);

/// An RRset. Its records are in canonical order and no two are the same.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecordSet {
    rrset: Rrset,
    /// Where each record begins in the packed data.
    starts: Vec<usize>,
}

impl Node {
    /// Takes an RRset as it is stored.
    pub fn insert(&mut self, rrset: RrsetRef<'_>) {
        let set = RecordSet::new(rrset.to_rrset());
        match self.place(rrset.rrtype) {
            Ok(at) => {
                if let Some(there) = self.0.get_mut(at) {
                    *there = set;
                }
            }
            Err(at) => self.0.insert(at, set),
        }
    }

    /// The RRset of a type.
    #[must_use]
    pub fn get(&self, rrtype: RrType) -> Option<&RecordSet> {
        self.0.get(self.place(rrtype).ok()?)
    }

    /// Whether there are no records.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The types that are there, with their records.
    pub fn sets(&self) -> impl Iterator<Item = (RrType, &RecordSet)> {
        self.0.iter().map(|set| (set.rrset.rrtype, set))
    }

    /// Adds a record; one that is there already is replaced, and the TTL holds for all of the RRset (RFC 2181 section
    /// 5.2).
    pub fn add(&mut self, owner: &Name, rrtype: RrType, ttl: u32, rdata: &[u8]) {
        let at = self.place(rrtype).unwrap_or_else(|at| {
            let rrset = Rrset { owner: owner.clone(), rrtype, ttl, rdatas: Vec::new() };
            self.0.insert(at, RecordSet::new(rrset));
            at
        });
        let Some(set) = self.0.get_mut(at) else { return };
        set.rrset.ttl = ttl;
        match set.place(rdata) {
            Ok(there) => {
                set.remove(there);
                set.insert(there, rdata);
            }
            Err(place) => set.insert(place, rdata),
        }
    }

    /// Takes a record away; false when it is not there.
    pub fn remove_record(&mut self, rrtype: RrType, rdata: &[u8]) -> bool {
        let Ok(at) = self.place(rrtype) else { return false };
        let Some(set) = self.0.get_mut(at) else { return false };
        let Ok(there) = set.place(rdata) else { return false };
        set.remove(there);
        if set.starts.is_empty() {
            self.0.remove(at);
        }
        true
    }

    /// Takes an RRset away.
    pub fn remove(&mut self, rrtype: RrType) {
        if let Ok(at) = self.place(rrtype) {
            self.0.remove(at);
        }
    }

    /// Keeps the RRsets of some types only.
    pub fn retain(&mut self, keep: impl Fn(RrType) -> bool) {
        self.0.retain(|set| keep(set.rrset.rrtype));
    }

    /// The types in this node or another one.
    pub(super) fn types_with(&self, other: &Self) -> Vec<RrType> {
        let mut types: Vec<RrType> = self.sets().chain(other.sets()).map(|(rrtype, _)| rrtype).collect();
        types.sort_unstable();
        types.dedup();
        types
    }

    fn place(&self, rrtype: RrType) -> Result<usize, usize> {
        self.0.binary_search_by_key(&rrtype, |set| set.rrset.rrtype)
    }
}

impl RecordSet {
    fn new(rrset: Rrset) -> Self {
        let following = |at: &mut usize, rdata: &[u8]| {
            let start = *at;
            *at += 2 + rdata.len();
            Some(start)
        };
        let starts = RdataList::from_packed(&rrset.rdatas).iter().scan(0, following).collect();
        Self { rrset, starts }
    }

    /// Time to live in seconds.
    #[must_use]
    pub const fn ttl(&self) -> u32 {
        self.rrset.ttl
    }

    /// The record data, in canonical order.
    pub fn rdatas(&self) -> impl Iterator<Item = &[u8]> {
        RdataList::from_packed(&self.rrset.rdatas).iter()
    }

    /// How many records.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.starts.len()
    }

    /// In the form in which it is stored.
    #[must_use]
    pub fn as_rrset(&self) -> RrsetRef<'_> {
        self.rrset.as_ref()
    }

    /// Whether a record is in it.
    #[must_use]
    pub fn has(&self, rdata: &[u8]) -> bool {
        self.place(rdata).is_ok()
    }

    fn place(&self, rdata: &[u8]) -> Result<usize, usize> {
        let read = |start: &usize| {
            let packed = self.rrset.rdatas.get(*start..).unwrap_or_default();
            RdataList::from_packed(packed).iter().next().unwrap_or_default()
        };
        self.starts.binary_search_by(|start| canonical_cmp(self.rrset.rrtype, read(start), rdata))
    }

    fn insert(&mut self, place: usize, rdata: &[u8]) {
        let start = self.starts.get(place).copied().unwrap_or(self.rrset.rdatas.len());
        // Data of a record that was read from a message or a store: its length has 16 bits.
        let length = u16::try_from(rdata.len()).unwrap_or(u16::MAX).to_be_bytes();
        self.rrset.rdatas.splice(start..start, length.into_iter().chain(rdata.iter().copied()));
        self.starts.iter_mut().skip(place).for_each(|start| *start += length.len() + rdata.len());
        self.starts.insert(place, start);
    }

    fn remove(&mut self, place: usize) {
        let Some(&start) = self.starts.get(place) else { return };
        let end = self.starts.get(place + 1).copied().unwrap_or(self.rrset.rdatas.len());
        self.rrset.rdatas.drain(start..end);
        self.starts.remove(place);
        self.starts.iter_mut().skip(place).for_each(|behind| *behind -= end - start);
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
        assert_eq!((set.ttl(), set.count()), (61, 3), "the last one holds for all");
        node.add(&owner, RrType::NS, 1, b"\x02NS\x00");
        assert!(node.remove_record(RrType::NS, b"\x02ns\x00"), "names in data are the same in any case");
        assert!(node.get(RrType::NS).is_none());
        for last in [2, 4, 1, 3] {
            assert_eq!(node.remove_record(RrType::A, &[192, 0, 2, last]), last < 4);
        }
        assert!(node.is_empty());
    }

    #[test]
    fn records_of_any_length_find_their_place() {
        let owner: Name = "a.example.".parse().unwrap();
        let texts: [&[u8]; 5] = [b"\x01a", b"\x03abc", b"\x00", b"\x02zz", b"\x01b"];
        let mut node = Node::default();
        texts.iter().for_each(|text| node.add(&owner, RrType::TXT, 1, text));
        let stored = node.get(RrType::TXT).unwrap().as_rrset().to_rrset();
        let mut again = Node::default();
        again.insert(stored.as_ref());
        assert_eq!(again, node);
        assert!(node.remove_record(RrType::TXT, b"\x01b") && node.remove_record(RrType::TXT, b"\x00"));
        let left: Vec<&[u8]> = node.get(RrType::TXT).unwrap().rdatas().collect();
        assert_eq!(left, [&b"\x01a"[..], b"\x02zz", b"\x03abc"]);
        assert!(left.iter().all(|text| node.get(RrType::TXT).unwrap().has(text)));
    }
}
