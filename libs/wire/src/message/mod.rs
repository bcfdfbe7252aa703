//! DNS messages, read in place and written into the caller's octets (RFC 1035 section 4).
//!
//! There is no message object: a query is looked at where it lies, a response is appended to a slice. Nothing here
//! allocates, and nothing a stranger sends makes it panic.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

pub(crate) mod decompress;
pub mod edns;
pub mod header;
pub mod keyed;
pub mod query;
pub mod records;
pub mod suffix_hash;
pub mod writer;

pub use decompress::decompress;
pub use edns::Edns;
pub use header::{Header, Opcode, Rcode};
pub use keyed::KeyedName;
pub use query::{Query, QueryError, Question};
pub use records::{ReadError, Record, ResponseReader, Scratch};
pub use writer::{Full, NamePlaces, ResponseWriter, Section};
