//! Query in, response out, over zone images.
//!
//! A pure function of a catalog, the settings and the octets of a query: no socket, no bus, no lock, no allocation,
//! no system call, no log. What a worker wants to count it finds in [`Scratch::facts`] afterwards.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

mod chain;
mod chaos;
mod denial;
mod elsewhere;
mod extended_error;
pub mod facts;
mod nsec3;
mod records;
mod response;
pub mod scratch;
mod search;
pub mod settings;

pub use facts::Facts;
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
