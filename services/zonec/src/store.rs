//! The stores, opened when needed and again when they were replaced.

use std::path::{Path, PathBuf};

use tenon_datasrc::sqlite::{Access, SqliteSource};
use tenon_datasrc::{DataSource, Error, ZoneEntry};

use crate::plan::SECONDARY;

/// Zones read from a store at once.
const PAGE: usize = 1000;

/// One class of storage and where it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StorePlace {
    /// Its name in the manifest: `primary` or `secondary`. Of a zone in both the primary one is compiled.
    pub storage: String,
    /// The database file.
    pub path: PathBuf,
    /// Whether it is nothing to worry about when there is none yet.
    pub may_be_absent: bool,
}

impl StorePlace {
    /// The store of primary zones.
    #[must_use]
    pub fn primary(path: &Path) -> Self {
        Self { storage: "primary".into(), path: path.to_owned(), may_be_absent: false }
    }

    /// The store of secondary zones, which the first transfer makes.
    #[must_use]
    pub fn secondary(path: &Path) -> Self {
        Self { storage: SECONDARY.into(), path: path.to_owned(), may_be_absent: true }
    }
}

/// A thread's own handle on a store.
#[derive(Debug)]
pub struct Store {
    place: StorePlace,
    open: Option<SqliteSource>,
}

impl Store {
    /// A handle that is opened at first use.
    #[must_use]
    pub const fn new(place: StorePlace) -> Self {
        Self { place, open: None }
    }

    /// Which store.
    #[must_use]
    pub const fn place(&self) -> &StorePlace {
        &self.place
    }

    /// Uses the store.
    ///
    /// # Errors
    /// Those of opening and of `work`; after one that a fresh handle may not meet, the store is opened anew next time.
    pub fn with<T>(&mut self, work: impl FnOnce(&dyn DataSource) -> Result<T, Error>) -> Result<T, Error> {
        let source = match self.open.take() {
            Some(source) => source,
            None => SqliteSource::open(&self.place.path, Access::ReadWrite)?,
        };
        let outcome = work(&source);
        if matches!(
            outcome,
            Ok(_) | Err(Error::VersionGone { .. } | Error::ZoneBusy { .. } | Error::Full { .. })
        ) {
            self.open = Some(source);
        }
        outcome
    }

    /// All zones of the store in canonical order.
    ///
    /// # Errors
    /// As [`Self::with`].
    pub fn zones(&mut self) -> Result<Vec<ZoneEntry>, Error> {
        self.with(|source| {
            let mut zones: Vec<ZoneEntry> = Vec::new();
            loop {
                let page = source.zones(zones.last().map(|zone| zone.origin.as_ref()), PAGE)?;
                let is_last = page.len() < PAGE;
                zones.extend(page);
                if is_last {
                    return Ok(zones);
                }
            }
        })
    }
}
