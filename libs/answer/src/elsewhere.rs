//! Requests that other services answer: zone transfers (RFC 5936, RFC 1995), notices of a new zone version (RFC 1996)
//! and updates (RFC 2136). What needs no other service is decided here, from the catalog.

use tenon_image::ZoneImage;
use tenon_wire::message::header::flag;
use tenon_wire::message::{Question, Rcode, ResponseWriter, Section};
use tenon_wire::{Class, RrType};

use crate::Transport;
use crate::extended_error::ExtendedError;
use crate::facts::HandOver;
use crate::records::{Failure, Owner, Record};
use crate::response::Responder;
use crate::search::Search;

impl Responder<'_, '_> {
    /// AXFR or IXFR. Over a stream the request is handed over when the zone is served; what is written is for the case
    /// that nobody takes it.
    pub(crate) fn transfer(
        &mut self,
        question: &Question<'_>,
        writer: &mut ResponseWriter<'_>,
    ) -> (Rcode, Option<ExtendedError>) {
        if (self.asker.transport, question.rrtype) == (Transport::Udp, RrType::AXFR) {
            // There is no AXFR in datagrams (RFC 5936 section 4.2).
            return (Rcode::NOTIMP, None);
        }
        self.look_up(question);
        let catalog = self.catalog;
        let zone = catalog.find(&self.scratch.name, false);
        let Some(zone) = zone.filter(|zone| zone.labels() == self.scratch.name.labels()) else {
            return (Rcode::NOTAUTH, Some(ExtendedError::NotAuthoritative));
        };
        if !zone.is_usable() {
            return (Rcode::SERVFAIL, Some(self.unavailable(question)));
        }
        if self.asker.transport == Transport::Tcp {
            self.scratch.facts.hand_over = Some(HandOver::Transfer);
            return (Rcode::SERVFAIL, Some(ExtendedError::NoService));
        }
        match self.current_version(zone, writer) {
            Ok(()) => (Rcode::NOERROR, None),
            Err(_) => (Rcode::SERVFAIL, Some(ExtendedError::InvalidData)),
        }
    }

    /// The SOA alone, which tells the client to come over TCP if it has another one (RFC 1995 section 2).
    fn current_version(&mut self, zone: &ZoneImage, writer: &mut ResponseWriter<'_>) -> Result<(), Failure> {
        let soa = zone.apex()?.rrset(RrType::SOA)?.ok_or(Failure::Fault)?;
        let owner = Owner::Suffix(zone.labels());
        let record = Record { owner, rrset: &soa, ttl: soa.ttl, signed: false, section: Section::Answer };
        writer.set_flags(flag::AA);
        Search::new(self.catalog, self.settings, writer, self.scratch, RrType::SOA, false, false)
            .write(&record)
            .map(drop)
    }

    /// NOTIFY. It is handed over when it concerns a zone whose original is elsewhere; what is written is for the case
    /// that it was taken.
    pub(crate) fn notice(
        &mut self,
        question: Option<&Question<'_>>,
        writer: &mut ResponseWriter<'_>,
    ) -> Rcode {
        let Some(question) = question.filter(|question| question.rrtype == RrType::SOA) else {
            return Rcode::FORMERR;
        };
        let is_secondary = |origin| self.catalog.zone(origin).is_some_and(|zone| zone.secondary);
        if question.class != Class::IN || !is_secondary(question.name) {
            return Rcode::NOTAUTH;
        }
        self.scratch.facts.hand_over = Some(HandOver::Notify);
        writer.set_flags(flag::AA);
        Rcode::NOERROR
    }

    /// UPDATE. It is handed over when its zone's original is here; what is written is for the case that nobody takes it.
    /// Updates of secondary zones are not passed on to their primaries (RFC 2136 section 6 leaves that open).
    pub(crate) fn update(&mut self, zone: Option<&Question<'_>>) -> (Rcode, Option<ExtendedError>) {
        let Some(zone) = zone.filter(|zone| zone.rrtype == RrType::SOA) else {
            return (Rcode::FORMERR, None);
        };
        let served = self.catalog.zone(zone.name).filter(|_| zone.class == Class::IN);
        match served.map(|served| served.secondary) {
            None => (Rcode::NOTAUTH, Some(ExtendedError::NotAuthoritative)),
            Some(true) => (Rcode::NOTIMP, None),
            Some(false) => {
                self.scratch.facts.hand_over = Some(HandOver::Update);
                (Rcode::SERVFAIL, Some(ExtendedError::NoService))
            }
        }
    }
}
