//! A change worked out record by record: what of the version before it touches, what comes of that, and whether a zone
//! with it can be served. Costs what is touched, not what the zone holds.
//!
//! A change may be made in steps, of which each is [kept](Edit::keep) or [undone](Edit::undo): many updates become one
//! version, and one that is refused leaves nothing behind.

mod check;
mod node;

use std::collections::HashMap;

use tenon_wire::{Name, NameRef, RrType};

pub use self::check::EditCheck;
pub use self::node::{Node, RecordSet};
use crate::{DataSource, Error, ZoneChange, ZoneEntry, sort_key};

/// Names whose records are kept in memory from one step to the next; more are read anew.
const MOST_KEPT: usize = 100_000;

/// A change under construction.
pub struct Edit<'s> {
    source: &'s dyn DataSource,
    entry: ZoneEntry,
    /// Where in `names` a name is.
    places: HashMap<Name, usize>,
    names: Vec<Known>,
    /// What the step under way touched.
    touched: Vec<Touch>,
}

/// A name that was looked at.
#[derive(Debug)]
struct Known {
    owner: Name,
    now: Node,
    /// What the store has, where it may be something else.
    stored: Option<Node>,
    is_touched: bool,
}

/// A name that the step under way touched.
#[derive(Debug)]
struct Touch {
    name: usize,
    before: Node,
}

/// An RRset before and after a step.
#[derive(Clone, Copy, Debug)]
pub struct Difference<'d> {
    /// Owner.
    pub owner: &'d Name,
    /// Type.
    pub rrtype: RrType,
    /// As it was.
    pub before: Option<&'d RecordSet>,
    /// As it is.
    pub after: Option<&'d RecordSet>,
}

impl<'s> Edit<'s> {
    /// A change of this version, with nothing in it yet.
    #[must_use]
    pub fn new(source: &'s dyn DataSource, entry: ZoneEntry) -> Self {
        Self { source, entry, places: HashMap::new(), names: Vec::new(), touched: Vec::new() }
    }

    /// Name of the zone.
    #[must_use]
    pub const fn origin(&self) -> &Name {
        &self.entry.origin
    }

    /// Reads what there is at these names at once, which costs less than one name after the other.
    ///
    /// # Errors
    /// Those of reading.
    pub fn read_ahead<'n>(&mut self, owners: impl IntoIterator<Item = &'n Name>) -> Result<(), Error> {
        let known = self.names.len();
        for owner in owners {
            if !self.places.contains_key(owner) {
                self.places.insert(owner.clone(), self.names.len());
                let (owner, now) = (owner.clone(), Node::default());
                self.names.push(Known { owner, now, stored: None, is_touched: false });
            }
        }
        let read = self.read_from(known);
        if read.is_err() {
            for unread in self.names.drain(known..) {
                self.places.remove(&unread.owner);
            }
        }
        read
    }

    /// The records of a name.
    ///
    /// # Errors
    /// Those of reading.
    pub fn node(&mut self, owner: &Name) -> Result<&Node, Error> {
        let name = self.find(owner)?;
        self.names.get(name).map(|known| &known.now).ok_or_else(|| gone(&self.entry))
    }

    /// The records of a name, to be changed.
    ///
    /// # Errors
    /// Those of reading.
    pub fn node_mut(&mut self, owner: &Name) -> Result<&mut Node, Error> {
        let name = self.find(owner)?;
        let Self { names, touched, entry, .. } = self;
        let Some(known) = names.get_mut(name) else { return Err(gone(entry)) };
        if !std::mem::replace(&mut known.is_touched, true) {
            touched.push(Touch { name, before: known.now.clone() });
            known.stored.get_or_insert_with(|| known.now.clone());
        }
        Ok(&mut known.now)
    }

    /// Adds a record; false when it is there already. Of an RRset's TTLs the lowest one holds (RFC 2181 section 5.2).
    ///
    /// # Errors
    /// Those of reading.
    pub fn add(&mut self, owner: NameRef<'_>, rrtype: RrType, ttl: u32, rdata: &[u8]) -> Result<bool, Error> {
        let owner = owner.to_name();
        let node = self.node_mut(&owner)?;
        let set = node.get(rrtype);
        if set.is_some_and(|set| set.has(rdata)) {
            return Ok(false);
        }
        let ttl = set.map_or(ttl, |set| set.ttl().min(ttl));
        node.add(&owner, rrtype, ttl, rdata);
        Ok(true)
    }

    /// Deletes a record, whatever its TTL; false when it is not there.
    ///
    /// # Errors
    /// Those of reading.
    pub fn delete(&mut self, owner: NameRef<'_>, rrtype: RrType, rdata: &[u8]) -> Result<bool, Error> {
        Ok(self.node_mut(&owner.to_name())?.remove_record(rrtype, rdata))
    }

    /// Whether anything is different from what is stored.
    #[must_use]
    pub fn is_change(&self) -> bool {
        self.names.iter().any(|known| known.stored.as_ref().is_some_and(|stored| *stored != known.now))
    }

    /// What differs from before the step under way, in no order.
    pub fn differences(&self) -> impl Iterator<Item = Difference<'_>> {
        self.touched.iter().flat_map(|Touch { name, before }| {
            let known = self.names.get(*name).filter(|known| known.now != *before);
            known.into_iter().flat_map(move |known| differences(&known.owner, before, &known.now))
        })
    }

    /// Ends a step: it is part of the change.
    pub fn keep(&mut self) {
        for Touch { name, .. } in self.touched.drain(..) {
            if let Some(known) = self.names.get_mut(name) {
                known.is_touched = false;
            }
        }
        if self.names.len() > MOST_KEPT {
            self.names.retain(|known| known.stored.is_some());
            let places = self.names.iter().enumerate().map(|(place, known)| (known.owner.clone(), place));
            self.places = places.collect();
        }
    }

    /// Ends a step: everything is as it was before.
    pub fn undo(&mut self) {
        for Touch { name, before } in self.touched.drain(..) {
            if let Some(known) = self.names.get_mut(name) {
                (known.now, known.is_touched) = (before, false);
            }
        }
    }

    /// Puts what is different into a change of the same version.
    ///
    /// # Errors
    /// Those of [`ZoneChange::replace`]; [`Error::VersionGone`] when the change is one of another version.
    pub fn apply(&self, change: &mut dyn ZoneChange) -> Result<(), Error> {
        if change.before().version != self.entry.version {
            return Err(gone(&self.entry));
        }
        for Known { owner, now, stored, .. } in &self.names {
            let stored = stored.iter().filter(|stored| *stored != now);
            for Difference { before, after, .. } in stored.flat_map(|stored| differences(owner, stored, now))
            {
                change.replace(before.map(RecordSet::as_rrset), after.map(RecordSet::as_rrset))?;
            }
        }
        Ok(())
    }

    /// The place of a name, which is read when it is not known yet.
    fn find(&mut self, owner: &Name) -> Result<usize, Error> {
        if let Some(place) = self.places.get(owner) {
            return Ok(*place);
        }
        self.read_ahead([owner])?;
        self.places.get(owner).copied().ok_or_else(|| gone(&self.entry))
    }

    /// Reads the names from that place on.
    fn read_from(&mut self, first: usize) -> Result<(), Error> {
        let Self { source, entry, places, names, .. } = self;
        let is_in_zone = |known: &&Known| known.owner.as_ref().is_at_or_below(entry.origin.as_ref());
        let mut owners: Vec<Name> =
            names.iter().skip(first).filter(is_in_zone).map(|known| known.owner.clone()).collect();
        if owners.is_empty() {
            return Ok(());
        }
        owners.sort_by_cached_key(|owner| sort_key::of(owner.as_ref()));
        let owners: Vec<NameRef<'_>> = owners.iter().map(Name::as_ref).collect();
        source.rrsets_of(entry, &owners, &mut |rrset| {
            let known = places.get(&rrset.owner.to_name()).and_then(|place| names.get_mut(*place));
            if let Some(known) = known {
                known.now.insert(rrset);
            }
        })
    }
}

impl std::fmt::Debug for Edit<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Edit").field("entry", &self.entry).field("names", &self.names.len()).finish()
    }
}

/// The RRsets that differ between two states of a name.
fn differences<'d>(
    owner: &'d Name,
    before: &'d Node,
    after: &'d Node,
) -> impl Iterator<Item = Difference<'d>> {
    before.types_with(after).into_iter().filter_map(move |rrtype| {
        let (before, after) = (before.get(rrtype), after.get(rrtype));
        (before != after).then_some(Difference { owner, rrtype, before, after })
    })
}

fn gone(entry: &ZoneEntry) -> Error {
    Error::VersionGone { zone: entry.origin.clone(), version: entry.version }
}
