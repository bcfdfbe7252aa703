//! How long the instances of auth took to answer.

use tenon_bus::AnswerTimes;

/// Buckets taken of one transport; what comes on top is left out.
const BUCKETS_MAX: usize = 64;

/// A histogram as OpenMetrics has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    /// `udp`, `tcp`, `tls`, `https` or `quic`.
    pub transport: String,
    /// Upper bounds in seconds, the last infinite, with how many messages took at most that and more than the bound before.
    pub buckets: Vec<(f64, u64)>,
    /// Messages.
    pub count: u64,
    /// All times together, in seconds.
    pub sum: f64,
}

/// The transports an instance told of that have names which may stand in every format.
pub fn histograms(told: Vec<AnswerTimes>) -> Vec<Histogram> {
    told.into_iter().filter(|times| is_plain(&times.transport)).take(16).map(histogram).collect()
}

fn histogram(AnswerTimes { transport, mut buckets, nanoseconds }: AnswerTimes) -> Histogram {
    buckets.truncate(BUCKETS_MAX);
    let count = buckets.iter().fold(0, |sum: u64, count| sum.saturating_add(*count));
    let last = buckets.len().saturating_sub(1);
    let bounds = (0..).map(|place: u8| match usize::from(place) {
        place if place >= last => f64::INFINITY,
        _ => f64::from(place).exp2() / 1e6,
    });
    Histogram {
        transport,
        buckets: bounds.zip(buckets).collect(),
        count,
        sum: std::time::Duration::from_nanos(nanoseconds).as_secs_f64(),
    }
}

fn is_plain(transport: &str) -> bool {
    !transport.is_empty() && transport.len() <= 16 && transport.bytes().all(|b| b.is_ascii_lowercase())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn udp() -> Vec<AnswerTimes> {
        vec![AnswerTimes { transport: "udp".into(), buckets: vec![1, 0, 5, 2], nanoseconds: 30_500 }]
    }

    #[test]
    fn bounds_double_and_the_last_is_none() {
        let histograms = histograms(udp());
        assert_eq!(histograms[0].buckets, [(1e-6, 1), (2e-6, 0), (4e-6, 5), (f64::INFINITY, 2)]);
        assert_eq!((histograms[0].count, histograms[0].sum), (8, 0.0000305));
        let odd = AnswerTimes { transport: "a b".into(), buckets: vec![1; 1000], nanoseconds: 0 };
        assert_eq!(super::histograms(vec![odd]), []);
    }
}
