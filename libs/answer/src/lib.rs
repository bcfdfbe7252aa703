//! Query in, response out, over zone images.
//!
//! A pure function of a catalog, the settings and the octets of a query: no socket, no bus, no lock, no allocation,
//! no system call, no log. What a worker wants to count it finds in [`Scratch::facts`] afterwards.

pub mod facts;
pub mod scratch;
pub mod settings;

pub use facts::Facts;
pub use scratch::Scratch;
pub use settings::AnswerSettings;
use tenon_image::Catalog;

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
    /// Send nothing.
    Silence,
}

/// Answers one query. `response` should hold 65535 octets for a stream and at least 1232 for a datagram.
pub fn respond(
    _catalog: &Catalog,
    _settings: &AnswerSettings,
    _transport: Transport,
    _query: &[u8],
    _response: &mut [u8],
    scratch: &mut Scratch,
) -> Outcome {
    scratch.facts = Facts::default();
    Outcome::Silence
}
