//! One stream of QUIC: a message, and its answer of one message or, for a zone transfer, more (RFC 9250 section 4.2).

use std::cell::Cell;
use std::rc::Rc;

use bytes::Bytes;
use quinn::{ReadError, RecvStream, SendStream, VarInt, WriteError};

use super::{HELD_MAX, PREFIX};
use crate::answering::{Answered, MESSAGE_MAX, MESSAGE_MIN, Next, Relay, answer};
use crate::counters::QuicCounters;
use crate::exchanges::{Outcome, Step};
use crate::handler::{Handle, Handler};
use crate::seat::Phase;
use crate::worker::Worker;

/// The rest of the answer will not come.
const DOQ_INTERNAL_ERROR: VarInt = VarInt::from_u32(1);
/// There is no answer.
const DOQ_UNSPECIFIED_ERROR: VarInt = VarInt::from_u32(5);

/// What an exchange has of its connection.
pub(super) struct Exchange<H> {
    pub(super) worker: Rc<Worker<H>>,
    pub(super) handle: Rc<Handle>,
    /// Octets of messages of this connection that are not whole.
    pub(super) held: Rc<Cell<usize>>,
    pub(super) step: Rc<Step>,
}

/// Why an exchange comes to nothing.
enum Failure {
    /// The client does not want to know any more.
    Cancelled,
    /// What came is not what may come.
    Violation,
    /// More messages than may be are not whole.
    Excess,
    /// The message deserves no answer, or there is none; the stream is told.
    NoAnswer(VarInt),
}

impl From<ReadError> for Failure {
    fn from(_: ReadError) -> Self {
        Self::Cancelled
    }
}

impl From<WriteError> for Failure {
    fn from(_: WriteError) -> Self {
        Self::Cancelled
    }
}

impl<H: Handler> Exchange<H> {
    /// From the first octet to the last.
    pub(super) async fn run(self, mut send: SendStream, receive: RecvStream) -> Outcome {
        match self.exchange(&mut send, receive).await {
            Ok(()) => Outcome::Useful,
            Err(Failure::Cancelled) => {
                self.counters().cancelled.add(1);
                Outcome::Useless
            }
            Err(Failure::NoAnswer(code)) => {
                // Who has gone need not be told.
                let _gone = send.reset(code);
                Outcome::Useless
            }
            Err(Failure::Violation) => Outcome::Violation,
            Err(Failure::Excess) => Outcome::Excess,
        }
    }

    async fn exchange(&self, send: &mut SendStream, receive: RecvStream) -> Result<(), Failure> {
        let framed = self.read(receive).await?;
        let message = message_in(&framed).ok_or(Failure::Violation)?;
        self.counters().received.add(1);
        match answer(&self.worker, &self.handle, message) {
            // How long a connection lasts is told by QUIC; who asks for it in DNS breaks a rule (section 5.5.2).
            Answered::Reply(reply) if reply.keeps_alive => return Err(Failure::Violation),
            Answered::Reply(reply) => self.write(send, reply.octets).await?,
            Answered::Silence => return Err(Failure::NoAnswer(DOQ_UNSPECIFIED_ERROR)),
            Answered::Elsewhere(relay) => self.relay(send, relay).await?,
        }
        // It fails only when the client has taken its question back.
        send.finish().map_err(|_| Failure::Cancelled)
    }

    /// Everything up to the end of the client's side.
    async fn read(&self, mut receive: RecvStream) -> Result<Vec<u8>, Failure> {
        let mut held = Held { all: Rc::clone(&self.held), own: 0 };
        let mut framed = Vec::new();
        while let Some(chunk) = receive.read_chunk(PREFIX + MESSAGE_MAX, true).await? {
            framed.extend_from_slice(&chunk.bytes);
            if framed.len() > PREFIX + MESSAGE_MAX {
                return Err(Failure::Violation);
            }
            if held.take(chunk.bytes.len()) > HELD_MAX {
                return Err(Failure::Excess);
            }
        }
        Ok(framed)
    }

    /// Passes on what another process answers.
    async fn relay(&self, send: &mut SendStream, mut relay: Relay<H>) -> Result<(), Failure> {
        loop {
            self.step.enter(Phase::Relaying);
            match relay.next().await {
                Next::Message(message) => self.write(send, message).await?,
                Next::Failed(Some(instead)) => return self.write(send, instead).await,
                Next::End => return Ok(()),
                Next::Failed(None) => return Err(Failure::NoAnswer(DOQ_INTERNAL_ERROR)),
            }
        }
    }

    /// Waits until the client has room for it.
    async fn write(&self, send: &mut SendStream, message: Bytes) -> Result<(), Failure> {
        self.step.enter(Phase::Writing);
        let length = u16::try_from(message.len()).unwrap_or(u16::MAX).to_be_bytes();
        send.write_all_chunks(&mut [Bytes::copy_from_slice(&length), message]).await?;
        self.counters().sent.add(1);
        Ok(())
    }

    fn counters(&self) -> &QuicCounters {
        self.worker.counters.quic(&self.handle.local)
    }
}

/// Octets of a message that is not whole, among all of the connection.
struct Held {
    all: Rc<Cell<usize>>,
    own: usize,
}

impl Held {
    /// Adds to them; how many they are in all.
    fn take(&mut self, octets: usize) -> usize {
        self.own += octets;
        self.all.set(self.all.get() + octets);
        self.all.get()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.all.set(self.all.get().saturating_sub(self.own));
    }
}

/// The one message that a stream brought, if it did and may: with its length before it, nothing behind it, and the
/// number 0 (RFC 9250 section 4.2.1).
fn message_in(framed: &[u8]) -> Option<&[u8]> {
    let (length, message) = framed.split_first_chunk::<PREFIX>()?;
    let whole = usize::from(u16::from_be_bytes(*length)) == message.len() && message.len() >= MESSAGE_MIN;
    (whole && message.starts_with(&[0, 0])).then_some(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_whole_message_with_the_number_zero() {
        let framed = |length: u8, number: u8, octets: usize| {
            let mut all = vec![0, length, 0, number];
            all.resize(PREFIX + octets, 7);
            all
        };
        assert_eq!(message_in(&framed(12, 0, 12)).unwrap().len(), 12);
        for wrong in [framed(12, 0, 11), framed(12, 0, 13), framed(11, 0, 11), framed(12, 1, 12)] {
            assert!(message_in(&wrong).is_none(), "{wrong:?}");
        }
        assert!(message_in(&[]).is_none() && message_in(&[0]).is_none());
    }
}
