//! What the service manager says of Tenon's units.

use serde::{Deserialize, Serialize};
use zbus::OwnedObjectPath;

use crate::peer::{AutoStart, Peer};
use crate::{Bus, BusError};

const NAME: &str = "org.freedesktop.systemd1";

/// The service manager, only to look.
#[derive(Clone, Debug)]
pub struct Systemd {
    bus: Bus,
}

/// A unit in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unit {
    /// Full name, such as `tenon-auth@1.service`.
    pub name: String,
    /// One line for people.
    pub description: String,
    /// `loaded`, `not-found`, `error`, ...
    pub load_state: String,
    /// `active`, `inactive`, `failed`, `activating`, ...
    pub active_state: String,
    /// The finer state, such as `running`, `listening` or `auto-restart`.
    pub sub_state: String,
    /// Object path of the unit, for [`Systemd::details`].
    #[serde(skip)]
    path: String,
}

impl Unit {
    /// A unit of which only the name is known.
    pub fn named(name: &str) -> Self {
        let [description, load_state, active_state, sub_state, path] = [const { String::new() }; 5];
        Self { name: name.to_owned(), description, load_state, active_state, sub_state, path }
    }
}

/// What a list does not tell of a unit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all(deserialize = "PascalCase"))]
pub struct UnitDetails {
    /// When the unit got into its state, in microseconds since the epoch; 0 when it never did.
    #[serde(default, rename(deserialize = "StateChangeTimestamp"))]
    pub state_since_usec: u64,
    /// How often the service manager started it again by itself.
    #[serde(default, rename(deserialize = "NRestarts"))]
    pub restarts: u32,
    /// Whether its conditions held when it was last to be started; true for one that was never to be.
    #[serde(default = "held")]
    pub condition_result: bool,
    /// `success`, or how it failed.
    #[serde(default)]
    pub result: String,
}

fn held() -> bool {
    true
}

type ListedUnit =
    (String, String, String, String, String, String, OwnedObjectPath, u32, String, OwnedObjectPath);

impl Systemd {
    /// The service manager of this bus.
    pub fn new(bus: &Bus) -> Self {
        Self { bus: bus.clone() }
    }

    /// Units in memory whose names match one of `patterns`, such as `tenon*`, sorted by name.
    pub async fn units(&self, patterns: &[&str]) -> Result<Vec<Unit>, BusError> {
        let manager = Peer::new(
            &self.bus,
            NAME,
            "/org/freedesktop/systemd1",
            "org.freedesktop.systemd1.Manager",
            AutoStart::No,
        );
        let none: [&str; 0] = [];
        let listed: Vec<ListedUnit> =
            manager.call("ListUnitsByPatterns", &(none.as_slice(), patterns)).await?;
        let mut units: Vec<Unit> = listed.into_iter().map(unit).collect();
        units.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(units)
    }

    /// Since when a unit is in its state, and how often it was restarted.
    pub async fn details(&self, unit: &Unit) -> Result<UnitDetails, BusError> {
        let peer = |interface| Peer::new(&self.bus, NAME, &unit.path, interface, AutoStart::No);
        let mut details: UnitDetails = peer("org.freedesktop.systemd1.Unit").properties().await?;
        if unit.name.ends_with(".service") {
            let service: UnitDetails = peer("org.freedesktop.systemd1.Service").properties().await?;
            details.restarts = service.restarts;
            details.result = service.result;
        }
        Ok(details)
    }
}

fn unit(listed: ListedUnit) -> Unit {
    let (name, description, load_state, active_state, sub_state, _, path, ..) = listed;
    Unit { name, description, load_state, active_state, sub_state, path: path.to_string() }
}
