//! Answers on their way from other processes to one client: contract points 3 to 7 of `libs/handover`.
//!
//! The octets that come are read in large pieces into a buffer which, up to the end of its last whole message, then is
//! what is written to the client; only the part of a message behind it is copied. Nothing is read while the client has
//! not taken what was read before.

use std::io;
use std::os::unix::net::UnixStream as StdStream;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::UnixStream;

use super::buffer::{Buffer, Pool};
use super::framing::{Behind, run};
use crate::handler::RelayFailure;

/// The answers that one connection waits for. Costs nothing while there are none.
#[derive(Debug, Default)]
pub(super) struct Relays {
    list: Vec<Relay>,
    /// Whose turn it is.
    next: usize,
}

/// What came of looking after the relays.
#[derive(Debug)]
pub(super) enum Progress {
    /// Whole messages with their lengths.
    Messages {
        /// The messages and nothing else.
        octets: Buffer,
        /// How many they are.
        count: usize,
        /// The answer is whole with them.
        ended: bool,
    },
    /// An answer is whole: nothing is missing, or it was to be none at all.
    Ended,
    /// An answer will not become whole. With the reply for the client, unless a part of the answer was passed on.
    Failed(RelayFailure, Option<Box<[u8]>>),
}

impl Relays {
    /// Awaits one more answer; `instead` is the reply when nothing comes.
    pub(super) fn open(&mut self, stream: StdStream, instead: &[u8]) -> io::Result<()> {
        let stream = UnixStream::from_std(stream)?;
        let instead = Some(instead.into());
        self.list.push(Relay { stream, input: None, instead, since: Instant::now(), silent: false });
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Since when the one that has been silent for longest is silent.
    pub(super) fn silent_since(&self) -> Option<Instant> {
        self.list.iter().map(|relay| relay.since).min()
    }

    /// From now on they have time again: nothing was read from them meanwhile.
    pub(super) fn renew(&mut self) {
        let now = Instant::now();
        for relay in &mut self.list {
            relay.since = now;
        }
    }

    /// Gives those up that have been silent for so long.
    pub(super) fn expire(&mut self, allowed: Duration) {
        let now = Instant::now();
        for relay in &mut self.list {
            relay.silent |= now.saturating_duration_since(relay.since) >= allowed;
        }
    }

    /// Takes the next messages of whichever answer goes on, each in its turn. What has ended or failed is gone after
    /// that. Pending when none goes on.
    pub(super) fn poll(&mut self, context: &mut Context<'_>, pool: &Pool) -> Poll<Progress> {
        let count = self.list.len();
        for offset in 0..count {
            let index = (self.next + offset) % count;
            let Some(relay) = self.list.get_mut(index) else { continue };
            let Poll::Ready(progress) = relay.poll(context, pool) else { continue };
            self.next = index + 1;
            if !matches!(progress, Progress::Messages { ended: false, .. }) {
                self.list.swap_remove(index).close(pool);
            }
            return Poll::Ready(progress);
        }
        Poll::Pending
    }

    /// Lets go of all; the other processes see their connections closed.
    pub(super) fn close(&mut self, pool: &Pool) {
        for relay in self.list.drain(..) {
            relay.close(pool);
        }
    }
}

/// One answer on its way.
#[derive(Debug)]
struct Relay {
    stream: UnixStream,
    /// Part of a message.
    input: Option<Buffer>,
    /// The reply when nothing comes; none once something was passed on.
    instead: Option<Box<[u8]>>,
    /// When it last sent a whole message, or when the client was last ready to take one.
    since: Instant,
    /// Its time is up.
    silent: bool,
}

impl Relay {
    fn poll(&mut self, context: &mut Context<'_>, pool: &Pool) -> Poll<Progress> {
        if self.silent {
            return Poll::Ready(Progress::Failed(RelayFailure::Silent, self.instead.take()));
        }
        loop {
            let Ok(1..) = ready!(self.read(context, pool)) else { return Poll::Ready(self.broken()) };
            let Some(buffer) = self.input.take() else { return Poll::Ready(self.broken()) };
            let run = run(buffer.octets());
            match (run.messages, run.behind) {
                (_, Behind::Violation) => {
                    pool.give(buffer);
                    return Poll::Ready(self.broken());
                }
                (0, Behind::End) => {
                    pool.give(buffer);
                    return Poll::Ready(Progress::Ended);
                }
                (0, Behind::More) => self.input = Some(buffer),
                (count, behind) => {
                    let ended = behind == Behind::End;
                    let octets = self.cut(buffer, run.octets, ended, pool);
                    self.instead = None;
                    self.since = Instant::now();
                    return Poll::Ready(Progress::Messages { octets, count, ended });
                }
            }
        }
    }

    /// Reads what there is, as far as there is room.
    fn read(&mut self, context: &mut Context<'_>, pool: &Pool) -> Poll<io::Result<usize>> {
        let mut buffer = self.input.take().unwrap_or_else(|| pool.take());
        let mut space = ReadBuf::new(buffer.space());
        let outcome = Pin::new(&mut self.stream).poll_read(context, &mut space);
        let octets = space.filled().len();
        buffer.grow(octets);
        if buffer.is_empty() {
            pool.give(buffer);
        } else {
            self.input = Some(buffer);
        }
        outcome.map_ok(|()| octets)
    }

    /// Parts whole messages from the piece behind them, which waits in another buffer for its rest.
    fn cut(&mut self, mut buffer: Buffer, whole: usize, ended: bool, pool: &Pool) -> Buffer {
        let piece = buffer.octets().get(whole..).unwrap_or_default();
        if !ended && !piece.is_empty() {
            let mut rest = pool.take();
            rest.append(piece);
            self.input = Some(rest);
        }
        buffer.truncate(whole);
        buffer
    }

    fn broken(&mut self) -> Progress {
        Progress::Failed(RelayFailure::Broken, self.instead.take())
    }

    fn close(self, pool: &Pool) {
        if let Some(buffer) = self.input {
            pool.give(buffer);
        }
    }
}
