//! One connection: read, answer every whole message with one write, wait.
//!
//! A connection holds a buffer for input only while it has part of a message, and one for output only while the peer
//! has not taken its replies; it reads nothing meanwhile. So it never holds more than two buffers, whatever the peer
//! does, and one for each answer that comes from another process in the middle of a message.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::buffer::Buffer;
use super::framing::{Frame, MESSAGE_MAX, PREFIX, first};
use super::relay::{Progress, Relays};
use crate::counters::TcpCounters;
use crate::handler::{Handle, Handler, RelayFailure, Transport, Verdict};
use crate::place::Place;
use crate::quota::Permit;
use crate::seat::Phase;
use crate::worker::Worker;

/// Rounds of reading, answering and writing before the worker's other tasks get their turn.
const ROUNDS_A_TURN: usize = 4;

/// Serves one stream until it ends.
pub(super) async fn serve<S, H>(worker: Rc<Worker<H>>, stream: S, handle: Handle, permit: Permit)
where
    S: AsyncRead + AsyncWrite + Unpin,
    H: Handler,
{
    let mut connection = Connection::new(worker, stream, handle, permit);
    let end = poll_fn(|context| connection.poll(context)).await;
    connection.count(end);
    if connection.handle.transport == Transport::Tls && end != End::Cut {
        // The end of what was said is told (RFC 7858 section 3.4), if there is room for it; nobody waits.
        poll_fn(|context| {
            let _told = Pin::new(&mut connection.stream).poll_shutdown(context);
            Poll::Ready(())
        })
        .await;
    }
}

/// Why a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The peer has said all, or the worker stops; everything read was answered.
    Closed,
    ReadFailed,
    WriteFailed,
    Framing,
    TimedOut(Phase),
    /// A part of another process's answer was passed on, and the rest will not come.
    Cut,
}

/// What came of looking at what was read.
enum Answered {
    /// There are replies to write.
    Replies,
    /// No whole message is left.
    Nothing,
    /// The peer does not speak DNS.
    Violation,
}

/// What came of reading from the peer.
enum Received {
    Something,
    /// Nothing now.
    Nothing,
    /// All that is to be read was read before.
    All,
    Failed,
}

/// What came of looking at the answers of other processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relayed {
    /// There may be something to write, or one less to wait for.
    On,
    /// One will never be whole of which the peer has got a part.
    Cut,
}

struct Connection<S, H> {
    worker: Rc<Worker<H>>,
    /// Given back before the peer sees the end.
    place: Place<H>,
    stream: S,
    handle: Handle,
    /// Octets read and not yet answered.
    input: Option<Buffer>,
    /// Replies not yet written.
    output: Option<Buffer>,
    /// Answers that come from other processes.
    relays: Relays,
    /// Nothing more is to be read.
    finished: bool,
    /// The peer asked for it.
    kept_alive: bool,
}

impl<S, H> Connection<S, H> {
    fn new(worker: Rc<Worker<H>>, stream: S, handle: Handle, permit: Permit) -> Self {
        let place = Place::new(&worker, &handle, permit);
        Self {
            worker,
            stream,
            handle,
            place,
            input: None,
            output: None,
            relays: Relays::default(),
            finished: false,
            kept_alive: false,
        }
    }

    /// So many answers of other processes are no longer awaited.
    fn relays_gone(&self, count: usize) {
        self.worker.relays.set(self.worker.relays.get().saturating_sub(count));
        self.counters().relaying.subtract(count);
    }

    /// Whether as many answers of other processes are awaited as may be.
    fn awaits_enough(&self) -> bool {
        !self.relays.is_empty() && self.relays.len() >= self.worker.common.limits.relays_per_connection()
    }

    /// Notes what the connection waits for once everything is written.
    fn wait_for_more(&self) {
        match self.relays.silent_since() {
            Some(since) => self.place.seat.enter_since(Phase::Relaying, since),
            None if self.kept_alive => self.place.seat.enter(Phase::KeptAlive),
            None => self.place.seat.enter(Phase::Idle),
        }
    }

    /// The peer has to take the whole block in time: taking an octet now and then does not count.
    fn wait_for_peer(&self) {
        if self.place.seat.phase() != Phase::Writing {
            self.place.seat.enter(Phase::Writing);
            self.counters().sendwait.add(1);
        }
    }

    fn counters(&self) -> &TcpCounters {
        self.worker.counters.tcp(&self.handle.local)
    }

    fn count(&self, end: End) {
        let counters = self.counters();
        match end {
            // Waiting for another process ends no connection by itself.
            End::Closed | End::TimedOut(Phase::Relaying) => return,
            End::ReadFailed => &counters.recvfail,
            End::WriteFailed => &counters.sendfail,
            End::Framing => &counters.framing,
            End::TimedOut(Phase::Initial) => &counters.initialtimeout,
            End::TimedOut(Phase::Idle | Phase::KeptAlive) => &counters.idletimeout,
            End::TimedOut(Phase::Writing) => &counters.writetimeout,
            End::Cut => &counters.relaycut,
        }
        .add(1);
    }
}

impl<S, H> Drop for Connection<S, H> {
    fn drop(&mut self) {
        for buffer in [self.input.take(), self.output.take()].into_iter().flatten() {
            self.worker.pool.give(buffer);
        }
        self.relays_gone(self.relays.len());
        self.relays.close(&self.worker.pool);
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin, H: Handler> Connection<S, H> {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<End> {
        let outcome = self.turn(context);
        if outcome.is_pending() {
            self.place.seat.park(context.waker());
        }
        outcome
    }

    fn turn(&mut self, context: &mut Context<'_>) -> Poll<End> {
        match self.place.seat.expired() {
            None => {}
            Some(Phase::Relaying) => self.relays.expire(self.worker.common.limits.relay()),
            Some(phase) => return Poll::Ready(End::TimedOut(phase)),
        }
        for _ in 0..ROUNDS_A_TURN {
            if ready!(self.write(context)).is_err() {
                return Poll::Ready(End::WriteFailed);
            }
            match self.answer() {
                Answered::Replies => continue,
                Answered::Nothing => {}
                Answered::Violation => return Poll::Ready(End::Framing),
            }
            let relayed = self.relay(context);
            if relayed == Poll::Ready(Relayed::Cut) {
                return Poll::Ready(End::Cut);
            }
            let received = self.receive(context);
            match (received, relayed.is_ready()) {
                (Received::Failed, _) => return Poll::Ready(End::ReadFailed),
                (Received::Something, _) | (_, true) => {}
                (Received::All, _) if self.relays.is_empty() => return Poll::Ready(End::Closed),
                (Received::All | Received::Nothing, _) => return Poll::Pending,
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    /// Reads from the peer, unless everything was read or so many answers are awaited that nothing more is to be.
    fn receive(&mut self, context: &mut Context<'_>) -> Received {
        if self.finished {
            return Received::All;
        }
        if self.awaits_enough() {
            return Received::Nothing;
        }
        // A stopping worker takes once more what has arrived and then lets go.
        self.finished = self.worker.stopping.get();
        match self.read(context) {
            Poll::Ready(Ok(0)) => {
                self.finished = true;
                Received::All
            }
            Poll::Ready(Ok(_)) => Received::Something,
            Poll::Ready(Err(_)) => Received::Failed,
            Poll::Pending if self.finished => Received::All,
            Poll::Pending => Received::Nothing,
        }
    }

    /// Takes what comes from other processes, to be written next.
    fn relay(&mut self, context: &mut Context<'_>) -> Poll<Relayed> {
        if self.relays.is_empty() {
            return Poll::Pending;
        }
        let progress = ready!(self.relays.poll(context, &self.worker.pool));
        let counters = self.counters();
        let mut relayed = Relayed::On;
        match progress {
            Progress::Messages { octets, count, ended } => {
                counters.sent.add(count);
                counters.relayed.add(usize::from(ended));
                self.relays_gone(usize::from(ended));
                self.output = Some(octets);
            }
            Progress::Ended => {
                counters.relayed.add(1);
                self.relays_gone(1);
            }
            Progress::Failed(failure, instead) => {
                self.relays_gone(1);
                relayed = self.relay_failed(failure, instead.as_deref());
            }
        }
        self.wait_for_more();
        Poll::Ready(relayed)
    }

    /// Gives the peer the reply for that case, or parts with it when it has got a part of the answer.
    fn relay_failed(&mut self, failure: RelayFailure, instead: Option<&[u8]>) -> Relayed {
        let counters = self.counters();
        match failure {
            RelayFailure::Silent => counters.relaytimeout.add(1),
            RelayFailure::Broken | RelayFailure::Full => counters.relaybroken.add(1),
        }
        self.worker.handler.borrow_mut().relay_failed(&self.handle, failure, instead.is_none());
        let Some(instead) = instead else { return Relayed::Cut };
        counters.sent.add(1);
        let mut output = self.worker.pool.take();
        output.append(instead);
        self.output = Some(output);
        Relayed::On
    }

    /// Writes the replies that wait, all of them; pending while the peer does not take them.
    fn write(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(output) = &mut self.output else { return Poll::Ready(Ok(())) };
        while !output.is_empty() {
            match Pin::new(&mut self.stream).poll_write(context, output.octets()) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(written)) => output.consume(written),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    self.wait_for_peer();
                    return Poll::Pending;
                }
            }
        }
        // An encrypted stream may have taken it all and have it still.
        match Pin::new(&mut self.stream).poll_flush(context) {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            Poll::Pending => {
                self.wait_for_peer();
                return Poll::Pending;
            }
        }
        if let Some(output) = self.output.take() {
            self.worker.pool.give(output);
        }
        if self.place.seat.phase() == Phase::Writing {
            self.relays.renew();
            self.wait_for_more();
        }
        Poll::Ready(Ok(()))
    }

    /// Answers the whole messages that were read, as many as there is room for replies.
    fn answer(&mut self) -> Answered {
        if self.awaits_enough() {
            return Answered::Nothing;
        }
        let Some(mut input) = self.input.take() else { return Answered::Nothing };
        let Frame::Message(_) = first(input.octets()) else {
            let violation = first(input.octets()) == Frame::Violation;
            self.input = Some(input);
            return if violation { Answered::Violation } else { Answered::Nothing };
        };
        let mut output = self.worker.pool.take();
        let began = Instant::now();
        let messages = self.answer_into(&mut input, &mut output);
        self.worker.counters.times(self.handle.transport).note(messages, began.elapsed());
        self.wait_for_more();
        input.compact();
        if input.is_empty() {
            self.worker.pool.give(input);
        } else {
            self.input = Some(input);
        }
        // With no reply at all there is nothing to write, and the next round goes on from here.
        self.output = Some(output);
        Answered::Replies
    }

    /// Returns how many messages that were.
    fn answer_into(&mut self, input: &mut Buffer, output: &mut Buffer) -> usize {
        let mut messages = 0;
        let worker = Rc::clone(&self.worker);
        let counters = worker.counters.tcp(&self.handle.local);
        let handler = &mut *worker.handler.borrow_mut();
        handler.batch_begins();
        while let Frame::Message(message) = first(input.octets()) {
            let Some((prefix, space)) = output.space().split_first_chunk_mut::<PREFIX>() else { break };
            let Some(space) = space.get_mut(..MESSAGE_MAX) else { break };
            counters.received.add(1);
            messages += 1;
            let taken = PREFIX + message.len();
            let verdict = handler.answer(&self.handle, message, space);
            self.kept_alive |= handler.keeps_alive();
            if let Verdict::Reply(length) | Verdict::HandOver(length) = verdict {
                let length = u16::try_from(length).unwrap_or(u16::MAX);
                *prefix = length.to_be_bytes();
                let reply = output.space().get(..PREFIX + usize::from(length)).unwrap_or_default();
                let handed_over =
                    matches!(verdict, Verdict::HandOver(_)) && self.hand_over(handler, message, reply);
                if !handed_over {
                    output.grow(PREFIX + usize::from(length));
                    counters.sent.add(1);
                }
            }
            input.consume(taken);
            if self.awaits_enough() {
                counters.relaywait.add(1);
                break;
            }
        }
        messages
    }

    /// Has another process answer; false when that cannot be. `instead` is the reply for that case, with its length.
    fn hand_over(&mut self, handler: &mut H, message: &[u8], instead: &[u8]) -> bool {
        let worker = &self.worker;
        let counters = worker.counters.tcp(&self.handle.local);
        if worker.relays.get() >= worker.common.limits.relays_per_worker() || worker.stopping.get() {
            counters.relayfull.add(1);
            handler.relay_failed(&self.handle, RelayFailure::Full, false);
            return false;
        }
        let stream = handler.hand_over(&self.handle, message);
        if stream.is_none_or(|stream| self.relays.open(stream, instead).is_err()) {
            counters.relaynobody.add(1);
            return false;
        }
        worker.relays.set(worker.relays.get() + 1);
        counters.relaying.add(1);
        true
    }

    /// Reads what there is. The buffer goes back to the pool when nothing came.
    fn read(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut buffer = self.input.take().unwrap_or_else(|| self.worker.pool.take());
        let mut space = ReadBuf::new(buffer.space());
        let outcome = Pin::new(&mut self.stream).poll_read(context, &mut space);
        let octets = space.filled().len();
        buffer.grow(octets);
        if buffer.is_empty() {
            self.worker.pool.give(buffer);
        } else {
            self.input = Some(buffer);
        }
        outcome.map_ok(|()| octets)
    }
}
