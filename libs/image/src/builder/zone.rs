//! One zone on its way into an image: nodes in the order they come, the table and the indexes when it ends.

use std::cmp::Ordering;

use data_encoding::BASE32HEX_NOPAD;
use tenon_wire::message::KeyedName;
use tenon_wire::{Name, NameRef, RrType};
use tenon_zone::{RdataList, RrsetRef};

use super::BuildError;
use super::block::Block;
use super::chains::Chains;
use super::links::{Link, Links};
use super::pending::{Covered, KeptName, Pending};
use crate::format::{ImageKind, LINE, NODE_UNIT, ZoneEntry};
use crate::node::{DIRECTORY_ENTRY, FIXED, kind};
use crate::order::canonical_key;
use crate::part::PartView;
use crate::rrset::{Wanted, part};
use crate::table;

/// Hashed owner names are this long in base32hex (SHA-1, RFC 5155 section 11).
const HASHED_LABEL: usize = 32;

/// A zone under construction.
#[derive(Debug)]
pub(super) struct ZoneBuilder {
    origin: Name,
    labels: usize,
    image: ImageKind,
    entry: ZoneEntry,
    key: KeyedName,
    pending: Pending,
    block: Block,
    nodes: Vec<u8>,
    names: Vec<(u64, u32)>,
    order: Vec<(u64, u32)>,
    hashed: Chains,
    links: Links,
    /// Nodes from the apex down to the last name that is not covered.
    path: Vec<u32>,
    path_name: KeptName,
    /// The delegation or DNAME that covers what is below it.
    cover: Option<u32>,
    cover_name: KeptName,
}

impl ZoneBuilder {
    pub(super) fn new(origin: NameRef<'_>, serial: u32, version: u64, image: ImageKind) -> Self {
        let key = KeyedName::new(origin);
        Self {
            origin: origin.to_name(),
            labels: key.labels(),
            image,
            entry: ZoneEntry { hash: key.hash(key.labels()), serial, version, ..ZoneEntry::default() },
            key,
            pending: Pending::default(),
            block: Block::default(),
            // Number 0 is no node.
            nodes: vec![0; NODE_UNIT],
            names: Vec::new(),
            order: Vec::new(),
            hashed: Chains::default(),
            links: Links::default(),
            path: Vec::new(),
            path_name: KeptName::default(),
            cover: None,
            cover_name: KeptName::default(),
        }
    }

    pub(super) const fn set_serial(&mut self, serial: u32) {
        self.entry.serial = serial;
    }

    pub(super) fn add(&mut self, rrset: RrsetRef<'_>) -> Result<(), BuildError> {
        let RrsetRef { owner, rrtype, ttl, rdatas } = rrset;
        if !rdatas.is_well_formed() {
            let what = "its record data is not well-formed";
            return Err(BuildError::Rrset { owner: owner.to_name(), rrtype, what });
        }
        let pending = self.turn_to(owner, rrtype)?;
        // Signatures of one name may come as one RRset or, by their TTLs, as several.
        let in_order = pending
            .last_type()
            .is_none_or(|last| last < rrtype || last == RrType::RRSIG && rrtype == RrType::RRSIG);
        if !in_order || pending.removed.is_some() {
            return Err(BuildError::Order { owner: owner.to_name(), rrtype });
        }
        pending.push(rrtype, ttl, rdatas);
        self.entry.records += rdatas.iter().count() as u64;
        Ok(())
    }

    pub(super) fn remove(&mut self, owner: NameRef<'_>, exists: bool) -> Result<(), BuildError> {
        let pending = self.turn_to(owner, RrType::ANY)?;
        if pending.last_type().is_some() {
            return Err(BuildError::Order { owner: owner.to_name(), rrtype: RrType::ANY });
        }
        pending.removed = Some(exists);
        Ok(())
    }

    /// Makes `owner` the name that is coming in.
    fn turn_to(&mut self, owner: NameRef<'_>, rrtype: RrType) -> Result<&mut Pending, BuildError> {
        let before = self.pending.owner.get();
        if before.is_some_and(|before| before.octets() == owner.octets()) {
            return Ok(&mut self.pending);
        }
        match before.map(|before| before.cmp(&owner)) {
            Some(Ordering::Equal) => return Ok(&mut self.pending),
            Some(Ordering::Greater) => return Err(BuildError::Order { owner: owner.to_name(), rrtype }),
            Some(Ordering::Less) | None => {}
        }
        if !owner.is_at_or_below(self.origin.as_ref()) {
            return Err(BuildError::OutOfZone { owner: owner.to_name(), origin: self.origin.clone() });
        }
        if self.image == ImageKind::Base && before.is_none() && owner != self.origin.as_ref() {
            return Err(BuildError::Sequence("a zone must begin with the records of its own name"));
        }
        self.flush()?;
        self.pending.renew(owner);
        Ok(&mut self.pending)
    }

    /// Turns the name that came in into a node.
    fn flush(&mut self) -> Result<(), BuildError> {
        let pending = std::mem::take(&mut self.pending);
        let outcome = pending.owner.get().map_or(Ok(()), |owner| self.flush_name(owner, &pending));
        self.pending = pending;
        outcome
    }

    fn flush_name(&mut self, owner: NameRef<'_>, pending: &Pending) -> Result<(), BuildError> {
        self.key.set(owner);
        if self.cover.is_some() && self.cover_name.get().is_none_or(|cover| !owner.is_at_or_below(cover)) {
            self.cover = None;
            self.links.leave_cut();
        }
        let (single, all);
        let rrsets = if let Some(only) = pending.single() {
            single = only;
            &single[..]
        } else {
            all = pending.covered();
            &all[..]
        };
        if rrsets.iter().all(|rrset| rrset.rrtype == RrType::NSEC3) && !rrsets.is_empty() {
            return self.hashed_node(owner, rrsets);
        }
        let cover = self.cover;
        let depth = self.key.labels() - self.labels;
        if cover.is_none() && self.image == ImageKind::Base {
            self.empty_non_terminals(owner, depth)?;
        }
        if depth == 0 && self.image == ImageKind::Base {
            let parameters = rrsets.iter().find(|rrset| rrset.rrtype == RrType::NSEC3PARAM);
            self.hashed.set_parameters(RdataList::from_packed(parameters.map_or(&[], |rrset| rrset.rdatas)));
        }
        let mut flags = self.flags_of(rrsets, depth, cover);
        match pending.removed {
            Some(true) => flags |= kind::EMPTY,
            Some(false) => flags |= kind::TOMBSTONE,
            None => {}
        }
        let reference = self.node(owner, flags, cover, rrsets)?;
        self.names.push((self.key.hash(self.key.labels()), reference));
        self.entry.max_depth = self.entry.max_depth.max(depth as u32);
        if cover.is_some() {
            if self.image == ImageKind::Base {
                self.links.meet(owner, reference, rrsets, &mut self.nodes);
            }
            return Ok(());
        }
        self.note_hashed(owner, rrsets, reference);
        if rrsets.iter().any(|rrset| rrset.rrtype == RrType::NSEC) {
            self.order.push((canonical_key(self.key.relative(self.key.labels(), self.labels)), reference));
        }
        self.note_path(owner, depth, reference, flags);
        Ok(())
    }

    fn flags_of(&self, rrsets: &[Covered<'_>], depth: usize, cover: Option<u32>) -> u8 {
        let has = |rrtype| rrsets.iter().any(|rrset| rrset.rrtype == rrtype && !rrset.rdatas.is_empty());
        let mut flags = if cover.is_some() { kind::COVERED } else { 0 };
        if depth > 0 && has(RrType::NS) {
            flags |= kind::CUT;
        }
        if has(RrType::DNAME) {
            flags |= kind::DNAME;
        }
        if has(RrType::CNAME) {
            flags |= kind::CNAME;
        }
        flags
    }

    /// Remembers the way to the last name, what it covers, and tells its parent of a wildcard.
    fn note_path(&mut self, owner: NameRef<'_>, depth: usize, reference: u32, flags: u8) {
        self.path.truncate(depth);
        self.path.push(reference);
        if self.image == ImageKind::Base
            && owner.is_wildcard()
            && let Some(&parent) = depth.checked_sub(1).and_then(|above| self.path.get(above))
            && let Some(flags) = self.nodes.get_mut(parent as usize * NODE_UNIT)
        {
            *flags |= kind::WILDCARD_CHILD;
        }
        if flags & (kind::CUT | kind::DNAME) != 0 {
            self.cover = Some(reference);
            self.cover_name.set(owner);
        }
        self.path_name.set(owner);
    }

    /// Makes nodes for the ancestors of `owner` that have no records.
    fn empty_non_terminals(&mut self, owner: NameRef<'_>, depth: usize) -> Result<(), BuildError> {
        let shared = self.path_name.get().map_or(0, |last| shared_labels(last, owner));
        self.path.truncate(shared.saturating_sub(self.labels) + 1);
        while self.path.len() < depth {
            let Some(name) = owner.skip_labels(depth - self.path.len()) else { break };
            let hash = self.key.hash(self.labels + self.path.len());
            let reference = self.node(name, kind::EMPTY, None, &[])?;
            self.names.push((hash, reference));
            if name.is_wildcard()
                && let Some(&parent) = self.path.last()
                && let Some(flags) = self.nodes.get_mut(parent as usize * NODE_UNIT)
            {
                *flags |= kind::WILDCARD_CHILD;
            }
            self.path.push(reference);
        }
        Ok(())
    }

    /// A name that exists only as the hash of another one is not found by name.
    fn hashed_node(&mut self, owner: NameRef<'_>, rrsets: &[Covered<'_>]) -> Result<(), BuildError> {
        let reference = self.node(owner, 0, None, rrsets)?;
        self.note_hashed(owner, rrsets, reference);
        Ok(())
    }

    fn note_hashed(&mut self, owner: NameRef<'_>, rrsets: &[Covered<'_>], reference: u32) {
        if let Some(rrset) = rrsets.iter().find(|rrset| rrset.rrtype == RrType::NSEC3)
            && let Some(key) = hash_key(owner)
        {
            self.hashed.add(RdataList::from_packed(rrset.rdatas), key, reference);
        }
    }

    /// Appends a node; gives its number.
    fn node(
        &mut self,
        owner: NameRef<'_>,
        flags: u8,
        cover: Option<u32>,
        rrsets: &[Covered<'_>],
    ) -> Result<u32, BuildError> {
        self.nodes.resize(self.nodes.len().next_multiple_of(NODE_UNIT), 0);
        let too_large = |what| BuildError::TooLarge { origin: self.origin.clone(), what };
        let reference =
            u32::try_from(self.nodes.len() / NODE_UNIT).map_err(|_| too_large("more than 16 GiB"))?;
        let count = u8::try_from(rrsets.len()).map_err(|_| too_large("more than 255 types at one name"))?;
        let octets = owner.octets();
        let relative = &octets[..octets.len() - self.origin.octets().len()];
        let depth = owner.label_count() - self.labels;
        self.nodes.extend_from_slice(&[flags, count, relative.len() as u8, depth as u8]);
        if let Some(cover) = cover {
            self.nodes.extend_from_slice(&cover.to_le_bytes());
        }
        debug_assert!(self.nodes.len() >= FIXED);
        let mut directory = self.nodes.len();
        self.nodes.resize(directory + rrsets.len() * DIRECTORY_ENTRY, 0);
        self.nodes.extend_from_slice(relative);
        for rrset in rrsets {
            let start = self.nodes.len();
            let (flags, records) = self.rrset(owner, rrset)?;
            let length = (self.nodes.len() - start) as u32;
            let entry = &mut self.nodes[directory..directory + DIRECTORY_ENTRY];
            entry[0..2].copy_from_slice(&rrset.rrtype.0.to_le_bytes());
            entry[2..4].copy_from_slice(&records.to_le_bytes());
            entry[4..8].copy_from_slice(&rrset.ttl.to_le_bytes());
            entry[8..12].copy_from_slice(&(length | u32::from(flags) << 24).to_le_bytes());
            directory += DIRECTORY_ENTRY;
        }
        self.entry.nodes += 1;
        Ok(reference)
    }

    /// Appends the body of an RRset; gives its flags and the number of its records.
    fn rrset(&mut self, owner: NameRef<'_>, rrset: &Covered<'_>) -> Result<(u8, u16), BuildError> {
        let refuse = |what| BuildError::Rrset { owner: owner.to_name(), rrtype: rrset.rrtype, what };
        let (origin, rdatas) = (self.origin.as_ref(), RdataList::from_packed(rrset.rdatas));
        self.block.compile(owner, origin, rrset.rrtype, rdatas).map_err(refuse)?;
        let (block, nodes) = (&self.block, &mut self.nodes);
        let signatures = RdataList::from_packed(&rrset.signatures).iter().count() as u16;
        let mut flags = 0;
        if !block.fixups.is_empty() {
            flags |= part::FIXUPS;
            nodes.extend_from_slice(&(block.fixups.len() as u16).to_le_bytes());
        }
        if !block.targets.is_empty() {
            flags |= part::ADDITIONAL;
            nodes.extend_from_slice(&(block.targets.len() as u16).to_le_bytes());
        }
        if signatures > 0 {
            flags |= part::SIGNATURES;
            let octets = u16::try_from(rrset.signatures.len())
                .map_err(|_| refuse("its signatures fit into no message"))?;
            nodes.extend_from_slice(&signatures.to_le_bytes());
            nodes.extend_from_slice(&octets.to_le_bytes());
        }
        for [position, target] in &block.fixups {
            nodes.extend_from_slice(&position.to_le_bytes());
            nodes.extend_from_slice(&target.to_le_bytes());
        }
        for target in &block.targets {
            nodes.extend_from_slice(&target.position.to_le_bytes());
            nodes.extend_from_slice(&[u8::from(target.required), target.wanted as u8]);
            let link = Link {
                at: nodes.len(),
                covered: rrset.rrtype == RrType::NS,
                also: match target.wanted {
                    Wanted::Addresses => RrType::A,
                    Wanted::Services => RrType::SRV,
                    Wanted::Bindings => rrset.rrtype,
                },
            };
            self.links.add(link, block.target_name(target), target.required);
            nodes.extend_from_slice(&[0; 4]);
        }
        nodes.extend_from_slice(&block.data);
        nodes.extend_from_slice(&rrset.signatures);
        Ok((flags, block.records))
    }

    /// The entry, the name, and the pieces of the region one after the other.
    pub(super) fn finish(mut self) -> Result<(ZoneEntry, Name, [Vec<u8>; 4]), BuildError> {
        self.flush()?;
        if self.image == ImageKind::Base && self.path.is_empty() {
            return Err(BuildError::Sequence("a zone without any record"));
        }
        let table = table::build(&self.names);
        if self.image == ImageKind::Base {
            let view = PartView {
                table: &table,
                nodes: &self.nodes,
                order: Default::default(),
                hashed: Default::default(),
                labels: self.labels,
            };
            self.links.leave_cut();
            let resolved = self.links.resolve(&view);
            self.links.fill_in(&resolved, &mut self.nodes);
        }
        let owners = self.hashed.longest();
        self.nodes.resize(self.nodes.len().next_multiple_of(LINE), 0);
        let (order, hashed) = (sorted_keys(&self.order), sorted_keys(&owners));
        let mut entry = self.entry;
        entry.buckets = (table.len() / LINE) as u32;
        entry.apex = self.path.first().copied().unwrap_or(0);
        entry.nodes_offset = table.len() as u64;
        entry.nodes_length = self.nodes.len() as u64;
        entry.order_offset = entry.nodes_offset + entry.nodes_length;
        entry.order_count = self.order.len() as u64;
        entry.hashed_offset = entry.order_offset + order.len() as u64;
        entry.hashed_count = owners.len() as u64;
        Ok((entry, self.origin, [table, self.nodes, order, hashed]))
    }
}

/// Keys, then references.
fn sorted_keys(keys: &[(u64, u32)]) -> Vec<u8> {
    let octets = keys.iter().flat_map(|(key, _)| key.to_le_bytes());
    octets.chain(keys.iter().flat_map(|(_, reference)| reference.to_le_bytes())).collect()
}

/// First eight octets of the hash that a name's first label spells (RFC 5155 section 3).
fn hash_key(owner: NameRef<'_>) -> Option<u64> {
    let label = owner.labels().next().filter(|label| label.len() == HASHED_LABEL)?;
    let hash = BASE32HEX_NOPAD.decode(&label.to_ascii_uppercase()).ok()?;
    hash.first_chunk().map(|key| u64::from_be_bytes(*key))
}

/// Labels that two names have in common, counted from the root.
fn shared_labels(a: NameRef<'_>, b: NameRef<'_>) -> usize {
    let (left, right): (Vec<_>, Vec<_>) = (a.labels().collect(), b.labels().collect());
    left.iter().rev().zip(right.iter().rev()).take_while(|(x, y)| x.eq_ignore_ascii_case(y)).count()
}
