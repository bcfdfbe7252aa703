//! `org.tenon.Zonemgr1`: the zone manager, which keeps the time of secondary zones.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use zbus::OwnedVariant;

use crate::names::{ZONEMGR, ZONEMGR_INTERFACE, ZONEMGR_PATH};
use crate::peer::{AutoStart, Peer};
use crate::{Bus, BusError};

/// The zone manager.
#[derive(Clone, Debug)]
pub struct Zonemgr1 {
    peer: Peer,
}

/// What the zone manager says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all(deserialize = "PascalCase"))]
pub struct ZonemgrState {
    /// How many secondary zones are configured.
    pub zone_count: u32,
    /// How many looks and transfers are under way.
    pub running: u32,
    /// How many are due and wait for their turn.
    pub waiting: u32,
    /// How many zones are in each state.
    #[serde(default)]
    pub states: BTreeMap<String, u32>,
    /// What is wrong, one sentence each.
    pub faults: Vec<String>,
}

/// A secondary zone in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ManagedZone {
    /// The zone's name in lower case with the final dot.
    pub name: String,
    /// `ok`, `refreshing`, `retrying`, `expired` or `unloaded`.
    pub state: String,
    /// Serial of the stored version; 0 while there is none.
    pub serial: u32,
    /// When it was last refreshed, in microseconds since the epoch; 0 for never.
    pub refreshed_usec: u64,
    /// When it is looked at next; 0 for now.
    pub next_usec: u64,
}

/// One secondary zone. Times are microseconds since the epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManagedZoneDetails {
    /// The zone's name in lower case with the final dot.
    pub name: String,
    /// `ok`, `refreshing`, `retrying`, `expired` or `unloaded`.
    pub state: String,
    /// Who is asked, in this order, as `192.0.2.1@53`.
    pub primaries: Vec<String>,
    /// When it is looked at next, unless a NOTIFY comes before.
    #[serde(default, rename(deserialize = "NextUSec"))]
    pub next_usec: u64,
    /// Why the last look failed; empty when it did not.
    pub reason: String,
    /// Serial of the stored version; absent while there is none.
    #[serde(default)]
    pub serial: Option<u32>,
    /// Seconds between two looks.
    #[serde(default)]
    pub refresh: Option<u32>,
    /// Seconds until the next look when one failed.
    #[serde(default)]
    pub retry: Option<u32>,
    /// Seconds for which the zone is answered without having seen a primary.
    #[serde(default)]
    pub expire: Option<u32>,
    /// When a primary last confirmed that this is the newest version.
    #[serde(default, rename(deserialize = "RefreshedUSec"))]
    pub refreshed_usec: Option<u64>,
    /// When it will be, or was, too old to be answered.
    #[serde(default, rename(deserialize = "ExpiresUSec"))]
    pub expires_usec: Option<u64>,
    /// Since when all looks failed.
    #[serde(default, rename(deserialize = "FailingSinceUSec"))]
    pub failing_since_usec: Option<u64>,
    /// Who answered last.
    #[serde(default)]
    pub primary: Option<String>,
    /// The job under way, of tenon-xfrin.
    #[serde(default)]
    pub job: Option<u64>,
    /// When the last NOTIFY was heard.
    #[serde(default, rename(deserialize = "NotifiedUSec"))]
    pub notified_usec: Option<u64>,
    /// Who sent it.
    #[serde(default)]
    pub notify_peer: Option<String>,
    /// The serial it named.
    #[serde(default)]
    pub notify_serial: Option<u32>,
    /// The catalog that lists the zone; none when the settings name it.
    #[serde(default)]
    pub catalog: Option<String>,
    /// Groups that it has there.
    #[serde(default)]
    pub groups: Vec<String>,
}

impl Zonemgr1 {
    /// The zone manager of this bus.
    pub fn new(bus: &Bus) -> Self {
        Self { peer: Peer::new(bus, ZONEMGR, ZONEMGR_PATH, ZONEMGR_INTERFACE, AutoStart::No) }
    }

    /// All properties.
    pub async fn state(&self) -> Result<ZonemgrState, BusError> {
        self.peer.properties().await
    }

    /// Zones after `after` ("" for the first page) in canonical order, at most `limit` (0: what the service gives).
    pub async fn list_zones(&self, after: &str, limit: u32) -> Result<Vec<ManagedZone>, BusError> {
        let zones: Vec<(String, String, u32, u64, u64)> =
            self.peer.call("ListZones", &(after, limit)).await?;
        let zone = |(name, state, serial, refreshed_usec, next_usec)| ManagedZone {
            name,
            state,
            serial,
            refreshed_usec,
            next_usec,
        };
        Ok(zones.into_iter().map(zone).collect())
    }

    /// One zone. Fails with [`BusError::NoSuchZone`].
    pub async fn get_zone(&self, name: &str) -> Result<ManagedZoneDetails, BusError> {
        let zone: HashMap<String, OwnedVariant> = self.peer.call("GetZone", &(name,)).await?;
        self.peer.read(&zone)
    }

    /// Has a primary looked at now; gives the number of tenon-xfrin's job.
    pub async fn refresh(&self, zone: &str) -> Result<u64, BusError> {
        self.peer.change("Refresh", &(zone,)).await
    }

    /// Has the zone transferred now, whatever its serial; gives the number of tenon-xfrin's job.
    pub async fn retransfer(&self, zone: &str) -> Result<u64, BusError> {
        self.peer.change("Retransfer", &(zone,)).await
    }
}
