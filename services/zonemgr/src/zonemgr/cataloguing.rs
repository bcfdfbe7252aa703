//! Reads catalogs in the store of secondary zones.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tenon_datasrc::sqlite::{Access, SqliteSource};
use tenon_datasrc::{DataSource, Error};
use tenon_wire::Name;

use super::Zonemgr;
use crate::catalog::{Catalog, CatalogError, CatalogReader};

/// How long until a store that could not be read is tried again.
const PAUSE: Duration = Duration::from_secs(2);

/// The version of the store, and what it says.
type Reading = (u64, Result<Catalog, CatalogError>);

impl Zonemgr {
    /// Reads catalogs and takes up what they say.
    pub(super) async fn read_catalogs(self: Arc<Self>, catalogs: BTreeSet<Name>) {
        for catalog in catalogs {
            let (path, name) = (self.store_path.clone(), catalog.clone());
            let reading = tokio::task::spawn_blocking(move || read(&path, &name)).await;
            match reading {
                Ok(Ok(Some((version, reading)))) => {
                    let (_, removed) =
                        self.zones().catalog_read(&catalog, version, reading, self.clock.now());
                    if removed > 0 {
                        self.compare.notify_one();
                    }
                    self.troubles().catalogs = None;
                }
                // Its first transfer is to come.
                Ok(Ok(None)) => {}
                Ok(Err(error)) => self.try_again(catalog, &error).await,
                // The process is about to end.
                Err(_) => return,
            }
        }
        self.wake();
    }

    async fn try_again(&self, catalog: Name, error: &Error) {
        // A newer version is there already, or is about to be.
        if !matches!(error, Error::VersionGone { .. }) {
            self.troubles().catalogs =
                Some(format!("catalog {catalog} cannot be read: {error}; trying again"));
            tokio::time::sleep(PAUSE).await;
        }
        self.zones().read_later(catalog);
    }
}

/// What the store has of a catalog; none while it has nothing.
fn read(path: &Path, catalog: &Name) -> Result<Option<Reading>, Error> {
    let store = match SqliteSource::open(path, Access::ReadOnly) {
        Err(Error::NoStore { .. }) => return Ok(None),
        store => store?,
    };
    let Some(entry) = store.zone(catalog.as_ref())? else { return Ok(None) };
    let mut reader = CatalogReader::new(catalog.as_ref());
    store.read(&entry, &mut |rrset| {
        reader.rrset(rrset);
        ControlFlow::Continue(())
    })?;
    Ok(Some((entry.version, reader.finish())))
}
