//! The service as a whole: a collector, and who shows what it collects.

use std::net::SocketAddr;
use std::sync::Arc;

use tenon_service::listeners::{Listeners, Told};
use tenon_service::{Component, CounterDefinition, CurrentBus, Refusal};

use crate::collector::Collector;
use crate::http::{Http, Limits};
use crate::messages;
use crate::pages::Pages;
use crate::settings::{ListenOn, StatsSettings};
use crate::statistics::Statistics;

const TOLD: Told =
    Told { what: "HTTP", listening: messages::LISTENING, not_listening: messages::NOT_LISTENING };

/// The service.
#[derive(Debug)]
pub struct Stats {
    /// Who asks for counters.
    pub collector: Arc<Collector>,
    /// Where HTTP is answered.
    pub listeners: Listeners,
    http: Arc<Http>,
    statistics: Arc<Statistics>,
}

impl Stats {
    /// The service with these settings; opens its sockets, as far as they can be.
    pub fn new(settings: &StatsSettings) -> Self {
        let statistics = Arc::new(Statistics::default());
        let collector = Arc::new(Collector::new(settings.poll_interval_s, Arc::clone(&statistics)));
        collector.set_zones(settings.zones_wanted());
        let pages = Pages::new(Arc::clone(&collector), Arc::clone(&statistics));
        let http = Arc::new(Http::new(pages, Limits::default(), Arc::clone(&statistics)));
        Self { collector, listeners: Listeners::new(&addresses(settings), TOLD), http, statistics }
    }

    /// Collects and shows, for ever.
    pub async fn run(&self, bus: CurrentBus) {
        let serve = |listener| tokio::spawn(Arc::clone(&self.http).accept(listener)).abort_handle();
        tokio::join!(self.collector.run(bus), self.listeners.run(serve));
    }
}

impl Component for Stats {
    type Settings = StatsSettings;

    fn apply(&self, _: u64, settings: &StatsSettings) -> Result<(), Refusal> {
        self.listeners.replace(&addresses(settings))?;
        self.collector.set_zones(settings.zones_wanted());
        self.collector.set_interval(settings.poll_interval_s);
        Ok(())
    }

    fn counters(&self) -> Vec<(&'static CounterDefinition, u64)> {
        self.statistics.values()
    }
}

fn addresses(settings: &StatsSettings) -> Vec<SocketAddr> {
    settings.listen_on.iter().map(ListenOn::socket_address).collect()
}
