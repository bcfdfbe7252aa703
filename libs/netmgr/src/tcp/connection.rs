//! One connection: read, answer every whole message with one write, wait.
//!
//! A connection holds a buffer for input only while it has part of a message, and one for output only while the peer
//! has not taken its replies; it reads nothing meanwhile. So it never holds more than two buffers, whatever the peer
//! does.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::buffer::Buffer;
use super::framing::{Frame, MESSAGE_MAX, PREFIX, first};
use super::quota::Permit;
use super::seat::{Phase, Seat};
use crate::handler::{Handle, Handler, Verdict};
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

struct Connection<S, H> {
    worker: Rc<Worker<H>>,
    stream: S,
    handle: Handle,
    number: usize,
    seat: Rc<Seat>,
    /// Octets read and not yet answered.
    input: Option<Buffer>,
    /// Replies not yet written.
    output: Option<Buffer>,
    /// Nothing more is to be read.
    finished: bool,
    _permit: Permit,
}

impl<S, H> Connection<S, H> {
    fn new(worker: Rc<Worker<H>>, stream: S, handle: Handle, permit: Permit) -> Self {
        worker.counters.tcp(&handle.local).active.add(1);
        let (number, seat) = worker.seats.take();
        Self {
            worker,
            stream,
            handle,
            number,
            seat,
            input: None,
            output: None,
            finished: false,
            _permit: permit,
        }
    }

    fn count(&self, end: End) {
        let counters = self.worker.counters.tcp(&self.handle.local);
        match end {
            End::Closed => return,
            End::ReadFailed => &counters.recvfail,
            End::WriteFailed => &counters.sendfail,
            End::Framing => &counters.framing,
            End::TimedOut(Phase::Initial) => &counters.initialtimeout,
            End::TimedOut(Phase::Idle) => &counters.idletimeout,
            End::TimedOut(Phase::Writing) => &counters.writetimeout,
        }
        .add(1);
    }
}

impl<S, H> Drop for Connection<S, H> {
    fn drop(&mut self) {
        for buffer in [self.input.take(), self.output.take()].into_iter().flatten() {
            self.worker.pool.give(buffer);
        }
        self.worker.counters.tcp(&self.handle.local).active.subtract(1);
        self.worker.seats.leave(self.number);
        self.worker.left.notify_one();
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin, H: Handler> Connection<S, H> {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<End> {
        let outcome = self.turn(context);
        if outcome.is_pending() {
            self.seat.park(context.waker());
        }
        outcome
    }

    fn turn(&mut self, context: &mut Context<'_>) -> Poll<End> {
        if let Some(phase) = self.seat.expired() {
            return Poll::Ready(End::TimedOut(phase));
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
            if self.finished {
                return Poll::Ready(End::Closed);
            }
            // A stopping worker takes once more what has arrived and then lets go.
            self.finished = self.worker.stopping.get();
            match self.read(context) {
                Poll::Ready(Ok(0)) => self.finished = true,
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(_)) => return Poll::Ready(End::ReadFailed),
                Poll::Pending if self.finished => return Poll::Ready(End::Closed),
                Poll::Pending => return Poll::Pending,
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
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
                    // The peer has to take the whole block in time: taking an octet now and then does not count.
                    if self.seat.phase() != Phase::Writing {
                        self.seat.enter(Phase::Writing);
                        self.worker.counters.tcp(&self.handle.local).sendwait.add(1);
                    }
                    return Poll::Pending;
                }
            }
        }
        if let Some(output) = self.output.take() {
            self.worker.pool.give(output);
        }
        if self.seat.phase() == Phase::Writing {
            self.seat.enter(Phase::Idle);
        }
        Poll::Ready(Ok(()))
    }

    /// Answers the whole messages that were read, as many as there is room for replies.
    fn answer(&mut self) -> Answered {
        let Some(mut input) = self.input.take() else { return Answered::Nothing };
        let Frame::Message(_) = first(input.octets()) else {
            let violation = first(input.octets()) == Frame::Violation;
            self.input = Some(input);
            return if violation { Answered::Violation } else { Answered::Nothing };
        };
        let mut output = self.worker.pool.take();
        self.answer_into(&mut input, &mut output);
        self.seat.enter(Phase::Idle);
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

    fn answer_into(&self, input: &mut Buffer, output: &mut Buffer) {
        let counters = self.worker.counters.tcp(&self.handle.local);
        let handler = &mut *self.worker.handler.borrow_mut();
        handler.batch_begins();
        while let Frame::Message(message) = first(input.octets()) {
            let Some((prefix, space)) = output.space().split_first_chunk_mut::<PREFIX>() else { return };
            let Some(space) = space.get_mut(..MESSAGE_MAX) else { return };
            counters.received.add(1);
            let taken = PREFIX + message.len();
            if let Verdict::Reply(length) = handler.answer(&self.handle, message, space) {
                let length = u16::try_from(length).unwrap_or(u16::MAX);
                *prefix = length.to_be_bytes();
                output.grow(PREFIX + usize::from(length));
                counters.sent.add(1);
            }
            input.consume(taken);
        }
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
