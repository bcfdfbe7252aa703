//! Primaries that did not answer: many zones of one that wait for it at the same time need not all find out.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::primary::Primary;

/// Most primaries that are remembered; all are forgotten when there are more.
const MOST: usize = 4096;

/// See the module.
#[derive(Debug, Default)]
pub struct Silences {
    noted: Mutex<HashMap<Primary, Instant>>,
}

impl Silences {
    /// Whether a primary was found silent after `asked`: an order that came later asks it again, since who gave it may know
    /// that the primary is back.
    pub fn since(&self, asked: Instant, primary: Primary) -> bool {
        self.noted().get(&primary).is_some_and(|noted| *noted > asked)
    }

    /// Notes that a primary is silent now.
    pub fn note(&self, primary: Primary) {
        let mut noted = self.noted();
        if noted.len() >= MOST {
            noted.clear();
        }
        noted.insert(primary, Instant::now());
    }

    /// Notes that it answers.
    pub fn forget(&self, primary: Primary) {
        self.noted().remove(&primary);
    }

    fn noted(&self) -> MutexGuard<'_, HashMap<Primary, Instant>> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_counts_for_orders_that_came_before_it() {
        let (silences, asked) = (Silences::default(), Instant::now());
        let primary = Primary::read("192.0.2.1", 53).unwrap();
        assert!(!silences.since(asked, primary));
        silences.note(primary);
        assert!(silences.since(asked, primary));
        assert!(!silences.since(Instant::now(), primary));
        assert!(!silences.since(asked, Primary::read("192.0.2.1", 54).unwrap()));
        silences.forget(primary);
        assert!(!silences.since(asked, primary));
    }
}
