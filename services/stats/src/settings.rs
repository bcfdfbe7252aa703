//! What an operator can set.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tenon_service::{Refusal, Settings};

/// Settings of the collector.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StatsSettings {
    /// Seconds between two collections; 0 means only when somebody asks.
    #[schemars(range(max = 86_400))]
    pub poll_interval_s: u32,
    /// Loopback addresses and ports to show counters on over HTTP (/metrics, /json). An empty list: not over HTTP.
    #[schemars(length(max = 16))]
    pub listen_on: Vec<ListenOn>,
    /// Collect what auth counts of each zone as well, which it does with auth/zone_statistics, and show it with the zone's
    /// name in the label `zone`.
    pub zones: bool,
    /// Most zones that are shown: the first ones in canonical order that were asked for. What is left out is counted.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub zones_max: u32,
}

impl StatsSettings {
    /// How many zones to collect counters of; none for no zones at all.
    pub fn zones_wanted(&self) -> usize {
        if self.zones { usize::try_from(self.zones_max).unwrap_or(usize::MAX) } else { 0 }
    }
}

/// The port that monitoring systems know for the counters of a name server.
pub type ListenOn = tenon_service::ListenOn<9153>;

impl Default for StatsSettings {
    fn default() -> Self {
        Self { poll_interval_s: 60, listen_on: ListenOn::local(), zones: false, zones_max: 10_000 }
    }
}

impl Settings for StatsSettings {
    const COMPONENT: &'static str = "stats";

    fn check(mut self, notes: &mut Vec<String>) -> Result<Self, Refusal> {
        ListenOn::once(&mut self.listen_on, notes);
        for (index, ListenOn { address, .. }) in self.listen_on.iter().enumerate() {
            if !address.is_loopback() {
                let reason = format!(
                    "{address} is not a loopback address, and there is neither password nor encryption here: let a \
                     proxy on this host ask and show the counters to others"
                );
                return Err(Refusal::new(format!("listen_on/{index}/address"), reason));
            }
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listen_on(addresses: &[&str]) -> StatsSettings {
        let place = |address: &&str| ListenOn { address: address.parse().unwrap(), port: 9153 };
        StatsSettings { listen_on: addresses.iter().map(place).collect(), ..StatsSettings::default() }
    }

    #[test]
    fn defaults_stand_and_what_is_there_twice_is_amended() {
        let mut notes = Vec::new();
        assert_eq!(StatsSettings::default().check(&mut notes), Ok(StatsSettings::default()));
        assert!(notes.is_empty());
        let amended = listen_on(&["127.0.0.1", "::1", "127.0.0.1"]).check(&mut notes).unwrap();
        assert_eq!(amended, StatsSettings::default());
        assert_eq!(notes, ["listen_on: 127.0.0.1:9153 was there twice; once will do"]);
    }

    #[test]
    fn what_others_could_reach_is_refused() {
        for address in ["0.0.0.0", "::", "192.0.2.1", "::ffff:127.0.0.1"] {
            let refusal = listen_on(&["::1", address]).check(&mut Vec::new()).unwrap_err();
            assert_eq!(refusal.option, "listen_on/1/address", "{address}");
        }
    }
}
