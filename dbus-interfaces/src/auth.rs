//! `org.tenon.Auth1`: one instance of tenon-auth.

mod answer_times;
mod top_clients;

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use zbus::OwnedVariant;

use crate::names::{AUTH_INTERFACE, AUTH_PATH};
use crate::peer::{AutoStart, Peer};
use crate::{Bus, BusError};
pub use answer_times::AnswerTimes;
pub(crate) use answer_times::TimesRow;
pub use top_clients::TopClient;

/// One auth instance.
#[derive(Clone, Debug)]
pub struct Auth1 {
    peer: Peer,
}

/// What an auth instance says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all(deserialize = "PascalCase"))]
pub struct AuthState {
    /// Number of the instance.
    pub instance: u32,
    /// Generation of the manifest that is being answered from; 0 when there was none.
    pub manifest_generation: u64,
    /// How many zones are being answered.
    pub zone_count: u32,
    /// Faults in images or the manifest, one sentence each.
    pub faults: Vec<String>,
    /// The sockets that PID 1 passed on.
    pub listeners: Vec<Listener>,
}

/// A socket of an auth instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(String, String, String, u32)")]
pub struct Listener {
    /// The socket's name (`FileDescriptorName=`).
    pub name: String,
    /// The address, with port.
    pub address: String,
    /// `udp` or `tcp`.
    pub protocol: String,
    /// Size of the receive buffer in octets.
    pub receive_buffer: u32,
}

impl From<(String, String, String, u32)> for Listener {
    fn from((name, address, protocol, receive_buffer): (String, String, String, u32)) -> Self {
        Self { name, address, protocol, receive_buffer }
    }
}

/// A zone in a list of those being answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuthZone {
    /// The zone's name in lower case with the final dot.
    pub name: String,
    /// The serial being answered.
    pub serial: u32,
    /// `serving`, or `previous` when an older image had to be taken.
    pub state: String,
    /// Manifest generation it was taken over with.
    pub generation: u64,
}

/// Counters of some zones, in canonical order of their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ZoneCountersPage {
    /// The zone's name in lower case with the final dot, and its counters by name.
    pub zones: Vec<(String, BTreeMap<String, u64>)>,
    /// How many zones with counters come behind these.
    pub further: u64,
}

/// One zone as it is being answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthZoneDetails {
    /// The zone's name in lower case with the final dot.
    pub name: String,
    /// The serial being answered.
    pub serial: u32,
    /// `serving`, or `previous` when an older image had to be taken.
    pub state: String,
    /// Why not the newest image; empty when serving.
    pub reason: String,
    /// Manifest generation it was taken over with.
    pub generation: u64,
    /// Image files, base first.
    pub files: Vec<String>,
    /// How many records.
    pub records: u64,
}

impl Auth1 {
    /// The auth instance that owns `name` (see [`crate::names::auth`]).
    pub fn new(bus: &Bus, name: &str) -> Self {
        Self { peer: Peer::new(bus, name, AUTH_PATH, AUTH_INTERFACE, AutoStart::No) }
    }

    /// Bus name of the instance.
    pub fn name(&self) -> &str {
        self.peer.name()
    }

    /// All properties.
    pub async fn state(&self) -> Result<AuthState, BusError> {
        self.peer.properties().await
    }

    /// Zones after `after` ("" for the first page) in canonical order, at most `limit` (0: what the service gives).
    pub async fn list_zones(&self, after: &str, limit: u32) -> Result<Vec<AuthZone>, BusError> {
        let zones: Vec<(String, u32, String, u64)> = self.peer.call("ListZones", &(after, limit)).await?;
        let zone = |(name, serial, state, generation)| AuthZone { name, serial, state, generation };
        Ok(zones.into_iter().map(zone).collect())
    }

    /// Counters of zones after `after` that were asked for; paged like [`Self::list_zones`]. Nothing unless
    /// `auth/zone_statistics` is set.
    pub async fn list_zone_counters(&self, after: &str, limit: u32) -> Result<ZoneCountersPage, BusError> {
        let (zones, further): (Vec<ZoneRow>, u64) =
            self.peer.call("ListZoneCounters", &(after, limit)).await?;
        Ok(ZoneCountersPage { zones: sorted(zones), further })
    }

    /// Counters of one zone; all 0 unless it was asked for and `auth/zone_statistics` is set. Fails with
    /// [`BusError::NoSuchZone`].
    pub async fn zone_counters(&self, name: &str) -> Result<BTreeMap<String, u64>, BusError> {
        let counters: HashMap<String, u64> = self.peer.call("GetZoneCounters", &(name,)).await?;
        Ok(counters.into_iter().collect())
    }

    /// How long answering took since the process began, by transport.
    pub async fn answer_times(&self) -> Result<Vec<AnswerTimes>, BusError> {
        let times: Vec<TimesRow> = self.peer.call("AnswerTimes", &()).await?;
        Ok(times.into_iter().map(AnswerTimes::from).collect())
    }

    /// The networks that most messages came from, the one with most first; for who may control services. Nothing unless
    /// `auth/top_clients` is set.
    pub async fn top_clients(&self) -> Result<Vec<TopClient>, BusError> {
        let clients: Vec<(String, u64, u64)> = self.peer.change("TopClients", &()).await?;
        let row = |(network, messages, error)| TopClient { network, messages, error };
        Ok(clients.into_iter().map(row).collect())
    }

    /// One zone. Fails with [`BusError::NoSuchZone`].
    pub async fn get_zone(&self, name: &str) -> Result<AuthZoneDetails, BusError> {
        let zone: HashMap<String, OwnedVariant> = self.peer.call("GetZone", &(name,)).await?;
        self.peer.read(&zone)
    }

    /// Why a question is answered as it is, step by step. Fails when name or type cannot be read.
    pub async fn explain_query(&self, name: &str, qtype: &str) -> Result<Vec<String>, BusError> {
        self.peer.call("ExplainQuery", &(name, qtype)).await
    }

    /// Has the instance look at the manifest now; returns the manifest generation in use afterwards.
    pub async fn reconcile(&self) -> Result<u64, BusError> {
        self.peer.change("Reconcile", &()).await
    }
}

/// A zone's name and its counters as they go over the bus.
pub(crate) type ZoneRow = (String, HashMap<String, u64>);

/// The same with counters in order.
pub(crate) fn sorted(zones: Vec<ZoneRow>) -> Vec<(String, BTreeMap<String, u64>)> {
    zones.into_iter().map(|(name, counters)| (name, counters.into_iter().collect())).collect()
}
