//! The bus policy that keeps everybody but the readers from what names zones and peers.
//!
//! Rules of a later file, and those for a group or user, come after the default ones and win. Methods are denied by the
//! names of those who are called and by their interfaces (the shipped policy allows some by the one and some by the other);
//! replies are left alone, or polkit could answer no service any more.

use std::fmt::Write as _;

use tenon_bus::names;
use tenon_service::readers;

/// What the shipped policy lists, too.
const INSTANCES_MAX: u32 = 8;
/// Those that call each other as everybody may; the collector and the REST door have lists of their own.
const SERVICES: [&str; 8] = [
    "tenon-auth",
    "tenon-zonec",
    "tenon-cfgmgr",
    "tenon-zonemgr",
    "tenon-xfrin",
    "tenon-xfrout",
    "tenon-ddns",
    "tenon-loadzone",
];
const CFGMGR_USER: &str = "tenon-cfgmgr";
/// What nobody needs to be a reader for: it names neither zones nor peers.
const HARMLESS: [(&str, &[&str]); 4] = [
    (names::STATS_INTERFACE, &["Describe", "Counters"]),
    (names::COLLECTOR_INTERFACE, &["Show", "Schema", "AnswerTimes"]),
    (names::AUTH_INTERFACE, &["AnswerTimes"]),
    (names::CFGMGR_INTERFACE, &["Schema"]),
];
const INTERFACES: [&str; 11] = [
    names::AUTH_INTERFACE,
    names::ZONEC_INTERFACE,
    names::CFGMGR_INTERFACE,
    names::COLLECTOR_INTERFACE,
    names::ZONEMGR_INTERFACE,
    names::XFRIN_INTERFACE,
    names::XFROUT_INTERFACE,
    names::DDNS_INTERFACE,
    names::LOADER_INTERFACE,
    names::JOBS_INTERFACE,
    names::EXPLAIN_INTERFACE,
];

/// The policy, for root, the group `tenon` and, if there is one, `group`.
pub(super) fn text(group: Option<&str>) -> String {
    let mut policy = readers::first_line(group);
    policy.push_str(
        "\n<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN\"\n \
         \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n\
         <!-- Written by `bindctl readers restrict`; `bindctl readers everybody` takes it away. -->\n<busconfig>\n",
    );
    section(&mut policy, "context=\"default\"", &denied());
    for group in ["tenon"].into_iter().chain(group.filter(|group| *group != "tenon")) {
        section(&mut policy, &format!("group=\"{group}\""), &allowed(false));
    }
    section(&mut policy, "user=\"root\"", &allowed(true));
    for user in SERVICES {
        section(&mut policy, &format!("user=\"{user}\""), &allowed(user == CFGMGR_USER));
    }
    let looks = bus_names().map(|name| {
        format!("allow send_destination=\"{name}\" send_interface=\"org.freedesktop.DBus.Properties\"")
    });
    section(&mut policy, "user=\"tenon-stats\"", &looks.chain(signals("allow")).collect::<Vec<_>>());
    section(&mut policy, "user=\"tenon-cmdctl\"", &signals("allow"));
    policy.push_str("</busconfig>\n");
    policy
}

fn section(policy: &mut String, whom: &str, rules: &[String]) {
    let _ = writeln!(policy, "  <policy {whom}>");
    for rule in rules {
        let _ = writeln!(policy, "    <{rule}/>");
    }
    policy.push_str("  </policy>\n");
}

fn denied() -> Vec<String> {
    let calls = |key: &str, value: &str| format!("deny {key}=\"{value}\" send_type=\"method_call\"");
    let mut rules: Vec<String> = bus_names().map(|name| calls("send_destination", &name)).collect();
    rules.extend(INTERFACES.iter().map(|interface| calls("send_interface", interface)));
    for interface in ["org.freedesktop.DBus.Introspectable", "org.freedesktop.DBus.Peer"] {
        rules.extend(
            bus_names()
                .map(|name| format!("allow send_destination=\"{name}\" send_interface=\"{interface}\"")),
        );
    }
    for (interface, members) in HARMLESS {
        rules.extend(
            members
                .iter()
                .map(|member| format!("allow send_interface=\"{interface}\" send_member=\"{member}\"")),
        );
    }
    rules.extend(signals("deny"));
    rules
}

fn allowed(may_give_settings: bool) -> Vec<String> {
    let mut rules: Vec<String> = bus_names()
        .map(|name| format!("allow send_destination=\"{name}\" send_type=\"method_call\""))
        .collect();
    if !may_give_settings {
        let config = names::CONFIG_INTERFACE;
        rules.push(format!("deny send_interface=\"{config}\" send_type=\"method_call\""));
    }
    rules.extend(signals("allow"));
    rules
}

/// Signals of the services, and of whoever loads a zone.
fn signals(verdict: &str) -> Vec<String> {
    let senders = bus_names().map(|name| format!("receive_sender=\"{name}\""));
    let interfaces = [names::ZONES_INTERFACE, names::JOBS_INTERFACE];
    let interfaces = interfaces.map(|interface| format!("receive_interface=\"{interface}\""));
    senders.chain(interfaces).map(|which| format!("{verdict} {which} receive_type=\"signal\"")).collect()
}

fn bus_names() -> impl Iterator<Item = String> {
    let single = [
        names::ZONEC,
        names::CFGMGR,
        names::COLLECTOR,
        names::ZONEMGR,
        names::XFRIN,
        names::XFROUT,
        names::DDNS,
        names::CMDCTL,
        names::LOADER,
    ];
    (1..=INSTANCES_MAX).map(names::auth).chain(single.map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const SHIPPED: &str = include_str!("../../../../units/org.tenon.conf");

    #[test]
    fn what_the_shipped_policy_lets_everybody_call_is_denied() {
        let default = SHIPPED.split("<policy context=\"default\">").nth(1).unwrap();
        let default = default.split("</policy>").next().unwrap();
        let policy = text(Some("dns"));
        let of = |key: &str| -> BTreeSet<String> {
            let values = default.lines().filter(|line| line.contains("<allow")).filter_map(|line| {
                line.split(&format!("{key}=\"")).nth(1)?.split('"').next().map(str::to_owned)
            });
            values.filter(|value| value.starts_with("org.tenon.")).collect()
        };
        let (destinations, interfaces) = (of("send_destination"), of("send_interface"));
        assert!(destinations.len() > 10 && interfaces.len() > 10, "{destinations:?} {interfaces:?}");
        for name in &destinations {
            assert!(policy.contains(&format!("<deny send_destination=\"{name}\" send_type")), "{name}");
        }
        for interface in interfaces.iter().filter(|interface| *interface != names::STATS_INTERFACE) {
            assert!(
                policy.contains(&format!("<deny send_interface=\"{interface}\" send_type")),
                "{interface}"
            );
        }
    }

    #[test]
    fn every_user_that_owns_a_name_is_let_through() {
        let policy = text(None);
        for user in SHIPPED.lines().filter_map(|line| line.trim().strip_prefix("<policy user=")) {
            assert!(policy.contains(&format!("<policy user={user}")), "{user}");
        }
        assert!(!policy.contains("group=\"dns\""));
    }
}
