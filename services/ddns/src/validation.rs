//! Whether the zone can be served after a transaction. The zone was good before, so only the names that were touched are
//! looked at, together with what is above them; the rules are those for whole zones (`tenon_zone::ZoneChecker`).

use std::collections::BTreeMap;

use tenon_wire::{Name, RrType};
use tenon_zone::{Problem, Severity, ZoneChecker};

use crate::draft::Draft;
use crate::node::Node;
use crate::transaction::{Refusal, RefusalKind};
use crate::update::INVALID;

/// Looks at what a transaction made.
///
/// # Errors
/// The first thing that is wrong.
pub fn check(draft: &mut Draft<'_, '_>) -> Result<(), Refusal> {
    let origin = draft.origin().clone();
    let touched = draft.touched();
    // Names in canonical order; of those above, only what matters below.
    let mut shown: BTreeMap<Name, Node> = BTreeMap::new();
    for name in touched.iter().chain([&origin]) {
        shown.insert(name.clone(), draft.node(name)?.clone());
    }
    for name in &touched {
        let mut above = name.as_ref().parent();
        while let Some(parent) = above.filter(|parent| parent.is_at_or_below(origin.as_ref())) {
            let parent_name = parent.to_name();
            if shown.contains_key(&parent_name) {
                break;
            }
            let mut node = draft.node(&parent_name)?.clone();
            node.retain(|rrtype| matches!(rrtype, RrType::NS | RrType::DNAME));
            shown.insert(parent_name, node);
            above = parent.parent();
        }
    }
    let mut first = None;
    let mut report = |problem: Problem| {
        if problem.severity() == Severity::Error && first.is_none() {
            first = Some(problem.to_string());
        }
    };
    let mut checker = ZoneChecker::new(origin.as_ref());
    for (rrtype, set) in shown.values().flat_map(Node::sets) {
        checker.rrset(set.to_rrset(rrtype).as_ref(), &mut report);
    }
    checker.finish(&mut report);
    match first {
        Some(problem) => Err(Refusal::new(RefusalKind::Invalid, INVALID, problem)),
        None => nothing_is_hidden(draft, &touched),
    }
}

/// A DNAME record has no names below it (RFC 6672 section 2.4).
fn nothing_is_hidden(draft: &mut Draft<'_, '_>, touched: &[Name]) -> Result<(), Refusal> {
    let came = |difference: &crate::draft::Difference<'_>| {
        difference.rrtype == RrType::DNAME && difference.before.is_none()
    };
    if !draft.differences().any(|difference| came(&difference)) {
        return Ok(());
    }
    for name in touched {
        if draft.node(name)?.get(RrType::DNAME).is_some() && draft.may_have_names_below(name)? {
            let reason = format!("{name} DNAME: there are names below it, which it would hide");
            return Err(Refusal::new(RefusalKind::Invalid, INVALID, reason));
        }
    }
    Ok(())
}
