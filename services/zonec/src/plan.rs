//! What is to be done so that the manifest names what the stores hold: a pure comparison.

use std::collections::{BTreeMap, BTreeSet};

use tenon_datasrc::ZoneEntry;
use tenon_image::{Cause, Manifest, ManifestZone, Unavailable};
use tenon_wire::Name;

use crate::settings::ZonecSettings;

/// The store of secondary zones, as the manifest calls it.
pub const SECONDARY: &str = "secondary";
/// What the names of packs begin with.
pub const PACK: &str = "pack-";

/// So many packs with few zones left are packed again.
const POOR_PACKS: usize = 16;

/// A version that is to be compiled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wanted {
    /// Name of the store it is in.
    pub storage: String,
    /// The version.
    pub entry: ZoneEntry,
}

/// Everything to do, in the order in which to do it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Plan {
    /// Zones that are no longer stored.
    pub gone: Vec<Name>,
    /// Zones to compile beside the others.
    pub large: Vec<Wanted>,
    /// Zones to compile each into a file of its own.
    pub single: Vec<Wanted>,
    /// Zones to compile together; all of one pack are in one store.
    pub packs: Vec<Vec<Wanted>>,
}

impl Plan {
    /// Compares. `stored` are the zones of the stores that could be read, in canonical order, by the store's name; `is_held` says which
    /// versions are not to be planned now, because they are being compiled or failed just before; the images of zones in
    /// `broken` are to be made anew.
    #[must_use]
    pub fn new(
        stored: &BTreeMap<String, Vec<ZoneEntry>>,
        manifest: &Manifest,
        broken: &BTreeSet<Name>,
        is_held: &dyn Fn(&ZoneEntry) -> bool,
        settings: &ZonecSettings,
    ) -> Self {
        let poor = poor_packs(manifest, settings);
        let is_loose = |zone: &ManifestZone| {
            zone.files.iter().any(|file| !file.name.starts_with(PACK) || poor.contains(file.name.as_str()))
        };
        let mut plan = Self::default();
        let mut seen = BTreeSet::new();
        for (storage, zones) in stored {
            let (mut small, mut loose) = (Vec::new(), Vec::new());
            // Both are in canonical order, so one walk finds the pairs.
            let mut known = manifest.zones.iter().peekable();
            for entry in zones {
                while known.next_if(|zone| zone.origin < entry.origin).is_some() {}
                let known = known.peek().filter(|zone| zone.origin == entry.origin);
                // The image of one whose own store cannot be read now stays as it is.
                if known.is_some_and(|zone| !zone.files.is_empty() && !stored.contains_key(&zone.storage)) {
                    continue;
                }
                let known = known.filter(|zone| zone.storage == *storage);
                // A zone in two stores is that of the first.
                if stored.len() > 1 && !seen.insert(&entry.origin) {
                    continue;
                }
                let is_current = known.is_some_and(|zone| zone.version == entry.version);
                let wanted = || Wanted { storage: storage.clone(), entry: entry.clone() };
                if is_held(entry) {
                    continue;
                }
                if is_current && !broken.contains(&entry.origin) {
                    if entry.records < settings.small_zone_records && known.is_some_and(|zone| is_loose(zone))
                    {
                        loose.push(wanted());
                    }
                } else if entry.records >= settings.large_zone_records {
                    plan.large.push(wanted());
                } else if entry.records >= settings.small_zone_records {
                    plan.single.push(wanted());
                } else {
                    small.push(wanted());
                }
            }
            plan.add_small(small, loose, settings);
        }
        plan.gone = gone(stored, manifest);
        plan
    }

    /// True when there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Few small zones get files of their own; many, and then also those that already have one, share packs.
    fn add_small(&mut self, mut small: Vec<Wanted>, loose: Vec<Wanted>, settings: &ZonecSettings) {
        if ((small.len() + loose.len()) as u64) < settings.loose_files {
            self.single.append(&mut small);
            return;
        }
        small.extend(loose);
        small.sort_by(|a, b| a.entry.origin.cmp(&b.entry.origin));
        let (mut pack, mut records) = (Vec::new(), 0);
        for wanted in small {
            let more = wanted.entry.records;
            if !pack.is_empty()
                && (pack.len() as u64 >= settings.pack_zones || records + more > settings.pack_records)
            {
                self.packs.push(std::mem::take(&mut pack));
                records = 0;
            }
            records += more;
            pack.push(wanted);
        }
        self.packs.push(pack);
    }
}

/// Zones that are in several stores.
#[must_use]
pub fn in_several(stored: &BTreeMap<String, Vec<ZoneEntry>>) -> Vec<&Name> {
    let mut stores: Vec<&Vec<ZoneEntry>> = stored.values().collect();
    stores.sort_by_key(|zones| zones.len());
    let Some((fewest, others)) = stores.split_first() else { return Vec::new() };
    let is_elsewhere = |origin: &&Name| others.iter().any(|zones| has(zones, origin));
    fewest.iter().map(|entry| &entry.origin).filter(is_elsewhere).collect()
}

/// Whether a zone is among those of a store, which are in canonical order.
fn has(zones: &[ZoneEntry], origin: &Name) -> bool {
    zones.binary_search_by(|entry| entry.origin.cmp(origin)).is_ok()
}

/// Zones of the manifest that none of the stores has, of those whose own store was read.
fn gone(stored: &BTreeMap<String, Vec<ZoneEntry>>, manifest: &Manifest) -> Vec<Name> {
    let is_gone = |zone: &&ManifestZone| {
        // Without files it stands there because the zone manager lists it.
        !zone.files.is_empty()
            && stored.get(&zone.storage).is_some_and(|zones| !has(zones, &zone.origin))
            && !stored.values().any(|zones| has(zones, &zone.origin))
    };
    manifest.zones.iter().filter(is_gone).map(|zone| zone.origin.clone()).collect()
}

/// What to change about which secondary zones are answered, given the zone manager's list: none means that the zone is
/// answered again, or taken out when it has no image.
///
/// A zone that has data is not unloaded, whatever the list says, and a primary zone is nobody's to withhold.
#[must_use]
pub fn availability(
    listed: &BTreeMap<Name, Unavailable>,
    stored: &BTreeMap<String, Vec<ZoneEntry>>,
    manifest: &Manifest,
) -> Vec<(Name, Option<Unavailable>)> {
    let mut changes = Vec::new();
    for zone in manifest.zones.iter().filter(|zone| zone.storage == SECONDARY) {
        let wanted = if zone.files.is_empty() { Cause::Unloaded } else { Cause::Expired };
        let now = listed.get(&zone.origin).filter(|unavailable| unavailable.cause == wanted).copied();
        if now != zone.unavailable {
            changes.push((zone.origin.clone(), now));
        }
    }
    let has = |name: &Name| {
        manifest.zones.binary_search_by(|zone| zone.origin.cmp(name)).is_ok()
            || stored.values().any(|zones| self::has(zones, name))
    };
    let unloaded =
        listed.iter().filter(|(name, unavailable)| unavailable.cause == Cause::Unloaded && !has(name));
    changes.extend(unloaded.map(|(name, unavailable)| (name.clone(), Some(*unavailable))));
    changes
}

/// Packs of which little is left, if there are many of them: their zones are packed again with the next ones.
fn poor_packs<'a>(manifest: &'a Manifest, settings: &ZonecSettings) -> BTreeSet<&'a str> {
    let mut living: BTreeMap<&str, u64> = BTreeMap::new();
    for file in manifest.zones.iter().flat_map(|zone| &zone.files) {
        *living.entry(&file.name).or_default() += 1;
    }
    living.retain(|name, zones| name.starts_with(PACK) && *zones < settings.loose_files);
    if living.len() < POOR_PACKS { BTreeSet::new() } else { living.into_keys().collect() }
}

#[cfg(test)]
mod tests {
    use tenon_image::ImageFile;

    use super::*;

    fn entry(name: &str, version: u64, records: u64) -> ZoneEntry {
        let origin = name.parse().unwrap();
        ZoneEntry { origin, version, serial: 1, rrsets: records, records, committed_usec: 0 }
    }

    fn compiled(name: &str, version: u64, file: &str) -> ManifestZone {
        ManifestZone {
            origin: name.parse().unwrap(),
            serial: 1,
            version,
            storage: "primary".into(),
            records: 1,
            compiled_usec: 0,
            files: vec![ImageFile { name: file.into(), octets: 1, checksum: 0 }],
            previous: None,
            unavailable: None,
        }
    }

    fn plan(stored: Vec<ZoneEntry>, zones: Vec<ManifestZone>) -> Plan {
        let stored = BTreeMap::from([("primary".to_owned(), stored)]);
        let manifest = Manifest { generation: 1, zones };
        Plan::new(&stored, &manifest, &BTreeSet::new(), &|_| false, &ZonecSettings::default())
    }

    fn names(wanted: &[Wanted]) -> Vec<String> {
        wanted.iter().map(|wanted| wanted.entry.origin.to_string()).collect()
    }

    #[test]
    fn what_is_compiled_is_left_alone() {
        assert!(plan(vec![], vec![]).is_empty());
        assert!(plan(vec![entry("a.", 5, 3)], vec![compiled("a.", 5, "x")]).is_empty());
    }

    #[test]
    fn by_size() {
        let plan = plan(
            vec![entry("a.", 5, 3), entry("b.", 6, 50_000), entry("c.", 7, 1_000_000)],
            vec![compiled("a.", 4, "x")],
        );
        assert_eq!(names(&plan.single), ["b.", "a."]);
        assert_eq!(names(&plan.large), ["c."]);
        assert!(plan.packs.is_empty() && plan.gone.is_empty());
    }

    #[test]
    fn only_zones_of_stores_that_were_read_can_go() {
        let zones = vec![
            compiled("a.", 5, "x"),
            ManifestZone { storage: "secondary".into(), ..compiled("b.", 5, "y") },
        ];
        assert_eq!(plan(vec![], zones).gone, ["a.".parse().unwrap()]);
    }

    #[test]
    fn secondary_zones_follow_the_list_of_the_zone_manager() {
        let since = |cause| Unavailable { cause, since_usec: 1 };
        let (expired, unloaded) = (since(Cause::Expired), since(Cause::Unloaded));
        let secondary = |name: &str, unavailable| ManifestZone {
            storage: SECONDARY.into(),
            unavailable,
            ..compiled(name, 5, "x")
        };
        let nothing = |name: &str| ManifestZone { files: vec![], ..secondary(name, Some(unloaded)) };
        let manifest = Manifest {
            generation: 1,
            zones: vec![
                secondary("a.", None),
                secondary("b.", Some(expired)),
                secondary("c.", None),
                nothing("d."),
                nothing("e."),
                compiled("f.", 5, "y"),
            ],
        };
        let listed = [("a.", expired), ("c.", unloaded), ("d.", unloaded), ("f.", expired), ("g.", unloaded)]
            .map(|(name, unavailable)| (name.parse().unwrap(), unavailable));
        let stored = BTreeMap::from([(SECONDARY.to_owned(), vec![entry("h.", 1, 1)])]);
        let change = |name: &str, unavailable| (name.parse::<Name>().unwrap(), unavailable);
        assert_eq!(
            availability(&listed.clone().into(), &stored, &manifest),
            [
                change("a.", Some(expired)),
                change("b.", None),
                change("e.", None),
                change("g.", Some(unloaded))
            ]
        );
        let only = BTreeMap::from([("h.".parse().unwrap(), unloaded)]);
        assert!(availability(&only, &stored, &Manifest::default()).is_empty(), "it is loaded");
        assert_eq!(gone(&stored, &manifest), ["a.", "b.", "c."].map(|name| name.parse().unwrap()));
    }

    #[test]
    fn a_zone_in_two_stores_is_that_of_the_first_while_that_can_be_read() {
        let both = |first: Vec<ZoneEntry>, second: Vec<ZoneEntry>| {
            BTreeMap::from([("primary".to_owned(), first), ("secondary".to_owned(), second)])
        };
        let stored = both(vec![entry("a.", 5, 3)], vec![entry("a.", 9, 3), entry("b.", 9, 3)]);
        let plan = |stored: &BTreeMap<String, Vec<ZoneEntry>>, zones: Vec<ManifestZone>| {
            let manifest = Manifest { generation: 1, zones };
            Plan::new(stored, &manifest, &BTreeSet::new(), &|_| false, &ZonecSettings::default())
        };
        let storages = |plan: &Plan| {
            plan.single
                .iter()
                .map(|wanted| (wanted.storage.clone(), wanted.entry.version))
                .collect::<Vec<_>>()
        };
        let wanted = [("primary".to_owned(), 5), ("secondary".to_owned(), 9)];
        assert_eq!(storages(&plan(&stored, vec![])), wanted);
        assert_eq!(in_several(&stored), [&"a.".parse().unwrap()]);
        // The primary one goes: that of the other store takes its place.
        let left = both(vec![], vec![entry("a.", 9, 3)]);
        let after = plan(&left, vec![compiled("a.", 5, "x")]);
        assert_eq!((storages(&after), after.gone.len()), (vec![("secondary".to_owned(), 9)], 0));
        // The store of primary zones cannot be read: nothing changes.
        let unread = BTreeMap::from([("secondary".to_owned(), vec![entry("a.", 9, 3)])]);
        assert!(plan(&unread, vec![compiled("a.", 5, "x")]).is_empty());
        assert!(in_several(&unread).is_empty());
    }

    #[test]
    fn many_small_zones_share_packs() {
        let stored: Vec<_> = (0..10_000).map(|n| entry(&format!("z{n:05}."), n + 1, 10)).collect();
        let plan = plan(stored, vec![]);
        assert_eq!(plan.packs.iter().map(Vec::len).collect::<Vec<_>>(), [5000, 5000]);
        assert!(plan.single.is_empty());
        let large: Vec<_> = (0..300).map(|n| entry(&format!("z{n:05}."), n + 1, 9000)).collect();
        let packs = super::tests::plan(large, vec![]).packs;
        assert_eq!(packs.iter().map(Vec::len).collect::<Vec<_>>(), [55, 55, 55, 55, 55, 25]);
    }

    #[test]
    fn a_change_in_a_pack_moves_one_zone_only() {
        let stored: Vec<_> =
            (0..1000).map(|n| entry(&format!("z{n:05}."), if n == 7 { 2 } else { 1 }, 10)).collect();
        let zones = (0..1000).map(|n| compiled(&format!("z{n:05}."), 1, "pack-1")).collect();
        let plan = plan(stored, zones);
        assert_eq!(names(&plan.single), ["z00007."]);
        assert!(plan.packs.is_empty());
    }

    #[test]
    fn loose_files_are_packed_when_there_are_many() {
        let stored: Vec<_> = (0..100).map(|n| entry(&format!("z{n:05}."), 1, 10)).collect();
        let zones = |loose: u32| {
            (0..100)
                .map(|n| compiled(&format!("z{n:05}."), 1, if n < loose { "loose" } else { "pack-1" }))
                .collect()
        };
        assert!(plan(stored.clone(), zones(63)).is_empty());
        let plan = plan(stored, zones(64));
        assert_eq!(plan.packs.iter().map(Vec::len).collect::<Vec<_>>(), [64]);
    }

    #[test]
    fn what_is_left_of_many_packs_is_packed_again() {
        let stored: Vec<_> = (0..80).map(|n| entry(&format!("z{n:05}."), 1, 10)).collect();
        let zones = |packs: u32| {
            (0..80).map(move |n| compiled(&format!("z{n:05}."), 1, &format!("pack-{}", n % packs)))
        };
        assert!(plan(stored.clone(), zones(15).collect()).is_empty());
        assert_eq!(plan(stored, zones(16).collect()).packs.len(), 1);
    }

    #[test]
    fn held_versions_wait_and_broken_images_are_made_anew() {
        let stored = BTreeMap::from([("primary".to_owned(), vec![entry("a.", 5, 3), entry("b.", 5, 3)])]);
        let manifest =
            Manifest { generation: 1, zones: vec![compiled("a.", 4, "x"), compiled("b.", 5, "y")] };
        let broken = BTreeSet::from(["b.".parse().unwrap()]);
        let held = |entry: &ZoneEntry| entry.origin == "a.".parse().unwrap();
        let plan = Plan::new(&stored, &manifest, &broken, &held, &ZonecSettings::default());
        assert_eq!(names(&plan.single), ["b."]);
        assert!(plan.gone.is_empty());
    }
}
