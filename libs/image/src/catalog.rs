//! All zones of a manifest, mapped and found by name.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use tenon_wire::message::KeyedName;
use tenon_wire::{Name, NameRef};

use crate::file::ImageMap;
use crate::manifest::{ImageFile, Manifest, ManifestZone};
use crate::unavailable::{Cause, Unavailable};
use crate::zone::ZoneImage;

/// The store of zones that are edited here, as the manifest calls it.
const PRIMARY: &str = "primary";
/// The store of zones whose originals are elsewhere, as the manifest calls it.
const SECONDARY: &str = "secondary";

/// How a zone of the manifest is served.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ZoneState {
    /// From the image that the manifest names.
    Serving,
    /// From the previous image, because the current one is missing or damaged.
    Previous,
    /// Not at all: every question is answered SERVFAIL.
    Faulty,
    /// Not at all, because a secondary zone was not refreshed in time: every question is answered SERVFAIL.
    Expired,
    /// Not at all, because a secondary zone was never transferred: every question is answered SERVFAIL.
    Unloaded,
}

/// A zone of the catalog, as an operator sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServedZone {
    /// The zone's name.
    pub origin: Name,
    /// Serial number of the version served.
    pub serial: u32,
    /// Version in the store of what is served.
    pub version: u64,
    /// Its original is elsewhere: it is transferred from there.
    pub secondary: bool,
    /// How it is served.
    pub state: ZoneState,
    /// Why it is not served as the manifest says; empty when it is.
    pub reason: String,
    /// The files it is served from, base first.
    pub files: Vec<ImageFile>,
    /// Records, as the manifest counts them.
    pub records: u64,
}

/// A file whose body does not have its checksum.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BodyFault {
    /// Name of the file in the image directory.
    pub file: String,
    /// What was found.
    pub reason: String,
}

/// Everything that is served, immutable; a newer manifest makes a newer catalog.
#[derive(Debug, Default)]
pub struct Catalog {
    generation: u64,
    zones: Vec<ServedZone>,
    /// What is asked, in the order of `zones`.
    images: Vec<ZoneImage>,
    files: HashMap<ImageFile, Arc<ImageMap>>,
    names: NameTable,
}

impl Catalog {
    /// Opens the files of `manifest`. Files that `reuse` has open are shared, those in `known_bad` are not used.
    ///
    /// It never fails as a whole: see [`ZoneState`].
    #[must_use]
    pub fn open(
        directory: &Path,
        manifest: &Manifest,
        reuse: Option<&Self>,
        known_bad: &BTreeSet<String>,
    ) -> Self {
        let mut opener =
            Opener { directory, reuse, known_bad, files: HashMap::new(), refused: HashMap::new() };
        let (mut zones, mut images) =
            (Vec::with_capacity(manifest.zones.len()), Vec::with_capacity(manifest.zones.len()));
        for (zone, place) in manifest.zones.iter().zip(0..) {
            let (served, image) = opener.zone(zone);
            zones.push(served);
            images.push(image.at(place));
        }
        let names = NameTable::new(&images);
        Self { generation: manifest.generation, zones, images, files: opener.files, names }
    }

    /// Reads every mapped file that was not found sound before and compares its checksums; `pause` is called every few
    /// megabytes.
    pub fn verify_bodies(&self, mut pause: impl FnMut()) -> Vec<BodyFault> {
        let mut faults = Vec::new();
        for (file, map) in &self.files {
            if let Err(reason) = map.verify_bodies(&mut pause) {
                faults.push(BodyFault { file: file.name.clone(), reason });
            }
        }
        faults
    }

    /// Generation of the manifest this catalog was opened from.
    #[must_use]
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// Number of zones.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.zones.len()
    }

    /// True when nothing is served.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.zones.is_empty()
    }

    /// The zones in canonical order behind `after` (all of them for none).
    pub fn zones(&self, after: Option<NameRef<'_>>) -> impl Iterator<Item = &ServedZone> + '_ {
        let start = after.map_or(0, |name| self.zones.partition_point(|zone| zone.origin.as_ref() <= name));
        self.zones.iter().skip(start)
    }

    /// One zone by its exact name.
    #[must_use]
    pub fn zone(&self, origin: NameRef<'_>) -> Option<&ServedZone> {
        let at = self.zones.binary_search_by(|zone| zone.origin.as_ref().cmp(&origin)).ok()?;
        self.zones.get(at)
    }

    /// What is asked of one zone, by its exact name.
    #[must_use]
    pub fn image(&self, origin: NameRef<'_>) -> Option<&ZoneImage> {
        let at = self.zones.binary_search_by(|zone| zone.origin.as_ref().cmp(&origin)).ok()?;
        self.images.get(at)
    }

    /// The zone with the longest name at or above `name`; strictly above it when `above` is set, as DS records are
    /// with the parent (RFC 4035 section 3.1.4.1), unless only the zone itself is served.
    #[inline]
    #[must_use]
    pub fn find(&self, name: &KeyedName, above: bool) -> Option<&ZoneImage> {
        let most = name.labels();
        let first =
            if above { most.checked_sub(1).and_then(|labels| self.at_or_above(name, labels)) } else { None };
        first.or_else(|| self.at_or_above(name, most))
    }

    #[inline]
    fn at_or_above(&self, name: &KeyedName, most: usize) -> Option<&ZoneImage> {
        let mut depths = self.names.depths & (u128::MAX >> (127 - most.min(127)));
        while depths != 0 {
            let labels = depths.ilog2() as usize;
            depths ^= 1 << labels;
            let hash = name.hash(labels);
            let found = self.names.probe(hash, |index| {
                let zone = self.images.get(index)?;
                zone.is_called(name.suffix(labels)).then_some(zone)
            });
            if found.is_some() {
                return found;
            }
        }
        None
    }
}

/// Finds zones by the hash of their names.
#[derive(Debug, Default)]
struct NameTable {
    /// Bit n: a zone with n labels exists.
    depths: u128,
    /// Upper half of the hash, and the zone's index plus one; 0 is empty. A power of two, at most half full.
    slots: Vec<(u32, u32)>,
}

impl NameTable {
    #[allow(clippy::indexing_slicing)] // slots are masked by the table's own length
    fn new(images: &[ZoneImage]) -> Self {
        let mut table = Self { depths: 0, slots: vec![(0, 0); (images.len() * 2).next_power_of_two()] };
        let mut key = KeyedName::default();
        for (image, number) in images.iter().zip(1u32..) {
            key.set(image.origin());
            table.depths |= 1 << key.labels();
            let hash = key.hash(key.labels());
            let mut at = table.slot(hash);
            while table.slots[at].1 != 0 {
                at = (at + 1) & (table.slots.len() - 1);
            }
            table.slots[at] = ((hash >> 32) as u32, number);
        }
        table
    }

    const fn slot(&self, hash: u64) -> usize {
        hash as usize & (self.slots.len() - 1)
    }

    #[inline]
    fn probe<T>(&self, hash: u64, mut is_it: impl FnMut(usize) -> Option<T>) -> Option<T> {
        let mut at = self.slot(hash);
        loop {
            let &(half, number) = self.slots.get(at)?;
            let index = number.checked_sub(1)?;
            if half == (hash >> 32) as u32
                && let Some(found) = is_it(index as usize)
            {
                return Some(found);
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
    }
}

/// Opens the files of a manifest, each once.
struct Opener<'a> {
    directory: &'a Path,
    reuse: Option<&'a Catalog>,
    known_bad: &'a BTreeSet<String>,
    files: HashMap<ImageFile, Arc<ImageMap>>,
    refused: HashMap<ImageFile, String>,
}

impl Opener<'_> {
    fn zone(&mut self, zone: &ManifestZone) -> (ServedZone, ZoneImage) {
        let mut served = ServedZone {
            origin: zone.origin.clone(),
            serial: zone.serial,
            version: zone.version,
            secondary: zone.storage == SECONDARY,
            state: ZoneState::Serving,
            reason: String::new(),
            files: zone.files.clone(),
            records: zone.records,
        };
        if let Some(Unavailable { cause, .. }) = zone.unavailable {
            let (state, reason) = match cause {
                Cause::Expired => {
                    (ZoneState::Expired, "it was not refreshed for the time that its SOA allows")
                }
                Cause::Unloaded => (ZoneState::Unloaded, "it was never transferred"),
            };
            (served.state, served.reason) = (state, reason.to_owned());
            return (served, ZoneImage::unavailable(&zone.origin, cause));
        }
        let current = match self.image(zone, &zone.files) {
            Ok(image) => return (served, image),
            Err(reason) => reason,
        };
        served.reason = current;
        let Some(previous) = &zone.previous else {
            served.state = ZoneState::Faulty;
            return (served, ZoneImage::faulty(&zone.origin));
        };
        match self.image(zone, &previous.files) {
            Ok(image) => {
                served.state = ZoneState::Previous;
                (served.serial, served.version) = (previous.serial, previous.version);
                served.files.clone_from(&previous.files);
                (served, image)
            }
            Err(reason) => {
                served.state = ZoneState::Faulty;
                served.reason = format!("{}; previous image: {reason}", served.reason);
                (served, ZoneImage::faulty(&zone.origin))
            }
        }
    }

    fn image(&mut self, zone: &ManifestZone, files: &[ImageFile]) -> Result<ZoneImage, String> {
        if files.is_empty() {
            return Err("the manifest names no file for it".to_owned());
        }
        let maps = files.iter().map(|file| self.file(file)).collect::<Result<Vec<_>, _>>()?;
        let name = files.first().map_or("", |file| &file.name);
        ZoneImage::open(&zone.origin, zone.storage == PRIMARY, &maps)
            .map_err(|fault| format!("{name}: {fault}"))
    }

    fn file(&mut self, file: &ImageFile) -> Result<Arc<ImageMap>, String> {
        if self.known_bad.contains(&file.name) {
            return Err(format!("{}: its body does not have its checksum", file.name));
        }
        if let Some(map) = self.files.get(file) {
            return Ok(Arc::clone(map));
        }
        if let Some(reason) = self.refused.get(file) {
            return Err(reason.clone());
        }
        let shared = self.reuse.and_then(|catalog| catalog.files.get(file)).map(Arc::clone);
        let opened = match shared {
            Some(map) => Ok(map),
            None => ImageMap::open_as(self.directory, file)
                .map(Arc::new)
                .map_err(|e| format!("{}: {e}", file.name)),
        };
        match &opened {
            Ok(map) => drop(self.files.insert(file.clone(), Arc::clone(map))),
            Err(reason) => drop(self.refused.insert(file.clone(), reason.clone())),
        }
        opened
    }
}
