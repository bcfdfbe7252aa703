//! What can be wrong with a zone. Every kind is explained with an example in `docs/zone-checks.md`.

use std::fmt;

use tenon_wire::rdata::RdataError;
use tenon_wire::{Name, RrType};

/// Whether a zone with such a problem can be served.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Severity {
    /// It can, though somebody may get another answer than its author meant.
    Warning,
    /// It cannot.
    Error,
}

/// One thing that is wrong, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// The owner name at which it was found.
    pub owner: Name,
    /// The type of the RRset that is wrong; none when it is the name as a whole.
    pub rrtype: Option<RrType>,
    /// What is wrong.
    pub what: ProblemKind,
}

/// The kinds of problems.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ProblemKind {
    /// The apex has no SOA record.
    NoSoa,
    /// The apex has more than one SOA record.
    SeveralSoa,
    /// An SOA record at another name than the apex.
    SoaBelowApex,
    /// The apex has no NS record.
    NoApexNs,
    /// The owner is not in the zone.
    OutOfZone,
    /// A CNAME record beside other data.
    CnameAndOther {
        /// The first of the other types.
        other: RrType,
    },
    /// More than one CNAME record at a name.
    SeveralCname,
    /// More than one DNAME record at a name.
    SeveralDname,
    /// A DNAME record at a delegation (RFC 6672 section 2.3).
    DnameAtCut,
    /// Data below a DNAME record (RFC 6672 section 2.4).
    BelowDname {
        /// Owner of the DNAME record.
        dname: Name,
    },
    /// The RRset alone does not fit into a DNS message of 65,535 octets.
    TooLarge {
        /// Octets of the smallest message that would hold it.
        octets: usize,
    },
    /// A type that only queries have.
    MetaType,
    /// Record data that is not of its type.
    BadRdata(RdataError),
    /// A name server in the zone has no address there.
    NoAddress {
        /// The name server.
        target: Name,
    },
    /// A name server at or below a delegation needs an address there, and has none.
    NoGlue {
        /// The name server.
        target: Name,
    },
    /// An NS, MX or SRV record points to an alias (RFC 2181 section 10.3).
    TargetIsAlias {
        /// The alias.
        target: Name,
    },
    /// Data at or below a delegation, which nobody will see.
    Occluded {
        /// The delegation.
        cut: Name,
    },
    /// A DS record at a name that is no delegation.
    DsAwayFromCut,
    /// The zone has RRSIG records and no DNSKEY at its apex, or the other way round.
    HalfSigned {
        /// The type that is missing.
        missing: RrType,
    },
    /// An RRset without a signature in a signed zone.
    Unsigned,
    /// So large a zone that references between its names were not all followed.
    NotAllFollowed,
}

impl ProblemKind {
    /// Whether a zone with this problem can be served.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        match self {
            Self::NoSoa
            | Self::SeveralSoa
            | Self::SoaBelowApex
            | Self::NoApexNs
            | Self::OutOfZone
            | Self::CnameAndOther { .. }
            | Self::SeveralCname
            | Self::SeveralDname
            | Self::DnameAtCut
            | Self::BelowDname { .. }
            | Self::TooLarge { .. }
            | Self::MetaType
            | Self::BadRdata(_) => Severity::Error,
            Self::NoAddress { .. }
            | Self::NoGlue { .. }
            | Self::TargetIsAlias { .. }
            | Self::Occluded { .. }
            | Self::DsAwayFromCut
            | Self::HalfSigned { .. }
            | Self::Unsigned
            | Self::NotAllFollowed => Severity::Warning,
        }
    }
}

impl Problem {
    /// Whether a zone with this problem can be served.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        self.what.severity()
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// Owner, type and reason, as `www.example. CNAME: beside A; ...`.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.rrtype {
            Some(rrtype) => write!(f, "{} {rrtype}: {}", self.owner, self.what),
            None => write!(f, "{}: {}", self.owner, self.what),
        }
    }
}

impl fmt::Display for ProblemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSoa => f.write_str("the zone has no SOA record"),
            Self::SeveralSoa => f.write_str("the zone has more than one SOA record"),
            Self::SoaBelowApex => f.write_str("an SOA record belongs to the apex of the zone only"),
            Self::NoApexNs => f.write_str("the zone has no NS record at its apex"),
            Self::OutOfZone => f.write_str("the name is not in the zone"),
            Self::CnameAndOther { other } => {
                write!(f, "beside {other} data; an alias can have no other data (RFC 2181 section 10.1)")
            }
            Self::SeveralCname => f.write_str("an alias can have one CNAME record only"),
            Self::SeveralDname => f.write_str("a name can have one DNAME record only"),
            Self::DnameAtCut => f.write_str("beside NS records; a delegation cannot be renamed"),
            Self::BelowDname { dname } => write!(f, "is below the DNAME record of {dname}, which hides it"),
            Self::TooLarge { octets } => {
                write!(f, "needs a message of {octets} octets; no DNS message is longer than 65535")
            }
            Self::MetaType => f.write_str("this type cannot be stored in a zone"),
            Self::BadRdata(error) => write!(f, "bad record data: {error}"),
            Self::NoAddress { target } => {
                write!(f, "name server {target} is in this zone and has no address")
            }
            Self::NoGlue { target } => {
                write!(
                    f,
                    "name server {target} can only be found by its address here (glue), which is missing"
                )
            }
            Self::TargetIsAlias { target } => {
                write!(f, "points to {target}, which is an alias (RFC 2181 section 10.3)")
            }
            Self::Occluded { cut } => write!(f, "is hidden by the delegation of {cut}"),
            Self::DsAwayFromCut => f.write_str("is not at a delegation, so nobody asks for it"),
            Self::HalfSigned { missing } => {
                write!(f, "the zone is signed in part: it has no {missing} record")
            }
            Self::Unsigned => f.write_str("has no signature, though the zone is signed"),
            Self::NotAllFollowed => {
                f.write_str("too many names to look for missing addresses and aliases of all")
            }
        }
    }
}
