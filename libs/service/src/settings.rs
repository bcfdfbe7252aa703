//! A component's settings: one Rust type that gives schema, defaults and the owner's own rules.

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The settings of one component.
///
/// Types, unknown options and the ranges of the schema (`#[schemars(range(min = 512, max = 4096))]`) are checked by
/// this library before [`Settings::check`] is asked; prose of a field becomes prose of the option.
pub trait Settings:
    Serialize + DeserializeOwned + JsonSchema + Default + Clone + Send + Sync + 'static
{
    /// The component's short name, such as `auth`: the first word of every option's path.
    const COMPONENT: &'static str;

    /// The owner's own rules: gives the settings back, possibly amended with a note for people, or refuses them.
    fn check(self, notes: &mut Vec<String>) -> Result<Self, Refusal>;
}

/// Why settings will not do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{reason}", if option.is_empty() { String::new() } else { format!("{option}: ") })]
pub struct Refusal {
    /// Path of the option below the component, such as `listen_on/0/port`; empty for the settings as a whole.
    pub option: String,
    /// What is wrong and what would do, for people.
    pub reason: String,
}

impl Refusal {
    /// A refusal of the option at `option`.
    pub fn new(option: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { option: option.into(), reason: reason.into() }
    }

    /// The same refusal with the option's path as an operator types it: component first.
    #[must_use]
    pub fn below(mut self, component: &str) -> Self {
        self.option = if self.option.is_empty() {
            component.to_owned()
        } else {
            format!("{component}/{}", self.option)
        };
        self
    }
}
