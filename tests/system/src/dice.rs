//! Random numbers that anybody can have again.

use std::time::SystemTime;

/// A generator (SplitMix64) and the seed it began with.
#[derive(Debug)]
pub struct Dice(u64);

impl Dice {
    /// With the seed that an environment variable gives, or one of the clock; prints it.
    #[must_use]
    pub fn from_environment(variable: &str) -> Self {
        let seed = number(variable).unwrap_or_else(|| {
            SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(1, |now| now.as_micros() as u64)
        });
        println!("{variable}={seed} repeats this");
        Self(seed)
    }

    /// A number below `most`.
    pub const fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % most
    }
}

/// What an environment variable says, where it is a number.
#[must_use]
pub fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}
