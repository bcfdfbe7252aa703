//! The messages of a transfer, one after the other, until they make a zone (RFC 5936) or a difference (RFC 1995).
//!
//! Knows no sockets and no store. What a primary can send wrong is an [`IncomingError`]; whatever came is forgotten then.
//!
//! The first record is the SOA of the newest version. Who asked for differences learns from the second one what follows:
//! the SOA that is stored here begins a difference ([`steps`]), anything else the whole zone ([`whole`]).

mod error;
mod steps;
mod whole;

use tenon_datasrc::bulk::Chunk;
use tenon_wire::message::header::flag;
use tenon_wire::message::{Opcode, Rcode, Record, Scratch, Section};
use tenon_wire::rdata::Soa;
use tenon_wire::serial::is_newer;
use tenon_wire::{Class, RrType};

pub use self::error::IncomingError;
use self::steps::Steps;
pub use self::steps::{Change, Difference};
pub use self::whole::Transferred;
use self::whole::Whole;
use crate::primary::{Asked, expire_option, rcode};

/// Most messages in a row that hold no record: no honest primary sends any.
const EMPTY_MESSAGES: u32 = 100;
/// Longest time to live (RFC 2181 section 8).
const MOST_TTL: u32 = i32::MAX as u32;

/// What a transfer may make grow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Records.
    pub records: u64,
    /// Octets received, and octets of records in memory.
    pub octets: u64,
}

/// How much came.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Received {
    /// Messages.
    pub messages: u64,
    /// Octets, without the lengths of messages.
    pub octets: u64,
    /// Records, the last SOA record not counted.
    pub records: u64,
    /// Records that were not in the zone and were left out.
    pub ignored: u64,
}

/// What came.
#[derive(Debug)]
pub enum Came {
    /// The zone as a whole.
    Zone(Transferred),
    /// How it differs from what is stored.
    Difference(Difference),
    /// The SOA alone: there is nothing newer.
    Current(Soa),
}

/// A transfer that is coming in.
pub struct Incoming<'z> {
    asked: Asked<'z>,
    /// The serial that is stored, when differences from it were asked for.
    have: Option<u32>,
    form: Form,
    budget: Budget,
    scratch: Scratch,
    empty: u32,
    /// For how many seconds the zone may still be answered, if the primary says so.
    pub expires_in: Option<u32>,
}

/// What is coming.
enum Form {
    /// Nothing came yet.
    Nothing,
    /// The first record came, which may begin any of them.
    First(FirstSoa),
    Whole(Whole),
    Steps(Steps),
}

/// The SOA of the newest version, as sent.
struct FirstSoa {
    rdata: Vec<u8>,
    ttl: u32,
    serial: u32,
}

/// What came so far, and how much may.
struct Budget {
    limits: Limits,
    received: Received,
    /// Octets of records in memory.
    held: u64,
}

impl<'z> Incoming<'z> {
    /// The answer to this question. `have`: the serial that is stored, when it asks for differences.
    pub fn new(asked: Asked<'z>, have: Option<u32>, limits: Limits) -> Self {
        Self {
            asked,
            have,
            form: Form::Nothing,
            budget: Budget { limits, received: Received::default(), held: 0 },
            scratch: Scratch::default(),
            empty: 0,
            expires_in: None,
        }
    }

    /// How much came.
    pub const fn received(&self) -> Received {
        self.budget.received
    }

    /// Takes the next message; true when it was the last.
    ///
    /// # Errors
    /// See [`IncomingError`].
    pub fn take(&mut self, message: &[u8]) -> Result<bool, IncomingError> {
        let number = self.budget.message(message)?;
        let mut reader = self.asked.answer(message, number > 1)?;
        debug_assert_eq!(reader.header.opcode(), Opcode::QUERY, "checked with the head of the answer");
        if rcode(&reader) != Rcode::NOERROR {
            return Err(IncomingError::Refused(rcode(&reader)));
        }
        if reader.header.flags() & flag::TC != 0 {
            return Err(IncomingError::Truncated { message: number });
        }
        let mut scratch = std::mem::take(&mut self.scratch);
        let mut any = false;
        loop {
            match reader.record(&mut scratch) {
                Ok(Some(record)) if record.section == Section::Answer => {
                    any = true;
                    self.record(&record)?;
                }
                // Nothing in the other sections belongs to the zone (RFC 5936 section 2.2.5).
                Ok(Some(record)) => self.expires_in = self.expires_in.or(expire_option(&record)),
                Ok(None) => break,
                Err(error) => return Err(IncomingError::Malformed { message: number, error }),
            }
        }
        self.scratch = scratch;
        self.empty = if any { 0 } else { self.empty + 1 };
        if self.empty >= EMPTY_MESSAGES {
            return Err(IncomingError::Empty);
        }
        Ok(self.is_complete())
    }

    /// Takes out records of a large zone while it comes, with its serial; the others are those of [`Self::finish`].
    pub fn take_chunk(&mut self) -> Option<(u32, Chunk)> {
        let Form::Whole(whole) = &mut self.form else { return None };
        whole.serial().zip(whole.take_chunk())
    }

    /// What came, once [`Self::take`] said that it is all.
    ///
    /// # Errors
    /// [`IncomingError::Memory`]; [`IncomingError::BadSoa`] when it is not all.
    pub fn finish(self) -> Result<Came, IncomingError> {
        if !self.is_complete() {
            return Err(IncomingError::BadSoa);
        }
        match self.form {
            Form::Nothing => Err(IncomingError::BadSoa),
            Form::First(first) => Soa::read(&first.rdata).map(Came::Current).ok_or(IncomingError::BadSoa),
            Form::Whole(whole) => whole.finish().map(Came::Zone),
            Form::Steps(steps) => steps.finish().map(Came::Difference),
        }
    }

    fn is_complete(&self) -> bool {
        match &self.form {
            Form::Nothing => false,
            // A version that is no newer is all there is to say; of a newer one more must follow.
            Form::First(first) => self.have.is_some_and(|have| !is_newer(first.serial, have)),
            Form::Whole(whole) => whole.is_complete(),
            Form::Steps(steps) => steps.is_complete(),
        }
    }

    fn record(&mut self, record: &Record<'_>) -> Result<(), IncomingError> {
        let Record { owner, rrtype, class, .. } = *record;
        if class != Class::IN {
            return Err(IncomingError::Class { owner: owner.to_name(), rrtype, class });
        }
        if rrtype.is_meta() {
            return Err(IncomingError::MetaType { owner: owner.to_name(), rrtype });
        }
        let is_soa = rrtype == RrType::SOA && owner == self.asked.zone;
        match &mut self.form {
            Form::Nothing if !is_soa => Err(IncomingError::NoSoaFirst { owner: owner.to_name(), rrtype }),
            Form::Nothing => {
                let serial = Soa::read(record.rdata).ok_or(IncomingError::BadSoa)?.serial;
                self.form = Form::First(FirstSoa { rdata: record.rdata.to_vec(), ttl: record.ttl, serial });
                Ok(())
            }
            Form::First(_) => self.second(record, is_soa),
            Form::Whole(whole) => whole.record(record, is_soa, &mut self.budget),
            Form::Steps(steps) => steps.record(record, is_soa, &mut self.budget),
        }
    }

    /// The second record tells what it is.
    fn second(&mut self, record: &Record<'_>, is_soa: bool) -> Result<(), IncomingError> {
        let Form::First(first) = std::mem::replace(&mut self.form, Form::Nothing) else { return Ok(()) };
        let serial = if is_soa { Soa::read(record.rdata).map(|soa| soa.serial) } else { None };
        match (self.have, serial) {
            (Some(wanted), Some(found)) if found != first.serial || found == wanted => {
                if found != wanted {
                    return Err(IncomingError::OtherStart { found, wanted });
                }
                if !is_newer(first.serial, wanted) {
                    return Err(IncomingError::BehindEnd);
                }
                let mut steps = Steps::new(self.asked.zone, first.rdata, first.serial, wanted);
                steps.begin(record, &mut self.budget)?;
                self.form = Form::Steps(steps);
            }
            _ => {
                let mut whole = Whole::new(self.asked.zone, &first.rdata, first.ttl, &mut self.budget)?;
                whole.record(record, is_soa, &mut self.budget)?;
                self.form = Form::Whole(whole);
            }
        }
        Ok(())
    }
}

impl Budget {
    /// Counts a message; gives its number, from 1.
    fn message(&mut self, message: &[u8]) -> Result<u64, IncomingError> {
        self.received.messages += 1;
        self.received.octets += message.len() as u64;
        if self.received.octets > self.limits.octets {
            return Err(IncomingError::Octets { limit: self.limits.octets });
        }
        Ok(self.received.messages)
    }

    /// Counts a record.
    fn record(&mut self) -> Result<(), IncomingError> {
        self.received.records += 1;
        if self.received.records > self.limits.records {
            return Err(IncomingError::Records { limit: self.limits.records });
        }
        Ok(())
    }

    /// Counts octets that are kept.
    fn hold(&mut self, octets: usize) -> Result<(), IncomingError> {
        self.held += octets as u64;
        if self.held > self.limits.octets {
            return Err(IncomingError::Octets { limit: self.limits.octets });
        }
        Ok(())
    }
}

/// RFC 2181 section 8: a time to live with the highest bit set counts as 0.
const fn sound_ttl(ttl: u32) -> u32 {
    if ttl > MOST_TTL { 0 } else { ttl }
}

#[cfg(test)]
mod tests;
