//! What an operator can set.

use std::collections::HashSet;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tenon_service::{Refusal, Settings};
use tenon_wire::Name;

/// Settings of who transfers zones in.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct XfrinSettings {
    /// Transfers at a time; further ones wait. Each takes a connection, two processor cores while it stores, and what
    /// max_octets allows.
    #[schemars(range(min = 1, max = 256))]
    pub transfers_in: u32,
    /// Transfers at a time from one address.
    #[schemars(range(min = 1, max = 256))]
    pub transfers_per_primary: u32,
    /// What to ask primaries for, unless `zones` says otherwise: what changed, and the whole zone where that does not work
    /// (yes); always the whole zone (no); never the whole zone once there is a version of it (only).
    pub request_ixfr: RequestIxfr,
    /// Zones with settings of their own.
    #[schemars(length(max = 200_000))]
    pub zones: Vec<ZoneSettings>,
    /// File with the certificates of the authorities (PEM) that vouch for primaries known by their name over TLS.
    #[schemars(length(min = 1, max = 4096))]
    pub tls_ca_file: String,
    /// File with the certificate (PEM) that is shown to primaries over TLS; absent: none is.
    #[schemars(length(min = 1, max = 4096))]
    pub tls_certificate_file: Option<String>,
    /// File with the private key (PEM) of that certificate, which tenon-xfrin must be able to read.
    #[schemars(length(min = 1, max = 4096))]
    pub tls_key_file: Option<String>,
    /// Questions for a serial at a time; further ones wait.
    #[schemars(range(min = 1, max = 1000))]
    pub soa_queries: u32,
    /// Jobs that may be waiting or running; further ones are refused.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub jobs: u32,
    /// Milliseconds until a question for a serial over UDP is asked again; the second time it waits twice as long.
    #[schemars(range(min = 50, max = 30_000))]
    pub query_timeout_ms: u32,
    /// How often a serial is asked for over UDP before TCP is tried.
    #[schemars(range(min = 1, max = 5))]
    pub query_tries: u32,
    /// Seconds until an attempt to connect is given up.
    #[schemars(range(min = 1, max = 120))]
    pub connect_timeout_s: u32,
    /// Seconds within which each message of a transfer must have come as a whole.
    #[schemars(range(min = 1, max = 3600))]
    pub idle_timeout_s: u32,
    /// Seconds that a transfer may take in all.
    #[schemars(range(min = 1, max = 604_800))]
    pub total_timeout_s: u32,
    /// Most records of a zone.
    #[schemars(range(min = 10, max = 1_000_000_000))]
    pub max_records: u64,
    /// Most octets of a zone: received, and of its records in memory or the store, where each takes its names written out
    /// and 39 octets besides. Large zones that come in canonical order without NSEC3 take none of that memory.
    #[schemars(range(min = 100_000, max = 1_000_000_000_000_u64))]
    pub max_octets: u64,
}

/// Whether to ask for differences.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RequestIxfr {
    /// Differences, and the whole zone where that does not work.
    #[default]
    Yes,
    /// The whole zone.
    No,
    /// Differences only, once there is a version.
    Only,
}

/// Settings of one zone; what is absent is as for all zones.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ZoneSettings {
    /// The zone's name.
    #[schemars(length(max = 1024))]
    pub name: String,
    /// What to ask primaries for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_ixfr: Option<RequestIxfr>,
}

impl XfrinSettings {
    /// What to ask the primaries of this zone for, of checked settings. Looks through the list: once for each transfer.
    pub fn request_ixfr(&self, zone: &Name) -> RequestIxfr {
        let name = zone.as_ref().to_lowercase().to_string();
        let own = self.zones.iter().find(|own| own.name == name);
        own.and_then(|own| own.request_ixfr).unwrap_or(self.request_ixfr)
    }

    /// Until an attempt to connect is given up.
    pub fn connect_timeout(&self) -> Duration {
        Duration::from_secs(self.connect_timeout_s.into())
    }

    /// Within which each message must have come.
    pub fn idle_timeout(&self) -> Duration {
        Duration::from_secs(self.idle_timeout_s.into())
    }

    /// For a transfer in all.
    pub fn total_timeout(&self) -> Duration {
        Duration::from_secs(self.total_timeout_s.into())
    }

    /// How long to wait for an answer over UDP, counted from the first try, 0.
    pub fn query_timeout(&self, attempt: u32) -> Duration {
        Duration::from_millis(self.query_timeout_ms.into()) * 2_u32.saturating_pow(attempt.min(8))
    }
}

impl Default for XfrinSettings {
    fn default() -> Self {
        Self {
            transfers_in: 10,
            transfers_per_primary: 5,
            request_ixfr: RequestIxfr::Yes,
            zones: Vec::new(),
            tls_ca_file: "/etc/ssl/certs/ca-certificates.crt".to_owned(),
            tls_certificate_file: None,
            tls_key_file: None,
            soa_queries: 100,
            jobs: 20_000,
            query_timeout_ms: 1500,
            query_tries: 2,
            connect_timeout_s: 10,
            idle_timeout_s: 60,
            total_timeout_s: 14_400,
            max_records: 20_000_000,
            max_octets: 2_147_483_648,
        }
    }
}

impl Settings for XfrinSettings {
    const COMPONENT: &'static str = "xfrin";

    fn check(mut self, notes: &mut Vec<String>) -> Result<Self, Refusal> {
        if self.transfers_per_primary > self.transfers_in {
            self.transfers_per_primary = self.transfers_in;
            notes.push(format!(
                "transfers_per_primary: lowered to {}, as there are no more transfers_in",
                self.transfers_in
            ));
        }
        let mut known = HashSet::with_capacity(self.zones.len());
        for (index, zone) in self.zones.iter_mut().enumerate() {
            let option = format!("zones/{index}/name");
            let name: Name = zone.name.parse().map_err(|error| {
                Refusal::new(&option, format!("{:?} is no zone's name: {error}", zone.name))
            })?;
            // One spelling, so that it is found without being read.
            zone.name = name.as_ref().to_lowercase().to_string();
            if !known.insert(name) {
                return Err(Refusal::new(option, format!("{} is there twice", zone.name)));
            }
        }
        if self.tls_certificate_file.is_some() != self.tls_key_file.is_some() {
            let reason = "tls_certificate_file and tls_key_file go together".to_owned();
            return Err(Refusal::new("tls_key_file", reason));
        }
        if self.total_timeout_s < self.idle_timeout_s {
            let reason =
                format!("is below idle_timeout_s, {}: no message could come that late", self.idle_timeout_s);
            return Err(Refusal::new("total_timeout_s", reason));
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_stand_and_contradictions_do_not() {
        let mut notes = Vec::new();
        let defaults = XfrinSettings::default();
        assert_eq!(defaults.clone().check(&mut notes), Ok(defaults.clone()));
        assert!(notes.is_empty());
        let few = XfrinSettings { transfers_in: 2, ..defaults.clone() };
        assert_eq!(few.check(&mut notes).unwrap().transfers_per_primary, 2);
        assert_eq!(notes.len(), 1);
        let short = XfrinSettings { total_timeout_s: 30, ..defaults };
        assert_eq!(short.check(&mut notes).unwrap_err().option, "total_timeout_s");
    }

    #[test]
    fn a_zone_has_one_entry_and_its_own_way() {
        let settings: XfrinSettings = serde_json::from_str(
            r#"{"request_ixfr": "only", "zones": [{"name": "a.test", "request_ixfr": "no"}, {"name": "b.test"}]}"#,
        )
        .unwrap();
        let settings = settings.check(&mut Vec::new()).unwrap();
        let asked = |zone: &str| settings.request_ixfr(&zone.parse().unwrap());
        assert_eq!(asked("A.test."), RequestIxfr::No);
        assert_eq!((asked("b.test."), asked("c.test.")), (RequestIxfr::Only, RequestIxfr::Only));
        let twice = ["a.test", "A.test."].map(|name| ZoneSettings { name: name.into(), request_ixfr: None });
        let twice = XfrinSettings { zones: twice.into(), ..XfrinSettings::default() };
        assert_eq!(twice.check(&mut Vec::new()).unwrap_err().option, "zones/1/name");
    }

    #[test]
    fn patience_doubles() {
        let settings = XfrinSettings::default();
        assert_eq!(settings.query_timeout(0), Duration::from_millis(1500));
        assert_eq!(settings.query_timeout(1), Duration::from_millis(3000));
    }
}
