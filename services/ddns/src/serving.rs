//! Waits until tenon-auth answers from what was committed, where `ddns/answer_when` says so.
//!
//! tenon-zonec tells of each image which generation of the manifest it came with (`ImageReady`); then the instances of
//! tenon-auth are asked from which generation they answer. Nobody waits for long, and nobody where that cannot be heard:
//! without a bus an update is answered when it is on the disk.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tenon_bus::{Auth1, Bus, ZoneEvent, names};
use tenon_service::CurrentBus;
use tenon_wire::Name;
use tenon_wire::serial::is_newer;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

/// Longest wait for one answer.
const PATIENCE: Duration = Duration::from_secs(1);
/// Between two questions to tenon-auth, which takes up a manifest in less.
const ASK_EVERY: Duration = Duration::from_millis(1);
/// Between two tries to follow the bus.
const TRY_EVERY: Duration = Duration::from_secs(1);
/// Zones of which it is remembered what is served; it is needed for a moment only.
const MOST_ZONES: usize = 1000;

/// See the module.
#[derive(Debug)]
pub struct Serving {
    /// Whether anybody is to wait.
    wanted: watch::Sender<bool>,
    /// Whether the bus is heard.
    is_followed: AtomicBool,
    /// Names in lower case with the final dot, and the serial that all instances answer with, or a newer one.
    served: watch::Sender<BTreeMap<String, u32>>,
}

impl Serving {
    /// Nothing is followed until [`Self::run`].
    #[must_use]
    pub fn new(wanted: bool) -> Self {
        Self {
            wanted: watch::Sender::new(wanted),
            is_followed: AtomicBool::new(false),
            served: watch::Sender::new(BTreeMap::new()),
        }
    }

    /// Whether anybody is to wait from now on.
    pub fn want(&self, wanted: bool) {
        self.wanted.send_replace(wanted);
    }

    /// Waits until a zone is answered with this serial or a newer one; false when that was not seen. Does not wait unless it
    /// is wanted.
    pub async fn wait(&self, zone: &Name, serial: u32) -> bool {
        if !*self.wanted.borrow() {
            return true;
        }
        if !self.is_followed.load(Ordering::Acquire) {
            return false;
        }
        let zone = zone.as_ref().to_lowercase().to_string();
        let mut served = self.served.subscribe();
        let is_there = |served: &BTreeMap<String, u32>| {
            served.get(&zone).is_some_and(|&at| at == serial || is_newer(at, serial))
        };
        matches!(timeout(PATIENCE, served.wait_for(is_there)).await, Ok(Ok(_)))
    }

    /// Follows the bus for ever, while it is wanted.
    pub async fn run(&self, bus: CurrentBus) {
        let mut wanted = self.wanted.subscribe();
        loop {
            // It cannot fail: we hold the sender.
            let _ = wanted.wait_for(|wanted| *wanted).await;
            if let Some(bus) = bus.get() {
                tokio::select! {
                    () = self.follow(&bus) => {}
                    _ = wanted.wait_for(|wanted| !wanted) => {}
                }
                self.is_followed.store(false, Ordering::Release);
            }
            sleep(TRY_EVERY).await;
        }
    }

    /// Follows one connection until it ends.
    async fn follow(&self, bus: &Bus) {
        let Ok(mut events) = bus.zone_events_named(&["ImageReady"]).await else { return };
        self.is_followed.store(true, Ordering::Release);
        let mut answered = 0;
        while let Some(event) = events.next().await {
            let ZoneEvent::ImageReady { zone, serial, generation } = event else { continue };
            if answered < generation {
                answered = answered_generation(bus, generation).await;
            }
            if answered >= generation {
                self.served.send_modify(|served| {
                    if served.len() >= MOST_ZONES {
                        served.clear();
                    }
                    served.insert(zone, serial);
                });
            }
        }
    }
}

/// The generation that all instances answer from, once it is at least this one; 0 when it was not seen in time.
async fn answered_generation(bus: &Bus, generation: u64) -> u64 {
    let asking = async {
        let instances = bus.list_present(names::AUTH_PREFIX).await.unwrap_or_default();
        loop {
            // Where nobody answers, nobody has to.
            let mut lowest = u64::MAX;
            for name in &instances {
                let state = Auth1::new(bus, name).state().await;
                lowest = lowest.min(state.map_or(0, |state| state.manifest_generation));
            }
            if lowest >= generation {
                return lowest;
            }
            sleep(ASK_EVERY).await;
        }
    };
    timeout(PATIENCE, asking).await.unwrap_or(0)
}
