//! An ordered list of rules.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use tenon_wire::Name;

use crate::prefix::Prefix;
use crate::request::Request;
use crate::rule::{Action, Rule};
use crate::trace::Trace;

/// Rules in order: the first that matches decides, and who matches none is rejected.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "Rules", into = "Rules")]
pub struct AccessList(Vec<Rule>);

/// A list as it is written.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
struct Rules(#[schemars(length(max = 256))] Vec<Rule>);

/// What a list says of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Decision {
    /// What to do.
    pub action: Action,
    /// Place of the rule that decided, from 0; `None` when none matched.
    pub rule: Option<usize>,
}

/// The rule that decided, by the path that an operator types: `transfer_acl/2`, or `transfer_acl/end` when none matched.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NamedRule<'a> {
    list: &'a str,
    rule: Option<usize>,
}

impl AccessList {
    /// A list of these rules.
    #[must_use]
    pub const fn new(rules: Vec<Rule>) -> Self {
        Self(rules)
    }

    /// Everybody is accepted.
    #[must_use]
    pub fn everybody() -> Self {
        Self(vec![Rule::everybody(Action::Accept)])
    }

    /// Nobody is accepted.
    #[must_use]
    pub const fn nobody() -> Self {
        Self(Vec::new())
    }

    /// Who is on this machine is accepted: 127.0.0.0/8 and ::1.
    #[must_use]
    pub fn loopback() -> Self {
        let from = [
            Prefix::network(IpAddr::V4(Ipv4Addr::LOCALHOST), 8),
            Prefix::of(IpAddr::V6(Ipv6Addr::LOCALHOST)),
        ];
        Self(vec![Rule { from: Some(from.into_iter().collect()), ..Rule::everybody(Action::Accept) }])
    }

    /// The rules.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.0
    }

    /// What is to be done with a request.
    #[must_use]
    pub fn decide(&self, request: &Request<'_>) -> Decision {
        let found = self.0.iter().enumerate().find(|(_, rule)| rule.matches(request));
        match found {
            Some((place, rule)) => Decision { action: rule.action, rule: Some(place) },
            None => Decision { action: Action::Reject, rule: None },
        }
    }
}

impl AccessList {
    /// What it says of a request, and why: for who asks "what if".
    #[must_use]
    pub fn explain(&self, request: &Request<'_>) -> Trace {
        Trace::of(&self.0, self.decide(request), request)
    }

    /// The keys that the list names, each once, in canonical order.
    #[must_use]
    pub fn keys(&self) -> Vec<&Name> {
        let mut keys: Vec<&Name> = self.0.iter().flat_map(|rule| rule.parts().keys()).collect();
        keys.sort();
        keys.dedup();
        keys
    }
}

impl TryFrom<Rules> for AccessList {
    type Error = String;

    /// Fails when terms are nested too deep, or there are too many of them.
    fn try_from(Rules(rules): Rules) -> Result<Self, String> {
        rules.iter().try_for_each(|rule| rule.parts().check())?;
        Ok(Self(rules))
    }
}

impl From<AccessList> for Rules {
    fn from(list: AccessList) -> Self {
        Self(list.0)
    }
}

impl Decision {
    /// The rule that decided, for the log field `ACL_RULE=`; `list` is the path of the list's option.
    #[must_use]
    pub const fn named(self, list: &str) -> NamedRule<'_> {
        NamedRule { list, rule: self.rule }
    }
}

impl fmt::Display for NamedRule<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.rule {
            Some(place) => write!(out, "{}/{place}", self.list),
            None => write!(out, "{}/end", self.list),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use tenon_handover::Transport;

    fn list(document: Value) -> AccessList {
        serde_json::from_value(document).unwrap()
    }

    fn decide(list: &AccessList, peer: &str) -> (Action, Option<usize>) {
        let decision = list.decide(&request(peer, Transport::Tcp));
        (decision.action, decision.rule)
    }

    fn request(peer: &str, transport: Transport) -> Request<'static> {
        let peer = std::net::SocketAddr::new(peer.parse().unwrap(), 4711);
        Request { peer, local: "198.51.100.1:53".parse().unwrap(), transport, key: None, tls_name: None }
    }

    #[test]
    fn the_first_match_decides_and_the_end_rejects() {
        let list = list(json!([
            {"action": "DROP", "from": "192.0.2.66"},
            {"action": "ACCEPT", "from": ["192.0.2.0/24", "2001:db8::/32"]},
            {"action": "ACCEPT", "from": "192.0.2.66"},
        ]));
        assert_eq!(decide(&list, "192.0.2.66"), (Action::Drop, Some(0)));
        assert_eq!(decide(&list, "192.0.2.67"), (Action::Accept, Some(1)));
        assert_eq!(decide(&list, "2001:db8::7"), (Action::Accept, Some(1)));
        assert_eq!(decide(&list, "::ffff:192.0.2.66"), (Action::Drop, Some(0)));
        assert_eq!(decide(&list, "203.0.113.1"), (Action::Reject, None));
        let nobody = list.decide(&request("203.0.113.1", Transport::Tcp));
        assert_eq!(nobody.named("transfer_acl").to_string(), "transfer_acl/end");
    }

    #[test]
    fn all_terms_of_a_rule_must_match() {
        let list = list(json!([{"action": "ACCEPT", "from": "192.0.2.0/24", "local": "198.51.100.1",
            "transport": ["tls", "quic"]}]));
        let tls = request("192.0.2.1", Transport::Tls);
        assert_eq!(list.decide(&tls).action, Action::Accept);
        assert_eq!(list.decide(&request("192.0.2.1", Transport::Tcp)).action, Action::Reject);
        assert_eq!(list.decide(&request("192.0.3.1", Transport::Tls)).action, Action::Reject);
        let elsewhere = Request { local: "198.51.100.2:53".parse().unwrap(), ..tls };
        assert_eq!(list.decide(&elsewhere).action, Action::Reject);
    }

    #[test]
    fn keys_and_certificates() {
        let list =
            list(json!([{"action": "DROP", "key": ["a.example", "B.example."], "tls_name": "x.example"},
            {"action": "ACCEPT", "key": "a.example."}, {"action": "ACCEPT", "tls_name": ["*.Example.net"]}]));
        let [a, b, c]: [Name; 3] =
            ["A.example.", "b.example.", "c.example."].map(|name| name.parse().unwrap());
        assert_eq!(list.keys(), [&a, &b]);
        let plain = request("192.0.2.1", Transport::Tls);
        let decide = |key, tls_name| list.decide(&Request { key, tls_name, ..plain }).rule;
        assert_eq!(decide(Some(&a), Some("X.example")), Some(0));
        assert_eq!(decide(Some(&b), Some("x.example")), Some(0));
        assert_eq!(decide(Some(&a), None), Some(1));
        assert_eq!(decide(Some(&c), None), None);
        assert_eq!(decide(None, Some("ns1.example.net")), Some(2));
        assert_eq!(decide(None, Some("a.ns1.example.net")), None);
        assert_eq!(decide(None, Some("example.net")), None);
    }

    #[test]
    fn terms_hold_terms() {
        let list = list(json!([
            {"action": "ACCEPT", "NOT": {"from": "192.0.2.0/24", "transport": "udp"},
                "ANY": [{"key": "k."}, {"ALL": [{"from": "198.51.100.0/24"}, {"NOT": {"transport": "tcp"}}]}]}
        ]));
        let key: Name = "k.".parse().unwrap();
        let decide = |peer: &str, transport, key| {
            list.decide(&Request { key, ..request(peer, transport) }).action == Action::Accept
        };
        assert!(decide("192.0.2.1", Transport::Tcp, Some(&key)), "not both of NOT");
        assert!(!decide("192.0.2.1", Transport::Udp, Some(&key)));
        assert!(!decide("192.0.2.1", Transport::Tcp, None));
        assert!(decide("198.51.100.1", Transport::Udp, None));
        assert!(!decide("198.51.100.1", Transport::Tcp, None));
        assert_eq!(list.keys(), [&key]);
        let document = serde_json::to_value(&list).unwrap();
        assert_eq!(serde_json::from_value::<AccessList>(document).unwrap(), list);
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| {
            let terms = (0..depth).fold(json!({"from": "::1"}), |terms, _| json!({"NOT": terms}));
            let mut rule = terms;
            rule["action"] = "ACCEPT".into();
            serde_json::from_value::<AccessList>(json!([rule]))
        };
        assert!(nested(4).is_ok());
        assert!(nested(5).unwrap_err().to_string().contains("at most 4 deep"));
        assert!(nested(60).is_err());
        let wide = |groups: usize| {
            let any: Vec<Value> = (0..groups).map(|_| json!({"from": "::1"})).collect();
            serde_json::from_value::<AccessList>(json!([{"action": "DROP", "ANY": any}]))
        };
        assert!(wide(64).is_ok());
        assert!(wide(65).unwrap_err().to_string().contains("at most 64 groups"));
    }

    #[test]
    fn the_way_to_a_decision_is_told() {
        let list = list(json!([
            {"action": "DROP", "from": "192.0.2.66"},
            {"action": "ACCEPT", "key": "k.", "NOT": {"transport": "udp"}, "ANY": [{"from": "::1"}, {"from": "192.0.2.0/24"}]},
            {"action": "ACCEPT"}
        ]));
        let key: Name = "k.".parse().unwrap();
        let trace = list.explain(&Request { key: Some(&key), ..request("192.0.2.1", Transport::Tcp) });
        assert_eq!(trace.decision, Decision { action: Action::Accept, rule: Some(1) });
        let told: Vec<(bool, Vec<&str>)> = trace
            .rules
            .iter()
            .map(|rule| (rule.matched, rule.terms.iter().map(String::as_str).collect()))
            .collect();
        let second = vec![
            "key k.: yes, it is k.",
            "NOT: yes",
            "  transport udp: no, it is tcp",
            "ANY: yes",
            "  group 0: does not match",
            "    from ::1: no, it is 192.0.2.1",
            "  group 1: matches",
            "    from 192.0.2.0/24: yes, it is 192.0.2.1",
        ];
        assert_eq!(told, [(false, vec!["from 192.0.2.66: no, it is 192.0.2.1"]), (true, second)]);
        let trace = list.explain(&request("203.0.113.1", Transport::Udp));
        assert_eq!(trace.rules.len(), 3);
        assert_eq!(trace.rules[1].terms[0], "key k.: no, it is not signed");
    }

    #[test]
    fn lists_that_come_ready() {
        assert_eq!(decide(&AccessList::everybody(), "203.0.113.1").0, Action::Accept);
        assert_eq!(decide(&AccessList::nobody(), "127.0.0.1").0, Action::Reject);
        for (peer, action) in [
            ("127.0.0.1", Action::Accept),
            ("127.255.0.9", Action::Accept),
            ("::1", Action::Accept),
            ("128.0.0.1", Action::Reject),
            ("::2", Action::Reject),
        ] {
            assert_eq!(decide(&AccessList::loopback(), peer).0, action, "{peer}");
        }
    }

    #[test]
    fn a_document_comes_back_as_it_was() {
        let document = json!([{"action": "ACCEPT", "from": ["127.0.0.0/8", "::1"], "transport": ["tcp"]},
            {"action": "DROP"}]);
        assert_eq!(serde_json::to_value(list(document.clone())).unwrap(), document);
        assert_eq!(
            serde_json::to_value(AccessList::loopback()).unwrap(),
            json!([
            {"action": "ACCEPT", "from": ["127.0.0.0/8", "::1"]}])
        );
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let refusal = |document| serde_json::from_value::<AccessList>(document).unwrap_err().to_string();
        assert!(refusal(json!([{"action": "ACCEPT", "peer": "k"}])).contains("unknown field `peer`"));
        assert!(refusal(json!([{"action": "ACCEPT", "NOT": {"action": "DROP"}}])).contains("unknown field"));
        assert!(refusal(json!([{"action": "ACCEPT", "ANY": []}])).contains("matches nobody"));
        assert!(refusal(json!([{"action": "ACCEPT", "key": "a..b"}])).contains("no name of a key"));
        assert!(refusal(json!([{"action": "ACCEPT", "tls_name": "a b"}])).contains("certificate"));
        assert!(refusal(json!([{"from": "::1"}])).contains("action"));
        assert!(refusal(json!([{"action": "ALLOW"}])).contains("ACCEPT"));
        assert!(refusal(json!([{"action": "ACCEPT", "from": []}])).contains("matches nobody"));
        assert!(refusal(json!([{"action": "ACCEPT", "from": "10.0.0.1/8"}])).contains("10.0.0.0/8"));
        assert!(refusal(json!([{"action": "ACCEPT", "transport": "xot"}])).contains("quic"));
        assert!(refusal(json!([{"action": "ACCEPT", "from": 5}])).contains("a text or a list"));
    }

    #[test]
    fn the_schema_names_the_terms() {
        let schema = serde_json::to_value(schemars::schema_for!(AccessList)).unwrap();
        let text = schema.to_string();
        for word in [
            "ACCEPT",
            "REJECT",
            "DROP",
            "from",
            "local",
            "transport",
            "quic",
            "key",
            "tls_name",
            "NOT",
            "ANY",
            "ALL",
        ] {
            assert!(text.contains(&format!("\"{word}\"")), "{word}: {text}");
        }
    }
}
