//! Compares the settings with the store of secondary zones: what is not configured any more is removed there, and what is
//! there is learnt of.
//!
//! Only what was configured once, was taken out by settings that are known to be the committed ones, and was written
//! down as leaving, is removed. Settings that could not be read remove nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tenon_bus::{BusError, SecondaryZone, Xfrin1};
use tenon_wire::Name;
use tracing::{error, info};

use super::Zonemgr;
use crate::messages;
use crate::statistics::count;

/// How long until what failed is tried again.
const PAUSE: Duration = Duration::from_secs(10);

impl Zonemgr {
    /// Compares for ever, each time it is asked to.
    pub(super) async fn compare_with_store(self: Arc<Self>) {
        loop {
            self.compare.notified().await;
            while self.has_xfrin() && self.compare_once().await.is_err() {
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    async fn compare_once(&self) -> Result<(), BusError> {
        let Some(bus) = self.current_bus() else { return Ok(()) };
        let xfrin = Xfrin1::new(&bus);
        let began = self.clock.now();
        let stored = list(&xfrin).await?;
        let strays = self.zones().learn(&stored, began, self.clock.now());
        self.strays.store(u64::try_from(strays).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.wake();
        let leaving = self.zones().leaving();
        let mut outcome = Ok(());
        for name in leaving {
            if !self.zones().is_leaving(&name) {
                continue;
            }
            if let Err(error) = self.remove(&xfrin, &name).await {
                outcome = Err(error);
            }
        }
        if outcome.is_ok() {
            self.troubles().removal = None;
        }
        outcome
    }

    async fn remove(&self, xfrin: &Xfrin1, name: &Name) -> Result<(), BusError> {
        match xfrin.remove(&name.to_string()).await {
            Ok(was_stored) => {
                self.zones().left(name, self.clock.now());
                if was_stored {
                    count(&self.statistics.removals);
                    info!(
                        message_id = messages::REMOVED,
                        zone = %name,
                        "zone {name} is no secondary zone here any more and was removed from the store"
                    );
                }
                Ok(())
            }
            Err(error) => {
                let reason =
                    format!("zone {name} is no secondary zone here any more and cannot be removed: {error}");
                let mut troubles = self.troubles();
                if troubles.removal.as_ref() != Some(&reason) {
                    error!(message_id = messages::NOT_REMOVED, zone = %name, reason = %error, "{reason}; trying again");
                }
                troubles.removal = Some(reason);
                Err(error)
            }
        }
    }
}

async fn list(xfrin: &Xfrin1) -> Result<BTreeMap<Name, SecondaryZone>, BusError> {
    let mut stored = BTreeMap::new();
    let mut after = String::new();
    loop {
        let page = xfrin.list_zones(&after, 0).await?;
        let Some(last) = page.last() else { return Ok(stored) };
        after.clone_from(&last.name);
        stored.extend(page.into_iter().filter_map(|zone| Some((zone.name.parse().ok()?, zone))));
    }
}
