//! Numbers and durations.

use std::fmt;

use crate::rdata::error::RdataError;
use crate::rdata::token::Input;

/// Longest TTL: 2^31 - 1 seconds (RFC 2181 section 8).
const MAX_TTL: u32 = i32::MAX as u32;

/// Reads a decimal number of digits alone, none when it is not one or is above `max`.
pub(in crate::rdata) fn decimal(text: &[u8], max: u32) -> Option<u32> {
    if text.is_empty() || text.len() > 10 {
        return None;
    }
    let mut value = 0u64;
    for &octet in text {
        if !octet.is_ascii_digit() {
            return None;
        }
        value = value * 10 + u64::from(octet - b'0');
    }
    u32::try_from(value).ok().filter(|&value| value <= max)
}

pub(in crate::rdata) fn parse_u8(input: &mut Input<'_, '_>, out: &mut Vec<u8>) -> Result<(), RdataError> {
    let value = decimal(input.take("a number")?, 255).ok_or(RdataError::NotA("a number up to 255"))?;
    out.push(value as u8);
    Ok(())
}

pub(in crate::rdata) fn parse_u16(input: &mut Input<'_, '_>, out: &mut Vec<u8>) -> Result<(), RdataError> {
    let value = decimal(input.take("a number")?, 65535).ok_or(RdataError::NotA("a number up to 65535"))?;
    out.extend_from_slice(&(value as u16).to_be_bytes());
    Ok(())
}

pub(in crate::rdata) fn parse_u32(input: &mut Input<'_, '_>, out: &mut Vec<u8>) -> Result<(), RdataError> {
    let value =
        decimal(input.take("a number")?, u32::MAX).ok_or(RdataError::NotA("a number up to 4294967295"))?;
    out.extend_from_slice(&value.to_be_bytes());
    Ok(())
}

/// Reads a TTL: seconds, or numbers with the units w, d, h, m and s (`1h30m`, as BIND reads it); at most 2^31 - 1.
/// None when the text is not one.
#[must_use]
pub fn parse_ttl(text: &[u8]) -> Option<u32> {
    duration(text).filter(|&seconds| seconds <= MAX_TTL)
}

pub(in crate::rdata) fn parse_ttl_field(
    input: &mut Input<'_, '_>,
    out: &mut Vec<u8>,
) -> Result<(), RdataError> {
    let text = input.take("a time in seconds")?;
    let value = duration(text).ok_or(RdataError::NotA("a time in seconds or with units, such as 1h30m"))?;
    out.extend_from_slice(&value.to_be_bytes());
    Ok(())
}

fn duration(text: &[u8]) -> Option<u32> {
    if let Some(seconds) = decimal(text, u32::MAX) {
        return Some(seconds);
    }
    let (mut total, mut number, mut digits) = (0u64, 0u64, 0);
    for &octet in text {
        if octet.is_ascii_digit() {
            digits += 1;
            number = number * 10 + u64::from(octet - b'0');
            if digits > 10 {
                return None;
            }
            continue;
        }
        let unit = match octet.to_ascii_lowercase() {
            b's' => 1,
            b'm' => 60,
            b'h' => 3600,
            b'd' => 86400,
            b'w' => 604_800,
            _ => return None,
        };
        if digits == 0 {
            return None;
        }
        total = total.checked_add(number.checked_mul(unit)?)?;
        (number, digits) = (0, 0);
    }
    // Digits behind the last unit are not seconds but a mistake.
    if digits > 0 || text.is_empty() { None } else { u32::try_from(total).ok() }
}

/// Writes one to four octets as a number.
pub(in crate::rdata) fn write(octets: &[u8], to: &mut impl fmt::Write) -> fmt::Result {
    let value = octets.iter().fold(0u32, |value, &octet| value << 8 | u32::from(octet));
    write!(to, "{value}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ttls_have_units() {
        assert_eq!(parse_ttl(b"3600"), Some(3600));
        assert_eq!(parse_ttl(b"1h30m"), Some(5400));
        assert_eq!(parse_ttl(b"1W2d3H4m5S"), Some(788_645));
        assert_eq!(parse_ttl(b"2147483647"), Some(2_147_483_647));
    }

    #[test]
    fn what_is_not_a_ttl_is_told_from_one() {
        for text in ["", "h", "1h30", "1x", "-1", "2147483648", "99999999999", "9999999999w", "1h h", "IN"] {
            assert_eq!(parse_ttl(text.as_bytes()), None, "{text}");
        }
    }
}
