//! Which nodes a layer must hold, given the names whose records changed.

use std::borrow::Cow;
use std::collections::BTreeSet;

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
        owners: &BTreeSet<Name>,
        zone: &mut Z,
    ) -> Result<(), Z::Error> {
        let affected = affected(origin, owners);
        for together in affected.chunks(READ_TOGETHER) {
            let names: Vec<NameRef<'_>> = together.iter().map(|(name, _)| Name::as_ref(name)).collect();
            for ((name, has_changed), rrsets) in together.iter().zip(zone.rrsets_of(&names)?) {
                if rrsets.is_empty() {
                    let name = Name::as_ref(name);
                    let exists = zone.has_names_below(name)?;
                    self.remove(name, exists)?;
                } else if *has_changed {
                    rrsets.iter().try_for_each(|rrset| self.add(rrset.as_ref()))?;
                }
            }
        }
        Ok(())
    }
}

/// The names themselves (true) and those between them and the zone's name (false), in canonical order.
fn affected<'n>(origin: NameRef<'_>, owners: &'n BTreeSet<Name>) -> Vec<(Cow<'n, Name>, bool)> {
    let (mut above, mut last_parent) = (BTreeSet::new(), None);
    for owner in owners {
        let parent = owner.as_ref().parent();
        // Neighbours share what is above them.
        if parent == last_parent {
            continue;
        }
        last_parent = parent;
        let depth = owner.as_ref().label_count().saturating_sub(origin.label_count());
        let names = (1..depth).filter_map(|up| owner.as_ref().skip_labels(up)).map(NameRef::to_name);
        above.extend(names.filter(|name| !owners.contains(name)));
    }
    let above = above.into_iter().map(|name| (Cow::Owned(name), false));
    let mut affected: Vec<_> = owners.iter().map(|name| (Cow::Borrowed(name), true)).chain(above).collect();
    // Two orders, one behind the other, are merged at the cost of reading them.
    affected.sort_by(|(a, _), (b, _)| a.cmp(b));
    affected
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_above_are_among_those_affected_in_order() {
        let names =
            ["example.", "z.example.", "a.b.c.example.", "x.c.example.", "d.b.c.example.", "c.example."];
        let owners: BTreeSet<Name> = names.iter().map(|name| name.parse().unwrap()).collect();
        let origin: Name = "example.".parse().unwrap();
        let found: Vec<String> = affected(origin.as_ref(), &owners)
            .iter()
            .map(|(name, is_own)| format!("{name}{}", if *is_own { "" } else { " above" }))
            .collect();
        let wanted = [
            "example.",
            "c.example.",
            "b.c.example. above",
            "a.b.c.example.",
            "d.b.c.example.",
            "x.c.example.",
            "z.example.",
        ];
        assert_eq!(found, wanted);
    }
}
