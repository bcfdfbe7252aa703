//! Changes as layers: what a change costs follows the change, not the zone.
//!
//! A small change becomes a layer on the image that is there. A layer on top that is not much larger than the change is
//! taken into the new one, so that the sizes of layers grow downwards and there are few. "Not much" is twice, or
//! [`TAKEN_IN`] times where that is little:
//! with small changes one upon the other the layer on top is then made anew for each, the one below for each 16th, and the
//! lowest for each 30th or so, in place of all of it for each. When they are too many or have
//! grown large, the zone is compiled whole beside, and takes the place of the base and of the layers that it holds;
//! layers that came meanwhile stay on top of it.

use std::collections::BTreeSet;
use std::time::Instant;

use tenon_datasrc::DataSource;
use tenon_image::ImageFile;
use tenon_wire::Name;
use tracing::{info, warn};

use super::{Lane, Task, Zonec};
use crate::compiled::{Compiled, Onto};
use crate::compiler::{CompileError, compile, compile_layer};
use crate::messages;
use crate::plan::Wanted;
use crate::statistics::Statistics;
use crate::store::Store;

/// Most files of one zone; each costs every look-up a probe.
const MOST_FILES: usize = 4;
/// A layer with at most so many times the names of the change above it is taken into the new one,
const TAKEN_IN: usize = 16;
/// unless it has more names than this.
const SMALL_LAYER: usize = 256;
/// Layers with so few names in all are not worth merging.
const FEW_NAMES: usize = 1000;
/// Layers with more names than one of so many records of the zone are merged into its base.
const MERGE_SHARE: u64 = 20;

impl Zonec {
    /// Compiles a version as a layer on the zone's image. None when that is not possible, or no gain: the zone is then
    /// to be compiled whole, which also tells what is wrong, if anything is.
    pub fn layer(&self, store: &mut Store, wanted: &Wanted) -> Option<Compiled> {
        // Without it, changes that come one upon the other would clear the version that is read here name by name.
        let _lease = store.with(|source| source.lease(&wanted.entry)).ok()?;
        let (onto, owners) = self.plan_layer(store, wanted)?;
        self.ledger().begin(&wanted.entry);
        let started = Instant::now();
        let (directory, name) = {
            let mut images = self.images();
            (images.directory().to_owned(), images.name_file(std::slice::from_ref(wanted)))
        };
        self.beat(Lane::Main);
        let compile = |source: &dyn DataSource| match compile_layer(
            &directory,
            &name,
            source,
            &wanted.entry,
            &owners,
        ) {
            Err(CompileError::Store(error)) => Err(error),
            other => Ok(other),
        };
        let file = store.with(compile).ok().and_then(Result::ok);
        self.statistics.took(started.elapsed());
        let Some(file) = file else {
            self.images().written(&name);
            self.ledger().end(&wanted.entry.origin);
            return None;
        };
        self.images().note_layer(&file.name, owners);
        Statistics::add(&self.statistics.layers, 1);
        Some(Compiled { wanted: wanted.clone(), file, onto: Some(onto) })
    }

    /// What to build the layer on, and the names that it restates.
    fn plan_layer(&self, store: &mut Store, wanted: &Wanted) -> Option<(Onto, BTreeSet<Name>)> {
        let limit = usize::try_from(self.settings().layer_names).unwrap_or(usize::MAX);
        let onto = self.images().base_for(wanted)?;
        let entry = &wanted.entry;
        let changed = store.with(|source| source.changed_names(entry, onto.version, limit)).ok().flatten()?;
        let (onto, owners) = take_in(onto, changed, |file| self.images().layer_names(file).cloned())?;
        (limit > 0 && owners.len() <= limit).then_some((onto, owners))
    }

    /// Has a zone's layers merged into its base beside, if there are many or large ones.
    pub(super) fn merge_if_due(&self, compiled: &Compiled) {
        if compiled.onto.is_none() {
            return;
        }
        let names = |file: &ImageFile| self.images().layer_names(&file.name).map_or(0, BTreeSet::len);
        let files = compiled.files();
        let restated: usize = files.iter().map(names).sum();
        let share = compiled.wanted.entry.records / MERGE_SHARE;
        if files.len() >= MOST_FILES || restated > FEW_NAMES && restated as u64 > share {
            self.add_merge(Task::Merge { wanted: compiled.wanted.clone(), files });
        }
    }

    /// Compiles a zone whole, to stand for these files.
    pub fn merge(&self, store: &mut Store, wanted: &Wanted, files: &[ImageFile]) {
        let (directory, name) = {
            let mut images = self.images();
            (images.directory().to_owned(), images.name_file(std::slice::from_ref(wanted)))
        };
        let started = Instant::now();
        let zones = [wanted.entry.clone()];
        let outcome = store.with(|source| {
            match compile(&directory, &name, source, &zones, &|| self.beat(Lane::Beside)) {
                Err(CompileError::Store(error)) => Err(error),
                other => Ok(other),
            }
        });
        self.statistics.took(started.elapsed());
        let zone = &wanted.entry.origin;
        match outcome {
            Ok(Ok(file)) => self.publish_merged(zone, files, file),
            // A newer version took its place, and its layer asks for the next merge.
            Ok(Err(CompileError::Superseded { .. })) => {}
            Ok(Err(error)) => not_merged(zone, &error),
            Err(error) => not_merged(zone, &error),
        }
        self.images().written(&name);
        self.sweep();
    }

    fn publish_merged(&self, zone: &Name, files: &[ImageFile], file: ImageFile) {
        let (octets, name) = (file.octets, file.name.clone());
        let outcome = self.images().replace_files(zone, files, file);
        match outcome {
            Ok(true) => {
                Statistics::add(&self.statistics.merges, 1);
                Statistics::add(&self.statistics.image_octets, octets);
                info!(
                    message_id = messages::MERGED,
                    zone = %zone, octets, file = %name,
                    "zone {zone}: {} files merged into one", files.len()
                );
                self.tell_manifest_changed();
            }
            Ok(false) => {}
            Err(error) => drop(self.manifest_not_written(&error)),
        }
    }
}

fn not_merged(zone: &Name, error: &dyn std::fmt::Display) {
    warn!(zone = %zone, "the layers of zone {zone} could not be merged: {error}; they stay");
}

/// Takes layers from the top into the new one as long as they are small beside it, or there are too many. None when too
/// many are left.
fn take_in(
    mut onto: Onto,
    mut owners: BTreeSet<Name>,
    names: impl Fn(&str) -> Option<BTreeSet<Name>>,
) -> Option<(Onto, BTreeSet<Name>)> {
    while onto.kept > 1
        && let Some(mut top) = onto.files.get(onto.kept - 1).and_then(|file| names(&file.name))
        && (top.len() <= (owners.len() * TAKEN_IN).min(SMALL_LAYER).max(owners.len() * 2)
            || onto.kept >= MOST_FILES)
    {
        // Both are in order: they are merged, not put in one by one.
        owners.append(&mut top);
        onto.kept -= 1;
    }
    (onto.kept < MOST_FILES).then_some((onto, owners))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn onto(files: usize) -> Onto {
        let file = |number| ImageFile { name: format!("{number}"), octets: 1, checksum: 0 };
        Onto { version: 1, files: (0..files).map(file).collect(), kept: files }
    }

    fn some(names: std::ops::Range<usize>) -> BTreeSet<Name> {
        names.map(|number| format!("n{number}.test.").parse().unwrap()).collect()
    }

    fn planned(files: usize, changed: usize, layers: &[usize]) -> Option<(usize, usize)> {
        let known = |file: &str| layers.get(file.parse::<usize>().ok()? - 1).map(|names| some(0..*names));
        take_in(onto(files), some(0..changed), known).map(|(onto, owners)| (onto.kept, owners.len()))
    }

    #[test]
    fn small_layers_are_taken_in_and_large_ones_stay() {
        assert_eq!(planned(1, 5, &[]), Some((1, 5)));
        assert_eq!(planned(2, 5, &[80]), Some((1, 80)));
        assert_eq!(planned(2, 5, &[81]), Some((2, 5)));
        assert_eq!(planned(2, 100, &[256]), Some((1, 256)));
        assert_eq!(planned(2, 100, &[257]), Some((2, 100)));
        assert_eq!(planned(3, 600, &[2401, 1200]), Some((2, 1200)));
        assert_eq!(planned(3, 600, &[2400, 1200]), Some((1, 2400)));
    }

    #[test]
    fn what_small_changes_cost_does_not_follow_what_came_before() {
        let (mut layers, mut restated) = (Vec::new(), 0);
        for number in 0..1000 {
            let known = |file: &str| layers.get(file.parse::<usize>().ok()? - 1).cloned();
            let (onto, owners) = take_in(onto(layers.len() + 1), some(number..number + 1), known).unwrap();
            layers.truncate(onto.kept - 1);
            restated += owners.len();
            layers.push(owners);
            assert!(layers.len() < MOST_FILES);
        }
        assert_eq!(layers.iter().map(BTreeSet::len).sum::<usize>(), 1000);
        assert!(restated < 50 * 1000, "{restated} names for 1000 changes of one");
    }

    #[test]
    fn there_are_never_too_many() {
        assert_eq!(planned(4, 5, &[20_000, 9000, 3000]), Some((3, 3000)));
        assert_eq!(planned(4, 5, &[]), None, "layers of a process before this one are not known");
        assert_eq!(planned(3, 5, &[]), Some((3, 5)));
    }
}
