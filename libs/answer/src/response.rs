//! From a query's octets to a response's: what is refused at once, and the frame around an answer.

use tenon_image::Catalog;
use tenon_wire::message::header::{HEADER, flag};
use tenon_wire::message::{Edns, Header, Opcode, Query, QueryError, Question, Rcode, ResponseWriter};
use tenon_wire::{Class, RrType};

use crate::facts::{Facts, HandOver};
use crate::search::Search;
use crate::{AnswerSettings, Outcome, Scratch, Transport};

/// Smallest response size that every client takes (RFC 1035 section 4.2.1, RFC 6891 section 6.2.5).
const MIN_UDP: u16 = 512;

/// Answers one query. `response` should hold 65535 octets for a stream and at least the UDP payload size for a datagram.
pub fn respond(
    catalog: &Catalog,
    settings: &AnswerSettings,
    transport: Transport,
    query: &[u8],
    response: &mut [u8],
    scratch: &mut Scratch,
) -> Outcome {
    scratch.facts = Facts::default();
    let length = match Query::read(query) {
        Ok(query) => Responder { catalog, settings, transport, scratch }.answer(&query, response),
        Err(QueryError::Ignore) => return Outcome::Silence,
        Err(QueryError::Malformed { header, question }) => {
            scratch.facts.qtype = question.map(|question| question.rrtype);
            bare(response, header, question.as_ref(), Rcode::FORMERR, scratch)
        }
        Err(QueryError::Opcode(header)) => {
            scratch.facts.hand_over = match header.opcode() {
                Opcode::NOTIFY => Some(HandOver::Notify),
                Opcode::UPDATE => Some(HandOver::Update),
                _ => None,
            };
            bare(response, header, None, Rcode::NOTIMP, scratch)
        }
    };
    length.map_or(Outcome::Silence, Outcome::Reply)
}

/// A response without records; none when the buffer is too small.
fn bare(
    response: &mut [u8],
    header: Header<'_>,
    question: Option<&Question<'_>>,
    rcode: Rcode,
    scratch: &mut Scratch,
) -> Option<usize> {
    scratch.facts.opcode = header.opcode().0;
    scratch.facts.rcode = rcode.0;
    let writer = ResponseWriter::new(response, HEADER + 259, header, question).ok()?;
    Some(writer.finish(rcode))
}

struct Responder<'a> {
    catalog: &'a Catalog,
    settings: &'a AnswerSettings,
    transport: Transport,
    scratch: &'a mut Scratch,
}

impl Responder<'_> {
    fn answer(self, query: &Query<'_>, response: &mut [u8]) -> Option<usize> {
        let Query { header, question, edns } = query;
        let dnssec = edns.is_some_and(|edns| edns.dnssec_ok);
        self.scratch.facts = Facts {
            opcode: header.opcode().0,
            qtype: Some(question.rrtype),
            edns: edns.is_some(),
            dnssec_ok: dnssec,
            ..Facts::default()
        };
        let mut writer =
            ResponseWriter::new(response, self.limit(edns.as_ref()), *header, Some(question)).ok()?;
        if edns.is_some() {
            writer.reserve_opt(self.settings.udp_payload_size, dnssec).ok()?;
        }
        let rcode = if edns.is_some_and(|edns| edns.version > 0) {
            Rcode::BADVERS
        } else if question.class != Class::IN {
            Rcode::REFUSED
        } else if matches!(question.rrtype, RrType::AXFR | RrType::IXFR) {
            self.scratch.facts.hand_over = Some(HandOver::Transfer);
            Rcode::REFUSED
        } else if question.rrtype == RrType::OPT {
            Rcode::FORMERR
        } else {
            self.scratch.name.set(question.name);
            self.scratch.places.set_written(&self.scratch.name, HEADER);
            let minimal_any = self.transport == Transport::Udp;
            Search::new(
                self.catalog,
                self.settings,
                &mut writer,
                self.scratch,
                question.rrtype,
                dnssec,
                minimal_any,
            )
            .run()
        };
        let facts = &mut self.scratch.facts;
        facts.rcode = rcode.0;
        facts.truncated = writer.has_flags(flag::TC);
        facts.authoritative = writer.has_flags(flag::AA);
        Some(writer.finish(rcode))
    }

    fn limit(&self, edns: Option<&Edns<'_>>) -> usize {
        match (self.transport, edns) {
            (Transport::Tcp, _) => usize::from(u16::MAX),
            (Transport::Udp, None) => usize::from(MIN_UDP),
            (Transport::Udp, Some(edns)) => {
                usize::from(edns.udp_payload_size.min(self.settings.udp_payload_size).max(MIN_UDP))
            }
        }
    }
}
