//! Publishing: new versions into the manifest, zones out of it, and the news of it.

use tenon_bus::ZoneEvent;
use tenon_image::{ManifestError, Unavailable};
use tenon_wire::Name;
use tracing::{error, info};

use super::{News, Zonec, text};
use crate::compiled::Compiled;
use crate::messages;
use crate::plan::Wanted;
use crate::statistics::Statistics;

impl Zonec {
    /// Puts compiled versions into the manifest, takes zones out of it, and deletes what it no longer needs.
    pub fn publish(&self, compiled: &[Compiled], gone: &[Name]) {
        if compiled.is_empty() && gone.is_empty() {
            return;
        }
        let (outcome, fit, generation) = {
            let mut images = self.images();
            // A base that was merged meanwhile has no place for a layer made for the one before.
            let fit: Vec<Compiled> = compiled.iter().filter(|one| images.fits(one)).cloned().collect();
            let outcome = images.publish(&fit, gone);
            compiled.iter().for_each(|one| images.written(&one.file.name));
            (outcome, fit, images.manifest().generation)
        };
        self.end(compiled.iter().map(|one| &one.wanted));
        if fit.len() < compiled.len() {
            self.look_again();
        }
        match outcome {
            Ok(()) => {
                self.well("manifest");
                self.published(&fit, gone, generation);
                fit.iter().for_each(|one| self.merge_if_due(one));
            }
            Err(error) => {
                let reason = self.manifest_not_written(&error);
                let wanted: Vec<_> = fit.iter().map(|one| one.wanted.clone()).collect();
                self.fail(&wanted, &reason);
            }
        }
        self.sweep();
    }

    pub(super) fn tell_manifest_changed(&self) {
        let generation = self.images().manifest().generation;
        Statistics::add(&self.statistics.manifests, 1);
        self.tell(News::Zone(ZoneEvent::ManifestChanged { generation }));
        self.tell(News::Properties);
    }

    /// Changes which secondary zones are not to be answered; false when that could not be written.
    pub fn publish_availability(&self, changes: &[(Name, Option<Unavailable>)]) -> bool {
        if changes.is_empty() {
            return true;
        }
        let (outcome, generation) = {
            let mut images = self.images();
            (images.publish_availability(changes), images.manifest().generation)
        };
        match &outcome {
            Ok(()) => {
                self.well("manifest");
                Statistics::add(&self.statistics.manifests, 1);
                let withheld = changes.iter().filter(|(_, unavailable)| unavailable.is_some()).count();
                let released = changes.len() - withheld;
                info!(
                    message_id = messages::AVAILABILITY,
                    withheld,
                    released,
                    generation,
                    "{withheld} secondary zones are answered SERVFAIL from now on, {released} no longer"
                );
                self.tell(News::Zone(ZoneEvent::ManifestChanged { generation }));
                self.tell(News::Properties);
            }
            Err(error) => drop(self.manifest_not_written(error)),
        }
        outcome.is_ok()
    }

    pub(super) fn manifest_not_written(&self, error: &ManifestError) -> String {
        let reason = format!("the manifest cannot be written: {error}");
        if self.ledger().trouble("manifest", reason.clone()) {
            error!(message_id = messages::MANIFEST_NOT_WRITTEN, reason = %error, "{reason}");
        }
        reason
    }

    fn published(&self, compiled: &[Compiled], gone: &[Name], generation: u64) {
        Statistics::add(&self.statistics.manifests, 1);
        self.tell(News::Zone(ZoneEvent::ManifestChanged { generation }));
        for zone in gone {
            Statistics::add(&self.statistics.zones_removed, 1);
            info!(message_id = messages::REMOVED, zone = %zone, generation, "zone {zone} is no longer answered");
        }
        let mut last_file = "";
        for Compiled { wanted: Wanted { entry, .. }, file, .. } in compiled {
            self.ledger().succeed(&entry.origin);
            Statistics::add(&self.statistics.zones_compiled, 1);
            Statistics::add(&self.statistics.records_compiled, entry.records);
            if last_file != file.name {
                Statistics::add(&self.statistics.image_octets, file.octets);
            }
            last_file = &file.name;
            let (zone, serial) = (text(&entry.origin), entry.serial);
            self.tell(News::Zone(ZoneEvent::ImageReady { zone, serial, generation }));
        }
        log_compiled(compiled, generation);
        self.tell(News::Properties);
    }
}

/// A line for a zone; for a pack one for all of it.
fn log_compiled(compiled: &[Compiled], generation: u64) {
    for together in compiled.chunk_by(|a, b| a.file.name == b.file.name) {
        let [Compiled { wanted: Wanted { entry, .. }, file, .. }, more @ ..] = together else { continue };
        let (zone, serial, name) = (&entry.origin, entry.serial, &file.name);
        if more.is_empty() {
            info!(
                message_id = messages::COMPILED,
                zone = %zone, serial, generation, records = entry.records, octets = file.octets, file = %name,
                "zone {zone} serial {serial} compiled"
            );
        } else {
            let zones = together.len();
            info!(message_id = messages::PACKED, zones, generation, file = %name, "{zones} zones compiled into {name}");
        }
    }
}
