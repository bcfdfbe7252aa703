//! NOTIFY: tells servers that a zone has changed (RFC 1996).
//!
//! What is to be told follows from two things that are kept: the zones that are served, and the serials that were told.
//! A signal only makes us look earlier. A zone counts as told when each of its servers has answered, whatever it said, or
//! was given up.

pub mod message;
pub mod targets;
pub mod teller;
pub mod told;

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tenon_bus::{Auth1, Bus, names};
use tenon_image::{Catalog, Fault, ServedZone, ZoneImage};
use tenon_service::CurrentBus;
use tenon_wire::Name;
use tenon_wire::message::Rcode;
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tracing::{debug, error, info, warn};

use crate::messages;
use crate::settings::Rules;
use crate::statistics::{Statistics, add, set};
use crate::stream::soa_data;
use crate::zones::Zones;
use teller::{Ended, Notice, Outcome, Teller};
use told::Told;

/// Zones whose servers are told at once; the others come when these are done.
const ZONES_MAX: usize = 20_000;
/// How often to look at the manifest without being told.
const LOOK: Duration = Duration::from_secs(2);
/// How long tenon-auth may take to serve what is told.
const AUTH_PATIENCE: Duration = Duration::from_secs(3);
/// The same where nobody can be asked: auth looks at the manifest every two seconds.
const WITHOUT_BUS: Duration = Duration::from_millis(2500);
/// Shortest time between two writes of who was told.
const KEEP: Duration = Duration::from_secs(5);
/// A write may take one part in so many of all time.
const KEEP_SHARE: u32 = 100;
/// How long a server that did not answer is told of among the faults.
const SILENCE: Duration = Duration::from_secs(3600);
/// Most faults told.
const FAULTS: usize = 100;

/// Why servers cannot be told of a zone.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// There is no such zone.
    #[error("zone {0} is not served")]
    NoSuchZone(Name),
    /// There is no data of it.
    #[error("zone {0} cannot be told of: {1}")]
    Unavailable(Name, String),
}

/// Tells servers.
#[derive(Debug)]
pub struct Notifier {
    zones: Arc<Zones>,
    rules: Arc<RwLock<Arc<Rules>>>,
    statistics: Arc<Statistics>,
    state: Mutex<State>,
    ended: UnboundedSender<Ended>,
    /// Something may have changed.
    look: Notify,
}

#[derive(Debug)]
struct State {
    told: Told,
    pending: HashMap<Name, Pending>,
    tellers: HashMap<SocketAddr, Lane>,
    silent: BTreeMap<SocketAddr, Silent>,
    rounds: u64,
    /// Zones left out because too many are being told.
    left_out: usize,
    keep_fault: Option<String>,
}

/// A zone whose servers are being told.
#[derive(Debug)]
struct Pending {
    serial: u32,
    round: u64,
    /// Servers that are not done.
    left: usize,
}

/// The way to a teller.
#[derive(Debug)]
struct Lane {
    orders: UnboundedSender<Notice>,
    outstanding: usize,
}

/// A server that does not answer.
#[derive(Debug)]
struct Silent {
    notices: u64,
    last: Instant,
}

impl Notifier {
    /// A notifier that keeps in `directory` who was told. The receiver is for [`Notifier::run`].
    #[must_use]
    pub fn new(
        zones: Arc<Zones>,
        rules: Arc<RwLock<Arc<Rules>>>,
        statistics: Arc<Statistics>,
        directory: &Path,
    ) -> (Arc<Self>, UnboundedReceiver<Ended>) {
        let (ended, receiver) = unbounded_channel();
        let state = State {
            told: Told::read(directory),
            pending: HashMap::new(),
            tellers: HashMap::new(),
            silent: BTreeMap::new(),
            rounds: 0,
            left_out: 0,
            keep_fault: None,
        };
        let look = Notify::new();
        (Arc::new(Self { zones, rules, statistics, state: Mutex::new(state), ended, look }), receiver)
    }

    /// Has the zones looked at soon.
    pub fn look(&self) {
        self.look.notify_one();
    }

    /// Works for ever.
    pub async fn run(self: &Arc<Self>, bus: CurrentBus, mut ended: UnboundedReceiver<Ended>) {
        let collect = async {
            while let Some(ended) = ended.recv().await {
                self.end(ended);
            }
        };
        tokio::join!(self.follow(bus), collect, self.keep());
    }

    /// Notices that wait or are unanswered.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.state().tellers.values().map(|lane| lane.outstanding).sum()
    }

    /// What is wrong, one sentence each.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let mut state = self.state();
        state.silent.retain(|_, silent| silent.last.elapsed() < SILENCE);
        let silent = state.silent.iter().take(FAULTS).map(|(target, silent)| {
            let minutes = silent.last.elapsed().as_secs() / 60;
            format!("{target} did not answer {} notices, the last {minutes} min ago", silent.notices)
        });
        state.keep_fault.iter().cloned().chain(silent).collect()
    }

    /// Tells a zone's servers now, whether or not they know; gives how many there are.
    ///
    /// # Errors
    /// [`NotifyError`].
    pub fn notify(&self, zone: &Name) -> Result<usize, NotifyError> {
        self.zones.reconcile();
        let catalog = self.zones.catalog();
        let missing = || NotifyError::NoSuchZone(zone.clone());
        let served = catalog.zone(zone.as_ref()).ok_or_else(missing)?;
        let image = catalog.image(zone.as_ref()).ok_or_else(missing)?;
        let rules = self.rules();
        let outcome = if image.is_usable() {
            self.begin(&mut self.state(), served, image, &catalog, &rules).map_err(|fault| fault.to_string())
        } else {
            Err(served.reason.clone())
        };
        match outcome {
            Ok(Some(targets)) => Ok(targets),
            Ok(None) => Err(NotifyError::Unavailable(zone.clone(), "too many servers are being told".into())),
            Err(reason) => Err(NotifyError::Unavailable(zone.clone(), reason)),
        }
    }

    /// Writes down who was told.
    pub fn save(&self) {
        let changes = self.state().told.take_changes();
        let Some(changes) = changes else { return };
        let written = changes.write();
        let mut state = self.state();
        let Err(error) = written else {
            state.keep_fault = None;
            return;
        };
        add(&self.statistics.told_write_failed, 1);
        state.told.not_written();
        let fault = format!("it cannot be kept which servers were told: {error}");
        if state.keep_fault.as_ref() != Some(&fault) {
            error!(message_id = messages::TOLD_NOT_KEPT, reason = %error, "{fault}; after a restart all are told again");
            state.keep_fault = Some(fault);
        }
    }

    /// Writes down who was told, now and then.
    async fn keep(self: &Arc<Self>) {
        let mut pause = KEEP;
        loop {
            tokio::time::sleep(pause).await;
            let (notifier, began) = (Arc::clone(self), Instant::now());
            let _panicked = tokio::task::spawn_blocking(move || notifier.save()).await;
            pause = KEEP.max(began.elapsed() * KEEP_SHARE);
        }
    }

    /// Looks at the zones whenever they may have changed.
    async fn follow(self: &Arc<Self>, bus: CurrentBus) {
        let mut surveyed = None;
        loop {
            let notifier = Arc::clone(self);
            let _panicked = tokio::task::spawn_blocking(move || notifier.zones.reconcile()).await;
            let generation = self.zones.catalog().generation();
            let new = surveyed != Some(generation);
            if new {
                wait_for_auth(bus.get(), generation).await;
            }
            if new || self.state().left_out > 0 {
                surveyed = Some(generation);
                let notifier = Arc::clone(self);
                let _panicked = tokio::task::spawn_blocking(move || notifier.survey()).await;
            }
            // Ignored: whether a hint came or the clock.
            let _ = tokio::time::timeout(LOOK, self.look.notified()).await;
        }
    }

    /// Begins to tell of every zone whose serial was not told.
    fn survey(&self) {
        let (catalog, rules) = (self.zones.catalog(), self.rules());
        let mut state = self.state();
        let state = &mut *state;
        state.told.retain(|zone| catalog.zone(zone).is_some());
        state.left_out = 0;
        for served in catalog.zones(None) {
            let origin = &served.origin;
            let under_way = state.pending.get(origin).is_some_and(|pending| pending.serial == served.serial);
            if under_way || state.told.serial(origin) == Some(served.serial) {
                continue;
            }
            let Some(image) = catalog.image(origin.as_ref()).filter(|image| image.is_usable()) else {
                continue;
            };
            let began = if state.pending.len() < ZONES_MAX {
                self.begin(state, served, image, &catalog, &rules)
            } else {
                Ok(None)
            };
            match began {
                Ok(Some(_)) => {}
                Ok(None) => state.left_out += 1,
                Err(fault) => debug!(zone = %origin, "servers of zone {origin} are not told: {fault}"),
            }
        }
        set(&self.statistics.notify_zones_waiting, state.left_out);
    }

    /// Has the servers of a zone told; gives how many, or none when too many servers are being told already.
    fn begin(
        &self,
        state: &mut State,
        served: &ServedZone,
        image: &ZoneImage,
        catalog: &Catalog,
        rules: &Rules,
    ) -> Result<Option<usize>, Fault> {
        let targets = targets::of(image, catalog, rules)?;
        let (zone, serial) = (served.origin.clone(), served.serial);
        if targets.is_empty() {
            state.told.tell(zone, serial);
            return Ok(Some(0));
        }
        let new = targets.iter().filter(|target| !state.tellers.contains_key(target)).count();
        let most = usize::try_from(rules.settings.notify_targets).unwrap_or(usize::MAX);
        if state.tellers.len() + new > most && !state.tellers.is_empty() {
            return Ok(None);
        }
        let (ttl, soa) = soa_data(image)?;
        state.rounds += 1;
        let message = message::notice(image.origin(), ttl, &soa).into();
        let notice = Notice { zone: zone.clone(), serial, round: state.rounds, message };
        state.pending.insert(zone, Pending { serial, round: state.rounds, left: targets.len() });
        for target in &targets {
            let lane = state.tellers.entry(*target).or_insert_with(|| self.lane(*target));
            lane.outstanding += 1;
            // The teller ends only when its lane is dropped.
            let _ = lane.orders.send(notice.clone());
        }
        self.count(state);
        Ok(Some(targets.len()))
    }

    fn lane(&self, target: SocketAddr) -> Lane {
        let (orders, receiver) = unbounded_channel();
        let (rules, statistics) = (Arc::clone(&self.rules), Arc::clone(&self.statistics));
        tokio::spawn(Teller::new(target, rules, statistics, self.ended.clone()).run(receiver));
        Lane { orders, outstanding: 0 }
    }

    /// Takes note of what came of a notice.
    fn end(&self, ended: Ended) {
        let Ended { target, notice, outcome } = ended;
        let mut state = self.state();
        let state = &mut *state;
        if let Some(lane) = state.tellers.get_mut(&target) {
            lane.outstanding = lane.outstanding.saturating_sub(1);
            if lane.outstanding == 0 {
                state.tellers.remove(&target);
            }
        }
        match outcome {
            Outcome::Answered(rcode) => self.answered(state, target, &notice, rcode),
            Outcome::Unanswered => self.unanswered(state, target, &notice),
            Outcome::Replaced => add(&self.statistics.notifies_replaced, 1),
        }
        if let Some(pending) = state.pending.get_mut(&notice.zone).filter(|it| it.round == notice.round) {
            pending.left = pending.left.saturating_sub(1);
            if pending.left == 0 {
                state.pending.remove(&notice.zone);
                state.told.tell(notice.zone, notice.serial);
            }
        }
        if state.left_out > 0 && state.pending.len() < ZONES_MAX / 2 {
            self.look();
        }
        self.count(state);
    }

    fn answered(&self, state: &mut State, target: SocketAddr, notice: &Notice, rcode: Rcode) {
        let Notice { zone, serial, .. } = notice;
        if state.silent.remove(&target).is_some() {
            info!(message_id = messages::NOTIFY_ANSWERED_AGAIN, peer = %target, "{target} answers notices again");
        }
        if rcode == Rcode::NOERROR {
            add(&self.statistics.notifies_acknowledged, 1);
            debug!(zone = %zone, serial, peer = %target, "{target} was told of zone {zone}, serial {serial}");
            return;
        }
        add(&self.statistics.notifies_refused, 1);
        warn!(
            message_id = messages::NOTIFY_REFUSED,
            zone = %zone,
            serial,
            peer = %target,
            rcode = %rcode,
            "{target} answered the notice of zone {zone}, serial {serial}, with {rcode}"
        );
    }

    fn unanswered(&self, state: &mut State, target: SocketAddr, notice: &Notice) {
        let Notice { zone, serial, .. } = notice;
        add(&self.statistics.notifies_unanswered, 1);
        let now = Instant::now();
        let silent = state.silent.entry(target).or_insert(Silent { notices: 0, last: now });
        (silent.notices, silent.last) = (silent.notices + 1, now);
        if silent.notices == 1 {
            warn!(
                message_id = messages::NOTIFY_UNANSWERED,
                zone = %zone,
                serial,
                peer = %target,
                "{target} does not answer notices; it does not know of zone {zone}, serial {serial}, until it asks by \
                 itself. Further ones are counted only"
            );
        }
    }

    fn count(&self, state: &State) {
        set(&self.statistics.notify_targets, state.tellers.len());
        set(&self.statistics.notifies_pending, state.tellers.values().map(|lane| lane.outstanding).sum());
    }

    fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// A lock whose holder panicked guards lists that are whole between any two changes.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Servers ask tenon-auth as soon as they are told, so it must serve what they are told of.
async fn wait_for_auth(bus: Option<Bus>, generation: u64) {
    let Some(bus) = bus else { return tokio::time::sleep(WITHOUT_BUS).await };
    let asking = async {
        while !serves(&bus, generation).await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    if tokio::time::timeout(AUTH_PATIENCE, asking).await.is_err() {
        debug!(
            "tenon-auth does not say that it serves manifest generation {generation}; telling all the same"
        );
    }
}

async fn serves(bus: &Bus, generation: u64) -> bool {
    let instances = bus.list_present(names::AUTH_PREFIX).await.unwrap_or_default();
    for name in &instances {
        match Auth1::new(bus, name).state().await {
            Ok(state) if state.manifest_generation >= generation => {}
            _ => return false,
        }
    }
    !instances.is_empty()
}
