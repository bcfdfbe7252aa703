//! What must be so before an update is made (RFC 2136 section 3.2).

use std::collections::BTreeMap;

use tenon_wire::message::Rcode;
use tenon_wire::rdata::{canonical_cmp, validate};
use tenon_wire::{Class, Name, RrType};

use crate::draft::Draft;
use crate::message::Record;
use crate::transaction::{Refusal, RefusalKind};

/// An RRset that must be there as a whole.
type Wanted<'a> = BTreeMap<(&'a Name, RrType), Vec<&'a [u8]>>;

/// Looks at all of them, in their order; RRsets that must be there with their values come last.
///
/// # Errors
/// The first that does not hold or makes no sense.
pub fn check(draft: &mut Draft<'_, '_>, prerequisites: &[Record]) -> Result<(), Refusal> {
    let mut wanted = Wanted::new();
    for record in prerequisites {
        if record.ttl != 0 {
            return Err(Refusal::malformed("a prerequisite with a TTL"));
        }
        if !record.owner.as_ref().is_at_or_below(draft.origin().as_ref()) {
            return Err(outside(&record.owner));
        }
        match record.class {
            Class::ANY | Class::NONE => exists_or_not(draft, record)?,
            Class::IN => {
                if record.rrtype.is_meta() || validate(record.rrtype, &record.rdata).is_err() {
                    return Err(Refusal::malformed("a prerequisite with data that is not of its type"));
                }
                wanted.entry((&record.owner, record.rrtype)).or_default().push(&record.rdata);
            }
            _ => return Err(Refusal::malformed("a prerequisite of another class")),
        }
    }
    for ((owner, rrtype), mut rdatas) in wanted {
        rdatas.sort_by(|a, b| canonical_cmp(rrtype, a, b));
        rdatas.dedup_by(|a, b| canonical_cmp(rrtype, a, b).is_eq());
        let holds = draft
            .node(owner)?
            .get(rrtype)
            .is_some_and(|set| set.count() == rdatas.len() && rdatas.iter().all(|rdata| set.has(rdata)));
        if !holds {
            return Err(failed(Rcode::NXRRSET, owner, rrtype, "is not what it should be"));
        }
    }
    Ok(())
}

/// Those that are about whether something is there.
fn exists_or_not(draft: &mut Draft<'_, '_>, record: &Record) -> Result<(), Refusal> {
    let Record { owner, rrtype, class, rdata, .. } = record;
    if !rdata.is_empty() {
        return Err(Refusal::malformed("a prerequisite with data where there is to be none"));
    }
    if rrtype.is_meta() && *rrtype != RrType::ANY {
        return Err(Refusal::malformed("a prerequisite of a type that no record has"));
    }
    let node = draft.node(owner)?;
    let is_there = if *rrtype == RrType::ANY { !node.is_empty() } else { node.get(*rrtype).is_some() };
    match (*class == Class::ANY, is_there, *rrtype == RrType::ANY) {
        (true, false, true) => Err(failed(Rcode::NXDOMAIN, owner, *rrtype, "has no records")),
        (true, false, false) => Err(failed(Rcode::NXRRSET, owner, *rrtype, "does not exist")),
        (false, true, true) => Err(failed(Rcode::YXDOMAIN, owner, *rrtype, "has records")),
        (false, true, false) => Err(failed(Rcode::YXRRSET, owner, *rrtype, "exists")),
        _ => Ok(()),
    }
}

fn failed(rcode: Rcode, owner: &Name, rrtype: RrType, what: &str) -> Refusal {
    Refusal::new(RefusalKind::Prerequisite, rcode, format!("{owner} {rrtype} {what}"))
}

/// A name that is not in the zone.
pub fn outside(owner: &Name) -> Refusal {
    Refusal::new(RefusalKind::Malformed, Rcode::NOTZONE, format!("{owner} is not in the zone"))
}
