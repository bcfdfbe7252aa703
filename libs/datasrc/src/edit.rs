//! A change worked out record by record: what of the version before it touches, what comes of that, and whether a zone
//! with it can be served. Costs what is touched, not what the zone holds.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use tenon_wire::rdata::canonical_cmp;
use tenon_wire::{Name, NameRef, RrType};
use tenon_zone::{Problem, ProblemKind, RdataList, Rrset, RrsetRef, Severity, ZoneChecker};

use crate::{DataSource, Error, ZoneChange, ZoneEntry};

/// A change under construction.
pub struct Edit<'s> {
    source: &'s dyn DataSource,
    entry: ZoneEntry,
    names: BTreeMap<Name, Node>,
}

/// RRsets of one name by type.
type Rrsets = BTreeMap<u16, Rrset>;

/// One name before the change and with it.
#[derive(Debug, Default)]
struct Node {
    before: Rrsets,
    now: Rrsets,
}

/// What a check of the change found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct EditCheck {
    /// Why a zone with the change could not be served; empty when it can.
    pub errors: Vec<Problem>,
    /// A DNAME record came above names that were there: whether all of them went cannot be told at this cost.
    pub is_uncertain: bool,
}

impl<'s> Edit<'s> {
    /// A change of this version, with nothing in it yet.
    #[must_use]
    pub const fn new(source: &'s dyn DataSource, entry: ZoneEntry) -> Self {
        Self { source, entry, names: BTreeMap::new() }
    }

    /// An RRset as it is with the change so far.
    ///
    /// # Errors
    /// Those of reading.
    pub fn rrset(&mut self, owner: NameRef<'_>, rrtype: RrType) -> Result<Option<RrsetRef<'_>>, Error> {
        Ok(self.node(owner)?.now.get(&rrtype.0).map(Rrset::as_ref))
    }

    /// All RRsets of a name as they are with the change so far, types by number.
    ///
    /// # Errors
    /// Those of reading.
    pub fn rrsets(&mut self, owner: NameRef<'_>) -> Result<impl Iterator<Item = RrsetRef<'_>>, Error> {
        Ok(self.node(owner)?.now.values().map(Rrset::as_ref))
    }

    /// Adds a record; false when it is there already. Of an RRset's TTLs the lowest one holds (RFC 2181 section 5.2).
    ///
    /// # Errors
    /// Those of reading.
    pub fn add(&mut self, owner: NameRef<'_>, rrtype: RrType, ttl: u32, rdata: &[u8]) -> Result<bool, Error> {
        let node = self.node(owner)?;
        let rrset = node.now.entry(rrtype.0).or_insert_with(|| Rrset {
            owner: owner.to_name(),
            rrtype,
            ttl,
            rdatas: Vec::new(),
        });
        let mut rdatas: Vec<&[u8]> = RdataList::from_packed(&rrset.rdatas).iter().collect();
        let Err(place) = rdatas.binary_search_by(|other| canonical_cmp(rrtype, other, rdata)) else {
            return Ok(false);
        };
        rdatas.insert(place, rdata);
        rrset.rdatas = packed(&rdatas);
        rrset.ttl = rrset.ttl.min(ttl);
        Ok(true)
    }

    /// Deletes a record, whatever its TTL; false when it is not there.
    ///
    /// # Errors
    /// Those of reading.
    pub fn delete(&mut self, owner: NameRef<'_>, rrtype: RrType, rdata: &[u8]) -> Result<bool, Error> {
        let node = self.node(owner)?;
        let Entry::Vacant(_) = node.now.entry(rrtype.0) else {
            let Some(rrset) = node.now.get_mut(&rrtype.0) else { return Ok(false) };
            let mut rdatas: Vec<&[u8]> = RdataList::from_packed(&rrset.rdatas).iter().collect();
            let Ok(place) = rdatas.binary_search_by(|other| canonical_cmp(rrtype, other, rdata)) else {
                return Ok(false);
            };
            rdatas.remove(place);
            rrset.rdatas = packed(&rdatas);
            if rrset.rdatas.is_empty() {
                node.now.remove(&rrtype.0);
            }
            return Ok(true);
        };
        Ok(false)
    }

    /// Says what an RRset is to be; without records it is to be gone. Records are in canonical order.
    ///
    /// # Errors
    /// Those of reading.
    pub fn set(&mut self, rrset: RrsetRef<'_>) -> Result<(), Error> {
        let node = self.node(rrset.owner)?;
        if rrset.rdatas.packed().is_empty() {
            node.now.remove(&rrset.rrtype.0);
        } else {
            node.now.insert(rrset.rrtype.0, rrset.to_rrset());
        }
        Ok(())
    }

    /// Whether anything is different with the change.
    #[must_use]
    pub fn is_change(&self) -> bool {
        self.names.values().any(|node| node.before != node.now)
    }

    /// Checks everything that the change touches as [`ZoneChecker`] checks whole zones; only what makes a zone useless is
    /// looked for. At most `most` errors are told.
    ///
    /// # Errors
    /// Those of reading.
    pub fn check(&mut self, most: usize) -> Result<EditCheck, Error> {
        let apex = self.entry.origin.clone();
        self.node(apex.as_ref())?;
        // A DNAME record above hides a name.
        let above: BTreeSet<Name> =
            self.names.keys().flat_map(|name| ancestors(name.as_ref(), &apex)).collect();
        for name in &above {
            self.node(name.as_ref())?;
        }
        let mut found = EditCheck::default();
        let mut report = |problem: Problem| {
            if problem.severity() == Severity::Error && found.errors.len() < most {
                found.errors.push(problem);
            }
        };
        let mut checker = ZoneChecker::new(apex.as_ref());
        for (name, node) in &self.names {
            // Out of the zone everything is wrong.
            if !name.as_ref().is_at_or_below(apex.as_ref()) {
                report(Problem { owner: name.clone(), rrtype: None, what: ProblemKind::OutOfZone });
                continue;
            }
            node.now.values().for_each(|rrset| checker.rrset(rrset.as_ref(), &mut report));
        }
        checker.finish(&mut report);
        for (name, node) in &self.names {
            let has_dname = |rrsets: &Rrsets| rrsets.contains_key(&RrType::DNAME.0);
            if has_dname(&node.now) && !has_dname(&node.before) {
                found.is_uncertain |= self.source.has_names_below(&self.entry, name.as_ref())?;
            }
        }
        Ok(found)
    }

    /// Puts what is different into a change of the same version.
    ///
    /// # Errors
    /// Those of [`ZoneChange::set`]; [`Error::VersionGone`] when the change is one of another version.
    pub fn apply(&self, change: &mut dyn ZoneChange) -> Result<(), Error> {
        if change.before().version != self.entry.version {
            return Err(Error::VersionGone { zone: self.entry.origin.clone(), version: self.entry.version });
        }
        for node in self.names.values() {
            let gone = node.before.values().filter(|rrset| !node.now.contains_key(&rrset.rrtype.0));
            for rrset in gone {
                change.set(RrsetRef { rdatas: RdataList::from_packed(&[]), ..rrset.as_ref() })?;
            }
            let other = node.now.values().filter(|rrset| node.before.get(&rrset.rrtype.0) != Some(rrset));
            other.map(Rrset::as_ref).try_for_each(|rrset| change.set(rrset))?;
        }
        Ok(())
    }

    fn node(&mut self, owner: NameRef<'_>) -> Result<&mut Node, Error> {
        match self.names.entry(owner.to_name()) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(new) => {
                let mut before = Rrsets::new();
                if owner.is_at_or_below(self.entry.origin.as_ref()) {
                    let mut keep =
                        |rrset: RrsetRef<'_>| drop(before.insert(rrset.rrtype.0, rrset.to_rrset()));
                    self.source.rrsets_at(&self.entry, owner, &mut keep)?;
                }
                Ok(new.insert(Node { now: before.clone(), before }))
            }
        }
    }
}

impl std::fmt::Debug for Edit<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Edit").field("entry", &self.entry).field("names", &self.names.len()).finish()
    }
}

/// The names above one, up to the apex and without it.
fn ancestors(name: NameRef<'_>, apex: &Name) -> Vec<Name> {
    let mut above = Vec::new();
    let mut next = name.parent();
    while let Some(name) = next.filter(|name| *name != apex.as_ref() && name.is_at_or_below(apex.as_ref())) {
        above.push(name.to_name());
        next = name.parent();
    }
    above
}

fn packed(rdatas: &[&[u8]]) -> Vec<u8> {
    let mut packed = Vec::with_capacity(rdatas.iter().map(|rdata| rdata.len() + 2).sum());
    for rdata in rdatas {
        packed.extend_from_slice(&u16::try_from(rdata.len()).unwrap_or(u16::MAX).to_be_bytes());
        packed.extend_from_slice(rdata);
    }
    packed
}
