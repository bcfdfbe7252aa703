//! One connection of HTTP/2: takes requests up, lets their exchanges go on, writes what they gave out.

use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, server};
use http::Request;
use tokio::io::{AsyncRead, AsyncWrite};

use super::exchange::Exchange;
use super::watched::{Stuck, Watched};
use crate::exchanges::Exchanges;
use crate::handler::{Handle, Handler};
use crate::place::Place;
use crate::quota::Permit;
use crate::seat::Phase;
use crate::worker::Worker;

/// Rounds of reading, answering and writing before the worker's other tasks get their turn.
const ROUNDS_A_TURN: usize = 4;
/// Octets of replies after which they are written before more are made.
const UNSENT_MAX: usize = 128 * 1024;

/// Why a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The client has gone, or the worker stops.
    Closed,
    /// The client broke the rules, or the stream broke.
    Failed(Option<Reason>),
    TimedOut(Phase),
    /// Too much came that led to nothing.
    Flood,
}

/// The connection.
pub(super) struct Connection<S, H> {
    worker: Rc<Worker<H>>,
    /// Given back before the client sees the end.
    place: Place<H>,
    h2: server::Connection<Watched<S>, Bytes>,
    stuck: Rc<Stuck>,
    handle: Rc<Handle>,
    exchanges: Exchanges,
    /// Octets given out since all was written.
    unsent: Rc<Cell<usize>>,
    /// Exchanges that came to nothing since the last that did not.
    useless: usize,
    /// What is waited for when no exchange is under way, and since when.
    rest: (Phase, Instant),
}

impl<S: AsyncRead + AsyncWrite + Unpin, H: Handler + 'static> Connection<S, H> {
    pub(super) fn new(
        worker: Rc<Worker<H>>,
        h2: server::Connection<Watched<S>, Bytes>,
        stuck: Rc<Stuck>,
        handle: Handle,
        permit: Permit,
    ) -> Self {
        let place = Place::new(&worker, &handle, permit);
        Self {
            worker,
            h2,
            stuck,
            handle: Rc::new(handle),
            place,
            exchanges: Exchanges::default(),
            unsent: Rc::default(),
            useless: 0,
            rest: (Phase::Initial, Instant::now()),
        }
    }

    pub(super) async fn serve(mut self) {
        let end = poll_fn(|context| self.poll(context)).await;
        self.count(end);
        let reason = match end {
            End::Closed | End::TimedOut(_) => Reason::NO_ERROR,
            End::Flood => Reason::ENHANCE_YOUR_CALM,
            End::Failed(_) => return,
        };
        self.h2.abrupt_shutdown(reason);
        poll_fn(|context| {
            // The end is told if there is room for it; nobody waits.
            let _told = self.h2.poll_closed(context);
            Poll::Ready(())
        })
        .await;
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<End> {
        for _ in 0..ROUNDS_A_TURN {
            match self.place.seat.expired() {
                None | Some(Phase::Relaying) => {}
                Some(phase) => return Poll::Ready(End::TimedOut(phase)),
            }
            if let Some(end) = self.take(context) {
                return Poll::Ready(end);
            }
            let moved = self.go_on(context);
            if self.useless > self.worker.common.limits.useless_requests() {
                return Poll::Ready(End::Flood);
            }
            if !moved {
                if self.worker.stopping.get() && self.exchanges.is_empty() && !self.h2.has_streams() {
                    return Poll::Ready(End::Closed);
                }
                self.settle();
                self.place.seat.park(context.waker());
                return Poll::Pending;
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    /// Takes requests up, as many as there are, and writes what waits.
    fn take(&mut self, context: &mut Context<'_>) -> Option<End> {
        let most = 2 * self.worker.common.limits.https_streams() as usize;
        loop {
            match self.h2.poll_accept(context) {
                Poll::Pending => return None,
                Poll::Ready(None) => return Some(End::Closed),
                Poll::Ready(Some(Err(error))) => return Some(End::Failed(error.reason())),
                // More than may be under way are there only when most were taken back at once.
                Poll::Ready(Some(Ok(_))) if self.exchanges.len() >= most => return Some(End::Flood),
                Poll::Ready(Some(Ok((request, respond)))) => self.begin(request, respond),
            }
        }
    }

    fn begin(&mut self, request: Request<RecvStream>, respond: SendResponse<Bytes>) {
        let (worker, handle) = (Rc::clone(&self.worker), Rc::clone(&self.handle));
        let unsent = Rc::clone(&self.unsent);
        self.exchanges.begin(|step| Exchange { worker, handle, unsent, step }.run(request, respond));
    }

    /// Lets exchanges go on, unless the client has not taken what they gave out before; false when none did.
    fn go_on(&mut self, context: &mut Context<'_>) -> bool {
        if self.stuck.since().is_some() {
            return false;
        }
        self.unsent.set(0);
        let unsent = &self.unsent;
        let tally = self.exchanges.poll(context, || unsent.get() >= UNSENT_MAX);
        if tally.useful > 0 {
            self.useless = 0;
            self.rest = (Phase::Idle, Instant::now());
        } else {
            self.useless += tally.useless;
        }
        // What was given out has to be written, also of those that are not at their end.
        !tally.is_empty() || unsent.get() > 0
    }

    /// Notes what the connection waits for.
    fn settle(&self) {
        let (phase, since) = match self.stuck.since() {
            Some(since) => (Phase::Writing, since),
            None => self.exchanges.waiting().unwrap_or(self.rest),
        };
        self.place.seat.enter_since(phase, since);
    }

    fn count(&self, end: End) {
        let counters = &self.worker.counters;
        let (tcp, https) = (counters.tcp(&self.handle.local), counters.https(&self.handle.local));
        match end {
            End::Closed | End::TimedOut(Phase::Relaying) => return,
            End::Flood | End::Failed(Some(Reason::ENHANCE_YOUR_CALM)) => &https.flood,
            End::Failed(Some(_)) => &https.protocolerror,
            End::Failed(None) => &tcp.recvfail,
            End::TimedOut(Phase::Initial) => &tcp.initialtimeout,
            End::TimedOut(Phase::Idle | Phase::KeptAlive) => &tcp.idletimeout,
            End::TimedOut(Phase::Writing) => &tcp.writetimeout,
        }
        .add(1);
    }
}
