//! How long answering takes: one histogram for each transport and worker.
//!
//! Two readings of the clock cost little for a batch and a hundredth of what a datagram costs that comes alone. Of those only
//! each eighth is measured, and those after it are counted as if they had taken as long.

use std::time::{Duration, Instant};

use crate::counters::Count;
use crate::handler::Transport;

/// Bounded buckets: the bound of the first is a microsecond, that of each next one the double; the last is about a second.
const BOUNDED: usize = 21;

/// Buckets, the one without a bound at the end.
pub const BUCKETS: usize = BOUNDED + 1;

/// Of so many messages that come alone one is measured.
const LONE: u64 = 8;

/// What one worker measured of one transport.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    buckets: [Count; BUCKETS],
    nanoseconds: Count,
    /// Messages that came alone.
    lone: Count,
    /// How long the last one that was measured took, in nanoseconds, and its bucket.
    lone_nanoseconds: Count,
    lone_place: Count,
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
    /// Begins to answer so many datagrams; nothing when these are not measured.
    #[inline]
    pub(crate) fn begin(&self, datagrams: usize) -> Option<Instant> {
        let is_measured = datagrams != 1 || self.lone.get().is_multiple_of(LONE);
        is_measured.then(Instant::now)
    }

    /// Ends what began so.
    #[inline]
    pub(crate) fn end(&self, datagrams: usize, began: Option<Instant>) {
        match began {
            Some(began) if datagrams == 1 => self.note_lone(began.elapsed()),
            Some(began) => self.note(datagrams, began.elapsed()),
            None => {
                self.lone.add(1);
                let (place, took) = (self.lone_place.get() as usize, self.lone_nanoseconds.get() as usize);
                self.put(place, 1, took);
            }
        }
    }

    fn note_lone(&self, took: Duration) {
        let (place, nanoseconds) = placed(took);
        self.lone.add(1);
        self.lone_place.set(place as u64);
        self.lone_nanoseconds.set(nanoseconds as u64);
        self.put(place, 1, nanoseconds);
    }

    /// Notes that so many messages took so long, each of them.
    #[inline]
    pub(crate) fn note(&self, messages: usize, took: Duration) {
        if messages > 0 {
            let (place, nanoseconds) = placed(took);
            self.put(place, messages, nanoseconds);
        }
    }

    #[inline]
    fn put(&self, place: usize, messages: usize, nanoseconds: usize) {
        if let Some(bucket) = self.buckets.get(place) {
            bucket.add(messages);
        }
        self.nanoseconds.add(nanoseconds.wrapping_mul(messages));
    }
}

/// The bucket of a time, and its nanoseconds.
fn placed(took: Duration) -> (usize, usize) {
    let nanoseconds = usize::try_from(took.as_nanos()).unwrap_or(usize::MAX);
    let microseconds = nanoseconds.div_ceil(1000).checked_next_power_of_two();
    let place = microseconds.map_or(BOUNDED, |bound| bound.trailing_zeros() as usize);
    (place.min(BOUNDED), nanoseconds)
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

    #[test]
    fn of_those_that_come_alone_each_eighth_is_measured_and_stands_for_the_rest() {
        let histogram = Histogram::default();
        let total = || {
            let mut times = AnswerTimes::none(Transport::Udp);
            times.add(&histogram);
            times
        };
        for number in 1..=20 {
            let began = histogram.begin(1);
            assert_eq!(began.is_some(), number % 8 == 1, "{number}");
            let long_ago = began.and_then(|began| began.checked_sub(Duration::from_secs(2)));
            // The ninth and those after it seem to take two seconds.
            histogram.end(1, if number == 9 { long_ago } else { began });
            assert_eq!(total().buckets.iter().sum::<u64>(), number, "each is counted at once");
        }
        assert_eq!(total().buckets[BOUNDED], 8);
        assert!(total().nanoseconds >= 16_000_000_000, "{}", total().nanoseconds);
        for _ in 0..3 {
            let began = histogram.begin(2);
            assert!(began.is_some(), "what comes together is measured");
            histogram.end(2, began);
        }
        assert_eq!(total().buckets.iter().sum::<u64>(), 26);
    }
}
