//! The ends of tenon-xfrin's jobs, heard by one match rule of the bus for all of them: with a rule for each, ten thousands of
//! zones would keep the bus busier than the transfers do.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value};
use tenon_bus::names::XFRIN;
use tenon_bus::{Bus, BusError, JobEvent, JobState, Jobs1};
use tenon_wire::Name;
use tokio::sync::oneshot;

/// Ends that are remembered for who does not know yet that it waits for one: it may come before the number of the job.
const REMEMBERED: usize = 1000;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Endings(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    waiting: HashMap<u64, (String, oneshot::Sender<Ending>)>,
    recent: VecDeque<(u64, String, Ending)>,
}

/// How a job ended, and what came of it.
pub(super) type Ending = (JobState, Map<String, Value>);

impl Endings {
    /// Hears for as long as the connection lasts.
    ///
    /// # Errors
    /// Those of the bus: nothing is heard.
    pub(super) async fn listen(&self, bus: &Bus) -> Result<(), BusError> {
        let mut events = Jobs1::new(bus, XFRIN).endings().await?;
        while let Some(event) = events.next().await {
            match event {
                JobEvent::Finished { job, subject, result, details } => {
                    self.state().ended(job, subject, (result, details));
                }
                // Whoever waits asks: its sender is gone.
                JobEvent::Lost => self.state().waiting.clear(),
            }
        }
        self.state().waiting.clear();
        Ok(())
    }

    /// The end of a job for this zone, when it comes; an error when it may have been missed.
    pub(super) fn of(&self, job: u64, zone: &Name) -> oneshot::Receiver<Ending> {
        let (sender, receiver) = oneshot::channel();
        let mut state = self.state();
        let zone = zone.to_string();
        // Another service may have a job of that number.
        match state.recent.iter().position(|(number, subject, _)| *number == job && *subject == zone) {
            Some(place) => {
                if let Some((.., ending)) = state.recent.remove(place) {
                    // The receiver is still here.
                    let _ = sender.send(ending);
                }
            }
            None => drop(state.waiting.insert(job, (zone, sender))),
        }
        receiver
    }

    /// Nobody waits for the job any more.
    pub(super) fn forget(&self, job: u64) {
        self.state().waiting.remove(&job);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn ended(&mut self, job: u64, subject: String, ending: Ending) {
        if self.waiting.get(&job).is_some_and(|(zone, _)| *zone == subject)
            && let Some((_, sender)) = self.waiting.remove(&job)
        {
            // Who waited may have given up.
            let _ = sender.send(ending);
            return;
        }
        self.recent.push_back((job, subject, ending));
        if self.recent.len() > REMEMBERED {
            self.recent.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(endings: &Endings, job: u64, zone: &str) {
        endings.state().ended(job, zone.to_owned(), (JobState::Done, Map::new()));
    }

    #[test]
    fn an_end_reaches_who_waits_whichever_comes_first() {
        let endings = Endings::default();
        let zone: Name = "a.test.".parse().unwrap();
        let mut before = endings.of(1, &zone);
        assert!(before.try_recv().is_err());
        end(&endings, 1, "other.test.");
        assert!(before.try_recv().is_err(), "a job of another service");
        end(&endings, 1, "a.test.");
        assert_eq!(before.try_recv().unwrap().0, JobState::Done);
        end(&endings, 2, "a.test.");
        assert_eq!(endings.of(2, &zone).try_recv().unwrap().0, JobState::Done);
        (10..10 + 2 * REMEMBERED as u64).for_each(|job| end(&endings, job, "a.test."));
        assert_eq!(endings.state().recent.len(), REMEMBERED);
        let mut lost = endings.of(5, &zone);
        endings.state().waiting.clear();
        assert_eq!(lost.try_recv(), Err(oneshot::error::TryRecvError::Closed));
    }
}
