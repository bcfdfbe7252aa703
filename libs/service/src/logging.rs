//! How much each component logs: the virtual module `logging`.
//!
//! tenon-cfgmgr has its schema and checker; each component reads its part of the committed generation when it starts and
//! with every generation that it is told of.

use std::collections::BTreeSet;
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tracing::error;

use crate::committed;
use crate::log;
use crate::messages;
use crate::settings::{Refusal, Settings};

/// Stands for all components that are not named.
pub const EVERY: &str = "*";

/// How much each component logs. `bindctl log level` changes it until a component is restarted; this is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LoggingSettings {
    /// Components that log otherwise than `info`.
    #[schemars(length(max = 100))]
    pub loggers: Vec<Logger>,
}

/// How much one component logs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Logger {
    /// The component, such as `auth`; `*` for all that have no entry of their own.
    #[schemars(length(min = 1, max = 32))]
    pub component: String,
    /// The least severe that it logs.
    #[serde(default)]
    pub severity: Severity,
}

/// How severe what is logged must be, in the words of syslog.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
#[allow(missing_docs, reason = "syslog's words say it")]
pub enum Severity {
    Err,
    Warning,
    Notice,
    #[default]
    Info,
    Debug,
}

impl Severity {
    /// The word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Err => "err",
            Self::Warning => "warning",
            Self::Notice => "notice",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}

impl LoggingSettings {
    /// What a component logs: as its own entry says, or as that for all.
    #[must_use]
    pub fn severity(&self, component: &str) -> Severity {
        let entry = |name: &str| self.loggers.iter().find(|logger| logger.component == name);
        entry(component).or_else(|| entry(EVERY)).map(|logger| logger.severity).unwrap_or_default()
    }
}

impl Settings for LoggingSettings {
    const COMPONENT: &'static str = "logging";

    fn check(self, _: &mut Vec<String>) -> Result<Self, Refusal> {
        let mut known = BTreeSet::new();
        for (index, Logger { component, .. }) in self.loggers.iter().enumerate() {
            if !known.insert(component) {
                let reason = format!("there is another entry for {component}");
                return Err(Refusal::new(format!("loggers/{index}/component"), reason));
            }
        }
        Ok(self)
    }
}

/// Makes this process log as the committed generation says.
pub(crate) fn follow(directory: &Path, component: &str) {
    match committed::module::<LoggingSettings>(directory) {
        Ok(settings) => log::follow(settings.severity(component)),
        Err(reason) => error!(
            message_id = messages::SETTINGS_BROKEN,
            reason = %reason,
            "how much is to be logged cannot be read, going on as before: {reason}"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logger(component: &str, severity: Severity) -> Logger {
        Logger { component: component.to_owned(), severity }
    }

    #[test]
    fn the_entry_of_its_own_goes_before_that_for_all() {
        let settings = LoggingSettings {
            loggers: vec![logger(EVERY, Severity::Warning), logger("auth", Severity::Debug)],
        };
        let words = ["auth", "zonec"].map(|component| settings.severity(component).word());
        assert_eq!(words, ["debug", "warning"]);
        assert_eq!(LoggingSettings::default().severity("auth"), Severity::Info);
        assert!(settings.check(&mut Vec::new()).is_ok());
    }

    #[test]
    fn two_entries_for_one_component_are_refused() {
        let loggers = vec![logger("auth", Severity::Err), logger("auth", Severity::Debug)];
        let refusal = LoggingSettings { loggers }.check(&mut Vec::new()).unwrap_err();
        assert_eq!(refusal.option, "loggers/1/component");
    }
}
