//! Verification of what a builder wrote: everything that a lookup could follow leads to something.
//!
//! The nodes are walked in the order in which they lie, not as lookups would find them: that would miss the cache for each.
//! Where a node begins is noted, and whatever leads to a node must lead to such a place.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use crate::format::{ImageKind, LINE, NODE_UNIT, ZoneEntry};
use crate::node::{Node, NodeRef, kind};
use crate::octets::Fault;
use crate::part::PartView;
use crate::rrset::{RECORD_HEAD, RrsetView, Target};
use crate::table;

/// Octets of nodes from which on they are walked by two threads.
const WORTH_A_THREAD: usize = if cfg!(test) { 4 << 10 } else { 8 << 20 };

const NOWHERE: Fault = Fault("a reference leads to no name");

/// Follows everything that a lookup could follow. For the builder: too slow for a reader.
pub(crate) fn verify_part(part: &PartView<'_>, entry: &ZoneEntry, image: ImageKind) -> Result<(), Fault> {
    let end = part.nodes.len().div_ceil(NODE_UNIT);
    let middle = if part.nodes.len() < WORTH_A_THREAD { end } else { node_behind(part, end / 2) };
    let stretches = std::thread::scope(|scope| {
        let other = (middle < end).then(|| scope.spawn(|| Stretch::walk(part, middle, end)));
        let first = Stretch::walk(part, 1, middle)?;
        let second = match other {
            Some(other) => other.join().map_err(|_| Fault("its verification broke down"))??,
            None => Stretch::default(),
        };
        Ok([first, second])
    })?;
    if stretches.iter().map(|stretch| stretch.count).sum::<u64>() != entry.nodes {
        return Err(Fault("it does not have as many names as it tells"));
    }
    let leads_to_a_name = |reference: u32| {
        if stretches.iter().any(|stretch| stretch.has(reference)) { Ok(()) } else { Err(NOWHERE) }
    };
    if image == ImageKind::Base {
        leads_to_a_name(entry.apex)?;
    }
    for index in [&part.order, &part.hashed] {
        (0..index.len()).try_for_each(|at| leads_to_a_name(index.reference(at)?.0))?;
    }
    table::references(part.table).try_for_each(leads_to_a_name)?;
    stretches.iter().flat_map(|stretch| &stretch.references).try_for_each(|&to| leads_to_a_name(to))
}

/// The first place from `unit` on to which the table of names leads.
fn node_behind(part: &PartView<'_>, unit: usize) -> usize {
    let references = table::references(part.table).map(|reference| reference as usize);
    let all = part.nodes.len().div_ceil(NODE_UNIT);
    references.filter(|&reference| (unit..all).contains(&reference)).min().unwrap_or(all)
}

/// What lies behind the last node: too little for another one, and nothing in it.
fn is_padding(rest: &[u8]) -> bool {
    rest.len() < LINE && rest.iter().all(|&octet| octet == 0)
}

/// Nodes that lie one behind the other.
#[derive(Default)]
struct Stretch {
    /// The first place and the one behind the last, in units.
    units: std::ops::Range<usize>,
    /// A bit for each unit: whether a node begins there.
    starts: Vec<u64>,
    count: u64,
    /// What nodes lead to, other than what lies beside them.
    references: Vec<u32>,
}

impl Stretch {
    /// Walks over the nodes from one place to another, where one must begin too, or from where on there are none.
    fn walk(part: &PartView<'_>, from: usize, to: usize) -> Result<Self, Fault> {
        let starts = vec![0; to.saturating_sub(from).div_ceil(64)];
        let mut stretch = Self { units: from..to, starts, count: 0, references: Vec::new() };
        let mut at = from;
        while at < to {
            if is_padding(part.nodes.get(at * NODE_UNIT..).unwrap_or_default()) {
                return Ok(stretch);
            }
            let node = part.node(NodeRef(u32::try_from(at).map_err(|_| NOWHERE)?))?;
            stretch.note(at - from);
            at += stretch.verify_node(part, &node)?.div_ceil(NODE_UNIT);
        }
        if at == to { Ok(stretch) } else { Err(Fault("names lie one over the other")) }
    }

    fn note(&mut self, at: usize) {
        if let Some(word) = self.starts.get_mut(at / 64) {
            *word |= 1 << (at % 64);
        }
        self.count += 1;
    }

    fn has(&self, reference: u32) -> bool {
        let unit = reference as usize;
        let at = unit.wrapping_sub(self.units.start);
        self.units.contains(&unit) && self.starts.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 == 1)
    }

    /// Gives the octets that the node takes.
    fn verify_node(&mut self, part: &PartView<'_>, node: &Node<'_>) -> Result<usize, Fault> {
        node.relative_name()?;
        if let Some(cover) = node.cover()? {
            if !part.node(cover)?.is(kind::CUT | kind::DNAME) {
                return Err(Fault("a name is covered by what is no delegation"));
            }
            self.leads_to(cover);
        }
        node.denial()?.into_iter().flatten().flatten().for_each(|reference| self.leads_to(reference));
        for rrset in node.rrsets() {
            self.verify_rrset(&rrset?)?;
        }
        node.length()
    }

    fn leads_to(&mut self, NodeRef(reference): NodeRef) {
        // Names below one delegation come together.
        if self.references.last() != Some(&reference) {
            self.references.push(reference);
        }
    }

    fn verify_rrset(&mut self, rrset: &RrsetView<'_>) -> Result<(), Fault> {
        let (mut records, mut end) = (0u16, 0);
        for rdata in rrset.rdatas() {
            records = records.wrapping_add(1);
            end += RECORD_HEAD + rdata.len();
        }
        if records != rrset.records || rrset.signature_rdatas().iter().count() != rrset.signatures as usize {
            return Err(Fault("an RRset does not have as many records as it tells"));
        }
        for fixup in rrset.fixups() {
            let forward = matches!(fixup.target, Target::Position(target) if target >= fixup.position);
            if fixup.position + 2 > end || forward {
                return Err(Fault("a compressed name leads nowhere"));
            }
        }
        for additional in rrset.additional() {
            if additional.position.is_some_and(|position| position >= end) {
                return Err(Fault("an additional name lies behind its RRset"));
            }
            additional.node.into_iter().for_each(|node| self.leads_to(node));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tenon_wire::{Name, RrType};
    use tenon_zone::{RdataList, RrsetRef};

    use crate::format::{HEADER, LINE};
    use crate::table::{LOAD, SLOTS};
    use crate::{ImageBuilder, ImageMap};

    const DELEGATIONS: usize = 100;

    /// A zone of delegations with glue: large enough for two threads.
    fn build(directory: &std::path::Path) {
        let origin: Name = "test.".parse().unwrap();
        let mut builder = ImageBuilder::create(directory, "image").unwrap();
        builder.begin_zone(origin.as_ref(), 1, 1).unwrap();
        let mut add = |owner: &str, rrtype, rdata: &[u8]| {
            let owner = Name::from_text(owner, Some(origin.as_ref())).unwrap();
            let packed = [&(rdata.len() as u16).to_be_bytes()[..], rdata].concat();
            let rdatas = RdataList::from_packed(&packed);
            builder.add(RrsetRef { owner: owner.as_ref(), rrtype, ttl: 60, rdatas }).unwrap();
        };
        add("@", RrType::SOA, &[0; 22]);
        for number in 0..DELEGATIONS {
            let target = Name::from_text(&format!("ns.d{number:05}"), Some(origin.as_ref())).unwrap();
            add(&format!("d{number:05}"), RrType::NS, target.octets());
            add(&format!("ns.d{number:05}"), RrType::A, &[192, 0, 2, 1]);
        }
        builder.end_zone().unwrap();
        builder.finish().unwrap();
    }

    #[test]
    fn references_that_lead_elsewhere_are_found() {
        let directory = tempfile::tempdir().unwrap();
        build(directory.path());
        let path = directory.path().join("image");
        let sound = fs::read(&path).unwrap();
        let verify = |octets: &[u8]| {
            fs::write(&path, octets).unwrap();
            ImageMap::open(directory.path(), "image").unwrap().verify_structure()
        };
        assert_eq!(verify(&sound), Ok(()));
        let buckets = (1 + 2 * DELEGATIONS).div_ceil(LOAD);
        let nodes = HEADER + buckets * LINE;
        assert!(sound.len() - nodes > super::WORTH_A_THREAD);
        let mut changed = 0;
        for bucket in 0..buckets {
            let reference = HEADER + bucket * LINE + SLOTS * 2;
            if sound[reference..reference + 4] != [0; 4] {
                let mut octets = sound.clone();
                octets[reference] ^= 2;
                assert!(verify(&octets).is_err(), "bucket {bucket}");
                changed += 1;
            }
        }
        assert!(changed > 10);
        // How many RRsets the apex has, and the delegation above a name.
        let glue = |at: usize| sound[at..].starts_with(b"\x02ns\x06d00");
        let end = (nodes..sound.len()).find(|&at| glue(at)).unwrap();
        for at in [nodes + 5, end - 16] {
            let mut octets = sound.clone();
            octets[at] ^= 0x11;
            assert!(verify(&octets).is_err(), "octet {at}");
        }
    }
}
