//! From a query's octets to a response's: what is refused at once, and the frame around an answer.

use tenon_image::{Catalog, Cause, ZoneImage};
use tenon_wire::message::header::{HEADER, flag};
use tenon_wire::message::{Edns, Header, Opcode, Query, QueryError, Question, Rcode, ResponseWriter};
use tenon_wire::{Class, RrType};

use crate::cookie::Presented;
use crate::extended_error::ExtendedError;
use crate::facts::Facts;
use crate::options::{Options, ZoneOptions};
use crate::search::Search;
use crate::{AnswerSettings, Asker, Outcome, Scratch, Transport, chaos};

/// Responses are padded to a multiple of so many octets (RFC 8467 section 4.1).
const PADDING_BLOCK: usize = 468;

/// Smallest response size that every client takes (RFC 1035 section 4.2.1, RFC 6891 section 6.2.5).
const MIN_UDP: u16 = 512;

/// Answers one query. `response` should hold 65535 octets for a stream and at least the UDP payload size for a datagram.
pub fn respond(
    catalog: &Catalog,
    settings: &AnswerSettings,
    asker: &Asker,
    query: &[u8],
    response: &mut [u8],
    scratch: &mut Scratch,
) -> Outcome {
    scratch.facts = Facts::default();
    let (received, refusal) = match Query::read(query) {
        Ok(Query { header, question, edns }) => {
            (Received { header, question: Some(question), edns }, Rcode::NOERROR)
        }
        Err(QueryError::Ignore) => return Outcome::Silence,
        Err(QueryError::Malformed { header, question, edns }) => {
            (Received { header, question, edns }, Rcode::FORMERR)
        }
        Err(QueryError::Opcode { header, question, edns, whole: true }) if is_known(header.opcode()) => {
            (Received { header, question, edns }, Rcode::NOERROR)
        }
        Err(QueryError::Opcode { header, edns, .. }) => {
            let rcode = if is_known(header.opcode()) { Rcode::FORMERR } else { Rcode::NOTIMP };
            (Received { header, question: None, edns }, rcode)
        }
    };
    let options = Options::asked(settings, asker, received.edns.as_ref());
    let responder = Responder { catalog, settings, asker, options, received, scratch: &mut *scratch };
    match (responder.respond(response, refusal), scratch.facts.hand_over) {
        (None, _) => Outcome::Silence,
        (Some(length), None) => Outcome::Reply(length),
        (Some(length), Some(_)) => Outcome::HandOver(length),
    }
}

/// Opcodes besides QUERY that some service of ours knows.
const fn is_known(opcode: Opcode) -> bool {
    matches!(opcode, Opcode::NOTIFY | Opcode::UPDATE)
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

    /// Nothing but an OPT record: the form in which a cookie can be asked for (RFC 7873 section 5.4).
    fn is_without_question(&self) -> bool {
        self.header.opcode() == Opcode::QUERY && self.header.counts() == [0, 0, 0, 1] && self.edns.is_some()
    }
}

/// One query being answered.
pub(crate) struct Responder<'a, 'm> {
    pub(crate) catalog: &'a Catalog,
    pub(crate) settings: &'a AnswerSettings,
    pub(crate) asker: &'a Asker,
    pub(crate) scratch: &'a mut Scratch,
    options: Options<'a>,
    received: Received<'m>,
}

impl Responder<'_, '_> {
    /// Writes the response; none when the buffer is too small. `refusal` says why the query is not answered, if it is not.
    fn respond(mut self, response: &mut [u8], refusal: Rcode) -> Option<usize> {
        let mut writer = self.begin(response)?;
        let (rcode, error) = match self.at_once(refusal) {
            Some(rcode) => (rcode, None),
            None if self.asker.refused && self.is_plain_query() => {
                (Rcode::REFUSED, Some(ExtendedError::Prohibited))
            }
            None if self.received.header.opcode() == Opcode::NOTIFY => {
                let question = self.received.question;
                (self.notice(question.as_ref(), &mut writer), None)
            }
            None if self.received.header.opcode() == Opcode::UPDATE => {
                let zone = self.received.question;
                self.update(zone.as_ref())
            }
            None => match self.received.question {
                Some(question) => self.answer(&question, &mut writer),
                None => (Rcode::NOERROR, None),
            },
        };
        Some(self.finish(writer, rcode, error))
    }

    /// A query that is no request for a transfer.
    fn is_plain_query(&self) -> bool {
        let is_transfer = |question: Question<'_>| matches!(question.rrtype, RrType::AXFR | RrType::IXFR);
        self.received.header.opcode() == Opcode::QUERY && !self.received.question.is_some_and(is_transfer)
    }

    /// The response code of what is not looked up.
    fn at_once(&mut self, refusal: Rcode) -> Option<Rcode> {
        let about_cookies = self.received.is_without_question() && self.options.presented.is_some();
        let refusal = if about_cookies { Rcode::NOERROR } else { refusal };
        match refusal {
            Rcode::FORMERR => return Some(Rcode::FORMERR),
            _ if self.received.is_bad_version() => return Some(Rcode::BADVERS),
            Rcode::NOERROR => {}
            other => return Some(other),
        }
        if self.options.is_malformed {
            return Some(Rcode::FORMERR);
        }
        let wanted = match self.options.presented {
            None | Some(Presented::Valid) => false,
            Some(Presented::Invalid) if about_cookies => true,
            Some(_) => {
                self.received.header.opcode() == Opcode::QUERY
                    && self.asker.transport == Transport::Udp
                    && self.settings.require_cookies
                    && !about_cookies
            }
        };
        wanted.then_some(Rcode::BADCOOKIE)
    }

    /// Notes what is known of the query, and writes header and question.
    fn begin<'b>(&mut self, response: &'b mut [u8]) -> Option<ResponseWriter<'b>> {
        let Received { header, question, edns } = &self.received;
        let dnssec_ok = edns.is_some_and(|edns| edns.dnssec_ok);
        self.scratch.facts = Facts {
            opcode: header.opcode().0,
            qtype: question.map(|question| question.rrtype),
            edns: edns.is_some(),
            dnssec_ok,
            keepalive: self.options.asks_for_keepalive,
            cookie: self.options.presented,
            ..Facts::default()
        };
        let limit = self.limit(edns.as_ref()).saturating_sub(self.asker.reserved);
        let mut writer = ResponseWriter::new(response, limit, *header, question.as_ref()).ok()?;
        if edns.is_some() {
            writer.reserve_opt(self.settings.udp_payload_size, dnssec_ok, self.options.room()).ok()?;
        }
        Some(writer)
    }

    fn answer(
        &mut self,
        question: &Question<'_>,
        writer: &mut ResponseWriter<'_>,
    ) -> (Rcode, Option<ExtendedError>) {
        match question.class {
            Class::IN => self.internet(question, writer),
            Class::CH => (chaos::respond(self.settings, question, writer), None),
            _ => (Rcode::REFUSED, None),
        }
    }

    fn internet(
        &mut self,
        question: &Question<'_>,
        writer: &mut ResponseWriter<'_>,
    ) -> (Rcode, Option<ExtendedError>) {
        if matches!(question.rrtype, RrType::AXFR | RrType::IXFR) {
            return self.transfer(question, writer);
        }
        self.look_up(question);
        let dnssec = self.received.edns.is_some_and(|edns| edns.dnssec_ok);
        let minimal_any = self.asker.transport == Transport::Udp && self.settings.minimal_any;
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
    fn finish(self, mut writer: ResponseWriter<'_>, rcode: Rcode, error: Option<ExtendedError>) -> usize {
        let zone = match &self.received.question {
            Some(question) if !matches!(rcode, Rcode::FORMERR | Rcode::BADVERS | Rcode::BADCOOKIE) => {
                self.options.of_zone(self.catalog, question, self.scratch)
            }
            _ => ZoneOptions::default(),
        };
        let facts = &mut self.scratch.facts;
        facts.rcode = rcode.0;
        facts.truncated = writer.has_flags(flag::TC);
        facts.authoritative = writer.has_flags(flag::AA);
        if self.options.is_padded {
            writer.pad_to(PADDING_BLOCK);
        }
        writer.finish(rcode, self.options.all(&zone, error))
    }

    fn limit(&self, edns: Option<&Edns<'_>>) -> usize {
        match (self.asker.transport, edns) {
            (Transport::Tcp, _) => usize::from(u16::MAX),
            (Transport::Udp, None) => usize::from(MIN_UDP),
            (Transport::Udp, Some(edns)) => {
                usize::from(edns.udp_payload_size.min(self.settings.udp_payload_size).max(MIN_UDP))
            }
        }
    }
}
