//! One zone in one image file, as slices.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use tenon_wire::message::{KeyedName, suffix_hash};

use crate::format::{LINE, Section, ZoneEntry};
use crate::node::{Node, NodeRef, kind};
use crate::octets::{Fault, slice};
use crate::order::SortedKeys;
use crate::table;

/// Label that makes a wildcard, with its length octet.
const ASTERISK: &[u8] = b"\x01*";

/// Borrowed view of a zone's region.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PartView<'a> {
    pub(crate) table: &'a [u8],
    pub(crate) nodes: &'a [u8],
    pub(crate) order: SortedKeys<'a>,
    pub(crate) hashed: SortedKeys<'a>,
    /// Labels of the zone's name.
    pub(crate) labels: usize,
}

impl<'a> PartView<'a> {
    #[inline]
    pub(crate) fn new(file: &'a [u8], entry: &ZoneEntry, labels: usize) -> Result<Self, Fault> {
        let Section { offset, length, .. } = entry.region;
        let region = slice(file, offset, length)?;
        Ok(Self {
            table: slice(region, 0, u64::from(entry.buckets) * LINE as u64)?,
            nodes: slice(region, entry.nodes_offset, entry.nodes_length)?,
            order: SortedKeys::new(region, entry.order_offset, entry.order_count)?,
            hashed: SortedKeys::new(region, entry.hashed_offset, entry.hashed_count)?,
            labels,
        })
    }

    /// Of a region that is still in its pieces: table, nodes, order, hashed.
    pub(crate) fn of_pieces(
        [table, nodes, order, hashed]: &'a [Vec<u8>; 4],
        entry: &ZoneEntry,
        labels: usize,
    ) -> Result<Self, Fault> {
        let order = SortedKeys::new(order, 0, entry.order_count)?;
        Ok(Self { table, nodes, order, hashed: SortedKeys::new(hashed, 0, entry.hashed_count)?, labels })
    }

    #[inline]
    pub(crate) fn node(&self, reference: NodeRef) -> Result<Node<'a>, Fault> {
        Node::at(self.nodes, reference)
    }

    /// The node (or tombstone) of the suffix of `key` with so many labels.
    #[inline]
    pub(crate) fn probe(&self, key: &KeyedName, labels: usize) -> Result<Option<Node<'a>>, Fault> {
        let relative = key.relative(labels, self.labels);
        table::probe(self.table, key.hash(labels), |reference| {
            let node = self.node(NodeRef(reference))?;
            Ok(node.relative_name()?.eq_ignore_ascii_case(relative).then_some(node))
        })
    }

    /// The node (or tombstone) of `*` below the suffix of `key` with so many labels.
    pub(crate) fn probe_wildcard(&self, key: &KeyedName, labels: usize) -> Result<Option<Node<'a>>, Fault> {
        let hash = suffix_hash::extend(key.hash(labels), ASTERISK);
        let relative = key.relative(labels, self.labels);
        table::probe(self.table, hash, |reference| {
            let node = self.node(NodeRef(reference))?;
            let tail = node.relative_name()?.strip_prefix(ASTERISK);
            Ok(tail.is_some_and(|tail| tail.eq_ignore_ascii_case(relative)).then_some(node))
        })
    }

    /// The exact node, or else the wildcard that answers for it; covered nodes only where `covered` says so.
    pub(crate) fn address_node(&self, key: &KeyedName, covered: bool) -> Result<Option<Node<'a>>, Fault> {
        let depth = key.labels();
        if let Some(node) = self.probe(key, depth)? {
            return Ok((covered || !node.is(kind::COVERED | kind::CUT)).then_some(node));
        }
        for labels in (self.labels..depth).rev() {
            if let Some(node) = self.probe(key, labels)? {
                let shut = node.is(kind::COVERED | kind::CUT | kind::DNAME);
                return if shut { Ok(None) } else { self.probe_wildcard(key, labels) };
            }
        }
        Ok(None)
    }
}
