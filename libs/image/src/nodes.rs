//! Walking over a whole zone.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use crate::format::NODE_UNIT;
use crate::node::{Node, NodeRef, kind};
use crate::octets::Fault;
use crate::zone::ZoneImage;

/// Iterator over the nodes of a zone; ends after the first error. See [`ZoneImage::nodes`].
#[derive(Debug)]
pub struct Nodes<'a> {
    zone: &'a ZoneImage,
    /// Nodes of each file and how many there are, newest first.
    parts: Vec<(&'a [u8], u64)>,
    /// The file that is walked over.
    age: usize,
    /// Where its next node lies, in units.
    next: usize,
    /// How many of its nodes are left.
    left: u64,
}

impl<'a> Nodes<'a> {
    pub(crate) fn new(zone: &'a ZoneImage, parts: Vec<(&'a [u8], u64)>) -> Self {
        let left = parts.first().map_or(0, |(_, count)| *count);
        Self { zone, parts, age: 0, next: 1, left }
    }

    /// The next node as it lies there, with the age of its file.
    fn step(&mut self) -> Result<Option<(usize, Node<'a>)>, Fault> {
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
        Ok(Some((self.age, node)))
    }

    fn find(&mut self) -> Result<Option<Node<'a>>, Fault> {
        while let Some((age, node)) = self.step()? {
            let gone =
                node.is(kind::TOMBSTONE) || age > 0 && self.zone.restated(age, node.relative_name()?)?;
            if !gone {
                return Ok(Some(node));
            }
        }
        Ok(None)
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
