//! Signature times (RFC 4034 section 3.2): YYYYMMDDHHmmSS in UTC, or seconds since 1970 modulo 2^32.

use std::fmt;

use super::number::decimal;
use crate::rdata::error::RdataError;
use crate::rdata::token::Input;

const WRONG: RdataError = RdataError::NotA("a time: YYYYMMDDHHmmSS or seconds since 1970");

pub(in crate::rdata) fn parse(input: &mut Input<'_, '_>, out: &mut Vec<u8>) -> Result<(), RdataError> {
    let text = input.take("a time")?;
    let seconds = match text.len() {
        14 => from_civil(text).ok_or(WRONG)?,
        _ => decimal(text, u32::MAX).ok_or(WRONG)?,
    };
    out.extend_from_slice(&seconds.to_be_bytes());
    Ok(())
}

pub(in crate::rdata) fn write(octets: &[u8], to: &mut impl fmt::Write) -> fmt::Result {
    let seconds = u64::from(u32::from_be_bytes(octets.try_into().map_err(|_| fmt::Error)?));
    let (year, month, day) = civil_of_days(seconds / 86400);
    let clock = seconds % 86400;
    write!(to, "{year:04}{month:02}{day:02}{:02}{:02}{:02}", clock / 3600, clock / 60 % 60, clock % 60)
}

fn from_civil(text: &[u8]) -> Option<u32> {
    let part = |from: usize, to: usize| decimal(text.get(from..to)?, 9999).map(u64::from);
    let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
    let (hour, minute, second) = (part(8, 10)?, part(10, 12)?, part(12, 14)?);
    if year < 1970 || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let days = days_of_civil(year, month, day).filter(|&days| civil_of_days(days) == (year, month, day))?;
    // RFC 4034 section 3.1.5: serial number arithmetic, so only the lower 32 bits count.
    Some((days * 86400 + hour * 3600 + minute * 60 + second) as u32)
}

/// Days from 1970-01-01 in the Gregorian calendar; a year here runs from March, so that the leap day is its last.
fn days_of_civil(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    (year * 365 + year / 4 - year / 100 + year / 400 + day_of_year).checked_sub(719_468)
}

fn civil_of_days(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (year, month) = (era * 400 + year_of_era, if month < 10 { month + 3 } else { month - 9 });
    (if month <= 2 { year + 1 } else { year }, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments() {
        for (text, seconds) in
            [("19700101000000", 0), ("20040509183619", 1_084_127_779), ("20360229235959", 2_087_942_399)]
        {
            assert_eq!(from_civil(text.as_bytes()), Some(seconds), "{text}");
            let mut written = String::new();
            write(&seconds.to_be_bytes(), &mut written).unwrap();
            assert_eq!(written, text);
        }
    }

    #[test]
    fn days_that_do_not_exist_are_refused() {
        for text in ["20230229000000", "20241301000000", "20240100000000", "20240101240000", "2024010100000x"]
        {
            assert_eq!(from_civil(text.as_bytes()), None, "{text}");
        }
    }
}
