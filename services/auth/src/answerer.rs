//! A worker's part of answering: between the network and the answer library, counting on the way.

use std::fmt::Write as _;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arc_swap::ArcSwap;
use tenon_acl::Action;
use tenon_answer::facts::HandOver;
use tenon_answer::{Asker, Facts, Outcome, Scratch, Transport, freshness, refuse, respond};
use tenon_netmgr::Transport::{Https, Tls};
use tenon_netmgr::{Handle, Handler, RelayFailure, Verdict};
use tenon_tsig::{Examined, Refusal, Session, examine};
use tenon_wire::Name;
use tracing::error;

use crate::doors::{self, Doors};
use crate::messages;
use crate::statistics::WorkerCounters;
use crate::tap::{Event, SharedTap, Tap};
use crate::top_clients::Sampling;
use crate::troubles::{Kind, Reporter, Trouble};
use crate::zones::Published;
use crate::zones::counters::ZoneTable;

/// Octets of a query that tripped an error which go into the log.
const LOGGED: usize = 512;

/// The response code of a refusal (RFC 1035 section 4.1.1).
const REFUSED: u16 = 5;

/// Paths of access lists, as the log names their rules.
const NOTIFY_ACL: &str = "auth/notify_acl";
const QUERY_ACL: &str = "auth/query_acl";

/// Refusals that a worker tells of in a second; the counters have all.
const LINES: u32 = 10;

/// Bits of the third octet of a message: a response, and the opcode.
const QR: u8 = 0x80;
const OPCODE: u8 = 0x78;

/// Answers the queries of one worker.
pub(crate) struct Answerer {
    publisher: Arc<ArcSwap<Published>>,
    current: Arc<Published>,
    scratch: Scratch,
    /// Number of the worker.
    worker: usize,
    counters: Arc<WorkerCounters>,
    doors: Doors,
    troubles: Reporter,
    taps: SharedTap,
    /// Who is shown this batch.
    tap: Option<Arc<Tap>>,
    /// Seconds since 1970 when the batch began, and the same modulo 2^32.
    now: u64,
    seconds: u32,
    allowance: Allowance,
    /// Lines about refusals that may still be told in a second.
    lines: Allowance,
    /// Which messages are counted for who asks most.
    sampling: Sampling,
}

/// The signature of a message.
#[derive(Debug, Default)]
struct Signed {
    /// The key, when there is a good one.
    key: Option<Name>,
    /// Octets that the answer's own signature takes.
    reserved: usize,
}

/// Notices that may still be queued in a second, so that forged ones cannot take the time of queries.
#[derive(Debug, Default)]
struct Allowance {
    second: u32,
    left: u32,
}

impl Allowance {
    fn take(&mut self, second: u32, of_a_second: u32) -> bool {
        if self.second != second {
            *self = Self { second, left: of_a_second };
        }
        let left = self.left.checked_sub(1);
        self.left = left.unwrap_or(0);
        left.is_some()
    }
}

impl Answerer {
    pub(crate) fn new(
        worker: usize,
        publisher: Arc<ArcSwap<Published>>,
        counters: Arc<WorkerCounters>,
        doors: Doors,
        troubles: Reporter,
        taps: SharedTap,
    ) -> Self {
        let current = publisher.load_full();
        Self {
            publisher,
            current,
            scratch: Scratch::new(),
            worker,
            counters,
            doors,
            troubles,
            taps,
            tap: None,
            now: 0,
            seconds: 0,
            allowance: Allowance::default(),
            lines: Allowance::default(),
            sampling: Sampling::default(),
        }
    }

    /// Keeps an error in this program to the query that trips it: otherwise one datagram, sent again and again, could
    /// keep the server from ever running.
    fn failed(&mut self, from: &Handle, message: &[u8]) -> Verdict {
        self.scratch = Scratch::new();
        self.counters.count_failed();
        let mut query = String::new();
        for octet in message.iter().take(LOGGED) {
            // Writing to a string does not fail.
            let _ = write!(query, "{octet:02x}");
        }
        error!(
            message_id = messages::QUERY_FAILED,
            peer = %from.peer,
            query = %query,
            "a query of {} tripped an error in this program and got no answer", from.peer
        );
        Verdict::Silence
    }

    /// Answers a message that is signed well: what the answer is, it is signed.
    fn signed(&mut self, from: &Handle, message: &[u8], out: &mut [u8], mut session: Session) -> Verdict {
        self.counters.tsig.add_one();
        let asked = Signed { key: Some(session.key().clone()), reserved: session.overhead() };
        let now = self.now;
        let verdict = self.respond(from, message, out, &asked);
        let mut sign = |length: usize| {
            let mut reply = out.get(..length)?.to_vec();
            session.sign(&mut reply, now).ok()?;
            out.get_mut(..reply.len())?.copy_from_slice(&reply);
            Some(reply.len())
        };
        match verdict {
            Verdict::Reply(length) => sign(length).map_or(Verdict::Silence, Verdict::Reply),
            Verdict::HandOver(length) => sign(length).map_or(Verdict::Silence, Verdict::HandOver),
            Verdict::Silence => Verdict::Silence,
        }
    }

    /// Answers a message whose signature is not taken, and nothing else of it (RFC 8945 section 5.2).
    fn badly_signed(&mut self, from: &Handle, message: &[u8], out: &mut [u8], refusal: &Refusal) -> Verdict {
        self.counters.badsig.add_one();
        let reply = refusal.answer(message).filter(|reply| reply.len() <= out.len());
        let facts = Facts { rcode: refusal.rcode().0, ..Facts::default() };
        self.counters.count(from.transport, &facts, reply.is_some());
        let Some(reply) = reply else { return Verdict::Silence };
        if self.lines.take(self.seconds, LINES) {
            self.tell(Kind::BadSignature, from, refusal.key(), refusal.reason().to_string());
        }
        out.iter_mut().zip(&reply).for_each(|(place, octet)| *place = *octet);
        Verdict::Reply(reply.len())
    }

    /// What the access list says of a query; accepted without one.
    fn may_ask(&mut self, from: &Handle, message: &[u8], key: Option<&Name>) -> Action {
        let Some(list) = &self.current.access.query_acl else { return Action::Accept };
        if message.get(2).is_none_or(|flags| flags & (QR | OPCODE) != 0) {
            return Action::Accept;
        }
        let decision = list.decide(&doors::access(from, key));
        if decision.action != Action::Accept {
            self.counters.query_refused.add_one();
            if self.lines.take(self.seconds, LINES) {
                self.tell(Kind::QueryRefused, from, key, decision.named(QUERY_ACL).to_string());
            }
        }
        decision.action
    }

    /// Answers a message that is not signed, or well.
    fn respond(&mut self, from: &Handle, message: &[u8], out: &mut [u8], asked: &Signed) -> Verdict {
        let may_ask = self.may_ask(from, message, asked.key.as_ref());
        let asker = Asker {
            transport: transport(from),
            address: from.peer.ip().to_canonical(),
            encrypted: from.transport.is_encrypted(),
            seconds: self.seconds,
            reserved: asked.reserved,
            refused: may_ask != Action::Accept,
        };
        let Published { catalog, answer, .. } = &*self.current;
        let scratch = &mut self.scratch;
        let respond = AssertUnwindSafe(|| respond(catalog, answer, &asker, message, out, scratch));
        let Ok(outcome) = catch_unwind(respond) else { return self.failed(from, message) };
        let verdict = match outcome {
            Outcome::Reply(_) if may_ask == Action::Drop => Verdict::Silence,
            Outcome::Reply(length) => Verdict::Reply(length),
            Outcome::Silence => Verdict::Silence,
            Outcome::HandOver(length) => {
                let reply = out.get_mut(..length).unwrap_or_default();
                return self.elsewhere(from, message, reply, asked.key.as_ref());
            }
        };
        self.counters.count(from.transport, self.scratch.facts(), verdict != Verdict::Silence);
        if let Some(table) = &self.current.counters
            && let Verdict::Reply(length) = verdict
        {
            self.count_for_zone(table, out.get(..length).unwrap_or_default());
        }
        verdict
    }

    #[inline]
    fn count_for_zone(&self, table: &ZoneTable, answer: &[u8]) {
        let facts = self.scratch.facts();
        if let Some(counters) = facts.zone.and_then(|place| table.of(place, self.worker)) {
            counters.count(facts, answer);
        }
    }

    /// What is for another service. `reply` is what the answer library wrote for it.
    fn elsewhere(&mut self, from: &Handle, message: &[u8], reply: &mut [u8], key: Option<&Name>) -> Verdict {
        match self.scratch.facts().hand_over {
            Some(HandOver::Notify) => self.notice(from, message, reply, key),
            // Zones go only where that was agreed on (RFC 9103 section 7.1), and not over HTTPS, for which nobody has
            // said how (RFC 8484 section 4.2.1 knows one message for an answer).
            Some(HandOver::Transfer) if from.transport == Https || from.transport == Tls && !from.alpn => {
                self.refuse(from, reply);
                Verdict::Reply(reply.len())
            }
            // The network asks for the way to the service, when there is room for one more.
            Some(HandOver::Transfer | HandOver::Update) | None => {
                self.counters.count_handed_over(from.transport, self.scratch.facts());
                Verdict::HandOver(reply.len())
            }
        }
    }

    /// A notice of one who may send it is queued, and then the answer says so (RFC 1996 section 3.11).
    fn notice(&mut self, from: &Handle, message: &[u8], reply: &mut [u8], key: Option<&Name>) -> Verdict {
        let decision = self.current.access.notify_acl.decide(&doors::access(from, key));
        let answered = match decision.action {
            Action::Accept => self.queue(from, message),
            Action::Reject | Action::Drop => {
                self.counters.notify_refused.add_one();
                let rule = decision.named(NOTIFY_ACL).to_string();
                self.tell(Kind::NoticeRefused, from, key, rule);
                if decision.action == Action::Reject {
                    self.refuse(from, reply);
                    return Verdict::Reply(reply.len());
                }
                false
            }
        };
        self.counters.count(from.transport, self.scratch.facts(), answered);
        if answered { Verdict::Reply(reply.len()) } else { Verdict::Silence }
    }

    fn refuse(&self, from: &Handle, reply: &mut [u8]) {
        refuse(reply);
        let facts = Facts { rcode: REFUSED, authoritative: false, ..*self.scratch.facts() };
        self.counters.count(from.transport, &facts, true);
    }

    /// Whether the notice was taken.
    fn queue(&mut self, from: &Handle, message: &[u8]) -> bool {
        if !self.allowance.take(self.seconds, self.current.access.notices_per_second) {
            self.counters.notify_limited.add_one();
            let reason = "more came within a second than auth/notices_per_second allows";
            self.tell(Kind::NoticeNotTaken, from, None, reason.to_owned());
            return false;
        }
        match self.doors.hand_over(HandOver::Notify, from, message) {
            Ok(_no_answer_comes) => {
                self.counters.notify_queued.add_one();
                true
            }
            Err(error) => {
                self.counters.notify_lost.add_one();
                self.tell(Kind::NoticeNotTaken, from, None, error.to_string());
                false
            }
        }
    }

    fn tell(&self, kind: Kind, from: &Handle, key: Option<&Name>, reason: String) {
        let key = key.map(ToString::to_string).unwrap_or_default();
        // When many wait to be logged already, this one is counted and no more.
        let _full = self.troubles.try_send(Trouble { kind, peer: from.peer, key, reason });
    }
}

impl Handler for Answerer {
    fn batch_begins(&mut self) {
        // Modulo 2^32, as the times in cookies are; a clock before 1970 is wrong anyhow.
        self.now = tenon_tsig::now();
        self.seconds = self.now as u32;
        let latest = self.publisher.load();
        if !Arc::ptr_eq(&latest, &self.current) {
            self.current = Arc::clone(&latest);
        }
        self.tap = self.taps.load_full();
        self.sampling.batch_begins();
    }

    fn answer(&mut self, from: &Handle, message: &[u8], out: &mut [u8]) -> Verdict {
        if self.current.access.top_clients
            && let Some(messages) = self.sampling.next()
        {
            self.counters.top_clients.count(from.peer.ip(), messages);
        }
        let verdict = match examine(message, &self.current.keys, self.now) {
            Examined::Unsigned => self.respond(from, message, out, &Signed::default()),
            Examined::Signed(session) => self.signed(from, message, out, session),
            Examined::Refused(refusal) => self.badly_signed(from, message, out, &refusal),
        };
        if let Some(tap) = &self.tap {
            let reply = if let Verdict::Reply(length) = verdict { out.get(..length) } else { None };
            tap.offer(Event::new(from, message, reply));
        }
        verdict
    }

    fn trusts_proxy(&self, from: &Handle) -> bool {
        self.current.access.proxy_acl.decide(&doors::access(from, None)).action == Action::Accept
    }

    fn keeps_alive(&self) -> bool {
        self.scratch.facts().keepalive
    }

    fn freshness(&self, reply: &[u8]) -> Option<u32> {
        Some(freshness(reply))
    }

    fn hand_over(&mut self, from: &Handle, message: &[u8]) -> Option<UnixStream> {
        // Those of the message that was just looked at.
        let what = self.scratch.facts().hand_over?;
        match self.doors.hand_over(what, from, message) {
            Ok(stream) => Some(stream),
            Err(error) => {
                self.counters.count_unavailable();
                self.tell(Kind::NotTaken, from, None, error.to_string());
                None
            }
        }
    }

    fn relay_failed(&mut self, from: &Handle, failure: RelayFailure, begun: bool) {
        let reason = match (failure, from.transport) {
            (RelayFailure::Full, tenon_netmgr::Transport::Udp) => {
                "as many updates are under way as auth/hand_overs_of_datagrams allows"
            }
            (RelayFailure::Full, _) => {
                "as many transfers and updates are under way as auth/hand_overs_per_worker allows"
            }
            (RelayFailure::Broken, _) => "tenon-xfrout or tenon-ddns ended before its answer was whole",
            (RelayFailure::Silent, _) => {
                "tenon-xfrout or tenon-ddns sent nothing for as long as auth/hand_over_timeout_ms allows"
            }
        };
        if !begun {
            self.counters.count_unavailable();
        }
        let kind = if begun { Kind::TransferBroken } else { Kind::NotTaken };
        self.tell(kind, from, None, reason.to_owned());
    }
}

/// How the message came, as the answer library distinguishes.
const fn transport(from: &Handle) -> Transport {
    match from.transport {
        tenon_netmgr::Transport::Udp => Transport::Udp,
        _ => Transport::Tcp,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_its_notices() {
        let mut allowance = Allowance::default();
        let taken = |allowance: &mut Allowance, second| (0..5).filter(|_| allowance.take(second, 3)).count();
        assert_eq!([1, 1, 2].map(|second| taken(&mut allowance, second)), [3, 0, 3]);
    }
}
