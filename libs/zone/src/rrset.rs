//! RRsets in the one form in which they are stored, compiled and sent.

use tenon_wire::{Name, NameRef, RrType};

/// Record data of one RRset, packed: for each record a 16-bit big-endian length and so many octets.
///
/// Names inside are uncompressed. In canonical form (RFC 4034 section 6.3) the records are sorted and no two are
/// equal; names keep the case they were written in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RdataList<'a>(&'a [u8]);

/// A borrowed RRset of class IN.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RrsetRef<'a> {
    /// Owner name, as written.
    pub owner: NameRef<'a>,
    /// Record type; never a meta type.
    pub rrtype: RrType,
    /// Time to live in seconds, at most 2^31 - 1 (RFC 2181 section 8). RRSIGs keep the TTL of what they cover.
    pub ttl: u32,
    /// The records.
    pub rdatas: RdataList<'a>,
}

/// An owned RRset of class IN.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rrset {
    /// Owner name, as written.
    pub owner: Name,
    /// Record type; never a meta type.
    pub rrtype: RrType,
    /// Time to live in seconds.
    pub ttl: u32,
    /// The records in the packed form of [`RdataList`].
    pub rdatas: Vec<u8>,
}

impl<'a> RdataList<'a> {
    /// Takes packed record data as it is; octets that do not add up end the iteration early.
    #[must_use]
    pub const fn from_packed(packed: &'a [u8]) -> Self {
        Self(packed)
    }

    /// The packed form.
    #[must_use]
    pub const fn packed(self) -> &'a [u8] {
        self.0
    }

    /// The record data one by one.
    #[must_use]
    pub const fn iter(self) -> Rdatas<'a> {
        Rdatas(self.0)
    }

    /// True when the lengths add up exactly and there is at least one record.
    #[must_use]
    pub fn is_well_formed(self) -> bool {
        let mut records = self.iter();
        let count = records.by_ref().count();
        count > 0 && records.0.is_empty()
    }
}

impl<'a> IntoIterator for RdataList<'a> {
    type Item = &'a [u8];
    type IntoIter = Rdatas<'a>;

    fn into_iter(self) -> Rdatas<'a> {
        self.iter()
    }
}

/// Iterator over the record data of an RRset.
#[derive(Clone, Debug)]
pub struct Rdatas<'a>(&'a [u8]);

impl<'a> Iterator for Rdatas<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.0.split_first_chunk::<2>()?;
        let (record, rest) = rest.split_at_checked(u16::from_be_bytes(*length) as usize)?;
        self.0 = rest;
        Some(record)
    }
}

impl Rrset {
    /// The RRset as a borrowed one.
    #[must_use]
    pub fn as_ref(&self) -> RrsetRef<'_> {
        RrsetRef {
            owner: self.owner.as_ref(),
            rrtype: self.rrtype,
            ttl: self.ttl,
            rdatas: RdataList::from_packed(&self.rdatas),
        }
    }
}

impl RrsetRef<'_> {
    /// An owned copy.
    #[must_use]
    pub fn to_rrset(self) -> Rrset {
        Rrset {
            owner: self.owner.to_name(),
            rrtype: self.rrtype,
            ttl: self.ttl,
            rdatas: self.rdatas.packed().to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_records_come_out_one_by_one() {
        let list = RdataList::from_packed(b"\x00\x01a\x00\x00\x00\x02bc");
        assert_eq!(list.iter().collect::<Vec<_>>(), [&b"a"[..], b"", b"bc"]);
        assert!(list.is_well_formed());
    }

    #[test]
    fn broken_packing_is_told() {
        assert!(!RdataList::from_packed(b"").is_well_formed());
        assert!(!RdataList::from_packed(b"\x00\x05ab").is_well_formed());
        assert!(!RdataList::from_packed(b"\x00\x01a\x00").is_well_formed());
    }
}
