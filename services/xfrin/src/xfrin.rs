//! The service: jobs in hand, the quotas they wait for, the store.

pub mod bus;
mod refresh;

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tenon_bus::ZoneEvent;
use tenon_datasrc::{DataSource, Error};
use tenon_service::jobs::{FinishedJob, Jobs, TooManyJobs};
use tenon_service::{Component, CounterDefinition, CurrentBus, Keys, Refusal};
use tenon_tsig::Key;
use tenon_wire::Name;
use tokio::sync::{Notify, mpsc};
use tracing::{error, info, warn};

use crate::messages;
use crate::primary::Primary;
use crate::quota::{Place, Quota};
use crate::settings::XfrinSettings;
use crate::silence::Silences;
use crate::statistics::{Statistics, add, count, set};
use crate::store::Store;
use crate::way::Upstream;

/// Jobs that ended and are remembered.
const REMEMBERED: usize = 4096;
/// How long old versions lie before they are cleared, so that a burst of transfers is not held up.
const TIDY_AFTER: Duration = Duration::from_secs(2);
/// Longest time between two looks for versions to be cleared.
const TIDY_EVERY: Duration = Duration::from_secs(300);
/// Quotas of primaries are looked through for unused ones when there are so many.
const MANY_PRIMARIES: usize = 64;

/// What is to be done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Order {
    /// The zone, in lower case.
    pub zone: Name,
    /// Where it comes from, in the order of trying.
    pub primaries: Vec<Upstream>,
    /// Transfer without asking for the serial.
    pub force: bool,
    /// When it was asked for.
    pub asked: Instant,
}

/// Why no job began.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum OrderError {
    /// Too many.
    #[error(transparent)]
    TooMany(#[from] TooManyJobs),
    /// An unforced job is in the way.
    #[error("zone {zone} is being refreshed already (job {job}); wait for that or cancel it first")]
    InTheWay {
        /// The zone.
        zone: Name,
        /// Number of the job.
        job: u64,
    },
}

/// The service.
#[derive(Debug)]
pub struct Xfrin {
    /// The store of secondary zones.
    pub store: Store,
    /// All jobs.
    pub jobs: Jobs,
    keys: Arc<Keys>,
    statistics: Arc<Statistics>,
    settings: Mutex<Arc<XfrinSettings>>,
    in_hand: Mutex<HashMap<Name, InHand>>,
    /// Told when a job has ended.
    ended: Notify,
    transfers: Arc<Quota>,
    queries: Arc<Quota>,
    by_primary: Mutex<HashMap<IpAddr, Arc<Quota>>>,
    silences: Silences,
    threads: Arc<Threads>,
    bus: OnceLock<CurrentBus>,
    /// What is wrong with the store.
    trouble: Mutex<Option<String>>,
    /// Told when there are versions to be cleared.
    untidy: Notify,
}

#[derive(Clone, Copy, Debug)]
struct InHand {
    job: u64,
    force: bool,
}

/// How many threads of transfers there are.
#[derive(Debug, Default)]
struct Threads {
    count: Mutex<usize>,
    fewer: Condvar,
}

/// Says that a thread goes on.
struct Thread(Arc<Threads>);

/// A zone that is in hand; free again when dropped.
struct Hold<'x> {
    xfrin: &'x Xfrin,
    zone: Name,
}

/// Has all jobs given up when dropped: when the daemon is told to stop.
struct GiveUp<'x>(&'x Jobs);

impl Xfrin {
    /// The service with these settings. Gives the ends of jobs, to be told on the bus.
    pub fn new(
        store: &Path,
        keys: Arc<Keys>,
        settings: &XfrinSettings,
    ) -> (Self, mpsc::Receiver<FinishedJob>) {
        let (jobs, news) = Jobs::new(settings.jobs as usize, REMEMBERED);
        let xfrin = Self {
            store: Store::new(store),
            keys,
            jobs,
            statistics: Arc::new(Statistics::default()),
            settings: Mutex::new(Arc::new(settings.clone())),
            in_hand: Mutex::default(),
            ended: Notify::new(),
            transfers: Arc::new(Quota::new(settings.transfers_in as usize)),
            queries: Arc::new(Quota::new(settings.soa_queries as usize)),
            by_primary: Mutex::default(),
            silences: Silences::default(),
            threads: Arc::default(),
            bus: OnceLock::new(),
            trouble: Mutex::default(),
            untidy: Notify::new(),
        };
        (xfrin, news)
    }

    /// The key that a primary wants questions signed with; fails with its name when it is not there.
    fn key_of(&self, upstream: &Upstream) -> Result<Option<Arc<Key>>, String> {
        let Some(name) = &upstream.way.key else { return Ok(None) };
        self.keys.ring().find(name).cloned().map(Some).ok_or_else(|| name.clone())
    }

    /// Serves until dropped, and then has all jobs given up.
    pub async fn run(&self, bus: CurrentBus) {
        let _give_up = GiveUp(&self.jobs);
        let _first = self.bus.set(bus);
        self.untidy.notify_one();
        loop {
            // By the clock too, for what could not be cleared.
            let _ = tokio::time::timeout(TIDY_EVERY, self.untidy.notified()).await;
            self.tidy().await;
            tokio::time::sleep(TIDY_AFTER).await;
        }
    }

    /// Waits, at most so long, until no transfer is under way any more: to be called when all were given up.
    pub fn wait_for_threads(&self, limit: Duration) {
        let count = held(&self.threads.count);
        let (left, _) = self
            .threads
            .fewer
            .wait_timeout_while(count, limit, |count| *count > 0)
            .unwrap_or_else(PoisonError::into_inner);
        if *left > 0 {
            warn!("{} transfers did not end in time; what they leave is cleared at the next start", *left);
        }
    }

    /// Begins a job, or gives the number of the one that has the zone in hand.
    ///
    /// # Errors
    /// See [`OrderError`].
    pub fn order(self: &Arc<Self>, order: Order) -> Result<u64, OrderError> {
        let mut in_hand = held(&self.in_hand);
        if let Some(known) = in_hand.get(&order.zone) {
            if order.force && !known.force {
                return Err(OrderError::InTheWay { zone: order.zone, job: known.job });
            }
            return Ok(known.job);
        }
        let job = self.jobs.begin("refresh", &order.zone.to_string()).inspect_err(|_| {
            count(&self.statistics.jobs_refused);
        })?;
        let number = job.number();
        in_hand.insert(order.zone.clone(), InHand { job: number, force: order.force });
        let (xfrin, job) = (Arc::clone(self), Arc::new(job));
        tokio::spawn(async move {
            let hold = Hold { xfrin: &xfrin, zone: order.zone.clone() };
            let report = xfrin.refresh(&job, &order).await;
            // The zone is free before its job is seen to have ended: who waited may ask again at once.
            drop(hold);
            job.finish(report.state(), report.details());
        });
        Ok(number)
    }

    /// Removes a zone from the store, after its job has been given up; false when it is not there.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn remove(&self, zone: &Name) -> Result<bool, Error> {
        loop {
            let ended = self.ended.notified();
            let Some(job) = held(&self.in_hand).get(zone).map(|known| known.job) else { break };
            self.jobs.cancel(job);
            // The clock is for an end between the look and the wait.
            let _ = tokio::time::timeout(Duration::from_millis(200), ended).await;
        }
        let origin = zone.clone();
        let removed = self.with_store(move |store| store.open()?.remove(origin.as_ref())).await?;
        if removed {
            count(&self.statistics.zones_removed);
            info!(message_id = messages::REMOVED, zone = %zone, "zone {zone} removed from the store of secondary zones");
            self.tell(&ZoneEvent::Removed { zone: zone.to_string() }).await;
            self.untidy.notify_one();
        }
        Ok(removed)
    }

    /// What is wrong, one sentence each.
    pub fn faults(&self) -> Vec<String> {
        held(&self.trouble).iter().cloned().collect()
    }

    /// Uses the store on a thread that may block, and notes whether it is well.
    ///
    /// # Errors
    /// Those of `work`.
    pub async fn with_store<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let store = self.store.clone();
        let outcome = tokio::task::spawn_blocking(move || work(&store)).await;
        let outcome = outcome.unwrap_or_else(|error| Err(self.store.broke_off(&error)));
        self.judge_store(outcome.as_ref().err());
        outcome
    }

    /// The settings in force.
    fn settings(&self) -> Arc<XfrinSettings> {
        Arc::clone(&held(&self.settings))
    }

    /// Waits for a place among the transfers, of this primary and of all.
    async fn enter_transfer(&self, primary: Primary) -> [Place; 2] {
        let ip = primary.0.ip();
        let quota = {
            let mut quotas = held(&self.by_primary);
            if quotas.len() >= MANY_PRIMARIES {
                quotas.retain(|_, quota| Arc::strong_count(quota) > 1);
            }
            let size = self.settings().transfers_per_primary as usize;
            Arc::clone(quotas.entry(ip).or_insert_with(|| Arc::new(Quota::new(size))))
        };
        // In this order: who waits for a busy primary takes no place from the others.
        [quota.enter().await, Arc::clone(&self.transfers).enter().await]
    }

    async fn tell(&self, event: &ZoneEvent) {
        if let Some(bus) = self.bus.get().and_then(CurrentBus::get) {
            // Listeners look by themselves as well.
            let _gone = bus.emit_zone_event(event).await;
        }
    }

    /// Clears old versions and what killed processes left.
    async fn tidy(&self) {
        match self.with_store(|store| store.open()?.clear_leftovers()).await {
            Ok(0) => {}
            Ok(versions) => {
                add(&self.statistics.leftovers, versions);
                info!(message_id = messages::CLEARED, versions, "{versions} old zone versions cleared");
            }
            Err(error) => warn!("cannot clear old zone versions: {error}; trying again later"),
        }
    }

    fn judge_store(&self, failure: Option<&Error>) {
        let mut trouble = held(&self.trouble);
        match failure {
            None => {
                if trouble.take().is_some() {
                    info!(
                        message_id = messages::STORE_BACK,
                        "the store of secondary zones can be used again"
                    );
                }
            }
            Some(Error::ZoneBusy { .. } | Error::VersionGone { .. }) => {}
            Some(failure) => {
                let reason = format!("the store of secondary zones cannot be used: {failure}");
                if trouble.as_ref() != Some(&reason) {
                    error!(message_id = messages::STORE_BROKEN, reason = %failure, "{reason}");
                    *trouble = Some(reason);
                }
            }
        }
    }
}

impl Component for Xfrin {
    type Settings = XfrinSettings;

    fn apply(&self, _: u64, settings: &XfrinSettings) -> Result<(), Refusal> {
        self.keys.reload()?;
        *held(&self.settings) = Arc::new(settings.clone());
        self.jobs.set_most_open(settings.jobs as usize);
        self.transfers.resize(settings.transfers_in as usize);
        self.queries.resize(settings.soa_queries as usize);
        let quotas = held(&self.by_primary);
        quotas.values().for_each(|quota| quota.resize(settings.transfers_per_primary as usize));
        Ok(())
    }

    fn counters(&self) -> Vec<(&'static CounterDefinition, u64)> {
        let (waiting, running) = self.jobs.open();
        set(&self.statistics.jobs_waiting, waiting as u64);
        set(&self.statistics.jobs_running, running as u64);
        self.statistics.values()
    }
}

impl Threads {
    fn begin(self: &Arc<Self>) -> Thread {
        *held(&self.count) += 1;
        Thread(Arc::clone(self))
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        *held(&self.0.count) -= 1;
        self.0.fewer.notify_all();
    }
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        held(&self.xfrin.in_hand).remove(&self.zone);
        self.xfrin.ended.notify_waiters();
    }
}

impl Drop for GiveUp<'_> {
    fn drop(&mut self) {
        self.0.cancel_all();
    }
}

/// A lock whose holder panicked guards values that are each changed in one step.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
