//! Proofs that something does not exist (RFC 4035 section 3.1.3, RFC 5155 section 7.2).

use tenon_image::{Lookup, Node, ZoneImage};
use tenon_wire::RrType;
use tenon_wire::message::Section;

use crate::nsec3::Hasher;
use crate::records::{Failure, Owner, Record};
use crate::search::Search;

/// Proof records of one response; a chain of wildcard aliases needs no more.
pub(crate) const MAX_PROOFS: usize = 12;

impl<'c> Search<'c, '_, '_> {
    /// The name does not exist, nor does a wildcard that would stand for it.
    pub(crate) fn deny_name(&mut self, zone: &'c ZoneImage, encloser: &Lookup<'c>) -> Result<(), Failure> {
        if let Some(hasher) = Hasher::of(zone)? {
            // Opt-out may leave empty non-terminals out: then the closest one that can be proved serves.
            for labels in (zone.labels()..=encloser.labels).rev() {
                if self.hashed_match(zone, hasher, labels)? {
                    self.hashed_cover(zone, hasher, labels + 1)?;
                    return self.hashed_wildcard(zone, hasher, labels);
                }
            }
            return Ok(());
        }
        let covering = self.covering_name(zone)?;
        self.proof(zone, covering, RrType::NSEC)?;
        let wildcard = self.covering_wildcard(zone, encloser)?;
        self.proof(zone, wildcard, RrType::NSEC)
    }

    /// The name exists, but not with this type; `wild` when it exists by a wildcard.
    pub(crate) fn deny_type(
        &mut self,
        zone: &'c ZoneImage,
        lookup: &Lookup<'c>,
        node: &Node<'c>,
        wild: bool,
    ) -> Result<(), Failure> {
        if let Some(hasher) = Hasher::of(zone)? {
            if wild {
                self.hashed_match(zone, hasher, lookup.labels)?;
                self.hashed_cover(zone, hasher, lookup.labels + 1)?;
                return self.hashed_wildcard(zone, hasher, lookup.labels);
            }
            return self.hashed_closest(zone, hasher, lookup.labels);
        }
        let own = if node.rrset(RrType::NSEC)?.is_some() {
            Some(*node)
        } else if wild {
            self.covering_wildcard(zone, lookup)?
        } else {
            self.covering_name(zone)?
        };
        self.proof(zone, own, RrType::NSEC)?;
        if wild {
            let covering = self.covering_name(zone)?;
            self.proof(zone, covering, RrType::NSEC)?;
        }
        Ok(())
    }

    /// A wildcard answered, and nothing closer exists. Written by [`Self::late_proofs`], as answers may follow.
    pub(crate) fn deny_closer(&mut self, zone: &'c ZoneImage, encloser: &Lookup<'c>) -> Result<(), Failure> {
        let (node, rrtype) = match Hasher::of(zone)? {
            Some(hasher) => {
                let hash = hasher.hash(&[], self.scratch.name.suffix(encloser.labels + 1));
                (zone.nsec3_at_or_before(&hash)?.map(|found| found.node), RrType::NSEC3)
            }
            None => (self.covering_name(zone)?, RrType::NSEC),
        };
        // The name changes along a chain, so the place of the zone's name is kept with the proof.
        let place = self.scratch.places.get(zone.labels()).unwrap_or(0);
        if let Some(node) = node
            && let Some(free) = self.late.iter_mut().find(|late| late.is_none())
        {
            *free = Some(LateProof { node, rrtype, place });
        }
        Ok(())
    }

    /// Writes the proofs that had to wait for the end of the answer section.
    #[inline]
    pub(crate) fn late_proofs(&mut self) -> Result<(), Failure> {
        if matches!(self.late.first(), Some(Some(_))) { self.write_late_proofs() } else { Ok(()) }
    }

    #[inline(never)]
    fn write_late_proofs(&mut self) -> Result<(), Failure> {
        for index in 0..MAX_PROOFS {
            let Some(late) = self.late.get_mut(index).and_then(Option::take) else { return Ok(()) };
            self.proof_below(&late.node, late.rrtype, |relative| Owner::BelowPlace(relative, late.place))?;
        }
        Ok(())
    }

    /// The delegation with so many labels is not signed.
    pub(crate) fn deny_signature(
        &mut self,
        zone: &'c ZoneImage,
        cut: &Node<'c>,
        labels: usize,
    ) -> Result<(), Failure> {
        match Hasher::of(zone)? {
            Some(hasher) => self.hashed_closest(zone, hasher, labels),
            None => self.proof(zone, Some(*cut), RrType::NSEC),
        }
    }

    /// The NSEC owner at or before the name that is looked up.
    fn covering_name(&self, zone: &'c ZoneImage) -> Result<Option<Node<'c>>, Failure> {
        let name = &self.scratch.name;
        Ok(zone.nsec_at_or_before(name.relative(name.labels(), zone.labels()))?)
    }

    /// The NSEC owner at or before the wildcard below a closest encloser.
    fn covering_wildcard(
        &self,
        zone: &'c ZoneImage,
        encloser: &Lookup<'c>,
    ) -> Result<Option<Node<'c>>, Failure> {
        let mut wildcard = [0; 255];
        let relative = self.scratch.name.relative(encloser.labels, zone.labels());
        let octets = wildcard.get_mut(..relative.len() + 2).ok_or(Failure::Fault)?;
        let (asterisk, rest) = octets.split_at_mut_checked(2).ok_or(Failure::Fault)?;
        asterisk.copy_from_slice(b"\x01*");
        rest.copy_from_slice(relative);
        Ok(zone.nsec_at_or_before(octets)?)
    }

    /// The NSEC3 that matches the suffix with so many labels, if there is one (opt-out leaves names out).
    fn hashed_match(
        &mut self,
        zone: &'c ZoneImage,
        hasher: Hasher<'c>,
        labels: usize,
    ) -> Result<bool, Failure> {
        let found = zone.nsec3_at_or_before(&hasher.hash(&[], self.scratch.name.suffix(labels)))?;
        let node = found.filter(|found| found.matches).map(|found| found.node);
        self.proof(zone, node, RrType::NSEC3)?;
        Ok(node.is_some())
    }

    /// The NSEC3 that covers the suffix with so many labels.
    fn hashed_cover(
        &mut self,
        zone: &'c ZoneImage,
        hasher: Hasher<'c>,
        labels: usize,
    ) -> Result<(), Failure> {
        let found = zone.nsec3_at_or_before(&hasher.hash(&[], self.scratch.name.suffix(labels)))?;
        self.proof(zone, found.map(|found| found.node), RrType::NSEC3)
    }

    /// The NSEC3 that matches or covers `*` below the suffix with so many labels.
    fn hashed_wildcard(
        &mut self,
        zone: &'c ZoneImage,
        hasher: Hasher<'c>,
        labels: usize,
    ) -> Result<(), Failure> {
        let found = zone.nsec3_at_or_before(&hasher.hash(b"\x01*", self.scratch.name.suffix(labels)))?;
        self.proof(zone, found.map(|found| found.node), RrType::NSEC3)
    }

    /// The NSEC3 that matches the suffix; or the closest encloser that has one, and what covers the name below it.
    fn hashed_closest(
        &mut self,
        zone: &'c ZoneImage,
        hasher: Hasher<'c>,
        labels: usize,
    ) -> Result<(), Failure> {
        for encloser in (zone.labels()..=labels).rev() {
            if self.hashed_match(zone, hasher, encloser)? {
                return if encloser == labels {
                    Ok(())
                } else {
                    self.hashed_cover(zone, hasher, encloser + 1)
                };
            }
        }
        Ok(())
    }

    /// Writes the NSEC or NSEC3 of a node, once.
    fn proof(&mut self, zone: &ZoneImage, node: Option<Node<'c>>, rrtype: RrType) -> Result<(), Failure> {
        let labels = zone.labels();
        match node {
            Some(node) => self.proof_below(&node, rrtype, |relative| Owner::Below(relative, labels)),
            None => Ok(()),
        }
    }

    fn proof_below(
        &mut self,
        node: &Node<'c>,
        rrtype: RrType,
        owner: impl FnOnce(&'c [u8]) -> Owner<'c>,
    ) -> Result<(), Failure> {
        let Some(rrset) = node.rrset(rrtype)? else { return Ok(()) };
        let relative = node.relative_name()?;
        // Where a name lies in memory tells nodes of all zones and layers apart.
        let place = relative.as_ptr() as usize;
        if self.proofs.contains(&place) {
            return Ok(());
        }
        let owner = owner(relative);
        self.write(&Record {
            owner,
            rrset: &rrset,
            ttl: rrset.ttl,
            signed: true,
            section: Section::Authority,
        })?;
        if let Some(free) = self.proofs.iter_mut().find(|place| **place == 0) {
            *free = place;
        }
        Ok(())
    }
}

/// A proof to be written when the answer section is complete.
#[derive(Clone, Copy)]
pub(crate) struct LateProof<'c> {
    node: Node<'c>,
    rrtype: RrType,
    /// Where the zone's name lies in the response.
    place: u16,
}
