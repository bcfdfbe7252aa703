//! What an operator can set, and the same made ready for use.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tenon_acl::AccessList;
use tenon_service::{Refusal, Settings, ZoneIndex};
use tenon_tsig::KeyRing;
use tenon_wire::NameRef;

/// Settings of transfers out and of NOTIFY.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct XfroutSettings {
    /// Transfers that may be on their way at once.
    #[schemars(range(min = 1, max = 256))]
    pub transfers_out: u32,
    /// Transfers that may be on their way to one address at once.
    #[schemars(range(min = 1, max = 256))]
    pub transfers_per_peer: u32,
    /// Requests that may wait for a place among those; more are answered REFUSED.
    #[schemars(range(max = 10_000))]
    pub waiting: u32,
    /// Seconds that a request may wait for a place before it is answered REFUSED; to be less than
    /// auth/hand_over_timeout_ms, after which tenon-auth answers SERVFAIL.
    #[schemars(range(max = 600))]
    pub wait_s: u32,
    /// Seconds that a client may read nothing before its transfer is ended.
    #[schemars(range(min = 1, max = 3600))]
    pub idle_timeout_s: u32,
    /// Seconds that a transfer may take in all.
    #[schemars(range(min = 1, max = 604_800))]
    pub total_timeout_s: u32,
    /// Octets of memory that the differences for one IXFR may take; where they need more, the whole zone is sent. 0: it
    /// always is.
    #[schemars(range(max = 4_294_967_296_u64))]
    pub ixfr_max_octets: u64,
    /// Who may have zones: the first rule that matches decides, and who matches none is refused. From the start only who
    /// is on this machine.
    pub transfer_acl: AccessList,
    /// Servers to tell of changes besides those that a zone names in its NS records.
    #[schemars(length(max = 256))]
    pub also_notify: Vec<NotifyTarget>,
    /// Whether to tell the name servers in a zone's NS records (without the one in its SOA) of changes. Their addresses
    /// are looked up in the zones served here and nowhere else.
    pub notify_name_servers: bool,
    /// IPv4 address that notices come from; absent: as the system routes.
    pub notify_source_ipv4: Option<Ipv4Addr>,
    /// IPv6 address that notices come from; absent: as the system routes.
    pub notify_source_ipv6: Option<Ipv6Addr>,
    /// Notices that may be unanswered at once, for each server told.
    #[schemars(range(min = 1, max = 1000))]
    pub notifies_in_flight: u32,
    /// How often a notice is sent before the server is given up for it.
    #[schemars(range(min = 1, max = 20))]
    pub notify_tries: u32,
    /// Milliseconds to wait for the answer to the first try; each further try waits twice as long.
    #[schemars(range(min = 10, max = 60_000))]
    pub notify_timeout_ms: u32,
    /// Servers that may be told at once; more must wait until some are done.
    #[schemars(range(min = 1, max = 10_000))]
    pub notify_targets: u32,
    /// Zones with rules of their own.
    #[schemars(length(max = 100_000))]
    pub zones: Vec<ZoneRules>,
}

/// A server to tell of changes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NotifyTarget {
    /// Its address.
    pub address: IpAddr,
    /// Its port.
    #[serde(default = "NotifyTarget::default_port")]
    #[schemars(range(min = 1))]
    pub port: u16,
    /// Name of the key that notices to it are signed with (TSIG), and its answers too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1023))]
    pub key: Option<String>,
}

impl NotifyTarget {
    const fn default_port() -> u16 {
        53
    }

    /// Both together.
    #[must_use]
    pub const fn socket_address(&self) -> SocketAddr {
        SocketAddr::new(self.address, self.port)
    }
}

/// Rules for one zone; what is absent is as for all zones.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ZoneRules {
    /// The zone's name.
    #[schemars(length(max = 1024))]
    pub name: String,
    /// Who may have this zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transfer_acl: Option<AccessList>,
    /// Servers to tell of changes of this zone besides those in its NS records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub also_notify: Option<Vec<NotifyTarget>>,
}

impl Default for XfroutSettings {
    fn default() -> Self {
        Self {
            transfers_out: 10,
            transfers_per_peer: 5,
            waiting: 200,
            wait_s: 10,
            idle_timeout_s: 60,
            total_timeout_s: 14_400,
            ixfr_max_octets: 67_108_864,
            transfer_acl: AccessList::loopback(),
            also_notify: Vec::new(),
            notify_name_servers: true,
            notify_source_ipv4: None,
            notify_source_ipv6: None,
            notifies_in_flight: 30,
            notify_tries: 5,
            notify_timeout_ms: 1000,
            notify_targets: 1000,
            zones: Vec::new(),
        }
    }
}

impl Settings for XfroutSettings {
    const COMPONENT: &'static str = "xfrout";

    fn check(mut self, notes: &mut Vec<String>) -> Result<Self, Refusal> {
        if self.transfers_per_peer > self.transfers_out {
            self.transfers_per_peer = self.transfers_out;
            notes.push(format!(
                "transfers_per_peer: lowered to {}, as there are no more in all",
                self.transfers_out
            ));
        }
        self.index()?;
        Ok(self)
    }
}

impl XfroutSettings {
    fn index(&self) -> Result<ZoneIndex, Refusal> {
        ZoneIndex::of(self.zones.iter().map(|zone| zone.name.as_str()))
    }
}

/// The settings in force, made ready for use.
#[derive(Debug)]
pub struct Rules {
    /// As they were set.
    pub settings: XfroutSettings,
    zones: ZoneIndex,
    /// The keys that requests may be signed with, and notices are.
    pub keys: Arc<KeyRing>,
}

impl Rules {
    /// Of checked settings.
    #[must_use]
    pub fn new(settings: XfroutSettings) -> Self {
        let zones = settings.index().unwrap_or_default();
        Self { settings, zones, keys: Arc::default() }
    }

    /// The same with these keys.
    #[must_use]
    pub fn with_keys(self, keys: Arc<KeyRing>) -> Self {
        Self { keys, ..self }
    }

    /// The name of the key for notices of a zone to a server, if they are to be signed.
    #[must_use]
    pub fn notify_key(&self, zone: NameRef<'_>, target: SocketAddr) -> Option<&str> {
        let mut targets = self.also_notify(zone).iter();
        targets.find(|known| known.socket_address() == target)?.key.as_deref()
    }

    fn zone(&self, zone: NameRef<'_>) -> Option<(usize, &ZoneRules)> {
        let index = self.zones.place(zone)?;
        Some((index, self.settings.zones.get(index)?))
    }

    /// The list that guards a zone, with the path of its option.
    #[must_use]
    pub fn transfer_acl(&self, zone: NameRef<'_>) -> (&AccessList, String) {
        match self.zone(zone) {
            Some((index, ZoneRules { transfer_acl: Some(list), .. })) => {
                (list, format!("zones/{index}/transfer_acl"))
            }
            _ => (&self.settings.transfer_acl, "transfer_acl".to_owned()),
        }
    }

    /// Servers to tell besides those in the zone's NS records.
    #[must_use]
    pub fn also_notify(&self, zone: NameRef<'_>) -> &[NotifyTarget] {
        let own = self.zone(zone).and_then(|(_, rules)| rules.also_notify.as_deref());
        own.unwrap_or(&self.settings.also_notify)
    }

    /// How long a request may wait for a place.
    #[must_use]
    pub fn wait(&self) -> Duration {
        Duration::from_secs(self.settings.wait_s.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use tenon_wire::Name;

    fn settings(document: serde_json::Value) -> Result<XfroutSettings, Refusal> {
        serde_json::from_value::<XfroutSettings>(document).unwrap().check(&mut Vec::new())
    }

    #[test]
    fn defaults_stand_and_let_no_stranger_in() {
        let mut notes = Vec::new();
        assert_eq!(XfroutSettings::default().check(&mut notes), Ok(XfroutSettings::default()));
        assert!(notes.is_empty());
        let few = settings(json!({"transfers_out": 2})).unwrap();
        assert_eq!(few.transfers_per_peer, 2);
    }

    #[test]
    fn a_zone_has_one_entry() {
        let refusal = settings(json!({"zones": [{"name": "a.test."}, {"name": "A.test"}]})).unwrap_err();
        assert_eq!(refusal.option, "zones/1/name");
        assert_eq!(settings(json!({"zones": [{"name": "a..test."}]})).unwrap_err().option, "zones/0/name");
    }

    #[test]
    fn what_a_zone_does_not_say_is_as_for_all() {
        let document = json!({"also_notify": [{"address": "192.0.2.1"}], "zones": [
            {"name": "own.test.", "transfer_acl": [], "also_notify": [{"address": "::1", "port": 5353}]},
            {"name": "list.test.", "transfer_acl": [{"action": "ACCEPT"}]}, {"name": "none.test.", "also_notify": []}]});
        let rules = Rules::new(settings(document).unwrap());
        let name = |text: &str| text.parse::<Name>().unwrap();
        assert_eq!(rules.transfer_acl(name("OWN.test.").as_ref()).1, "zones/0/transfer_acl");
        assert_eq!(rules.transfer_acl(name("none.test.").as_ref()).1, "transfer_acl");
        let told = |zone: &str| -> Vec<String> {
            let targets = rules.also_notify(name(zone).as_ref()).iter();
            targets.map(|target| target.socket_address().to_string()).collect()
        };
        assert_eq!(told("own.test."), ["[::1]:5353"]);
        assert_eq!(told("list.test."), ["192.0.2.1:53"]);
        assert!(told("none.test.").is_empty());
    }
}
