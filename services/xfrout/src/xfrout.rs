//! The service as a whole.

pub mod bus;

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use tenon_service::{Component, CounterDefinition, CurrentBus, ExplainFace, Keys, Refusal, Settings as _};
use tenon_wire::Name;
use tokio::net::UnixListener;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::notify::Notifier;
use crate::notify::teller::Ended;
use crate::settings::{Rules, XfroutSettings};
use crate::statistics::Statistics;
use crate::stores::Stores;
use crate::taker::Taker;
use crate::transfers::Transfers;
use crate::zones::Zones;

/// The service.
#[derive(Debug)]
pub struct Xfrout {
    /// What can be transferred.
    pub zones: Arc<Zones>,
    /// Where differences are.
    pub stores: Arc<Stores>,
    /// What is on its way.
    pub transfers: Arc<Transfers>,
    /// Who is told.
    pub notifier: Arc<Notifier>,
    rules: Arc<RwLock<Arc<Rules>>>,
    keys: Arc<Keys>,
    statistics: Arc<Statistics>,
}

impl Xfrout {
    /// The service with these settings, over the images in one directory and stores, keeping what it must in another. The receiver
    /// is for [`Xfrout::run`].
    #[must_use]
    pub fn new(
        images: &Path,
        stores: Stores,
        state: &Path,
        keys: Arc<Keys>,
        settings: XfroutSettings,
    ) -> (Arc<Self>, UnboundedReceiver<Ended>) {
        let statistics: Arc<Statistics> = Arc::default();
        let rules = Arc::new(RwLock::new(Arc::new(Rules::new(settings).with_keys(keys.ring()))));
        let zones = Arc::new(Zones::new(images));
        let transfers = Transfers::new(Arc::clone(&statistics));
        let (notifier, ended) =
            Notifier::new(Arc::clone(&zones), Arc::clone(&rules), Arc::clone(&statistics), state);
        let stores = Arc::new(stores);
        (Arc::new(Self { zones, stores, transfers, notifier, rules, keys, statistics }), ended)
    }

    /// Answers what comes through the door and tells of changes, for ever.
    pub async fn run(&self, door: UnixListener, bus: CurrentBus, ended: UnboundedReceiver<Ended>) {
        tokio::join!(Arc::new(self.taker()).accept(door), self.notifier.run(bus, ended));
    }

    /// Who answers requests.
    #[must_use]
    pub fn taker(&self) -> Taker {
        Taker::new(
            Arc::clone(&self.zones),
            Arc::clone(&self.stores),
            Arc::clone(&self.transfers),
            Arc::clone(&self.rules),
            Arc::clone(&self.statistics),
        )
    }

    /// The access lists, for who asks what they would say.
    #[must_use]
    pub fn explain(&self) -> ExplainFace {
        let rules = Arc::clone(&self.rules);
        let lists = move |list: &str, zone: &str| {
            let rules = Arc::clone(&rules.read().unwrap_or_else(PoisonError::into_inner));
            let zone: Name = if zone.is_empty() { Name::root() } else { zone.parse().ok()? };
            let (found, path) = rules.transfer_acl(zone.as_ref());
            (list == "transfer_acl").then(|| (found.clone(), path))
        };
        ExplainFace::new(XfroutSettings::COMPONENT, &["transfer_acl"], Box::new(lists))
    }

    /// What is wrong, one sentence each.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        [self.zones.faults(), self.notifier.faults()].concat()
    }
}

impl Component for Xfrout {
    type Settings = XfroutSettings;

    fn apply(&self, _: u64, settings: &XfroutSettings) -> Result<(), Refusal> {
        self.keys.reload()?;
        let rules = Rules::new(settings.clone()).with_keys(self.keys.ring());
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rules);
        Ok(())
    }

    fn counters(&self) -> Vec<(&'static CounterDefinition, u64)> {
        self.statistics.values()
    }
}
