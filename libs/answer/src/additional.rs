//! The additional section: what names in record data lead to.

use tenon_image::rrset::{Additional, Wanted};
use tenon_image::{Node, RrsetView, ZoneImage};
use tenon_wire::message::Section;
use tenon_wire::{NameRef, RrType};

use crate::records::{Failure, Owner, Record, Written};
use crate::search::Search;

/// Nodes whose addresses are not written twice; behind that many a repetition does no harm.
pub(crate) const MAX_ADDRESSED: usize = 16;

/// Steps from one RRset to the next: a binding's alias, its target, the target's addresses.
const MAX_STEPS: usize = 3;

const ADDRESSES: [RrType; 2] = [RrType::A, RrType::AAAA];

impl<'c> Search<'c, '_, '_> {
    /// What the names in an RRset of `owner` lead to, as far as this zone has it and it fits.
    ///
    /// # Errors
    /// [`Failure::Full`] when addresses do not fit without which a referral is of no use (RFC 9471 section 3).
    pub(crate) fn addresses(
        &mut self,
        zone: &'c ZoneImage,
        rrset: &RrsetView<'c>,
        written: Written,
        owner: Owner<'_>,
    ) -> Result<(), Failure> {
        self.targets(zone, rrset, written, owner, MAX_STEPS)
    }

    fn targets(
        &mut self,
        zone: &'c ZoneImage,
        rrset: &RrsetView<'c>,
        written: Written,
        owner: Owner<'_>,
        steps: usize,
    ) -> Result<(), Failure> {
        for additional in rrset.additional() {
            let mut whole = [0; 255];
            let length = match additional.position {
                Some(position) if zone.needs_names() || !written.as_stored => {
                    rrset.expand_name(position, self.name_of(owner), &mut whole)?
                }
                _ => 0,
            };
            let name = whole.get(..length).unwrap_or(&[]);
            let target = match additional.position {
                None => owner,
                Some(position) if written.as_stored => Owner::Place(written.place(rrset, position)),
                Some(_) => Owner::Whole(name),
            };
            let name = if additional.position.is_some() { name } else { &[] };
            let Some(node) = self.target_node(zone, rrset, &additional, name)? else { continue };
            match self.target(zone, rrset.rrtype, &node, additional.wanted, target, steps) {
                Err(Failure::Full) if !additional.required => {}
                other => other?,
            }
        }
        Ok(())
    }

    /// The node that a name in record data leads to; none when there is nothing, or it was written before.
    fn target_node(
        &mut self,
        zone: &'c ZoneImage,
        rrset: &RrsetView<'c>,
        additional: &Additional,
        name: &[u8],
    ) -> Result<Option<Node<'c>>, Failure> {
        let node = if !zone.needs_names() {
            additional.node.map(|node| zone.node(node)).transpose()?
        } else if additional.position.is_none() {
            zone.address_node(&self.scratch.name, false)?
        } else {
            self.scratch.other.set(NameRef::from_octets(name).map_err(|_| Failure::Fault)?);
            zone.address_node(&self.scratch.other, rrset.rrtype == RrType::NS)?
        };
        Ok(node.filter(|node| !self.is_repeated(node)))
    }

    /// The whole name that compressed names of an RRset may end in.
    fn name_of(&self, owner: Owner<'_>) -> &[u8] {
        match owner {
            Owner::Suffix(labels) => self.scratch.name.suffix(labels),
            // RRsets of other names lead on by types whose names are never compressed.
            _ => self.scratch.name.octets(),
        }
    }

    /// True when the addresses of a node were written for an earlier RRset. One wildcard may stand for many names.
    fn is_repeated(&mut self, node: &Node<'_>) -> bool {
        let Ok(name) = node.relative_name() else { return false };
        let place = name.as_ptr() as usize;
        if self.addressed.contains(&place) {
            return true;
        }
        if !name.starts_with(b"\x01*")
            && let Some(free) = self.addressed.iter_mut().find(|place| **place == 0)
        {
            *free = place;
        }
        false
    }

    /// What is wanted of one name.
    fn target(
        &mut self,
        zone: &'c ZoneImage,
        from: RrType,
        node: &Node<'c>,
        wanted: Wanted,
        owner: Owner<'_>,
        steps: usize,
    ) -> Result<(), Failure> {
        let also = match wanted {
            Wanted::Addresses => None,
            Wanted::Services => Some(RrType::SRV),
            Wanted::Bindings => Some(from),
        };
        if let Some(rrtype) = also
            && let Some(steps) = steps.checked_sub(1)
            && !self.is_asked(zone, node)?
            && let Some(rrset) = node.rrset(rrtype)?
        {
            let written = self.additional(&rrset, owner)?;
            self.targets(zone, &rrset, written, owner, steps)?;
        }
        if wanted == Wanted::Services {
            return Ok(());
        }
        for rrtype in ADDRESSES {
            if let Some(rrset) = node.rrset(rrtype)? {
                self.additional(&rrset, owner)?;
            }
        }
        Ok(())
    }

    /// True for the node whose records are the answer: they are not written again.
    fn is_asked(&self, zone: &ZoneImage, node: &Node<'_>) -> Result<bool, Failure> {
        let name = &self.scratch.name;
        let is_below = name.labels() >= zone.labels();
        let asked = if is_below { name.relative(name.labels(), zone.labels()) } else { &[] };
        Ok(is_below && node.relative_name()?.eq_ignore_ascii_case(asked))
    }

    fn additional(&mut self, rrset: &RrsetView<'c>, owner: Owner<'_>) -> Result<Written, Failure> {
        self.write(&Record {
            owner,
            rrset,
            ttl: rrset.ttl,
            signed: self.dnssec,
            section: Section::Additional,
        })
    }
}
