//! From a query's octets to a response's: what is refused at once, and the frame around an answer.

use tenon_image::{Catalog, Cause, ZoneImage};
use tenon_wire::message::edns::{OPTION_HEAD, option};
use tenon_wire::message::header::{HEADER, flag};
use tenon_wire::message::{Edns, Header, Opcode, Query, QueryError, Question, Rcode, ResponseWriter};
use tenon_wire::{Class, RrType};

use crate::extended_error::ExtendedError;
use crate::facts::Facts;
use crate::search::Search;
use crate::{AnswerSettings, Outcome, Scratch, Transport, chaos};

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
    let responder = Responder { catalog, settings, transport, scratch: &mut *scratch };
    let length = match Query::read(query) {
        Ok(Query { header, question, edns }) => {
            let received = Received { header, question: Some(question), edns };
            responder.answer(&received, &question, response)
        }
        Err(QueryError::Ignore) => return Outcome::Silence,
        Err(QueryError::Malformed { header, question, edns }) => {
            responder.refuse(&Received { header, question, edns }, response, Rcode::FORMERR)
        }
        Err(QueryError::Opcode { header, question, edns, whole: true })
            if header.opcode() == Opcode::NOTIFY =>
        {
            responder.take_notice(&Received { header, question, edns }, response)
        }
        Err(QueryError::Opcode { header, edns, .. }) => {
            let rcode = if header.opcode() == Opcode::NOTIFY { Rcode::FORMERR } else { Rcode::NOTIMP };
            responder.refuse(&Received { header, question: None, edns }, response, rcode)
        }
    };
    match (length, scratch.facts.hand_over) {
        (None, _) => Outcome::Silence,
        (Some(length), None) => Outcome::Reply(length),
        (Some(length), Some(_)) => Outcome::HandOver(length),
    }
}

/// Makes a refusal of the reply that came with [`Outcome::HandOver`], for one who may not have it.
pub fn refuse(reply: &mut [u8]) {
    if let Some([upper, lower]) = reply.get_mut(2..4).and_then(<[u8]>::first_chunk_mut) {
        *upper &= !((flag::AA >> 8) as u8);
        *lower = *lower & 0xf0 | (Rcode::REFUSED.0 as u8);
    }
}

/// What could be read of a query.
struct Received<'a> {
    header: Header<'a>,
    question: Option<Question<'a>>,
    edns: Option<Edns<'a>>,
}

impl Received<'_> {
    fn is_bad_version(&self) -> bool {
        self.edns.is_some_and(|edns| edns.version > 0)
    }
}

/// One query being answered.
pub(crate) struct Responder<'a> {
    pub(crate) catalog: &'a Catalog,
    pub(crate) settings: &'a AnswerSettings,
    pub(crate) transport: Transport,
    pub(crate) scratch: &'a mut Scratch,
}

impl Responder<'_> {
    fn answer(
        mut self,
        received: &Received<'_>,
        question: &Question<'_>,
        response: &mut [u8],
    ) -> Option<usize> {
        let mut writer = self.begin(received, response)?;
        if received.is_bad_version() {
            return Some(self.finish(received, writer, Rcode::BADVERS, None));
        }
        let (rcode, error) = match question.class {
            Class::IN => self.internet(received, question, &mut writer),
            Class::CH => (chaos::respond(self.settings, question, &mut writer), None),
            _ => (Rcode::REFUSED, None),
        };
        Some(self.finish(received, writer, rcode, error))
    }

    /// A response without records; none when the buffer is too small.
    fn refuse(mut self, received: &Received<'_>, response: &mut [u8], rcode: Rcode) -> Option<usize> {
        let writer = self.begin(received, response)?;
        let bad_version = received.is_bad_version() && rcode == Rcode::NOTIMP;
        Some(self.finish(received, writer, if bad_version { Rcode::BADVERS } else { rcode }, None))
    }

    fn take_notice(mut self, received: &Received<'_>, response: &mut [u8]) -> Option<usize> {
        let mut writer = self.begin(received, response)?;
        let rcode = if received.is_bad_version() {
            Rcode::BADVERS
        } else {
            self.notice(received.question.as_ref(), &mut writer)
        };
        Some(self.finish(received, writer, rcode, None))
    }

    /// Notes what is known of the query, and writes header and question.
    fn begin<'b>(&mut self, received: &Received<'_>, response: &'b mut [u8]) -> Option<ResponseWriter<'b>> {
        let Received { header, question, edns } = received;
        let dnssec_ok = edns.is_some_and(|edns| edns.dnssec_ok);
        self.scratch.facts = Facts {
            opcode: header.opcode().0,
            qtype: question.map(|question| question.rrtype),
            edns: edns.is_some(),
            dnssec_ok,
            keepalive: self.transport == Transport::Tcp
                && edns.is_some_and(|edns| edns.has_option(option::KEEPALIVE)),
            ..Facts::default()
        };
        let limit = self.limit(edns.as_ref());
        let mut writer = ResponseWriter::new(response, limit, *header, question.as_ref()).ok()?;
        if edns.is_some() {
            let nsid = Self::nsid(self.settings, received).map_or(0, |nsid| OPTION_HEAD + nsid.len());
            let keepalive = self.keepalive().map_or(0, |time| OPTION_HEAD + time.len());
            let options = nsid + keepalive;
            writer.reserve_opt(self.settings.udp_payload_size, dnssec_ok, options).ok()?;
        }
        Some(writer)
    }

    fn internet(
        &mut self,
        received: &Received<'_>,
        question: &Question<'_>,
        writer: &mut ResponseWriter<'_>,
    ) -> (Rcode, Option<ExtendedError>) {
        if matches!(question.rrtype, RrType::AXFR | RrType::IXFR) {
            return self.transfer(question, writer);
        }
        self.look_up(question);
        let dnssec = received.edns.is_some_and(|edns| edns.dnssec_ok);
        let minimal_any = self.transport == Transport::Udp && self.settings.minimal_any;
        let rcode = Search::new(
            self.catalog,
            self.settings,
            writer,
            self.scratch,
            question.rrtype,
            dnssec,
            minimal_any,
        )
        .run();
        let error = match rcode {
            Rcode::REFUSED => Some(ExtendedError::NotAuthoritative),
            Rcode::SERVFAIL => Some(self.unavailable(question)),
            _ => None,
        };
        (rcode, error)
    }

    /// What is the matter with the zone in which the search ended.
    pub(crate) fn unavailable(&self, question: &Question<'_>) -> ExtendedError {
        let zone = self.catalog.find(&self.scratch.name, question.rrtype == RrType::DS);
        match zone.filter(|zone| !zone.is_usable()).and_then(ZoneImage::cause) {
            Some(Cause::Expired) => ExtendedError::Expired,
            Some(Cause::Unloaded) => ExtendedError::NotReady,
            None => ExtendedError::InvalidData,
        }
    }

    /// Makes the question's name the one that is looked up.
    pub(crate) fn look_up(&mut self, question: &Question<'_>) {
        self.scratch.name.set(question.name);
        self.scratch.places.set_written(&self.scratch.name, HEADER);
    }

    /// Notes what the response is, and completes it.
    fn finish(
        self,
        received: &Received<'_>,
        writer: ResponseWriter<'_>,
        rcode: Rcode,
        error: Option<ExtendedError>,
    ) -> usize {
        let nsid = Self::nsid(self.settings, received);
        let keepalive = self.keepalive();
        let facts = &mut self.scratch.facts;
        facts.rcode = rcode.0;
        facts.truncated = writer.has_flags(flag::TC);
        facts.authoritative = writer.has_flags(flag::AA);
        let options = [
            nsid.map(|nsid| (option::NSID, nsid)),
            keepalive.as_ref().map(|time| (option::KEEPALIVE, time.as_slice())),
            error.map(ExtendedError::option),
        ];
        writer.finish(rcode, options.into_iter().flatten())
    }

    /// How long the connection may be idle, for a client on TCP that asks (RFC 7828 section 3.3.2).
    fn keepalive(&self) -> Option<[u8; 2]> {
        let told = self.scratch.facts.keepalive && self.settings.tcp_keepalive > 0;
        told.then(|| self.settings.tcp_keepalive.to_be_bytes())
    }

    /// What the client is told of the server's name, if it asks and is to know.
    fn nsid<'s>(settings: &'s AnswerSettings, received: &Received<'_>) -> Option<&'s [u8]> {
        let asked = received.edns.is_some_and(|edns| edns.has_option(option::NSID));
        (asked && !settings.nsid.is_empty()).then_some(settings.nsid.as_bytes())
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
