//! The update section: looked through (RFC 2136 section 3.4.1), then made (section 3.4.2).

use tenon_datasrc::{Node, RecordSet};
use tenon_wire::message::Rcode;
use tenon_wire::rdata::{Soa, validate};
use tenon_wire::serial::is_newer;
use tenon_wire::{Class, Name, RrType};

use crate::draft::Draft;
use crate::message::Record;
use crate::prerequisites::outside;
use crate::transaction::{Refusal, Step};

/// Highest TTL (RFC 2181 section 8).
const MAX_TTL: u32 = i32::MAX as u32;
/// Octets in the data of a WKS record that say which service it is of: address and protocol (RFC 1035 section 3.4.2).
const WKS_KEY: usize = 5;

/// Makes steps of the records of an update section.
///
/// # Errors
/// The first that makes no sense, or is not in the zone.
pub fn scan(origin: &Name, records: Vec<Record>) -> Result<Vec<Step>, Refusal> {
    records.into_iter().map(|record| step(origin, record)).collect()
}

fn step(origin: &Name, record: Record) -> Result<Step, Refusal> {
    let Record { owner, rrtype, class, ttl, rdata } = record;
    if !owner.as_ref().is_at_or_below(origin.as_ref()) {
        return Err(outside(&owner));
    }
    let unfit = |what: &str| Err(Refusal::malformed(format!("{owner} {rrtype}: {what}")));
    if class != Class::IN && ttl != 0 {
        return unfit("a deletion with a TTL");
    }
    if class == Class::IN && ttl > MAX_TTL {
        return unfit("a TTL of more than 2147483647 seconds");
    }
    if rrtype.is_meta() && !(class == Class::ANY && rrtype == RrType::ANY) {
        return unfit("a type that no record has");
    }
    if class == Class::ANY && !rdata.is_empty() {
        return unfit("a deletion of an RRset with data");
    }
    if matches!(class, Class::IN | Class::NONE)
        && let Err(error) = validate(rrtype, &rdata)
    {
        return unfit(&format!("bad record data: {error}"));
    }
    match class {
        Class::IN => Ok(Step::Add { owner, rrtype, ttl: Some(ttl), rdata }),
        Class::NONE => Ok(Step::DeleteRecord { owner, rrtype, rdata }),
        Class::ANY if rrtype == RrType::ANY => Ok(Step::DeleteName { owner }),
        Class::ANY => Ok(Step::DeleteRrset { owner, rrtype }),
        _ => unfit("another class than the zone's"),
    }
}

/// Makes one step. What the rules of the RFC keep from being done is left undone without a word, as they say.
///
/// # Errors
/// Those of reading the store.
pub fn apply(draft: &mut Draft<'_, '_>, step: Step) -> Result<(), Refusal> {
    match step {
        Step::Add { owner, rrtype, ttl, rdata } => add(draft, &owner, rrtype, ttl, &rdata),
        Step::DeleteName { owner } => {
            let is_apex = owner == *draft.origin();
            let stays = |rrtype| is_apex && matches!(rrtype, RrType::SOA | RrType::NS);
            draft.node_mut(&owner)?.retain(stays);
            Ok(())
        }
        Step::DeleteRrset { owner, rrtype } => {
            if owner != *draft.origin() || !matches!(rrtype, RrType::SOA | RrType::NS) {
                draft.node_mut(&owner)?.remove(rrtype);
            }
            Ok(())
        }
        Step::DeleteRecord { owner, rrtype, rdata } => {
            let is_last = |node: &Node| node.get(RrType::NS).is_some_and(|set| set.count() == 1);
            let is_last_ns = rrtype == RrType::NS && owner == *draft.origin() && is_last(draft.node(&owner)?);
            if rrtype != RrType::SOA && !is_last_ns {
                draft.node_mut(&owner)?.remove_record(rrtype, &rdata);
            }
            Ok(())
        }
        Step::Set { owner, rrtype, ttl, rdatas } => {
            let ttl = ttl_for(draft, &owner, rrtype, ttl)?;
            if rrtype != RrType::SOA {
                draft.node_mut(&owner)?.remove(rrtype);
            }
            rdatas.iter().try_for_each(|rdata| add(draft, &owner, rrtype, Some(ttl), rdata))
        }
    }
}

fn add(
    draft: &mut Draft<'_, '_>,
    owner: &Name,
    rrtype: RrType,
    ttl: Option<u32>,
    rdata: &[u8],
) -> Result<(), Refusal> {
    let ttl = ttl_for(draft, owner, rrtype, ttl)?;
    if rrtype == RrType::SOA {
        return put_soa(draft, owner, ttl, rdata);
    }
    let node = draft.node(owner)?;
    let collides = match rrtype {
        RrType::CNAME => node.sets().any(|(there, _)| !may_be_beside_cname(there)),
        _ => node.get(RrType::CNAME).is_some() && !may_be_beside_cname(rrtype),
    };
    if collides {
        return Ok(());
    }
    let node = draft.node_mut(owner)?;
    match rrtype {
        RrType::CNAME | RrType::DNAME => node.remove(rrtype),
        RrType::WKS => {
            let key = rdata.get(..WKS_KEY);
            let same = |there: &&[u8]| there.get(..WKS_KEY) == key;
            let replaced = node.get(rrtype).and_then(|set| set.rdatas().find(same)).map(<[u8]>::to_vec);
            if let Some(replaced) = replaced {
                node.remove_record(rrtype, &replaced);
            }
        }
        _ => {}
    }
    node.add(owner, rrtype, ttl, rdata);
    Ok(())
}

/// An SOA record takes the place of the zone's when its serial is newer.
fn put_soa(draft: &mut Draft<'_, '_>, owner: &Name, ttl: u32, rdata: &[u8]) -> Result<(), Refusal> {
    let (_, there, numbers) = draft.soa()?;
    let is_newer = Soa::read(rdata).is_some_and(|new| is_newer(new.serial, numbers.serial));
    if owner == draft.origin() && is_newer {
        let node = draft.node_mut(owner)?;
        node.remove_record(RrType::SOA, &there);
        node.add(owner, RrType::SOA, ttl, rdata);
    }
    Ok(())
}

/// The TTL that was given, that of the RRset, or that of the zone's SOA record.
fn ttl_for(
    draft: &mut Draft<'_, '_>,
    owner: &Name,
    rrtype: RrType,
    given: Option<u32>,
) -> Result<u32, Refusal> {
    if let Some(ttl) = given {
        return Ok(ttl);
    }
    match draft.node(owner)?.get(rrtype).map(RecordSet::ttl) {
        Some(ttl) => Ok(ttl),
        None => Ok(draft.soa()?.0),
    }
}

/// Types that may stand beside a CNAME record (RFC 4035 section 2.5, RFC 2181 section 10.1).
fn may_be_beside_cname(rrtype: RrType) -> bool {
    matches!(rrtype, RrType::CNAME | RrType::RRSIG | RrType::NSEC | RrType::KEY | RrType::SIG | RrType::NXT)
}

/// Gives the zone's SOA record another serial.
///
/// # Errors
/// Those of reading the store.
pub fn set_serial(draft: &mut Draft<'_, '_>, serial: u32) -> Result<(), Refusal> {
    let (ttl, mut rdata, _) = draft.soa()?;
    let origin = draft.origin().clone();
    let node = draft.node_mut(&origin)?;
    node.remove_record(RrType::SOA, &rdata);
    if let Some(place) = rdata.last_chunk_mut::<20>().and_then(|numbers| numbers.first_chunk_mut::<4>()) {
        *place = serial.to_be_bytes();
    }
    node.add(&origin, RrType::SOA, ttl, &rdata);
    Ok(())
}

/// The code for what would leave a zone that cannot be served.
pub const INVALID: Rcode = Rcode::REFUSED;
