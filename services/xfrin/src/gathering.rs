//! Small zones on their way into the store: all that come while others are being written go in together, since a transaction
//! costs more than a zone.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tenon_datasrc::bulk::SortedRecords;
use tenon_datasrc::{Error, ZoneEntry};
use tokio::sync::oneshot;

/// Most zones that are written together.
const MOST: usize = 64;

type Outcome = Result<ZoneEntry, Error>;

/// See the module.
#[derive(Debug, Default)]
pub struct Gathering(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    waiting: Vec<Waiting>,
    is_writing: bool,
}

#[derive(Debug)]
struct Waiting {
    records: SortedRecords,
    outcome: oneshot::Sender<Outcome>,
}

/// The writing of all that waits, which one does for all; over when dropped, and who waits then is told nothing.
#[derive(Debug)]
pub struct Writing(Arc<Gathering>);

impl Gathering {
    /// Has a zone wait to be written; `begin` is called where nobody writes yet, and has [`Writing::run`] called.
    pub fn wait(
        self: &Arc<Self>,
        records: SortedRecords,
        begin: impl FnOnce(Writing),
    ) -> oneshot::Receiver<Outcome> {
        let (outcome, receiver) = oneshot::channel();
        let is_first = {
            let mut state = self.state();
            state.waiting.push(Waiting { records, outcome });
            !std::mem::replace(&mut state.is_writing, true)
        };
        if is_first {
            begin(Writing(Arc::clone(self)));
        }
        receiver
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writing {
    /// Writes what waits until nothing does. `write` gives what became of each zone, in their order.
    pub fn run(self, write: impl Fn(&[&SortedRecords]) -> Vec<Outcome>) {
        while let Some(batch) = self.next() {
            let zones: Vec<&SortedRecords> = batch.iter().map(|waiting| &waiting.records).collect();
            let outcomes = write(&zones);
            for (waiting, outcome) in batch.into_iter().zip(outcomes) {
                // Who gave up meanwhile is told nothing.
                let _gone = waiting.outcome.send(outcome);
            }
        }
    }

    /// The next ones, or the end of the writing, after which another one may begin.
    fn next(&self) -> Option<Vec<Waiting>> {
        let mut state = self.0.state();
        let many = state.waiting.len().min(MOST);
        state.is_writing = many > 0;
        (many > 0).then(|| state.waiting.drain(..many).collect())
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        // Only after a panic is anything left: otherwise nobody writes any more, or somebody else does.
        if std::thread::panicking() {
            let mut state = self.0.state();
            state.waiting.clear();
            state.is_writing = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tenon_datasrc::bulk::Collector;
    use tenon_wire::Name;

    fn zone(name: &str) -> SortedRecords {
        let origin: Name = name.parse().unwrap();
        Collector::new(origin.as_ref()).finish(Vec::new()).unwrap()
    }

    fn refused(zones: &[&SortedRecords]) -> Vec<Outcome> {
        zones.iter().map(|zone| Err(Error::NoZone { zone: zone.origin().to_name() })).collect()
    }

    fn zone_of(outcome: Outcome) -> String {
        match outcome {
            Err(Error::NoZone { zone }) => zone.to_string(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn who_comes_meanwhile_goes_with_the_next_batch() {
        let gathering = Arc::new(Gathering::default());
        let mut writing = None;
        let mut first = gathering.wait(zone("a."), |begun| writing = Some(begun));
        let mut second = gathering.wait(zone("b."), |_| panic!("somebody writes already"));
        let (third, sizes) = (Mutex::new(None), Mutex::new(Vec::new()));
        writing.unwrap().run(|zones| {
            sizes.lock().unwrap().push(zones.len());
            if zones.len() == 2 {
                let wait = gathering.wait(zone("c."), |_| panic!("somebody writes already"));
                *third.lock().unwrap() = Some(wait);
            }
            refused(zones)
        });
        assert_eq!(*sizes.lock().unwrap(), [2, 1]);
        let mut third = third.into_inner().unwrap().unwrap();
        let told = [&mut first, &mut second, &mut third].map(|told| zone_of(told.try_recv().unwrap()));
        assert_eq!(told, ["a.", "b.", "c."]);
        let mut begun = false;
        drop(gathering.wait(zone("d."), |_| begun = true));
        assert!(begun, "another one may write");
    }

    #[test]
    fn a_writer_that_dies_holds_up_nobody() {
        let gathering = Arc::new(Gathering::default());
        let mut writing = None;
        let mut first = gathering.wait(zone("a."), |begun| writing = Some(begun));
        let writing = writing.unwrap();
        let died = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| writing.run(|_| panic!("dead"))));
        assert!(died.is_err() && first.try_recv().is_err());
        let mut begun = None;
        let mut next = gathering.wait(zone("b."), |writing| begun = Some(writing));
        begun.unwrap().run(refused);
        assert_eq!(zone_of(next.try_recv().unwrap()), "b.");
    }
}
