//! Looking names up in a zone, over its base and its layers.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use std::cmp::Ordering;
use std::sync::Arc;

use data_encoding::BASE32_DNSSEC;
use tenon_wire::message::KeyedName;
use tenon_wire::{Name, NameRef};

use crate::catalog::BodyFault;
use crate::file::ImageMap;
use crate::format::ZoneEntry;
use crate::node::{Node, NodeRef, kind};
use crate::nodes::Nodes;
use crate::octets::Fault;
use crate::order::{canonical_key, canonical_order};
use crate::part::PartView;
use crate::unavailable::Cause;

/// Names up to so many labels below the apex are looked for from the apex down, so that a delegation is met first.
const SHALLOW: usize = 2;

/// A zone that can be asked. Copies share the mapped files, which stay mapped for as long as one exists.
#[derive(Clone, Debug)]
pub struct ZoneImage {
    origin: Name,
    /// The origin in lower case, for comparing.
    folded: Box<[u8]>,
    labels: usize,
    /// Its place among the zones of its catalog.
    place: u32,
    /// The store of primary zones is where it came from.
    primary: bool,
    /// Newest first; the base is last. Empty for a faulty zone.
    parts: Vec<Part>,
    /// Why there are no answers, unless it is that there is no usable image.
    unavailable: Option<Cause>,
}

#[derive(Clone, Debug)]
struct Part {
    map: Arc<ImageMap>,
    entry: ZoneEntry,
}

/// Where the search for a name ended.
#[derive(Clone, Copy, Debug)]
pub struct Lookup<'a> {
    /// The node of the name itself; or the delegation or DNAME above it; or its closest encloser.
    pub node: Node<'a>,
    /// Labels of that node's name, the zone's included.
    pub labels: usize,
    /// It is the node of the name itself.
    pub exact: bool,
}

/// The NSEC3 records around a hash.
#[derive(Clone, Copy, Debug)]
pub struct HashedLookup<'a> {
    /// The one whose owner is the hash or the last one before it.
    pub node: Node<'a>,
    /// Its owner is the hash.
    pub matches: bool,
}

impl ZoneImage {
    /// Finds the zone in its files, base first.
    pub(crate) fn open(origin: &Name, primary: bool, files: &[Arc<ImageMap>]) -> Result<Self, Fault> {
        let key = KeyedName::new(origin.as_ref());
        let mut parts = Vec::with_capacity(files.len());
        for map in files.iter().rev() {
            let entry = map.zone(origin.as_ref(), &key)?.ok_or(Fault("it does not hold the zone"))?;
            PartView::new(map.octets(), &entry, key.labels())?;
            parts.push(Part { map: Arc::clone(map), entry });
        }
        Ok(Self {
            origin: origin.clone(),
            folded: key.octets().into(),
            labels: key.labels(),
            place: 0,
            primary,
            parts,
            unavailable: None,
        })
    }

    pub(crate) fn faulty(origin: &Name) -> Self {
        let key = KeyedName::new(origin.as_ref());
        Self {
            origin: origin.clone(),
            folded: key.octets().into(),
            labels: key.labels(),
            place: 0,
            primary: false,
            parts: Vec::new(),
            unavailable: None,
        }
    }

    pub(crate) fn unavailable(origin: &Name, cause: Cause) -> Self {
        Self { unavailable: Some(cause), ..Self::faulty(origin) }
    }

    /// Why a zone that is not usable has no answers; none for one without a sound image.
    #[must_use]
    pub const fn cause(&self) -> Option<Cause> {
        self.unavailable
    }

    /// The zone's name, as written.
    #[must_use]
    pub fn origin(&self) -> NameRef<'_> {
        self.origin.as_ref()
    }

    /// Whether this is the zone's name, in lower case.
    #[inline]
    pub(crate) fn is_called(&self, folded: &[u8]) -> bool {
        *self.folded == *folded
    }

    /// Its place among the zones of its catalog, from 0.
    #[must_use]
    pub const fn place(&self) -> u32 {
        self.place
    }

    /// The same zone in another catalog.
    pub(crate) fn at(self, place: u32) -> Self {
        Self { place, ..self }
    }

    /// Labels of the zone's name.
    #[must_use]
    pub const fn labels(&self) -> usize {
        self.labels
    }

    /// True when this is where the zone is edited: its version here is the newest there is.
    #[must_use]
    pub const fn is_primary(&self) -> bool {
        self.primary
    }

    /// False when there is nothing to answer from.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        !self.parts.is_empty()
    }

    /// Numbers of nodes and sorted indexes hold only without layers.
    fn is_layered(&self) -> bool {
        self.parts.len() > 1
    }

    fn views(&self) -> impl DoubleEndedIterator<Item = Result<PartView<'_>, Fault>> {
        self.parts.iter().map(|part| PartView::new(part.map.octets(), &part.entry, self.labels))
    }

    fn base(&self) -> Result<(PartView<'_>, &ZoneEntry), Fault> {
        let part = self.parts.last().ok_or(Fault("no image of the zone can be used"))?;
        Ok((PartView::new(part.map.octets(), &part.entry, self.labels)?, &part.entry))
    }

    /// Every node of the zone, once: its own name first, then in canonical order; of a layered zone newest layer first.
    ///
    /// # Errors
    /// A damaged image.
    pub fn nodes(&self) -> Result<Nodes<'_>, Fault> {
        let counts = self.parts.iter().map(|part| part.entry.nodes);
        let parts = self.views().zip(counts).map(|(view, count)| Ok((view?.nodes, count)));
        Ok(Nodes::new(parts.collect::<Result<_, _>>()?))
    }

    /// Reads the files of the zone through and compares their checksums, unless that was done since they were mapped. A
    /// pack is read as a whole, the zones of others included.
    ///
    /// # Errors
    /// The first file that is damaged.
    pub fn verify_bodies(&self) -> Result<(), BodyFault> {
        self.parts.iter().try_for_each(|part| {
            let file = || part.map.file().name.clone();
            part.map.verify_bodies(&mut || ()).map_err(|reason| BodyFault { file: file(), reason })
        })
    }

    /// The node of a reference found in this zone.
    ///
    /// # Errors
    /// A damaged image.
    pub fn node(&self, reference: NodeRef) -> Result<Node<'_>, Fault> {
        self.base()?.0.node(reference)
    }

    /// The node of the zone's own name.
    ///
    /// # Errors
    /// A damaged image.
    pub fn apex(&self) -> Result<Node<'_>, Fault> {
        if self.is_layered() {
            let key = KeyedName::new(self.origin());
            return self.exact(&key, self.labels)?.ok_or(Fault("it has no apex"));
        }
        let (view, entry) = self.base()?;
        view.node(NodeRef(entry.apex))
    }

    /// The node of the suffix of `key` with so many labels, if it exists.
    fn exact(&self, key: &KeyedName, labels: usize) -> Result<Option<Node<'_>>, Fault> {
        for view in self.views() {
            if let Some(node) = view?.probe(key, labels)? {
                return Ok((!node.is(kind::TOMBSTONE)).then_some(node));
            }
        }
        Ok(None)
    }

    /// Searches for a name at or below the zone's name (RFC 1034 section 4.3.2, RFC 6672 section 3.2).
    ///
    /// # Errors
    /// A damaged image.
    #[inline]
    pub fn find(&self, key: &KeyedName) -> Result<Lookup<'_>, Fault> {
        let depth = key.labels().saturating_sub(self.labels);
        if self.is_layered() {
            return self.find_layered(key, depth);
        }
        let (view, entry) = self.base()?;
        let apex = view.node(NodeRef(entry.apex))?;
        let top = Found { node: apex, depth: 0 };
        let found = if depth == 0 || apex.is(kind::DNAME) {
            top
        } else if depth <= SHALLOW {
            self.descend(&view, key, depth.min(entry.max_depth as usize), top)?
        } else {
            self.bisect(&view, key, depth, entry.max_depth as usize, top)?
        };
        Ok(Lookup { node: found.node, labels: self.labels + found.depth, exact: found.depth == depth })
    }

    fn find_layered(&self, key: &KeyedName, depth: usize) -> Result<Lookup<'_>, Fault> {
        let apex = self.exact(key, self.labels)?.ok_or(Fault("it has no apex"))?;
        let mut found = Found { node: apex, depth: 0 };
        while found.depth < depth && !found.node.is(kind::CUT | kind::DNAME) {
            let Some(node) = self.exact(key, self.labels + found.depth + 1)? else { break };
            found = Found { node, depth: found.depth + 1 };
        }
        Ok(Lookup { node: found.node, labels: self.labels + found.depth, exact: found.depth == depth })
    }

    /// From the apex down until a name is missing or a delegation or DNAME is met.
    #[inline]
    fn descend<'a>(
        &self,
        view: &PartView<'a>,
        key: &KeyedName,
        depth: usize,
        top: Found<'a>,
    ) -> Result<Found<'a>, Fault> {
        let mut found = top;
        while found.depth < depth {
            let Some(node) = view.probe(key, self.labels + found.depth + 1)? else { break };
            found = Found { node, depth: found.depth + 1 };
            if node.is(kind::CUT | kind::DNAME) {
                break;
            }
        }
        Ok(found)
    }

    /// The name itself at once, else the deepest that exists by halving: above a delegation every ancestor exists.
    fn bisect<'a>(
        &self,
        view: &PartView<'a>,
        key: &KeyedName,
        depth: usize,
        max_depth: usize,
        top: Found<'a>,
    ) -> Result<Found<'a>, Fault> {
        let mut found = top;
        let exact = if depth <= max_depth { view.probe(key, self.labels + depth)? } else { None };
        if let Some(node) = exact {
            found = Found { node, depth };
        } else {
            let (mut low, mut high) = (0, max_depth.min(depth - 1));
            while low < high {
                let middle = (low + high).div_ceil(2);
                if let Some(node) = view.probe(key, self.labels + middle)? {
                    found = Found { node, depth: middle };
                    low = middle;
                } else {
                    high = middle - 1;
                }
            }
        }
        match found.node.cover()? {
            Some(cover) => {
                let node = view.node(cover)?;
                Ok(Found { node, depth: node.labels() })
            }
            None => Ok(found),
        }
    }

    /// The wildcard directly below a closest encloser, if it exists (RFC 4592 section 3.3.1).
    ///
    /// # Errors
    /// A damaged image.
    pub fn wildcard(&self, key: &KeyedName, encloser: &Lookup<'_>) -> Result<Option<Node<'_>>, Fault> {
        if !self.is_layered() && !encloser.node.is(kind::WILDCARD_CHILD) {
            return Ok(None);
        }
        for view in self.views() {
            if let Some(node) = view?.probe_wildcard(key, encloser.labels)? {
                return Ok((!node.is(kind::TOMBSTONE)).then_some(node));
            }
        }
        Ok(None)
    }

    /// The node with the addresses of a name in record data, wildcards included; glue only where `covered` says so.
    ///
    /// # Errors
    /// A damaged image.
    pub fn address_node(&self, key: &KeyedName, covered: bool) -> Result<Option<Node<'_>>, Fault> {
        if !self.is_layered() {
            return self.base()?.0.address_node(key, covered);
        }
        let found = self.find(key)?;
        if found.node.is(kind::CUT) {
            return if covered { self.exact(key, key.labels()) } else { Ok(None) };
        }
        match found.exact {
            true => Ok(Some(found.node)),
            // A DNAME hides what is below it, not what stands beside it.
            false if found.node.is(kind::DNAME) => Ok(None),
            false => self.wildcard(key, &found),
        }
    }

    /// True when references between nodes cannot be used and names are looked up instead.
    #[must_use]
    pub fn needs_names(&self) -> bool {
        self.is_layered()
    }

    /// The NSEC owner at or last before a name in canonical order (RFC 4034 section 6.1); none in a zone without NSEC.
    ///
    /// `relative` is the name below the zone's, in wire form without root label.
    ///
    /// # Errors
    /// A damaged image.
    pub fn nsec_at_or_before(&self, relative: &[u8]) -> Result<Option<Node<'_>>, Fault> {
        let mut best: Option<Node<'_>> = None;
        for (age, view) in self.views().enumerate() {
            let Some(node) = self.nsec_in(&view?, age, relative)? else { continue };
            let better = match best {
                Some(other) => {
                    canonical_order(node.relative_name()?, other.relative_name()?) == Ordering::Greater
                }
                None => true,
            };
            if better {
                best = Some(node);
            }
        }
        Ok(best)
    }

    /// The same within one file, skipping what newer files restate.
    fn nsec_in<'a>(
        &'a self,
        view: &PartView<'a>,
        age: usize,
        relative: &[u8],
    ) -> Result<Option<Node<'a>>, Fault> {
        let compare = |reference| Ok(canonical_order(view.node(reference)?.relative_name()?, relative));
        let mut index = view.order.at_or_before(canonical_key(relative), compare)?;
        while let Some(before) = index.checked_sub(1) {
            let node = view.node(view.order.reference(before)?)?;
            if age == 0 || !self.restated(age, node.relative_name()?)? {
                return Ok(Some(node));
            }
            index = before;
        }
        Ok(None)
    }

    /// Some NSEC3 owner of the chain that is looked up; none in a zone without.
    ///
    /// # Errors
    /// A damaged image.
    pub fn any_nsec3(&self) -> Result<Option<Node<'_>>, Fault> {
        for view in self.views() {
            let view = view?;
            if view.hashed.len() > 0 {
                return view.node(view.hashed.reference(0)?).map(Some);
            }
        }
        Ok(None)
    }

    /// The NSEC3 owner whose hash is `hash` or the last before it, the last of all coming before the first.
    ///
    /// # Errors
    /// A damaged image.
    pub fn nsec3_at_or_before(&self, hash: &[u8; 20]) -> Result<Option<HashedLookup<'_>>, Fault> {
        // The greatest that is not behind the hash; failing that the greatest of all. Newer files come first and win ties.
        let mut best: Option<(bool, [u8; 20], Node<'_>)> = None;
        for (age, view) in self.views().enumerate() {
            let view = view?;
            let key = hash.first_chunk().map_or(0, |key| u64::from_be_bytes(*key));
            let before = view
                .hashed
                .at_or_before(key, |reference| Ok(owner_hash(&view.node(reference)?)?.cmp(hash)))?;
            for index in (0..before).rev().chain((before..view.hashed.len()).rev()) {
                let node = view.node(view.hashed.reference(index)?)?;
                if age > 0 && self.restated(age, node.relative_name()?)? {
                    continue;
                }
                let found = (index < before, owner_hash(&node)?);
                if best.is_none_or(|(near, other, _)| found > (near, other)) {
                    best = Some((found.0, found.1, node));
                }
                break;
            }
        }
        Ok(best.map(|(_, found, node)| HashedLookup { node, matches: found == *hash }))
    }

    /// True when one of the `age` newest files says something about the name.
    fn restated(&self, age: usize, relative: &[u8]) -> Result<bool, Fault> {
        let mut octets = [0; 255];
        let whole = relative.len() + self.origin().octets().len();
        let (head, tail) = octets
            .get_mut(..whole)
            .and_then(|o| o.split_at_mut_checked(relative.len()))
            .ok_or(Fault("a name is too long"))?;
        head.copy_from_slice(relative);
        tail.copy_from_slice(self.origin().octets());
        let name = NameRef::from_octets(octets.get(..whole).unwrap_or(&[]))
            .map_err(|_| Fault("a name is malformed"))?;
        let key = KeyedName::new(name);
        for view in self.views().take(age) {
            if view?.probe(&key, key.labels())?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The hash that the first label of an NSEC3 owner spells.
fn owner_hash(node: &Node<'_>) -> Result<[u8; 20], Fault> {
    let mut hash = [0; 20];
    let label = node.relative_name()?.get(1..33).ok_or(Fault("a hashed name is too short"))?;
    BASE32_DNSSEC.decode_mut(label, &mut hash).map_err(|_| Fault("a hashed name is not base32hex"))?;
    Ok(hash)
}

#[derive(Clone, Copy)]
struct Found<'a> {
    node: Node<'a>,
    depth: usize,
}
