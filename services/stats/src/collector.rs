//! The collector: asks everybody on the bus for their counters.

pub mod bus;
mod times;
mod zones;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tenon_bus::{Bus, BusError, Stats1, names};
use tenon_service::{CurrentBus, now_usec};
use tokio::sync::Notify;
use tracing::{info, warn};

use crate::messages;
use crate::snapshot::{Counter, Instance, Silent, Snapshot};
use crate::statistics::{Statistics, count, set};

/// How long one process may take to tell its counters.
const PATIENCE: Duration = Duration::from_secs(4);
/// Most counters taken of one process; what comes on top is left out.
const COUNTERS_MAX: usize = 4096;

/// Why there was no collection.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CollectError {
    /// This process is not on the bus.
    #[error("not on the D-Bus system bus; trying again every second")]
    NoBus,
    /// The bus broke off.
    #[error("{0}")]
    Bus(BusError),
}

/// The collector with what it collected last.
#[derive(Debug)]
pub struct Collector {
    bus: OnceLock<CurrentBus>,
    latest: Mutex<Arc<Snapshot>>,
    /// Held over one collection.
    turn: tokio::sync::Mutex<()>,
    interval_s: AtomicU32,
    /// Most zones to collect counters of; 0 for none.
    zones_max: AtomicUsize,
    due: Notify,
    statistics: Arc<Statistics>,
}

/// What came of asking one process.
enum Told {
    Counters(Instance),
    /// It stopped meanwhile, or has no counters.
    Nothing,
    Silence(Silent),
    BusBroke(BusError),
}

impl Collector {
    /// A collector that has collected nothing. `interval_s`: seconds between two collections, 0: only when asked.
    pub fn new(interval_s: u32, statistics: Arc<Statistics>) -> Self {
        Self {
            bus: OnceLock::new(),
            latest: Mutex::default(),
            turn: tokio::sync::Mutex::new(()),
            interval_s: interval_s.into(),
            zones_max: AtomicUsize::new(0),
            due: Notify::new(),
            statistics,
        }
    }

    /// Seconds between two collections; counts from now.
    pub fn set_interval(&self, interval_s: u32) {
        if self.interval_s.swap(interval_s, Ordering::Relaxed) != interval_s {
            self.look_again();
        }
    }

    /// How many zones to collect the counters of, from the next collection on; 0 for none.
    pub fn set_zones(&self, max: usize) {
        self.zones_max.store(max, Ordering::Relaxed);
    }

    /// The last collection, less those that ended since.
    pub fn latest(&self) -> Arc<Snapshot> {
        Arc::clone(&self.latest.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Has the next collection by the clock made now.
    pub fn look_again(&self) {
        self.due.notify_one();
    }

    /// Drops the counters of a process that ended.
    pub fn forget(&self, bus_name: &str) {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        *latest = Arc::new(latest.without(bus_name));
    }

    /// Collects by the clock, for ever.
    pub async fn run(&self, bus: CurrentBus) {
        let _first = self.bus.set(bus);
        loop {
            let interval = self.interval_s.load(Ordering::Relaxed);
            let clock = async {
                match interval {
                    0 => std::future::pending().await,
                    seconds => tokio::time::sleep(Duration::from_secs(seconds.into())).await,
                }
            };
            tokio::select! {
                () = clock => {}
                () = self.due.notified() => {}
            }
            if self.interval_s.load(Ordering::Relaxed) > 0 {
                // The keeper of the bus has told why there is none.
                let _not_on_the_bus = self.collect().await;
            }
        }
    }

    /// A collection that begins after this call.
    pub async fn collect(&self) -> Result<Arc<Snapshot>, CollectError> {
        let asked = Instant::now();
        let _turn = self.turn.lock().await;
        let latest = self.latest();
        if latest.began.is_some_and(|began| began >= asked) {
            return Ok(latest);
        }
        let outcome = match self.bus.get().and_then(CurrentBus::get) {
            Some(bus) => self.take(&bus).await.map_err(CollectError::Bus),
            None => Err(CollectError::NoBus),
        };
        match outcome {
            Ok(snapshot) => Ok(self.keep(snapshot)),
            Err(error) => {
                count(&self.statistics.collections_failed);
                Err(error)
            }
        }
    }

    async fn take(&self, bus: &Bus) -> Result<Snapshot, BusError> {
        let mut snapshot = take(bus).await?;
        let max = self.zones_max.load(Ordering::Relaxed);
        let instances = || snapshot.instances.iter().map(|instance| instance.bus_name.as_str());
        let asked = instances().filter(|_| max > 0);
        // At the same time, so that a collection and the one before it take no longer than a client waits.
        let (times, (zones, failed)) =
            tokio::join!(times::collect(bus, instances()), zones::collect(bus, asked, max));
        (snapshot.times, snapshot.zones) = (times, zones);
        (0..failed).for_each(|_| count(&self.statistics.zones_failed));
        snapshot.taken_usec = now_usec();
        Ok(snapshot)
    }

    fn keep(&self, snapshot: Snapshot) -> Arc<Snapshot> {
        tell_changes(&self.latest(), &snapshot);
        let statistics = &self.statistics;
        count(&statistics.collections);
        set(&statistics.instances, snapshot.instances.len());
        set(&statistics.zones, snapshot.zones.counters.len());
        statistics.zones_left_out.store(snapshot.zones.left_out, Ordering::Relaxed);
        set(&statistics.instances_silent, snapshot.silent.len());
        snapshot.silent.iter().for_each(|_| count(&statistics.silences));
        let snapshot = Arc::new(snapshot);
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&snapshot);
        snapshot
    }
}

async fn take(bus: &Bus) -> Result<Snapshot, BusError> {
    let began = Some(Instant::now());
    let present = bus.list_present(names::PREFIX).await?;
    let asked = present.iter().filter_map(|name| Some(ask(bus, name, names::component(name)?)));
    let mut snapshot = Snapshot { began, ..Snapshot::default() };
    for told in join_all(asked).await {
        match told {
            Told::Counters(instance) => snapshot.instances.push(instance),
            Told::Nothing => {}
            Told::Silence(silent) => snapshot.silent.push(silent),
            Told::BusBroke(error) => return Err(error),
        }
    }
    Ok(snapshot)
}

async fn ask(bus: &Bus, bus_name: &str, component: String) -> Told {
    let silence = |component, reason| Told::Silence(Silent { bus_name: bus_name.into(), component, reason });
    match tokio::time::timeout(PATIENCE, read(bus, bus_name)).await {
        Ok(Ok((ready_usec, counters))) => {
            Told::Counters(Instance { bus_name: bus_name.into(), component, ready_usec, counters })
        }
        Ok(Err(BusError::ServiceUnknown(_))) => Told::Nothing,
        Ok(Err(BusError::Other { name, .. })) if is_without_counters(&name) => Told::Nothing,
        Ok(Err(error)) if error.is_bus_down() => Told::BusBroke(error),
        Ok(Err(error)) => silence(component, error.to_string()),
        Err(_) => silence(component, format!("no answer within {} s", PATIENCE.as_secs())),
    }
}

async fn read(bus: &Bus, bus_name: &str) -> Result<(u64, BTreeMap<String, Counter>), BusError> {
    let peer = Stats1::new(bus, bus_name);
    let state = peer.state().await?;
    let mut meanings = peer.describe().await?;
    let counter = |(name, value): (String, u64)| {
        let meaning = meanings.remove(&name).filter(|_| is_plain(&name))?;
        // One line in every format.
        let text = meaning.text.replace(|c: char| c.is_control() || c == '\\', " ");
        Some((name, Counter { value, kind: meaning.kind, text }))
    };
    let counters = peer.counters().await?.into_iter().filter_map(counter).take(COUNTERS_MAX).collect();
    Ok((state.ready_usec, counters))
}

/// Whether an error says that the peer does not have the interface.
fn is_without_counters(error: &str) -> bool {
    let kind = error.strip_prefix("org.freedesktop.DBus.Error.");
    matches!(kind, Some("UnknownInterface" | "UnknownMethod" | "UnknownObject"))
}

/// Whether a name may stand in every format.
fn is_plain(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// Tells who fell silent and who answers again.
fn tell_changes(before: &Snapshot, now: &Snapshot) {
    let was_silent = |name: &str| before.silent.iter().any(|silent| silent.bus_name == name);
    for silent in now.silent.iter().filter(|silent| !was_silent(&silent.bus_name)) {
        let Silent { bus_name, reason, .. } = silent;
        warn!(
            message_id = messages::SILENT,
            bus_name = %bus_name,
            reason = %reason,
            "{bus_name} does not tell its counters and is left out: {reason}"
        );
    }
    for instance in now.instances.iter().filter(|instance| was_silent(&instance.bus_name)) {
        let bus_name = &instance.bus_name;
        info!(
            message_id = messages::ANSWERS_AGAIN,
            bus_name = %bus_name,
            "{bus_name} tells its counters again"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_break_a_format_are_told() {
        assert!(is_plain("queries_udp") && is_plain("rcode_3"));
        for name in ["", "3", "_x", "Queries", "a b", "a\n", "a{", "ä"] {
            assert!(!is_plain(name), "{name:?}");
        }
    }
}
