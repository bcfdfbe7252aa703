//! How long to wait: the times of a zone's SOA within the operator's bounds, a random part taken off.

use std::hash::{BuildHasher, Hasher, RandomState};

use crate::settings::ZonemgrSettings;

const SECOND: u64 = 1_000_000;
/// Longest time until a zone without data is tried again.
const NEW_ZONE_RETRY_S: u64 = 300;

/// The times of a zone's SOA record in seconds (RFC 1035 section 3.3.13).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SoaTimes {
    /// Between two looks at a primary.
    pub refresh: u32,
    /// Until the next look after one that failed.
    pub retry: u32,
    /// For which the zone may be answered without a successful look.
    pub expire: u32,
}

/// Microseconds to wait; see [`ZonemgrSettings`].
impl ZonemgrSettings {
    /// After a successful look.
    #[must_use]
    pub fn refresh_after(&self, times: SoaTimes, dice: &mut Dice) -> u64 {
        dice.shorten(self.refresh_s(times) * SECOND, self.refresh_jitter)
    }

    /// After so many failed looks in a row. `is_told`: a primary said that it has something newer, and one that does not
    /// give it out at once may well do so a moment later.
    #[must_use]
    pub fn retry_after(&self, times: Option<SoaTimes>, failures: u32, is_told: bool, dice: &mut Dice) -> u64 {
        let seconds = match times.map(|times| self.retry_s(times)) {
            Some(retry) if is_told => retry.min(self.new_zone_retry_s(failures)),
            Some(retry) => retry,
            None => self.new_zone_retry_s(failures),
        };
        dice.shorten(seconds * SECOND, self.refresh_jitter)
    }

    /// From the last successful look to the end of answers.
    #[must_use]
    pub fn expire_after(&self, times: SoaTimes) -> u64 {
        let floor = self.refresh_s(times).saturating_add(self.retry_s(times));
        let (lower, upper) = (u64::from(self.lowerbound_expire_s), u64::from(self.upperbound_expire_s));
        u64::from(times.expire).max(floor).max(lower).min(upper.max(lower)) * SECOND
    }

    /// After a look that could not be made for a reason of our own.
    #[must_use]
    pub fn soon(&self, dice: &mut Dice) -> u64 {
        dice.shorten(u64::from(self.lowerbound_retry_s) * SECOND, self.refresh_jitter)
    }

    /// When one of so many overdue zones is to be looked at after a start.
    #[must_use]
    pub fn overdue_after(&self, times: Option<SoaTimes>, overdue: usize, dice: &mut Dice) -> u64 {
        /// Overdue zones come due no faster than this, one after the other.
        const EACH: u64 = 10_000;
        let retry = times.map_or(u64::from(self.lowerbound_retry_s), |times| self.retry_s(times)) * SECOND;
        let most = u64::try_from(overdue).unwrap_or(u64::MAX).saturating_mul(EACH);
        dice.part(part(retry, self.reload_jitter).min(most))
    }

    fn refresh_s(&self, times: SoaTimes) -> u64 {
        bounded(times.refresh, self.lowerbound_refresh_s, self.upperbound_refresh_s)
    }

    fn retry_s(&self, times: SoaTimes) -> u64 {
        bounded(times.retry, self.lowerbound_retry_s, self.upperbound_retry_s)
    }

    /// Somebody waits for a new zone: soon at first, then ever more slowly.
    fn new_zone_retry_s(&self, failures: u32) -> u64 {
        let first = u64::from(self.lowerbound_retry_s);
        first.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(NEW_ZONE_RETRY_S.max(first))
    }
}

fn bounded(seconds: u32, lower: u32, upper: u32) -> u64 {
    seconds.max(lower).min(upper.max(lower)).into()
}

/// A part of a time, 0 to 1.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "times below 2^53"
)]
fn part(time: u64, part: f64) -> u64 {
    (time as f64 * part.clamp(0.0, 1.0)) as u64
}

/// Random numbers that nobody's security rests on (SplitMix64).
#[derive(Debug)]
pub struct Dice(u64);

impl Dice {
    /// Dice that fall differently in each process.
    #[must_use]
    pub fn new() -> Self {
        Self(RandomState::new().build_hasher().finish())
    }

    /// Dice that always fall alike.
    #[must_use]
    pub const fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A time from 0 to `most`.
    pub fn part(&mut self, most: u64) -> u64 {
        let number = self.next();
        most.checked_add(1).map_or(number, |range| number % range)
    }

    /// A time less a random part of at most `jitter` of it.
    pub fn shorten(&mut self, time: u64, jitter: f64) -> u64 {
        time.saturating_sub(self.part(part(time, jitter)))
    }
}

impl Default for Dice {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMES: SoaTimes = SoaTimes { refresh: 7200, retry: 900, expire: 1_209_600 };

    #[test]
    fn jitter_shortens_within_its_bound() {
        let (settings, mut dice) = (ZonemgrSettings::default(), Dice::seeded(1));
        let waits: Vec<u64> = (0..1000).map(|_| settings.refresh_after(TIMES, &mut dice)).collect();
        assert!(waits.iter().all(|wait| (5400 * SECOND..=7200 * SECOND).contains(wait)));
        assert!(waits.iter().max().unwrap() - waits.iter().min().unwrap() > 1700 * SECOND, "they differ");
        let retry = settings.retry_after(Some(TIMES), 1, false, &mut dice);
        assert!((675 * SECOND..=900 * SECOND).contains(&retry));
    }

    #[test]
    fn bounds_hold_whatever_the_soa_says() {
        let settings = ZonemgrSettings { refresh_jitter: 0.0, ..ZonemgrSettings::default() };
        let mut dice = Dice::seeded(1);
        let wild = SoaTimes { refresh: 0, retry: u32::MAX, expire: 0 };
        assert_eq!(settings.refresh_after(wild, &mut dice), 10 * SECOND);
        assert_eq!(settings.retry_after(Some(wild), 1, false, &mut dice), 1_209_600 * SECOND);
        assert_eq!(settings.expire_after(wild), 1_209_610 * SECOND, "not before the second look");
        let never = SoaTimes { expire: u32::MAX, ..TIMES };
        assert_eq!(settings.expire_after(never), 14_515_200 * SECOND);
        assert_eq!(settings.expire_after(TIMES), 1_209_600 * SECOND);
    }

    #[test]
    fn a_new_zone_is_tried_ever_more_slowly() {
        let settings = ZonemgrSettings { refresh_jitter: 0.0, ..ZonemgrSettings::default() };
        let mut dice = Dice::seeded(1);
        let waits: Vec<u64> =
            (1..9).map(|failures| settings.retry_after(None, failures, false, &mut dice) / SECOND).collect();
        assert_eq!(waits, [5, 10, 20, 40, 80, 160, 300, 300]);
        assert_eq!(settings.retry_after(None, u32::MAX, false, &mut dice), 300 * SECOND);
        // The same for what a primary announced, but no more slowly than the zone asks for.
        let told =
            [1, 5, 9].map(|failures| settings.retry_after(Some(TIMES), failures, true, &mut dice) / SECOND);
        assert_eq!(told, [5, 80, 300]);
        let quick = SoaTimes { retry: 7, ..TIMES };
        assert_eq!(settings.retry_after(Some(quick), 9, true, &mut dice), 7 * SECOND);
    }

    #[test]
    fn one_overdue_zone_is_looked_at_at_once_and_many_are_spread() {
        let (settings, mut dice) = (ZonemgrSettings::default(), Dice::seeded(1));
        assert!(settings.overdue_after(Some(TIMES), 1, &mut dice) <= SECOND / 100);
        let waits: Vec<u64> =
            (0..1000).map(|_| settings.overdue_after(Some(TIMES), 1_000_000, &mut dice)).collect();
        assert!(waits.iter().all(|wait| *wait <= 675 * SECOND));
        assert!(waits.iter().filter(|wait| **wait < 67 * SECOND).count() < 200, "no storm");
    }
}
