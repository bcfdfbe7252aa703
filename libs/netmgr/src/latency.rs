//! How long answering takes: one histogram for each transport and worker.

use std::time::Duration;

use crate::counters::Count;
use crate::handler::Transport;

/// Bounded buckets: the bound of the first is a microsecond, that of each next one the double; the last is about a second.
const BOUNDED: usize = 21;

/// Buckets, the one without a bound at the end.
pub const BUCKETS: usize = BOUNDED + 1;

/// What one worker measured of one transport.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    buckets: [Count; BUCKETS],
    nanoseconds: Count,
}

/// How long answering took, by how it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnswerTimes {
    /// How the messages came.
    pub transport: Transport,
    /// Messages by the time they took: at place n those of at most 2^n microseconds and more than at the place before; at
    /// the last place those that took longer than all of that.
    pub buckets: [u64; BUCKETS],
    /// All times together, in nanoseconds.
    pub nanoseconds: u64,
}

impl AnswerTimes {
    pub(crate) const fn none(transport: Transport) -> Self {
        Self { transport, buckets: [0; BUCKETS], nanoseconds: 0 }
    }

    /// Adds what a worker measured.
    pub(crate) fn add(&mut self, worker: &Histogram) {
        for (sum, count) in self.buckets.iter_mut().zip(&worker.buckets) {
            *sum = sum.wrapping_add(count.get());
        }
        self.nanoseconds = self.nanoseconds.wrapping_add(worker.nanoseconds.get());
    }
}

impl Histogram {
    /// Notes that so many messages took so long, each of them.
    #[inline]
    pub(crate) fn note(&self, messages: usize, took: Duration) {
        if messages == 0 {
            return;
        }
        let nanoseconds = usize::try_from(took.as_nanos()).unwrap_or(usize::MAX);
        let microseconds = nanoseconds.div_ceil(1000).checked_next_power_of_two();
        let place = microseconds.map_or(BOUNDED, |bound| bound.trailing_zeros() as usize);
        if let Some(bucket) = self.buckets.get(place.min(BOUNDED)) {
            bucket.add(messages);
        }
        self.nanoseconds.add(nanoseconds.wrapping_mul(messages));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_its_bucket() {
        let histogram = Histogram::default();
        let bounds = [
            (0, 0),
            (1_000, 0),
            (1_001, 1),
            (2_000, 1),
            (2_001, 2),
            (1_048_576_000, 20),
            (1_048_576_001, 21),
        ];
        for (nanoseconds, _) in bounds {
            histogram.note(1, Duration::from_nanos(nanoseconds));
        }
        histogram.note(5, Duration::from_micros(3));
        histogram.note(0, Duration::from_micros(3));
        histogram.note(1, Duration::MAX);
        let mut times = AnswerTimes::none(Transport::Udp);
        times.add(&histogram);
        let mut expected = [0; BUCKETS];
        for (_, place) in bounds {
            expected[place] += 1;
        }
        expected[2] += 5;
        expected[21] += 1;
        assert_eq!(times.buckets, expected);
    }
}
