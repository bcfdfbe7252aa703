//! How long the instances of auth took to answer.

use std::collections::BTreeMap;

use serde::Serialize;
use tenon_bus::AnswerTimes;

/// Buckets taken of one transport; what comes on top is left out.
const BUCKETS_MAX: usize = 64;
/// Transports taken of one instance.
const TRANSPORTS_MAX: usize = 16;

/// A histogram as OpenMetrics has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    /// Upper bounds in seconds, the last infinite, with how many messages took at most that and more than the bound before.
    pub buckets: Vec<(f64, u64)>,
    /// Messages.
    pub count: u64,
    /// All times together, in seconds.
    pub sum: f64,
}

/// The times of one transport, all instances added up, in `/json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Document {
    /// Messages.
    messages: u64,
    /// All times together.
    nanoseconds: u64,
    buckets: Vec<Bucket>,
}

/// Messages that took at most so long and more than the bucket before says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Bucket {
    /// `None` in the last one: longer than all before.
    microseconds: Option<u64>,
    messages: u64,
}

/// What is taken of what an instance told: transports with names that may stand in every format.
pub fn taken(told: Vec<AnswerTimes>) -> Vec<AnswerTimes> {
    let plain = told.into_iter().filter(|times| is_plain(&times.transport));
    let mut taken: Vec<AnswerTimes> = plain.take(TRANSPORTS_MAX).collect();
    taken.iter_mut().for_each(|times| times.buckets.truncate(BUCKETS_MAX));
    taken
}

impl From<&AnswerTimes> for Histogram {
    fn from(times: &AnswerTimes) -> Self {
        let seconds = |bound: u64| std::time::Duration::from_micros(bound).as_secs_f64();
        let buckets = times.bounded().map(|(bound, count)| (bound.map_or(f64::INFINITY, seconds), count));
        Self {
            buckets: buckets.collect(),
            count: times.messages(),
            sum: std::time::Duration::from_nanos(times.nanoseconds).as_secs_f64(),
        }
    }
}

/// Times of all instances by transport.
pub fn documents(sums: &[AnswerTimes]) -> BTreeMap<String, Document> {
    sums.iter().map(|times| (times.transport.clone(), times.into())).collect()
}

impl From<&AnswerTimes> for Document {
    fn from(times: &AnswerTimes) -> Self {
        let buckets = times.bounded().map(|(microseconds, messages)| Bucket { microseconds, messages });
        Self { messages: times.messages(), nanoseconds: times.nanoseconds, buckets: buckets.collect() }
    }
}

fn is_plain(transport: &str) -> bool {
    !transport.is_empty() && transport.len() <= 16 && transport.bytes().all(|b| b.is_ascii_lowercase())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use serde_json::json;

    pub(crate) fn udp() -> Vec<AnswerTimes> {
        vec![AnswerTimes { transport: "udp".into(), buckets: vec![1, 0, 5, 2], nanoseconds: 30_500 }]
    }

    #[test]
    fn bounds_double_and_the_last_is_none() {
        let histogram = Histogram::from(&udp()[0]);
        assert_eq!(histogram.buckets, [(1e-6, 1), (2e-6, 0), (4e-6, 5), (f64::INFINITY, 2)]);
        assert_eq!((histogram.count, histogram.sum), (8, 0.0000305));
        let document = serde_json::to_value(&documents(&udp())["udp"]).unwrap();
        assert_eq!((&document["messages"], &document["nanoseconds"]), (&json!(8), &json!(30_500)));
        assert_eq!(document["buckets"][2], json!({"microseconds": 4, "messages": 5}));
        assert_eq!(document["buckets"][3], json!({"microseconds": null, "messages": 2}));
    }

    #[test]
    fn no_more_is_taken_than_fits_and_nothing_that_would_break_a_format() {
        let told = |transport: &str| AnswerTimes {
            transport: transport.into(),
            buckets: vec![1; 1000],
            nanoseconds: 0,
        };
        let taken = taken(vec![told("a b"), told(""), told("udp")]);
        assert_eq!(
            (taken.len(), taken[0].transport.as_str(), taken[0].buckets.len()),
            (1, "udp", BUCKETS_MAX)
        );
    }
}
