//! Log lines in bounds: strangers and busy clients cannot fill the log.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lines of one kind within a second; the others are counted and told with the next.
const LINES_A_SECOND: u32 = 10;

/// See the module; kinds are message identifiers.
#[derive(Debug, Default)]
pub struct Pace(Mutex<BTreeMap<&'static str, Kind>>);

#[derive(Debug)]
struct Kind {
    began: Instant,
    told: u32,
    others: u64,
}

impl Pace {
    /// How many of the kind were not told before this one; none when this one is not to be told either.
    pub fn due(&self, message: &'static str) -> Option<u64> {
        self.due_at(message, Instant::now())
    }

    fn due_at(&self, message: &'static str, now: Instant) -> Option<u64> {
        let mut kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kind = kinds.entry(message).or_insert(Kind { began: now, told: 0, others: 0 });
        if now.saturating_duration_since(kind.began) >= Duration::from_secs(1) {
            (kind.began, kind.told) = (now, 0);
        }
        if kind.told >= LINES_A_SECOND {
            kind.others += 1;
            return None;
        }
        kind.told += 1;
        Some(std::mem::take(&mut kind.others))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_lines() {
        let (pace, now) = (Pace::default(), Instant::now());
        let told = |count| (0..count).filter(|_| pace.due_at("a", now).is_some()).count();
        assert_eq!(told(LINES_A_SECOND + 5), LINES_A_SECOND as usize);
        assert_eq!(pace.due_at("b", now), Some(0));
        assert_eq!(pace.due_at("a", now + Duration::from_secs(1)), Some(5));
    }
}
