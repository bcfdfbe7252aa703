//! Geographic positions (RFC 1876).

use std::fmt;

use super::number::decimal;
use crate::rdata::error::RdataError;
use crate::rdata::token::Input;

const LENGTH: usize = 16;
/// The equator and the prime meridian, in thousandths of an arc second.
const MIDDLE: u32 = 1 << 31;
/// Zero altitude in centimetres: 100 km below the WGS 84 spheroid is 0.
const SEA_LEVEL: i64 = 10_000_000;
const WRONG_ANGLE: RdataError = RdataError::NotA("a position: degrees [minutes [seconds]] and N, S, E or W");
const WRONG_METRES: RdataError = RdataError::NotA("a length in metres with up to two decimals");

pub(in crate::rdata) fn measure(rest: &[u8]) -> Result<usize, RdataError> {
    let octets = rest.get(..LENGTH).ok_or(RdataError::Short)?;
    if octets[0] != 0 {
        return Err(RdataError::Malformed("unknown version of a position; only 0 is defined"));
    }
    if octets[1..4].iter().any(|precision| precision >> 4 > 9 || precision & 15 > 9) {
        return Err(RdataError::Malformed(
            "size or precision of a position is not a digit and a power of ten",
        ));
    }
    for (at, limit) in [(4, 90), (8, 180)] {
        if word(octets, at).abs_diff(MIDDLE) > limit * 3_600_000 {
            return Err(RdataError::Malformed("position is not on the globe"));
        }
    }
    Ok(LENGTH)
}

pub(in crate::rdata) fn parse(input: &mut Input<'_, '_>, out: &mut Vec<u8>) -> Result<(), RdataError> {
    let latitude = angle(input, 90, *b"NS")?;
    let longitude = angle(input, 180, *b"EW")?;
    let altitude = centimetres(input.take("an altitude")?).ok_or(WRONG_METRES)? + SEA_LEVEL;
    let altitude = u32::try_from(altitude).map_err(|_| RdataError::Malformed("altitude out of range"))?;
    out.push(0);
    // Defaults of RFC 1876 section 3: 1 m, 10000 m, 10 m.
    for default in [0x12, 0x16, 0x13] {
        out.push(match input.peek() {
            None => default,
            Some(_) => precision(input.take("a precision")?)?,
        });
    }
    for value in [latitude, longitude, altitude] {
        out.extend_from_slice(&value.to_be_bytes());
    }
    Ok(())
}

/// Reads degrees, minutes and seconds up to the letter of a direction.
fn angle(input: &mut Input<'_, '_>, limit: u32, directions: [u8; 2]) -> Result<u32, RdataError> {
    let mut total = 0;
    for (index, unit) in [3_600_000, 60_000, 1000].into_iter().enumerate() {
        let text = input.take("degrees")?;
        if index > 0
            && let Some(value) = directed(text, directions, total)
        {
            return within(value, total, limit);
        }
        let thousandths =
            fixed_point(text, 3).and_then(|value| u32::try_from(value).ok()).ok_or(WRONG_ANGLE)?;
        let whole_needed = unit > 1000 && thousandths % 1000 != 0;
        if whole_needed || (index > 0 && thousandths >= 60_000) || thousandths > 180_000 {
            return Err(WRONG_ANGLE);
        }
        total += thousandths / 1000 * unit + thousandths % 1000;
    }
    let value = directed(input.take("N, S, E or W")?, directions, total).ok_or(WRONG_ANGLE)?;
    within(value, total, limit)
}

fn within(value: u32, total: u32, limit: u32) -> Result<u32, RdataError> {
    if total > limit * 3_600_000 { Err(WRONG_ANGLE) } else { Ok(value) }
}

fn directed(text: &[u8], [plus, minus]: [u8; 2], total: u32) -> Option<u32> {
    match text {
        [letter] if letter.eq_ignore_ascii_case(&plus) => MIDDLE.checked_add(total),
        [letter] if letter.eq_ignore_ascii_case(&minus) => MIDDLE.checked_sub(total),
        _ => None,
    }
}

/// Reads a number with up to `digits` decimals; gives it without the point, as an integer.
fn fixed_point(text: &[u8], digits: usize) -> Option<u64> {
    let (whole, decimals) = match text.iter().position(|&octet| octet == b'.') {
        Some(point) => (&text[..point], &text[point + 1..]),
        None => (text, &b""[..]),
    };
    if decimals.len() > digits {
        return None;
    }
    let scale = 10u64.checked_pow(digits as u32)?;
    let mut part = if decimals.is_empty() { 0 } else { u64::from(decimal(decimals, u32::MAX)?) };
    for _ in decimals.len()..digits {
        part *= 10;
    }
    u64::from(decimal(whole, u32::MAX)?).checked_mul(scale)?.checked_add(part)
}

fn centimetres(text: &[u8]) -> Option<i64> {
    let text = text.strip_suffix(b"m").or_else(|| text.strip_suffix(b"M")).unwrap_or(text);
    match text.strip_prefix(b"-") {
        Some(positive) => i64::try_from(fixed_point(positive, 2)?).ok().map(|value| -value),
        None => i64::try_from(fixed_point(text, 2)?).ok(),
    }
}

/// One digit and a power of ten, in centimetres; further digits are cut off.
fn precision(text: &[u8]) -> Result<u8, RdataError> {
    let mut value = centimetres(text).filter(|&value| value >= 0).ok_or(WRONG_METRES)?;
    let mut exponent = 0;
    while value >= 10 {
        value /= 10;
        exponent += 1;
    }
    if exponent > 9 { Err(WRONG_METRES) } else { Ok((value as u8) << 4 | exponent) }
}

/// Whether text says all of it: zero times a power of ten is written as zero, and reads as zero times one.
pub(in crate::rdata) fn has_text(octets: &[u8]) -> bool {
    let precisions = octets.get(1..4).unwrap_or_default();
    precisions.iter().all(|precision| precision >> 4 > 0 || *precision == 0)
}

pub(in crate::rdata) fn write(octets: &[u8], to: &mut impl fmt::Write) -> fmt::Result {
    if octets.len() != LENGTH {
        return Err(fmt::Error);
    }
    write_angle(word(octets, 4), ['N', 'S'], to)?;
    write_angle(word(octets, 8), ['E', 'W'], to)?;
    let altitude = i64::from(word(octets, 12)) - SEA_LEVEL;
    let sign = if altitude < 0 { "-" } else { "" };
    write!(to, "{sign}{}.{:02}m", altitude.abs() / 100, altitude.abs() % 100)?;
    for precision in &octets[1..4] {
        let value = u64::from(precision >> 4) * 10u64.pow(u32::from(precision & 15));
        write!(to, " {}.{:02}m", value / 100, value % 100)?;
    }
    Ok(())
}

fn write_angle(value: u32, directions: [char; 2], to: &mut impl fmt::Write) -> fmt::Result {
    let total = value.abs_diff(MIDDLE);
    let direction = directions[usize::from(value < MIDDLE)];
    let (degrees, minutes, thousandths) = (total / 3_600_000, total / 60_000 % 60, total % 60_000);
    write!(to, "{degrees} {minutes} {}.{:03} {direction} ", thousandths / 1000, thousandths % 1000)
}

/// The 32-bit number at an offset of the checked 16 octets.
fn word(octets: &[u8], at: usize) -> u32 {
    octets[at..at + 4].iter().fold(0, |value, &octet| value << 8 | u32::from(octet))
}
