//! Transactions that wait to be committed, and whose turn it is to do that.

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
    /// Somebody has the turn.
    is_busy: bool,
    /// Somebody takes what comes.
    is_served: bool,
    is_closed: bool,
}

/// The right to commit, until dropped.
#[derive(Debug)]
pub struct Turn<'q>(&'q Queue);

/// What there is to do.
#[derive(Debug)]
pub enum Work<'q> {
    /// These, all that wait (up to a limit); never none.
    Group(Vec<Job>, Turn<'q>),
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

    /// Takes all that wait, `most` at most; waits for the first and for the turn, but for no more than that.
    #[must_use]
    pub fn take(&self, most: usize, patience: Duration) -> Work<'_> {
        let waits = |state: &mut State| state.is_busy || state.jobs.is_empty() && !state.is_closed;
        let mut state = self.state();
        state.is_served = true;
        let (mut state, _) =
            self.changed.wait_timeout_while(state, patience, waits).unwrap_or_else(PoisonError::into_inner);
        let count = if state.is_busy { 0 } else { state.jobs.len().min(most.max(1)) };
        match (count, state.is_closed && !state.is_busy) {
            (0, true) => Work::End,
            (0, false) => Work::Idle,
            _ => {
                state.is_busy = true;
                Work::Group(state.jobs.drain(..count).collect(), Turn(self))
            }
        }
    }

    /// The turn, when nobody has it and nothing waits.
    #[must_use]
    pub fn turn(&self) -> Option<Turn<'_>> {
        let mut state = self.state();
        if state.is_busy || !state.is_served || state.is_closed || !state.jobs.is_empty() {
            return None;
        }
        state.is_busy = true;
        Some(Turn(self))
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

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.is_busy = false;
        let is_awaited = state.is_closed || !state.jobs.is_empty();
        drop(state);
        if is_awaited {
            self.0.changed.notify_one();
        }
    }
}
