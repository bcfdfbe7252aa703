//! `org.tenon.Zonec1`: the zone compiler.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use zbus::OwnedVariant;

use crate::names::{ZONEC, ZONEC_INTERFACE, ZONEC_PATH};
use crate::peer::{AutoStart, Peer};
use crate::{Bus, BusError};

/// The zone compiler.
#[derive(Clone, Debug)]
pub struct Zonec1 {
    peer: Peer,
}

/// What the zone compiler says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all(deserialize = "PascalCase"))]
pub struct ZonecState {
    /// Generation of the manifest.
    pub manifest_generation: u64,
    /// How many zones the manifest names.
    pub zone_count: u32,
    /// `idle` or `compiling`.
    pub state: String,
    /// What could not be compiled or read and why, one sentence each.
    pub faults: Vec<String>,
}

/// A zone in a list of those stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StoredZone {
    /// The zone's name in lower case with the final dot.
    pub name: String,
    /// `primary` or `secondary`.
    pub storage: String,
    /// Serial in the store.
    pub stored_serial: u32,
    /// Serial of the image; 0 when never compiled.
    pub compiled_serial: u32,
    /// `ready`, `compiling` or `failed`.
    pub state: String,
}

/// One stored zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredZoneDetails {
    /// The zone's name in lower case with the final dot.
    pub name: String,
    /// `primary` or `secondary`.
    pub storage: String,
    /// Serial in the store.
    pub stored_serial: u32,
    /// Serial of the image; absent when never compiled.
    #[serde(default)]
    pub compiled_serial: Option<u32>,
    /// `ready`, `compiling` or `failed`.
    pub state: String,
    /// Why it failed; empty unless it did.
    pub reason: String,
    /// How many records.
    pub records: u64,
    /// Version number in the store.
    pub version: u64,
    /// When the version was committed, in microseconds since the epoch; absent when unknown.
    #[serde(default, rename(deserialize = "CommittedUSec"))]
    pub committed_usec: Option<u64>,
    /// When the image was compiled, in microseconds since the epoch; absent when never.
    #[serde(default, rename(deserialize = "CompiledUSec"))]
    pub compiled_usec: Option<u64>,
    /// Image files, base first.
    #[serde(default)]
    pub files: Vec<String>,
    /// Size of those files.
    #[serde(default)]
    pub octets: u64,
}

impl Zonec1 {
    /// The zone compiler of this bus.
    pub fn new(bus: &Bus) -> Self {
        Self { peer: Peer::new(bus, ZONEC, ZONEC_PATH, ZONEC_INTERFACE, AutoStart::No) }
    }

    /// All properties.
    pub async fn state(&self) -> Result<ZonecState, BusError> {
        self.peer.properties().await
    }

    /// Zones after `after` ("" for the first page) in canonical order, at most `limit` (0: what the service gives).
    pub async fn list_zones(&self, after: &str, limit: u32) -> Result<Vec<StoredZone>, BusError> {
        let zones: Vec<(String, String, u32, u32, String)> =
            self.peer.call("ListZones", &(after, limit)).await?;
        let zone = |(name, storage, stored_serial, compiled_serial, state)| StoredZone {
            name,
            storage,
            stored_serial,
            compiled_serial,
            state,
        };
        Ok(zones.into_iter().map(zone).collect())
    }

    /// One zone. Fails with [`BusError::NoSuchZone`].
    pub async fn get_zone(&self, name: &str) -> Result<StoredZoneDetails, BusError> {
        let zone: HashMap<String, OwnedVariant> = self.peer.call("GetZone", &(name,)).await?;
        self.peer.read(&zone)
    }

    /// Has the compiler look at the stores now; returns at once.
    pub async fn reconcile(&self) -> Result<(), BusError> {
        self.peer.change("Reconcile", &()).await
    }
}
