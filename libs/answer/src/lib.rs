//! Query in, response out, over zone images.
//!
//! A pure function of a catalog, the settings, who asks when, and the octets of a query: no socket, no bus, no lock, no allocation,
//! no system call, no log. What a worker wants to count it finds in [`Scratch::facts`] afterwards.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

mod additional;
mod chain;
mod chaos;
pub mod cookie;
mod denial;
mod elsewhere;
pub mod explain;
mod extended_error;
pub mod facts;
mod freshness;
mod nsec3;
mod options;
mod records;
mod response;
pub mod scratch;
mod search;
pub mod settings;

use std::net::IpAddr;

pub use cookie::CookieSecrets;
pub use facts::Facts;
pub use freshness::freshness;
pub use response::{refuse, respond};
pub use scratch::Scratch;
pub use settings::AnswerSettings;

/// How a query came; it bounds the response.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transport {
    /// One datagram each way.
    Udp,
    /// Any stream: up to 65535 octets.
    Tcp,
}

/// Who asks, and when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Asker {
    /// How the query came.
    pub transport: Transport,
    /// Whence; an IPv4 address as such, however the socket shows it.
    pub address: IpAddr,
    /// Nobody can look into the way between.
    pub encrypted: bool,
    /// Seconds since 1970, modulo 2^32: for the times in cookies.
    pub seconds: u32,
    /// Octets to be left of what the client takes: a signature (RFC 8945 section 5.3) comes behind the response.
    pub reserved: usize,
    /// It may not ask: queries are answered REFUSED. Transfers and notices have rules of their own.
    pub refused: bool,
}

/// What is to be done with a query.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Send the first so many octets of the response buffer.
    Reply(usize),
    /// The request is for another service; [`Facts::hand_over`] says which, and what the first so many octets of the
    /// response buffer are good for.
    HandOver(usize),
    /// Send nothing.
    Silence,
}
