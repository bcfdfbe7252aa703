//! The zone manager as a whole: the zones, the clock, the files, and what wakes it.

pub mod bus;
mod cataloguing;
mod endings;
mod keeping;
mod looking;
mod removing;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tenon_bus::names::XFRIN;
use tenon_service::committed::StoredGeneration;
use tenon_service::{
    Committed, Component, CounterDefinition, CurrentBus, ExplainFace, Keys, Refusal, Settings as _,
};
use tenon_tsig::KeyRing;
use tokio::sync::Notify;
use tracing::{error, warn};

use crate::clock::Clock;
use crate::messages;
use crate::settings::ZonemgrSettings;
use crate::state_file::{Found, StateFile};
use crate::statistics::Statistics;
use crate::timing::Dice;
use crate::zones::{Notice, Verdict, Zones};

/// Longest time between two looks at the clock.
const TICK: Duration = Duration::from_secs(10);

/// See the module. No lock is held over a file or the bus.
pub struct Zonemgr {
    clock: Clock,
    zones: Mutex<Zones>,
    state: Mutex<Option<StateFile>>,
    state_path: PathBuf,
    list_path: PathBuf,
    expiries_path: PathBuf,
    /// The store of secondary zones, where catalogs are read.
    store_path: PathBuf,
    bus: OnceLock<CurrentBus>,
    /// tenon-xfrin is on the bus.
    has_xfrin: AtomicBool,
    /// The ends of its jobs.
    endings: endings::Endings,
    /// Counts how often tenon-xfrin went away.
    xfrin_lives: tokio::sync::watch::Sender<u64>,
    /// There is something new to do.
    woken: Notify,
    /// A NOTIFY came.
    heard: Notify,
    /// The store is to be compared with the settings.
    compare: Notify,
    /// Stored zones that are neither configured nor known to be leaving.
    strays: AtomicU64,
    troubles: Mutex<Troubles>,
    keys: Arc<Keys>,
    statistics: Arc<Statistics>,
}

/// What is wrong besides zones.
#[derive(Debug, Default)]
struct Troubles {
    state: Option<String>,
    list: Option<String>,
    /// The settings in force are not those that were committed.
    settings: Option<String>,
    removal: Option<String>,
    catalogs: Option<String>,
}

impl Zonemgr {
    /// Takes up what an earlier process left in `directory`, with the settings found below `config`. Catalogs are read in
    /// the store at `store`.
    #[must_use]
    pub fn open(
        directory: &Path,
        store: &Path,
        config: &Path,
        keys: Arc<Keys>,
        committed: &Committed<ZonemgrSettings>,
    ) -> Arc<Self> {
        let clock = Clock::start();
        let statistics = Arc::new(Statistics::default());
        let mut zones = Zones::new(Dice::new(), Arc::clone(&statistics));
        let state_path = directory.join("state.sqlite");
        let mut troubles = Troubles::default();
        let state = match open_state(&state_path) {
            Ok((file, found)) => {
                zones.restore_members(found.members);
                zones.restore(found.zones, clock.now());
                Some(file)
            }
            Err(reason) => {
                troubles.state = Some(reason);
                None
            }
        };
        let is_committed = is_committed(config, committed);
        let missing = zones.start(&committed.settings, is_committed, clock.now());
        if !is_committed && missing > 0 {
            let reason = "the settings in force are not the committed ones: zones that are missing in them are \
                          neither refreshed nor removed";
            warn!(message_id = messages::NOTHING_REMOVED, "{reason}");
            troubles.settings = Some(reason.to_owned());
        }
        Arc::new(Self {
            clock,
            zones: Mutex::new(zones),
            state: Mutex::new(state),
            state_path,
            list_path: directory.join(tenon_image::unavailable::UNAVAILABLE),
            expiries_path: directory.join(tenon_image::expiries::EXPIRIES),
            store_path: store.to_owned(),
            bus: OnceLock::new(),
            has_xfrin: AtomicBool::new(false),
            endings: endings::Endings::default(),
            xfrin_lives: tokio::sync::watch::Sender::new(0),
            woken: Notify::new(),
            heard: Notify::new(),
            compare: Notify::new(),
            strays: AtomicU64::new(0),
            troubles: Mutex::new(troubles),
            keys,
            statistics,
        })
    }

    /// The keys that notices may be signed with.
    pub(crate) fn keys(&self) -> Arc<KeyRing> {
        self.keys.ring()
    }

    /// The access list, for who asks what it would say.
    pub(crate) fn explain(self: &Arc<Self>) -> ExplainFace {
        let zonemgr = Arc::clone(self);
        let lists = move |list: &str, _zone: &str| {
            let found = zonemgr.zones().allow_notify_from().clone();
            (list == "allow_notify_from").then(|| (found, list.to_owned()))
        };
        ExplainFace::new(ZonemgrSettings::COMPONENT, &["allow_notify_from"], Box::new(lists))
    }

    /// Does what comes due, for ever.
    pub async fn run(self: Arc<Self>, bus: CurrentBus) {
        let _first = self.bus.set(bus);
        drop(tokio::spawn(Arc::clone(&self).keep()));
        drop(tokio::spawn(Arc::clone(&self).compare_with_store()));
        loop {
            let wait = self.step().await;
            tokio::select! {
                () = tokio::time::sleep(wait.min(TICK)) => {}
                () = self.woken.notified() => {}
            }
        }
    }

    /// Does what is due now; gives how long nothing is.
    async fn step(self: &Arc<Self>) -> Duration {
        if let Some(step) = self.clock.look_for_step() {
            warn!(
                message_id = messages::CLOCK_SET,
                microseconds = step,
                "the wall clock was set by {} s; no zone is looked at or expires because of it",
                step / 1_000_000
            );
            self.zones().rewrite_all();
        }
        let unread = self.zones().take_unread();
        if !unread.is_empty() {
            drop(tokio::spawn(Arc::clone(self).read_catalogs(unread)));
        }
        let (looks, news) = {
            let (mut zones, now) = (self.zones(), self.clock.now());
            zones.expire(now);
            let mut looks = Vec::new();
            while self.has_xfrin()
                && let Some(look) = zones.take_look(now)
            {
                looks.push(look);
            }
            (looks, zones.take_news())
        };
        for look in looks {
            drop(tokio::spawn(Arc::clone(self).look(look)));
        }
        if let Some(bus) = self.current_bus() {
            for event in news {
                // Whoever is on the bus later reads anew.
                let _gone = bus.emit_zone_event(&event).await;
            }
        }
        let next = self.zones().next_event(self.has_xfrin());
        let now = self.clock.now();
        next.map_or(TICK, |next| Duration::from_micros(next.saturating_sub(now)))
    }

    /// Takes a NOTIFY.
    pub fn hear(&self, notice: &Notice) -> Verdict {
        let verdict = self.zones().notify(notice, self.clock.now());
        if matches!(verdict, Verdict::Look | Verdict::Coalesced) {
            self.heard.notify_one();
        }
        self.wake();
        verdict
    }

    /// There is a bus: hears what it has to say for as long as it lasts.
    pub fn connected(self: &Arc<Self>, bus: tenon_bus::Bus) {
        let this = Arc::clone(self);
        drop(tokio::spawn(async move {
            if let Err(error) = this.endings.listen(&bus).await {
                warn!("the ends of transfers cannot be heard: {error}; they are asked for");
            }
        }));
    }

    /// A bus name of Tenon has an owner, perhaps a new one.
    pub fn peer_appeared(&self, name: &str) {
        if name == XFRIN {
            self.has_xfrin.store(true, Ordering::Release);
            self.zones().resume(self.clock.now());
            self.compare.notify_one();
            self.wake();
        }
    }

    /// A bus name of Tenon has no owner any more; or none of them has, as far as can be told.
    pub fn peer_gone(&self, name: &str) {
        if name == XFRIN {
            self.has_xfrin.store(false, Ordering::Release);
            self.xfrin_lives.send_modify(|lives| *lives += 1);
            self.wake();
        }
    }

    /// What is counted.
    #[must_use]
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// Writes down what has changed, as the last thing.
    pub fn finish(&self) {
        self.write_state();
    }

    fn zones(&self) -> MutexGuard<'_, Zones> {
        held(&self.zones)
    }

    fn troubles(&self) -> MutexGuard<'_, Troubles> {
        held(&self.troubles)
    }

    fn has_xfrin(&self) -> bool {
        self.has_xfrin.load(Ordering::Acquire)
    }

    fn current_bus(&self) -> Option<tenon_bus::Bus> {
        self.bus.get().and_then(CurrentBus::get)
    }

    fn wake(&self) {
        self.woken.notify_one();
    }
}

impl Component for Zonemgr {
    type Settings = ZonemgrSettings;

    fn apply(&self, _generation: u64, settings: &ZonemgrSettings) -> Result<(), Refusal> {
        self.keys.reload()?;
        let (_, removed) = self.zones().configure(settings, true, self.clock.now());
        // What comes from the configuration manager is what was committed.
        self.troubles().settings = None;
        if removed > 0 {
            self.compare.notify_one();
        }
        self.wake();
        Ok(())
    }

    fn counters(&self) -> Vec<(&'static CounterDefinition, u64)> {
        self.zones().gauge(self.clock.now());
        self.statistics.values()
    }
}

/// Opens the state file; one that cannot be used is put aside.
fn open_state(path: &Path) -> Result<(StateFile, Found), String> {
    let unusable = match StateFile::open(path) {
        Ok(opened) => return Ok(opened),
        Err(error) => error,
    };
    error!(
        message_id = messages::STATE_BROKEN,
        reason = %unusable,
        "the state of secondary zones cannot be read and is begun anew; the old file is put aside: {unusable}"
    );
    let again = StateFile::put_aside(path).map_err(|error| error.to_string());
    again.and_then(|()| StateFile::open(path).map_err(|error| error.to_string()))
}

/// Whether these settings are the committed ones, and not older ones that had to be taken instead, or defaults. While
/// nothing was ever committed, that is not known either.
fn is_committed(config: &Path, committed: &Committed<ZonemgrSettings>) -> bool {
    let target = std::fs::read_link(config.join(tenon_service::committed::CURRENT)).ok();
    let number = target.as_deref().and_then(|target| StoredGeneration::number(target.file_name()?.to_str()?));
    committed.generation > 0 && number == Some(committed.generation)
}

/// A lock whose holder panicked guards values that are each whole.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
