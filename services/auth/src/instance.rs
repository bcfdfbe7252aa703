//! One instance of auth: its network, its zones, and its life on the bus.

mod bus;

use std::error::Error;
use std::future::Future;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tenon_acl::AccessList;
use tenon_answer::AnswerSettings;
use tenon_bus::{Bus, names};
use tenon_netmgr::{AnswerTimes, InheritedSocket, Network, NetworkError, Protocol, ServedSocket};
use tenon_service::{
    BusEvent, Committed, Component, CounterDefinition, Daemon, ExplainFace, Keys, Refusal, Running,
    Settings as _,
};
use tokio::sync::Notify;
use tokio::time::MissedTickBehavior;
use tracing::info;

use crate::answerer::Answerer;
use crate::certificate::Certificate;
use crate::cookie_file::CookieFile;
use crate::doors::Doors;
use crate::messages;
use crate::settings::AuthSettings;
use crate::statistics::{WorkerCounters, gather};
use crate::tap::TapPlace;
use crate::top_clients::{Entry, top};
use crate::troubles::Troubles;
use crate::zones::{Inspector, Zones};

/// How often the manifest is looked at without a hint.
const LOOK: Duration = Duration::from_secs(2);

/// How often what the workers told is logged.
const LISTEN: Duration = Duration::from_secs(1);

/// Where files and sockets of others are.
#[derive(Debug, Clone)]
pub struct Places {
    /// Directory of the zone images and their manifest.
    pub images: PathBuf,
    /// The file that says how long secondary zones may still be answered.
    pub expiries: PathBuf,
    /// Directory of the sockets of the services that take transfers and notices.
    pub doors: PathBuf,
    /// Directory of the certificate for TLS and its key.
    pub tls: PathBuf,
    /// Directory of the TSIG keys of all components.
    pub keys: PathBuf,
}

/// A running instance.
#[derive(Debug)]
pub struct Instance {
    number: u32,
    zones: Arc<Zones>,
    network: Network,
    cookies: CookieFile,
    keys: Arc<Keys>,
    workers: Arc<Mutex<Vec<Arc<WorkerCounters>>>>,
    /// When a socket is for TLS.
    certificate: Option<Mutex<Certificate>>,
    troubles: Mutex<Troubles>,
    tap: TapPlace,
    /// Somebody says that the manifest may have changed.
    hint: Notify,
    /// The zones or what is known of them changed, by whoever's doing.
    changed: Notify,
}

impl Instance {
    /// Opens the zones of the image directory and answers on the given sockets from there on, also when there are no
    /// zones.
    ///
    /// # Errors
    /// The sockets are of no use, or a worker did not start.
    pub fn start(
        number: u32,
        places: &Places,
        cookies: CookieFile,
        sockets: Vec<InheritedSocket>,
        settings: &AuthSettings,
    ) -> Result<Arc<Self>, NetworkError> {
        let keys = Keys::open(&places.keys, AuthSettings::COMPONENT);
        let (zones, hints) = Zones::open(
            &places.images,
            &places.expiries,
            answer(settings, &cookies),
            settings.access(),
            keys.ring(),
        );
        let (reporter, troubles) = Troubles::new();
        let doors = Doors::in_directory(&places.doors);
        let is_for_tls = |socket: &InheritedSocket| socket.protocol != Protocol::Plain;
        let (certificate, identity) = match sockets.iter().any(is_for_tls) {
            true => Some(Certificate::read(&places.tls, settings.tls_clients)).unzip(),
            false => (None, None),
        };
        let workers = Arc::new(Mutex::new(Vec::new()));
        let (publisher, register) = (zones.publisher(), Arc::clone(&workers));
        let tap = TapPlace::new(&settings.tap, &settings.identity);
        let taps = tap.shared();
        let network = Network::start(sockets, &settings.network(), identity.flatten(), move |worker| {
            let counters = Arc::new(WorkerCounters::default());
            register.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&counters));
            let (publisher, doors) = (Arc::clone(&publisher), doors.clone());
            Answerer::new(worker, publisher, counters, doors, reporter.clone(), taps.clone())
        })?;
        zones.count_each(settings.zone_statistics.then(|| network.workers()));
        info!(
            message_id = messages::ANSWERING,
            sockets = network.sockets().len(),
            workers = network.workers(),
            "answering on {} sockets with {} workers",
            network.sockets().len(),
            network.workers()
        );
        let (hint, changed) = (Notify::new(), Notify::new());
        let troubles = Mutex::new(troubles);
        let certificate = certificate.map(Mutex::new);
        let instance = Arc::new(Self {
            number,
            zones,
            network,
            cookies,
            keys,
            workers,
            certificate,
            troubles,
            tap,
            hint,
            changed,
        });
        instance.inspect_idly(hints);
        Ok(instance)
    }

    /// Lives until told to stop: keeps the zones in agreement with the manifest and stands on the bus.
    pub fn run(self: Arc<Self>, committed: Committed<AuthSettings>) -> ExitCode {
        let pulse = Mutex::new(self.network.pulse());
        let objects = {
            let instance = Arc::clone(&self);
            move |builder: zbus::connection::Builder<'static>| {
                builder
                    .serve_at(names::AUTH_PATH, bus::AuthFace::new(Arc::clone(&instance)))
                    .serve_at(names::AUTH_PATH, instance.explain())
            }
        };
        let instance = Arc::clone(&self);
        Daemon::new(Arc::clone(&self), committed, names::auth(self.number))
            .ready_without_bus()
            .objects(objects)
            .on_bus_event(move |event| instance.hear(event))
            .alive(move || pulse.lock().unwrap_or_else(PoisonError::into_inner).all_beat())
            .run(|running| self.keep(running))
    }

    /// The access lists, for who asks what they would say.
    fn explain(self: &Arc<Self>) -> ExplainFace {
        let instance = Arc::clone(self);
        let lists = move |list: &str, _zone: &str| {
            let access = instance.zones.access();
            let found = match list {
                "query_acl" => access.query_acl.clone().unwrap_or_else(AccessList::everybody),
                "notify_acl" => access.notify_acl.clone(),
                "proxy_acl" => access.proxy_acl.clone(),
                _ => return None,
            };
            Some((found, list.to_owned()))
        };
        ExplainFace::new(AuthSettings::COMPONENT, &["query_acl", "notify_acl", "proxy_acl"], Box::new(lists))
    }

    /// Finishes what was read and closes; for the end of the process.
    pub fn stop(&self) {
        self.network.stop();
    }

    /// The instance's number.
    #[must_use]
    pub const fn number(&self) -> u32 {
        self.number
    }

    /// The zones being answered.
    #[must_use]
    pub const fn zones(&self) -> &Arc<Zones> {
        &self.zones
    }

    /// The sockets being served.
    #[must_use]
    pub fn sockets(&self) -> &[ServedSocket] {
        self.network.sockets()
    }

    /// How long answering took, by transport.
    pub fn answer_times(&self) -> impl Iterator<Item = AnswerTimes> {
        self.network.answer_times()
    }

    /// Who asks most, when note is kept of that.
    #[must_use]
    pub fn top_clients(&self) -> Vec<Entry> {
        if !self.zones.access().top_clients {
            return Vec::new();
        }
        top(self.workers().iter().map(|worker| &worker.top_clients))
    }

    fn workers(&self) -> MutexGuard<'_, Vec<Arc<WorkerCounters>>> {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows clients over TLS another certificate when there is one.
    pub fn renew_certificate(&self) {
        let Some(certificate) = &self.certificate else { return };
        let mut certificate = certificate.lock().unwrap_or_else(PoisonError::into_inner);
        let before = certificate.fault().map(str::to_owned);
        if let Some(identity) = certificate.renew() {
            self.network.set_identity(identity);
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        certificate.look_at_clock(i64::try_from(now).unwrap_or(i64::MAX));
        if certificate.fault() != before.as_deref() {
            self.changed.notify_one();
        }
    }

    /// What is wrong, one sentence each.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let certificate =
            self.certificate.as_ref().map(|one| one.lock().unwrap_or_else(PoisonError::into_inner));
        let fault = certificate.and_then(|certificate| certificate.fault().map(str::to_owned));
        self.zones.faults().into_iter().chain(fault).collect()
    }

    /// Looks at the manifest now; returns the generation being answered from afterwards.
    pub fn reconcile(&self) -> u64 {
        if self.zones.reconcile() {
            self.changed.notify_one();
        }
        self.zones.catalog().generation()
    }

    fn inspect_idly(self: &Arc<Self>, hints: std::sync::mpsc::Receiver<()>) {
        let inspector = Inspector::new(Arc::clone(&self.zones), hints);
        let instance = Arc::downgrade(self);
        let found = move || {
            if let Some(instance) = instance.upgrade() {
                instance.changed.notify_one();
            }
        };
        let thread = std::thread::Builder::new().name("inspector".into()).spawn(|| inspector.run(found));
        if let Err(error) = thread {
            tracing::warn!("no thread for reading images through, going on without: {error}");
        }
    }

    /// Takes hints from the bus.
    fn hear(self: &Arc<Self>, event: BusEvent) {
        match event {
            BusEvent::Connected(bus) => {
                self.hint.notify_one();
                tokio::spawn(Arc::clone(self).follow(bus));
            }
            BusEvent::PeerAppeared(name) if name == names::ZONEC => self.hint.notify_one(),
            BusEvent::PeerAppeared(_) | BusEvent::PeerGone(_) | BusEvent::Disconnected => {}
        }
    }

    /// Follows zone events until the connection ends. What is missed the regular look finds.
    async fn follow(self: Arc<Self>, bus: Bus) {
        // All that concerns stores, transfers and images shows in the manifest.
        let Ok(mut events) = bus.zone_events_named(&["ManifestChanged"]).await else { return };
        self.hint.notify_one();
        while events.next().await.is_some() {
            self.hint.notify_one();
        }
    }

    fn keep(
        self: Arc<Self>,
        running: Running,
    ) -> impl Future<Output = Result<(), Box<dyn Error + Send + Sync>>> {
        let fallen = self.network.fallen();
        async move {
            tokio::select! {
                () = fallen => Err("a network worker has ended by an error in this program".into()),
                outcome = self.look_after_zones(&running) => outcome,
                () = self.log_troubles() => Ok(()),
            }
        }
    }

    async fn look_after_zones(
        self: &Arc<Self>,
        running: &Running,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        running.status(&self.status());
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = self.changed.notified() => {
                    running.status(&self.status());
                    if let Some(bus) = running.bus.get() {
                        bus::announce(&bus).await;
                    }
                    continue;
                }
                () = self.hint.notified() => {}
                _ = looks.tick() => {}
            }
            let instance = Arc::clone(self);
            tokio::task::spawn_blocking(move || {
                instance.renew_certificate();
                instance.reconcile()
            })
            .await?;
        }
    }

    /// Never ends.
    async fn log_troubles(&self) {
        let mut looks = tokio::time::interval(LISTEN);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            self.troubles.lock().unwrap_or_else(PoisonError::into_inner).log();
        }
    }

    fn status(&self) -> String {
        let figures = self.zones.figures();
        let trouble = figures.zones_previous + figures.zones_faulty + figures.zones_expired;
        format!(
            "answering {} zones of manifest generation {}, {trouble} of them in trouble",
            figures.zones, figures.manifest_generation
        )
    }
}

/// What the workers answer by; reads the secrets of cookies.
fn answer(settings: &AuthSettings, cookies: &CookieFile) -> AnswerSettings {
    AnswerSettings { cookie_secrets: settings.cookies.then(|| cookies.read()), ..settings.answer() }
}

impl Component for Instance {
    type Settings = AuthSettings;

    fn apply(&self, _generation: u64, settings: &AuthSettings) -> Result<(), Refusal> {
        self.keys.reload()?;
        let answer = answer(settings, &self.cookies);
        self.zones.set_answer(answer, settings.access(), self.keys.ring());
        self.zones.count_each(settings.zone_statistics.then(|| self.network.workers()));
        if !settings.top_clients {
            self.workers().iter().for_each(|worker| worker.top_clients.clear());
        }
        self.network.apply(&settings.network());
        if let Some(certificate) = &self.certificate {
            let mut certificate = certificate.lock().unwrap_or_else(PoisonError::into_inner);
            certificate.set_clients(settings.tls_clients);
        }
        self.tap.set(&settings.tap, &settings.identity);
        self.renew_certificate();
        Ok(())
    }

    fn counters(&self) -> Vec<(&'static CounterDefinition, u64)> {
        let workers = self.workers();
        let mut counters = gather(workers.iter().map(Arc::as_ref), self.zones.figures(), &self.network);
        counters.extend(self.tap.statistics());
        counters
    }
}
