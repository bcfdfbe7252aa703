//! Octets in base64, hexadecimal and base32hex.

use std::fmt;

use data_encoding::{BASE32_DNSSEC, BASE64, Encoding, HEXLOWER_PERMISSIVE, HEXUPPER};

use super::string;
use crate::rdata::error::RdataError;
use crate::rdata::token::Input;

const NOT_BASE64: RdataError = RdataError::NotA("base64");
const NOT_HEX: RdataError = RdataError::NotA("hexadecimal with two digits for each octet");
const NOT_BASE32: RdataError = RdataError::NotA("base32hex without padding, of 1 to 255 octets");

/// All words that are left, as one base64 text.
pub(in crate::rdata) fn parse_base64(input: &mut Input<'_, '_>, out: &mut Vec<u8>) -> Result<(), RdataError> {
    decode_rest(&BASE64, NOT_BASE64, "base64", input, out)
}

/// All words that are left, as one hexadecimal text.
pub(in crate::rdata) fn parse_hex(input: &mut Input<'_, '_>, out: &mut Vec<u8>) -> Result<(), RdataError> {
    decode_rest(&HEXLOWER_PERMISSIVE, NOT_HEX, "hexadecimal", input, out)
}

/// One word of hexadecimal, or `-` for none.
pub(in crate::rdata) fn parse_salt(input: &mut Input<'_, '_>, out: &mut Vec<u8>) -> Result<(), RdataError> {
    let text = input.take("salt")?;
    let start = out.len();
    out.push(0);
    if text != b"-" {
        decode(&HEXLOWER_PERMISSIVE, NOT_HEX, text, out)?;
    }
    out[start] = u8::try_from(out.len() - start - 1)
        .map_err(|_| RdataError::Malformed("salt is longer than 255 octets"))?;
    Ok(())
}

/// One word of base32hex.
pub(in crate::rdata) fn parse_hash(input: &mut Input<'_, '_>, out: &mut Vec<u8>) -> Result<(), RdataError> {
    let text = input.take("next hashed owner name")?;
    let start = out.len();
    out.push(0);
    decode(&BASE32_DNSSEC, NOT_BASE32, text, out)?;
    match u8::try_from(out.len() - start - 1) {
        Ok(length) if length > 0 => out[start] = length,
        _ => return Err(NOT_BASE32),
    }
    Ok(())
}

pub(in crate::rdata) fn measure_hash(rest: &[u8]) -> Result<usize, RdataError> {
    match string::measure(rest)? {
        1 => Err(RdataError::Malformed("hashed owner name is empty")),
        length => Ok(length),
    }
}

/// Decodes one word.
pub(in crate::rdata) fn decode_base64(text: &[u8], out: &mut Vec<u8>) -> Result<(), RdataError> {
    decode(&BASE64, NOT_BASE64, text, out)
}

/// Decodes one word.
pub(in crate::rdata) fn decode_hex(text: &[u8], out: &mut Vec<u8>) -> Result<(), RdataError> {
    decode(&HEXLOWER_PERMISSIVE, NOT_HEX, text, out)
}

/// Decodes the words that are left as if they were one: they may be split anywhere.
fn decode_rest(
    encoding: &Encoding,
    wrong: RdataError,
    what: &'static str,
    input: &mut Input<'_, '_>,
    out: &mut Vec<u8>,
) -> Result<(), RdataError> {
    match input.take_rest() {
        [] => Err(RdataError::Missing(what)),
        [only] => decode(encoding, wrong, only.text, out),
        tokens => {
            // The end of `out` serves as the place where the words are put together.
            let start = out.len();
            let text_length: usize = tokens.iter().map(|token| token.text.len()).sum();
            let room = encoding.decode_len(text_length).map_err(|_| wrong)?;
            out.resize(start + room, 0);
            tokens.iter().for_each(|token| out.extend_from_slice(token.text));
            let (octets, text) = out[start..].split_at_mut(room);
            let length = encoding.decode_mut(text, octets).map_err(|_| wrong)?;
            out.truncate(start + length);
            Ok(())
        }
    }
}

fn decode(encoding: &Encoding, wrong: RdataError, text: &[u8], out: &mut Vec<u8>) -> Result<(), RdataError> {
    let start = out.len();
    out.resize(start + encoding.decode_len(text.len()).map_err(|_| wrong)?, 0);
    let length = encoding.decode_mut(text, &mut out[start..]).map_err(|_| wrong)?;
    out.truncate(start + length);
    Ok(())
}

pub(in crate::rdata) fn write_base64(octets: &[u8], to: &mut impl fmt::Write) -> fmt::Result {
    BASE64.encode_write(octets, to)
}

pub(in crate::rdata) fn write_hex(octets: &[u8], to: &mut impl fmt::Write) -> fmt::Result {
    HEXUPPER.encode_write(octets, to)
}

pub(in crate::rdata) fn write_salt(octets: &[u8], to: &mut impl fmt::Write) -> fmt::Result {
    match octets.get(1..) {
        Some(salt) if !salt.is_empty() => write_hex(salt, to),
        _ => to.write_char('-'),
    }
}

pub(in crate::rdata) fn write_hash(octets: &[u8], to: &mut impl fmt::Write) -> fmt::Result {
    data_encoding::BASE32HEX_NOPAD.encode_write(octets.get(1..).unwrap_or(&[]), to)
}
