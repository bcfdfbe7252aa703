//! Which nodes a layer must hold, given the names whose records changed.

use std::collections::BTreeMap;

use tenon_wire::{Name, NameRef};
use tenon_zone::Rrset;

use super::{BuildError, ImageBuilder};

/// Names whose records are in memory at once.
const READ_TOGETHER: usize = 512;

/// The version of a zone that a layer leads to, asked name by name.
pub trait ChangedZone {
    /// Why it cannot be asked.
    type Error: From<BuildError>;

    /// The RRsets of each of these names, types ascending; none of a name that has no records.
    ///
    /// # Errors
    /// Those of whatever holds the zone.
    fn rrsets_of(&mut self, owners: &[NameRef<'_>]) -> Result<Vec<Vec<Rrset>>, Self::Error>;

    /// Whether there are records below a name.
    ///
    /// # Errors
    /// Those of whatever holds the zone.
    fn has_names_below(&mut self, owner: NameRef<'_>) -> Result<bool, Self::Error>;
}

impl ImageBuilder {
    /// Puts into the open zone of a layer all that follows from changes at `owners`, which are names at or below
    /// `origin`: their records as they are now, names that went, and names above them that exist, or no longer exist,
    /// only by what is below.
    ///
    /// # Errors
    /// Those of `zone` and of building.
    pub fn restate<Z: ChangedZone>(
        &mut self,
        origin: NameRef<'_>,
        owners: impl IntoIterator<Item = Name>,
        zone: &mut Z,
    ) -> Result<(), Z::Error> {
        let affected: Vec<(Name, bool)> = affected(origin, owners).into_iter().collect();
        for together in affected.chunks(READ_TOGETHER) {
            let names: Vec<NameRef<'_>> = together.iter().map(|(name, _)| name.as_ref()).collect();
            for ((name, has_changed), rrsets) in together.iter().zip(zone.rrsets_of(&names)?) {
                if rrsets.is_empty() {
                    let exists = zone.has_names_below(name.as_ref())?;
                    self.remove(name.as_ref(), exists)?;
                } else if *has_changed {
                    rrsets.iter().try_for_each(|rrset| self.add(rrset.as_ref()))?;
                }
            }
        }
        Ok(())
    }
}

/// The names themselves (true) and those between them and the zone's name (false), in canonical order.
fn affected(origin: NameRef<'_>, owners: impl IntoIterator<Item = Name>) -> BTreeMap<Name, bool> {
    let mut affected = BTreeMap::new();
    for owner in owners {
        let depth = owner.as_ref().label_count().saturating_sub(origin.label_count());
        for up in 1..depth {
            if let Some(above) = owner.as_ref().skip_labels(up) {
                affected.entry(above.to_name()).or_insert(false);
            }
        }
        affected.insert(owner, true);
    }
    affected
}
