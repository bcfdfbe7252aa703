//! `org.tenon.Config1`: the settings of one component.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::names::{CONFIG_INTERFACE, path};
use crate::peer::{AutoStart, Peer};
use crate::{Bus, BusError};

/// The settings face of one daemon.
#[derive(Clone, Debug)]
pub struct Config1 {
    peer: Peer,
}

/// What a daemon says of its settings.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ConfigState {
    /// The component's short name, such as `auth`.
    pub component: String,
    /// JSON Schema of its settings, as text.
    pub schema: String,
    /// The settings in force, defaults filled in.
    pub settings: Value,
    /// The generation in force; 0 while none was ever committed.
    pub generation: u64,
}

/// Settings that an owner accepted.
#[derive(Clone, Debug, PartialEq)]
pub struct Checked {
    /// The settings as the owner would store them.
    pub amended: Value,
    /// One sentence for each value the owner amended.
    pub notes: Vec<String>,
}

impl Config1 {
    /// The settings face of the daemon that owns `name`.
    pub fn new(bus: &Bus, name: &str) -> Self {
        Self { peer: Peer::new(bus, name, &path(name), CONFIG_INTERFACE, AutoStart::No) }
    }

    /// Bus name of the daemon.
    pub fn name(&self) -> &str {
        self.peer.name()
    }

    /// All properties.
    pub async fn state(&self) -> Result<ConfigState, BusError> {
        self.peer.properties().await
    }

    /// Would these settings do? Fails with [`BusError::Rejected`] and the owner's reason.
    pub async fn check(&self, settings: &Value, limit: Duration) -> Result<Checked, BusError> {
        let (amended, notes): (String, Vec<String>) =
            self.peer.call_within(limit, "Check", &(settings.to_string(),)).await?;
        let amended = serde_json::from_str(&amended)
            .map_err(|error| BusError::Malformed(format!("Check of {}: {error}", self.name())))?;
        Ok(Checked { amended, notes })
    }

    /// Puts settings into force as `generation`. Fails with [`BusError::ApplyFailed`] and the owner's reason.
    pub async fn apply(&self, generation: u64, settings: &Value, limit: Duration) -> Result<(), BusError> {
        self.peer.call_within(limit, "Apply", &(generation, settings.to_string())).await
    }
}
