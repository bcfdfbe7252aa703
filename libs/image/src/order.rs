//! Sorted keys: the NSEC owners of a zone in canonical order, its NSEC3 owners by hash.
//!
//! A key is the first eight octets of what is sorted by, as a number; nearly every comparison ends there, without
//! touching a node. Keys and references lie apart, eight keys to a cache line.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use std::cmp::Ordering;

use crate::node::NodeRef;
use crate::octets::{Fault, read_u32, read_u64, slice};

/// Keys in ascending order and the nodes that belong to them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SortedKeys<'a> {
    keys: &'a [u8],
    references: &'a [u8],
}

impl<'a> SortedKeys<'a> {
    pub(crate) fn new(region: &'a [u8], offset: u64, count: u64) -> Result<Self, Fault> {
        let length = count.checked_mul(8).ok_or(Fault("a count is out of range"))?;
        let end = offset.checked_add(length).ok_or(Fault("a count is out of range"))?;
        Ok(Self { keys: slice(region, offset, length)?, references: slice(region, end, count * 4)? })
    }

    pub(crate) const fn len(&self) -> usize {
        self.references.len() / 4
    }

    pub(crate) fn reference(&self, index: usize) -> Result<NodeRef, Fault> {
        read_u32(self.references, index * 4).map(NodeRef)
    }

    /// Number of entries at or before what is looked for: those with a smaller key, and those with the same key that
    /// `compare` (entry against what is looked for) does not put behind it.
    pub(crate) fn at_or_before(
        &self,
        key: u64,
        mut compare: impl FnMut(NodeRef) -> Result<Ordering, Fault>,
    ) -> Result<usize, Fault> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            let order = match read_u64(self.keys, middle * 8)?.cmp(&key) {
                Ordering::Equal => compare(self.reference(middle)?)?,
                other => other,
            };
            if order == Ordering::Greater { high = middle } else { low = middle + 1 }
        }
        Ok(low)
    }
}

/// First eight octets of a relative name in an encoding whose octet order is canonical order (RFC 4034 section 6.1):
/// labels from the right, lower case, ended by 0; 0 and 1 within labels escaped by 1.
pub(crate) fn canonical_key(relative: &[u8]) -> u64 {
    let mut starts = [0u8; 128];
    let count = label_starts(relative, &mut starts);
    let labels = starts.get(..count).unwrap_or(&[]).iter().rev();
    let octets = labels.flat_map(|&start| {
        label(relative, start).iter().flat_map(|octet| escape(octet.to_ascii_lowercase())).chain([0])
    });
    let mut key = [0; 8];
    key.iter_mut().zip(octets).for_each(|(place, octet)| *place = octet);
    u64::from_be_bytes(key)
}

fn escape(octet: u8) -> impl Iterator<Item = u8> {
    let prefix = (octet < 2).then_some(1);
    prefix.into_iter().chain([if octet < 2 { octet + 1 } else { octet }])
}

/// Canonical order of two relative names, without root labels.
pub(crate) fn canonical_order(a: &[u8], b: &[u8]) -> Ordering {
    let (mut mine, mut theirs) = ([0u8; 128], [0u8; 128]);
    let (many, others) = (label_starts(a, &mut mine), label_starts(b, &mut theirs));
    let left = mine.get(..many).unwrap_or(&[]).iter().rev();
    let right = theirs.get(..others).unwrap_or(&[]).iter().rev();
    for (&x, &y) in left.zip(right) {
        let order = compare_labels(label(a, x), label(b, y));
        if order != Ordering::Equal {
            return order;
        }
    }
    many.cmp(&others)
}

fn label(name: &[u8], start: u8) -> &[u8] {
    name.get(start as usize..).and_then(|rest| rest.get(1..=*rest.first()? as usize)).unwrap_or(&[])
}

fn compare_labels(a: &[u8], b: &[u8]) -> Ordering {
    a.iter().map(u8::to_ascii_lowercase).cmp(b.iter().map(u8::to_ascii_lowercase))
}

fn label_starts(relative: &[u8], starts: &mut [u8; 128]) -> usize {
    let (mut at, mut count) = (0, 0);
    while let (Some(&length), Some(place)) = (relative.get(at), starts.get_mut(count)) {
        *place = at as u8;
        at += 1 + length as usize;
        count += 1;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tenon_wire::NameRef;

    fn wire(labels: &[Vec<u8>]) -> Vec<u8> {
        labels
            .iter()
            .flat_map(|label| std::iter::once(label.len() as u8).chain(label.iter().copied()))
            .collect()
    }

    proptest! {
        #[test]
        fn keys_and_order_agree_with_the_names(
            a in prop::collection::vec(prop::collection::vec(0u8..4, 1..4), 0..4),
            b in prop::collection::vec(prop::collection::vec(0u8..4, 1..4), 0..4),
        ) {
            let (a, b) = (wire(&a), wire(&b));
            let whole = |relative: &[u8]| [relative, &[0]].concat();
            let (left, right) = (whole(&a), whole(&b));
            let wanted = NameRef::from_octets(&left).unwrap().canonical_cmp(NameRef::from_octets(&right).unwrap());
            prop_assert_eq!(canonical_order(&a, &b), wanted);
            let keys = canonical_key(&a).cmp(&canonical_key(&b));
            prop_assert!(keys == wanted || keys == Ordering::Equal);
        }
    }
}
