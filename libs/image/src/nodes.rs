//! Walking over a whole zone.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use std::collections::HashSet;

use crate::format::NODE_UNIT;
use crate::node::{Node, NodeRef, kind};
use crate::octets::Fault;

/// Iterator over the nodes of a zone; ends after the first error. See [`crate::ZoneImage::nodes`].
#[derive(Debug)]
pub struct Nodes<'a> {
    /// Nodes of each file and how many there are, newest first.
    parts: Vec<(&'a [u8], u64)>,
    /// The file that is walked over.
    age: usize,
    /// Where its next node lies, in units.
    next: usize,
    /// How many of its nodes are left.
    left: u64,
    /// Names that newer files hold, in lower case. Not looked up there, since names that exist only as hashes are found
    /// by no name; layers are small beside their base.
    restated: HashSet<Box<[u8]>>,
    name: Vec<u8>,
}

impl<'a> Nodes<'a> {
    pub(crate) fn new(parts: Vec<(&'a [u8], u64)>) -> Self {
        let left = parts.first().map_or(0, |(_, count)| *count);
        Self { parts, age: 0, next: 1, left, restated: HashSet::new(), name: Vec::new() }
    }

    /// The next node as it lies there.
    fn step(&mut self) -> Result<Option<Node<'a>>, Fault> {
        while self.left == 0 {
            self.age += 1;
            let Some((_, count)) = self.parts.get(self.age) else { return Ok(None) };
            (self.next, self.left) = (1, *count);
        }
        let Some((nodes, _)) = self.parts.get(self.age) else { return Ok(None) };
        let reference = u32::try_from(self.next).map_err(|_| Fault("a zone has too many names"))?;
        let node = Node::at(nodes, NodeRef(reference))?;
        self.next += node.length()?.div_ceil(NODE_UNIT);
        self.left -= 1;
        Ok(Some(node))
    }

    fn find(&mut self) -> Result<Option<Node<'a>>, Fault> {
        while let Some(node) = self.step()? {
            if self.parts.len() > 1 && self.is_restated(&node)? || node.is(kind::TOMBSTONE) {
                continue;
            }
            return Ok(Some(node));
        }
        Ok(None)
    }

    /// Whether a newer file holds the name; if not, older ones will find it here.
    fn is_restated(&mut self, node: &Node<'a>) -> Result<bool, Fault> {
        self.name.clear();
        self.name.extend_from_slice(node.relative_name()?);
        self.name.make_ascii_lowercase();
        if self.restated.contains(self.name.as_slice()) {
            return Ok(true);
        }
        if self.age + 1 < self.parts.len() {
            self.restated.insert(self.name.as_slice().into());
        }
        Ok(false)
    }
}

impl<'a> Iterator for Nodes<'a> {
    type Item = Result<Node<'a>, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        let found = self.find();
        if found.is_err() {
            (self.left, self.age) = (0, self.parts.len());
        }
        found.transpose()
    }
}
