//! Takes requests from tenon-auth and answers them.

mod sending;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tenon_acl::Action;
use tenon_handover::{Kind, Reply, Request, Transport};
use tenon_image::ZoneImage;
use tenon_tsig::{Examined, Refusal, Session, examine};
use tenon_wire::message::Rcode;
use tenon_wire::message::edns::{flags_kept, option};
use tenon_wire::{Name, NameRef};
use tokio::net::{UnixListener, UnixStream};
use tracing::{info, warn};

use crate::lines::Lines;
use crate::messages;
use crate::reply::{Asked, framed, refusal, signed};
use crate::request::{BadRequest, TransferKind, TransferQuery};
use crate::settings::Rules;
use crate::statistics::{Statistics, add};
use crate::stores::Stores;
use crate::stream::{Opening, soa_alone, soa_data};
use crate::transfers::Transfers;
use crate::zones::Zones;

/// Extended errors (RFC 8914 section 5.2).
mod extended {
    pub(super) const NOT_READY: u16 = 14;
    pub(super) const PROHIBITED: u16 = 18;
    pub(super) const NOT_AUTHORITATIVE: u16 = 20;
}

/// Takes requests.
#[derive(Debug)]
pub struct Taker {
    zones: Arc<Zones>,
    stores: Arc<Stores>,
    transfers: Arc<Transfers>,
    rules: Arc<RwLock<Arc<Rules>>>,
    statistics: Arc<Statistics>,
    /// Refusals that may still be logged.
    lines: Lines,
}

/// What is done about a request.
enum Verdict {
    Silence,
    Answer(Vec<u8>),
    Transfer(Transfer),
}

/// A transfer that may begin.
struct Transfer {
    image: ZoneImage,
    zone: Name,
    kind: TransferKind,
    serial: u32,
    /// Records of the whole zone.
    records: u64,
    /// Which store has the zone's differences.
    is_secondary: bool,
    /// Signs the messages, when the request was signed.
    session: Option<Session>,
}

impl Taker {
    /// Takes requests for these zones.
    #[must_use]
    pub fn new(
        zones: Arc<Zones>,
        stores: Arc<Stores>,
        transfers: Arc<Transfers>,
        rules: Arc<RwLock<Arc<Rules>>>,
        statistics: Arc<Statistics>,
    ) -> Self {
        let lines = Lines::new(Arc::clone(&statistics));
        Self { zones, stores, transfers, rules, statistics, lines }
    }

    /// Takes what comes through the door, for ever.
    pub async fn accept(self: Arc<Self>, door: UnixListener) {
        loop {
            match door.accept().await {
                Ok((stream, _)) => drop(tokio::spawn(Arc::clone(&self).take(stream))),
                // Out of descriptors, mostly: those who wait stay in the door.
                Err(error) => {
                    warn!("cannot take a request: {error}; trying again");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    async fn take(self: Arc<Self>, mut stream: UnixStream) {
        let request = match tenon_handover::receive(&mut stream).await {
            Ok(request) if request.kind == Kind::Transfer => request,
            Ok(request) => return self.unreadable(&format!("it is a {:?}, not a transfer", request.kind)),
            Err(error) => return self.unreadable(&error.to_string()),
        };
        add(&self.statistics.requests, 1);
        let rules = Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner));
        let reply = Reply::new(stream);
        // A new manifest is read on a thread that may block.
        let (taker, asked, list) = (Arc::clone(&self), request.clone(), Arc::clone(&rules));
        let considering = tokio::task::spawn_blocking(move || taker.consider(&asked, &list));
        let Ok(verdict) = considering.await else { return };
        // Errors: whoever asked is gone, and nobody is left to be told.
        let _gone = match verdict {
            Verdict::Silence => reply.finish().await,
            Verdict::Answer(message) => send(reply, &message).await,
            Verdict::Transfer(transfer) => self.transfer(reply, request, transfer, &rules).await,
        };
    }

    fn unreadable(&self, reason: &str) {
        add(&self.statistics.requests_unreadable, 1);
        warn!("a request cannot be taken: {reason}");
    }

    /// Looks at the signature before everything else (RFC 8945 section 5.2), and signs what is answered.
    fn consider(&self, request: &Request, rules: &Rules) -> Verdict {
        let mut session = match examine(&request.message, &rules.keys, tenon_tsig::now()) {
            Examined::Unsigned => None,
            Examined::Signed(session) => Some(session),
            Examined::Refused(refusal) => return self.badly_signed(request, &refusal),
        };
        let key = session.as_ref().map(|session| session.key().clone());
        match self.decide(request, rules, key.as_ref()) {
            Verdict::Answer(message) => Verdict::Answer(signed(message, session.as_mut())),
            Verdict::Transfer(transfer) => Verdict::Transfer(Transfer { session, ..transfer }),
            Verdict::Silence => Verdict::Silence,
        }
    }

    fn badly_signed(&self, request: &Request, refusal: &Refusal) -> Verdict {
        add(&self.statistics.requests_bad_key, 1);
        let (peer, reason) = (request.peer, refusal.reason());
        let key = refusal.key().map(ToString::to_string).unwrap_or_default();
        if self.lines.take() {
            info!(
                message_id = messages::NOT_POSSIBLE,
                peer = %peer,
                key = %key,
                reason = %reason,
                "a request of {peer} signed with key {key:?} answered {}: {reason}", refusal.rcode()
            );
        }
        refusal.answer(&request.message).map_or(Verdict::Silence, |answer| Verdict::Answer(framed(&answer)))
    }

    /// Decides, in this order: whether it makes sense, the access list, the zone, the serial.
    fn decide(&self, request: &Request, rules: &Rules, key: Option<&Name>) -> Verdict {
        let query = match TransferQuery::read(&request.message, request.transport) {
            Ok(query) => query,
            Err(bad) => return self.makes_no_sense(request.peer, &bad),
        };
        let name = query.question.name;
        if let Some(verdict) = self.rejected(request, &query, rules, key) {
            return verdict;
        }
        // tenon-auth may serve a newer version already, of which the client knows.
        self.zones.reconcile();
        let catalog = self.zones.catalog();
        let (Some(served), Some(image)) = (catalog.zone(name), catalog.image(name)) else {
            add(&self.statistics.requests_notauth, 1);
            log_impossible(name, request.peer, query.kind, "there is no such zone here");
            let extended = Some(extended::NOT_AUTHORITATIVE);
            return Verdict::Answer(refusal(asked(&query), Rcode::NOTAUTH, extended));
        };
        if !image.is_usable() {
            return self.unavailable(request.peer, &query, &served.reason);
        }
        let current = matches!(query.kind, TransferKind::Ixfr { serial } if !is_newer(served.serial, serial));
        if current || request.transport == Transport::Udp {
            add(&self.statistics.ixfr_current, u64::from(current));
            return match soa_alone(image, opening(&query, || self.expire(image), None)) {
                Ok(message) => Verdict::Answer(message),
                Err(error) => self.unavailable(request.peer, &query, &error.to_string()),
            };
        }
        Verdict::Transfer(Transfer {
            image: image.clone(),
            zone: served.origin.clone(),
            kind: query.kind,
            serial: served.serial,
            records: served.records,
            is_secondary: served.secondary,
            session: None,
        })
    }

    /// For how many seconds a client may answer what it is given (RFC 7314 section 3).
    fn expire(&self, image: &ZoneImage) -> Option<u32> {
        if !image.is_primary() {
            return self.stores.expiries.current().of(image.origin());
        }
        // Who reads the image for the transfer tells of damage.
        let (_, soa) = soa_data(image).ok()?;
        tenon_wire::rdata::Soa::read(&soa).map(|soa| soa.expire)
    }

    fn makes_no_sense(&self, peer: SocketAddr, bad: &BadRequest<'_>) -> Verdict {
        add(&self.statistics.requests_formerr, 1);
        info!(
            message_id = messages::NOT_POSSIBLE,
            peer = %peer,
            reason = bad.reason,
            "transfer for {peer} refused with {}: {}", bad.rcode, bad.reason
        );
        let Some(header) = bad.header else { return Verdict::Silence };
        let asked = Asked { header, question: bad.question, edns: bad.edns };
        Verdict::Answer(refusal(asked, bad.rcode, None))
    }

    /// What the access list has against it.
    fn rejected(
        &self,
        request: &Request,
        query: &TransferQuery<'_>,
        rules: &Rules,
        key: Option<&Name>,
    ) -> Option<Verdict> {
        let (list, option) = rules.transfer_acl(query.question.name);
        let Request { peer, local, transport, .. } = *request;
        let decision = list.decide(&tenon_acl::Request {
            peer,
            local,
            transport,
            key,
            tls_name: request.tls_name.as_deref(),
        });
        if decision.action == Action::Accept {
            return None;
        }
        if self.lines.take() {
            let (rule, kind, zone) = (decision.named(&option), query.kind.as_str(), query.question.name);
            let key = key.map(ToString::to_string).unwrap_or_default();
            let done = if decision.action == Action::Drop { "dropped" } else { "rejected" };
            warn!(
                message_id = messages::REJECTED,
                zone = %zone,
                peer = %peer,
                key = %key,
                acl_rule = %rule,
                "{kind} of {zone} for {peer} {done} by xfrout/{rule}"
            );
        }
        if decision.action == Action::Drop {
            add(&self.statistics.requests_dropped, 1);
            return Some(Verdict::Silence);
        }
        add(&self.statistics.requests_rejected, 1);
        let extended = Some(extended::PROHIBITED);
        Some(Verdict::Answer(refusal(asked(query), Rcode::REFUSED, extended)))
    }

    fn unavailable(&self, peer: SocketAddr, query: &TransferQuery<'_>, reason: &str) -> Verdict {
        add(&self.statistics.requests_unavailable, 1);
        warn!(
            message_id = messages::UNAVAILABLE,
            zone = %query.question.name,
            peer = %peer,
            reason,
            "{} of {} for {peer} answered SERVFAIL: {reason}", query.kind.as_str(), query.question.name
        );
        Verdict::Answer(refusal(asked(query), Rcode::SERVFAIL, Some(extended::NOT_READY)))
    }
}

async fn send(mut reply: Reply, message: &[u8]) -> io::Result<()> {
    reply.send(message).await?;
    reply.finish().await
}

fn log_impossible(zone: NameRef<'_>, peer: SocketAddr, kind: TransferKind, reason: &str) {
    info!(
        message_id = messages::NOT_POSSIBLE,
        zone = %zone,
        peer = %peer,
        reason,
        "{} of {zone} for {peer} answered NOTAUTH: {reason}", kind.as_str()
    );
}

const fn asked<'a>(query: &TransferQuery<'a>) -> Asked<'a> {
    Asked { header: query.header, question: Some(query.question), edns: query.edns }
}

/// `expire` is asked for how long the zone may be answered, if the client wants to know.
fn opening<'a>(
    query: &TransferQuery<'a>,
    expire: impl FnOnce() -> Option<u32>,
    session: Option<&'a Session>,
) -> Opening<'a> {
    let asks = query.edns.is_some_and(|edns| edns.options().any(|(code, _)| code == option::EXPIRE));
    Opening {
        id: query.header.id(),
        flags: flags_kept(query.header.flags()),
        question: query.question.octets,
        edns: query.edns.map(|edns| edns.dnssec_ok),
        expire: if asks { expire() } else { None },
        session,
    }
}

/// Whether serial `a` is newer than `b` (RFC 1982 section 3.2).
const fn is_newer(a: u32, b: u32) -> bool {
    a != b && a.wrapping_sub(b) < 1 << 31
}
