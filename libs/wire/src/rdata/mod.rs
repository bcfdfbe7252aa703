//! Record data of every type in use: its octets, its text, the names inside, its canonical order.
//!
//! [`table`](self) describes each type as a list of fields; everything here is derived from that list, so a new type
//! is one line in `table.rs`, and one small file in `fields/` if it brings a new kind of field. Types that are not
//! in the table are opaque octets (RFC 3597).
//!
//! | question | answer |
//! |---|---|
//! | are these octets (names uncompressed) data of that type? | [`validate`] |
//! | where are the names, and may they be compressed? | [`names`] |
//! | which record comes first, which two are the same? | [`canonical_cmp`] |
//! | what do they look like with their names written out? | [`unpack`] |
//! | text to octets | [`parse_text`], [`parse_line`] |
//! | octets to text | [`write_text`], [`display`] |

mod canonical;
mod error;
mod field;
mod fields;
mod generic;
mod names;
mod soa;
mod table;
mod text;
mod token;
mod unpack;

pub use canonical::canonical_cmp;
pub use error::{RdataError, TextError};
pub use fields::mnemonic::parse_rrtype;
pub use fields::number::parse_ttl;
pub use names::{NamePosition, Names, names};
pub use soa::Soa;
pub use text::{display, parse_line, parse_text, write_text};
pub use token::{Token, split_line};
pub use unpack::unpack;

use crate::RrType;

/// Longest record data in octets: the length on the wire has 16 bits.
pub const MAX_RDATA: usize = 65535;

/// Checks that `rdata` is well-formed data of `rrtype`: every field complete and within its bounds, nothing behind the
/// last one, names uncompressed. Types that the table does not know are opaque (RFC 3597) and always well-formed.
///
/// # Errors
/// What is wrong with the first field that is not well-formed; [`RdataError::MetaType`] for types that are never data.
pub fn validate(rrtype: RrType, rdata: &[u8]) -> Result<(), RdataError> {
    if rdata.len() > MAX_RDATA {
        return Err(RdataError::TooLong);
    }
    if rrtype.is_meta() {
        return Err(RdataError::MetaType);
    }
    let Some(layout) = table::layout(rrtype) else { return Ok(()) };
    let mut rest = rdata;
    for field in layout.fields {
        let length = field.measure(rest)?;
        rest = rest.get(length..).ok_or(RdataError::Short)?;
    }
    if !rest.is_empty() {
        return Err(RdataError::Trailing);
    }
    (layout.check)(rdata)
}

#[cfg(test)]
mod tests;
