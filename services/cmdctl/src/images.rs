//! The zones as they are answered: what the manifest names, mapped again when it was replaced.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tenon_image::manifest::MANIFEST;
use tenon_image::{Catalog, Identity, Manifest};

/// The zones of an image directory.
#[derive(Debug)]
pub struct Images {
    directory: PathBuf,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    identity: Option<Identity>,
    catalog: Arc<Catalog>,
}

impl Images {
    /// The zones of a directory; nothing is looked at yet.
    pub fn new(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), known: Mutex::default() }
    }

    /// All zones as one manifest names them: nothing in it changes while it is held. Fails with what is wrong with the
    /// manifest; no manifest is no zone.
    pub fn now(&self) -> Result<Arc<Catalog>, String> {
        let identity = Identity::of(&self.directory.join(MANIFEST));
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if identity != known.identity {
            let manifest = Manifest::read(&self.directory).map_err(|error| error.to_string())?;
            let manifest = manifest.unwrap_or_default();
            let catalog = Catalog::open(&self.directory, &manifest, Some(&known.catalog), &BTreeSet::new());
            *known = Known { identity, catalog: Arc::new(catalog) };
        }
        Ok(Arc::clone(&known.catalog))
    }
}
