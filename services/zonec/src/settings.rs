//! What an operator can set.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tenon_service::{Refusal, Settings};

/// Settings of the zone compiler.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ZonecSettings {
    /// How often to look at the stores without being told, in milliseconds.
    #[schemars(range(min = 100, max = 60_000))]
    pub reconcile_interval_ms: u64,
    /// Zones with fewer records than this share image files (packs) when many change at once.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub small_zone_records: u64,
    /// Most zones in one pack.
    #[schemars(range(min = 2, max = 100_000))]
    pub pack_zones: u64,
    /// Most records in one pack.
    #[schemars(range(min = 1000, max = 100_000_000))]
    pub pack_records: u64,
    /// When so many small zones have image files of their own, or changed at once, they are packed.
    #[schemars(range(min = 2, max = 10_000))]
    pub loose_files: u64,
    /// Zones with at least this many records are compiled beside the others, so that those need not wait.
    #[schemars(range(min = 1000, max = 100_000_000))]
    pub large_zone_records: u64,
    /// Changes of at most so many names in a zone that is not small become a layer on its image instead of a new image;
    /// 0: never.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub layer_names: u64,
}

impl Default for ZonecSettings {
    fn default() -> Self {
        Self {
            reconcile_interval_ms: 2000,
            small_zone_records: 10_000,
            pack_zones: 5000,
            pack_records: 500_000,
            loose_files: 64,
            large_zone_records: 200_000,
            layer_names: 50_000,
        }
    }
}

impl Settings for ZonecSettings {
    const COMPONENT: &'static str = "zonec";

    fn check(mut self, notes: &mut Vec<String>) -> Result<Self, Refusal> {
        if self.large_zone_records < self.small_zone_records {
            self.large_zone_records = self.small_zone_records;
            notes.push(format!(
                "large_zone_records: raised to {}, since no zone is both small and large",
                self.large_zone_records
            ));
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_stand_and_contradictions_are_amended() {
        let mut notes = Vec::new();
        assert_eq!(ZonecSettings::default().check(&mut notes), Ok(ZonecSettings::default()));
        assert!(notes.is_empty());
        let odd = ZonecSettings { small_zone_records: 500_000, ..ZonecSettings::default() };
        assert_eq!(odd.check(&mut notes).unwrap().large_zone_records, 500_000);
        assert_eq!(notes.len(), 1);
    }
}
