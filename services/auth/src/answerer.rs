//! A worker's part of answering: between the network and the answer library, counting on the way.

use std::fmt::Write as _;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use tenon_acl::Action;
use tenon_answer::facts::HandOver;
use tenon_answer::{Asker, Facts, Outcome, Scratch, Transport, freshness, refuse, respond};
use tenon_netmgr::Transport::{Https, Tls};
use tenon_netmgr::{Handle, Handler, RelayFailure, Verdict};
use tracing::error;

use crate::doors::{self, Doors};
use crate::messages;
use crate::statistics::WorkerCounters;
use crate::troubles::{Kind, Reporter, Trouble};
use crate::zones::Published;

/// Octets of a query that tripped an error which go into the log.
const LOGGED: usize = 512;

/// The response code of a refusal (RFC 1035 section 4.1.1).
const REFUSED: u16 = 5;

/// Path of the access list of notices, as the log names its rules.
const NOTIFY_ACL: &str = "auth/notify_acl";

/// Answers the queries of one worker.
pub(crate) struct Answerer {
    publisher: Arc<ArcSwap<Published>>,
    current: Arc<Published>,
    scratch: Scratch,
    counters: Arc<WorkerCounters>,
    doors: Doors,
    troubles: Reporter,
    /// Seconds since 1970 when the batch began.
    seconds: u32,
    allowance: Allowance,
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
        publisher: Arc<ArcSwap<Published>>,
        counters: Arc<WorkerCounters>,
        doors: Doors,
        troubles: Reporter,
    ) -> Self {
        let current = publisher.load_full();
        Self {
            publisher,
            current,
            scratch: Scratch::new(),
            counters,
            doors,
            troubles,
            seconds: 0,
            allowance: Allowance::default(),
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

    /// What is for another service. `reply` is what the answer library wrote for it.
    fn elsewhere(&mut self, from: &Handle, message: &[u8], reply: &mut [u8]) -> Verdict {
        match self.scratch.facts().hand_over {
            Some(HandOver::Notify) => self.notice(from, message, reply),
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
    fn notice(&mut self, from: &Handle, message: &[u8], reply: &mut [u8]) -> Verdict {
        let decision = self.current.access.notify_acl.decide(&doors::access(from, None));
        let answered = match decision.action {
            Action::Accept => self.queue(from, message),
            Action::Reject | Action::Drop => {
                self.counters.notify_refused.add_one();
                let rule = decision.named(NOTIFY_ACL).to_string();
                self.tell(Kind::NoticeRefused, from, rule);
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
            self.tell(Kind::NoticeNotTaken, from, reason.to_owned());
            return false;
        }
        match self.doors.hand_over(HandOver::Notify, from, message) {
            Ok(_no_answer_comes) => {
                self.counters.notify_queued.add_one();
                true
            }
            Err(error) => {
                self.counters.notify_lost.add_one();
                self.tell(Kind::NoticeNotTaken, from, error.to_string());
                false
            }
        }
    }

    fn tell(&self, kind: Kind, from: &Handle, reason: String) {
        // When many wait to be logged already, this one is counted and no more.
        let _full = self.troubles.try_send(Trouble { kind, peer: from.peer, reason });
    }
}

impl Handler for Answerer {
    fn batch_begins(&mut self) {
        // Modulo 2^32, as the times in cookies are; a clock before 1970 is wrong anyhow.
        self.seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs() as u32);
        let latest = self.publisher.load();
        if !Arc::ptr_eq(&latest, &self.current) {
            self.current = Arc::clone(&latest);
        }
    }

    fn answer(&mut self, from: &Handle, message: &[u8], out: &mut [u8]) -> Verdict {
        let asker = Asker {
            transport: transport(from),
            address: from.peer.ip().to_canonical(),
            encrypted: from.transport.is_encrypted(),
            seconds: self.seconds,
        };
        let Published { catalog, answer, .. } = &*self.current;
        let scratch = &mut self.scratch;
        let respond = AssertUnwindSafe(|| respond(catalog, answer, &asker, message, out, scratch));
        let Ok(outcome) = catch_unwind(respond) else { return self.failed(from, message) };
        let verdict = match outcome {
            Outcome::Reply(length) => Verdict::Reply(length),
            Outcome::Silence => Verdict::Silence,
            Outcome::HandOver(length) => {
                return self.elsewhere(from, message, out.get_mut(..length).unwrap_or_default());
            }
        };
        self.counters.count(from.transport, self.scratch.facts(), verdict != Verdict::Silence);
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
                self.tell(Kind::NotTaken, from, error.to_string());
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
        self.tell(kind, from, reason.to_owned());
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
