//! `org.tenon.Xfrout1`: transfers out and NOTIFY.

use serde::{Deserialize, Serialize};

use crate::names::{XFROUT, XFROUT_INTERFACE, XFROUT_PATH};
use crate::peer::{AutoStart, Peer};
use crate::{Bus, BusError};

/// The service that gives zones to secondaries.
#[derive(Clone, Debug)]
pub struct Xfrout1 {
    peer: Peer,
}

/// What the service says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all(deserialize = "PascalCase"))]
pub struct XfroutState {
    /// Transfers on their way.
    pub running_transfers: u32,
    /// Notices that wait or are unanswered.
    pub pending_notifies: u32,
    /// What is wrong, one sentence each.
    pub faults: Vec<String>,
}

/// A transfer on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TransferOut {
    /// The zone's name in lower case with the final dot.
    pub zone: String,
    /// Who gets it, with port.
    pub peer: String,
    /// `AXFR` or `IXFR`.
    pub kind: String,
    /// The serial that is sent.
    pub serial: u32,
    /// When it began, in microseconds since the epoch.
    pub started_usec: u64,
    /// Records sent.
    pub records: u64,
    /// Octets sent.
    pub octets: u64,
}

impl Xfrout1 {
    /// The service of this bus.
    pub fn new(bus: &Bus) -> Self {
        Self { peer: Peer::new(bus, XFROUT, XFROUT_PATH, XFROUT_INTERFACE, AutoStart::No) }
    }

    /// All properties.
    pub async fn state(&self) -> Result<XfroutState, BusError> {
        self.peer.properties().await
    }

    /// The transfers on their way, oldest first.
    pub async fn transfers(&self) -> Result<Vec<TransferOut>, BusError> {
        type Row = (String, String, String, u32, u64, u64, u64);
        let rows: Vec<Row> = self.peer.call("Transfers", &()).await?;
        let transfer = |(zone, peer, kind, serial, started_usec, records, octets): Row| TransferOut {
            zone,
            peer,
            kind,
            serial,
            started_usec,
            records,
            octets,
        };
        Ok(rows.into_iter().map(transfer).collect())
    }

    /// Tells the zone's name servers its serial now; gives how many are told. Fails with [`BusError::NoSuchZone`].
    pub async fn notify(&self, zone: &str) -> Result<u32, BusError> {
        self.peer.change("Notify", &(zone,)).await
    }
}
