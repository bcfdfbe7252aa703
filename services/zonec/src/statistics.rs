//! What is counted.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tenon_service::counters;

counters! {
    /// The counters of the zone compiler.
    Statistics:
    zones Gauge "Zones that the manifest names.",
    zones_failed_now Gauge "Zones whose stored version could not be compiled.",
    zones_compiled Counter "Zone versions compiled and published.",
    layers Counter "Zone versions compiled as a layer on the image before, of those.",
    merges Counter "Images made anew from a base and its layers.",
    early Counter "Zone versions compiled while they were written, of those.",
    zones_failed Counter "Attempts to compile a zone that failed.",
    zones_removed Counter "Zones taken out of the manifest.",
    records_compiled Counter "Records of the zone versions compiled.",
    image_octets Counter "Octets of image files written.",
    compile_milliseconds Counter "Time spent compiling.",
    manifests Counter "Manifests written.",
    reconciliations Counter "How often stores and manifest were compared.",
    hints Counter "Hints to look at the stores: signals, calls, the bus coming back.",
    leftovers Counter "Replaced or abandoned zone versions cleared from the stores.",
}

impl Statistics {
    /// Adds to a counter.
    pub fn add(counter: &AtomicU64, number: u64) {
        counter.fetch_add(number, Ordering::Relaxed);
    }

    /// Adds the time a compilation took.
    pub fn took(&self, time: Duration) {
        Self::add(&self.compile_milliseconds, u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
    }
}
