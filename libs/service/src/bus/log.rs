//! The bus face of logging: systemd's `org.freedesktop.LogControl1`.

use tenon_bus::server::Error;
use tracing::info;
use zbus::Connection;
use zbus::message::Header;

use crate::authorise::{Action, authorise};
use crate::log::{self, LevelError};
use crate::messages;

/// Where systemd's tools look for it.
pub(crate) const PATH: &str = "/org/freedesktop/LogControl1";

pub(crate) struct LogFace;

#[zbus::interface(name = "org.freedesktop.LogControl1", introspection_docs = false)]
impl LogFace {
    #[zbus(property(emits_changed_signal = "false"))]
    fn log_level(&self) -> String {
        log::level()
    }

    #[zbus(property)]
    async fn set_log_level(
        &self,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Option<Header<'_>>,
        level: String,
    ) -> Result<(), Error> {
        let header = header.ok_or_else(|| Error::AccessDenied("nobody asks".into()))?;
        let caller = authorise(connection, &header, Action::ServiceControl).await?;
        let before = log::level();
        log::set_level(&level).map_err(|error| match error {
            LevelError::Unknown(_) => Error::InvalidValue(error.to_string()),
            LevelError::Off => Error::Failed(error.to_string()),
        })?;
        info!(
            message_id = messages::LOG_LEVEL,
            level = %level,
            caller = %caller.name,
            "{} set the log level from {before} to {level}", caller.name
        );
        Ok(())
    }

    #[zbus(property(emits_changed_signal = "false"))]
    fn log_target(&self) -> String {
        log::target().to_owned()
    }

    #[zbus(property)]
    fn set_log_target(&self, target: String) -> Result<(), Error> {
        if target == log::target() {
            return Ok(());
        }
        Err(Error::InvalidValue(format!("{target}: the unit says where events go (StandardError=)")))
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn syslog_identifier(&self) -> String {
        log::identifier()
    }
}
