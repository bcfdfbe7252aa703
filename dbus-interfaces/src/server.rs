//! What a daemon needs to serve objects: the one place where the bus library shows.

use crate::bus::Line;
use crate::{Bus, BusError};

/// Errors that Tenon's services answer with; the D-Bus names are `org.tenon.Error.<variant>`.
#[derive(Debug, zbus::DBusError)]
#[zbus(prefix = "org.tenon.Error")]
pub enum Error {
    /// A failure of the bus library itself.
    #[zbus(error)]
    ZBus(zbus::Error),
    /// No zone of that name.
    NoSuchZone(String),
    /// No option of that path.
    NoSuchOption(String),
    /// No component of that name.
    NoSuchComponent(String),
    /// The component has no counter of that name.
    NoSuchCounter(String),
    /// The service knows no such job (any more).
    NoSuchJob(String),
    /// There is too much to do already, or something that excludes it is under way.
    Busy(String),
    /// No generation of that number is kept.
    NoSuchGeneration(String),
    /// No commit waits for confirmation.
    NothingToConfirm(String),
    /// Another commit waits for its confirmation.
    ConfirmationPending(String),
    /// A value does not fit the option's schema.
    InvalidValue(String),
    /// Settings refused; nothing changed.
    Rejected(String),
    /// Somebody else changed the same options meanwhile.
    Conflict(String),
    /// Settings could not be put into force; the old ones are in force.
    ApplyFailed(String),
    /// The caller may not do this.
    AccessDenied(String),
    /// The service failed at something that is not the caller's fault.
    Failed(String),
}

/// A [`Bus`] over a connection that a daemon serves objects on. The connection must be to a message bus.
pub fn bus(connection: zbus::Connection) -> Bus {
    Bus::over(Line::Direct(connection))
}

/// The connection below a [`Bus`]; fails for one that is reached by a relay only.
pub fn connection(bus: &Bus) -> Result<&zbus::Connection, BusError> {
    bus.direct()
}

pub use crate::value::{json_to_map, map_to_json};
