//! What can go wrong when a peer is called.

use crate::names::ERROR_PREFIX;

/// Why a call over the bus failed. The text of a variant comes from the peer, for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BusError {
    /// The bus itself cannot be reached.
    #[error("cannot reach the D-Bus system bus: {0}")]
    NotReachable(String),
    /// The connection to the bus broke.
    #[error("the connection to the D-Bus system bus broke: {0}")]
    Disconnected(String),
    /// Nobody owns the peer's bus name, and nobody could be started.
    #[error("the service is not running: {0}")]
    ServiceUnknown(String),
    /// The peer did not answer in time.
    #[error("no reply: {0}")]
    NoReply(String),
    /// The caller may not do this.
    #[error("access denied: {0}")]
    AccessDenied(String),
    /// The peer knows no such zone.
    #[error("no such zone: {0}")]
    NoSuchZone(String),
    /// There is no option of that path.
    #[error("no such option: {0}")]
    NoSuchOption(String),
    /// There is no component of that name.
    #[error("no such component: {0}")]
    NoSuchComponent(String),
    /// The component has no counter of that name.
    #[error("no such counter: {0}")]
    NoSuchCounter(String),
    /// The service knows no such job (any more).
    #[error("no such job: {0}")]
    NoSuchJob(String),
    /// There is too much to do already, or something that excludes it is under way: try again later.
    #[error("busy: {0}")]
    Busy(String),
    /// No generation of that number is kept.
    #[error("no such generation: {0}")]
    NoSuchGeneration(String),
    /// No commit waits for confirmation.
    #[error("nothing to confirm: {0}")]
    NothingToConfirm(String),
    /// Another commit waits for its confirmation.
    #[error("a commit waits for confirmation: {0}")]
    ConfirmationPending(String),
    /// A value does not fit the option's schema.
    #[error("invalid value: {0}")]
    InvalidValue(String),
    /// The owner of the settings refused them; nothing changed.
    #[error("rejected: {0}")]
    Rejected(String),
    /// Somebody else changed the same options meanwhile.
    #[error("conflict: {0}")]
    Conflict(String),
    /// The settings were accepted but could not be put into force; the old ones are in force.
    #[error("could not be applied: {0}")]
    ApplyFailed(String),
    /// The peer's reply was not what the interface promises.
    #[error("unexpected reply: {0}")]
    Malformed(String),
    /// Any other error, with its D-Bus name.
    #[error("{name}: {text}")]
    Other {
        /// The D-Bus error name.
        name: String,
        /// The text that came with it.
        text: String,
    },
}

impl BusError {
    /// Whether it is the bus that is missing, rather than the peer or the request that is wrong.
    pub fn is_bus_down(&self) -> bool {
        matches!(self, Self::NotReachable(_) | Self::Disconnected(_))
    }

    /// The D-Bus name of an error that a service of Tenon answered with.
    pub fn name(&self) -> Option<String> {
        let word = match self {
            Self::NoSuchZone(_) => "NoSuchZone",
            Self::NoSuchOption(_) => "NoSuchOption",
            Self::NoSuchComponent(_) => "NoSuchComponent",
            Self::NoSuchCounter(_) => "NoSuchCounter",
            Self::NoSuchJob(_) => "NoSuchJob",
            Self::Busy(_) => "Busy",
            Self::NoSuchGeneration(_) => "NoSuchGeneration",
            Self::NothingToConfirm(_) => "NothingToConfirm",
            Self::ConfirmationPending(_) => "ConfirmationPending",
            Self::InvalidValue(_) => "InvalidValue",
            Self::Rejected(_) => "Rejected",
            Self::Conflict(_) => "Conflict",
            Self::ApplyFailed(_) => "ApplyFailed",
            Self::AccessDenied(_) => "AccessDenied",
            Self::Other { name, .. } => return Some(name.clone()),
            _ => return None,
        };
        Some(format!("{ERROR_PREFIX}.{word}"))
    }

    /// What the peer said of it, without what kind of error it is.
    pub fn text(&self) -> &str {
        match self {
            Self::NotReachable(text)
            | Self::Disconnected(text)
            | Self::ServiceUnknown(text)
            | Self::NoReply(text)
            | Self::AccessDenied(text)
            | Self::NoSuchZone(text)
            | Self::NoSuchOption(text)
            | Self::NoSuchComponent(text)
            | Self::NoSuchCounter(text)
            | Self::NoSuchJob(text)
            | Self::Busy(text)
            | Self::NoSuchGeneration(text)
            | Self::NothingToConfirm(text)
            | Self::ConfirmationPending(text)
            | Self::InvalidValue(text)
            | Self::Rejected(text)
            | Self::Conflict(text)
            | Self::ApplyFailed(text)
            | Self::Malformed(text)
            | Self::Other { text, .. } => text,
        }
    }

    /// The error of a D-Bus name.
    pub fn named(name: &str, text: String) -> Self {
        match name.strip_prefix(ERROR_PREFIX).and_then(|rest| rest.strip_prefix('.')) {
            Some("NoSuchZone") => Self::NoSuchZone(text),
            Some("NoSuchOption") => Self::NoSuchOption(text),
            Some("NoSuchComponent") => Self::NoSuchComponent(text),
            Some("NoSuchCounter") => Self::NoSuchCounter(text),
            Some("NoSuchJob") => Self::NoSuchJob(text),
            Some("Busy") => Self::Busy(text),
            Some("NoSuchGeneration") => Self::NoSuchGeneration(text),
            Some("NothingToConfirm") => Self::NothingToConfirm(text),
            Some("ConfirmationPending") => Self::ConfirmationPending(text),
            Some("InvalidValue") => Self::InvalidValue(text),
            Some("Rejected") => Self::Rejected(text),
            Some("Conflict") => Self::Conflict(text),
            Some("ApplyFailed") => Self::ApplyFailed(text),
            Some("AccessDenied") => Self::AccessDenied(text),
            _ => Self::Other { name: name.to_owned(), text },
        }
    }
}

impl From<zbus::Error> for BusError {
    fn from(error: zbus::Error) -> Self {
        match error {
            zbus::Error::FDO(error) => Self::from(*error),
            zbus::Error::MethodError(name, text, _) => Self::named(name.as_str(), text.unwrap_or_default()),
            zbus::Error::Connection(error, address) => Self::NotReachable(format!("{address}: {error}")),
            zbus::Error::Address(text) | zbus::Error::Handshake(text) => Self::NotReachable(text),
            zbus::Error::InputOutput(error) => Self::Disconnected(error.to_string()),
            other => Self::Malformed(other.to_string()),
        }
    }
}

impl From<zbus::fdo::Error> for BusError {
    fn from(error: zbus::fdo::Error) -> Self {
        use zbus::fdo::Error;
        match error {
            Error::ZBus(error) => Self::from(error),
            Error::ServiceUnknown(text)
            | Error::NameHasNoOwner(text)
            | Error::SpawnServiceNotFound(text)
            | Error::SpawnFailed(text)
            | Error::SpawnChildExited(text) => Self::ServiceUnknown(text),
            Error::NoReply(text) | Error::TimedOut(text) | Error::Timeout(text) => Self::NoReply(text),
            Error::AccessDenied(text)
            | Error::AuthFailed(text)
            | Error::InteractiveAuthorizationRequired(text) => Self::AccessDenied(text),
            Error::Disconnected(text) => Self::Disconnected(text),
            Error::NoServer(text) => Self::NotReachable(text),
            other => {
                let name = zbus::DBusError::name(&other).to_string();
                let text = zbus::DBusError::description(&other).unwrap_or_default().to_owned();
                Self::Other { name, text }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_error_names_become_variants() {
        assert_eq!(
            BusError::named("org.tenon.Error.NoSuchZone", "x.".into()),
            BusError::NoSuchZone("x.".into())
        );
        assert!(matches!(BusError::named("org.tenon.ErrorX", String::new()), BusError::Other { .. }));
        assert!(matches!(BusError::named("com.example.Odd", String::new()), BusError::Other { .. }));
    }

    #[test]
    fn a_missing_service_is_told_from_a_missing_bus() {
        let unknown = BusError::from(zbus::fdo::Error::ServiceUnknown("none".into()));
        assert_eq!(unknown, BusError::ServiceUnknown("none".into()));
        assert!(!unknown.is_bus_down());
        let broken = zbus::Error::from(std::io::Error::from(std::io::ErrorKind::BrokenPipe));
        assert!(BusError::from(broken).is_bus_down());
    }
}
