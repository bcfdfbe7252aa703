//! Proofs that something does not exist (RFC 4035 section 3.1.3, RFC 5155 section 7.2).

use tenon_image::{Lookup, Node, NodeRef, ZoneImage};
use tenon_wire::RrType;
use tenon_wire::message::Section;

use crate::records::{Failure, Owner, Record};
use crate::search::Search;

impl<'c> Search<'c, '_, '_> {
    /// The name does not exist, nor does a wildcard that would stand for it.
    pub(crate) fn deny_name(&mut self, zone: &'c ZoneImage, encloser: &Lookup<'c>) -> Result<(), Failure> {
        let covering = self.covering_name(zone)?;
        self.proof(zone, covering, None)?;
        let wildcard = self.covering_wildcard(zone, encloser)?;
        self.proof(zone, wildcard, covering.map(|node| node.reference()))
    }

    /// The name exists, but not with this type.
    pub(crate) fn deny_type(
        &mut self,
        zone: &'c ZoneImage,
        lookup: &Lookup<'c>,
        node: &Node<'c>,
        wild: bool,
    ) -> Result<(), Failure> {
        let own = if node.rrset(RrType::NSEC)?.is_some() {
            Some(*node)
        } else if wild {
            self.covering_wildcard(zone, lookup)?
        } else {
            self.covering_name(zone)?
        };
        self.proof(zone, own, None)?;
        if wild {
            let covering = self.covering_name(zone)?;
            self.proof(zone, covering, own.map(|node| node.reference()))?;
        }
        Ok(())
    }

    /// A wildcard answered, and nothing closer exists.
    pub(crate) fn deny_closer(&mut self, zone: &'c ZoneImage, _encloser: &Lookup<'c>) -> Result<(), Failure> {
        let covering = self.covering_name(zone)?;
        self.proof(zone, covering, None)
    }

    /// The delegation is not signed.
    pub(crate) fn deny_signature(
        &mut self,
        zone: &'c ZoneImage,
        cut: &Node<'c>,
        _labels: usize,
    ) -> Result<(), Failure> {
        let own = cut.rrset(RrType::NSEC)?.is_some().then_some(*cut);
        self.proof(zone, own, None)
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

    /// Writes the NSEC of a node, unless it was written just before.
    fn proof(
        &mut self,
        zone: &ZoneImage,
        node: Option<Node<'c>>,
        written: Option<NodeRef>,
    ) -> Result<(), Failure> {
        let Some(node) = node.filter(|node| Some(node.reference()) != written) else { return Ok(()) };
        let Some(nsec) = node.rrset(RrType::NSEC)? else { return Ok(()) };
        let owner = Owner::Below(node.relative_name()?, zone.labels());
        self.write(&Record {
            owner,
            rrset: &nsec,
            ttl: nsec.ttl,
            signed: true,
            section: Section::Authority,
        })?;
        Ok(())
    }
}
