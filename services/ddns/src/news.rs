//! Zones that changed, to be told over the bus: of each the newest serial, however fast they change.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tenon_bus::ZoneEvent;
use tenon_service::CurrentBus;
use tenon_wire::Name;
use tokio::sync::Notify;

/// Between two rounds of telling.
const PAUSE: Duration = Duration::from_millis(5);

/// See the module.
#[derive(Debug, Default)]
pub struct News {
    serials: Mutex<BTreeMap<Name, u32>>,
    came: Notify,
}

impl News {
    /// Notes zones that changed, with their serials.
    pub fn tell(&self, zones: Vec<(Name, u32)>) {
        if zones.is_empty() {
            return;
        }
        self.serials.lock().unwrap_or_else(PoisonError::into_inner).extend(zones);
        self.came.notify_one();
    }

    /// Tells them over the bus, for ever. What cannot be told others find in the store.
    pub async fn run(&self, bus: CurrentBus) {
        loop {
            self.came.notified().await;
            let serials = std::mem::take(&mut *self.serials.lock().unwrap_or_else(PoisonError::into_inner));
            let Some(bus) = bus.get() else { continue };
            for (zone, serial) in serials {
                let zone = zone.as_ref().to_lowercase().to_string();
                let event = ZoneEvent::Changed { zone, serial, cause: "update".to_owned() };
                let _gone = bus.emit_zone_event(&event).await;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}
