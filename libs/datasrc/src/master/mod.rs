//! Master files (RFC 1035 section 5): text in, one record after the other out.
//!
//! Reading is streaming, with memory that does not grow with the file: one entry at a time is held. `$ORIGIN`, `$TTL`
//! (RFC 2308), `$INCLUDE` and BIND's `$GENERATE` are known; any type may be written as RFC 3597 says. Class IN only.
//!
//! Bad input is told with file, line, column and reason, and reading goes on behind it, so that a person sees
//! several mistakes at once. Everything that a file could make grow has a bound, see [`Limits`].
//!
//! ```
//! use std::ops::ControlFlow;
//! use tenon_datasrc::master::{Item, Limits, read_text};
//!
//! let origin: tenon_wire::Name = "example.com.".parse()?;
//! let mut count = 0;
//! let summary = read_text(b"www 3600 A 192.0.2.1\n", origin.as_ref(), &Limits::default(), |item| {
//!     if let Item::Record(record) = item {
//!         count += 1;
//!         assert_eq!((record.ttl, record.rdata), (3600, &[192, 0, 2, 1][..]));
//!     }
//!     ControlFlow::Continue(())
//! });
//! assert_eq!((count, summary.errors), (1, 0));
//! # Ok::<(), tenon_wire::NameError>(())
//! ```

mod directive;
mod generate;
mod lexer;
mod limits;
mod problem;
mod reader;
mod record;

pub use limits::Limits;
pub use problem::{Mark, Problem, Reason, Severity};
pub use reader::{read_file, read_open, read_text};
pub use record::{FileNumber, Item, Record, Summary};

#[cfg(test)]
mod tests;
