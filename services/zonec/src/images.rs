//! The image directory: the manifest in force, the names of new files, and what may be deleted.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tenon_image::manifest::MANIFEST;
use tenon_image::{
    ImageFile, Manifest, ManifestError, ManifestZone, PreviousImage, Unavailable, has_other_format,
};
use tenon_service::now_usec;
use tenon_wire::{Name, NameRef};

use crate::compiled::{Compiled, Onto};
use crate::plan::{PACK, SECONDARY, Wanted};

/// The image directory. One process writes it.
#[derive(Debug)]
pub struct Images {
    directory: PathBuf,
    manifest: Manifest,
    /// Zones with an image file that is not there as the manifest says.
    broken: BTreeSet<Name>,
    /// Names of files that are being written.
    in_progress: BTreeSet<String>,
    /// The names that layers of this process restate, by their files.
    layers: BTreeMap<String, BTreeSet<Name>>,
    named: u64,
    /// False while it is unknown what the files in the directory are.
    may_sweep: bool,
}

/// What was wrong when the directory was opened.
#[derive(Debug)]
pub enum Found {
    /// Nothing.
    Sound,
    /// The manifest cannot be read; all zones are compiled anew.
    NoManifest(ManifestError),
}

impl Images {
    /// Reads the manifest of `directory` and looks whether its files are there.
    #[must_use]
    pub fn open(directory: &Path) -> (Self, Found) {
        let (manifest, found) = match Manifest::read(directory) {
            Ok(manifest) => (manifest.unwrap_or_default(), Found::Sound),
            // Generations must go on growing, and this number is larger than any that grew by ones.
            Err(error) => {
                (Manifest { generation: now_usec() / 1_000_000, zones: Vec::new() }, Found::NoManifest(error))
            }
        };
        let names: BTreeSet<&str> =
            manifest.zones.iter().flat_map(|zone| &zone.files).map(|file| file.name.as_str()).collect();
        let outdated: BTreeSet<&str> =
            names.into_iter().filter(|name| has_other_format(&directory.join(name))).collect();
        let is_sound = |file: &ImageFile| is_there(directory, file) && !outdated.contains(file.name.as_str());
        let is_whole = |zone: &ManifestZone| zone.files.iter().all(is_sound);
        let broken = manifest.zones.iter().filter(|zone| !is_whole(zone)).map(|zone| zone.origin.clone());
        let broken = broken.collect();
        let images = Self {
            directory: directory.to_owned(),
            broken,
            manifest,
            in_progress: BTreeSet::new(),
            layers: BTreeMap::new(),
            named: 0,
            may_sweep: matches!(found, Found::Sound),
        };
        (images, found)
    }

    /// The directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The manifest in force.
    #[must_use]
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Zones whose image must be made anew.
    #[must_use]
    pub const fn broken(&self) -> &BTreeSet<Name> {
        &self.broken
    }

    /// The zone's place in the manifest.
    #[must_use]
    pub fn zone(&self, origin: NameRef<'_>) -> Option<&ManifestZone> {
        let zones = &self.manifest.zones;
        zones.binary_search_by(|zone| zone.origin.as_ref().cmp(&origin)).ok().and_then(|at| zones.get(at))
    }

    /// Whether the manifest names any image of a zone of that store.
    #[must_use]
    pub fn has_zones_of(&self, storage: &str) -> bool {
        self.manifest.zones.iter().any(|zone| zone.storage == storage && !zone.files.is_empty())
    }

    /// A name that no file ever had, for an image of these versions. [`Self::written`] ends the writing of it.
    pub fn name_file(&mut self, wanted: &[Wanted]) -> String {
        match wanted {
            [one] => self.name_file_of(&one.entry.origin),
            _ => self.name_file_as(PACK),
        }
    }

    /// The same for an image of one zone.
    pub fn name_file_of(&mut self, origin: &Name) -> String {
        self.name_file_as(&format!("zone-{}-", readable(origin)))
    }

    fn name_file_as(&mut self, start: &str) -> String {
        self.named += 1;
        let name = format!("{start}{}-{}.image", self.manifest.generation, self.named);
        self.in_progress.insert(name.clone());
        name
    }

    /// The file of that name is complete or given up.
    pub fn written(&mut self, name: &str) {
        self.in_progress.remove(name);
    }

    /// The image that a layer for this version can stand on; none when the zone is to be compiled whole.
    #[must_use]
    pub fn base_for(&self, wanted: &Wanted) -> Option<Onto> {
        let zone = self.zone(wanted.entry.origin.as_ref())?;
        let is_fit =
            zone.storage == wanted.storage && !zone.files.is_empty() && !self.broken.contains(&zone.origin);
        is_fit.then(|| Onto { version: zone.version, files: zone.files.clone(), kept: zone.files.len() })
    }

    /// Remembers which names a layer restates.
    pub fn note_layer(&mut self, file: &str, names: BTreeSet<Name>) {
        self.layers.insert(file.to_owned(), names);
    }

    /// The names that a layer restates, if this process made it.
    #[must_use]
    pub fn layer_names(&self, file: &str) -> Option<&BTreeSet<Name>> {
        self.layers.get(file)
    }

    /// Whether what a layer was compiled for is still what the manifest names. Everything else fits always.
    #[must_use]
    pub fn fits(&self, compiled: &Compiled) -> bool {
        let Some(onto) = &compiled.onto else { return true };
        let zone = self.zone(compiled.wanted.entry.origin.as_ref());
        zone.is_some_and(|zone| zone.version == onto.version && zone.files == onto.files)
    }

    /// Takes new versions into the manifest and zones out of it, and writes it. Layers must [fit](Self::fits).
    ///
    /// # Errors
    /// As [`Manifest::write`]; the manifest before stays in force.
    pub fn publish(&mut self, compiled: &[Compiled], gone: &[Name]) -> Result<(), ManifestError> {
        let mut next = self.manifest.clone();
        next.generation += 1;
        for one in compiled {
            put(&mut next.zones, one);
        }
        if !gone.is_empty() {
            let gone: BTreeSet<&Name> = gone.iter().collect();
            next.zones.retain(|zone| !gone.contains(&zone.origin));
        }
        next.write(&self.directory)?;
        self.manifest = next;
        for one in compiled {
            self.broken.remove(&one.wanted.entry.origin);
        }
        self.forget_layers();
        Ok(())
    }

    /// Puts one file in the place of a zone's base and of those of its layers that are among `merged`, and writes the
    /// manifest; false when the base is another one by now.
    ///
    /// # Errors
    /// As [`Manifest::write`]; the manifest before stays in force.
    pub fn replace_files(
        &mut self,
        origin: &Name,
        merged: &[ImageFile],
        file: ImageFile,
    ) -> Result<bool, ManifestError> {
        let mut next = self.manifest.clone();
        next.generation += 1;
        let Ok(at) = next.zones.binary_search_by(|zone| zone.origin.cmp(origin)) else { return Ok(false) };
        let Some(zone) = next.zones.get_mut(at).filter(|zone| zone.files.first() == merged.first()) else {
            return Ok(false);
        };
        // A layer that came later says what names hold in a later version, whichever base it lies on.
        zone.files.retain(|layer| !merged.contains(layer));
        zone.files.insert(0, file);
        next.write(&self.directory)?;
        self.manifest = next;
        self.forget_layers();
        Ok(true)
    }

    /// Forgets the names in layers that nothing uses any more.
    fn forget_layers(&mut self) {
        if self.layers.is_empty() {
            return;
        }
        let files = self.manifest.zones.iter().flat_map(|zone| &zone.files);
        let used: BTreeSet<&str> = files.map(|file| file.name.as_str()).collect();
        let in_progress = &self.in_progress;
        self.layers.retain(|name, _| used.contains(name.as_str()) || in_progress.contains(name));
    }

    /// Changes which zones are not to be answered, and writes the manifest. A zone without an image that is not withheld
    /// any more is taken out.
    ///
    /// # Errors
    /// As [`Manifest::write`]; the manifest before stays in force.
    pub fn publish_availability(
        &mut self,
        changes: &[(Name, Option<Unavailable>)],
    ) -> Result<(), ManifestError> {
        let mut next = self.manifest.clone();
        next.generation += 1;
        for (origin, unavailable) in changes {
            match (next.zones.binary_search_by(|zone| zone.origin.cmp(origin)), unavailable) {
                (Ok(at), None) if next.zones.get(at).is_some_and(|zone| zone.files.is_empty()) => {
                    next.zones.remove(at);
                }
                (Ok(at), unavailable) => {
                    if let Some(zone) = next.zones.get_mut(at) {
                        zone.unavailable = *unavailable;
                    }
                }
                (Err(at), Some(unavailable)) => next.zones.insert(at, without_image(origin, *unavailable)),
                (Err(_), None) => {}
            }
        }
        next.write(&self.directory)?;
        self.manifest = next;
        Ok(())
    }

    /// All that is stored was compiled: what the manifest does not name is nobody's.
    pub const fn allow_sweep(&mut self) {
        self.may_sweep = true;
    }

    /// Deletes files that neither a current nor a previous image of the manifest uses and that are not being written;
    /// gives how many.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn sweep(&self) -> io::Result<u64> {
        if !self.may_sweep {
            return Ok(0);
        }
        let zones = &self.manifest.zones;
        let previous = zones.iter().filter_map(|zone| zone.previous.as_ref()).flat_map(|image| &image.files);
        let files = zones.iter().flat_map(|zone| &zone.files).chain(previous);
        let mut kept: BTreeSet<&str> = files.map(|file| file.name.as_str()).collect();
        kept.insert(MANIFEST);
        let mut swept = 0;
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            // A file being written has a name that contains the one it will have.
            let is_kept = kept.contains(name.as_ref())
                || self.in_progress.iter().any(|writing| name.contains(writing.as_str()));
            if !is_kept && entry.file_type()?.is_file() {
                fs::remove_file(entry.path())?;
                swept += 1;
            }
        }
        Ok(swept)
    }
}

/// Whether a file is there and as long as it must be; its content is verified by whoever maps it.
fn is_there(directory: &Path, file: &ImageFile) -> bool {
    fs::metadata(directory.join(&file.name)).is_ok_and(|meta| meta.is_file() && meta.len() == file.octets)
}

fn put(zones: &mut Vec<ManifestZone>, compiled: &Compiled) {
    let wanted = &compiled.wanted;
    let entry = &wanted.entry;
    let mut zone = ManifestZone {
        origin: entry.origin.clone(),
        serial: entry.serial,
        version: entry.version,
        storage: wanted.storage.clone(),
        records: entry.records,
        compiled_usec: now_usec(),
        files: compiled.files(),
        previous: None,
        unavailable: None,
    };
    match zones.binary_search_by(|zone| zone.origin.cmp(&entry.origin)) {
        Ok(at) => {
            if let Some(slot) = zones.get_mut(at) {
                // New data alone does not end an expiry: the zone manager does, which may be a moment behind.
                zone.unavailable = slot.unavailable.filter(|_| !slot.files.is_empty());
                // The same version in another file was moved, not changed, to be rid of the file that it was in.
                if slot.version != zone.version && !slot.files.is_empty() {
                    let files = std::mem::take(&mut slot.files);
                    zone.previous = Some(PreviousImage { serial: slot.serial, version: slot.version, files });
                }
                *slot = zone;
            }
        }
        Err(at) => zones.insert(at, zone),
    }
}

/// A zone that is known and has no data yet.
fn without_image(origin: &Name, unavailable: Unavailable) -> ManifestZone {
    ManifestZone {
        origin: origin.clone(),
        serial: 0,
        version: 0,
        storage: SECONDARY.to_owned(),
        records: 0,
        compiled_usec: 0,
        files: Vec::new(),
        previous: None,
        unavailable: Some(unavailable),
    }
}

/// The zone's name as far as it can be part of a file name.
fn readable(origin: &Name) -> String {
    let text = origin.as_ref().to_lowercase().to_string();
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '_' };
    text.trim_end_matches('.').chars().take(100).map(plain).collect()
}

#[cfg(test)]
mod tests {
    use tenon_datasrc::ZoneEntry;

    use super::*;

    fn wanted(name: &str, version: u64) -> Wanted {
        let origin = name.parse().unwrap();
        let entry = ZoneEntry { origin, version, serial: 1, rrsets: 1, records: 1, committed_usec: 0 };
        Wanted { storage: "primary".into(), entry }
    }

    /// Makes and publishes a file for these versions; gives its name.
    fn publish(images: &mut Images, versions: &[Wanted]) -> String {
        let name = images.name_file(versions);
        fs::write(images.directory().join(&name), b"image").unwrap();
        let file = ImageFile { name: name.clone(), octets: 5, checksum: 0 };
        let whole = |wanted: &Wanted| Compiled { wanted: wanted.clone(), file: file.clone(), onto: None };
        let compiled: Vec<_> = versions.iter().map(whole).collect();
        images.publish(&compiled, &[]).unwrap();
        images.written(&name);
        name
    }

    fn files(images: &Images) -> BTreeSet<String> {
        let entries = fs::read_dir(images.directory()).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|n| n != MANIFEST)
            .collect()
    }

    #[test]
    fn the_previous_image_is_kept_and_no_older_one() {
        let directory = tempfile::tempdir().unwrap();
        let (mut images, _) = Images::open(directory.path());
        let names: Vec<_> = (1..=3).map(|version| publish(&mut images, &[wanted("a.", version)])).collect();
        assert_eq!(images.sweep().unwrap(), 1);
        assert_eq!(files(&images), names[1..].iter().cloned().collect());
        assert_eq!(images.manifest().generation, 3);
        images.publish(&[], &["a.".parse().unwrap()]).unwrap();
        assert_eq!(images.sweep().unwrap(), 2);
        let (again, found) = Images::open(directory.path());
        assert!(matches!(found, Found::Sound));
        assert_eq!(again.manifest(), images.manifest());
    }

    #[test]
    fn a_pack_stays_while_one_zone_needs_it() {
        let directory = tempfile::tempdir().unwrap();
        let (mut images, _) = Images::open(directory.path());
        let pack = publish(&mut images, &[wanted("a.", 1), wanted("b.", 1)]);
        publish(&mut images, &[wanted("a.", 2)]);
        publish(&mut images, &[wanted("a.", 3)]);
        images.sweep().unwrap();
        assert!(files(&images).contains(&pack));
        // Moved into another pack: nothing needs the files it was in.
        let again = publish(&mut images, &[wanted("a.", 3), wanted("b.", 1)]);
        images.sweep().unwrap();
        assert_eq!(files(&images), BTreeSet::from([again]));
    }

    #[test]
    fn leftovers_go_and_files_being_written_stay() {
        let directory = tempfile::tempdir().unwrap();
        let (mut images, _) = Images::open(directory.path());
        let name = images.name_file(&[wanted("a.", 1)]);
        fs::write(directory.path().join(format!(".{name}.partial")), b"").unwrap();
        fs::write(directory.path().join("old.image"), b"").unwrap();
        assert_eq!(images.sweep().unwrap(), 1);
        images.written(&name);
        assert_eq!(images.sweep().unwrap(), 1);
        assert!(files(&images).is_empty());
    }

    #[test]
    fn images_that_are_gone_or_cut_or_of_another_format_are_found() {
        let directory = tempfile::tempdir().unwrap();
        let (mut images, _) = Images::open(directory.path());
        let cut = publish(&mut images, &[wanted("a.", 1)]);
        let gone = publish(&mut images, &[wanted("b.", 1)]);
        publish(&mut images, &[wanted("c.", 1)]);
        fs::write(directory.path().join(cut), b"ima").unwrap();
        fs::remove_file(directory.path().join(gone)).unwrap();
        let name = images.name_file(&[wanted("d.", 1)]);
        let octets = b"TENONIMG\x01\0\0\0";
        fs::write(directory.path().join(&name), octets).unwrap();
        let file = ImageFile { name, octets: octets.len() as u64, checksum: 0 };
        images.publish(&[Compiled { wanted: wanted("d.", 1), file, onto: None }], &[]).unwrap();
        let (mut images, _) = Images::open(directory.path());
        let broken: Vec<String> = images.broken().iter().map(ToString::to_string).collect();
        assert_eq!(broken, ["a.", "b.", "d."]);
        publish(&mut images, &[wanted("a.", 1)]);
        assert_eq!(images.broken().len(), 2);
    }

    #[test]
    fn without_a_manifest_nothing_is_deleted_until_all_is_compiled() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(MANIFEST), b"nonsense").unwrap();
        fs::write(directory.path().join("zone-a-1-1.image"), b"image").unwrap();
        let (mut images, found) = Images::open(directory.path());
        assert!(matches!(found, Found::NoManifest(_)));
        assert_eq!(images.sweep().unwrap(), 0);
        let before = images.manifest().generation;
        images.publish(&[], &[]).unwrap();
        assert_eq!(Manifest::read(directory.path()).unwrap().unwrap().generation, before + 1);
        images.allow_sweep();
        assert_eq!(images.sweep().unwrap(), 1);
    }

    #[test]
    fn names_of_files_hold_no_path() {
        let directory = tempfile::tempdir().unwrap();
        let (mut images, _) = Images::open(directory.path());
        assert_eq!(images.name_file(&[wanted(r"0/25.\255A.", 1)]), "zone-0_25._255a-0-1.image");
        assert_eq!(images.name_file(&[wanted(".", 1)]), "zone--0-2.image");
    }
}
