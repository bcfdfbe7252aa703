//! 64-bit locators and node identifiers: four groups of up to four hexadecimal digits (RFC 6742).

use std::fmt;

use crate::rdata::error::RdataError;
use crate::rdata::token::Input;

pub(in crate::rdata) fn parse(input: &mut Input<'_, '_>, out: &mut Vec<u8>) -> Result<(), RdataError> {
    let text = input.take("a 64-bit locator")?;
    let start = out.len();
    for group in text.split(|&octet| octet == b':') {
        out.extend_from_slice(&hex_group(group).ok_or(WRONG)?.to_be_bytes());
    }
    if out.len() - start == 8 { Ok(()) } else { Err(WRONG) }
}

const WRONG: RdataError =
    RdataError::NotA("a 64-bit locator: four groups of hexadecimal digits, such as 14:4fff:ff20:ee64");

fn hex_group(group: &[u8]) -> Option<u16> {
    if group.is_empty() || group.len() > 4 || !group.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u16::from_str_radix(std::str::from_utf8(group).ok()?, 16).ok()
}

pub(in crate::rdata) fn write(octets: &[u8], to: &mut impl fmt::Write) -> fmt::Result {
    for (index, group) in octets.chunks_exact(2).enumerate() {
        let colon = if index > 0 { ":" } else { "" };
        write!(to, "{colon}{:x}", u16::from_be_bytes([group[0], group[1]]))?;
    }
    Ok(())
}
