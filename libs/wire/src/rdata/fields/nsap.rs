//! NSAP addresses: `0x`, hexadecimal, dots anywhere between octets (RFC 1706).

use std::fmt;

use super::encoded;
use crate::rdata::error::RdataError;
use crate::rdata::token::Input;

pub(in crate::rdata) fn parse(input: &mut Input<'_, '_>, out: &mut Vec<u8>) -> Result<(), RdataError> {
    let wrong = RdataError::NotA("an NSAP address: 0x and hexadecimal digits, dots between octets");
    let text = input.take("an NSAP address")?;
    let digits = text.strip_prefix(b"0x").or_else(|| text.strip_prefix(b"0X")).ok_or(wrong)?;
    let start = out.len();
    for part in digits.split(|&octet| octet == b'.') {
        encoded::decode_hex(part, out).map_err(|_| wrong)?;
    }
    if out.len() > start { Ok(()) } else { Err(wrong) }
}

pub(in crate::rdata) fn write(octets: &[u8], to: &mut impl fmt::Write) -> fmt::Result {
    to.write_str("0x")?;
    encoded::write_hex(octets, to)
}
