//! The life of a daemon: ready, watched, on the bus, stopped.

use std::error::Error;
use std::future::Future;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use tracing::{error, info};
use zbus::connection::Builder;

use crate::bus::{BusEvent, CurrentBus, Keeper, Register, Tell};
use crate::committed::Committed;
use crate::component::{Component, InForce, Owner};
use crate::messages;
use crate::settings::Settings;

/// How long readiness waits for the first attempt to get on the bus.
const BUS_PATIENCE: Duration = Duration::from_secs(2);
/// How long work on blocking threads may go on after the daemon was told to stop.
const STOP_PATIENCE: Duration = Duration::from_secs(2);

type Alive = Box<dyn Fn() -> bool + Send + Sync>;

/// A daemon about to run. See the crate's example for the whole of a `main`.
pub struct Daemon<C: Component> {
    owner: Arc<InForce<C>>,
    name: String,
    register: Register,
    tell: Tell,
    alive: Alive,
    bus_patience: Duration,
}

/// What a daemon's task gets of its surroundings.
#[derive(Clone, Debug)]
pub struct Running {
    /// The bus, whenever it is there.
    pub bus: CurrentBus,
}

impl Running {
    /// Shows one line in `systemctl status`.
    pub fn status(&self, line: &str) {
        let _ = sd_notify::notify(&[NotifyState::Status(line)]);
    }
}

impl<C: Component> Daemon<C> {
    /// A daemon with the settings it was built with, under its bus name, such as `org.tenon.Zonec1`.
    pub fn new(component: Arc<C>, committed: Committed<C::Settings>, bus_name: impl Into<String>) -> Self {
        Self {
            owner: Arc::new(InForce::new(component, committed)),
            name: bus_name.into(),
            register: Box::new(|builder| builder),
            tell: Box::new(|_| ()),
            alive: Box::new(|| true),
            bus_patience: BUS_PATIENCE,
        }
    }

    /// Adds the daemon's own objects; called for every new connection, before its name is asked for.
    #[must_use]
    pub fn objects(
        mut self,
        register: impl Fn(Builder<'static>) -> Builder<'static> + Send + Sync + 'static,
    ) -> Self {
        self.register = Box::new(register);
        self
    }

    /// Hears of the bus. Called within the runtime and must not block; it may `tokio::spawn`.
    #[must_use]
    pub fn on_bus_event(mut self, tell: impl Fn(BusEvent) + Send + Sync + 'static) -> Self {
        self.tell = Box::new(tell);
        self
    }

    /// Says whether the daemon's work is moving; while it says no, the watchdog is not fed. Asked several times within
    /// the watchdog's time.
    #[must_use]
    pub fn alive(mut self, alive: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        self.alive = Box::new(alive);
        self
    }

    /// Is ready without waiting for the first attempt to get on the bus: for a daemon whose work needs no bus.
    #[must_use]
    pub fn ready_without_bus(mut self) -> Self {
        self.bus_patience = Duration::ZERO;
        self
    }

    /// Runs `task` in a current-thread runtime until SIGTERM or SIGINT comes, or the task ends. A task that only keeps
    /// threads going hands in `std::future::pending()`; nothing else runs on this thread but the bus and the watchdog.
    ///
    /// The daemon is ready (`READY=1`) when the first attempt to get on the bus is over, whatever came of it.
    pub fn run<F, T>(self, task: F) -> ExitCode
    where
        F: FnOnce(Running) -> T,
        T: Future<Output = Result<(), Box<dyn Error + Send + Sync>>>,
    {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return failed(&error),
        };
        let outcome = runtime.block_on(self.live(task));
        runtime.shutdown_timeout(STOP_PATIENCE);
        match outcome {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failed(error.as_ref()),
        }
    }

    async fn live<F, T>(self, task: F) -> Result<(), Box<dyn Error + Send + Sync>>
    where
        F: FnOnce(Running) -> T,
        T: Future<Output = Result<(), Box<dyn Error + Send + Sync>>>,
    {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let (current, bus) = Keeper::channel();
        let (ready_usec, attempted) = (Arc::new(OnceLock::new()), Arc::new(Notify::new()));
        let owner: Arc<dyn Owner> = self.owner.clone();
        let keeper = Keeper {
            name: self.name,
            owner,
            register: self.register,
            tell: self.tell,
            ready_usec: ready_usec.clone(),
            current,
            attempted: attempted.clone(),
        };
        tokio::spawn(keeper.run());
        tokio::spawn(feed_watchdog(self.alive));
        let ready = async {
            let _ = tokio::time::timeout(self.bus_patience, attempted.notified()).await;
            ready_usec.get_or_init(now_usec);
            say_ready(C::Settings::COMPONENT, self.owner.generation());
            std::future::pending::<()>().await;
        };
        let outcome = tokio::select! {
            outcome = task(Running { bus }) => outcome,
            () = ready => Ok(()),
            _ = terminate.recv() => Ok(()),
            _ = interrupt.recv() => Ok(()),
        };
        let _ = sd_notify::notify(&[NotifyState::Stopping]);
        info!(message_id = messages::STOPPING, "stopping");
        outcome
    }
}

fn say_ready(component: &str, generation: u64) {
    let _ = sd_notify::notify(&[NotifyState::Ready]);
    info!(
        message_id = messages::STARTED,
        component, generation, "ready with settings of generation {generation}"
    );
}

/// Feeds the service manager's watchdog, if it watches, while `alive` says so.
async fn feed_watchdog(alive: Alive) {
    let Some(limit) = sd_notify::watchdog_enabled() else { return };
    feed(limit, alive, || {
        let _ = sd_notify::notify(&[NotifyState::Watchdog]);
    })
    .await;
}

/// Feeds several times within `limit` while `alive` says so, and says once that it does not.
async fn feed(limit: Duration, alive: Alive, feed: impl Fn()) {
    let mut ticks = tokio::time::interval((limit / 4).max(Duration::from_millis(1)));
    let mut complained = false;
    loop {
        ticks.tick().await;
        if alive() {
            complained = false;
            feed();
        } else if !std::mem::replace(&mut complained, true) {
            error!(message_id = messages::NOT_ALIVE, "the work has stopped moving; the watchdog is not fed");
        }
    }
}

fn failed(error: &(dyn Error + 'static)) -> ExitCode {
    error!(message_id = messages::FAILED, reason = %error, "ending: {error}");
    ExitCode::FAILURE
}

/// Microseconds since the epoch.
pub fn now_usec() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[tokio::test]
    async fn the_watchdog_is_fed_only_while_the_work_moves() {
        let (asked, fed) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let (ask, eat, moved) = (asked.clone(), fed.clone(), Arc::new(Notify::new()));
        let done = moved.clone();
        // Stuck for the first five questions, moving from then on.
        let alive: Alive = Box::new(move || ask.fetch_add(1, Ordering::Relaxed) >= 5);
        let feeding = feed(Duration::from_millis(4), alive, move || {
            eat.fetch_add(1, Ordering::Relaxed);
            done.notify_one();
        });
        tokio::select! {
            () = feeding => {}
            () = moved.notified() => {}
        }
        // On a busy machine it may have been fed more than once before that was seen here.
        let (asked, fed) = (asked.load(Ordering::Relaxed), fed.load(Ordering::Relaxed));
        assert!(fed > 0 && asked == fed + 5, "asked {asked} times, fed {fed} times");
    }
}
