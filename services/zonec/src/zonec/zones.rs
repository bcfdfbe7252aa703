//! The stored zones beside their images, for whoever asks.

use tenon_datasrc::{Error, ZoneEntry};
use tenon_image::ManifestZone;
use tenon_wire::{Name, NameRef};

use super::Zonec;
use crate::store::{Store, StorePlace};

/// One stored zone and what became of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredZone {
    /// Which store it is in.
    pub storage: String,
    /// The stored version.
    pub entry: ZoneEntry,
    /// The image in the manifest.
    pub compiled: Option<ManifestZone>,
    /// Why the stored version could not be compiled.
    pub failure: Option<String>,
}

/// Why a zone cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum ZoneQueryError {
    /// It is not stored.
    #[error("zone {0} is not stored")]
    NoSuchZone(Name),
    /// The store cannot be read.
    #[error("{0}")]
    Store(Error),
}

impl StoredZone {
    /// `ready`, `compiling` or `failed`.
    #[must_use]
    pub fn state(&self) -> &'static str {
        if self.compiled.as_ref().is_some_and(|image| image.version == self.entry.version) {
            "ready"
        } else if self.failure.is_some() {
            "failed"
        } else {
            "compiling"
        }
    }
}

impl Zonec {
    /// At most `limit` stored zones behind `after`, in canonical order. Opens the stores for itself, so it may be
    /// called from any thread that may block.
    ///
    /// # Errors
    /// [`ZoneQueryError::Store`].
    pub fn list_zones(
        &self,
        after: Option<NameRef<'_>>,
        limit: usize,
    ) -> Result<Vec<StoredZone>, ZoneQueryError> {
        let mut zones = Vec::new();
        for place in &self.places {
            let found = read(place, |source| source.zones(after, limit))?.unwrap_or_default();
            zones.extend(found.into_iter().map(|entry| self.beside_image(place, entry)));
        }
        // A zone in two stores is that of the first; the sort is stable.
        zones.sort_by(|a, b| a.entry.origin.cmp(&b.entry.origin));
        zones.dedup_by(|b, a| a.entry.origin == b.entry.origin);
        zones.truncate(limit);
        Ok(zones)
    }

    /// One stored zone.
    ///
    /// # Errors
    /// See [`ZoneQueryError`].
    pub fn stored_zone(&self, origin: NameRef<'_>) -> Result<StoredZone, ZoneQueryError> {
        for place in &self.places {
            if let Some(entry) = read(place, |source| source.zone(origin))?.flatten() {
                return Ok(self.beside_image(place, entry));
            }
        }
        Err(ZoneQueryError::NoSuchZone(origin.to_name()))
    }

    fn beside_image(&self, place: &StorePlace, entry: ZoneEntry) -> StoredZone {
        let compiled = self.images().zone(entry.origin.as_ref()).cloned();
        let failure = self.ledger().failure(&entry).map(|failure| failure.reason.clone());
        StoredZone { storage: place.storage.clone(), entry, compiled, failure }
    }
}

/// Reads a store; nothing where there is none yet.
fn read<T>(
    place: &StorePlace,
    work: impl FnOnce(&dyn tenon_datasrc::DataSource) -> Result<T, Error>,
) -> Result<Option<T>, ZoneQueryError> {
    match Store::new(place.clone()).with(work) {
        Ok(found) => Ok(Some(found)),
        Err(Error::NoStore { .. }) => Ok(None),
        Err(error) => Err(ZoneQueryError::Store(error)),
    }
}
