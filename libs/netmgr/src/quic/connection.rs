//! One connection over QUIC: agrees on a session, takes streams up, lets their exchanges go on.

use std::cell::Cell;
use std::future::{Future as _, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Instant;

use quinn::{Connecting, ConnectionError, RecvStream, SendStream, VarInt};
use rustls::pki_types::CertificateDer;

use super::endpoint::Unproven;
use super::exchange::Exchange;
use crate::counters::QuicCounters;
use crate::exchanges::{Exchanges, Tally};
use crate::handler::{Handle, Handler};
use crate::place::Place;
use crate::quota::Permit;
use crate::seat::Phase;
use crate::tls::client_name;
use crate::worker::Worker;

/// Nothing is wrong (RFC 9250 section 4.3).
const DOQ_NO_ERROR: VarInt = VarInt::from_u32(0);
/// The peer broke the rules.
const DOQ_PROTOCOL_ERROR: VarInt = VarInt::from_u32(2);
/// The peer asks too much.
const DOQ_EXCESSIVE_LOAD: VarInt = VarInt::from_u32(4);
/// Turns of the worker's loop in which the end of a connection is certainly sent.
const LAST_TURNS: usize = 4;

/// Agrees on a session, in the time that a connection has for its first message, and serves what comes in it.
pub(super) async fn agree<H: Handler + 'static>(
    worker: Rc<Worker<H>>,
    connecting: Connecting,
    mut handle: Handle,
    permit: Permit,
    unproven: Option<Unproven<H>>,
) {
    let open = Open { worker: Rc::clone(&worker), local: handle.local };
    let counters = worker.counters.quic(&handle.local);
    let agreed = tokio::time::timeout(worker.common.limits.initial(), connecting).await;
    drop(unproven);
    let quic = match agreed {
        Ok(Ok(quic)) => quic,
        Ok(Err(_)) => return counters.handshakefail.add(1),
        Err(_) => return counters.handshaketimeout.add(1),
    };
    counters.handshake.add(1);
    let shown = quic.peer_identity().and_then(|shown| shown.downcast::<Vec<CertificateDer<'static>>>().ok());
    handle.tls_name = client_name(shown.as_deref().map(Vec::as_slice));
    let connection = Connection::new(Rc::clone(&worker), quic, handle, permit);
    tokio::task::spawn_local(async move {
        connection.serve().await;
        drop(open);
    });
}

/// Counts a connection as closed when dropped.
struct Open<H> {
    worker: Rc<Worker<H>>,
    local: SocketAddr,
}

impl<H> Drop for Open<H> {
    fn drop(&mut self) {
        self.worker.counters.quic(&self.local).close.add(1);
    }
}

/// Why a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The client has gone, or the worker stops.
    Closed,
    /// The client broke the rules of QUIC, or vanished.
    Lost,
    TimedOut(Phase),
    /// The client broke the rules of DNS over QUIC.
    Violation,
    /// Too much came.
    Excess,
}

/// What is next.
enum Event {
    Stream(SendStream, RecvStream),
    End(End),
}

struct Connection<H> {
    worker: Rc<Worker<H>>,
    quic: quinn::Connection,
    handle: Rc<Handle>,
    place: Place<H>,
    exchanges: Exchanges,
    /// Octets of messages that are not whole.
    held: Rc<Cell<usize>>,
    /// Exchanges that came to nothing since the last that did not.
    useless: usize,
    /// What is waited for when no exchange is under way, and since when.
    rest: (Phase, Instant),
}

impl<H: Handler + 'static> Connection<H> {
    fn new(worker: Rc<Worker<H>>, quic: quinn::Connection, handle: Handle, permit: Permit) -> Self {
        let place = Place::new(&worker, &handle, permit);
        Self {
            worker,
            quic,
            handle: Rc::new(handle),
            place,
            exchanges: Exchanges::default(),
            held: Rc::default(),
            useless: 0,
            rest: (Phase::Initial, Instant::now()),
        }
    }

    async fn serve(mut self) {
        let end = loop {
            match self.next().await {
                Event::Stream(send, receive) => self.begin(send, receive),
                Event::End(end) => break end,
            }
        };
        self.count(end);
        let code = match end {
            End::Closed | End::Lost | End::TimedOut(_) => DOQ_NO_ERROR,
            End::Violation => DOQ_PROTOCOL_ERROR,
            End::Excess => DOQ_EXCESSIVE_LOAD,
        };
        self.quic.close(code, b"");
        for _ in 0..LAST_TURNS {
            tokio::task::yield_now().await;
        }
    }

    /// Lets exchanges go on until there is a stream more, or none is to come.
    async fn next(&mut self) -> Event {
        let quic = self.quic.clone();
        let mut accepting = pin!(quic.accept_bi());
        poll_fn(|context| {
            match self.place.seat.expired() {
                None | Some(Phase::Relaying) => {}
                Some(phase) => return Poll::Ready(Event::End(End::TimedOut(phase))),
            }
            let tally = self.exchanges.poll(context, || false);
            if let Some(end) = self.judge(tally) {
                return Poll::Ready(Event::End(end));
            }
            match accepting.as_mut().poll(context) {
                Poll::Ready(Ok((send, receive))) => return Poll::Ready(Event::Stream(send, receive)),
                Poll::Ready(Err(error)) => return Poll::Ready(Event::End(ended(&error))),
                Poll::Pending => {}
            }
            if self.worker.stopping.get() && self.exchanges.is_empty() {
                return Poll::Ready(Event::End(End::Closed));
            }
            let (phase, since) = self.exchanges.waiting().unwrap_or(self.rest);
            self.place.seat.enter_since(phase, since);
            self.place.seat.park(context.waker());
            Poll::Pending
        })
        .await
    }

    fn begin(&mut self, send: SendStream, receive: RecvStream) {
        let (worker, handle) = (Rc::clone(&self.worker), Rc::clone(&self.handle));
        let held = Rc::clone(&self.held);
        self.exchanges.begin(|step| Exchange { worker, handle, held, step }.run(send, receive));
    }

    /// Whether the connection ends by what came of its exchanges.
    fn judge(&mut self, tally: Tally) -> Option<End> {
        if tally.useful > 0 {
            self.useless = 0;
            self.rest = (Phase::Idle, Instant::now());
        } else {
            self.useless += tally.useless;
        }
        if tally.violation {
            Some(End::Violation)
        } else if tally.excess || self.useless > self.worker.common.limits.useless_requests() {
            Some(End::Excess)
        } else {
            None
        }
    }

    fn count(&self, end: End) {
        let counters = self.counters();
        match end {
            End::Closed | End::TimedOut(Phase::Relaying) => return,
            End::Lost => &counters.lost,
            End::Violation => &counters.protocolerror,
            End::Excess => &counters.flood,
            End::TimedOut(Phase::Initial) => &counters.initialtimeout,
            End::TimedOut(Phase::Idle | Phase::KeptAlive) => &counters.idletimeout,
            End::TimedOut(Phase::Writing) => &counters.writetimeout,
        }
        .add(1);
    }

    fn counters(&self) -> &QuicCounters {
        self.worker.counters.quic(&self.handle.local)
    }
}

const fn ended(error: &ConnectionError) -> End {
    match error {
        ConnectionError::ApplicationClosed(_)
        | ConnectionError::LocallyClosed
        | ConnectionError::ConnectionClosed(_) => End::Closed,
        _ => End::Lost,
    }
}
