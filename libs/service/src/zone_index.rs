//! Settings of single zones, found by the zone's name.

use std::collections::HashMap;

use tenon_wire::{Name, NameRef};

use crate::settings::Refusal;

/// Which entry of the option `zones`, a list of settings of single zones, is of which zone.
#[derive(Debug, Default)]
pub struct ZoneIndex(HashMap<Name, usize>);

impl ZoneIndex {
    /// Of the names in the list, in their order.
    ///
    /// # Errors
    /// A name is none, or a zone is there twice; the option is that of the second one.
    pub fn of<'a>(names: impl Iterator<Item = &'a str>) -> Result<Self, Refusal> {
        let mut known: HashMap<Name, usize> = HashMap::with_capacity(names.size_hint().0);
        for (index, text) in names.enumerate() {
            let option = format!("zones/{index}/name");
            let name: Name = text
                .parse()
                .map_err(|error| Refusal::new(&option, format!("{text:?} is no zone's name: {error}")))?;
            if let Some(other) = known.insert(name, index) {
                return Err(Refusal::new(option, format!("zones/{other} is of the same zone")));
            }
        }
        Ok(Self(known))
    }

    /// The place of a zone's entry.
    #[must_use]
    pub fn place(&self, zone: NameRef<'_>) -> Option<usize> {
        self.0.get(&zone.to_name()).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_found_whatever_their_case_and_stand_there_once() {
        let index = ZoneIndex::of(["a.example", "B.example."].into_iter()).unwrap();
        let place = |name: &str| index.place(name.parse::<Name>().unwrap().as_ref());
        assert_eq!((place("A.example."), place("b.EXAMPLE"), place("c.example")), (Some(0), Some(1), None));
        let refused = |names: &[&str]| ZoneIndex::of(names.iter().copied()).unwrap_err();
        assert_eq!(refused(&["a", "A."]).option, "zones/1/name");
        assert!(refused(&["a", "b", "a"]).reason.contains("zones/0"));
        assert_eq!(refused(&["a..b"]).option, "zones/0/name");
    }
}
