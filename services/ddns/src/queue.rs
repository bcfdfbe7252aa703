//! Transactions that wait for the one thread that commits.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::answer::Answer;
use crate::transaction::Transaction;

/// A transaction and who waits for its outcome.
#[derive(Debug)]
pub struct Job {
    /// What is to be done.
    pub transaction: Transaction,
    /// What is done with the outcome, once it is on the disk.
    pub answer: Answer,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    jobs: VecDeque<Job>,
    is_closed: bool,
}

/// What there is to do.
#[derive(Debug)]
pub enum Work {
    /// These, all that wait (up to a limit); never none.
    Group(Vec<Job>),
    /// Nothing came for a while.
    Idle,
    /// Nothing will come any more.
    End,
}

impl Queue {
    /// Adds a job unless `most` wait already; then it comes back.
    ///
    /// # Errors
    /// The job.
    pub fn push(&self, job: Job, most: usize) -> Result<(), Job> {
        let mut state = self.state();
        if state.is_closed || state.jobs.len() >= most {
            return Err(job);
        }
        state.jobs.push_back(job);
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    /// Takes all that wait, `most` at most; waits for the first, but for no more than that.
    #[must_use]
    pub fn take(&self, most: usize, patience: Duration) -> Work {
        let is_empty = |state: &mut State| state.jobs.is_empty() && !state.is_closed;
        let (mut state, _) = self
            .changed
            .wait_timeout_while(self.state(), patience, is_empty)
            .unwrap_or_else(PoisonError::into_inner);
        let count = state.jobs.len().min(most.max(1));
        match (count, state.is_closed) {
            (0, true) => Work::End,
            (0, false) => Work::Idle,
            _ => Work::Group(state.jobs.drain(..count).collect()),
        }
    }

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.state().jobs.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes nothing more; what waits is still done.
    pub fn close(&self) {
        self.state().is_closed = true;
        self.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
