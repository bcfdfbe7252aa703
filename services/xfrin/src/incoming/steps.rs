//! Differences one after the other (RFC 1995 section 4): the SOA before and what went, the SOA after and what came; at the
//! end the newest SOA once more.

use std::ops::Range;

use tenon_wire::message::Record;
use tenon_wire::rdata::{Soa, canonical_cmp};
use tenon_wire::serial::is_newer;
use tenon_wire::{Name, NameRef, RrType};

use super::{Budget, IncomingError, sound_ttl};

/// Octets that a record takes beside its owner and its data.
const OVERHEAD: usize = size_of::<Kept>();

/// How the newest version differs from the one that is stored.
#[derive(Debug)]
pub struct Difference {
    /// Serial of the version that is stored.
    pub from_serial: u32,
    /// The numbers of the newest SOA record.
    pub soa: Soa,
    /// How many steps there are.
    pub steps: u64,
    octets: Vec<u8>,
    records: Vec<Kept>,
}

/// A record that goes or comes, in the order of the steps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Change<'a> {
    /// It comes.
    pub is_added: bool,
    /// Its owner.
    pub owner: NameRef<'a>,
    /// Its type.
    pub rrtype: RrType,
    /// Its time to live.
    pub ttl: u32,
    /// Its data.
    pub rdata: &'a [u8],
}

#[derive(Debug)]
struct Kept {
    is_added: bool,
    rrtype: RrType,
    ttl: u32,
    owner: Range<usize>,
    rdata_end: usize,
}

/// Differences on their way.
pub(super) struct Steps {
    zone: Name,
    newest: Vec<u8>,
    newest_serial: u32,
    /// Serial that the step before ended with.
    from: u32,
    /// Serial that this step leads to, once its additions began.
    to: Option<u32>,
    difference: Difference,
    is_complete: bool,
}

impl Steps {
    /// Differences from what is stored to the newest version.
    pub(super) fn new(zone: NameRef<'_>, newest: Vec<u8>, newest_serial: u32, have: u32) -> Self {
        let soa = Soa::read(&newest).unwrap_or_default();
        let difference =
            Difference { from_serial: have, soa, steps: 0, octets: Vec::new(), records: Vec::new() };
        let (from, to) = (have, None);
        Self { zone: zone.to_name(), newest, newest_serial, from, to, difference, is_complete: false }
    }

    pub(super) const fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// The first SOA, which is that of the stored version.
    pub(super) fn begin(&mut self, soa: &Record<'_>, budget: &mut Budget) -> Result<(), IncomingError> {
        self.difference.steps = 1;
        self.keep(soa, budget)
    }

    pub(super) fn record(
        &mut self,
        record: &Record<'_>,
        is_soa: bool,
        budget: &mut Budget,
    ) -> Result<(), IncomingError> {
        if self.is_complete {
            return Err(IncomingError::BehindEnd);
        }
        if is_soa {
            return self.turn(record, budget);
        }
        self.keep(record, budget)
    }

    /// An SOA record: additions begin, or the next step, or it is the end.
    fn turn(&mut self, record: &Record<'_>, budget: &mut Budget) -> Result<(), IncomingError> {
        let (newest, serial) =
            (self.newest_serial, Soa::read(record.rdata).ok_or(IncomingError::BadSoa)?.serial);
        let is_newest = || canonical_cmp(RrType::SOA, &self.newest, record.rdata).is_eq();
        let changed = Err(IncomingError::SoaChanged { first: newest, last: serial });
        match self.to {
            None => {
                let is_on_the_way = serial == newest || is_newer(newest, serial);
                if !is_newer(serial, self.from) || !is_on_the_way {
                    return Err(IncomingError::Astray { from: self.from, to: serial, newest });
                }
                if serial == newest && !is_newest() {
                    return changed;
                }
                self.to = Some(serial);
            }
            Some(to) if to == newest => {
                if !is_newest() {
                    return changed;
                }
                self.is_complete = true;
                return Ok(());
            }
            Some(to) if to != serial => return Err(IncomingError::Gap { found: serial, wanted: to }),
            Some(to) => {
                (self.from, self.to) = (to, None);
                self.difference.steps += 1;
            }
        }
        self.keep(record, budget)
    }

    pub(super) fn finish(self) -> Result<Difference, IncomingError> {
        if self.is_complete { Ok(self.difference) } else { Err(IncomingError::BadSoa) }
    }

    fn keep(&mut self, record: &Record<'_>, budget: &mut Budget) -> Result<(), IncomingError> {
        budget.record()?;
        if !record.owner.is_at_or_below(self.zone.as_ref()) {
            budget.received.ignored += 1;
            return Ok(());
        }
        let octets = &mut self.difference.octets;
        let start = octets.len();
        octets.extend_from_slice(record.owner.octets());
        let owner = start..octets.len();
        octets.extend_from_slice(record.rdata);
        let (rdata_end, ttl) = (octets.len(), sound_ttl(record.ttl));
        let is_added = self.to.is_some();
        self.difference.records.push(Kept { is_added, rrtype: record.rrtype, ttl, owner, rdata_end });
        budget.hold(rdata_end - start + OVERHEAD)
    }
}

impl Difference {
    /// How many records go or come.
    #[must_use]
    pub fn count(&self) -> usize {
        self.records.len()
    }

    /// What goes and comes, in the order of the steps.
    pub fn changes(&self) -> impl Iterator<Item = Change<'_>> {
        self.records.iter().filter_map(|kept| {
            let owner = NameRef::from_octets(self.octets.get(kept.owner.clone())?).ok()?;
            let rdata = self.octets.get(kept.owner.end..kept.rdata_end)?;
            let Kept { is_added, rrtype, ttl, .. } = *kept;
            Some(Change { is_added, owner, rrtype, ttl, rdata })
        })
    }
}
