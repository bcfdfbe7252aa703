//! Which zones are here because a catalog lists them (RFC 9432): what came in, moved, was reset or went.
//!
//! Knows neither bus nor files. A catalog that is broken, or cannot be read, changes nothing: what its last good version
//! listed stays.

use std::collections::{BTreeMap, BTreeSet};

use tenon_wire::Name;

use crate::catalog::{Catalog, CatalogError};

/// Why a zone is here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Membership {
    /// The catalog that lists it.
    pub catalog: Name,
    /// The label that stands for it there.
    pub label: Vec<u8>,
    /// Groups that it belongs to there.
    pub groups: Vec<String>,
}

/// What became of zones when catalogs were read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Changes {
    /// Zones that came.
    pub added: usize,
    /// Zones that went.
    pub removed: usize,
    /// Zones that are other ones of the same name, and begin with nothing.
    pub reset: usize,
    /// Zones that another catalog lists now, and that keep what they have.
    pub moved: usize,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Memberships {
    members: BTreeMap<Name, Membership>,
    /// What each catalog said when it was last read and not broken, and the version that was read.
    readings: BTreeMap<Name, (u64, Catalog)>,
    broken: BTreeMap<Name, String>,
    /// Listed zones that are not taken, and why.
    clashes: BTreeMap<Name, String>,
    /// Zones that come back when nothing is left of their earlier selves.
    resetting: BTreeSet<Name>,
    /// Zones whose membership changed since it was last asked.
    changed: BTreeSet<Name>,
}

impl Memberships {
    /// Takes up what an earlier process wrote down.
    pub fn restore(&mut self, members: Vec<(Name, Membership)>) {
        self.members.extend(members);
    }

    /// Why this zone is here.
    #[must_use]
    pub fn get(&self, zone: &Name) -> Option<&Membership> {
        self.members.get(zone)
    }

    /// Zones that are wanted, with why.
    pub fn wanted(&self) -> impl Iterator<Item = (&Name, &Membership)> {
        self.members.iter().filter(|(zone, _)| !self.resetting.contains(*zone))
    }

    /// Whether nothing is listed by any catalog.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// These are the catalogs from now on: what others said counts no more.
    pub fn keep_catalogs(&mut self, catalogs: &BTreeSet<Name>) {
        self.readings.retain(|catalog, _| catalogs.contains(catalog));
        self.broken.retain(|catalog, _| catalogs.contains(catalog));
        for (zone, membership) in &self.members {
            if !catalogs.contains(&membership.catalog) {
                self.changed.insert(zone.clone());
            }
        }
        self.members.retain(|_, membership| catalogs.contains(&membership.catalog));
    }

    /// A catalog was read in this version of the store. True when that is news of it being broken.
    pub fn read(&mut self, catalog: &Name, version: u64, reading: Result<Catalog, CatalogError>) -> bool {
        if self.readings.get(catalog).is_some_and(|(known, _)| *known > version) {
            return false;
        }
        match reading {
            Ok(reading) => {
                self.readings.insert(catalog.clone(), (version, reading));
                self.broken.remove(catalog);
                false
            }
            Err(error) => {
                let reason = error.to_string();
                self.broken.insert(catalog.clone(), reason.clone()).as_deref() != Some(reason.as_str())
            }
        }
    }

    /// Compares who is here with what the catalogs say. `is_configured` tells zones that the settings name themselves.
    pub fn resolve(&mut self, is_configured: impl Fn(&Name) -> bool) -> Changes {
        let mut changes = Changes::default();
        self.clashes.clear();
        self.remove_unlisted(&is_configured, &mut changes);
        let listed: Vec<(Name, Name)> = self
            .readings
            .iter()
            .flat_map(|(catalog, (_, reading))| {
                reading.members.keys().map(move |zone| (catalog.clone(), zone.clone()))
            })
            .collect();
        for (catalog, zone) in listed {
            if is_configured(&zone) {
                let reason =
                    format!("catalog {catalog} lists {zone}, which the settings name: theirs counts");
                self.clashes.insert(zone, reason);
            } else {
                self.take(&catalog, &zone, &mut changes);
            }
        }
        changes
    }

    /// What is stored of this zone is of another one of the same name, if it is here at all.
    pub fn begin_anew(&mut self, zone: &Name) {
        if self.members.contains_key(zone) {
            self.resetting.insert(zone.clone());
        }
    }

    /// Nothing of the zone is left in the store. True when it is to come back.
    pub fn left(&mut self, zone: &Name) -> bool {
        self.resetting.remove(zone)
    }

    /// Zones whose membership changed since the last call, with how it is now.
    pub fn take_changed(&mut self) -> Vec<(Name, Option<Membership>)> {
        let now = |zone: Name| {
            let membership = self.members.get(&zone).cloned();
            (zone, membership)
        };
        std::mem::take(&mut self.changed).into_iter().map(now).collect()
    }

    /// These could not be written down and are to be tried again.
    pub fn not_written(&mut self, zones: impl Iterator<Item = Name>) {
        self.changed.extend(zones);
    }

    /// Whether a membership is to be written down.
    #[must_use]
    pub fn is_changed(&self) -> bool {
        !self.changed.is_empty()
    }

    /// Has all of them written down again.
    pub fn rewrite_all(&mut self) {
        self.changed.extend(self.members.keys().cloned());
    }

    /// What is wrong, one sentence each: broken catalogs, then zones that two want.
    pub fn faults(&self) -> impl Iterator<Item = String> {
        let broken = self.broken.iter().map(|(catalog, reason)| {
            format!("catalog {catalog} is broken, what its last good version listed stays: {reason}")
        });
        broken.chain(self.clashes.values().cloned())
    }

    /// How many catalogs are broken, and how many listed zones are not taken.
    #[must_use]
    pub fn troubles(&self) -> (usize, usize) {
        (self.broken.len(), self.clashes.len())
    }

    /// A catalog that was not read (yet) keeps its zones.
    fn remove_unlisted(&mut self, is_configured: &impl Fn(&Name) -> bool, changes: &mut Changes) {
        let gone: Vec<Name> = self
            .members
            .iter()
            .filter(|(zone, membership)| {
                let reading = self.readings.get(&membership.catalog);
                let is_unlisted = reading.is_some_and(|(_, reading)| !reading.members.contains_key(*zone));
                is_unlisted || is_configured(zone)
            })
            .map(|(zone, _)| zone.clone())
            .collect();
        for zone in gone {
            self.members.remove(&zone);
            self.resetting.remove(&zone);
            // One that the settings name now stays, as theirs.
            changes.removed += usize::from(!is_configured(&zone));
            self.changed.insert(zone);
        }
    }

    /// A zone that a catalog lists.
    fn take(&mut self, catalog: &Name, zone: &Name, changes: &mut Changes) {
        let Some(member) = self.readings.get(catalog).and_then(|(_, reading)| reading.members.get(zone))
        else {
            return;
        };
        let new = Membership {
            catalog: catalog.clone(),
            label: member.label.clone(),
            groups: member.groups.clone(),
        };
        match self.members.get(zone) {
            None => changes.added += 1,
            Some(old) if *old == new => return,
            // It was given away and is gone already.
            Some(old) if member.new_catalog.as_ref() == Some(&old.catalog) => return,
            Some(old) if old.catalog != *catalog && !self.may_move(&old.catalog, catalog, zone) => {
                let reason = format!(
                    "catalogs {} and {catalog} both list {zone}: the first keeps it until it says that it moves",
                    old.catalog
                );
                self.clashes.insert(zone.clone(), reason);
                return;
            }
            Some(old) if old.label != new.label => {
                changes.reset += 1;
                self.resetting.insert(zone.clone());
            }
            Some(old) => changes.moved += usize::from(old.catalog != new.catalog),
        }
        self.members.insert(zone.clone(), new);
        self.changed.insert(zone.clone());
    }

    /// Whether a catalog gave a zone away to another one (RFC 9432 section 4.4.1).
    fn may_move(&self, old: &Name, new: &Name, zone: &Name) -> bool {
        let member = self.readings.get(old).and_then(|(_, reading)| reading.members.get(zone));
        member.is_some_and(|member| member.new_catalog.as_ref() == Some(new))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Member;

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    /// Zones with their labels; `label>catalog.` is about to move there.
    fn catalog(members: &[(&str, &str)]) -> Result<Catalog, CatalogError> {
        let member = |(zone, label): &(&str, &str)| {
            let (label, new) =
                label.split_once('>').map_or((*label, None), |(label, new)| (label, Some(name(new))));
            (name(zone), Member { label: label.into(), groups: Vec::new(), new_catalog: new })
        };
        Ok(Catalog { members: members.iter().map(member).collect() })
    }

    fn changes(added: usize, removed: usize, reset: usize, moved: usize) -> Changes {
        Changes { added, removed, reset, moved }
    }

    fn zones(memberships: &Memberships) -> Vec<String> {
        memberships.wanted().map(|(zone, membership)| format!("{zone} {}", membership.catalog)).collect()
    }

    #[test]
    fn zones_come_go_and_begin_anew() {
        let mut all = Memberships::default();
        assert!(!all.read(&name("c."), 1, catalog(&[("a.", "1"), ("b.", "2")])));
        assert_eq!(all.resolve(|_| false), changes(2, 0, 0, 0));
        assert_eq!(all.take_changed().len(), 2);
        all.read(&name("c."), 2, catalog(&[("b.", "3")]));
        assert_eq!(all.resolve(|_| false), changes(0, 1, 1, 0));
        assert!(zones(&all).is_empty(), "b. waits until nothing is left of what it was");
        assert!(all.left(&name("b.")) && !all.left(&name("a.")));
        assert_eq!(zones(&all), ["b. c."]);
        // An older reading that comes late.
        all.read(&name("c."), 1, catalog(&[]));
        assert_eq!(all.resolve(|_| false), Changes::default());
        all.keep_catalogs(&BTreeSet::new());
        assert!(all.is_empty());
    }

    #[test]
    fn broken_catalogs_change_nothing_and_are_told_once() {
        let mut all = Memberships::default();
        let kept = Membership { catalog: name("c."), label: b"1".into(), groups: Vec::new() };
        all.restore(vec![(name("a."), kept)]);
        assert!(all.read(&name("c."), 1, Err(CatalogError::TooMany)));
        assert!(!all.read(&name("c."), 2, Err(CatalogError::TooMany)));
        assert_eq!(all.resolve(|_| false), Changes::default());
        assert_eq!((zones(&all), all.faults().count()), (vec!["a. c.".to_owned()], 1));
        all.read(&name("c."), 3, catalog(&[("a.", "1")]));
        assert_eq!((all.resolve(|_| false), all.faults().count()), (Changes::default(), 0));
    }

    #[test]
    fn a_zone_moves_when_its_catalog_gives_it_away() {
        let mut all = Memberships::default();
        all.read(&name("c."), 1, catalog(&[("a.", "1")]));
        all.resolve(|_| false);
        all.read(&name("d."), 1, catalog(&[("a.", "1")]));
        assert_eq!((all.resolve(|_| false), all.troubles()), (Changes::default(), (0, 1)));
        all.read(&name("c."), 2, catalog(&[("a.", "1>d.")]));
        assert_eq!((all.resolve(|_| false), all.troubles()), (changes(0, 0, 0, 1), (0, 0)));
        assert_eq!(zones(&all), ["a. d."]);
        all.read(&name("c."), 3, catalog(&[]));
        assert_eq!((all.resolve(|_| false), all.troubles()), (Changes::default(), (0, 0)));
    }

    #[test]
    fn what_the_settings_name_is_theirs() {
        let mut all = Memberships::default();
        all.read(&name("c."), 1, catalog(&[("a.", "1"), ("b.", "1b")]));
        let is_a = |zone: &Name| *zone == name("a.");
        assert_eq!((all.resolve(is_a), all.troubles()), (changes(1, 0, 0, 0), (0, 1)));
        assert_eq!(all.resolve(|_| false), changes(1, 0, 0, 0));
        assert_eq!(all.resolve(is_a), Changes::default());
        assert_eq!(zones(&all), ["b. c."]);
    }
}
