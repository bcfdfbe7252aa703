//! EUI-48 and EUI-64 identifiers: octets in hexadecimal with dashes between them (RFC 7043).

use std::fmt;

use crate::rdata::error::RdataError;
use crate::rdata::token::Input;

pub(in crate::rdata) fn parse(
    input: &mut Input<'_, '_>,
    out: &mut Vec<u8>,
    length: usize,
) -> Result<(), RdataError> {
    let text = input.take("an EUI identifier")?;
    let wrong = RdataError::NotA("an EUI identifier: octets as xx-xx-xx, 6 for EUI48, 8 for EUI64");
    if text.len() != length * 3 - 1 {
        return Err(wrong);
    }
    for group in text.chunks(3) {
        match group {
            [_, _] | [_, _, b'-'] => super::encoded::decode_hex(&group[..2], out).map_err(|_| wrong)?,
            _ => return Err(wrong),
        }
    }
    Ok(())
}

pub(in crate::rdata) fn write(octets: &[u8], to: &mut impl fmt::Write) -> fmt::Result {
    for (index, octet) in octets.iter().enumerate() {
        let dash = if index > 0 { "-" } else { "" };
        write!(to, "{dash}{octet:02x}")?;
    }
    Ok(())
}
