//! What a worker may want to count about the query just answered.

use tenon_wire::RrType;

use crate::cookie::Presented;

/// Facts about one query and its response.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Facts {
    /// Opcode of the query; 0 is QUERY.
    pub opcode: u8,
    /// Extended response code (RFC 6891 section 6.1.3); 0 is NOERROR. Meaningful when there was a reply.
    pub rcode: u16,
    /// Type asked for; none when the question could not be read.
    pub qtype: Option<RrType>,
    /// What the client's cookie came to; none without one, and where cookies are off.
    pub cookie: Option<Presented>,
    /// The response was truncated.
    pub truncated: bool,
    /// The query had an OPT record.
    pub edns: bool,
    /// The query asked for DNSSEC records.
    pub dnssec_ok: bool,
    /// The response carries authoritative data (AA).
    pub authoritative: bool,
    /// The response is a referral.
    pub referral: bool,
    /// Where the zone that was asked stands in the catalog; none when none was.
    pub zone: Option<u32>,
    /// The client on TCP asked how long the connection may be idle (RFC 7828).
    pub keepalive: bool,
    /// The request is for another service.
    pub hand_over: Option<HandOver>,
}

/// Requests that other services answer or take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HandOver {
    /// AXFR or IXFR of a zone that is served; the reply is SERVFAIL, for the case that nobody takes the request.
    Transfer,
    /// NOTIFY for a secondary zone; the reply says that it was taken.
    Notify,
    /// UPDATE of a primary zone; the reply is SERVFAIL, for the case that nobody takes the request.
    Update,
}
