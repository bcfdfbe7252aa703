//! How long answering took.

/// How long answering took, for one transport.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerTimes {
    /// `udp`, `tcp`, `tls`, `https` or `quic`.
    pub transport: String,
    /// Messages by the time they took: at place n those of at most 2^n microseconds and more than at the place before; at
    /// the last place those that took longer than all of that.
    pub buckets: Vec<u64>,
    /// All times together, in nanoseconds.
    pub nanoseconds: u64,
}

impl AnswerTimes {
    /// How many messages there were.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.buckets.iter().fold(0, |sum: u64, count| sum.saturating_add(*count))
    }

    /// Messages by the longest time they took in microseconds; the last took longer than all of that.
    pub fn bounded(&self) -> impl Iterator<Item = (Option<u64>, u64)> + '_ {
        let last = self.buckets.len().saturating_sub(1);
        let bound = move |place: usize| {
            let exponent = u32::try_from(place).ok().filter(|_| place < last)?;
            1_u64.checked_shl(exponent)
        };
        self.buckets.iter().enumerate().map(move |(place, count)| (bound(place), *count))
    }

    /// The time in microseconds within which so many hundredths of the messages were answered, as near as the buckets tell;
    /// none when some of these took longer than the last bound, or there were no messages.
    #[must_use]
    pub fn within(&self, hundredths: u8) -> Option<u64> {
        let wanted = (u128::from(self.messages()) * u128::from(hundredths.min(100))).div_ceil(100);
        let mut found = 0_u128;
        let reached = |(_, count): &(Option<u64>, u64)| {
            found += u128::from(*count);
            found >= wanted && found > 0
        };
        self.bounded().find(reached)?.0
    }

    /// Adds what another instance took over the same transport.
    pub fn add(&mut self, other: &Self) {
        if self.buckets.len() < other.buckets.len() {
            self.buckets.resize(other.buckets.len(), 0);
        }
        for (sum, count) in self.buckets.iter_mut().zip(&other.buckets) {
            *sum = sum.saturating_add(*count);
        }
        self.nanoseconds = self.nanoseconds.saturating_add(other.nanoseconds);
    }

    /// The times of several instances added up, in the order in which their transports first come.
    pub fn sums<'a>(instances: impl IntoIterator<Item = &'a Self>) -> Vec<Self> {
        let mut sums: Vec<Self> = Vec::new();
        for times in instances {
            match sums.iter_mut().find(|sum| sum.transport == times.transport) {
                Some(sum) => sum.add(times),
                None => sums.push(times.clone()),
            }
        }
        sums
    }
}

/// Rows of `AnswerTimes` as they go over the bus.
pub(crate) type TimesRow = (String, Vec<u64>, u64);

impl From<TimesRow> for AnswerTimes {
    fn from((transport, buckets, nanoseconds): TimesRow) -> Self {
        Self { transport, buckets, nanoseconds }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(transport: &str, buckets: &[u64], nanoseconds: u64) -> AnswerTimes {
        AnswerTimes { transport: transport.into(), buckets: buckets.to_vec(), nanoseconds }
    }

    #[test]
    fn bounds_double_and_the_last_has_none() {
        let times = times("udp", &[1, 0, 5, 94, 0], 30);
        let bounded: Vec<_> = times.bounded().collect();
        assert_eq!(bounded, [(Some(1), 1), (Some(2), 0), (Some(4), 5), (Some(8), 94), (None, 0)]);
        assert_eq!(times.messages(), 100);
        assert_eq!([0, 1, 2, 6, 7, 100].map(|share| times.within(share)), [1, 1, 4, 4, 8, 8].map(Some));
        assert_eq!(self::times("udp", &[1, 1], 9).within(99), None, "beyond the last bound");
        assert_eq!(self::times("udp", &[0; 22], 0).within(50), None, "nothing was asked");
        assert_eq!(self::times("udp", &[0; 100], 0).bounded().count(), 100);
    }

    #[test]
    fn instances_are_added_up_by_transport() {
        let all = [times("udp", &[1, 2], 3), times("tcp", &[1], u64::MAX), times("udp", &[4, 5, 6], 7)];
        let sums = AnswerTimes::sums(&all);
        assert_eq!(sums, [times("udp", &[5, 7, 6], 10), times("tcp", &[1], u64::MAX)]);
    }
}
