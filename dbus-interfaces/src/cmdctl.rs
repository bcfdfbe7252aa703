//! `org.tenon.Cmdctl1`: the REST door.

use serde::{Deserialize, Serialize};

use crate::names::{CMDCTL, CMDCTL_INTERFACE, CMDCTL_PATH};
use crate::peer::{AutoStart, Peer};
use crate::{Bus, BusError};

/// The REST door.
#[derive(Clone, Debug)]
pub struct Cmdctl1 {
    peer: Peer,
}

/// What the door says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all(deserialize = "PascalCase"))]
pub struct CmdctlState {
    /// Addresses with ports that HTTPS is answered on.
    pub addresses: Vec<String>,
    /// SHA-256 of the certificate; empty while there is none that can be used.
    pub fingerprint: String,
    /// SHA-256 of the public key as `curl --pinnedpubkey` takes it.
    pub public_key_pin: String,
    /// How many accounts there are.
    pub accounts: u32,
    /// What cannot be listened on or used, one sentence each.
    pub faults: Vec<String>,
}

impl Cmdctl1 {
    /// The door of this bus.
    pub fn new(bus: &Bus) -> Self {
        Self { peer: Peer::new(bus, CMDCTL, CMDCTL_PATH, CMDCTL_INTERFACE, AutoStart::No) }
    }

    /// All properties.
    pub async fn state(&self) -> Result<CmdctlState, BusError> {
        self.peer.properties().await
    }
}
