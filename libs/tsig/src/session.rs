//! A signed conversation, as the server sees it.

use std::sync::Arc;

use tenon_wire::Name;

use crate::FUDGE;
use crate::error::{ErrorCode, SignError};
use crate::key::Key;
use crate::mac::Code;
use crate::record::{Record, Timers};

/// A request that was signed well; signs the message or the messages of its answer, each with the code of the one before.
#[derive(Clone)]
pub struct Session {
    key: Arc<Key>,
    /// The name of the algorithm as the client gave it.
    algorithm: Name,
    /// Octets of our codes.
    octets: usize,
    /// The code of the message before, the request's at first.
    prior: Code,
    first: bool,
    unsigned_length: usize,
}

impl Session {
    pub(crate) fn new(
        key: Arc<Key>,
        algorithm: Name,
        octets: usize,
        prior: Code,
        unsigned_length: usize,
    ) -> Self {
        Self { key, algorithm, octets, prior, first: true, unsigned_length }
    }

    /// The name of the key, in lower case.
    #[must_use]
    pub fn key(&self) -> &Name {
        self.key.name()
    }

    /// Octets of the request without its TSIG record.
    #[must_use]
    pub const fn unsigned_length(&self) -> usize {
        self.unsigned_length
    }

    /// Octets that signing adds to a message.
    #[must_use]
    pub fn overhead(&self) -> usize {
        Record::length(self.key.name(), &self.algorithm, self.octets)
    }

    /// Signs the next message of the answer.
    ///
    /// # Errors
    /// The message then has no room for the signature: it would be longer than 65,535 octets.
    pub fn sign(&mut self, message: &mut Vec<u8>, now: u64) -> Result<(), SignError> {
        let [a, b, ..] = *message.first_chunk::<2>().ok_or(SignError)?;
        let timers = Timers { time: now, fudge: FUDGE };
        let unsigned = Record {
            owner: self.key.name().clone(),
            algorithm: self.algorithm.clone(),
            timers,
            mac: &[],
            original_id: u16::from_be_bytes([a, b]),
            error: ErrorCode::NONE.0,
            other: &[],
        };
        let code = sign(&self.key, &self.prior, &unsigned, message, self.first).cut(self.octets);
        Record { mac: code.octets(), ..unsigned }.push(message)?;
        self.prior = code;
        self.first = false;
        Ok(())
    }
}

/// The code of a message that answers, or follows, one with the code `prior`.
pub(crate) fn sign(key: &Key, prior: &Code, record: &Record<'_>, message: &[u8], first: bool) -> Code {
    let mut mac = key.begin();
    mac.update_code(prior);
    record.cover_message(&mut mac, message, false);
    if first {
        record.cover_variables(&mut mac);
    } else {
        record.cover_timers(&mut mac);
    }
    mac.finish()
}

impl std::fmt::Debug for Session {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Session({:?})", self.key)
    }
}
