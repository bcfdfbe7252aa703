//! `org.tenon.Collector1`: the collector of all components' counters.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::auth::{AnswerTimes, TimesRow, ZoneCountersPage, ZoneRow, sorted};
use crate::names::{COLLECTOR, COLLECTOR_INTERFACE, COLLECTOR_PATH};
use crate::peer::{AutoStart, Peer};
use crate::stats::{CounterMeaning, meaning};
use crate::{Bus, BusError};

/// How long a collection may take: one that is going on, and one after it.
const COLLECTION_LIMIT: Duration = Duration::from_secs(25);

/// The collector.
#[derive(Clone, Debug)]
pub struct Collector1 {
    peer: Peer,
}

/// What the collector says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectorState {
    /// When the last collection was over, in microseconds since the epoch; 0 before the first.
    #[serde(rename(deserialize = "LastUpdateUSec"))]
    pub last_update_usec: u64,
    /// Addresses with ports that HTTP is answered on.
    #[serde(rename(deserialize = "Addresses"))]
    pub addresses: Vec<String>,
    /// Who did not answer and what cannot be listened on, one sentence each.
    #[serde(rename(deserialize = "Faults"))]
    pub faults: Vec<String>,
}

/// What one collection gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collected {
    /// Components, sorted by name.
    pub components: Vec<CollectedComponent>,
    /// Those left out because they did not answer, one sentence each.
    pub silent: Vec<String>,
}

/// The counters of one component, those of several instances added up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectedComponent {
    /// The component's short name, such as `auth`.
    pub component: String,
    /// Bus names of the instances.
    pub instances: Vec<String>,
    /// When the youngest of them was ready, in microseconds since the epoch.
    pub ready_usec: u64,
    /// Sums by name.
    pub counters: BTreeMap<String, u64>,
}

/// Counters of some zones, those of several instances added up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CollectedZones {
    /// The zones.
    pub page: ZoneCountersPage,
    /// Zones that are in no page because there are more than `stats/zones_max`.
    pub left_out: u64,
}

impl Collector1 {
    /// The collector of this bus.
    pub fn new(bus: &Bus) -> Self {
        Self { peer: Peer::new(bus, COLLECTOR, COLLECTOR_PATH, COLLECTOR_INTERFACE, AutoStart::No) }
    }

    /// All properties.
    pub async fn state(&self) -> Result<CollectorState, BusError> {
        self.peer.properties().await
    }

    /// Has counters collected now: of component `owner` and of one `name`, "" for all. Fails with
    /// [`BusError::NoSuchComponent`] and [`BusError::NoSuchCounter`].
    pub async fn show(&self, owner: &str, name: &str) -> Result<Collected, BusError> {
        type Row = (String, Vec<String>, u64, HashMap<String, u64>);
        let (components, silent): (Vec<Row>, Vec<String>) =
            self.peer.call_within(COLLECTION_LIMIT, "Show", &(owner, name)).await?;
        let component = |(component, instances, ready_usec, counters): Row| CollectedComponent {
            component,
            instances,
            ready_usec,
            counters: counters.into_iter().collect(),
        };
        Ok(Collected { components: components.into_iter().map(component).collect(), silent })
    }

    /// What counters mean, by component and name. Arguments and errors as of [`Collector1::show`].
    pub async fn schema(
        &self,
        owner: &str,
        name: &str,
    ) -> Result<BTreeMap<String, BTreeMap<String, CounterMeaning>>, BusError> {
        let components: HashMap<String, HashMap<String, (String, String)>> =
            self.peer.call_within(COLLECTION_LIMIT, "Schema", &(owner, name)).await?;
        let meanings = |counters: HashMap<String, (String, String)>| {
            counters.into_iter().map(|(name, found)| (name, meaning(found))).collect()
        };
        Ok(components.into_iter().map(|(component, counters)| (component, meanings(counters))).collect())
    }

    /// How long the instances of auth took to answer, collected now and added up, by transport.
    pub async fn answer_times(&self) -> Result<Vec<AnswerTimes>, BusError> {
        let times: Vec<TimesRow> = self.peer.call_within(COLLECTION_LIMIT, "AnswerTimes", &()).await?;
        Ok(times.into_iter().map(AnswerTimes::from).collect())
    }

    /// Counters of zones after `after`, those of the instances of auth added up; "" collects now, every other name reads on
    /// in the last collection. At most `limit` (0: what the service gives). Nothing unless `stats/zones` is set.
    pub async fn list_zone_counters(&self, after: &str, limit: u32) -> Result<CollectedZones, BusError> {
        let (zones, further, left_out): (Vec<ZoneRow>, u64, u64) =
            self.peer.call_within(COLLECTION_LIMIT, "ListZoneCounters", &(after, limit)).await?;
        Ok(CollectedZones { page: ZoneCountersPage { zones: sorted(zones), further }, left_out })
    }
}
