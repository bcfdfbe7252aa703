//! Character-strings: a length octet and up to 255 octets; in text quoted, with escapes (RFC 1035 section 5.1).

use std::fmt;

use crate::name::text::escaped_octet;
use crate::rdata::error::RdataError;
use crate::rdata::token::{Input, Token};

pub(in crate::rdata) fn measure(rest: &[u8]) -> Result<usize, RdataError> {
    let end = 1 + *rest.first().ok_or(RdataError::Short)? as usize;
    if rest.len() < end { Err(RdataError::Short) } else { Ok(end) }
}

pub(in crate::rdata) fn measure_all(rest: &[u8]) -> Result<usize, RdataError> {
    let mut at = measure(rest)?;
    while let Some(tail) = rest.get(at..).filter(|tail| !tail.is_empty()) {
        at += measure(tail)?;
    }
    Ok(at)
}

/// RFC 8659 section 4.1: 1 to 255 letters and digits.
pub(in crate::rdata) fn measure_tag(rest: &[u8]) -> Result<usize, RdataError> {
    let end = measure(rest)?;
    let tag = rest.get(1..end).unwrap_or(&[]);
    if tag.is_empty() || !tag.iter().all(u8::is_ascii_alphanumeric) {
        return Err(RdataError::Malformed("property tag is not made of letters and digits"));
    }
    Ok(end)
}

pub(in crate::rdata) fn parse(input: &mut Input<'_, '_>, out: &mut Vec<u8>) -> Result<(), RdataError> {
    let token = input.take_token("a character-string")?;
    append(token, out)
}

pub(in crate::rdata) fn parse_all(input: &mut Input<'_, '_>, out: &mut Vec<u8>) -> Result<(), RdataError> {
    parse(input, out)?;
    while input.peek().is_some() {
        parse(input, out)?;
    }
    Ok(())
}

pub(in crate::rdata) fn parse_tag(input: &mut Input<'_, '_>, out: &mut Vec<u8>) -> Result<(), RdataError> {
    let start = out.len();
    append(input.take_token("a property tag")?, out)?;
    measure_tag(&out[start..]).map(|_| ())
}

pub(in crate::rdata) fn parse_long(input: &mut Input<'_, '_>, out: &mut Vec<u8>) -> Result<(), RdataError> {
    unescape(input.take_token("a text")?, out)
}

fn append(token: Token<'_>, out: &mut Vec<u8>) -> Result<(), RdataError> {
    let start = out.len();
    out.push(0);
    unescape(token, out)?;
    out[start] = u8::try_from(out.len() - start - 1).map_err(|_| RdataError::StringTooLong)?;
    Ok(())
}

/// Appends the octets that a token stands for.
pub(in crate::rdata) fn unescape(token: Token<'_>, out: &mut Vec<u8>) -> Result<(), RdataError> {
    if !token.text.iter().any(|octet| matches!(octet, b'\\' | b'"')) {
        out.extend_from_slice(token.text);
        return Ok(());
    }
    let mut rest = token.text;
    while let Some((&octet, tail)) = rest.split_first() {
        rest = tail;
        match octet {
            b'\\' => out.push(escaped(&mut rest)?),
            b'"' if !token.quoted => return Err(RdataError::StrayQuote),
            _ => out.push(octet),
        }
    }
    Ok(())
}

/// Takes what follows a backslash.
pub(in crate::rdata) fn escaped(rest: &mut &[u8]) -> Result<u8, RdataError> {
    escaped_octet(rest).ok_or(RdataError::BadEscape)
}

pub(in crate::rdata) fn write(octets: &[u8], to: &mut impl fmt::Write) -> fmt::Result {
    write_long(octets.get(1..).unwrap_or(&[]), to)
}

pub(in crate::rdata) fn write_all(octets: &[u8], to: &mut impl fmt::Write) -> fmt::Result {
    let mut rest = octets;
    while !rest.is_empty() {
        let (string, behind) = rest.split_at(measure(rest).map_err(|_| fmt::Error)?);
        if rest.len() < octets.len() {
            to.write_char(' ')?;
        }
        write(string, to)?;
        rest = behind;
    }
    Ok(())
}

pub(in crate::rdata) fn write_tag(octets: &[u8], to: &mut impl fmt::Write) -> fmt::Result {
    octets.get(1..).unwrap_or(&[]).iter().try_for_each(|&octet| to.write_char(octet as char))
}

/// Writes octets as one quoted text.
pub(in crate::rdata) fn write_long(octets: &[u8], to: &mut impl fmt::Write) -> fmt::Result {
    to.write_char('"')?;
    for &octet in octets {
        match octet {
            b'"' | b'\\' => write!(to, "\\{}", octet as char)?,
            b' '..=b'~' => to.write_char(octet as char)?,
            _ => write!(to, "\\{octet:03}")?,
        }
    }
    to.write_char('"')
}
