//! What went wrong with requests for other services: told by the workers, logged by the main thread, so that no worker
//! waits for the log and a stranger cannot fill it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use tracing::warn;

use crate::messages;

/// Troubles that wait to be logged; what comes while so many wait is counted by the workers and not logged.
const WAITING: usize = 64;
/// At most one line of each kind in this time.
const PAUSE: Duration = Duration::from_secs(30);

/// Kinds of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A request for a transfer or an update was not handed over, or not answered.
    NotTaken,
    /// A transfer did not become whole.
    TransferBroken,
    /// A notice was not handed over.
    NoticeNotTaken,
    /// A notice came from somebody who may not send any.
    NoticeRefused,
    /// A query came from somebody who may not ask.
    QueryRefused,
    /// A signature was not taken.
    BadSignature,
}

/// One trouble.
#[derive(Debug)]
pub(crate) struct Trouble {
    pub(crate) kind: Kind,
    /// The client.
    pub(crate) peer: SocketAddr,
    /// The key that signed, or is said to have; empty without one.
    pub(crate) key: String,
    /// A sentence about the cause; for [`Kind::NoticeRefused`] and [`Kind::QueryRefused`] the rule that refused.
    pub(crate) reason: String,
}

/// Where workers tell their troubles.
pub(crate) type Reporter = SyncSender<Trouble>;

/// What the main thread knows of troubles.
#[derive(Debug)]
pub(crate) struct Troubles {
    told: Receiver<Trouble>,
    kinds: BTreeMap<Kind, Known>,
}

/// What is known of one kind.
#[derive(Debug)]
struct Known {
    logged: Instant,
    /// Since then, not logged.
    others: u64,
}

impl Troubles {
    pub(crate) fn new() -> (Reporter, Self) {
        let (reporter, told) = sync_channel(WAITING);
        (reporter, Self { told, kinds: BTreeMap::new() })
    }

    /// Logs what was told since the last call, as far as it is time.
    pub(crate) fn log(&mut self) {
        while let Ok(trouble) = self.told.try_recv() {
            if let Some(others) = self.is_due(trouble.kind, Instant::now()) {
                trouble.log(others);
            }
        }
    }

    /// How many like it were passed over before, if one is to be logged now.
    fn is_due(&mut self, kind: Kind, now: Instant) -> Option<u64> {
        match self.kinds.get_mut(&kind) {
            Some(known) if now.saturating_duration_since(known.logged) < PAUSE => {
                known.others += 1;
                None
            }
            Some(known) => {
                known.logged = now;
                Some(std::mem::take(&mut known.others))
            }
            None => {
                self.kinds.insert(kind, Known { logged: now, others: 0 });
                Some(0)
            }
        }
    }
}

impl Trouble {
    fn log(&self, others: u64) {
        let Self { kind, peer, key, reason } = self;
        let (message_id, text) = match kind {
            Kind::NotTaken => (
                messages::REQUEST_NOT_TAKEN,
                format!("a zone transfer to or an update of {peer} was answered SERVFAIL: {reason}"),
            ),
            Kind::TransferBroken => (
                messages::TRANSFER_BROKEN,
                format!("a zone transfer to {peer} did not become whole: {reason}"),
            ),
            Kind::NoticeNotTaken => {
                (messages::NOTICE_NOT_TAKEN, format!("a notice from {peer} got no answer: {reason}"))
            }
            Kind::NoticeRefused => {
                (messages::NOTICE_REFUSED, format!("a notice from {peer} was refused by {reason}"))
            }
            Kind::QueryRefused => {
                (messages::QUERY_REFUSED, format!("a query of {peer} was refused by {reason}"))
            }
            Kind::BadSignature => (
                messages::BAD_SIGNATURE,
                format!("the signature of a message of {peer} with key {key:?} was not taken: {reason}"),
            ),
        };
        let is_rule = matches!(kind, Kind::NoticeRefused | Kind::QueryRefused);
        let names_key = is_rule || *kind == Kind::BadSignature;
        warn!(
            message_id,
            peer = %peer,
            key = names_key.then_some(key.as_str()),
            acl_rule = is_rule.then_some(reason.as_str()),
            reason = (!is_rule).then_some(reason.as_str()),
            others,
            "{text} ({others} like it before, not shown)"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_a_line_now_and_then() {
        let (_reporter, mut troubles) = Troubles::new();
        let now = Instant::now();
        assert_eq!(troubles.is_due(Kind::NoticeRefused, now), Some(0));
        assert_eq!(troubles.is_due(Kind::NoticeRefused, now), None);
        assert_eq!(troubles.is_due(Kind::TransferBroken, now), Some(0));
        assert_eq!(troubles.is_due(Kind::NoticeRefused, now + PAUSE / 2), None);
        assert_eq!(troubles.is_due(Kind::NoticeRefused, now + PAUSE), Some(2));
        assert_eq!(troubles.is_due(Kind::NoticeRefused, now + PAUSE), None);
    }
}
