//! A clock that does not jump.
//!
//! Timers run by a time that began as the wall clock and goes on with the time since boot, sleep included: a wall clock
//! that is set while this process runs neither expires a zone nor keeps one alive. What is stored and shown is wall
//! clock, so that it means something to a later process and to people.

use std::sync::atomic::{AtomicI64, Ordering};

use rustix::time::{ClockId, clock_gettime};
use tenon_service::now_usec;

/// A wall clock that moved by less is being disciplined, not set.
const STEP_USEC: u64 = 2_000_000;

/// See the module. Times are microseconds.
#[derive(Debug)]
pub struct Clock {
    began_usec: u64,
    boot_usec: u64,
    /// Wall clock less this clock, when last looked at.
    offset: AtomicI64,
}

impl Clock {
    /// A clock that begins with the wall clock of now.
    #[must_use]
    pub fn start() -> Self {
        Self { began_usec: now_usec(), boot_usec: since_boot(), offset: AtomicI64::new(0) }
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.began_usec.saturating_add(since_boot().saturating_sub(self.boot_usec))
    }

    /// A time of this clock as the wall clock shows it.
    #[must_use]
    pub fn to_wall(&self, time: u64) -> u64 {
        time.saturating_add_signed(self.offset.load(Ordering::Relaxed))
    }

    /// Compares with the wall clock; by how many microseconds it was set since the last look, if it was.
    pub fn look_for_step(&self) -> Option<i64> {
        self.look(now_usec())
    }

    fn look(&self, wall: u64) -> Option<i64> {
        let now = i64::try_from(self.now()).unwrap_or(i64::MAX);
        let offset = i64::try_from(wall).unwrap_or(i64::MAX).saturating_sub(now);
        let step = offset.saturating_sub(self.offset.load(Ordering::Relaxed));
        (step.unsigned_abs() > STEP_USEC).then(|| {
            self.offset.store(offset, Ordering::Relaxed);
            step
        })
    }
}

fn since_boot() -> u64 {
    let time = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let microseconds = u64::try_from(time.tv_nsec).unwrap_or_default() / 1000;
    seconds.saturating_mul(1_000_000).saturating_add(microseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wall_clock_that_is_set_moves_what_is_shown_and_no_timer() {
        let clock = Clock::start();
        let (before, wall) = (clock.now(), now_usec());
        assert_eq!(clock.look(wall + 1_000), None);
        let step = clock.look(wall + 3_600_000_000).unwrap();
        assert!((3_590_000_000..3_610_000_000).contains(&step), "{step}");
        assert!(clock.now() - before < 60_000_000);
        assert!(clock.to_wall(before).abs_diff(wall + 3_600_000_000) < 60_000_000);
        let back = clock.look(wall).unwrap();
        assert!(back < -3_590_000_000, "{back}");
    }
}
