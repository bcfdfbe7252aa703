//! What an operator can set.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tenon_acl::AccessList;
use tenon_service::{Refusal, Settings};
use tenon_wire::Name;

/// The largest jitter: more would have zones looked at more than twice as often as their owners ask for.
const LARGEST_JITTER: f64 = 0.5;

/// Settings of the zone manager.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ZonemgrSettings {
    /// The zones that this server has from others. `bindctl zone add` and `bindctl zone remove` edit this list.
    #[schemars(length(max = 200_000))]
    pub secondary_zones: Vec<SecondaryZone>,
    /// Catalog zones (RFC 9432): the zones that they list are secondary zones here without being named. Each is one of
    /// `secondary_zones` itself.
    #[schemars(length(max = 100))]
    pub catalogs: Vec<CatalogZone>,
    /// Who may send NOTIFY besides a zone's primaries. Nobody, unless a rule accepts.
    pub allow_notify_from: AccessList,
    /// How many looks and transfers may be under way at once. A quarter of the places is kept for zones with a NOTIFY, so
    /// that primaries that do not answer cannot take them all.
    #[schemars(range(min = 1, max = 1000))]
    pub refreshes_at_once: u32,
    /// Seconds: no zone is looked at more often than this, whatever its SOA says.
    #[schemars(range(min = 1, max = 86_400))]
    pub lowerbound_refresh_s: u32,
    /// Seconds: every zone is looked at at least this often, whatever its SOA says.
    #[schemars(range(min = 1, max = 31_536_000))]
    pub upperbound_refresh_s: u32,
    /// Seconds: shortest time until the next look after one that failed.
    #[schemars(range(min = 1, max = 86_400))]
    pub lowerbound_retry_s: u32,
    /// Seconds: longest time until the next look after one that failed.
    #[schemars(range(min = 1, max = 31_536_000))]
    pub upperbound_retry_s: u32,
    /// Seconds: no zone expires sooner than this, nor before it was looked at a second time.
    #[schemars(range(max = 31_536_000))]
    pub lowerbound_expire_s: u32,
    /// Seconds: every zone that is not refreshed expires after at most this time.
    #[schemars(range(min = 1, max = 315_360_000))]
    pub upperbound_expire_s: u32,
    /// Seconds after which a transfer that is not over counts as failed and is given up.
    #[schemars(range(min = 1, max = 604_800))]
    pub max_transfer_timeout_s: u32,
    /// A zone is looked at earlier than it need be, by a random part of the time, at most this one (0.25: a quarter), so
    /// that many zones do not come due together.
    #[schemars(range(min = 0, max = 1))]
    pub refresh_jitter: f64,
    /// After a start, zones that should have been looked at long ago are spread over a time, at most this part of their
    /// retry time.
    #[schemars(range(min = 0, max = 1))]
    pub reload_jitter: f64,
    /// Milliseconds: NOTIFYs have a zone looked at no more often than this.
    #[schemars(range(max = 60_000))]
    pub notify_interval_ms: u32,
}

/// A zone that this server has from others.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SecondaryZone {
    /// The zone's name, such as example.com.
    pub name: String,
    /// The servers to have it from; asked in this order, one that sent a NOTIFY first.
    #[schemars(length(min = 1, max = 16))]
    pub primaries: Vec<Primary>,
}

/// A zone that lists zones.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CatalogZone {
    /// The catalog's name, such as catalog.example.
    pub name: String,
    /// The servers to have the listed zones from; those of the catalog itself when empty.
    #[serde(default)]
    #[schemars(length(max = 16))]
    pub primaries: Vec<Primary>,
    /// Other servers for the zones of some groups. A zone in several of them has those of the first group by name.
    #[serde(default)]
    #[schemars(length(max = 1000))]
    pub groups: Vec<CatalogGroup>,
}

/// A group of zones within a catalog.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CatalogGroup {
    /// The group, as the catalog writes it.
    pub name: String,
    /// The servers to have its zones from.
    #[schemars(length(min = 1, max = 16))]
    pub primaries: Vec<Primary>,
}

/// A server to have a zone from.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Primary {
    /// Its address.
    pub address: IpAddr,
    /// Its port.
    #[serde(default = "Primary::default_port")]
    #[schemars(range(min = 1))]
    pub port: u16,
    /// Transfer over TLS (RFC 9103), and who the server must prove to be; absent: without TLS. The port is mostly 853 then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<PrimaryTls>,
    /// The address to come from; absent: as the system routes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<IpAddr>,
    /// Name of the key (TSIG) that questions to it are signed with and that what it sends must be signed with, NOTIFY too;
    /// absent: nothing is signed. `bindctl key add` makes keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1023))]
    pub key: Option<String>,
}

/// Who a server must prove to be over TLS: one of both.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PrimaryTls {
    /// The name in its certificate, for which an authority in xfrin/tls_ca_file vouches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 255))]
    pub name: Option<String>,
    /// The SHA-256 of its public key (SPKI) in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 44, max = 44))]
    pub pin: Option<String>,
}

impl Primary {
    /// A server without anything particular.
    #[must_use]
    pub const fn plain(address: IpAddr, port: u16) -> Self {
        Self { address, port, tls: None, source: None, key: None }
    }

    /// What tenon-xfrin has to know besides address and port (`RefreshFrom` of org.tenon.Xfrin1).
    #[must_use]
    pub fn options(&self) -> HashMap<String, String> {
        let tls = self.tls.as_ref();
        let options = [
            ("source", self.source.map(|source| source.to_string())),
            ("tls_name", tls.and_then(|tls| tls.name.clone())),
            ("tls_pin", tls.and_then(|tls| tls.pin.clone())),
            ("key", self.key.clone()),
        ];
        options.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }

    /// Whether a message that is signed with this key, or not at all, may be from it.
    #[must_use]
    pub fn may_sign_with(&self, key: Option<&Name>) -> bool {
        let Some(own) = &self.key else { return true };
        key.is_some_and(|key| own.parse::<Name>().is_ok_and(|own| own == *key))
    }

    const fn default_port() -> u16 {
        53
    }

    /// Both together.
    #[must_use]
    pub const fn socket_address(&self) -> SocketAddr {
        SocketAddr::new(self.address, self.port)
    }
}

impl SecondaryZone {
    /// The zone's name in lower case; none when it is no name.
    #[must_use]
    pub fn origin(&self) -> Option<Name> {
        origin(&self.name)
    }
}

impl CatalogZone {
    /// The catalog's name in lower case; none when it is no name.
    #[must_use]
    pub fn origin(&self) -> Option<Name> {
        origin(&self.name)
    }
}

fn origin(text: &str) -> Option<Name> {
    let name = Name::from_text(text, Some(Name::root().as_ref())).ok()?;
    Some(name.as_ref().to_lowercase())
}

impl Default for ZonemgrSettings {
    fn default() -> Self {
        Self {
            secondary_zones: Vec::new(),
            catalogs: Vec::new(),
            allow_notify_from: AccessList::nobody(),
            refreshes_at_once: 100,
            lowerbound_refresh_s: 10,
            upperbound_refresh_s: 2_419_200,
            lowerbound_retry_s: 5,
            upperbound_retry_s: 1_209_600,
            lowerbound_expire_s: 0,
            upperbound_expire_s: 14_515_200,
            max_transfer_timeout_s: 14_400,
            refresh_jitter: 0.25,
            reload_jitter: 0.75,
            notify_interval_ms: 500,
        }
    }
}

impl Settings for ZonemgrSettings {
    const COMPONENT: &'static str = "zonemgr";

    fn check(mut self, notes: &mut Vec<String>) -> Result<Self, Refusal> {
        let mut known = HashSet::with_capacity(self.secondary_zones.len());
        for (index, zone) in self.secondary_zones.iter_mut().enumerate() {
            let option = |rest: &str| format!("secondary_zones/{index}/{rest}");
            let Some(origin) = zone.origin() else {
                let reason = format!("{:?} is no zone's name; one is such as example.com", zone.name);
                return Err(Refusal::new(option("name"), reason));
            };
            // One spelling, so that a difference is a difference.
            zone.name = origin.to_string();
            if zone.primaries.is_empty() {
                return Err(Refusal::new(
                    option("primaries"),
                    format!("{} needs at least one primary", zone.name),
                ));
            }
            check_primaries(&zone.primaries).map_err(|(rest, reason)| Refusal::new(option(&rest), reason))?;
            if !known.insert(origin) {
                let reason = format!("{} is there twice; name all its primaries in one place", zone.name);
                return Err(Refusal::new(option("name"), reason));
            }
        }
        self.check_catalogs(&known)?;
        self.amend_bounds(notes);
        Ok(self)
    }
}

impl ZonemgrSettings {
    fn check_catalogs(&mut self, secondaries: &HashSet<Name>) -> Result<(), Refusal> {
        let mut known = HashSet::new();
        for (index, catalog) in self.catalogs.iter_mut().enumerate() {
            let refused =
                |rest: &str, reason: String| Err(Refusal::new(format!("catalogs/{index}/{rest}"), reason));
            let Some(origin) = catalog.origin() else {
                return refused("name", format!("{:?} is no zone's name", catalog.name));
            };
            catalog.name = origin.to_string();
            if !secondaries.contains(&origin) {
                let reason =
                    format!("{origin} is none of zonemgr/secondary_zones: add it there, with its primaries");
                return refused("name", reason);
            }
            if !known.insert(origin) {
                return refused("name", format!("{} is there twice", catalog.name));
            }
            if let Err((rest, reason)) = check_primaries(&catalog.primaries) {
                return refused(&rest, reason);
            }
            for (place, group) in catalog.groups.iter().enumerate() {
                if let Err((rest, reason)) = check_primaries(&group.primaries) {
                    return refused(&format!("groups/{place}/{rest}"), reason);
                }
                let is_twice = catalog.groups.iter().take(place).any(|other| other.name == group.name);
                if is_twice || group.primaries.is_empty() {
                    let what = if is_twice { "is there twice" } else { "needs at least one primary" };
                    return refused(
                        &format!("groups/{place}/name"),
                        format!("group {:?} {what}", group.name),
                    );
                }
            }
        }
        Ok(())
    }

    /// Contradictions that can be mended without asking.
    fn amend_bounds(&mut self, notes: &mut Vec<String>) {
        if self.refresh_jitter > LARGEST_JITTER {
            self.refresh_jitter = LARGEST_JITTER;
            notes.push(format!("refresh_jitter: lowered to {LARGEST_JITTER}, the largest there is"));
        }
        for (name, lower, upper) in [
            ("refresh", self.lowerbound_refresh_s, &mut self.upperbound_refresh_s),
            ("retry", self.lowerbound_retry_s, &mut self.upperbound_retry_s),
            ("expire", self.lowerbound_expire_s, &mut self.upperbound_expire_s),
        ] {
            if *upper < lower {
                *upper = lower;
                notes.push(format!("upperbound_{name}_s: raised to {lower}, the lower bound"));
            }
        }
    }
}

/// What is wrong with primaries, and where.
fn check_primaries(primaries: &[Primary]) -> Result<(), (String, String)> {
    for (index, primary) in primaries.iter().enumerate() {
        let refused = |what: &str| Err((format!("primaries/{index}"), format!("{} {what}", primary.address)));
        if primary.address.is_unspecified() || primary.address.is_multicast() {
            return refused("is no address of one server");
        }
        if primaries.iter().take(index).any(|other| other == primary) {
            return refused("is there twice with the same port");
        }
        if primary.source.is_some_and(|source| source.is_ipv4() != primary.address.is_ipv4()) {
            return refused("is of another family than its source");
        }
        if primary.key.as_ref().is_some_and(|key| key.parse::<Name>().is_err()) {
            return refused("has a key whose name is no domain name");
        }
        let is_one = |tls: &PrimaryTls| tls.name.is_some() != tls.pin.is_some();
        if !primary.tls.as_ref().is_none_or(is_one) {
            return refused("is to prove over TLS who it is: by its name or by its pin, one of both");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn zones(list: &[(&str, &[&str])]) -> ZonemgrSettings {
        let primary = |address: &&str| Primary::plain(address.parse().unwrap(), 53);
        let zone = |(name, primaries): &(&str, &[&str])| SecondaryZone {
            name: (*name).to_owned(),
            primaries: primaries.iter().map(primary).collect(),
        };
        ZonemgrSettings { secondary_zones: list.iter().map(zone).collect(), ..ZonemgrSettings::default() }
    }

    fn refused(list: &[(&str, &[&str])]) -> String {
        zones(list).check(&mut Vec::new()).unwrap_err().option
    }

    #[test]
    fn names_get_one_spelling_and_defaults_stand() {
        let mut notes = Vec::new();
        assert_eq!(ZonemgrSettings::default().check(&mut notes), Ok(ZonemgrSettings::default()));
        let settings = zones(&[("Example.COM", &["192.0.2.1", "2001:db8::1"])]).check(&mut notes).unwrap();
        assert_eq!(settings.secondary_zones[0].name, "example.com.");
        assert!(notes.is_empty());
        let read: ZonemgrSettings = serde_json::from_str(
            r#"{"secondary_zones": [{"name": "a", "primaries": [{"address": "::1"}]}]}"#,
        )
        .unwrap();
        assert_eq!(read.secondary_zones[0].primaries[0].port, 53);
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_place() {
        assert_eq!(refused(&[("a", &["192.0.2.1"]), ("b..c", &["192.0.2.1"])]), "secondary_zones/1/name");
        assert_eq!(refused(&[("a", &["192.0.2.1"]), ("A.", &["192.0.2.2"])]), "secondary_zones/1/name");
        assert_eq!(refused(&[("a", &[])]), "secondary_zones/0/primaries");
        assert_eq!(refused(&[("a", &["192.0.2.1", "0.0.0.0"])]), "secondary_zones/0/primaries/1");
        assert_eq!(refused(&[("a", &["::1", "::1"])]), "secondary_zones/0/primaries/1");
    }

    #[test]
    fn catalogs_are_secondary_zones_with_groups_of_their_own() {
        let with = |catalog: serde_json::Value| {
            let mut settings = zones(&[("c.example", &["192.0.2.1"])]);
            settings.catalogs = vec![serde_json::from_value(catalog).unwrap()];
            settings.check(&mut Vec::new()).map_err(|refusal| refusal.option)
        };
        let group = |name: &str, address: &str| json!({"name": name, "primaries": [{"address": address}]});
        let settings =
            with(json!({"name": "C.example", "groups": [group("a", "192.0.2.2"), group("b", "::1")]}));
        assert_eq!(settings.unwrap().catalogs[0].name, "c.example.");
        assert_eq!(with(json!({"name": "d.example"})).unwrap_err(), "catalogs/0/name");
        let twice = json!({"name": "c.example", "groups": [group("a", "::1"), group("a", "::1")]});
        assert_eq!(with(twice).unwrap_err(), "catalogs/0/groups/1/name");
        let odd = json!({"name": "c.example", "groups": [group("a", "0.0.0.0")]});
        assert_eq!(with(odd).unwrap_err(), "catalogs/0/groups/0/primaries/0");
    }

    #[test]
    fn over_tls_a_primary_proves_who_it_is_in_one_way() {
        let check = |primary: &str| {
            let text = format!(r#"{{"secondary_zones": [{{"name": "a", "primaries": [{primary}]}}]}}"#);
            serde_json::from_str::<ZonemgrSettings>(&text).unwrap().check(&mut Vec::new())
        };
        let named = check(
            r#"{"address": "192.0.2.1", "port": 853, "source": "192.0.2.9", "tls": {"name": "ns1.example.net"}}"#,
        );
        let options = named.unwrap().secondary_zones[0].primaries[0].options();
        assert_eq!(
            (options["source"].as_str(), options["tls_name"].as_str()),
            ("192.0.2.9", "ns1.example.net")
        );
        for primary in [
            r#"{"address": "192.0.2.1", "tls": {}}"#,
            r#"{"address": "192.0.2.1", "tls": {"name": "a", "pin": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}}"#,
            r#"{"address": "192.0.2.1", "source": "::1"}"#,
        ] {
            assert_eq!(check(primary).unwrap_err().option, "secondary_zones/0/primaries/0", "{primary}");
        }
    }

    #[test]
    fn contradictions_are_amended() {
        let mut notes = Vec::new();
        let odd = ZonemgrSettings {
            refresh_jitter: 0.9,
            lowerbound_retry_s: 60,
            upperbound_retry_s: 5,
            ..ZonemgrSettings::default()
        };
        let settings = odd.check(&mut notes).unwrap();
        assert_eq!((settings.refresh_jitter, settings.upperbound_retry_s), (0.5, 60));
        assert_eq!(notes.len(), 2);
    }
}
