//! The fixed part of HIP (RFC 8005): lengths, algorithm, host identity tag, public key.

use std::fmt;

use super::encoded;
use crate::rdata::error::RdataError;
use crate::rdata::token::Input;

const HEADER: usize = 4;

pub(in crate::rdata) fn measure(rest: &[u8]) -> Result<usize, RdataError> {
    let (tag, key) = lengths(rest)?;
    if tag == 0 || key == 0 {
        return Err(RdataError::Malformed("host identity tag or public key is empty"));
    }
    let end = HEADER + tag + key;
    if rest.len() < end { Err(RdataError::Short) } else { Ok(end) }
}

fn lengths(rest: &[u8]) -> Result<(usize, usize), RdataError> {
    let (&[tag, _, high, low], _) = rest.split_first_chunk::<HEADER>().ok_or(RdataError::Short)?;
    Ok((tag as usize, u16::from_be_bytes([high, low]) as usize))
}

pub(in crate::rdata) fn parse(input: &mut Input<'_, '_>, out: &mut Vec<u8>) -> Result<(), RdataError> {
    let start = out.len();
    out.push(0);
    super::number::parse_u8(input, out)?;
    out.extend_from_slice(&[0, 0]);
    encoded::decode_hex(input.take("a host identity tag")?, out)?;
    let tag = out.len() - start - HEADER;
    encoded::decode_base64(input.take("a public key")?, out)?;
    let key = out.len() - start - HEADER - tag;
    let too_long = RdataError::Malformed("host identity tag or public key is too long");
    out[start] = u8::try_from(tag).map_err(|_| too_long)?;
    let key = u16::try_from(key).map_err(|_| too_long)?.to_be_bytes();
    out[start + 2..start + HEADER].copy_from_slice(&key);
    measure(&out[start..]).map(|_| ())
}

pub(in crate::rdata) fn write(octets: &[u8], to: &mut impl fmt::Write) -> fmt::Result {
    let (tag, _) = lengths(octets).map_err(|_| fmt::Error)?;
    let (tag, key) = octets[HEADER..].split_at_checked(tag).ok_or(fmt::Error)?;
    write!(to, "{} ", octets[1])?;
    encoded::write_hex(tag, to)?;
    to.write_char(' ')?;
    encoded::write_base64(key, to)
}
