//! The idle pass: reads newly mapped images through, slowly, and has damaged ones taken out of service.
//!
//! Mapping an image checks its header and directory only, so that starting does not take longer for larger zones. What a
//! failing disk did to the rest is found here.

use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use super::Zones;

/// Share of a core that the pass may take: one part reading to so many parts resting.
const REST_FACTOR: u32 = 4;
/// Longest rest between two parts.
const REST_MAX: Duration = Duration::from_millis(200);

/// Reads images through whenever new ones were mapped.
#[derive(Debug)]
pub struct Inspector {
    zones: Arc<Zones>,
    hints: Receiver<()>,
}

impl Inspector {
    /// An inspector of these zones; `hints` comes from [`Zones::open`].
    #[must_use]
    pub const fn new(zones: Arc<Zones>, hints: Receiver<()>) -> Self {
        Self { zones, hints }
    }

    /// Works for as long as the zones exist; `found` is called after each pass that found damage. For a thread of its
    /// own, which ends with the process.
    pub fn run(self, found: impl Fn()) {
        while self.hints.recv().is_ok() {
            if self.inspect(rest()) {
                found();
            }
        }
    }

    /// One pass; returns whether damage was found, and acted upon.
    fn inspect(&self, pause: impl FnMut()) -> bool {
        let faults = self.zones.catalog().verify_bodies(pause);
        self.zones.state().figures.inspections += 1;
        let found = !faults.is_empty();
        if found {
            self.zones.condemn(faults);
        }
        found
    }
}

/// Rests after each part for a multiple of the time the part took.
fn rest() -> impl FnMut() {
    let mut begin = Instant::now();
    move || {
        std::thread::sleep((begin.elapsed() * REST_FACTOR).min(REST_MAX));
        begin = Instant::now();
    }
}
