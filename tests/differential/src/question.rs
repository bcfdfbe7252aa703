//! One question, in all the ways it can be asked.

use std::fmt;

use tenon_wire::{Name, RrType};

/// Types that every name is asked for: what zones have, what they never have, and what asks for more than data.
pub const TYPES: [RrType; 30] = [
    RrType::A,
    RrType::AAAA,
    RrType::NS,
    RrType::CNAME,
    RrType::DNAME,
    RrType::SOA,
    RrType::MX,
    RrType::TXT,
    RrType::SRV,
    RrType::NAPTR,
    RrType::SVCB,
    RrType::HTTPS,
    RrType::PTR,
    RrType::AFSDB,
    RrType::RP,
    RrType::CAA,
    RrType::DS,
    RrType::CDS,
    RrType::CDNSKEY,
    RrType::DNSKEY,
    RrType::NSEC,
    RrType::NSEC3,
    RrType::NSEC3PARAM,
    RrType::RRSIG,
    RrType::LOC,
    RrType::KX,
    RrType::URI,
    RrType::TLSA,
    RrType(65280),
    RrType::ANY,
];

/// A name and type, and how they are asked for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Question {
    /// Name, as it is written in the query.
    pub name: Name,
    /// Type.
    pub rrtype: RrType,
    /// With an OPT record: DO set or not; none without one.
    pub edns: Option<bool>,
}

impl Question {
    /// The query, with `id` as its number.
    #[must_use]
    pub fn message(&self, id: u16) -> Vec<u8> {
        let [a, b] = id.to_be_bytes();
        let mut octets = vec![a, b, 0, 0, 0, 1, 0, 0, 0, 0, 0, u8::from(self.edns.is_some())];
        octets.extend_from_slice(self.name.octets());
        octets.extend_from_slice(&self.rrtype.0.to_be_bytes());
        octets.extend_from_slice(&[0, 1]);
        if let Some(dnssec) = self.edns {
            octets.extend_from_slice(&[0, 0, 41, 4, 208, 0, 0, if dnssec { 0x80 } else { 0 }, 0, 0, 0]);
        }
        octets
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = match self.edns {
            None => " noedns",
            Some(false) => "",
            Some(true) => " do",
        };
        write!(f, "{} {}{how}", self.name, self.rrtype)
    }
}
