//! Takes updates from tenon-auth and answers them.

use std::os::unix::net::UnixStream as StdStream;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustix::net::SocketFlags;
use tenon_acl::Action;
use tenon_handover::{END, Kind, ReceiveError, Request, ShortReply};
use tenon_service::Keys;
use tenon_tsig::{Examined, Session, examine};
use tenon_wire::Name;
use tenon_wire::message::Rcode;
use tokio::io::AsyncReadExt;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::oneshot;
use tracing::{info, warn};

use crate::answer::Answer;
use crate::committer::Committer;
use crate::message::{BadMessage, UpdateMessage};
use crate::messages;
use crate::pace::Pace;
use crate::queue::{Job, Queue};
use crate::reply::{extended, reply};
use crate::serving::Serving;
use crate::settings::Rules;
use crate::statistics::{Statistics, add};
use crate::transaction::{Applied, Outcome, Refusal, RefusalKind, Steps, Transaction};

/// So many are taken before the first of them is looked at.
const MOST_AT_ONCE: usize = 256;

/// What a message came to.
enum Understood {
    /// This answer; empty when there is to be none.
    Answer(Vec<u8>),
    /// Something to be done.
    Transaction(Box<Asked>),
}

/// What a message asks for, and what is needed to answer it.
struct Asked {
    transaction: Transaction,
    rules: Arc<Rules>,
    session: Option<Session>,
    /// The answer when it is done, without signature.
    done: Vec<u8>,
}

/// Takes updates.
#[derive(Debug)]
pub struct Taker {
    queue: Arc<Queue>,
    committer: Arc<Committer>,
    keys: Arc<Keys>,
    rules: Arc<RwLock<Arc<Rules>>>,
    statistics: Arc<Statistics>,
    serving: Arc<Serving>,
    pace: Pace,
}

impl Taker {
    /// Puts updates into this queue.
    #[must_use]
    pub fn new(
        queue: Arc<Queue>,
        committer: Arc<Committer>,
        keys: Arc<Keys>,
        rules: Arc<RwLock<Arc<Rules>>>,
        statistics: Arc<Statistics>,
        serving: Arc<Serving>,
    ) -> Self {
        Self { queue, committer, keys, rules, statistics, serving, pace: Pace::default() }
    }

    /// Takes what comes through the door, for ever. This thread waits for the disk while it commits what came alone.
    pub async fn accept(self: Arc<Self>, door: UnixListener) {
        loop {
            match door.accept().await.and_then(|(stream, _)| stream.into_std()) {
                Ok(first) => {
                    let others = all_behind(&door);
                    let is_alone = others.is_empty();
                    [first].into_iter().chain(others).for_each(|stream| self.take(stream, is_alone));
                }
                // Out of descriptors, mostly: those who wait stay in the door.
                Err(error) => {
                    warn!("cannot take an update: {error}; trying again");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    fn take(self: &Arc<Self>, stream: StdStream, is_alone: bool) {
        let mut frame = Vec::new();
        match tenon_handover::receive_at_once(&stream, &mut frame) {
            Ok(Some(request)) => self.answer(request, stream, is_alone),
            Ok(None) => drop(tokio::spawn(Arc::clone(self).take_later(stream, frame))),
            Err(error) => self.unreadable(&error.to_string()),
        }
    }

    /// Takes a request of which a part is there.
    async fn take_later(self: Arc<Self>, stream: StdStream, frame: Vec<u8>) {
        let received = async {
            let mut stream = UnixStream::from_std(stream)?;
            let request = tenon_handover::receive(&mut frame.chain(&mut stream)).await?;
            Ok::<_, ReceiveError>((request, stream.into_std()?))
        };
        match received.await {
            Ok((request, stream)) => self.answer(request, stream, false),
            Err(error) => self.unreadable(&error.to_string()),
        }
    }

    fn answer(self: &Arc<Self>, request: Request, stream: StdStream, is_alone: bool) {
        if request.kind != Kind::Update {
            return self.unreadable(&format!("it is a {:?}, not an update", request.kind));
        }
        add(&self.statistics.requests, 1);
        let reply = ShortReply::new(stream);
        match self.understand(&request) {
            Understood::Answer(answer) => send(reply, &answer),
            Understood::Transaction(asked) => self.make_for(request, *asked, reply, is_alone),
        }
    }

    fn unreadable(&self, reason: &str) {
        add(&self.statistics.requests_unreadable, 1);
        warn!("an update cannot be taken: {reason}");
    }

    /// What a message asks for, or the answer when that is clear already.
    fn understand(&self, request: &Request) -> Understood {
        match examine(&request.message, &self.keys.ring(), tenon_tsig::now()) {
            Examined::Unsigned => self.read(request, None),
            Examined::Signed(session) => self.read(request, Some(session)),
            Examined::Refused(refusal) => {
                add(&self.statistics.requests_bad_key, 1);
                if let Some(others) = self.pace.due(messages::BADLY_SIGNED) {
                    let (peer, reason) = (request.peer, refusal.reason());
                    info!(
                        message_id = messages::BADLY_SIGNED,
                        peer = %peer,
                        reason = %reason,
                        others,
                        "update by {peer} not signed well: {reason} ({others} like it before, not shown)"
                    );
                }
                Understood::Answer(refusal.answer(&request.message).unwrap_or_default())
            }
        }
    }

    /// The same of one that is signed well, if it is signed.
    fn read(&self, request: &Request, session: Option<Session>) -> Understood {
        let message = match UpdateMessage::read(&request.message) {
            Ok(message) => message,
            Err(bad) => return Understood::Answer(signed(self.makes_no_sense(request, &bad), session)),
        };
        let asked = message.asked;
        let rules = Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner));
        match self.rejected(request, session.as_ref().map(Session::key), &message, &rules) {
            Some(Action::Drop) => return Understood::Answer(Vec::new()),
            Some(_) => {
                let answer = reply(asked, Rcode::REFUSED, Some(extended::PROHIBITED));
                return Understood::Answer(signed(answer, session));
            }
            None => {}
        }
        let done = reply(asked, Rcode::NOERROR, None);
        let UpdateMessage { zone, prerequisites, updates, .. } = message;
        let transaction = Transaction {
            zone,
            prerequisites,
            expected_serial: None,
            steps: Steps::Message(updates),
            is_trial: false,
            wants_differences: false,
        };
        Understood::Transaction(Box::new(Asked { transaction, rules, session, done }))
    }

    /// Has made what a message asks for, and answers it.
    fn make_for(self: &Arc<Self>, request: Request, asked: Asked, reply: ShortReply, is_alone: bool) {
        let Asked { transaction, rules, session, done } = asked;
        let zone = transaction.zone.clone();
        let conclude = move |taker: &Self, outcome: &Outcome| {
            taker.account(&request, &zone.as_ref().to_lowercase().to_string(), outcome);
            signed(outcome.as_ref().map_or_else(|refusal| refused(&request, refusal), |_| done), session)
        };
        let taker = Arc::clone(self);
        if rules.settings.waits_until_served() {
            drop(tokio::spawn(async move {
                let outcome = taker.make(transaction, &rules).await;
                send(reply, &conclude(&taker, &outcome));
            }));
            return;
        }
        let answer = Answer::new(move |outcome| {
            taker.statistics.requests_waiting.fetch_sub(1, Ordering::Relaxed);
            send(reply, &conclude(&taker, &outcome));
        });
        let job = Job { transaction, answer };
        let outcome = if is_alone { self.commit_alone(job, &rules) } else { self.enqueue(job, &rules) };
        if let Err((answer, refusal)) = outcome {
            answer.now(Err(refusal));
        }
    }

    /// Has a transaction committed in this thread, or puts it behind those that wait.
    fn commit_alone(&self, job: Job, rules: &Rules) -> Result<(), (Answer, Refusal)> {
        self.statistics.requests_waiting.fetch_add(1, Ordering::Relaxed);
        self.committer.commit_alone(job).or_else(|job| {
            self.statistics.requests_waiting.fetch_sub(1, Ordering::Relaxed);
            self.enqueue(job, rules)
        })
    }

    /// Has a transaction made and waits until what came of it is on the disk and, where that is wanted, served.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn make(&self, transaction: Transaction, rules: &Rules) -> Outcome {
        let (zone, is_trial) = (transaction.zone.clone(), transaction.is_trial);
        let (sender, receiver) = oneshot::channel();
        let statistics = Arc::clone(&self.statistics);
        let answer = Answer::new(move |outcome| {
            statistics.requests_waiting.fetch_sub(1, Ordering::Relaxed);
            // Who asked may be gone.
            let _gone = sender.send(outcome);
        });
        if let Err((answer, refusal)) = self.enqueue(Job { transaction, answer }, rules) {
            answer.now(Err(refusal));
        }
        // Whether it is on the disk nobody knows: the thread that commits is gone.
        let applied = receiver.await.unwrap_or_else(|_| Err(not_now("tenon-ddns is stopping")))?;
        let is_change = !is_trial && applied.serial != applied.serial_before;
        if is_change && !self.serving.wait(&zone, applied.serial).await {
            add(&self.statistics.answered_unserved, 1);
        }
        Ok(applied)
    }

    /// Puts a transaction into the queue; gives back who waits, and why, when that is full. Counts as waiting in any case,
    /// until the answer is told.
    fn enqueue(&self, job: Job, rules: &Rules) -> Result<(), (Answer, Refusal)> {
        self.statistics.requests_waiting.fetch_add(1, Ordering::Relaxed);
        let Err(job) = self.queue.push(job, rules.settings.waiting as usize) else {
            return Ok(());
        };
        add(&self.statistics.requests_over_quota, 1);
        let reason = "as many changes wait as ddns/waiting allows";
        if let Some(others) = self.pace.due(messages::OVER_QUOTA) {
            warn!(
                message_id = messages::OVER_QUOTA,
                others, "a change was refused: {reason} ({others} like it before, not shown)"
            );
        }
        Err((job.answer, not_now(reason)))
    }

    fn makes_no_sense(&self, request: &Request, bad: &BadMessage<'_>) -> Vec<u8> {
        add(&self.statistics.requests_formerr, 1);
        self.tell_refused(request, "?", bad.rcode, bad.reason);
        bad.asked.map_or(Vec::new(), |asked| reply(asked, bad.rcode, None))
    }

    /// What the access list has against it.
    fn rejected(
        &self,
        request: &Request,
        key: Option<&Name>,
        message: &UpdateMessage<'_>,
        rules: &Rules,
    ) -> Option<Action> {
        let (list, option) = rules.update_acl(message.zone.as_ref());
        let Request { peer, local, transport, .. } = *request;
        let tls_name = request.tls_name.as_deref();
        let decision = list.decide(&tenon_acl::Request { peer, local, transport, key, tls_name });
        let statistics = &self.statistics;
        let (counter, what) = match decision.action {
            Action::Accept => return None,
            Action::Reject => (&statistics.requests_rejected, "rejected"),
            Action::Drop => (&statistics.requests_dropped, "dropped"),
        };
        add(counter, 1);
        if let Some(others) = self.pace.due(messages::REJECTED) {
            warn!(
                message_id = messages::REJECTED,
                zone = %message.zone,
                peer = %peer,
                key = %key.map_or_else(String::new, Name::to_string),
                acl_rule = %decision.named(&option),
                others,
                "update of {} by {peer} {what} by ddns/{} ({others} like it before, not shown)",
                message.zone,
                decision.named(&option)
            );
        }
        Some(decision.action)
    }

    /// Counts and tells what came of an update.
    fn account(&self, request: &Request, zone: &str, outcome: &Outcome) {
        match outcome {
            Ok(applied) if applied.serial == applied.serial_before => {
                add(&self.statistics.updates_unchanged, 1);
            }
            Ok(applied) => {
                add(&self.statistics.updates_done, 1);
                self.add_records(applied);
                if let Some(others) = self.pace.due(messages::UPDATED) {
                    let Applied { serial, added, removed, .. } = applied;
                    info!(
                        message_id = messages::UPDATED,
                        zone,
                        peer = %request.peer,
                        serial,
                        added,
                        removed,
                        others,
                        "zone {zone} updated by {}: serial {serial}, {added} records came, {removed} went \
                         ({others} like it before, not shown)",
                        request.peer
                    );
                }
            }
            Err(refusal) => {
                self.count_refusal(refusal);
                self.tell_refused(request, zone, refusal.rcode, &refusal.reason);
            }
        }
    }

    /// Counts records that came and went.
    pub fn add_records(&self, applied: &Applied) {
        add(&self.statistics.records_added, applied.added);
        add(&self.statistics.records_removed, applied.removed);
    }

    /// Counts what a change was refused for.
    pub fn count_refusal(&self, refusal: &Refusal) {
        let statistics = &self.statistics;
        let counter = match refusal.kind {
            RefusalKind::Malformed => &statistics.requests_formerr,
            RefusalKind::NoZone => &statistics.requests_notauth,
            RefusalKind::Prerequisite => &statistics.prerequisites_failed,
            RefusalKind::Invalid => &statistics.invalid,
            RefusalKind::NotNow => &statistics.not_stored,
        };
        add(counter, 1);
    }

    fn tell_refused(&self, request: &Request, zone: &str, rcode: Rcode, reason: &str) {
        if let Some(others) = self.pace.due(messages::REFUSED) {
            info!(
                message_id = messages::REFUSED,
                zone,
                peer = %request.peer,
                reason,
                others,
                "update of {zone} by {} answered {rcode}: {reason} ({others} like it before, not shown)",
                request.peer
            );
        }
    }
}

/// The extended error that goes with a refusal.
fn told_along(refusal: &Refusal) -> Option<u16> {
    match refusal.kind {
        RefusalKind::NoZone => Some(extended::NOT_AUTHORITATIVE),
        RefusalKind::NotNow => Some(extended::NOT_READY),
        RefusalKind::Malformed | RefusalKind::Prerequisite | RefusalKind::Invalid => None,
    }
}

fn not_now(reason: &str) -> Refusal {
    Refusal::new(RefusalKind::NotNow, Rcode::SERVFAIL, reason)
}

/// The answer to an update that was refused.
fn refused(request: &Request, refusal: &Refusal) -> Vec<u8> {
    // It could be read before.
    UpdateMessage::read(&request.message)
        .map_or_else(|_| Vec::new(), |message| reply(message.asked, refusal.rcode, told_along(refusal)))
}

/// The answer with a signature where the request had one (RFC 3007); none when it has no room for it.
fn signed(mut answer: Vec<u8>, session: Option<Session>) -> Vec<u8> {
    let Some(mut session) = session.filter(|_| !answer.is_empty()) else { return answer };
    // There is room: an answer has no records of its own.
    let is_signed = session.sign(&mut answer, tenon_tsig::now()).is_ok();
    if is_signed { answer } else { Vec::new() }
}

/// An answer and its end, or that there is none.
fn framed(message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(message.len()).unwrap_or(u16::MAX);
    // Answer and end at once: tenon-auth wakes up for each.
    if length == 0 { END.to_vec() } else { [&length.to_be_bytes(), message, &END].concat() }
}

fn send(reply: ShortReply, message: &[u8]) {
    // Errors: whoever asked is gone, and nobody is left to be told.
    let _gone = reply.send(&framed(message));
}

/// Those that wait in a door. What hinders that is met again when the next one is taken.
fn all_behind(door: &UnixListener) -> Vec<StdStream> {
    let next = || rustix::net::accept_with(door, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC).ok();
    std::iter::from_fn(next).take(MOST_AT_ONCE).map(StdStream::from).collect()
}
