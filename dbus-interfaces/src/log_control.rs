//! `org.freedesktop.LogControl1`: how much a service logs, in the words of syslog.

use serde::Deserialize;

use crate::peer::{AutoStart, Peer};
use crate::{Bus, BusError};

const PATH: &str = "/org/freedesktop/LogControl1";
const INTERFACE: &str = "org.freedesktop.LogControl1";

/// The logging of one daemon.
#[derive(Clone, Debug)]
pub struct LogControl1 {
    peer: Peer,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct State {
    log_level: String,
}

impl LogControl1 {
    /// The logging of the daemon that owns `name`.
    pub fn new(bus: &Bus, name: &str) -> Self {
        Self { peer: Peer::new(bus, name, PATH, INTERFACE, AutoStart::No) }
    }

    /// How much is logged: `err`, `warning`, `notice`, `info` or `debug`, or a filter the process was started with.
    pub async fn level(&self) -> Result<String, BusError> {
        self.peer.properties::<State>().await.map(|state| state.log_level)
    }

    /// Has so much logged until the process ends. Fails with [`BusError::InvalidValue`].
    pub async fn set_level(&self, level: &str) -> Result<(), BusError> {
        self.peer.set_property("LogLevel", level).await
    }
}
