//! How the serial of a zone grows when an update does not say (RFC 2136 section 3.6, RFC 1982).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tenon_wire::serial::is_newer;

const SECONDS_A_DAY: u64 = 86_400;

/// How the serial of a zone grows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SerialPolicy {
    /// By one.
    #[default]
    Increment,
    /// To the seconds since 1970, or by one where those are not newer.
    Unixtime,
    /// To the date (UTC) and two digits, as 2026112300, or by one where that is not newer.
    Dateserial,
}

impl SerialPolicy {
    /// The serial after `serial`, at a time in seconds since 1970. Always newer in the sense of RFC 1982, and never 0,
    /// which some programs take for none.
    #[must_use]
    pub fn next(self, serial: u32, now: u64) -> u32 {
        let wanted = match self {
            Self::Increment => None,
            // Serials wrap; this one in 2106.
            Self::Unixtime => Some(now as u32),
            Self::Dateserial => date(now),
        };
        match wanted.filter(|&wanted| wanted != 0 && is_newer(wanted, serial)) {
            Some(wanted) => wanted,
            None => serial.wrapping_add(1).max(1),
        }
    }
}

/// YYYYMMDD00; none for years that do not fit.
fn date(now: u64) -> Option<u32> {
    // Days of the proleptic Gregorian calendar, years beginning in March so that leap days come last.
    let days = now / SECONDS_A_DAY + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    u32::try_from((year * 10_000 + month * 100 + day) * 100).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        for (now, wanted) in [
            (0, 1_970_010_100),
            (951_782_399, 2_000_022_800),
            (951_782_400, 2_000_022_900),
            (1_795_392_000, 2_026_112_300),
            (4_107_542_399, 2_100_022_800),
            (4_107_542_400, 2_100_030_100),
        ] {
            assert_eq!(date(now), Some(wanted), "{now}");
        }
    }

    #[test]
    fn serials_only_grow() {
        let now = 1_795_392_000;
        for (policy, serial, wanted) in [
            (SerialPolicy::Increment, 7, 8),
            (SerialPolicy::Increment, u32::MAX, 1),
            (SerialPolicy::Unixtime, 7, 1_795_392_000),
            (SerialPolicy::Unixtime, 1_795_392_000, 1_795_392_001),
            (SerialPolicy::Unixtime, 2_026_112_300, 2_026_112_301),
            (SerialPolicy::Dateserial, 2_026_112_209, 2_026_112_300),
            (SerialPolicy::Dateserial, 2_026_112_300, 2_026_112_301),
            (SerialPolicy::Dateserial, 2_026_112_399, 2_026_112_400),
        ] {
            let next = policy.next(serial, now);
            assert_eq!(next, wanted, "{policy:?} {serial}");
            assert!(is_newer(next, serial));
        }
    }
}
