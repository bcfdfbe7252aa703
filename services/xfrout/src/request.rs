//! A request for a transfer, read in place.

use domain::base::Message;
use domain::base::iana::Class as DomainClass;
use domain::rdata::Soa;
use tenon_handover::Transport;
use tenon_wire::message::{Edns, Header, Query, QueryError, Question, Rcode};
use tenon_wire::{Class, RrType};

/// IXFR (RFC 1995) and AXFR (RFC 5936) as types of a question.
const IXFR: RrType = RrType(251);
const AXFR: RrType = RrType(252);

/// What is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TransferKind {
    /// The whole zone.
    Axfr,
    /// What changed since the serial that the client has.
    Ixfr {
        /// The client's serial.
        serial: u32,
    },
}

impl TransferKind {
    /// `AXFR` or `IXFR`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Axfr => "AXFR",
            Self::Ixfr { .. } => "IXFR",
        }
    }
}

/// A request that makes sense.
#[derive(Clone, Debug)]
pub struct TransferQuery<'a> {
    /// The header.
    pub header: Header<'a>,
    /// The question.
    pub question: Question<'a>,
    /// The OPT record, if there is one.
    pub edns: Option<Edns<'a>>,
    /// What is asked for.
    pub kind: TransferKind,
}

/// Why a request makes no sense.
#[derive(Clone, Debug)]
pub struct BadRequest<'a> {
    /// The header; none when nothing is to be sent back.
    pub header: Option<Header<'a>>,
    /// The question, if that much could be read.
    pub question: Option<Question<'a>>,
    /// The OPT record, if it could be read.
    pub edns: Option<Edns<'a>>,
    /// What to answer.
    pub rcode: Rcode,
    /// What is wrong, for people.
    pub reason: &'static str,
}

impl<'a> TransferQuery<'a> {
    /// Reads a request.
    ///
    /// # Errors
    /// [`BadRequest`].
    pub fn read(message: &'a [u8], transport: Transport) -> Result<Self, BadRequest<'a>> {
        let query = Query::read(message).map_err(unreadable)?;
        let Query { header, question, edns } = query;
        let bad = |rcode, reason| BadRequest {
            header: Some(header),
            question: Some(question),
            edns,
            rcode,
            reason,
        };
        let malformed = |reason| bad(Rcode::FORMERR, reason);
        if edns.is_some_and(|edns| edns.version > 0) {
            return Err(bad(Rcode::BADVERS, "an unknown version of EDNS"));
        }
        if question.class != Class::IN {
            return Err(bad(Rcode::NOTAUTH, "a class other than IN"));
        }
        let records = Message::from_octets(message).map_err(|_| malformed("no message"))?;
        let [_, answers, authority, _] = header.counts();
        let kind = match (question.rrtype, answers, authority) {
            (AXFR, ..) if transport == Transport::Udp => return Err(malformed("AXFR over UDP")),
            (AXFR, 0, 0) => TransferKind::Axfr,
            (IXFR, 0, 1) => {
                let serial = client_serial(&records);
                TransferKind::Ixfr {
                    serial: serial.ok_or_else(|| malformed("no SOA of the zone in an IXFR"))?,
                }
            }
            (IXFR, ..) => return Err(malformed("an IXFR without exactly one SOA")),
            (AXFR, ..) => return Err(malformed("an AXFR with records")),
            _ => return Err(bad(Rcode::NOTIMP, "neither AXFR nor IXFR")),
        };
        Ok(Self { header, question, edns, kind })
    }
}

fn unreadable(error: QueryError<'_>) -> BadRequest<'_> {
    let (header, question, edns, rcode) = match error {
        QueryError::Ignore => (None, None, None, Rcode::FORMERR),
        QueryError::Malformed { header, question, edns } => (Some(header), question, edns, Rcode::FORMERR),
        QueryError::Opcode { header, edns, .. } => (Some(header), None, edns, Rcode::NOTIMP),
    };
    BadRequest { header, question, edns, rcode, reason: "not a well-formed query" }
}

/// The serial in the authority section; its owner must be the zone that is asked for (RFC 1995 section 3).
fn client_serial(message: &Message<&[u8]>) -> Option<u32> {
    let question = message.sole_question().ok()?;
    let record = message.authority().ok()?.limit_to::<Soa<_>>().next()?.ok()?;
    let same = record.owner() == question.qname() && record.class() == DomainClass::IN;
    same.then(|| record.data().serial().into_int())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const AXFR_QUESTION: &[u8] = b"\x07example\x00\x00\xfc\x00\x01";
    const IXFR_QUESTION: &[u8] = b"\x07example\x00\x00\xfb\x00\x01";
    const SOA: &[u8] = b"\xc0\x0c\x00\x06\x00\x01\x00\x00\x00\x00\x00\x18\xc0\x0c\xc0\x0c\x00\x00\x00\x07\
        \x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00\x03\x00\x00\x00\x04";
    const TSIG: &[u8] = b"\x03key\x00\x00\xfa\x00\xff\x00\x00\x00\x00\x00\x2a\x0bhmac-sha256\x00\
        \x00\x00\x65\x00\x00\x01\x01\x2c\x00\x0dABCDEFGHIJKLM\x12\x34\x00\x00\x00\x00";

    fn message(counts: [u8; 3], parts: &[&[u8]]) -> Vec<u8> {
        let mut octets = vec![0x12, 0x34, 0, 0, 0, 1];
        counts.iter().for_each(|&count| octets.extend([0, count]));
        parts.iter().for_each(|part| octets.extend_from_slice(part));
        octets
    }

    fn refused(octets: &[u8], transport: Transport) -> (Rcode, &'static str) {
        let bad = TransferQuery::read(octets, transport).unwrap_err();
        (bad.rcode, bad.reason)
    }

    #[test]
    fn both_kinds_are_read() {
        let octets = message([0, 0, 0], &[AXFR_QUESTION]);
        let query = TransferQuery::read(&octets, Transport::Tcp).unwrap();
        assert_eq!(query.kind, TransferKind::Axfr);
        let octets = message([0, 1, 0], &[IXFR_QUESTION, SOA]);
        let query = TransferQuery::read(&octets, Transport::Udp).unwrap();
        assert_eq!(query.kind, TransferKind::Ixfr { serial: 7 });
    }

    #[test]
    fn the_authority_section_must_fit() {
        let other = SOA.iter().copied().skip(2);
        let other: Vec<u8> = b"\x05other\x00".iter().copied().chain(other).collect();
        for (counts, parts) in [
            ([0, 0, 0], vec![IXFR_QUESTION]),
            ([0, 2, 0], vec![IXFR_QUESTION, SOA, SOA]),
            ([0, 1, 0], vec![IXFR_QUESTION, &other]),
            ([0, 1, 0], vec![AXFR_QUESTION, SOA]),
            ([1, 0, 0], vec![AXFR_QUESTION, SOA]),
        ] {
            assert_eq!(refused(&message(counts, &parts), Transport::Tcp).0, Rcode::FORMERR, "{counts:?}");
        }
        let axfr = message([0, 0, 0], &[AXFR_QUESTION]);
        assert_eq!(refused(&axfr, Transport::Udp), (Rcode::FORMERR, "AXFR over UDP"));
        let question = message([0, 0, 0], &[b"\x07example\x00\x00\x06\x00\x01"]);
        assert_eq!(refused(&question, Transport::Tcp).0, Rcode::NOTIMP);
        let chaos = message([0, 0, 0], &[b"\x07example\x00\x00\xfc\x00\x03"]);
        assert_eq!(refused(&chaos, Transport::Tcp).0, Rcode::NOTAUTH);
    }

    proptest! {
        #[test]
        fn damaged_requests_are_read_without_panic(at in 0usize..120, octet: u8, cut in 0usize..140) {
            let mut octets = message([0, 1, 1], &[IXFR_QUESTION, SOA, TSIG]);
            if let Some(place) = octets.get_mut(at) {
                *place = octet;
            }
            octets.truncate(cut);
            let _ = TransferQuery::read(&octets, Transport::Tcp);
        }
    }
}
