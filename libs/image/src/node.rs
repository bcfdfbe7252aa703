//! A node: everything that a zone has at one name, as it lies in the image.
//!
//! ```text
//! u8 flags, u8 RRsets, u8 octets of the name, u8 labels of the name
//! u32 cover            if COVERED: the delegation or DNAME above
//! u32 match, u32 next  if DENIAL: NSEC or NSEC3 owner that matches (or covers) the name, and that covers `*.name`
//! 12 octets per RRset: u16 type, u16 records, u32 TTL, u24 length of its body, u8 flags
//! the name below the apex, as written, without root label
//! the bodies of the RRsets (see `rrset`)
//! ```

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use tenon_wire::RrType;

use crate::format::NODE_UNIT;
use crate::octets::{Fault, read_u16, read_u32};
use crate::rrset::RrsetView;

/// Bits of a node's flags.
pub mod kind {
    /// A delegation: NS below the apex.
    pub const CUT: u8 = 1;
    /// Has a DNAME record.
    pub const DNAME: u8 = 2;
    /// Has a CNAME record.
    pub const CNAME: u8 = 4;
    /// The name `*` directly below exists.
    pub const WILDCARD_CHILD: u8 = 8;
    /// Below a delegation or a DNAME: glue or occluded, never an answer.
    pub const COVERED: u8 = 16;
    /// Exists only because of names below it.
    pub const EMPTY: u8 = 32;
    /// In a layer: the name is gone.
    pub const TOMBSTONE: u8 = 64;
    /// Has references for negative answers.
    pub const DENIAL: u8 = 128;
}

pub(crate) const FIXED: usize = 4;
pub(crate) const DIRECTORY_ENTRY: usize = 12;

/// Number of a node in its image; 0 is none.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct NodeRef(pub(crate) u32);

/// A node of a mapped image.
#[derive(Clone, Copy, Debug)]
pub struct Node<'a> {
    octets: &'a [u8],
    reference: NodeRef,
    flags: u8,
    rrsets: u8,
    name_length: u8,
    labels: u8,
}

impl<'a> Node<'a> {
    #[inline]
    pub(crate) fn at(nodes: &'a [u8], reference: NodeRef) -> Result<Self, Fault> {
        let octets = nodes.get(reference.0 as usize * NODE_UNIT..).unwrap_or(&[]);
        let &[flags, rrsets, name_length, labels] =
            octets.first_chunk::<FIXED>().ok_or(Fault("a reference points behind its names"))?;
        Ok(Self { octets, reference, flags, rrsets, name_length, labels })
    }

    /// True when any of the bits of [`kind`] is set.
    #[must_use]
    pub const fn is(&self, bits: u8) -> bool {
        self.flags & bits != 0
    }

    /// The node's own number.
    #[must_use]
    pub const fn reference(&self) -> NodeRef {
        self.reference
    }

    /// Labels of the name below the apex.
    #[must_use]
    pub const fn labels(&self) -> usize {
        self.labels as usize
    }

    /// Number of RRsets; signatures are part of what they cover.
    #[must_use]
    pub const fn rrset_count(&self) -> usize {
        self.rrsets as usize
    }

    const fn directory(&self) -> usize {
        let covered = if self.is(kind::COVERED) { 4 } else { 0 };
        FIXED + covered + if self.is(kind::DENIAL) { 8 } else { 0 }
    }

    /// The name below the apex, as written in the zone, without root label; empty for the apex.
    ///
    /// # Errors
    /// A damaged image.
    #[inline]
    pub fn relative_name(&self) -> Result<&'a [u8], Fault> {
        let start = self.directory() + self.rrset_count() * DIRECTORY_ENTRY;
        let name = self.octets.get(start..start + self.name_length as usize);
        name.ok_or(Fault("a name ends behind its end"))
    }

    /// The delegation or DNAME that covers this node.
    ///
    /// # Errors
    /// A damaged image.
    pub fn cover(&self) -> Result<Option<NodeRef>, Fault> {
        if !self.is(kind::COVERED) {
            return Ok(None);
        }
        read_u32(self.octets, FIXED).map(|reference| Some(NodeRef(reference)))
    }

    /// The owners of the NSEC or NSEC3 records for this name and for `*` below it; 0 where there is none.
    ///
    /// # Errors
    /// A damaged image.
    pub fn denial(&self) -> Result<Option<[Option<NodeRef>; 2]>, Fault> {
        if !self.is(kind::DENIAL) {
            return Ok(None);
        }
        let at = self.directory() - 8;
        let reference = |word: u32| (word != 0).then_some(NodeRef(word));
        Ok(Some([reference(read_u32(self.octets, at)?), reference(read_u32(self.octets, at + 4)?)]))
    }

    /// The RRset of one type; also none when only signatures of such a type are left.
    ///
    /// # Errors
    /// A damaged image.
    #[inline]
    pub fn rrset(&self, rrtype: RrType) -> Result<Option<RrsetView<'a>>, Fault> {
        let mut rrsets = self.rrsets();
        while let Some(entry) = rrsets.next_entry()? {
            if entry.rrtype == rrtype && entry.records > 0 {
                return RrsetView::read(self.octets, entry).map(Some);
            }
        }
        Ok(None)
    }

    /// Octets that the node takes in its image, the gap behind it not counted.
    pub(crate) fn length(&self) -> Result<usize, Fault> {
        let mut rrsets = self.rrsets();
        while rrsets.next_entry()?.is_some() {}
        if rrsets.body > self.octets.len() {
            Err(Fault("a node ends behind its end"))
        } else {
            Ok(rrsets.body)
        }
    }

    /// The RRsets, types ascending.
    #[must_use]
    pub const fn rrsets(&self) -> Rrsets<'a> {
        let directory = self.directory();
        let body = directory + self.rrset_count() * DIRECTORY_ENTRY + self.name_length as usize;
        Rrsets { octets: self.octets, at: directory, left: self.rrsets, body }
    }
}

/// What the directory of a node says about an RRset.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RrsetEntry {
    pub(crate) rrtype: RrType,
    pub(crate) records: u16,
    pub(crate) ttl: u32,
    pub(crate) flags: u8,
    pub(crate) body: usize,
    pub(crate) length: usize,
}

/// Iterator over the RRsets of a node.
#[derive(Clone, Debug)]
pub struct Rrsets<'a> {
    octets: &'a [u8],
    at: usize,
    left: u8,
    body: usize,
}

impl Rrsets<'_> {
    #[inline]
    fn next_entry(&mut self) -> Result<Option<RrsetEntry>, Fault> {
        // Nothing follows an entry that cannot be read.
        let Some(left) = std::mem::take(&mut self.left).checked_sub(1) else { return Ok(None) };
        let word = read_u32(self.octets, self.at + 8)?;
        let entry = RrsetEntry {
            rrtype: RrType(read_u16(self.octets, self.at)?),
            records: read_u16(self.octets, self.at + 2)?,
            ttl: read_u32(self.octets, self.at + 4)?,
            flags: (word >> 24) as u8,
            body: self.body,
            length: (word & 0x00ff_ffff) as usize,
        };
        self.left = left;
        self.at += DIRECTORY_ENTRY;
        self.body += entry.length;
        Ok(Some(entry))
    }
}

impl<'a> Iterator for Rrsets<'a> {
    type Item = Result<RrsetView<'a>, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        let entry = self.next_entry().transpose()?;
        Some(entry.and_then(|entry| RrsetView::read(self.octets, entry)))
    }
}
