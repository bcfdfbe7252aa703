//! The zone compiler: what its threads and its bus face share.

pub mod bus;
mod early;
mod layering;
mod publish;
mod work;
mod zones;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tenon_bus::ZoneEvent;
use tenon_image::ImageFile;
use tenon_service::{Component, CounterDefinition, Refusal};
use tenon_wire::Name;
use tokio::sync::mpsc;
use tracing::{error, info, warn};

use crate::bell::Bell;
use crate::images::{Found, Images};
use crate::ledger::Ledger;
use crate::messages;
use crate::plan::Wanted;
use crate::settings::ZonecSettings;
use crate::statistics::Statistics;
use crate::store::{Store, StorePlace};

use self::early::Early;
pub use self::zones::{StoredZone, ZoneQueryError};

/// News that wait to be told on the bus; when there are more, some are not told: they are hints.
const MOST_NEWS: usize = 65_536;
/// A thread that gave no sign for so long is stuck.
const LONGEST_SILENCE: Duration = Duration::from_secs(60);

/// Something to tell on the bus.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum News {
    /// To everybody.
    Zone(ZoneEvent),
    /// The properties of the zone compiler may have changed.
    Properties,
}

/// Work for the thread beside.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Task {
    /// Compile a large zone.
    Compile(Wanted),
    /// Compile a zone whole, to take the place of these files of it.
    Merge {
        /// The version that the files show.
        wanted: Wanted,
        /// Its base and layers.
        files: Vec<ImageFile>,
    },
    /// Clear what nobody needs any more from the stores.
    Clear,
}

/// The zone compiler. No lock is held while a file is compiled; where two are held, it is `tasks` before `ledger`.
pub struct Zonec {
    places: Vec<StorePlace>,
    images: Mutex<Images>,
    ledger: Mutex<Ledger>,
    settings: Mutex<ZonecSettings>,
    tasks: Mutex<VecDeque<Task>>,
    early: Mutex<Early>,
    news: mpsc::Sender<News>,
    /// When the threads last moved, in milliseconds since `started`.
    beats: [AtomicU64; 2],
    started: Instant,
    /// The stores are to be compared although nothing may have changed in them.
    hinted: AtomicBool,
    unavailable: PathBuf,
    /// What is counted.
    pub statistics: Statistics,
    /// Rung when there may be something to see.
    pub look: Bell,
    /// Rung when there is a task.
    pub task_added: Bell,
}

/// The threads that must keep moving.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lane {
    /// Compares, and compiles small and middling zones.
    Main = 0,
    /// Compiles large zones and clears the stores.
    Beside = 1,
}

impl Zonec {
    /// Opens the image directory and deletes what an earlier process left unfinished there. Gives the news to be told.
    /// `unavailable` is the file in which the zone manager says which zones are not to be answered.
    #[must_use]
    pub fn start(
        directory: &Path,
        places: Vec<StorePlace>,
        unavailable: &Path,
        settings: ZonecSettings,
    ) -> (Arc<Self>, mpsc::Receiver<News>) {
        let (images, found) = Images::open(directory);
        let (news, receiver) = mpsc::channel(MOST_NEWS);
        let zonec = Self {
            places,
            images: Mutex::new(images),
            ledger: Mutex::default(),
            settings: Mutex::new(settings),
            tasks: Mutex::new(VecDeque::from([Task::Clear])),
            early: Mutex::default(),
            news,
            beats: [AtomicU64::new(0), AtomicU64::new(0)],
            started: Instant::now(),
            hinted: AtomicBool::new(true),
            unavailable: unavailable.to_owned(),
            statistics: Statistics::default(),
            look: Bell::default(),
            task_added: Bell::default(),
        };
        if let Found::NoManifest(error) = found {
            error!(
                message_id = messages::MANIFEST_BROKEN,
                reason = %error,
                "the manifest cannot be used and all zones are compiled anew: {error}"
            );
        }
        for zone in zonec.images().broken() {
            warn!(message_id = messages::IMAGE_MISSING, zone = %zone, "zone {zone}: its image is gone or cut; making it anew");
        }
        zonec.sweep();
        (Arc::new(zonec), receiver)
    }

    /// Handles of a thread's own on the stores.
    #[must_use]
    pub fn stores(&self) -> Vec<Store> {
        self.places.iter().cloned().map(Store::new).collect()
    }

    /// The settings in force.
    #[must_use]
    pub fn settings(&self) -> ZonecSettings {
        held(&self.settings).clone()
    }

    /// Has the stores looked at soon.
    pub fn hint(&self) {
        Statistics::add(&self.statistics.hints, 1);
        self.look_again();
    }

    /// Has the stores compared with the manifest soon.
    pub fn look_again(&self) {
        self.hinted.store(true, Ordering::Release);
        self.look.ring();
    }

    /// Whether somebody asked for a comparison since the last call.
    pub fn take_hint(&self) -> bool {
        self.hinted.swap(false, Ordering::AcqRel)
    }

    /// Where the zone manager says which zones are not to be answered.
    #[must_use]
    pub fn unavailable(&self) -> &Path {
        &self.unavailable
    }

    /// The thread is moving.
    pub fn beat(&self, lane: Lane) {
        let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.beats[lane as usize].store(now, Ordering::Relaxed);
    }

    /// Whether all threads moved lately.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.beats.iter().all(|beat| {
            let last = Duration::from_millis(beat.load(Ordering::Relaxed));
            self.started.elapsed().saturating_sub(last) < LONGEST_SILENCE
        })
    }

    /// The manifest and its directory.
    pub fn images(&self) -> MutexGuard<'_, Images> {
        held(&self.images)
    }

    /// What is under way and what is wrong.
    pub fn ledger(&self) -> MutexGuard<'_, Ledger> {
        held(&self.ledger)
    }

    /// Gives the thread beside something to do.
    pub fn add_task(&self, task: Task) {
        let mut tasks = held(&self.tasks);
        if let Task::Compile(wanted) = &task {
            self.ledger().begin(&wanted.entry);
        }
        if !tasks.contains(&task) {
            tasks.push_back(task);
        }
        self.task_added.ring();
    }

    /// Has layers merged beside, unless that waits already.
    fn add_merge(&self, merge: Task) {
        let origin = |task: &Task| match task {
            Task::Merge { wanted, .. } => Some(wanted.entry.origin.clone()),
            Task::Compile(_) | Task::Clear => None,
        };
        let waits = held(&self.tasks).iter().any(|task| origin(task) == origin(&merge));
        if !waits {
            self.add_task(merge);
        }
    }

    /// The next thing to do of those that may be done; clearing comes last.
    pub fn take_task(&self, may_be_done: &dyn Fn(&Task) -> bool) -> Option<Task> {
        let mut tasks = held(&self.tasks);
        let first = tasks.iter().position(|task| *task != Task::Clear && may_be_done(task));
        let at = first.or_else(|| tasks.iter().position(may_be_done))?;
        tasks.remove(at)
    }

    /// Notes that something that is not a zone is in trouble; tells and logs it once.
    pub fn trouble(&self, with: &str, message_id: &'static str, reason: String) {
        if self.ledger().trouble(with, reason.clone()) {
            error!(message_id, storage = with, reason, "{reason}");
            self.tell(News::Properties);
        }
    }

    /// Notes that something is well (again); true when it was not.
    pub fn well(&self, with: &str) -> bool {
        let was_troubled = self.ledger().well(with);
        if was_troubled {
            self.tell(News::Properties);
        }
        was_troubled
    }

    /// Deletes files that nothing names.
    pub fn sweep(&self) {
        let outcome = self.images().sweep();
        match outcome {
            Ok(0) => {}
            Ok(files) => {
                info!(message_id = messages::SWEPT, files, "{files} files deleted that no image needs");
            }
            Err(error) => warn!("cannot delete files that no image needs: {error}, ignoring"),
        }
    }

    /// Has something told on the bus.
    pub fn tell(&self, news: News) {
        // When so much waits already, listeners will look at everything anyway.
        let _ = self.news.try_send(news);
    }
}

impl Component for Zonec {
    type Settings = ZonecSettings;

    fn apply(&self, _generation: u64, settings: &ZonecSettings) -> Result<(), Refusal> {
        *held(&self.settings) = settings.clone();
        self.look_again();
        Ok(())
    }

    fn counters(&self) -> Vec<(&'static CounterDefinition, u64)> {
        let zones = self.images().manifest().zones.len() as u64;
        self.statistics.zones.store(zones, Ordering::Relaxed);
        self.statistics.zones_failed_now.store(self.ledger().failed() as u64, Ordering::Relaxed);
        self.statistics.values()
    }
}

/// A zone's name as it is told: lower case with the final dot.
fn text(origin: &Name) -> String {
    origin.as_ref().to_lowercase().to_string()
}

/// A lock whose holder panicked guards values that are each replaced as a whole.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
