//! Going on at the target of an alias: CNAME (RFC 1034 section 3.6.2) and DNAME (RFC 6672).

use tenon_image::rrset::{RECORD_HEAD, Target};
use tenon_image::{Lookup, Node, RrsetView};
use tenon_wire::message::{Full, Rcode, Section};
use tenon_wire::{NameRef, RrType};

use crate::records::{Failure, Owner, Record, Written};
use crate::search::{Search, Step};

impl Search<'_, '_, '_> {
    /// Makes the target of the CNAME just written the name to look up.
    pub(crate) fn follow_cname(&mut self, cname: &RrsetView<'_>, written: Written) -> Result<Step, Failure> {
        let name = &mut self.scratch.name;
        let hash = name.hash(name.labels());
        let mut target = [0; 255];
        let length = cname.expand_name(RECORD_HEAD, name.octets(), &mut target)?;
        let target = NameRef::from_octets(target.get(..length).unwrap_or(&[])).map_err(|_| Failure::Fault)?;
        // Up to the hole the target lies in its record; behind it, it shares the labels of the alias.
        let shared = match cname.fixups().next().map(|fixup| fixup.target) {
            Some(Target::OwnerSuffix(labels)) if written.as_stored => labels,
            _ => 0,
        };
        name.set(target);
        for labels in shared + 1..=name.labels() {
            self.scratch.places.set(labels, written.base + RECORD_HEAD + name.start(labels));
        }
        self.follow(hash)
    }

    fn follow(&mut self, hash: u64) -> Result<Step, Failure> {
        let target = self.scratch.name.hash(self.scratch.name.labels());
        // Both ends count as seen: an alias may be its own target.
        if !self.may_follow(hash) || hash == target || self.was_seen(target) {
            return Ok(Step::Done(Rcode::NOERROR));
        }
        Ok(Step::Follow)
    }

    /// Writes the DNAME above the name and the CNAME that follows from it.
    pub(crate) fn substitute(&mut self, lookup: &Lookup<'_>) -> Result<Step, Failure> {
        let dname = lookup.node.rrset(RrType::DNAME)?.ok_or(Failure::Fault)?;
        let tail_place = self.dname(lookup, &dname)?;
        let tail = dname.rdatas().iter().next().ok_or(Failure::Fault)?;
        let name = &self.scratch.name;
        let (mut target, hash) = ([0; 255], name.hash(name.labels()));
        let prefix = name.relative(name.labels(), lookup.labels);
        let (before, length) = (prefix.len(), prefix.len() + tail.len());
        let Some(room) = target.get_mut(..length) else { return Ok(Step::Done(Rcode::YXDOMAIN)) };
        let (head, rest) = room.split_at_mut_checked(before).ok_or(Failure::Fault)?;
        head.copy_from_slice(prefix);
        rest.copy_from_slice(tail);
        self.restore_case(head);
        let place = self.synthesize(head, dname.ttl, tail, tail_place)?;
        let target = NameRef::from_octets(target.get(..length).unwrap_or(&[])).map_err(|_| Failure::Fault)?;
        let name = &mut self.scratch.name;
        let extra = name.labels() - lookup.labels;
        name.set(target);
        let (all, below) = (name.labels(), name.labels() - extra);
        for labels in 1..=all {
            // Of two suffixes the one with fewer labels starts later.
            let offset = if labels > below {
                place + name.start(labels)
            } else {
                tail_place + (name.start(labels) - name.start(below))
            };
            self.scratch.places.set(labels, offset);
        }
        if self.qtype == RrType::CNAME {
            return Ok(Step::Done(Rcode::NOERROR));
        }
        self.follow(hash)
    }

    /// True when the DNAME of a node was written for an earlier name of the chain.
    pub(crate) fn has_dname(&self, node: &Node<'_>) -> Result<bool, Failure> {
        let node = node.relative_name()?.as_ptr() as usize;
        Ok(self.dnames.iter().any(|(known, _)| *known == node))
    }

    /// Writes a DNAME, unless an earlier name of the chain led to it; gives the place of its target.
    fn dname(&mut self, lookup: &Lookup<'_>, dname: &RrsetView<'_>) -> Result<usize, Failure> {
        // Where a name lies in memory tells nodes of all zones apart.
        let node = lookup.node.relative_name()?.as_ptr() as usize;
        if let Some((_, place)) = self.dnames.iter().find(|(known, _)| *known == node) {
            return Ok(*place);
        }
        let (owner, section) = (Owner::Suffix(lookup.labels), Section::Answer);
        let record = Record { owner, rrset: dname, ttl: dname.ttl, signed: self.dnssec, section };
        let place = self.write(&record)?.base + RECORD_HEAD;
        if let Some(free) = self.dnames.iter_mut().find(|(known, _)| *known == 0) {
            *free = (node, place);
        }
        Ok(place)
    }

    /// Gives the first labels of the name that is looked up the case in which the response has them.
    fn restore_case(&self, prefix: &mut [u8]) {
        let name = &self.scratch.name;
        let (mut rest, mut labels) = (prefix, name.labels());
        while let Some(&length) = rest.first() {
            let Some((label, behind)) = rest.split_at_mut_checked(1 + usize::from(length)) else { return };
            let place = self.scratch.places.get(labels).map(usize::from);
            let written = place.and_then(|place| self.writer.written(place).get(..label.len()));
            if let Some(written) = written.filter(|written| written.eq_ignore_ascii_case(label)) {
                label.copy_from_slice(written);
            }
            (rest, labels) = (behind, labels.saturating_sub(1));
        }
    }

    /// Writes `name CNAME prefix.tail`, the tail as a pointer; gives the place of the target.
    fn synthesize(
        &mut self,
        prefix: &[u8],
        ttl: u32,
        tail: &[u8],
        tail_place: usize,
    ) -> Result<usize, Failure> {
        let mark = self.writer.mark();
        let owner = self.scratch.places.get(self.scratch.name.labels()).ok_or(Failure::Fault)?;
        let pointer = if tail.len() > 1 { 2 } else { 1 };
        let mut write = || {
            self.writer.put(&(0xc000 | owner).to_be_bytes())?;
            self.writer.put(&[0, 5, 0, 1])?;
            self.writer.put(&ttl.to_be_bytes())?;
            self.writer.put(&((prefix.len() + pointer) as u16).to_be_bytes())?;
            let place = self.writer.position();
            self.writer.put(prefix)?;
            self.writer.put(if tail.len() > 1 { &[0xc0, 0] } else { &[0] })?;
            Ok(place)
        };
        let written: Result<usize, Full> = write();
        let place = written.inspect_err(|_| self.writer.rewind(mark))?;
        if tail.len() > 1 {
            self.writer.point(place + prefix.len(), tail_place).map_err(|_| Failure::Full)?;
        }
        self.writer.count(Section::Answer, 1);
        Ok(place)
    }
}
