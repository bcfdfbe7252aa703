//! Lines about refusals: so many in a time, so that a stranger cannot fill the log; the counters have all.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::statistics::{Statistics, add};

/// Lines in each span of time.
const LINES: u32 = 20;
const SPAN: Duration = Duration::from_secs(10);

/// Lines that may still be logged.
#[derive(Debug)]
pub struct Lines {
    span: Mutex<(Instant, u32)>,
    statistics: Arc<Statistics>,
}

impl Lines {
    /// All of a span.
    #[must_use]
    pub fn new(statistics: Arc<Statistics>) -> Self {
        Self { span: Mutex::new((Instant::now(), LINES)), statistics }
    }

    /// Whether one more may be logged; what may not is counted.
    pub fn take(&self) -> bool {
        let may = self.may(Instant::now());
        add(&self.statistics.refusals_not_logged, u64::from(!may));
        may
    }

    fn may(&self, now: Instant) -> bool {
        let mut span = self.span.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_duration_since(span.0) >= SPAN {
            *span = (now, LINES);
        }
        let left = span.1.checked_sub(1);
        span.1 = left.unwrap_or(0);
        left.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_has_its_lines() {
        let lines = Lines::new(Arc::default());
        let now = Instant::now();
        assert_eq!((0..100).filter(|_| lines.may(now)).count(), 20);
        assert!(lines.may(now + SPAN));
    }
}
