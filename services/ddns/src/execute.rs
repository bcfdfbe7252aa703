//! One transaction, made on a zone in memory.

use std::fmt::Write as _;

use tenon_datasrc::{Difference, Node, RecordSet};
use tenon_wire::message::Rcode;
use tenon_wire::{NameRef, RrType, rdata};

use crate::draft::{Draft, WorkingZone};
use crate::serial::SerialPolicy;
use crate::transaction::{Applied, Outcome, Refusal, RefusalKind, Step, Steps, Transaction};
use crate::{prerequisites, update, validation};

/// Makes a transaction part of what will be committed; a refused one leaves the zone as it was. `now` is in seconds since
/// 1970.
///
/// # Errors
/// [`Refusal`].
pub fn execute(
    zone: &mut WorkingZone<'_>,
    transaction: Transaction,
    policy: SerialPolicy,
    now: u64,
) -> Outcome {
    let Transaction { prerequisites, expected_serial, steps, is_trial, wants_differences, .. } = transaction;
    let mut draft = zone.draft();
    if let Steps::Message(records) = &steps {
        // Together they cost less than one after the other.
        let origin = draft.origin().clone();
        let owners = prerequisites.iter().chain(records).map(|record| &record.owner);
        draft.read_ahead(owners.chain([&origin]))?;
    }
    let before = draft.soa()?.2.serial;
    if let Some(expected) = expected_serial.filter(|&expected| expected != before) {
        let reason = format!("the zone has serial {before}, not {expected}: somebody else changed it");
        return Err(Refusal::new(RefusalKind::Prerequisite, Rcode::NXRRSET, reason));
    }
    prerequisites::check(&mut draft, &prerequisites)?;
    match steps {
        Steps::Message(records) => {
            let origin = draft.origin().clone();
            for step in update::scan(&origin, records)? {
                update::apply(&mut draft, step)?;
            }
        }
        Steps::Ready(steps) => {
            for step in steps {
                update::apply(&mut draft, step.clone())?;
                had_effect(&mut draft, &step)?;
            }
        }
    }
    validation::check(&mut draft)?;
    let mut applied = Applied { serial_before: before, serial: before, ..Applied::default() };
    if draft.differences().next().is_none() {
        return Ok(applied);
    }
    applied.serial = draft.soa()?.2.serial;
    if applied.serial == before {
        applied.serial = policy.next(before, now);
        update::set_serial(&mut draft, applied.serial)?;
    }
    account(&draft, wants_differences, &mut applied);
    if !is_trial {
        draft.accept();
    }
    Ok(applied)
}

/// What the rules for updates leave undone in silence, a person who edits is told.
fn had_effect(draft: &mut Draft<'_, '_>, step: &Step) -> Result<(), Refusal> {
    let refused = |what: String| Err(Refusal::new(RefusalKind::Invalid, update::INVALID, what));
    match step {
        Step::Add { owner, rrtype, rdata, .. } => expect(draft.node(owner)?, owner.as_ref(), *rrtype, rdata),
        Step::Set { owner, rrtype, rdatas, .. } => {
            let node = draft.node(owner)?;
            rdatas.iter().try_for_each(|rdata| expect(node, owner.as_ref(), *rrtype, rdata))
        }
        Step::DeleteRrset { owner, rrtype } if draft.node(owner)?.get(*rrtype).is_some() => {
            refused(format!("{owner} {rrtype}: a zone cannot be without"))
        }
        Step::DeleteRecord { owner, rrtype, rdata }
            if draft.node(owner)?.get(*rrtype).is_some_and(|set| set.has(rdata)) =>
        {
            refused(format!("{owner} {rrtype}: a zone cannot be without this last one"))
        }
        _ => Ok(()),
    }
}

fn expect(node: &Node, owner: NameRef<'_>, rrtype: RrType, rdata: &[u8]) -> Result<(), Refusal> {
    if node.get(rrtype).is_some_and(|set| set.has(rdata)) {
        return Ok(());
    }
    let reason = match rrtype {
        RrType::SOA => {
            format!("{owner} SOA: it belongs to the apex, and its serial must be newer than the zone's")
        }
        RrType::CNAME => {
            format!("{owner} CNAME: the name has other records, beside which there can be no alias")
        }
        _ => format!("{owner} {rrtype}: the name is an alias, beside which there can be nothing else"),
    };
    Err(Refusal::new(RefusalKind::Invalid, update::INVALID, reason))
}

/// Counts what differs and, when wanted, writes it down.
fn account(draft: &Draft<'_, '_>, wants_differences: bool, applied: &mut Applied) {
    let mut differences: Vec<_> = draft.differences().collect();
    if wants_differences {
        differences.sort_by_key(|difference| (difference.owner, difference.rrtype));
    }
    for Difference { owner, rrtype, before, after } in differences {
        let same_ttl = before.map(RecordSet::ttl) == after.map(RecordSet::ttl);
        let stays =
            |other: Option<&RecordSet>, rdata: &[u8]| same_ttl && other.is_some_and(|set| set.has(rdata));
        for (sign, own, other) in [('-', before, after), ('+', after, before)] {
            for rdata in own.iter().flat_map(|set| set.rdatas()).filter(|rdata| !stays(other, rdata)) {
                *if sign == '-' { &mut applied.removed } else { &mut applied.added } += 1;
                if wants_differences {
                    let ttl = own.map_or(0, RecordSet::ttl);
                    applied.differences.push(line(sign, owner.as_ref(), ttl, rrtype, rdata));
                }
            }
        }
    }
}

fn line(sign: char, owner: NameRef<'_>, ttl: u32, rrtype: RrType, data: &[u8]) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = write!(text, "{sign} {owner} {ttl} IN {rrtype} {}", rdata::display(rrtype, data));
    text
}
