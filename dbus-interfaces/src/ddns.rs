//! `org.tenon.Ddns1`: changes of primary zones.

use serde::{Deserialize, Serialize};

use crate::names::{DDNS, DDNS_INTERFACE, DDNS_PATH};
use crate::peer::{AutoStart, Peer};
use crate::{Bus, BusError};

/// The service that changes primary zones.
#[derive(Clone, Debug)]
pub struct Ddns1 {
    peer: Peer,
}

/// What the service says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all(deserialize = "PascalCase"))]
pub struct DdnsState {
    /// Updates and edits that wait to be made.
    pub waiting_changes: u32,
    /// What is wrong, one sentence each.
    pub faults: Vec<String>,
}

/// One edit: an action (`add`, `set` or `delete`) and a record, or a part of one, as in a master file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordEdit {
    /// `add`, `set` or `delete`.
    pub action: String,
    /// `OWNER [TTL] TYPE DATA`; to delete also `OWNER TYPE` or `OWNER`.
    pub text: String,
}

/// What came, or would come, of edits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ZoneDifference {
    /// Serial of the zone: after a change the new one, of a preview the present one.
    pub serial: u32,
    /// `-` or `+`, a blank, and a record as a line of a master file; none when nothing changes.
    pub differences: Vec<String>,
}

/// A record of a primary zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ZoneRecord {
    /// Owner, absolute.
    pub owner: String,
    /// Time to live in seconds.
    pub ttl: u32,
    /// Type.
    #[serde(rename = "type")]
    pub rrtype: String,
    /// Data as in a master file.
    pub data: String,
}

impl Ddns1 {
    /// The service of this bus.
    pub fn new(bus: &Bus) -> Self {
        Self { peer: Peer::new(bus, DDNS, DDNS_PATH, DDNS_INTERFACE, AutoStart::No) }
    }

    /// All properties.
    pub async fn state(&self) -> Result<DdnsState, BusError> {
        self.peer.properties().await
    }

    /// Makes all edits or none; durable when it returns. With a serial, only if the zone has that one. Fails with
    /// [`BusError::NoSuchZone`], [`BusError::InvalidValue`] (an edit makes no sense), [`BusError::Rejected`] (the zone
    /// could not be served), [`BusError::Conflict`] (another serial) and [`BusError::Busy`].
    pub async fn change(
        &self,
        zone: &str,
        edits: &[RecordEdit],
        expected_serial: Option<u32>,
    ) -> Result<ZoneDifference, BusError> {
        self.peer.change("Change", &asked(zone, edits, expected_serial)).await.map(difference)
    }

    /// What [`Ddns1::change`] would do. Fails as that does.
    pub async fn preview(
        &self,
        zone: &str,
        edits: &[RecordEdit],
        expected_serial: Option<u32>,
    ) -> Result<ZoneDifference, BusError> {
        self.peer.call("Preview", &asked(zone, edits, expected_serial)).await.map(difference)
    }

    /// The zone's serial and the records of one of its names, of one type or (`""`) of all. Fails with
    /// [`BusError::NoSuchZone`] and [`BusError::InvalidValue`].
    pub async fn records(
        &self,
        zone: &str,
        owner: &str,
        rrtype: &str,
    ) -> Result<(u32, Vec<ZoneRecord>), BusError> {
        let (serial, rows): (u32, Vec<(String, u32, String, String)>) =
            self.peer.call("Records", &(zone, owner, rrtype)).await?;
        let record = |(owner, ttl, rrtype, data): (String, u32, String, String)| ZoneRecord {
            owner,
            ttl,
            rrtype,
            data,
        };
        Ok((serial, rows.into_iter().map(record).collect()))
    }
}

/// Zone, edits and the serial that it must have, as on the bus.
type Asked<'a> = (&'a str, Vec<(&'a str, &'a str)>, i64);

fn asked<'a>(zone: &'a str, edits: &'a [RecordEdit], expected_serial: Option<u32>) -> Asked<'a> {
    let edits = edits.iter().map(|edit| (edit.action.as_str(), edit.text.as_str())).collect();
    (zone, edits, expected_serial.map_or(-1, i64::from))
}

fn difference((serial, differences): (u32, Vec<String>)) -> ZoneDifference {
    ZoneDifference { serial, differences }
}
