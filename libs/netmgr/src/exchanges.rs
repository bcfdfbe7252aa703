//! The exchanges of one connection over HTTPS or QUIC: a message and its answer each, all at the same time.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Instant;

use crate::seat::Phase;

/// How an exchange ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// A message was answered.
    Useful,
    /// Nothing came of it.
    Useless,
    /// The peer may not do what it did; the connection is to end.
    Violation,
    /// The peer did more than it may at a time; the connection is to end.
    Excess,
}

/// What an exchange waits for, and since when.
#[derive(Debug)]
pub(crate) struct Step(Cell<(Phase, Instant)>);

impl Step {
    /// Begins to wait for something.
    pub(crate) fn enter(&self, phase: Phase) {
        self.0.set((phase, Instant::now()));
    }
}

/// Exchanges under way.
#[derive(Default)]
pub(crate) struct Exchanges(Vec<Exchange>);

struct Exchange {
    step: Rc<Step>,
    future: Pin<Box<dyn Future<Output = Outcome>>>,
}

/// How many exchanges ended, and how.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) useful: usize,
    pub(crate) useless: usize,
    pub(crate) violation: bool,
    pub(crate) excess: bool,
}

impl Tally {
    pub(crate) const fn is_empty(&self) -> bool {
        self.useful == 0 && self.useless == 0 && !self.violation && !self.excess
    }
}

impl Exchanges {
    /// Takes up one more, which waits for its message to become whole.
    pub(crate) fn begin<F>(&mut self, exchange: impl FnOnce(Rc<Step>) -> F)
    where
        F: Future<Output = Outcome> + 'static,
    {
        let step = Rc::new(Step(Cell::new((Phase::Initial, Instant::now()))));
        let future = Box::pin(exchange(Rc::clone(&step)));
        self.0.push(Exchange { step, future });
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Lets each go on, until `enough` says that what they did has to be written first.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>, enough: impl Fn() -> bool) -> Tally {
        let mut tally = Tally::default();
        let mut place = 0;
        while let Some(exchange) = self.0.get_mut(place) {
            if enough() {
                break;
            }
            match exchange.future.as_mut().poll(context) {
                Poll::Pending => {
                    place += 1;
                    continue;
                }
                Poll::Ready(Outcome::Useful) => tally.useful += 1,
                Poll::Ready(Outcome::Useless) => tally.useless += 1,
                Poll::Ready(Outcome::Violation) => tally.violation = true,
                Poll::Ready(Outcome::Excess) => tally.excess = true,
            }
            self.0.swap_remove(place);
        }
        tally
    }

    /// What is waited for: the peer to take replies, before anything else, then the rest of messages, then other
    /// processes; of several the one that has waited for longest.
    pub(crate) fn waiting(&self) -> Option<(Phase, Instant)> {
        let steps = || self.0.iter().map(|exchange| exchange.step.0.get());
        let oldest = |wanted| steps().filter(|(phase, _)| *phase == wanted).min_by_key(|(_, since)| *since);
        oldest(Phase::Writing).or_else(|| oldest(Phase::Initial)).or_else(|| oldest(Phase::Relaying))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{pending, ready};
    use std::task::Waker;

    #[test]
    fn what_ended_is_gone_and_what_waits_is_told() {
        let mut exchanges = Exchanges::default();
        exchanges.begin(|_| ready(Outcome::Useful));
        exchanges.begin(|step| {
            step.enter(Phase::Relaying);
            pending()
        });
        exchanges.begin(|_| ready(Outcome::Useless));
        exchanges.begin(|_| pending());
        let mut context = Context::from_waker(Waker::noop());
        let tally = exchanges.poll(&mut context, || false);
        assert_eq!(tally, Tally { useful: 1, useless: 1, ..Tally::default() });
        assert_eq!((exchanges.len(), exchanges.waiting().unwrap().0), (2, Phase::Initial));
        exchanges.begin(|_| ready(Outcome::Violation));
        assert!(exchanges.poll(&mut context, || true).is_empty());
        assert!(exchanges.poll(&mut context, || false).violation);
    }
}
