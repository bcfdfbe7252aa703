//! A zone while it is being changed: what the store has, what transactions before in the same commit made of it, and
//! what the one under way makes of that.

use std::collections::{BTreeSet, HashMap};

use tenon_datasrc::{DataSource, Error, ZoneChange, ZoneEntry};
use tenon_wire::rdata::Soa;
use tenon_wire::{Name, NameRef, RrType};
use tenon_zone::{RdataList, RrsetRef};

use crate::node::Node;

/// Names whose records are kept in memory from one transaction to the next of a commit; more are read anew.
const MOST_KEPT: usize = 100_000;

/// A zone that will be committed. Nobody else writes it meanwhile.
pub struct WorkingZone<'s> {
    source: &'s dyn DataSource,
    change: Box<dyn ZoneChange + 's>,
    entry: ZoneEntry,
    /// Names as they are after the transactions before.
    nodes: HashMap<Name, Node>,
    /// What is not as in the store.
    changed: HashMap<Name, BTreeSet<RrType>>,
}

/// What one transaction does. Dropped it leaves the zone as it was.
pub struct Draft<'z, 's> {
    zone: &'z mut WorkingZone<'s>,
    /// Names that it touched.
    touched: HashMap<Name, Node>,
}

/// An RRset before and after a transaction.
pub struct Difference<'d> {
    /// Owner.
    pub owner: &'d Name,
    /// Type.
    pub rrtype: RrType,
    /// As it was.
    pub before: Option<&'d crate::node::RecordSet>,
    /// As it is.
    pub after: Option<&'d crate::node::RecordSet>,
}

impl<'s> WorkingZone<'s> {
    /// Begins to change a zone.
    ///
    /// # Errors
    /// As of [`DataSource::change`].
    pub fn begin(source: &'s dyn DataSource, origin: NameRef<'_>) -> Result<Self, Error> {
        let change = source.change(origin)?;
        let entry = change.before().clone();
        Ok(Self { source, change, entry, nodes: HashMap::new(), changed: HashMap::new() })
    }

    /// Name of the zone.
    #[must_use]
    pub fn origin(&self) -> &Name {
        &self.entry.origin
    }

    /// Whether there is anything to commit.
    #[must_use]
    pub fn is_changed(&self) -> bool {
        !self.changed.is_empty()
    }

    /// Begins a transaction.
    pub fn draft(&mut self) -> Draft<'_, 's> {
        if self.nodes.len() > MOST_KEPT {
            let changed = &self.changed;
            self.nodes.retain(|name, _| changed.contains_key(name));
        }
        Draft { zone: self, touched: HashMap::new() }
    }

    /// Makes all that was accepted the current version, on the disk now or after [`DataSource::sync`].
    ///
    /// # Errors
    /// Those of the store.
    pub fn commit(mut self, synced: bool) -> Result<ZoneEntry, Error> {
        let changed =
            self.changed.iter().flat_map(|(owner, types)| types.iter().map(move |rrtype| (owner, *rrtype)));
        for (owner, rrtype) in changed {
            let Some(node) = self.nodes.get(owner) else { continue };
            match node.get(rrtype) {
                Some(set) => self.change.set(set.to_rrset(rrtype).as_ref())?,
                None => self.change.set(RrsetRef {
                    owner: owner.as_ref(),
                    rrtype,
                    ttl: 0,
                    rdatas: RdataList::from_packed(&[]),
                })?,
            }
        }
        if synced { self.change.commit() } else { self.change.commit_unsynced() }
    }

    fn load<'n>(&mut self, owners: impl IntoIterator<Item = &'n Name>) -> Result<(), Error> {
        let unknown: BTreeSet<&Name> =
            owners.into_iter().filter(|owner| !self.nodes.contains_key(*owner)).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let names: Vec<NameRef<'_>> = unknown.iter().map(|owner| owner.as_ref()).collect();
        let mut found: HashMap<Name, Node> =
            unknown.iter().map(|&owner| (owner.clone(), Node::default())).collect();
        let mut take = |rrset: RrsetRef<'_>| found.entry(rrset.owner.to_name()).or_default().insert(rrset);
        self.source.rrsets_of(&self.entry, &names, &mut take)?;
        self.nodes.extend(found);
        Ok(())
    }
}

impl Draft<'_, '_> {
    /// Name of the zone.
    #[must_use]
    pub fn origin(&self) -> &Name {
        self.zone.origin()
    }

    /// Reads what there is at these names at once, which costs less than one name after the other.
    ///
    /// # Errors
    /// Those of reading the store.
    pub fn read_ahead<'n>(&mut self, owners: impl IntoIterator<Item = &'n Name>) -> Result<(), Error> {
        let origin = self.origin().clone();
        self.zone.load(owners.into_iter().filter(|owner| owner.as_ref().is_at_or_below(origin.as_ref())))
    }

    /// The records of a name of the zone.
    ///
    /// # Errors
    /// Those of reading the store.
    pub fn node(&mut self, owner: &Name) -> Result<&Node, Error> {
        if self.touched.contains_key(owner) {
            return Ok(self.touched.entry(owner.clone()).or_default());
        }
        self.zone.load([owner])?;
        Ok(self.zone.nodes.entry(owner.clone()).or_default())
    }

    /// The records of a name of the zone, to be changed.
    ///
    /// # Errors
    /// Those of reading the store.
    pub fn node_mut(&mut self, owner: &Name) -> Result<&mut Node, Error> {
        if !self.touched.contains_key(owner) {
            let node = self.node(owner)?.clone();
            self.touched.insert(owner.clone(), node);
        }
        Ok(self.touched.entry(owner.clone()).or_default())
    }

    /// The zone's SOA record: its TTL, its data and the numbers in that.
    ///
    /// # Errors
    /// Those of reading the store; [`Error::NoSoa`].
    pub fn soa(&mut self) -> Result<(u32, Vec<u8>, Soa), Error> {
        let origin = self.origin().clone();
        let set = self.node(&origin)?.get(RrType::SOA);
        let found = set.and_then(|set| {
            let rdata = set.rdatas().next()?;
            Some((set.ttl, rdata.to_vec(), Soa::read(rdata)?))
        });
        found.ok_or(Error::NoSoa { zone: origin })
    }

    /// Whether there are records at names below this one, or were some in the store.
    ///
    /// # Errors
    /// Those of reading the store.
    pub fn may_have_names_below(&mut self, owner: &Name) -> Result<bool, Error> {
        let is_below = |(name, node): (&Name, &Node)| {
            !node.is_empty() && name != owner && name.as_ref().is_at_or_below(owner.as_ref())
        };
        Ok(self.touched.iter().any(is_below)
            || self.zone.nodes.iter().any(is_below)
            || self.zone.source.has_names_below(&self.zone.entry, owner.as_ref())?)
    }

    /// Names that were touched, in canonical order.
    #[must_use]
    pub fn touched(&self) -> Vec<Name> {
        let mut names: Vec<Name> = self.touched.keys().cloned().collect();
        names.sort_unstable();
        names
    }

    /// What differs from before the transaction, in no order.
    pub fn differences(&self) -> impl Iterator<Item = Difference<'_>> {
        self.touched.iter().flat_map(|(owner, after)| {
            let before = self.zone.nodes.get(owner);
            let types = before.into_iter().chain([after]).flat_map(Node::sets).map(|(rrtype, _)| rrtype);
            let types: BTreeSet<RrType> = types.collect();
            types.into_iter().filter_map(move |rrtype| {
                let (before, after) = (before.and_then(|node| node.get(rrtype)), after.get(rrtype));
                (before != after).then_some(Difference { owner, rrtype, before, after })
            })
        })
    }

    /// Takes the transaction into the zone.
    pub fn accept(self) {
        let changed: Vec<_> =
            self.differences().map(|difference| (difference.owner.clone(), difference.rrtype)).collect();
        let Self { zone, touched } = self;
        for (owner, rrtype) in changed {
            zone.changed.entry(owner).or_default().insert(rrtype);
        }
        zone.nodes.extend(touched);
    }
}
