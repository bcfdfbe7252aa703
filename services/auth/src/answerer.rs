//! A worker's part of answering: between the network and the answer library, counting on the way.

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arc_swap::ArcSwap;
use tenon_answer::{Outcome, Scratch, Transport, respond};
use tenon_netmgr::{Handle, Handler, Verdict};
use tracing::error;

use crate::messages;
use crate::statistics::WorkerCounters;
use crate::zones::Published;

/// Octets of a query that tripped an error which go into the log.
const LOGGED: usize = 512;

/// Answers the queries of one worker.
pub(crate) struct Answerer {
    publisher: Arc<ArcSwap<Published>>,
    current: Arc<Published>,
    scratch: Scratch,
    counters: Arc<WorkerCounters>,
}

impl Answerer {
    pub(crate) fn new(publisher: Arc<ArcSwap<Published>>, counters: Arc<WorkerCounters>) -> Self {
        let current = publisher.load_full();
        Self { publisher, current, scratch: Scratch::new(), counters }
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
}

impl Handler for Answerer {
    fn batch_begins(&mut self) {
        let latest = self.publisher.load();
        if !Arc::ptr_eq(&latest, &self.current) {
            self.current = Arc::clone(&latest);
        }
    }

    fn answer(&mut self, from: &Handle, message: &[u8], out: &mut [u8]) -> Verdict {
        let transport = match from.transport {
            tenon_netmgr::Transport::Udp => Transport::Udp,
            tenon_netmgr::Transport::Tcp => Transport::Tcp,
        };
        let Published { catalog, answer } = &*self.current;
        let scratch = &mut self.scratch;
        let respond = AssertUnwindSafe(|| respond(catalog, answer, transport, message, out, scratch));
        let Ok(outcome) = catch_unwind(respond) else { return self.failed(from, message) };
        let answered = outcome != Outcome::Silence;
        self.counters.count(transport, self.scratch.facts(), answered);
        match outcome {
            Outcome::Reply(length) => Verdict::Reply(length),
            Outcome::Silence => Verdict::Silence,
        }
    }
}
