//! The service as a whole.

pub mod bus;

use std::collections::BTreeMap;
use std::os::unix::net::UnixListener as StdListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::JoinHandle;

use tenon_datasrc::DataSource;
use tenon_datasrc::sqlite::{Access, SqliteSource};
use tenon_service::{
    Component, CounterDefinition, CurrentBus, ExplainFace, Keys, Refusal as SettingsRefusal, Settings as _,
};
use tenon_wire::{Name, RrType, rdata};
use tokio::net::UnixListener;
use tokio::sync::oneshot;
use tracing::error;

use crate::committer::Committer;
use crate::edit;
use crate::news::News;
use crate::queue::Queue;
use crate::serving::Serving;
use crate::settings::{DdnsSettings, Rules};
use crate::statistics::{Statistics, add};
use crate::taker::Taker;
use crate::transaction::{Outcome, Refusal, Steps, Transaction};

/// The service.
#[derive(Debug)]
pub struct Ddns {
    /// Who answers updates.
    pub taker: Arc<Taker>,
    store: PathBuf,
    queue: Arc<Queue>,
    keys: Arc<Keys>,
    committer: Arc<Committer>,
    news: Arc<News>,
    serving: Arc<Serving>,
    rules: Arc<RwLock<Arc<Rules>>>,
    statistics: Arc<Statistics>,
}

/// A record of the store as text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ShownRecord {
    /// Owner, absolute.
    pub owner: String,
    /// Time to live in seconds.
    pub ttl: u32,
    /// Type.
    pub rrtype: String,
    /// Data.
    pub data: String,
}

impl Ddns {
    /// The service over the store of primary zones at a path, with these keys.
    #[must_use]
    pub fn new(store: &Path, keys: Arc<Keys>, settings: DdnsSettings) -> Arc<Self> {
        let statistics: Arc<Statistics> = Arc::default();
        let serving = Arc::new(Serving::new(settings.waits_until_served()));
        let rules = Arc::new(RwLock::new(Arc::new(Rules::new(settings))));
        let (queue, news): (Arc<Queue>, Arc<News>) = Default::default();
        let committer = Committer::new(
            store,
            Arc::clone(&queue),
            Arc::clone(&rules),
            Arc::clone(&statistics),
            Arc::clone(&news),
        );
        let committer = Arc::new(committer);
        let taker = Taker::new(
            Arc::clone(&queue),
            Arc::clone(&committer),
            Arc::clone(&keys),
            Arc::clone(&rules),
            Arc::clone(&statistics),
            Arc::clone(&serving),
        );
        Arc::new(Self {
            taker: Arc::new(taker),
            store: store.to_owned(),
            queue,
            keys,
            committer,
            news,
            serving,
            rules,
            statistics,
        })
    }

    /// Starts the thread that commits; it ends after [`Ddns::stop`].
    ///
    /// # Errors
    /// The system has no thread for it.
    pub fn start(&self) -> std::io::Result<JoinHandle<()>> {
        let committer = Arc::clone(&self.committer);
        std::thread::Builder::new().name("committer".to_owned()).spawn(move || committer.run())
    }

    /// Answers what comes through the door, for ever.
    ///
    /// # Errors
    /// The system has no thread for it.
    pub async fn run(&self, door: StdListener, bus: CurrentBus) -> std::io::Result<()> {
        let _open = self.open(door)?;
        tokio::join!(self.news.run(bus.clone()), self.serving.run(bus));
        Ok(())
    }

    /// Has a thread of its own take what comes through the door, which may wait for the disk, until what is returned is dropped.
    fn open(&self, door: StdListener) -> std::io::Result<oneshot::Sender<()>> {
        door.set_nonblocking(true)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (open, closed) = oneshot::channel();
        let taker = Arc::clone(&self.taker);
        let take = async move {
            match UnixListener::from_std(door) {
                Ok(door) => tokio::select! { () = taker.accept(door) => {}, _ = closed => {} },
                Err(error) => error!("no updates are taken: {error}"),
            }
        };
        std::thread::Builder::new().name("door".to_owned()).spawn(move || runtime.block_on(take))?;
        Ok(open)
    }

    /// Takes no more changes; those that wait are made.
    pub fn stop(&self) {
        self.queue.close();
    }

    /// Changes a zone as a person says, or tells what would come of it. See [`edit::steps`].
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn edit(
        &self,
        zone: &Name,
        edits: &[(String, String)],
        expected_serial: Option<u32>,
        is_trial: bool,
    ) -> Outcome {
        let rules = self.rules();
        let outcome = match edit::steps(zone, edits) {
            Ok(steps) => {
                let transaction = Transaction {
                    zone: zone.clone(),
                    prerequisites: Vec::new(),
                    expected_serial,
                    steps: Steps::Ready(steps),
                    is_trial,
                    wants_differences: true,
                };
                self.taker.make(transaction, &rules).await
            }
            Err(refusal) => Err(refusal),
        };
        match &outcome {
            Ok(applied) if !is_trial => {
                add(&self.statistics.edits_done, 1);
                self.taker.add_records(applied);
            }
            Ok(_) => {}
            Err(refusal) => self.taker.count_refusal(refusal),
        }
        outcome
    }

    /// The zone's serial and the records of one of its names, of one type or of all. May block.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn records(
        &self,
        zone: &Name,
        owner: &Name,
        rrtype: Option<RrType>,
    ) -> Result<(u32, Vec<ShownRecord>), Refusal> {
        let source = SqliteSource::open(&self.store, Access::ReadWrite)?;
        let entry =
            source.zone(zone.as_ref())?.ok_or_else(|| tenon_datasrc::Error::NoZone { zone: zone.clone() })?;
        let mut shown = Vec::new();
        source.rrsets_at(&entry, owner.as_ref(), &mut |rrset| {
            if rrtype.is_some_and(|wanted| wanted != rrset.rrtype) {
                return;
            }
            shown.extend(rrset.rdatas.iter().map(|data| ShownRecord {
                owner: rrset.owner.to_string(),
                ttl: rrset.ttl,
                rrtype: rrset.rrtype.to_string(),
                data: rdata::display(rrset.rrtype, data).to_string(),
            }));
        })?;
        Ok((entry.serial, shown))
    }

    /// The access lists, for who asks what they would say.
    #[must_use]
    pub fn explain(&self) -> ExplainFace {
        let rules = Arc::clone(&self.rules);
        let lists = move |list: &str, zone: &str| {
            let rules = Arc::clone(&rules.read().unwrap_or_else(PoisonError::into_inner));
            let zone: Name = if zone.is_empty() { Name::root() } else { zone.parse().ok()? };
            let (found, path) = rules.update_acl(zone.as_ref());
            (list == "update_acl").then(|| (found.clone(), path))
        };
        ExplainFace::new(DdnsSettings::COMPONENT, &["update_acl"], Box::new(lists))
    }

    /// How many changes wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// What is wrong, one sentence each.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        self.committer.fault().into_iter().collect()
    }

    /// Values of the counters by name, for tests.
    #[must_use]
    pub fn counted(&self) -> BTreeMap<&'static str, u64> {
        self.counters().into_iter().map(|(counter, value)| (counter.name, value)).collect()
    }

    fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Component for Ddns {
    type Settings = DdnsSettings;

    fn apply(&self, _: u64, settings: &DdnsSettings) -> Result<(), SettingsRefusal> {
        self.keys.reload()?;
        self.serving.want(settings.waits_until_served());
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(Rules::new(settings.clone()));
        Ok(())
    }

    fn counters(&self) -> Vec<(&'static CounterDefinition, u64)> {
        self.statistics.values()
    }
}
