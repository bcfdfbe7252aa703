//! The loader as a service, for those who may not write the store themselves: `tenon-loader`, started by the bus.
//!
//! What is sent is a file that is open; it is read as this service, so nothing can be included from it. Everything else
//! is as the tool does it.

pub mod bus;
mod messages;
pub mod program;
mod settings;
mod statistics;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use serde_json::{Map, Value};
use tenon_bus::{JobState, ZoneEvent};
use tenon_datasrc::DataSource;
use tenon_service::jobs::{FinishedJob, Jobs, OpenJob};
use tenon_service::{Component, CounterDefinition, CurrentBus, Refusal};
use tenon_wire::{Name, NameRef};
use tokio::sync::{Notify, Semaphore, mpsc};
use tracing::{info, warn};

pub use settings::LoaderSettings;
use statistics::{Statistics, count, set};

use crate::findings::{Finding, Severity};
use crate::load::{Expect, Loader};
use crate::outcome::{Outcome, ZoneResult};
use crate::progress::{Progress, Watcher};
use crate::signals::Stop;
use crate::store;

/// Jobs that ended and are remembered.
const REMEMBERED: usize = 1024;

/// What is to be loaded.
#[derive(Debug)]
pub struct Order {
    /// The zone, in lower case.
    pub zone: Name,
    /// Its master file, at its beginning.
    pub file: File,
    /// Check it only, and store nothing.
    pub check: bool,
    /// Load it though its serial goes back or nothing changed.
    pub force: bool,
    /// Which version is to be replaced.
    pub expect: Expect,
}

/// Why no job began, or nothing was removed.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// As many jobs as may be are under way.
    #[error(transparent)]
    TooMany(#[from] tenon_service::jobs::TooManyJobs),
    /// It will not do.
    #[error("{0}")]
    Unfit(String),
    /// The stored version is another.
    #[error("{0}")]
    Missed(String),
    /// The store.
    #[error("{0}")]
    Store(String),
}

/// The service.
#[derive(Debug)]
pub struct LoadService {
    store: PathBuf,
    jobs: Jobs,
    settings: Mutex<LoaderSettings>,
    /// Places for loads at a time; only ever grows or shrinks by settings.
    places: Mutex<Arc<Semaphore>>,
    statistics: Arc<Statistics>,
    bus: OnceLock<CurrentBus>,
}

/// A job that is told how far its load is.
struct Watched {
    job: Arc<OpenJob>,
    stop: Stop,
}

impl Watcher for Watched {
    fn phase(&self, what: &str, unit: &'static str, total: u64) {
        self.job.enter(what, unit, total);
    }

    fn done(&self, done: u64) {
        self.job.set_done(done);
        if self.job.is_cancelled() {
            self.stop.request();
        }
    }
}

impl LoadService {
    /// The service with these settings. Gives the ends of jobs, to be told on the bus.
    #[must_use]
    pub fn new(store: &Path, settings: &LoaderSettings) -> (Self, mpsc::Receiver<FinishedJob>) {
        let (jobs, news) = Jobs::new(settings.jobs as usize, REMEMBERED);
        let service = Self {
            store: store.to_owned(),
            jobs,
            settings: Mutex::new(settings.clone()),
            places: Mutex::new(Arc::new(Semaphore::new(settings.loads as usize))),
            statistics: Arc::default(),
            bus: OnceLock::new(),
        };
        (service, news)
    }

    /// Serves until dropped, and then has all jobs given up.
    pub async fn run(&self, bus: CurrentBus) {
        let _first = self.bus.set(bus);
        let _give_up = GiveUp(&self.jobs);
        std::future::pending::<()>().await;
    }

    /// Begins a job; gives its number.
    ///
    /// # Errors
    /// See [`OrderError`].
    pub fn order(self: &Arc<Self>, order: Order) -> Result<u64, OrderError> {
        let limit = held(&self.settings).max_octets;
        let metadata = order.file.metadata().map_err(|error| OrderError::Unfit(error.to_string()))?;
        if !metadata.is_file() {
            return Err(OrderError::Unfit("what was sent is no regular file".to_owned()));
        }
        if metadata.len() > limit {
            count(&self.statistics.too_large);
            let reason = format!("{} octets are more than loader/max_octets, {limit}", metadata.len());
            return Err(OrderError::Unfit(reason));
        }
        let kind = if order.check { "check" } else { "load" };
        let job = self.jobs.begin(kind, &order.zone.to_string()).inspect_err(|_| {
            count(&self.statistics.jobs_refused);
        })?;
        let number = job.number();
        let service = Arc::clone(self);
        tokio::spawn(async move {
            let places = Arc::clone(&held(&service.places));
            // It is never closed.
            let place = places.acquire().await;
            let result = service.load(Arc::new(job), order).await;
            drop(place);
            if let Some((job, result)) = result {
                job.finish(state_of(&result), details(&result));
            }
        });
        Ok(number)
    }

    /// Loads on a thread that may block; `None` when that broke off, which ends the job as well.
    async fn load(&self, job: Arc<OpenJob>, order: Order) -> Option<(Arc<OpenJob>, ZoneResult)> {
        if job.is_cancelled() {
            return Some((job, ZoneResult::new(order.zone.to_string(), Outcome::Interrupted)));
        }
        let (path, told) = (self.store.clone(), Arc::clone(&job));
        let coming = Arc::new(Notify::new());
        let (zone, seen) = (order.zone.to_string(), Arc::clone(&coming));
        let mut work = tokio::task::spawn_blocking(move || load(&path, told, order, &seen));
        let result = tokio::select! {
            result = &mut work => result.ok()?,
            () = coming.notified() => {
                self.tell(&ZoneEvent::Coming { zone }).await;
                work.await.ok()?
            }
        };
        match (result.outcome, result.serial) {
            (Outcome::Loaded, Some(serial)) => {
                count(&self.statistics.zones_loaded);
                let zone = result.zone.clone();
                info!(
                    message_id = messages::LOADED,
                    zone = %zone,
                    serial,
                    "zone {zone} loaded with serial {serial}"
                );
                self.tell(&ZoneEvent::Changed { zone, serial, cause: "load".to_owned() }).await;
            }
            (Outcome::Checked, _) => {}
            (Outcome::Unchanged, _) => count(&self.statistics.zones_unchanged),
            (outcome, _) => {
                count(&self.statistics.zones_refused);
                let reason = reason(&result);
                warn!(
                    message_id = messages::NOT_LOADED,
                    zone = %result.zone,
                    reason = %reason,
                    "zone {} not loaded ({outcome:?}): {reason}", result.zone
                );
            }
        }
        Some((job, result))
    }

    /// Removes a zone from the store; false when it is not there.
    ///
    /// # Errors
    /// See [`OrderError`].
    pub async fn remove(&self, zone: Name, expect: Expect) -> Result<bool, OrderError> {
        let path = self.store.clone();
        let gone = zone.clone();
        let work = tokio::task::spawn_blocking(move || {
            let source = store::open(&path, false).map_err(OrderError::Store)?;
            let failed = |error| OrderError::Store(store::explain(&error));
            let stored = source.zone(gone.as_ref()).map_err(failed)?;
            if let Some(reason) = expect.missed(gone.as_ref(), stored.as_ref()) {
                return Err(OrderError::Missed(reason));
            }
            let removed = source.remove(gone.as_ref()).map_err(failed)?;
            if removed {
                // Tidying, which anybody can do later.
                let _ = source.clear_leftovers();
            }
            Ok(removed)
        });
        let removed = work.await.map_err(|error| OrderError::Store(error.to_string()))??;
        if removed {
            count(&self.statistics.zones_removed);
            info!(message_id = messages::REMOVED, zone = %zone, "zone {zone} removed");
            self.tell(&ZoneEvent::Removed { zone: zone.to_string() }).await;
        }
        Ok(removed)
    }

    async fn tell(&self, event: &ZoneEvent) {
        if let Some(bus) = self.bus.get().and_then(CurrentBus::get) {
            // Listeners look by themselves as well.
            let _gone = bus.emit_zone_event(event).await;
        }
    }
}

impl Component for LoadService {
    type Settings = LoaderSettings;

    fn apply(&self, _: u64, settings: &LoaderSettings) -> Result<(), Refusal> {
        *held(&self.settings) = settings.clone();
        self.jobs.set_most_open(settings.jobs as usize);
        // Loads under way keep the places they have.
        *held(&self.places) = Arc::new(Semaphore::new(settings.loads as usize));
        Ok(())
    }

    fn counters(&self) -> Vec<(&'static CounterDefinition, u64)> {
        let (waiting, running) = self.jobs.open();
        set(&self.statistics.jobs_waiting, waiting as u64);
        set(&self.statistics.jobs_running, running as u64);
        self.statistics.values()
    }
}

/// Has all jobs given up when dropped: when the daemon is told to stop.
struct GiveUp<'x>(&'x Jobs);

impl Drop for GiveUp<'_> {
    fn drop(&mut self) {
        self.0.cancel_all();
    }
}

/// Does it; `seen` is told once when a part of a large zone can be seen.
fn load(path: &Path, job: Arc<OpenJob>, order: Order, seen: &Notify) -> ZoneResult {
    let Order { zone, file, check, force, expect } = order;
    let source = match (!check).then(|| store::open(path, false)).transpose() {
        Ok(source) => source,
        Err(reason) => {
            let mut result = ZoneResult::new(zone.to_string(), Outcome::Failed);
            result.findings.push(Finding::general(Severity::Error, reason));
            return result;
        }
    };
    let stop = Stop::default();
    job.enter("reading", "octets", 0);
    let progress = Progress::watched(Arc::new(Watched { job, stop: stop.clone() }));
    let coming = |_: NameRef<'_>| seen.notify_one();
    let source_ref = source.as_ref();
    let loader =
        Loader { source: source_ref, force, progress: &progress, stop: &stop, expect, coming: &coming };
    let result = loader.load_open(&zone, file);
    if let (Outcome::Loaded, Some(source)) = (result.outcome, &source) {
        // Tidying, which anybody can do later.
        let _ = source.clear_leftovers();
    }
    result
}

fn state_of(result: &ZoneResult) -> JobState {
    match result.outcome {
        Outcome::Interrupted => JobState::Cancelled,
        _ if result.is_good() => JobState::Done,
        _ => JobState::Failed,
    }
}

/// Why it was not loaded; the first reason of several.
fn reason(result: &ZoneResult) -> String {
    let error = result.findings.iter().find(|finding| finding.severity == Severity::Error);
    error.map(told).unwrap_or_default()
}

fn told(finding: &Finding) -> String {
    match finding.line {
        Some(line) => format!("line {line}: {}", finding.reason),
        None => finding.reason.clone(),
    }
}

fn details(result: &ZoneResult) -> Map<String, Value> {
    let of = |severity| -> Value {
        let found = result.findings.iter().filter(|finding| finding.severity == severity);
        found.map(told).collect::<Vec<_>>().into()
    };
    let mut details = Map::new();
    let mut note = |key: &str, value: Value| {
        details.insert(key.to_owned(), value);
    };
    note("outcome", serde_json::to_value(result.outcome).unwrap_or_default());
    note("records", result.records.into());
    note("errors", of(Severity::Error));
    note("warnings", of(Severity::Warning));
    if let Some(serial) = result.serial {
        note("serial", serial.into());
    }
    if !result.is_good() {
        note("reason", reason(result).into());
    }
    details
}

/// A lock whose holder panicked guards what was last complete.
fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}
