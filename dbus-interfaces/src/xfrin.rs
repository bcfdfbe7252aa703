//! `org.tenon.Xfrin1`: brings zones in from their primaries.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use zbus::OwnedVariant;

use crate::names::{XFRIN, XFRIN_INTERFACE, XFRIN_PATH};
use crate::peer::{AutoStart, Peer};
use crate::{Bus, BusError, Jobs1};

/// How long the removal of a zone may take, a transfer that is to be given up included.
const REMOVE_LIMIT: Duration = Duration::from_secs(60);

/// Who transfers zones in.
#[derive(Clone, Debug)]
pub struct Xfrin1 {
    peer: Peer,
    jobs: Jobs1,
}

/// What it says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all(deserialize = "PascalCase"))]
pub struct XfrinState {
    /// How many secondary zones are stored.
    pub zone_count: u32,
    /// What is wrong with the store, one sentence each.
    pub faults: Vec<String>,
}

/// A stored secondary zone in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SecondaryZone {
    /// The zone's name in lower case with the final dot.
    pub name: String,
    /// Serial of its SOA.
    pub serial: u32,
    /// Seconds between two looks at the primary.
    pub refresh: u32,
    /// Seconds until the next look when one failed.
    pub retry: u32,
    /// Seconds for which the zone may be answered without having seen a primary.
    pub expire: u32,
    /// When it was committed, in microseconds since the epoch.
    pub committed_usec: u64,
}

/// One stored secondary zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecondaryZoneDetails {
    /// The zone's name in lower case with the final dot.
    pub name: String,
    /// Serial of its SOA.
    pub serial: u32,
    /// Seconds between two looks at the primary.
    pub refresh: u32,
    /// Seconds until the next look when one failed.
    pub retry: u32,
    /// Seconds for which the zone may be answered without having seen a primary.
    pub expire: u32,
    /// How many records.
    pub records: u64,
    /// Version number in the store.
    pub version: u64,
    /// When it was committed, in microseconds since the epoch.
    #[serde(rename(deserialize = "CommittedUSec"))]
    pub committed_usec: u64,
}

impl Xfrin1 {
    /// Who transfers zones in on this bus.
    pub fn new(bus: &Bus) -> Self {
        Self {
            peer: Peer::new(bus, XFRIN, XFRIN_PATH, XFRIN_INTERFACE, AutoStart::No),
            jobs: Jobs1::new(bus, XFRIN),
        }
    }

    /// All properties.
    pub async fn state(&self) -> Result<XfrinState, BusError> {
        self.peer.properties().await
    }

    /// Its jobs.
    pub fn jobs(&self) -> &Jobs1 {
        &self.jobs
    }

    /// Begins a job that brings in the zone if one of the primaries, in this order, has a newer version (`force`: without
    /// asking for the serial); gives its number, or that of the job of this zone that is under way. Fails with
    /// [`BusError::InvalidValue`] and [`BusError::Busy`].
    pub async fn refresh(&self, zone: &str, primaries: &[SocketAddr], force: bool) -> Result<u64, BusError> {
        let primaries: Vec<(String, u16)> =
            primaries.iter().map(|primary| (primary.ip().to_string(), primary.port())).collect();
        self.peer.change("Refresh", &(zone, primaries, force)).await
    }

    /// As [`Self::refresh`], for primaries with options: address and port, and what `RefreshFrom` says of options.
    pub async fn refresh_from(
        &self,
        zone: &str,
        primaries: &[(SocketAddr, HashMap<String, String>)],
        force: bool,
    ) -> Result<u64, BusError> {
        let primary = |(address, options): &(SocketAddr, HashMap<String, String>)| {
            (address.ip().to_string(), address.port(), options.clone())
        };
        let primaries: Vec<(String, u16, HashMap<String, String>)> = primaries.iter().map(primary).collect();
        self.peer.change("RefreshFrom", &(zone, primaries, force)).await
    }

    /// Zones after `after` ("" for the first page) in canonical order, at most `limit` (0: what the service gives).
    pub async fn list_zones(&self, after: &str, limit: u32) -> Result<Vec<SecondaryZone>, BusError> {
        let zones: Vec<(String, u32, u32, u32, u32, u64)> =
            self.peer.call("ListZones", &(after, limit)).await?;
        let zone = |(name, serial, refresh, retry, expire, committed_usec)| SecondaryZone {
            name,
            serial,
            refresh,
            retry,
            expire,
            committed_usec,
        };
        Ok(zones.into_iter().map(zone).collect())
    }

    /// One zone. Fails with [`BusError::NoSuchZone`].
    pub async fn get_zone(&self, name: &str) -> Result<SecondaryZoneDetails, BusError> {
        let zone: HashMap<String, OwnedVariant> = self.peer.call("GetZone", &(name,)).await?;
        self.peer.read(&zone)
    }

    /// Removes a zone from the store, and gives up what is being done to it; false when it was not there.
    pub async fn remove(&self, zone: &str) -> Result<bool, BusError> {
        self.peer.change_within(REMOVE_LIMIT, "Remove", &(zone,)).await
    }
}
