//! One message and its answer, on ways where each has an exchange of its own: HTTPS and QUIC.

use std::io;
use std::rc::Rc;
use std::time::Instant;

use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, BufReader};
use tokio::net::UnixStream;

use crate::counters::RelayCounters;
use crate::handler::{Handle, Handler, RelayFailure, Verdict};
use crate::worker::Worker;

/// Longest message.
pub(crate) const MESSAGE_MAX: usize = 65_535;
/// Shortest thing that can be a DNS message: its header.
pub(crate) const MESSAGE_MIN: usize = 12;

/// Octets of another process's answer that are read at a time.
const PIECE: usize = 32 * 1024;

/// What came of a message.
pub(crate) enum Answered<H> {
    /// This is the reply.
    Reply(Reply),
    /// It gets none.
    Silence,
    /// The answer comes from another process.
    Elsewhere(Relay<H>),
}

/// A reply and what the handler says about it.
pub(crate) struct Reply {
    /// The message.
    pub(crate) octets: Bytes,
    /// Seconds for which it may be kept.
    pub(crate) freshness: Option<u32>,
    /// The client asked to keep the connection alive.
    pub(crate) keeps_alive: bool,
}

/// An answer on its way from another process: contract points 3 to 7 of `libs/handover`.
pub(crate) struct Relay<H> {
    worker: Rc<Worker<H>>,
    handle: Handle,
    stream: BufReader<UnixStream>,
    /// The reply when nothing comes; none once something was passed on.
    instead: Option<Bytes>,
}

/// What came next of another process's answer.
pub(crate) enum Next {
    /// One whole message.
    Message(Bytes),
    /// The answer is whole.
    End,
    /// It will not become whole. With the reply for the client, unless a part of the answer was passed on.
    Failed(Option<Bytes>),
}

/// Answers one message.
pub(crate) fn answer<H: Handler>(worker: &Rc<Worker<H>>, handle: &Handle, message: &[u8]) -> Answered<H> {
    let mut room = worker.pool.take();
    let began = Instant::now();
    let handler = &mut *worker.handler.borrow_mut();
    handler.batch_begins();
    let space = room.space().get_mut(..MESSAGE_MAX).unwrap_or_default();
    let verdict = handler.answer(handle, message, space);
    worker.counters.times(handle.transport).note(1, began.elapsed());
    let (Verdict::Reply(length) | Verdict::HandOver(length)) = verdict else {
        worker.pool.give(room);
        return Answered::Silence;
    };
    let octets = Bytes::copy_from_slice(space.get(..length).unwrap_or_default());
    worker.pool.give(room);
    if verdict == Verdict::HandOver(length)
        && let Some(relay) = hand_over(worker, handler, handle, message, &octets)
    {
        return Answered::Elsewhere(relay);
    }
    let freshness = handler.freshness(&octets);
    Answered::Reply(Reply { octets, freshness, keeps_alive: handler.keeps_alive() })
}

/// Has another process answer; none when that cannot be.
fn hand_over<H: Handler>(
    worker: &Rc<Worker<H>>,
    handler: &mut H,
    handle: &Handle,
    message: &[u8],
    instead: &Bytes,
) -> Option<Relay<H>> {
    let counters = worker.counters.relays(handle);
    if worker.relays.get() >= worker.common.limits.relays_per_worker() || worker.stopping.get() {
        counters.full.add(1);
        handler.relay_failed(handle, RelayFailure::Full, false);
        return None;
    }
    let stream = handler.hand_over(handle, message).and_then(|stream| UnixStream::from_std(stream).ok());
    let Some(stream) = stream else {
        counters.nobody.add(1);
        return None;
    };
    worker.relays.set(worker.relays.get() + 1);
    counters.relaying.add(1);
    Some(Relay {
        worker: Rc::clone(worker),
        handle: handle.clone(),
        stream: BufReader::with_capacity(PIECE, stream),
        instead: Some(instead.clone()),
    })
}

impl<H: Handler> Relay<H> {
    /// Waits for what comes next, for as long as another process may be silent.
    pub(crate) async fn next(&mut self) -> Next {
        let allowed = self.worker.common.limits.relay();
        let read = tokio::time::timeout(allowed, read(&mut self.stream)).await;
        match read {
            Ok(Ok(Some(message))) => {
                self.instead = None;
                Next::Message(message)
            }
            Ok(Ok(None)) => {
                self.counters().relayed.add(1);
                Next::End
            }
            Ok(Err(_)) => self.fail(RelayFailure::Broken),
            Err(_) => self.fail(RelayFailure::Silent),
        }
    }

    fn fail(&mut self, failure: RelayFailure) -> Next {
        let instead = self.instead.take();
        let counters = self.counters();
        match failure {
            RelayFailure::Silent => counters.timeout.add(1),
            RelayFailure::Broken | RelayFailure::Full => counters.broken.add(1),
        }
        if instead.is_none() {
            counters.cut.add(1);
        }
        self.worker.handler.borrow_mut().relay_failed(&self.handle, failure, instead.is_none());
        Next::Failed(instead)
    }

    fn counters(&self) -> RelayCounters<'_> {
        self.worker.counters.relays(&self.handle)
    }
}

impl<H> Drop for Relay<H> {
    fn drop(&mut self) {
        self.worker.relays.set(self.worker.relays.get().saturating_sub(1));
        self.worker.counters.relays(&self.handle).relaying.subtract(1);
    }
}

/// The next message; none at the end of the answer.
async fn read(stream: &mut BufReader<UnixStream>) -> io::Result<Option<Bytes>> {
    match usize::from(stream.read_u16().await?) {
        0 => Ok(None),
        1..MESSAGE_MIN => Err(io::ErrorKind::InvalidData.into()),
        length => {
            let mut message = vec![0; length];
            stream.read_exact(&mut message).await?;
            Ok(Some(message.into()))
        }
    }
}
