//! The configuration manager's own settings.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tenon_service::{Refusal, Settings};

/// Settings of tenon-cfgmgr.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CfgmgrSettings {
    /// How many generations are kept, the committed one included; older ones are removed with the next commit.
    #[schemars(range(min = 2, max = 100_000))]
    pub keep_generations: u32,
    /// Milliseconds that one owner may take to check settings before the commit is rejected.
    #[schemars(range(min = 100, max = 60_000))]
    pub check_timeout_ms: u32,
    /// Milliseconds that one owner may take to put settings into force before the old ones are restored.
    #[schemars(range(min = 100, max = 60_000))]
    pub apply_timeout_ms: u32,
    /// Milliseconds to wait for the listen addresses to be in force before the old ones are restored.
    #[schemars(range(min = 100, max = 60_000))]
    pub listen_timeout_ms: u32,
}

impl Default for CfgmgrSettings {
    fn default() -> Self {
        Self {
            keep_generations: 100,
            check_timeout_ms: 5000,
            apply_timeout_ms: 10_000,
            listen_timeout_ms: 15_000,
        }
    }
}

impl CfgmgrSettings {
    /// How long one owner may take to check.
    pub fn check_limit(&self) -> Duration {
        Duration::from_millis(self.check_timeout_ms.into())
    }

    /// How long one owner may take to apply.
    pub fn apply_limit(&self) -> Duration {
        Duration::from_millis(self.apply_timeout_ms.into())
    }

    /// How long the listen addresses may take.
    pub fn listen_limit(&self) -> Duration {
        Duration::from_millis(self.listen_timeout_ms.into())
    }
}

impl Settings for CfgmgrSettings {
    const COMPONENT: &'static str = "cfgmgr";

    fn check(self, _: &mut Vec<String>) -> Result<Self, Refusal> {
        Ok(self)
    }
}
