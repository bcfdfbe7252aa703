//! RRsets in the form in which they are stored, many of them in one buffer.

use tenon_wire::name::MAX_NAME;
use tenon_wire::{Name, NameRef, RrType};
use tenon_zone::{RdataList, RrsetRef};

use crate::sort_key;

/// How much a buffer holds before it is written or shown: bounds memory and the length of a transaction.
pub(super) const FULL_OCTETS: usize = 1 << 20;
const FULL_ROWS: usize = 8192;

/// Rows one behind the other in few allocations.
#[derive(Default, Debug)]
pub(super) struct Rows {
    keys: Vec<u8>,
    owners: String,
    rdatas: Vec<u8>,
    ends: Vec<End>,
}

/// Where the parts of a row end; they begin where those of the row before end.
#[derive(Clone, Copy, Debug)]
struct End {
    key: usize,
    owner: usize,
    rdatas: usize,
    rrtype: u16,
    ttl: u32,
}

/// One RRset as a row.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Row<'a> {
    /// Canonical sort key below the apex.
    pub(super) key: &'a [u8],
    pub(super) rrtype: u16,
    /// Owner relative to the apex, `@` for the apex itself.
    pub(super) owner: &'a str,
    pub(super) ttl: u32,
    /// Packed record data.
    pub(super) rdatas: &'a [u8],
}

impl Rows {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.ends.len() >= FULL_ROWS || self.octets() >= FULL_OCTETS
    }

    pub(super) fn octets(&self) -> usize {
        self.keys.len() + self.owners.len() + self.rdatas.len()
    }

    pub(super) fn clear(&mut self) {
        self.keys.clear();
        self.owners.clear();
        self.rdatas.clear();
        self.ends.clear();
    }

    pub(super) fn get(&self, index: usize) -> Option<Row<'_>> {
        let end = self.ends.get(index)?;
        let start = index.checked_sub(1).and_then(|before| self.ends.get(before));
        let (key, owner, rdatas) = start.map_or((0, 0, 0), |s| (s.key, s.owner, s.rdatas));
        Some(Row {
            key: self.keys.get(key..end.key)?,
            rrtype: end.rrtype,
            owner: self.owners.get(owner..end.owner)?,
            ttl: end.ttl,
            rdatas: self.rdatas.get(rdatas..end.rdatas)?,
        })
    }

    /// Places of all, in their order.
    pub(super) fn places(&self) -> impl Iterator<Item = (&[u8], u16)> {
        (0..self.len()).filter_map(|index| self.get(index)).map(|row| (row.key, row.rrtype))
    }

    pub(super) fn last(&self) -> Option<Row<'_>> {
        self.get(self.len().checked_sub(1)?)
    }

    pub(super) fn push(&mut self, row: Row<'_>) {
        self.keys.extend_from_slice(row.key);
        self.owners.push_str(row.owner);
        self.rdatas.extend_from_slice(row.rdatas);
        self.close(row.rrtype, row.ttl);
    }

    /// Adds an RRset of the zone at `apex`; the owner must be in the zone.
    pub(super) fn push_rrset(&mut self, rrset: RrsetRef<'_>, apex: &Apex) {
        sort_key::append(rrset.owner, apex.labels, &mut self.keys);
        apex.append_relative(rrset.owner, &mut self.owners);
        self.rdatas.extend_from_slice(rrset.rdatas.packed());
        self.close(rrset.rrtype.0, rrset.ttl);
    }

    fn close(&mut self, rrtype: u16, ttl: u32) {
        self.ends.push(End {
            key: self.keys.len(),
            owner: self.owners.len(),
            rdatas: self.rdatas.len(),
            rrtype,
            ttl,
        });
    }
}

impl Row<'_> {
    /// Place in the canonical order.
    pub(super) fn place(&self) -> (&[u8], u16) {
        (self.key, self.rrtype)
    }

    /// Shows the row as an RRset; none when its owner is not a name.
    pub(super) fn with_rrset<T>(
        &self,
        origin: NameRef<'_>,
        show: impl FnOnce(RrsetRef<'_>) -> T,
    ) -> Option<T> {
        let mut octets = [0; MAX_NAME];
        let owner = NameRef::parse_text(self.owner.as_bytes(), Some(origin), &mut octets).ok()?;
        Some(show(RrsetRef {
            owner,
            rrtype: RrType(self.rrtype),
            ttl: self.ttl,
            rdatas: RdataList::from_packed(self.rdatas),
        }))
    }
}

/// The apex, ready for writing owners relative to it.
#[derive(Debug)]
pub(super) struct Apex {
    pub(super) origin: Name,
    pub(super) labels: usize,
}

impl Apex {
    pub(super) fn new(origin: NameRef<'_>) -> Self {
        Self { origin: origin.to_name(), labels: origin.label_count() }
    }

    /// Appends an owner of the zone as it is stored.
    pub(super) fn append_relative(&self, owner: NameRef<'_>, text: &mut String) {
        match owner.label_count().saturating_sub(self.labels) {
            0 => text.push('@'),
            below => owner.append_labels(below, text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_as_the_rrsets_they_were() {
        for origin in [".", "com.", r"a\.b.Example."] {
            let origin: Name = origin.parse().unwrap();
            let apex = Apex::new(origin.as_ref());
            let mut rows = Rows::default();
            let owners: Vec<Name> = [r"@", "www", r"\@", r"x\.y.Z", r"\000\255"]
                .iter()
                .map(|text| Name::from_text(text, Some(origin.as_ref())).unwrap())
                .collect();
            for owner in &owners {
                let rdatas = RdataList::from_packed(b"\x00\x01a");
                let rrset = RrsetRef { owner: owner.as_ref(), rrtype: RrType::TXT, ttl: 5, rdatas };
                rows.push_rrset(rrset, &apex);
            }
            assert_eq!(rows.get(0).unwrap().owner, "@");
            assert_eq!(rows.get(2).unwrap().owner, r"\@");
            for (index, owner) in owners.iter().enumerate() {
                let shown = rows.get(index).unwrap().with_rrset(origin.as_ref(), |rrset| {
                    assert_eq!(rrset.owner.octets(), owner.octets());
                    rrset.rdatas.packed().to_vec()
                });
                assert_eq!(shown.unwrap(), b"\x00\x01a");
            }
        }
    }
}
