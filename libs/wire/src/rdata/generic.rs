//! The form for any type: `\# LENGTH HEX` (RFC 3597 section 5).

use std::fmt;

use super::error::RdataError;
use super::fields::{encoded, number};
use super::token::{Input, Token};

/// True when the text is in the generic form.
pub(super) fn is_generic(tokens: &[Token<'_>]) -> bool {
    tokens.first().is_some_and(|first| !first.quoted && first.text == b"\\#")
}

/// Reads the generic form into `out`.
pub(super) fn parse(input: &mut Input<'_, '_>, out: &mut Vec<u8>) -> Result<(), RdataError> {
    input.take("\\#")?;
    let length =
        number::decimal(input.take("length")?, 65535).ok_or(RdataError::NotA("a length up to 65535"))?;
    let start = out.len();
    if input.peek().is_some() {
        encoded::parse_hex(input, out)?;
    }
    if out.len() - start == length as usize { Ok(()) } else { Err(RdataError::GenericLength) }
}

/// Writes octets in the generic form.
pub(super) fn write(rdata: &[u8], to: &mut impl fmt::Write) -> fmt::Result {
    write!(to, "\\# {}", rdata.len())?;
    if !rdata.is_empty() {
        to.write_char(' ')?;
        encoded::write_hex(rdata, to)?;
    }
    Ok(())
}
