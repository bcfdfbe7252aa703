//! The zones that can be transferred: what the manifest names, as tenon-auth has it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tenon_image::manifest::MANIFEST;
use tenon_image::{BodyFault, Catalog, Identity, Manifest};
use tracing::error;

use crate::messages;

/// The zones of one image directory.
#[derive(Debug)]
pub struct Zones {
    directory: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    catalog: Arc<Catalog>,
    /// The manifest file as it was when last read.
    seen: Option<Identity>,
    /// Image files that were found damaged, and how. They are not used again.
    known_bad: BTreeMap<String, String>,
    manifest_fault: Option<String>,
}

impl Zones {
    /// The zones of a directory; none until [`Zones::reconcile`].
    #[must_use]
    pub fn new(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), state: Mutex::default() }
    }

    /// What was taken up last.
    #[must_use]
    pub fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.state().catalog)
    }

    /// Takes up the manifest if its file is another than before; true when it was. Costs one stat when nothing changed.
    pub fn reconcile(&self) -> bool {
        let state = &mut *self.state();
        let now = Identity::of(&self.directory.join(MANIFEST));
        if now.is_none() || now == state.seen {
            return false;
        }
        match Manifest::read(&self.directory) {
            Ok(None) => false,
            Ok(Some(manifest)) => {
                state.seen = now;
                state.manifest_fault = None;
                self.take_up(state, &manifest);
                true
            }
            Err(reason) => {
                state.seen = now;
                let fault = format!("the manifest cannot be used: {reason}");
                error!(message_id = messages::MANIFEST_BROKEN, reason = %reason, "{fault}; transfers go on as before");
                state.manifest_fault = Some(fault);
                false
            }
        }
    }

    /// Marks a file as damaged; its zones are taken from their previous images, where there are any.
    pub fn condemn(&self, fault: BodyFault) {
        let BodyFault { file, reason } = fault;
        error!(
            message_id = messages::IMAGE_DAMAGED,
            file = %file,
            reason = %reason,
            "image {file} is damaged: {reason}; it is not used any more"
        );
        let state = &mut *self.state();
        state.known_bad.insert(file, reason);
        if let Ok(Some(manifest)) = Manifest::read(&self.directory) {
            self.take_up(state, &manifest);
        }
    }

    /// What is wrong, one sentence each.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let state = self.state();
        let damaged =
            state.known_bad.iter().map(|(file, reason)| format!("image {file} is damaged: {reason}"));
        state.manifest_fault.iter().cloned().chain(damaged).collect()
    }

    fn take_up(&self, state: &mut State, manifest: &Manifest) {
        let previous = manifest.zones.iter().flat_map(|zone| &zone.previous).flat_map(|image| &image.files);
        let named: Vec<_> = manifest.zones.iter().flat_map(|zone| &zone.files).chain(previous).collect();
        state.known_bad.retain(|bad, _| named.iter().any(|file| file.name == *bad));
        let known_bad = state.known_bad.keys().cloned().collect();
        let catalog = Catalog::open(&self.directory, manifest, Some(&state.catalog), &known_bad);
        state.catalog = Arc::new(catalog);
    }

    /// A lock whose holder panicked guards what was last complete.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
