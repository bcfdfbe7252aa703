//! The zones being answered: kept in agreement with the manifest, and published to the workers by one pointer.

pub mod counters;
mod inspector;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use tenon_acl::AccessList;
use tenon_answer::AnswerSettings;
use tenon_image::{BodyFault, Catalog, ExpiryFile, Identity, Manifest, ServedZone, ZoneState};
use tenon_tsig::KeyRing;
use tenon_wire::NameRef;
use tracing::{error, info, warn};

use crate::messages;
use crate::statistics::ZoneFigures;
use counters::{Values, ZoneTable};
pub use inspector::Inspector;

/// Zones in trouble that are listed and logged one by one; the rest is a number.
const LISTED: usize = 100;

/// What workers answer from: replaced as a whole, never changed.
#[derive(Debug, Clone)]
pub struct Published {
    /// All zones.
    pub catalog: Arc<Catalog>,
    /// How to answer.
    pub answer: AnswerSettings,
    /// Who may do what.
    pub access: Arc<Access>,
    /// The keys that requests may be signed with.
    pub keys: Arc<KeyRing>,
    /// Counters of each zone of the catalog, when there are to be any.
    pub counters: Option<Arc<ZoneTable>>,
}

/// Who may do what beyond asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// Who may ask queries; none for everybody.
    pub query_acl: Option<AccessList>,
    /// Who may send notices.
    pub notify_acl: AccessList,
    /// Notices that each worker queues within a second.
    pub notices_per_second: u32,
    /// Proxies that may speak for others.
    pub proxy_acl: AccessList,
    /// Whether note is kept of who asks most.
    pub top_clients: bool,
}

/// The zones of one image directory.
#[derive(Debug)]
pub struct Zones {
    directory: PathBuf,
    publisher: Arc<ArcSwap<Published>>,
    /// How long secondary zones may still be answered.
    expiries: ExpiryFile,
    state: Mutex<State>,
    /// Tells the inspector that there may be newly mapped files.
    fresh: SyncSender<()>,
}

/// What only one at a time may look at and change.
#[derive(Debug, Default)]
struct State {
    /// The manifest file as it was when last read.
    seen: Option<Identity>,
    /// Image files that the idle pass found damaged, and how. They are not used again.
    known_bad: BTreeMap<String, String>,
    /// It was told that there is no manifest yet, as before the first zone: nothing is wrong with that.
    is_bare: bool,
    /// What is wrong with the manifest itself.
    manifest_fault: Option<String>,
    /// Zones that are not served from their current images, one sentence each.
    zone_faults: Vec<String>,
    /// Replaced by newer ones, and perhaps still in a worker's hands. Dropped here, so that no worker spends its time on
    /// unmapping.
    retired: Vec<Arc<Published>>,
    figures: ZoneFigures,
}

impl Zones {
    /// Opens what the directory's manifest names. There may be no manifest, or a broken one: then there are no zones.
    ///
    /// The receiver is for the [`Inspector`].
    #[must_use]
    pub fn open(
        directory: &Path,
        expiries: &Path,
        answer: AnswerSettings,
        access: Access,
        keys: Arc<KeyRing>,
    ) -> (Arc<Self>, std::sync::mpsc::Receiver<()>) {
        let (fresh, hints) = sync_channel(1);
        let access = Arc::new(access);
        let catalog = Arc::new(Catalog::default());
        let nothing = Published { catalog, answer, access, keys, counters: None };
        let zones = Arc::new(Self {
            directory: directory.to_owned(),
            publisher: Arc::new(ArcSwap::from_pointee(nothing)),
            expiries: ExpiryFile::new(expiries),
            state: Mutex::default(),
            fresh,
        });
        zones.reconcile();
        (zones, hints)
    }

    /// Where workers find what to answer from.
    #[must_use]
    pub fn publisher(&self) -> Arc<ArcSwap<Published>> {
        Arc::clone(&self.publisher)
    }

    /// What is being answered from now.
    #[must_use]
    pub fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.publisher.load().catalog)
    }

    /// Who may do what now.
    #[must_use]
    pub fn access(&self) -> Arc<Access> {
        Arc::clone(&self.publisher.load().access)
    }

    /// Changes how queries are answered, and who may do what.
    pub fn set_answer(&self, answer: AnswerSettings, access: Access, keys: Arc<KeyRing>) {
        let state = &mut *self.state();
        let before = self.publisher.load_full();
        let (catalog, counters) = (Arc::clone(&before.catalog), before.counters.clone());
        self.publish(state, Published { catalog, answer, access: Arc::new(access), keys, counters });
    }

    /// Counts for each zone in so many workers from now on; with none, what was counted is forgotten.
    pub fn count_each(&self, workers: Option<usize>) {
        let state = &mut *self.state();
        let before = self.publisher.load_full();
        if before.counters.is_some() == workers.is_some() {
            return;
        }
        let counters = workers.map(|workers| Arc::new(ZoneTable::new(&before.catalog, workers, None)));
        self.publish(state, Published { counters, ..before.as_ref().clone() });
    }

    /// Counters of at most `limit` zones behind `after` that were asked for, in canonical order, and how many more there
    /// are.
    #[must_use]
    pub fn counters(&self, after: Option<NameRef<'_>>, limit: usize) -> (Vec<(String, Values)>, usize) {
        let published = self.publisher.load_full();
        let Some(table) = &published.counters else { return (Vec::new(), 0) };
        let mut asked = table.list(&published.catalog, after);
        let named =
            |(zone, values): (&ServedZone, Values)| (zone.origin.to_string().to_ascii_lowercase(), values);
        let page = asked.by_ref().take(limit).map(named).collect();
        (page, asked.count())
    }

    /// What was counted of one zone, nothing while zones are not counted; `None` when it is not served.
    #[must_use]
    pub fn counters_of(&self, origin: NameRef<'_>) -> Option<Values> {
        let published = self.publisher.load_full();
        let place = published.catalog.image(origin)?.place();
        let counted = published.counters.as_ref().and_then(|table| table.sum(place));
        Some(counted.unwrap_or_default())
    }

    /// Reads the manifest if its file is not the one that was read last, and takes it up. Returns whether anything
    /// changed. It costs one stat when nothing did.
    pub fn reconcile(&self) -> bool {
        let state = &mut *self.state();
        state.retired.retain(|published| Arc::strong_count(published) > 1);
        self.follow_expiries(state);
        let now = Identity::of(&self.directory.join(tenon_image::manifest::MANIFEST));
        if now == state.seen && (now.is_some() || state.is_bare || state.manifest_fault.is_some()) {
            return false;
        }
        match Manifest::read(&self.directory) {
            Ok(Some(manifest)) => {
                state.seen = now;
                state.manifest_fault = None;
                self.take_up(state, &manifest);
                true
            }
            Ok(None) => self.without_manifest(state),
            Err(error) => {
                state.seen = now;
                Self::complain(state, error.to_string())
            }
        }
    }

    /// Marks files as damaged and serves their zones from other files, where there are any.
    pub fn condemn(&self, faults: Vec<BodyFault>) {
        let state = &mut *self.state();
        for BodyFault { file, reason } in faults {
            error!(
                message_id = messages::IMAGE_DAMAGED,
                file = %file,
                reason = %reason,
                "image {file} is damaged: {reason}; it is not used any more"
            );
            state.figures.images_damaged += 1;
            state.known_bad.insert(file, reason);
        }
        // The manifest may have moved on; what holds is what is there now.
        if let Ok(Some(manifest)) = Manifest::read(&self.directory) {
            self.take_up(state, &manifest);
        }
    }

    /// What is wrong, one sentence each.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let state = self.state();
        let images =
            state.known_bad.iter().map(|(file, reason)| format!("image {file} is damaged: {reason}"));
        state.manifest_fault.iter().cloned().chain(images).chain(state.zone_faults.iter().cloned()).collect()
    }

    /// Numbers for the statistics.
    #[must_use]
    pub fn figures(&self) -> ZoneFigures {
        self.state().figures
    }

    fn take_up(&self, state: &mut State, manifest: &Manifest) {
        forget_unnamed(&mut state.known_bad, manifest);
        let known_bad = state.known_bad.keys().cloned().collect();
        let before = self.publisher.load_full();
        let catalog = Arc::new(Catalog::open(&self.directory, manifest, Some(&before.catalog), &known_bad));
        let (answer, access) = (before.answer.clone(), Arc::clone(&before.access));
        let keys = Arc::clone(&before.keys);
        let counters = before
            .counters
            .as_ref()
            .map(|table| Arc::new(ZoneTable::new(&catalog, table.workers(), Some((&before.catalog, table)))));
        let published = Published { catalog: Arc::clone(&catalog), answer, access, keys, counters };
        self.publish(state, published);
        state.figures.catalogs += 1;
        self.survey(state, &catalog);
        match self.fresh.try_send(()) {
            // A hint that already waits says the same; without an inspector nobody wants to hear.
            Ok(()) | Err(TrySendError::Full(()) | TrySendError::Disconnected(())) => {}
        }
    }

    /// Takes up how long secondary zones may still be answered.
    fn follow_expiries(&self, state: &mut State) {
        let before = self.publisher.load_full();
        if Arc::ptr_eq(&before.answer.expiries, &self.expiries.current()) {
            return;
        }
        self.publish(state, before.as_ref().clone());
    }

    fn publish(&self, state: &mut State, mut published: Published) {
        published.answer.expiries = self.expiries.current();
        state.retired.push(self.publisher.swap(Arc::new(published)));
    }

    /// Counts the zones of a new catalog and tells of those in trouble.
    fn survey(&self, state: &mut State, catalog: &Catalog) {
        let figures = &mut state.figures;
        (figures.zones, figures.zones_previous, figures.zones_faulty) = (0, 0, 0);
        (figures.zones_expired, figures.zones_unloaded) = (0, 0);
        figures.manifest_generation = catalog.generation();
        let mut faults = Vec::new();
        for zone in catalog.zones(None) {
            figures.zones += 1;
            match zone.state {
                ZoneState::Serving => continue,
                ZoneState::Previous => figures.zones_previous += 1,
                ZoneState::Faulty => figures.zones_faulty += 1,
                ZoneState::Expired => figures.zones_expired += 1,
                // Not worth a line for each: whoever adds many zones at once knows, and the zone manager tells.
                ZoneState::Unloaded => {
                    figures.zones_unloaded += 1;
                    continue;
                }
            }
            if faults.len() < LISTED {
                let fault = sentence(zone);
                if !state.zone_faults.contains(&fault) {
                    let (zone, reason) = (&zone.origin, &zone.reason);
                    warn!(message_id = messages::ZONE_NOT_CURRENT, %zone, %reason, "{fault}");
                }
                faults.push(fault);
            }
        }
        let troubled = figures.zones_previous + figures.zones_faulty + figures.zones_expired;
        if troubled > LISTED as u64 {
            faults.push(format!("{troubled} zones in all are not served from their current images"));
        }
        state.zone_faults = faults;
        info!(
            message_id = messages::CATALOG_TAKEN,
            generation = figures.manifest_generation,
            zones = figures.zones,
            "answering {} zones of manifest generation {}",
            figures.zones,
            figures.manifest_generation
        );
    }

    fn without_manifest(&self, state: &mut State) -> bool {
        let served = state.seen.take().is_some() || state.figures.catalogs > 0;
        if served {
            return Self::complain(
                state,
                "it is gone; what was answered before goes on being answered".into(),
            );
        }
        if !state.is_bare {
            let directory = self.directory.display();
            warn!(
                message_id = messages::NO_MANIFEST,
                "no manifest in {directory}: every query is answered REFUSED until a zone is compiled"
            );
            state.is_bare = true;
        }
        false
    }

    fn complain(state: &mut State, reason: String) -> bool {
        let fault = format!("the manifest cannot be used: {reason}");
        let new = state.manifest_fault.as_ref() != Some(&fault);
        if new {
            error!(message_id = messages::MANIFEST_BROKEN, reason = %reason, "{fault}");
            state.manifest_fault = Some(fault);
        }
        new
    }

    /// A lock whose holder panicked guards what was last complete.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn sentence(zone: &ServedZone) -> String {
    let ServedZone { origin, serial, reason, .. } = zone;
    match zone.state {
        ZoneState::Serving => format!("zone {origin} is served as it should be"),
        ZoneState::Previous => {
            format!("zone {origin} is answered from its previous image, serial {serial}: {reason}")
        }
        ZoneState::Faulty => format!("zone {origin} has no usable image and is answered SERVFAIL: {reason}"),
        ZoneState::Expired | ZoneState::Unloaded => format!("zone {origin} is answered SERVFAIL: {reason}"),
    }
}

/// Damaged files that no zone names any more will never be opened.
fn forget_unnamed(known_bad: &mut BTreeMap<String, String>, manifest: &Manifest) {
    if known_bad.is_empty() {
        return;
    }
    let previous = manifest.zones.iter().flat_map(|zone| &zone.previous).flat_map(|image| &image.files);
    let files = manifest.zones.iter().flat_map(|zone| &zone.files).chain(previous);
    let named: std::collections::BTreeSet<&str> = files.map(|file| file.name.as_str()).collect();
    known_bad.retain(|file, _| named.contains(file.as_str()));
}

#[cfg(test)]
mod tests;
