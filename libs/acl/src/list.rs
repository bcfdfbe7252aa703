//! An ordered list of rules.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::prefix::Prefix;
use crate::rule::{Action, Request, Rule};

/// Rules in order: the first that matches decides, and who matches none is rejected.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct AccessList(#[schemars(length(max = 256))] Vec<Rule>);

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
    pub fn decide(&self, request: &Request) -> Decision {
        let found = self.0.iter().enumerate().find(|(_, rule)| rule.matches(request));
        match found {
            Some((place, rule)) => Decision { action: rule.action, rule: Some(place) },
            None => Decision { action: Action::Reject, rule: None },
        }
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

    fn request(peer: &str, transport: Transport) -> Request {
        let peer = std::net::SocketAddr::new(peer.parse().unwrap(), 4711);
        Request { peer, local: "198.51.100.1:53".parse().unwrap(), transport }
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
        assert!(refusal(json!([{"action": "ACCEPT", "key": "k"}])).contains("unknown field `key`"));
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
        for word in ["ACCEPT", "REJECT", "DROP", "from", "local", "transport", "quic"] {
            assert!(text.contains(&format!("\"{word}\"")), "{word}: {text}");
        }
    }
}
