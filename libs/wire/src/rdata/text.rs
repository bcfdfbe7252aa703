//! Between text and octets.

use std::fmt;

use super::error::{RdataError, TextError};
use super::fields::loc;
use super::token::{Input, Token, split_line};
use super::{MAX_RDATA, generic, table, validate};
use crate::{NameRef, RrType};

/// Reads the words of one record's data and appends its octets (names uncompressed, case kept) to `out`.
///
/// Any type may be written in the generic form of RFC 3597 section 5; for types with a layout the octets are then
/// checked against it. `origin` completes relative names.
///
/// # Errors
/// What is wrong and with which word; `out` is then as it was.
pub fn parse_text(
    rrtype: RrType,
    tokens: &[Token<'_>],
    origin: Option<NameRef<'_>>,
    out: &mut Vec<u8>,
) -> Result<(), TextError> {
    let start = out.len();
    let mut input = Input::new(tokens, origin);
    fill(rrtype, tokens, &mut input, out).map_err(|reason| {
        out.truncate(start);
        TextError { token: input.blame(reason), reason }
    })
}

fn fill(
    rrtype: RrType,
    tokens: &[Token<'_>],
    input: &mut Input<'_, '_>,
    out: &mut Vec<u8>,
) -> Result<(), RdataError> {
    let start = out.len();
    if rrtype.is_meta() {
        return Err(RdataError::MetaType);
    }
    if generic::is_generic(tokens) {
        generic::parse(input, out)?;
        return validate(rrtype, &out[start..]);
    }
    let layout = table::layout(rrtype).ok_or(RdataError::NoTextForm)?;
    for field in layout.fields {
        field.parse(input, out)?;
    }
    if input.peek().is_some() {
        return Err(RdataError::Extra);
    }
    if out.len() - start > MAX_RDATA {
        return Err(RdataError::TooLong);
    }
    (layout.check)(&out[start..])
}

/// Reads one record's data from a line of text, comments and quotes as in a master file.
///
/// # Errors
/// As [`parse_text`].
pub fn parse_line(rrtype: RrType, line: &str, origin: Option<NameRef<'_>>) -> Result<Vec<u8>, TextError> {
    let tokens = split_line(line.as_bytes()).map_err(|reason| TextError { token: 0, reason })?;
    let mut out = Vec::new();
    parse_text(rrtype, &tokens, origin, &mut out)?;
    Ok(out)
}

/// Writes record data as text that [`parse_text`] and other servers read back: names absolute, strings quoted.
/// Data that is not well-formed, or that its text could not tell apart from other data, is written in the generic form of RFC 3597.
///
/// # Errors
/// Those of `to`.
pub fn write_text(rrtype: RrType, rdata: &[u8], to: &mut impl fmt::Write) -> fmt::Result {
    let layout = table::layout(rrtype).filter(|layout| layout.fields != [super::field::Field::Opaque]);
    let has_text = || validate(rrtype, rdata).is_ok() && (rrtype != RrType::LOC || loc::has_text(rdata));
    let Some(layout) = layout.filter(|_| has_text()) else {
        return generic::write(rdata, to);
    };
    let mut rest = rdata;
    for (index, field) in layout.fields.iter().enumerate() {
        let length = field.measure(rest).map_err(|_| fmt::Error)?;
        let (octets, behind) = rest.split_at_checked(length).ok_or(fmt::Error)?;
        // A field that may be empty is the last one and then has no text either, unless it is text itself.
        if octets.is_empty() && *field != super::field::Field::LongString {
            continue;
        }
        if index > 0 {
            to.write_char(' ')?;
        }
        field.write(octets, to)?;
        rest = behind;
    }
    Ok(())
}

/// Record data that displays itself as [`write_text`] writes it.
#[must_use]
pub fn display(rrtype: RrType, rdata: &[u8]) -> impl fmt::Display + '_ {
    Displayed { rrtype, rdata }
}

struct Displayed<'a> {
    rrtype: RrType,
    rdata: &'a [u8],
}

impl fmt::Display for Displayed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_text(self.rrtype, self.rdata, f)
    }
}
