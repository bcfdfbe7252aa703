//! What an operator can set.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tenon_service::{Refusal, Settings};

/// Settings of the loader as a service.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LoaderSettings {
    /// Loads at a time; further ones wait. Each takes two processor cores while it stores, and about a hundred octets of
    /// memory for each record.
    #[schemars(range(min = 1, max = 64))]
    pub loads: u32,
    /// Loads that may be waiting or running; further ones are refused.
    #[schemars(range(min = 1, max = 100_000))]
    pub jobs: u32,
    /// Most octets of a master file that is sent.
    #[schemars(range(min = 1024, max = 1_000_000_000_000_u64))]
    pub max_octets: u64,
}

impl Default for LoaderSettings {
    fn default() -> Self {
        Self { loads: 2, jobs: 1000, max_octets: 1 << 30 }
    }
}

impl Settings for LoaderSettings {
    const COMPONENT: &'static str = "loader";

    fn check(self, _: &mut Vec<String>) -> Result<Self, Refusal> {
        Ok(self)
    }
}
