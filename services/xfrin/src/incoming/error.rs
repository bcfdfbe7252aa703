//! What a primary can send wrong.

use tenon_wire::message::{Rcode, ReadError};
use tenon_wire::{Class, Name, RrType};

use super::EMPTY_MESSAGES;
use crate::primary::NoAnswer;

/// Why a transfer is not taken.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum IncomingError {
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
    /// A difference from another version than the one that is stored.
    #[error("the difference begins at serial {found}, {wanted} was asked for")]
    OtherStart {
        /// Theirs.
        found: u32,
        /// Ours.
        wanted: u32,
    },
    /// A difference that does not begin where the one before it ended.
    #[error("a difference begins at serial {found} where the one before it ended at {wanted}")]
    Gap {
        /// Where it begins.
        found: u32,
        /// Where the one before it ended.
        wanted: u32,
    },
    /// A difference that leads back, or past the version that was announced.
    #[error("a difference leads from serial {from} to {to}, which is not on the way to {newest}")]
    Astray {
        /// Where it begins.
        from: u32,
        /// Where it leads.
        to: u32,
        /// The serial that was announced.
        newest: u32,
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

fn hint(rcode: Rcode) -> &'static str {
    match rcode {
        Rcode::REFUSED => "; it must allow transfers to this address",
        Rcode::NOTAUTH => "; it does not serve the zone",
        Rcode::SERVFAIL => "; it cannot serve the zone now, its log says why",
        Rcode::NOTIMP => "; it does not do transfers",
        _ => "",
    }
}
