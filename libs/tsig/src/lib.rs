//! TSIG: messages signed with keys that both ends know (RFC 8945).
//!
//! A server has [`examine`] look at a message before it looks itself. What is signed well comes back as a [`Session`]
//! that signs the answers; what is signed badly comes back as a [`Refusal`] that makes the answer. A client has
//! [`sign_request`] sign its request and gets an [`AnswerCheck`] for all messages of the answer.
//!
//! ```
//! use tenon_tsig::{Algorithm, Examined, Key, KeyRing, examine, sign_request};
//!
//! let key = Key::new("transfer.example.".parse().unwrap(), Algorithm::HMAC_SHA256, b"not very secret").unwrap();
//! let mut request = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x06\x00\x01".to_vec();
//! let mut check = sign_request(&mut request, &key, 1_000_000).unwrap();
//!
//! let ring: KeyRing = [key].into_iter().collect();
//! let Examined::Signed(mut session) = examine(&request, &ring, 1_000_001) else { panic!() };
//! let mut answer = b"\x12\x34\x84\x05\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x06\x00\x01".to_vec();
//! session.sign(&mut answer, 1_000_001).unwrap();
//!
//! let checked = check.check(&answer, 1_000_002).unwrap();
//! assert!(checked.signed);
//! assert_eq!(checked.length, 17);
//! check.finish().unwrap();
//! ```
//!
//! Knows neither sockets nor settings nor clocks: the time is seconds since 1970 in UTC, told by whoever asks ([`now`]
//! is at hand). Secrets are wiped when they are dropped, and no `Debug` or `Display` shows them.
//!
//! Absent on purpose: GSS-TSIG and TKEY (RFC 3645, RFC 2930), and the memory of the latest time of each key that RFC 8945
//! section 5.2.3 suggests: it would refuse requests that overtake each other, as those of several senders do.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

mod algorithm;
mod client;
mod error;
mod key;
mod mac;
mod record;
mod ring;
mod server;
mod session;
mod walk;

pub use algorithm::{Algorithm, UnknownAlgorithm};
pub use client::{AnswerCheck, Checked, sign_request};
pub use error::{ErrorCode, SignError, TsigError};
pub use key::{Key, KeyError};
pub use ring::{EntryError, KeyFileError, KeyRing};
pub use server::{Examined, Reason, Refusal, examine};
pub use session::Session;

/// Seconds for which a message that we sign may be on its way, and clocks may differ (RFC 8945 section 10).
pub const FUDGE: u16 = 300;
/// Most messages without a signature between two that are signed (RFC 8945 section 5.3.1).
pub const MAX_UNSIGNED: u32 = 99;

/// Seconds since 1970 in UTC; 0 before that.
#[must_use]
pub fn now() -> u64 {
    use std::time::{SystemTime, UNIX_EPOCH};
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}
