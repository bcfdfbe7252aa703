//! The verbs that programs may have called for them, each with the scope that it takes.
//!
//! The bus policy (`units/org.tenon.conf`) is the wall: what is missing there cannot be called, whatever stands here.
//! Here stands who of the accounts may ask for it.

use serde_json::Value;
use tenon_bus::RelayedCall;
use tenon_bus::names as n;

use crate::scope::Verb;

/// A verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    interface: &'static str,
    member: &'static str,
    /// Types of its arguments.
    signature: &'static str,
    /// What it takes.
    pub scope: Verb,
    /// Which argument names the zone; without one the scope must be for all.
    zone: Option<usize>,
    /// Which argument names the author, who is the account whatever stands there.
    author: Option<usize>,
    /// Whether the service is started if it does not run.
    pub start: bool,
}

const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
const LOG_CONTROL: &str = "org.freedesktop.LogControl1";

const fn look(interface: &'static str, member: &'static str, signature: &'static str) -> Listed {
    Listed { interface, member, signature, scope: Verb::Read, zone: None, author: None, start: false }
}

const fn act(interface: &'static str, member: &'static str, signature: &'static str, scope: Verb) -> Listed {
    Listed { scope, ..look(interface, member, signature) }
}

const fn of_zone(listed: Listed) -> Listed {
    Listed { zone: Some(0), ..listed }
}

const fn by_author(listed: Listed) -> Listed {
    Listed { author: Some(0), ..listed }
}

const VERBS: &[Listed] = &[
    look(PROPERTIES, "GetAll", "s"),
    act(PROPERTIES, "Set", "ssv", Verb::Control),
    look("org.freedesktop.DBus", "ListNames", ""),
    look("org.freedesktop.DBus", "NameHasOwner", "s"),
    of_zone(look(n::AUTH_INTERFACE, "GetZone", "s")),
    look(n::AUTH_INTERFACE, "ListZones", "su"),
    look(n::AUTH_INTERFACE, "ExplainQuery", "ss"),
    look(n::AUTH_INTERFACE, "AnswerTimes", ""),
    look(n::AUTH_INTERFACE, "ListZoneCounters", "su"),
    of_zone(look(n::AUTH_INTERFACE, "GetZoneCounters", "s")),
    act(n::AUTH_INTERFACE, "TopClients", "", Verb::Control),
    look(n::EXPLAIN_INTERFACE, "Explain", "sssssss"),
    look(n::CFGMGR_INTERFACE, "ListKeys", ""),
    of_zone(look(n::ZONEC_INTERFACE, "GetZone", "s")),
    look(n::ZONEC_INTERFACE, "ListZones", "su"),
    of_zone(look(n::ZONEMGR_INTERFACE, "GetZone", "s")),
    look(n::ZONEMGR_INTERFACE, "ListZones", "su"),
    of_zone(act(n::ZONEMGR_INTERFACE, "Refresh", "s", Verb::Control)),
    of_zone(act(n::ZONEMGR_INTERFACE, "Retransfer", "s", Verb::Control)),
    of_zone(act(n::XFROUT_INTERFACE, "Notify", "s", Verb::Control)),
    look(n::COLLECTOR_INTERFACE, "Show", "ss"),
    look(n::COLLECTOR_INTERFACE, "Schema", "ss"),
    look(n::COLLECTOR_INTERFACE, "AnswerTimes", ""),
    look(n::COLLECTOR_INTERFACE, "ListZoneCounters", "su"),
    look(n::STATS_INTERFACE, "Describe", ""),
    look(n::STATS_INTERFACE, "Counters", ""),
    look(n::JOBS_INTERFACE, "List", "tu"),
    look(n::JOBS_INTERFACE, "Get", "t"),
    look(n::CFGMGR_INTERFACE, "Schema", "s"),
    look(n::CFGMGR_INTERFACE, "Get", "sb"),
    look(n::CFGMGR_INTERFACE, "History", "tu"),
    look(n::CFGMGR_INTERFACE, "DiffGenerations", "tt"),
    look(n::CFGMGR_INTERFACE, "Preview", "ta(ss)s"),
    by_author(look(n::CFGMGR_INTERFACE, "Verdicts", "st")),
    by_author(act(n::CFGMGR_INTERFACE, "CommitEdits", "sta(ss)su", Verb::Commit)),
    by_author(act(n::CFGMGR_INTERFACE, "Confirm", "s", Verb::Commit)),
    by_author(act(n::CFGMGR_INTERFACE, "Rollback", "stsu", Verb::Commit)),
    of_zone(act(n::DDNS_INTERFACE, "Change", "sa(ss)x", Verb::Record)),
    of_zone(act(n::DDNS_INTERFACE, "Preview", "sa(ss)x", Verb::Read)),
    of_zone(look(n::DDNS_INTERFACE, "Records", "sss")),
    Listed { start: true, ..of_zone(act(n::LOADER_INTERFACE, "Remove", "ss", Verb::Zone)) },
];

impl Listed {
    /// The verb that a call is of; `None` when it is none that may be called from here, or not with such arguments.
    pub fn of(call: &RelayedCall) -> Option<&'static Self> {
        let of_tenon = call.destination.starts_with(n::PREFIX) || call.destination == "org.freedesktop.DBus";
        let same = |listed: &&Self| {
            listed.interface == call.interface
                && listed.member == call.member
                && listed.signature == call.signature
        };
        let listed = VERBS.iter().find(same).filter(|_| of_tenon)?;
        let first = call.arguments.first().and_then(Value::as_str);
        let fits = match (listed.interface, listed.member) {
            // Of properties only how much is logged can be set.
            (PROPERTIES, "Set") => first == Some(LOG_CONTROL),
            // Candidates belong to users of that machine: this service's own is nobody's.
            (n::CFGMGR_INTERFACE, "Get") => call.arguments.get(1) == Some(&Value::Bool(false)),
            _ => true,
        };
        fits.then_some(listed)
    }

    /// The zone that a call is about, as services spell it; `None` when it is of none.
    pub fn zone(&self, call: &RelayedCall) -> Option<String> {
        let zone = call.arguments.get(self.zone?)?.as_str()?;
        Some(crate::api::spelled(zone))
    }

    /// Writes into a call who asks.
    pub fn sign(&self, call: &mut RelayedCall, account: &str) {
        if let Some(author) = self.author.and_then(|author| call.arguments.get_mut(author)) {
            *author = account.into();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn call(interface: &str, member: &str, signature: &str, arguments: &[Value]) -> RelayedCall {
        RelayedCall {
            destination: "org.tenon.Some1".into(),
            path: "/org/tenon/Some1".into(),
            interface: interface.into(),
            member: member.into(),
            signature: signature.into(),
            arguments: arguments.to_vec(),
        }
    }

    #[test]
    fn what_is_not_listed_is_not_called() {
        assert!(Listed::of(&call(n::ZONEC_INTERFACE, "GetZone", "s", &[json!("a")])).is_some());
        for wrong in [
            call(n::ZONEC_INTERFACE, "GetZone", "u", &[json!(1)]),
            call("org.tenon.Config1", "Apply", "ts", &[json!(1), json!("")]),
            call(PROPERTIES, "Set", "ssv", &[json!("org.tenon.Auth1"), json!("X"), json!(1)]),
            call(n::CFGMGR_INTERFACE, "Get", "sb", &[json!(""), json!(true)]),
            call(n::CFGMGR_INTERFACE, "Commit", "s", &[json!("")]),
            RelayedCall {
                destination: "org.freedesktop.systemd1".into(),
                ..call(PROPERTIES, "GetAll", "s", &[json!("x")])
            },
        ] {
            assert!(Listed::of(&wrong).is_none(), "{wrong:?}");
        }
    }

    #[test]
    fn who_asks_most_is_told_to_who_may_control() {
        let top = call(n::AUTH_INTERFACE, "TopClients", "", &[]);
        assert_eq!(Listed::of(&top).unwrap().scope, Verb::Control);
    }

    #[test]
    fn the_author_is_the_account_and_the_zone_is_spelled() {
        let mut rollback =
            call(n::CFGMGR_INTERFACE, "Rollback", "stsu", &[json!("root"), json!(3), json!(""), json!(0)]);
        Listed::of(&rollback).unwrap().sign(&mut rollback, "alice");
        assert_eq!(rollback.arguments[0], json!("alice"));
        let refresh = call(n::ZONEMGR_INTERFACE, "Refresh", "s", &[json!("Example.COM")]);
        assert_eq!(Listed::of(&refresh).unwrap().zone(&refresh).as_deref(), Some("example.com."));
    }
}
