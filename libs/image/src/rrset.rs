//! An RRset as it lies in the image: record data in wire form, ready to be copied.
//!
//! Names that may be compressed are stored with a hole of two octets where their known tail is, and a *fixup* says what
//! the hole must point at: a suffix of the owner, which is in the response already, or a name earlier in the same RRset.
//! Positions count from the start of the RRset as it is written: each record is 12 octets (an owner pointer, type,
//! class, TTL, length) and its data.
//!
//! ```text
//! u16 fixups       if FIXUPS        then 4 octets each: u16 position of the hole, u16 target
//! u16 additional   if ADDITIONAL    then 8 octets each: u16 position of the name (0 for the owner's own), u8 1 if it
//!                                   must be sent, u8 what of it ([`Wanted`]), u32 node
//! u16 signatures, u16 their octets  if SIGNATURES
//! records: u16 length and data each, big-endian length
//! signatures: the same
//! ```

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use tenon_wire::RrType;

use crate::node::{NodeRef, RrsetEntry};
use crate::octets::{Fault, read_u16};

pub(crate) mod part {
    pub(crate) const FIXUPS: u8 = 1;
    pub(crate) const ADDITIONAL: u8 = 2;
    pub(crate) const SIGNATURES: u8 = 4;
}

/// Octets of a written record before its data.
pub const RECORD_HEAD: usize = 12;
/// In a fixup's target: the rest is a number of labels of the owner's suffix, not a position.
pub(crate) const OWNER_SUFFIX: u16 = 0x8000;

/// An RRset of a mapped image.
#[derive(Clone, Copy, Debug)]
pub struct RrsetView<'a> {
    /// Record type.
    pub rrtype: RrType,
    /// Time to live, of its signatures too.
    pub ttl: u32,
    /// Number of records.
    pub records: u16,
    /// Number of signatures.
    pub signatures: u16,
    fixups: &'a [u8],
    additional: &'a [u8],
    data: &'a [u8],
    signature_data: &'a [u8],
}

/// What a hole in a name points at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Target {
    /// The owner's suffix of so many labels.
    OwnerSuffix(usize),
    /// A position in the RRset as written.
    Position(usize),
}

/// A hole in a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fixup {
    /// Where the two octets lie in the RRset as written.
    pub position: usize,
    /// What they point at.
    pub target: Target,
}

/// What of a name that record data leads to belongs into the additional section.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wanted {
    /// Its addresses.
    Addresses = 0,
    /// Its SRV records, and the addresses these lead to (NAPTR with flag "s", RFC 3403 section 4.1).
    Services = 1,
    /// Its addresses, and its records of the type that led there (SVCB and HTTPS, RFC 9460 section 4.1).
    Bindings = 2,
}

/// A name in the record data of which something belongs into the additional section.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Additional {
    /// Where the name lies in the RRset as written; none for the owner itself.
    pub position: Option<usize>,
    /// What of it.
    pub wanted: Wanted,
    /// Glue without which the referral is of no use (RFC 9471).
    pub required: bool,
    /// The node that has it; none when this zone has none, or has layers.
    pub node: Option<NodeRef>,
}

impl<'a> RrsetView<'a> {
    #[inline]
    pub(crate) fn read(node: &'a [u8], entry: RrsetEntry) -> Result<Self, Fault> {
        let body = node
            .get(entry.body..entry.body + entry.length)
            .ok_or(Fault("record data ends behind its end"))?;
        let RrsetEntry { rrtype, ttl, records, .. } = entry;
        let mut view = Self {
            rrtype,
            ttl,
            records,
            signatures: 0,
            fixups: &[],
            additional: &[],
            data: body,
            signature_data: &[],
        };
        if entry.flags != 0 {
            view.split(body, entry.flags)?;
        }
        Ok(view)
    }

    fn split(&mut self, body: &'a [u8], flags: u8) -> Result<(), Fault> {
        let (mut at, mut fixups, mut additional, mut signed) = (0, 0, 0, 0);
        if flags & part::FIXUPS != 0 {
            fixups = read_u16(body, at)? as usize * 4;
            at += 2;
        }
        if flags & part::ADDITIONAL != 0 {
            additional = read_u16(body, at)? as usize * 8;
            at += 2;
        }
        if flags & part::SIGNATURES != 0 {
            self.signatures = read_u16(body, at)?;
            signed = read_u16(body, at + 2)? as usize;
            at += 4;
        }
        let rest = body.get(at..).unwrap_or(&[]);
        let parts = rest.split_at_checked(fixups).and_then(|(fixups, rest)| {
            let (additional, rest) = rest.split_at_checked(additional)?;
            let (data, signatures) = rest.split_at_checked(rest.len().checked_sub(signed)?)?;
            Some((fixups, additional, data, signatures))
        });
        (self.fixups, self.additional, self.data, self.signature_data) =
            parts.ok_or(Fault("parts of record data do not add up"))?;
        Ok(())
    }

    /// The record data one by one, holes unfilled.
    #[must_use]
    pub const fn rdatas(&self) -> tenon_zone::RdataList<'a> {
        tenon_zone::RdataList::from_packed(self.data)
    }

    /// The data of the signatures one by one.
    #[must_use]
    pub const fn signature_rdatas(&self) -> tenon_zone::RdataList<'a> {
        tenon_zone::RdataList::from_packed(self.signature_data)
    }

    /// Its signatures without its records.
    #[must_use]
    pub const fn signatures_only(self) -> Self {
        Self { records: 0, fixups: &[], additional: &[], data: &[], ..self }
    }

    /// True when no name in the data was compressed.
    #[must_use]
    pub const fn is_plain(&self) -> bool {
        self.fixups.is_empty()
    }

    /// The holes, in the order of their positions.
    pub fn fixups(&self) -> impl Iterator<Item = Fixup> + 'a {
        self.fixups.as_chunks::<4>().0.iter().map(|&[a, b, c, d]| {
            let target = u16::from_le_bytes([c, d]);
            Fixup {
                position: u16::from_le_bytes([a, b]) as usize,
                target: if target & OWNER_SUFFIX == 0 {
                    Target::Position(target as usize)
                } else {
                    Target::OwnerSuffix((target ^ OWNER_SUFFIX) as usize)
                },
            }
        })
    }

    /// The names of which something goes into the additional section.
    pub fn additional(&self) -> impl Iterator<Item = Additional> + 'a {
        self.additional.as_chunks::<8>().0.iter().map(|&[a, b, c, d, e, f, g, h]| {
            let node = u32::from_le_bytes([e, f, g, h]);
            let position = u16::from_le_bytes([a, b]) as usize;
            Additional {
                position: (position > 0).then_some(position),
                required: c != 0,
                wanted: match d {
                    1 => Wanted::Services,
                    2 => Wanted::Bindings,
                    _ => Wanted::Addresses,
                },
                node: (node != 0).then_some(NodeRef(node)),
            }
        })
    }

    /// Writes the name at `position` without compression into `out`; gives its length, root label included.
    ///
    /// The slow way, for what compression pointers cannot reach: `owner` is the owner in wire form.
    ///
    /// # Errors
    /// A damaged image.
    pub fn expand_name(&self, position: usize, owner: &[u8], out: &mut [u8; 255]) -> Result<usize, Fault> {
        const BROKEN: Fault = Fault("a compressed name leads nowhere");
        let (mut position, mut length) = (position, 0usize);
        for _ in 0..=tenon_wire::name::MAX_LABELS {
            match self.fixups().find(|fixup| fixup.position == position).map(|fixup| fixup.target) {
                Some(Target::Position(earlier)) if earlier < position => position = earlier,
                Some(Target::Position(_)) => return Err(BROKEN),
                Some(Target::OwnerSuffix(labels)) => {
                    let tail = owner_suffix(owner, labels).ok_or(BROKEN)?;
                    out.get_mut(length..length + tail.len()).ok_or(BROKEN)?.copy_from_slice(tail);
                    return Ok(length + tail.len());
                }
                None => {
                    let rest = self.written_at(position).ok_or(BROKEN)?;
                    let label_length = *rest.first().ok_or(BROKEN)? as usize;
                    let label = rest.get(..=label_length).ok_or(BROKEN)?;
                    out.get_mut(length..length + label.len()).ok_or(BROKEN)?.copy_from_slice(label);
                    length += label.len();
                    position += label.len();
                    if label_length == 0 {
                        return Ok(length);
                    }
                }
            }
        }
        Err(BROKEN)
    }

    /// The stored octets at a position of the RRset as written.
    fn written_at(&self, position: usize) -> Option<&'a [u8]> {
        let mut start = 0;
        for rdata in self.rdatas() {
            let data = start + RECORD_HEAD;
            if position < data + rdata.len() {
                return rdata.get(position.checked_sub(data)?..);
            }
            start = data + rdata.len();
        }
        None
    }
}

/// The last `labels` labels of a name in wire form, root label included.
fn owner_suffix(owner: &[u8], labels: usize) -> Option<&[u8]> {
    let name = tenon_wire::NameRef::from_octets(owner).ok()?;
    name.skip_labels(name.label_count().checked_sub(labels)?).map(tenon_wire::NameRef::octets)
}
