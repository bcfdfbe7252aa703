//! Why a list decides as it does.

use std::fmt;

use crate::list::Decision;
use crate::request::Request;
use crate::rule::{Action, Rule};
use crate::term::{Parts, Terms};
use crate::transports;

/// What a list says of a request, with the way to it: every rule up to the one that decides.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trace {
    /// What it says.
    pub decision: Decision,
    /// The rules that were looked at, in order.
    pub rules: Vec<RuleTrace>,
}

/// One rule that was looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RuleTrace {
    /// What the rule would do.
    pub action: Action,
    /// Whether all of its terms matched.
    pub matched: bool,
    /// A line for each term: what it asks for, and what was found. Terms of a group are indented.
    pub terms: Vec<String>,
}

impl Trace {
    pub(crate) fn of(rules: &[Rule], decision: Decision, request: &Request<'_>) -> Self {
        let seen = decision.rule.map_or(rules.len(), |rule| rule + 1);
        let rules = rules.iter().take(seen).map(|rule| RuleTrace::of(rule, request)).collect();
        Self { decision, rules }
    }
}

impl RuleTrace {
    fn of(rule: &Rule, request: &Request<'_>) -> Self {
        let mut terms = Vec::new();
        lines(rule.parts(), request, 0, &mut terms);
        Self { action: rule.action, matched: rule.matches(request), terms }
    }
}

fn lines(parts: Parts<'_>, request: &Request<'_>, depth: usize, found: &mut Vec<String>) {
    let mut term = |name: &str, wanted: Option<String>, matched: bool, is: &dyn fmt::Display| {
        if let Some(wanted) = wanted {
            let (indent, verdict) = ("  ".repeat(depth), if matched { "yes" } else { "no" });
            found.push(format!("{indent}{name} {wanted}: {verdict}, it is {is}"));
        }
    };
    let (peer, local) = (request.peer.ip().to_canonical(), request.local.ip().to_canonical());
    let key = request.key.map_or_else(|| "not signed".to_owned(), ToString::to_string);
    let from = parts.from.map(ToString::to_string);
    term("from", from, parts.from.is_some_and(|from| from.contain(peer)), &peer);
    let to = parts.local.map(ToString::to_string);
    term("local", to, parts.local.is_some_and(|to| to.contain(local)), &local);
    let way = transports::name(request.transport);
    let ways = parts.transport.map(ToString::to_string);
    term("transport", ways, parts.transport.is_some_and(|ways| ways.contain(request.transport)), &way);
    let keys = parts.key.map(ToString::to_string);
    term("key", keys, parts.key.is_some_and(|keys| keys.contain(request.key)), &key);
    let names = parts.tls_name.map(ToString::to_string);
    let name = request.tls_name.unwrap_or("without a certificate");
    term("tls_name", names, parts.tls_name.is_some_and(|names| names.contain(request.tls_name)), &name);
    let matches = |terms: &Terms| terms.parts().match_all(request);
    let mut groups = |name: &str, groups: &[Terms], matched: bool| {
        let verdict = if matched { "yes" } else { "no" };
        found.push(format!("{}{name}: {verdict}", "  ".repeat(depth)));
        for (number, terms) in groups.iter().enumerate() {
            if groups.len() > 1 {
                let verdict = if matches(terms) { "matches" } else { "does not match" };
                found.push(format!("{}group {number}: {verdict}", "  ".repeat(depth + 1)));
            }
            lines(terms.parts(), request, depth + if groups.len() > 1 { 2 } else { 1 }, found);
        }
    };
    if let Some(terms) = parts.not {
        groups("NOT", std::slice::from_ref(terms), !matches(terms));
    }
    if let Some(any) = parts.any {
        groups("ANY", any, any.iter().any(matches));
    }
    if let Some(all) = parts.all {
        groups("ALL", all, all.iter().all(matches));
    }
}
