//! Validation of a whole zone, as a stream: the zone is never in memory.
//!
//! ```
//! # use tenon_zone::{ZoneChecker, Severity};
//! # let origin: tenon_wire::Name = "example.".parse().unwrap();
//! let mut problems = Vec::new();
//! let mut checker = ZoneChecker::new(origin.as_ref());
//! // for each RRset, in canonical order: checker.rrset(rrset, &mut |problem| problems.push(problem));
//! checker.finish(&mut |problem| problems.push(problem));
//! assert!(problems.iter().any(|problem| problem.severity() == Severity::Error), "an empty zone has no SOA");
//! ```

mod problem;
mod references;

use tenon_wire::rdata::{self, RdataError};
use tenon_wire::{Name, NameRef, NameRoom, RrType};

pub use self::problem::{Problem, ProblemKind, Severity};
use self::references::{ADDRESS, ALIAS, CUT, References};
use crate::RrsetRef;

/// Where problems go. There can be one for every RRset: bound what you keep.
pub type Report<'r> = &'r mut dyn FnMut(Problem);

/// Octets of a message before the first record: header, root question. Owners are compressed to two octets at best.
const MESSAGE_HEAD: usize = 12 + 4;
const RECORD_HEAD: usize = 2 + 10;
const LONGEST_MESSAGE: usize = 65_535;

/// Takes the RRsets of one zone in canonical order of their owners, types by number, and reports what is wrong.
///
/// Takes memory for a hash of each name that has an address, an alias or a delegation, up to a bound.
pub struct ZoneChecker {
    origin: Name,
    owner: Option<Owner>,
    /// The delegation, and the DNAME, that we are below.
    cut: Option<NameRoom>,
    /// The room of the delegation before.
    room: NameRoom,
    dname: Option<Name>,
    /// At the apex: types seen. In the zone: whether there was any signature.
    has_soa: bool,
    has_apex_ns: bool,
    has_dnskey: bool,
    has_rrsig: bool,
    references: References,
}

/// What was seen at the name whose RRsets are coming.
#[derive(Default)]
struct Owner {
    name: NameRoom,
    /// Types without RRSIG, by number.
    types: Vec<RrType>,
    /// Types that RRSIG records cover.
    covered: Vec<RrType>,
}

impl ZoneChecker {
    /// A checker for the zone at `origin`.
    #[must_use]
    pub fn new(origin: NameRef<'_>) -> Self {
        Self {
            origin: origin.to_name(),
            owner: None,
            cut: None,
            room: NameRoom::default(),
            dname: None,
            has_soa: false,
            has_apex_ns: false,
            has_dnskey: false,
            has_rrsig: false,
            references: References::default(),
        }
    }

    /// Looks at the next RRset.
    pub fn rrset(&mut self, rrset: RrsetRef<'_>, report: Report<'_>) {
        if self.owner.as_ref().is_none_or(|owner| owner.name.as_ref() != rrset.owner) {
            self.leave_owner(report);
            self.enter_owner(rrset.owner, report);
        }
        if !rrset.owner.is_at_or_below(self.origin.as_ref()) {
            problem(rrset, ProblemKind::OutOfZone, report);
            return;
        }
        check_data(rrset, report);
        self.check_place(rrset, report);
        self.note_references(rrset);
        if let Some(owner) = &mut self.owner {
            owner.note(rrset);
        }
        self.has_rrsig |= rrset.rrtype == RrType::RRSIG;
    }

    /// Ends the zone.
    pub fn finish(mut self, report: Report<'_>) {
        self.leave_owner(report);
        self.leave_cut(report);
        let mut at_apex = |is_wrong: bool, rrtype, what| {
            if is_wrong {
                report(Problem { owner: self.origin.clone(), rrtype: Some(rrtype), what });
            }
        };
        at_apex(!self.has_soa, RrType::SOA, ProblemKind::NoSoa);
        at_apex(!self.has_apex_ns, RrType::NS, ProblemKind::NoApexNs);
        let half = |missing| ProblemKind::HalfSigned { missing };
        at_apex(self.has_dnskey && !self.has_rrsig, RrType::RRSIG, half(RrType::RRSIG));
        at_apex(self.has_rrsig && !self.has_dnskey, RrType::DNSKEY, half(RrType::DNSKEY));
        self.references.finish(self.origin.as_ref(), report);
    }

    fn enter_owner(&mut self, name: NameRef<'_>, report: Report<'_>) {
        if self.cut.as_ref().is_some_and(|cut| !name.is_at_or_below(cut.as_ref())) {
            self.leave_cut(report);
        }
        if self.dname.as_ref().is_some_and(|dname| !name.is_at_or_below(dname.as_ref())) {
            self.dname = None;
        }
        self.owner.get_or_insert_default().renew(name);
    }

    fn leave_cut(&mut self, report: Report<'_>) {
        if let Some(cut) = self.cut.take() {
            self.references.leave_cut(cut.as_ref(), report);
            self.room = cut;
        }
    }

    /// What depends on where the RRset is: apex, delegation, below one of them.
    fn check_place(&mut self, rrset: RrsetRef<'_>, report: Report<'_>) {
        let is_apex = rrset.owner == self.origin.as_ref();
        if let Some(dname) = self.dname.as_ref().filter(|dname| dname.as_ref() != rrset.owner)
            && !(*dname == self.origin && is_hashed(rrset))
        {
            problem(rrset, ProblemKind::BelowDname { dname: dname.clone() }, report);
        }
        match rrset.rrtype {
            RrType::SOA if is_apex => self.has_soa = true,
            RrType::SOA => problem(rrset, ProblemKind::SoaBelowApex, report),
            RrType::NS if is_apex => self.has_apex_ns = true,
            RrType::NS if self.cut.is_none() => {
                let mut cut = std::mem::take(&mut self.room);
                cut.set(rrset.owner);
                self.cut = Some(cut);
            }
            RrType::DNSKEY if is_apex => self.has_dnskey = true,
            RrType::DNAME if self.dname.is_none() => self.dname = Some(rrset.owner.to_name()),
            _ => {}
        }
        let Some(cut) = &self.cut else { return };
        let is_at_cut = cut.as_ref() == rrset.owner;
        let is_seen = match rrset.rrtype {
            RrType::A | RrType::AAAA => true,
            RrType::NS | RrType::DS | RrType::NSEC | RrType::RRSIG => is_at_cut,
            // Told as an error when the name is complete.
            RrType::DNAME => is_at_cut,
            _ => false,
        };
        if !is_seen {
            problem(rrset, ProblemKind::Occluded { cut: cut.as_ref().to_name() }, report);
        }
    }

    fn note_references(&mut self, rrset: RrsetRef<'_>) {
        let is_cut = self.cut.as_ref().is_some_and(|cut| cut.as_ref() == rrset.owner);
        match rrset.rrtype {
            RrType::A | RrType::AAAA if self.cut.is_some() => self.references.note_glue(rrset.owner),
            RrType::A | RrType::AAAA => self.references.note(rrset.owner, ADDRESS),
            RrType::CNAME => self.references.note(rrset.owner, ALIAS),
            RrType::NS if is_cut => self.references.note(rrset.owner, CUT),
            _ => {}
        }
        if !matches!(rrset.rrtype, RrType::NS | RrType::MX | RrType::SRV) {
            return;
        }
        for record in rrset.rdatas {
            for place in rdata::names(rrset.rrtype, record) {
                let target = record.get(place.start..place.end).map(NameRef::from_octets);
                let Some(Ok(target)) = target else { continue };
                if !target.is_at_or_below(self.origin.as_ref()) {
                    continue;
                }
                if is_cut && rrset.rrtype == RrType::NS && target.is_at_or_below(rrset.owner) {
                    // The delegation's own A records come before its NS records.
                    let is_glued = target == rrset.owner
                        && self.owner.as_ref().is_some_and(|owner| owner.has(RrType::A));
                    self.references.refer_to_glue(target, is_glued);
                } else {
                    self.references.refer(rrset.owner, rrset.rrtype, target);
                }
            }
        }
    }

    /// What can be said when all types of a name are known.
    fn leave_owner(&mut self, report: Report<'_>) {
        let Some(owner) = &self.owner else { return };
        let name = owner.name.as_ref();
        let is_apex = name == self.origin.as_ref();
        let mut tell = |rrtype, what| report(Problem { owner: name.to_name(), rrtype: Some(rrtype), what });
        if owner.has(RrType::CNAME)
            && let Some(&other) = owner.types.iter().find(|&&rrtype| !may_be_beside_cname(rrtype))
        {
            tell(RrType::CNAME, ProblemKind::CnameAndOther { other });
        }
        if owner.has(RrType::DNAME) && owner.has(RrType::NS) && !is_apex {
            tell(RrType::DNAME, ProblemKind::DnameAtCut);
        }
        if owner.has(RrType::DS) && (is_apex || !owner.has(RrType::NS)) {
            tell(RrType::DS, ProblemKind::DsAwayFromCut);
        }
        if self.has_dnskey && self.has_rrsig {
            let cut = self.cut.as_ref();
            let is_signed = |rrtype| match cut {
                None => true,
                Some(cut) => cut.as_ref() == name && matches!(rrtype, RrType::DS | RrType::NSEC),
            };
            for &rrtype in owner.types.iter().filter(|&&t| is_signed(t) && !owner.covered.contains(&t)) {
                tell(rrtype, ProblemKind::Unsigned);
            }
        }
    }
}

impl Owner {
    fn renew(&mut self, name: NameRef<'_>) {
        self.name.set(name);
        self.types.clear();
        self.covered.clear();
    }

    fn note(&mut self, rrset: RrsetRef<'_>) {
        if rrset.rrtype != RrType::RRSIG {
            self.types.push(rrset.rrtype);
            return;
        }
        let covered = rrset.rdatas.iter().filter_map(|record| record.first_chunk());
        self.covered.extend(covered.map(|code| RrType(u16::from_be_bytes(*code))));
    }

    fn has(&self, rrtype: RrType) -> bool {
        self.types.contains(&rrtype)
    }
}

/// What the RRset says by itself.
fn check_data(rrset: RrsetRef<'_>, report: Report<'_>) {
    if rrset.rrtype.is_meta() {
        problem(rrset, ProblemKind::MetaType, report);
        return;
    }
    let (mut count, mut octets) = (0, MESSAGE_HEAD + rrset.owner.octets().len());
    for record in rrset.rdatas {
        count += 1;
        octets += RECORD_HEAD + record.len();
        if let Err(error) = rdata::validate(rrset.rrtype, record) {
            problem(rrset, ProblemKind::BadRdata(error), report);
        }
    }
    if !rrset.rdatas.is_well_formed() {
        problem(rrset, ProblemKind::BadRdata(RdataError::Short), report);
    }
    if octets > LONGEST_MESSAGE {
        problem(rrset, ProblemKind::TooLarge { octets }, report);
    }
    let several = match rrset.rrtype {
        RrType::SOA => ProblemKind::SeveralSoa,
        RrType::CNAME => ProblemKind::SeveralCname,
        RrType::DNAME => ProblemKind::SeveralDname,
        _ => return,
    };
    if count > 1 {
        problem(rrset, several, report);
    }
}

/// NSEC3 records and their signatures: their owners are no names to ask for, and a DNAME record does not hide them
/// (RFC 5155 section 7.2.8).
fn is_hashed(rrset: RrsetRef<'_>) -> bool {
    let covers_hashed = |record: &[u8]| record.starts_with(&RrType::NSEC3.0.to_be_bytes());
    match rrset.rrtype {
        RrType::NSEC3 => true,
        RrType::RRSIG => rrset.rdatas.iter().all(covers_hashed),
        _ => false,
    }
}

/// Types that may stand beside a CNAME record (RFC 4035 section 2.5, RFC 3007 and 2535 for the older ones).
fn may_be_beside_cname(rrtype: RrType) -> bool {
    matches!(rrtype, RrType::CNAME | RrType::NSEC | RrType::KEY | RrType::SIG | RrType::NXT)
}

fn problem(rrset: RrsetRef<'_>, what: ProblemKind, report: Report<'_>) {
    report(Problem { owner: rrset.owner.to_name(), rrtype: Some(rrset.rrtype), what });
}

#[cfg(test)]
mod tests;
