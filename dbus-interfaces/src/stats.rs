//! `org.tenon.Stats1`: the counters of one component instance.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use crate::names::{STATS_INTERFACE, path};
use crate::peer::{AutoStart, Peer};
use crate::{Bus, BusError};

/// The statistics face of one daemon.
#[derive(Clone, Debug)]
pub struct Stats1 {
    peer: Peer,
}

/// Whose counters these are.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct StatsState {
    /// The component's short name, such as `auth`.
    #[serde(rename = "Component")]
    pub component: String,
    /// When the process was ready, in microseconds since the epoch.
    #[serde(rename = "ReadyUSec")]
    pub ready_usec: u64,
}

/// How a counter moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CounterKind {
    /// Only grows, from 0 at the start of the process.
    Counter,
    /// Goes up and down.
    Gauge,
}

impl CounterKind {
    /// The kind as it goes over the bus.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
        }
    }
}

/// What a counter means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CounterMeaning {
    /// How it moves.
    pub kind: CounterKind,
    /// One sentence.
    pub text: String,
}

impl Stats1 {
    /// The statistics face of the daemon that owns `name`.
    pub fn new(bus: &Bus, name: &str) -> Self {
        Self { peer: Peer::new(bus, name, &path(name), STATS_INTERFACE, AutoStart::No) }
    }

    /// Bus name of the daemon.
    pub fn name(&self) -> &str {
        self.peer.name()
    }

    /// All properties.
    pub async fn state(&self) -> Result<StatsState, BusError> {
        self.peer.properties().await
    }

    /// What each counter means, by name.
    pub async fn describe(&self) -> Result<BTreeMap<String, CounterMeaning>, BusError> {
        let counters: HashMap<String, (String, String)> = self.peer.call("Describe", &()).await?;
        Ok(counters.into_iter().map(|(name, found)| (name, meaning(found))).collect())
    }

    /// All counters with their values now.
    pub async fn counters(&self) -> Result<BTreeMap<String, u64>, BusError> {
        let values: HashMap<String, u64> = self.peer.call("Counters", &()).await?;
        Ok(values.into_iter().collect())
    }
}

/// Reads the kind and the text of a counter.
pub(crate) fn meaning((kind, text): (String, String)) -> CounterMeaning {
    let kind = if kind == "gauge" { CounterKind::Gauge } else { CounterKind::Counter };
    CounterMeaning { kind, text }
}
