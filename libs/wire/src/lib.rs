//! DNS on the wire: names, headers, questions, record data, canonical order, compression.
//!
//! The ground floor: everything here is a pure function of octets. It reads nothing, owns nothing,
//! knows no sockets, no files and no zones. Whatever comes from outside is parsed into a type that
//! cannot hold an invalid value; failing to parse is an ordinary error, never a panic.

pub mod class;
pub mod message;
pub mod name;
pub mod rdata;
pub mod rrtype;
pub mod serial;

pub use class::Class;
pub use name::{Name, NameError, NameRef, NameRoom};
pub use rrtype::RrType;
