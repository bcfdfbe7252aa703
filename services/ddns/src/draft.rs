//! A zone while it is being changed: what the store has, what transactions before in the same commit made of it, and
//! what the one under way makes of that.

use tenon_datasrc::{DataSource, Difference, Edit, EditCheck, Error, Node, ZoneChange, ZoneEntry};
use tenon_wire::rdata::Soa;
use tenon_wire::{Name, NameRef, RrType};

/// A zone that will be committed. Nobody else writes it meanwhile.
pub struct WorkingZone<'s> {
    edit: Edit<'s>,
    change: Box<dyn ZoneChange + 's>,
}

/// What one transaction does. Dropped it leaves the zone as it was.
pub struct Draft<'z, 's> {
    edit: &'z mut Edit<'s>,
}

impl<'s> WorkingZone<'s> {
    /// Begins to change a zone.
    ///
    /// # Errors
    /// As of [`DataSource::change`].
    pub fn begin(source: &'s dyn DataSource, origin: NameRef<'_>) -> Result<Self, Error> {
        let change = source.change(origin)?;
        Ok(Self { edit: Edit::new(source, change.before().clone()), change })
    }

    /// Name of the zone.
    #[must_use]
    pub fn origin(&self) -> &Name {
        self.edit.origin()
    }

    /// Whether there is anything to commit.
    #[must_use]
    pub fn is_changed(&self) -> bool {
        self.edit.is_change()
    }

    /// Begins a transaction.
    pub fn draft(&mut self) -> Draft<'_, 's> {
        Draft { edit: &mut self.edit }
    }

    /// Makes all that was accepted the current version, on the disk now or after [`DataSource::sync`].
    ///
    /// # Errors
    /// Those of the store.
    pub fn commit(mut self, synced: bool) -> Result<ZoneEntry, Error> {
        self.edit.apply(&mut *self.change)?;
        if synced { self.change.commit() } else { self.change.commit_unsynced() }
    }
}

impl Draft<'_, '_> {
    /// Name of the zone.
    #[must_use]
    pub fn origin(&self) -> &Name {
        self.edit.origin()
    }

    /// Reads what there is at these names at once, which costs less than one name after the other.
    ///
    /// # Errors
    /// Those of reading the store.
    pub fn read_ahead<'n>(&mut self, owners: impl IntoIterator<Item = &'n Name>) -> Result<(), Error> {
        self.edit.read_ahead(owners)
    }

    /// The records of a name of the zone.
    ///
    /// # Errors
    /// Those of reading the store.
    pub fn node(&mut self, owner: &Name) -> Result<&Node, Error> {
        self.edit.node(owner)
    }

    /// The records of a name of the zone, to be changed.
    ///
    /// # Errors
    /// Those of reading the store.
    pub fn node_mut(&mut self, owner: &Name) -> Result<&mut Node, Error> {
        self.edit.node_mut(owner)
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
            Some((set.ttl(), rdata.to_vec(), Soa::read(rdata)?))
        });
        found.ok_or(Error::NoSoa { zone: origin })
    }

    /// Whether the zone can be served with what was done so far; at most one error is told.
    ///
    /// # Errors
    /// Those of reading the store.
    pub fn check(&mut self) -> Result<EditCheck, Error> {
        self.edit.check(1)
    }

    /// What differs from before the transaction, in no order.
    pub fn differences(&self) -> impl Iterator<Item = Difference<'_>> {
        self.edit.differences()
    }

    /// Takes the transaction into the zone.
    pub fn accept(self) {
        self.edit.keep();
    }
}

impl Drop for Draft<'_, '_> {
    fn drop(&mut self) {
        // What was accepted is none of this transaction any more.
        self.edit.undo();
    }
}
