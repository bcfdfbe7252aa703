//! The messages of a full transfer, one after the other, until they make a zone (RFC 5936).
//!
//! Knows no sockets and no store. What a primary can send wrong is an [`AxfrError`]; whatever came is forgotten then.

use tenon_datasrc::bulk::{Collector, RECORD_OVERHEAD, SortedRecords, StoredRecord};
use tenon_wire::message::header::flag;
use tenon_wire::message::{Opcode, Rcode, ReadError, Record, Scratch, Section};
use tenon_wire::rdata::{Soa, canonical_cmp};
use tenon_wire::{Class, Name, RrType};

use crate::primary::{Asked, NoAnswer, rcode};

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

/// Why a transfer is not taken.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AxfrError {
    /// A message that is no answer to what was asked.
    #[error("it sent {0}")]
    NoAnswer(#[from] NoAnswer),
    /// A message that cannot be read.
    #[error("message {message} is malformed: {error}")]
    Malformed {
        /// Which, from 1.
        message: u64,
        /// What is wrong with it.
        error: ReadError,
    },
    /// The primary does not send the zone.
    #[error("it answered {0}{hint}", hint = hint(*.0))]
    Refused(Rcode),
    /// A message that says that it is not whole.
    #[error("message {message} is marked as truncated, which nothing over TCP may be")]
    Truncated {
        /// Which, from 1.
        message: u64,
    },
    /// The first record is no SOA of the zone.
    #[error("the transfer begins with {owner} {rrtype} instead of the zone's SOA record")]
    NoSoaFirst {
        /// Its owner.
        owner: Name,
        /// Its type.
        rrtype: RrType,
    },
    /// An SOA record that is not well-formed.
    #[error("the SOA record is malformed")]
    BadSoa,
    /// The last SOA record is another than the first.
    #[error("the SOA record at the end (serial {last}) is not the one at the start (serial {first})")]
    SoaChanged {
        /// Serial at the start.
        first: u32,
        /// Serial at the end.
        last: u32,
    },
    /// Records behind the last SOA record.
    #[error("records follow the SOA record that ends the transfer")]
    BehindEnd,
    /// A record of another class.
    #[error("{owner} {rrtype} has class {class}, the zone has class IN")]
    Class {
        /// Its owner.
        owner: Name,
        /// Its type.
        rrtype: RrType,
        /// Its class.
        class: Class,
    },
    /// A record of a type that no zone holds.
    #[error("{owner} has a record of type {rrtype}, which no zone holds")]
    MetaType {
        /// Its owner.
        owner: Name,
        /// Its type.
        rrtype: RrType,
    },
    /// Messages without records.
    #[error("{EMPTY_MESSAGES} messages in a row held no record")]
    Empty,
    /// Too many records.
    #[error("more than {limit} records; `xfrin/max_records` allows more")]
    Records {
        /// How many may be.
        limit: u64,
    },
    /// Too many octets.
    #[error("more than {limit} octets; `xfrin/max_octets` allows more")]
    Octets {
        /// How many may be.
        limit: u64,
    },
    /// A thread that sorts died.
    #[error("there is not enough memory to sort the zone")]
    Memory,
}

/// A transfer that is coming in.
pub struct Axfr<'z> {
    asked: Asked<'z>,
    limits: Limits,
    collector: Collector,
    scratch: Scratch,
    soa: Option<Vec<u8>>,
    is_complete: bool,
    empty: u32,
    /// Octets of records in memory.
    held: u64,
    /// What came so far.
    pub received: Received,
}

/// How much came.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Received {
    /// Messages.
    pub messages: u64,
    /// Octets, without the lengths of messages.
    pub octets: u64,
    /// Records, the second SOA record not counted.
    pub records: u64,
    /// Records that were not in the zone and were left out.
    pub ignored: u64,
}

/// A zone that came as a whole.
#[derive(Debug)]
pub struct Transferred {
    /// Its records.
    pub records: SortedRecords,
    /// The numbers of its SOA record.
    pub soa: Soa,
}

impl<'z> Axfr<'z> {
    /// The answer to this question.
    pub fn new(asked: Asked<'z>, limits: Limits) -> Self {
        Self {
            asked,
            limits,
            collector: Collector::new(asked.zone),
            scratch: Scratch::default(),
            soa: None,
            is_complete: false,
            empty: 0,
            held: 0,
            received: Received::default(),
        }
    }

    /// Takes the next message; true when it was the last.
    ///
    /// # Errors
    /// See [`AxfrError`].
    pub fn take(&mut self, message: &[u8]) -> Result<bool, AxfrError> {
        self.received.messages += 1;
        self.received.octets += message.len() as u64;
        if self.received.octets > self.limits.octets {
            return Err(AxfrError::Octets { limit: self.limits.octets });
        }
        let number = self.received.messages;
        let mut reader = self.asked.answer(message, number > 1)?;
        debug_assert_eq!(reader.header.opcode(), Opcode::QUERY, "checked with the head of the answer");
        if rcode(&reader) != Rcode::NOERROR {
            return Err(AxfrError::Refused(rcode(&reader)));
        }
        if reader.header.flags() & flag::TC != 0 {
            return Err(AxfrError::Truncated { message: number });
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
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(error) => return Err(AxfrError::Malformed { message: number, error }),
            }
        }
        self.scratch = scratch;
        self.empty = if any { 0 } else { self.empty + 1 };
        if self.empty >= EMPTY_MESSAGES {
            return Err(AxfrError::Empty);
        }
        Ok(self.is_complete)
    }

    /// The zone, once [`Self::take`] said that it is whole.
    ///
    /// # Errors
    /// [`AxfrError::Memory`]; [`AxfrError::BadSoa`] when it is not whole.
    pub fn finish(self) -> Result<Transferred, AxfrError> {
        let soa = self.soa.as_deref().filter(|_| self.is_complete).and_then(Soa::read);
        let soa = soa.ok_or(AxfrError::BadSoa)?;
        let records = self.collector.finish(Vec::new()).ok_or(AxfrError::Memory)?;
        Ok(Transferred { records, soa })
    }

    fn record(&mut self, record: &Record<'_>) -> Result<(), AxfrError> {
        let Record { owner, rrtype, class, .. } = *record;
        if self.is_complete {
            return Err(AxfrError::BehindEnd);
        }
        if class != Class::IN {
            return Err(AxfrError::Class { owner: owner.to_name(), rrtype, class });
        }
        if rrtype.is_meta() {
            return Err(AxfrError::MetaType { owner: owner.to_name(), rrtype });
        }
        let is_soa = rrtype == RrType::SOA && owner == self.asked.zone;
        match &self.soa {
            None if is_soa => {
                Soa::read(record.rdata).ok_or(AxfrError::BadSoa)?;
                self.soa = Some(record.rdata.to_vec());
            }
            None => return Err(AxfrError::NoSoaFirst { owner: owner.to_name(), rrtype }),
            Some(first) if is_soa => {
                let last = Soa::read(record.rdata).ok_or(AxfrError::BadSoa)?;
                if canonical_cmp(RrType::SOA, first, record.rdata).is_ne() {
                    let first = Soa::read(first).unwrap_or_default().serial;
                    return Err(AxfrError::SoaChanged { first, last: last.serial });
                }
                self.is_complete = true;
                return Ok(());
            }
            Some(_) => {}
        }
        self.collect(record)
    }

    fn collect(&mut self, record: &Record<'_>) -> Result<(), AxfrError> {
        self.received.records += 1;
        if self.received.records > self.limits.records {
            return Err(AxfrError::Records { limit: self.limits.records });
        }
        let stored = StoredRecord {
            owner: record.owner,
            rrtype: record.rrtype,
            // RFC 2181 section 8: one with the highest bit set counts as 0.
            ttl: if record.ttl > MOST_TTL { 0 } else { record.ttl },
            rdata: record.rdata,
            file: 0,
            line: u32::try_from(self.received.records).unwrap_or(u32::MAX),
        };
        if self.collector.add(&stored) {
            self.held += (record.owner.octets().len() + record.rdata.len() + RECORD_OVERHEAD) as u64;
        } else {
            self.received.ignored += 1;
        }
        if self.held > self.limits.octets {
            return Err(AxfrError::Octets { limit: self.limits.octets });
        }
        Ok(())
    }
}

fn hint(rcode: Rcode) -> &'static str {
    match rcode {
        Rcode::REFUSED => "; it must allow transfers to this address",
        Rcode::NOTAUTH => "; it does not serve the zone",
        Rcode::SERVFAIL => "; it cannot serve the zone now, its log says why",
        Rcode::NOTIMP => "; it does not do transfers",
        _ => "",
    }
}

#[cfg(test)]
mod tests;
