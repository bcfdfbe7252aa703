//! Long work that was asked for over the bus: what is under way, how far it is, and how it ended.
//!
//! A service has one [`Jobs`]; each piece of work holds an [`OpenJob`], tells it how far it is, and looks at whether it is
//! to give up. `jobs/bus.rs` shows both as `org.tenon.Jobs1`. What is kept is bounded: so many jobs may be under way, and
//! so many that ended are remembered, the oldest forgotten first.

pub mod bus;

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value};
pub use tenon_bus::{JobState, JobStatus};
use tokio::sync::{mpsc, watch};

use crate::now_usec;

/// Ends of jobs that wait to be told on the bus; when there are more, some are not told: they are hints.
const MOST_NEWS: usize = 4096;

/// The jobs of a service. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Jobs {
    shared: Arc<Shared>,
}

/// As many jobs are under way as may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{open} jobs are under way or wait, and no more may; try again later")]
pub struct TooManyJobs {
    /// How many.
    pub open: usize,
}

/// A job that is under way, in the hands of who does it. Dropped without an end it counts as failed.
#[derive(Debug)]
pub struct OpenJob {
    shared: Arc<Shared>,
    number: u64,
    progress: Arc<Progress>,
    cancelled: watch::Receiver<bool>,
}

/// A job that ended, to be told on the bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FinishedJob {
    number: u64,
    subject: String,
    result: JobState,
    details: Map<String, Value>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    news: mpsc::Sender<FinishedJob>,
}

#[derive(Debug)]
struct State {
    jobs: BTreeMap<u64, Job>,
    /// Those that ended, in the order in which they did.
    ended: VecDeque<u64>,
    next: u64,
    most_open: usize,
    most_ended: usize,
}

#[derive(Debug)]
struct Job {
    status: JobStatus,
    progress: Arc<Progress>,
    cancel: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct Progress {
    done: AtomicU64,
}

impl Jobs {
    /// No jobs yet; at most `most_open` under way and `most_ended` remembered. The receiver is for [`bus::tell`].
    pub fn new(most_open: usize, most_ended: usize) -> (Self, mpsc::Receiver<FinishedJob>) {
        let (news, receiver) = mpsc::channel(MOST_NEWS);
        let state = State {
            jobs: BTreeMap::new(),
            ended: VecDeque::new(),
            // The time: no number of an earlier process comes again.
            next: now_usec(),
            most_open,
            most_ended,
        };
        (Self { shared: Arc::new(Shared { state: Mutex::new(state), news }) }, receiver)
    }

    /// Changes how many may be under way; those that are stay.
    pub fn set_most_open(&self, most_open: usize) {
        self.shared.state().most_open = most_open;
    }

    /// Begins a job that waits for its turn.
    ///
    /// # Errors
    /// [`TooManyJobs`].
    pub fn begin(&self, kind: &str, subject: &str) -> Result<OpenJob, TooManyJobs> {
        let mut state = self.shared.state();
        let open = state.jobs.len() - state.ended.len();
        if open >= state.most_open {
            return Err(TooManyJobs { open });
        }
        let number = state.next;
        state.next += 1;
        let (cancel, cancelled) = watch::channel(false);
        let progress = Arc::new(Progress::default());
        let status = JobStatus {
            job: number,
            kind: kind.to_owned(),
            subject: subject.to_owned(),
            state: JobState::Waiting,
            phase: String::new(),
            done: 0,
            total: 0,
            unit: String::new(),
            begun_usec: now_usec(),
            finished_usec: 0,
            details: Map::new(),
        };
        state.jobs.insert(number, Job { status, progress: Arc::clone(&progress), cancel });
        Ok(OpenJob { shared: Arc::clone(&self.shared), number, progress, cancelled })
    }

    /// At most `limit` jobs with numbers above `after`.
    pub fn list(&self, after: u64, limit: usize) -> Vec<JobStatus> {
        let state = self.shared.state();
        state.jobs.range(after.saturating_add(1)..).take(limit).map(|(_, job)| job.now()).collect()
    }

    /// One job; none when there is no such, or not any more.
    pub fn get(&self, number: u64) -> Option<JobStatus> {
        self.shared.state().jobs.get(&number).map(Job::now)
    }

    /// Asks for a job to be given up; false when there is no such. One that has ended stays as it is.
    pub fn cancel(&self, number: u64) -> bool {
        self.shared.state().jobs.get(&number).map(|job| job.cancel.send_replace(true)).is_some()
    }

    /// Asks for all jobs to be given up.
    pub fn cancel_all(&self) {
        self.shared.state().jobs.values().for_each(|job| {
            job.cancel.send_replace(true);
        });
    }

    /// How many jobs are waiting, and how many are running.
    pub fn open(&self) -> (usize, usize) {
        let state = self.shared.state();
        let count = |wanted| state.jobs.values().filter(|job| job.status.state == wanted).count();
        (count(JobState::Waiting), count(JobState::Running))
    }
}

impl OpenJob {
    /// Its number.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Its turn has come, or it goes into another phase: `phase` says what it does, for people; `total` is how much there
    /// is to do of `unit` (0: not known).
    pub fn enter(&self, phase: &str, unit: &str, total: u64) {
        let mut state = self.shared.state();
        let Some(job) = state.jobs.get_mut(&self.number).filter(|job| !job.status.state.is_end()) else {
            return;
        };
        job.progress.done.store(0, Ordering::Relaxed);
        let status = &mut job.status;
        status.state = JobState::Running;
        (status.phase, status.unit, status.total) = (phase.to_owned(), unit.to_owned(), total);
    }

    /// So much of the phase is done. Costs next to nothing.
    pub fn set_done(&self, done: u64) {
        self.progress.done.store(done, Ordering::Relaxed);
    }

    /// Whether it is to be given up.
    pub fn is_cancelled(&self) -> bool {
        *self.cancelled.borrow()
    }

    /// Returns when it is to be given up.
    pub async fn cancelled(&self) {
        // The sender lives as long as the job is open.
        let _ = self.cancelled.clone().wait_for(|cancelled| *cancelled).await;
    }

    /// Ends it; `result` is an end. Only the first end counts.
    pub fn finish(&self, result: JobState, details: Map<String, Value>) {
        let mut state = self.shared.state();
        let Some(job) = state.jobs.get_mut(&self.number).filter(|job| !job.status.state.is_end()) else {
            return;
        };
        job.status.done = self.progress.done.load(Ordering::Relaxed);
        job.status.state = result;
        job.status.finished_usec = now_usec();
        job.status.details.clone_from(&details);
        let subject = job.status.subject.clone();
        state.ended.push_back(self.number);
        while state.ended.len() > state.most_ended {
            if let Some(oldest) = state.ended.pop_front() {
                state.jobs.remove(&oldest);
            }
        }
        // When so many wait already, who waits for them looks anyway.
        let _ = self.shared.news.try_send(FinishedJob { number: self.number, subject, result, details });
    }
}

impl Drop for OpenJob {
    fn drop(&mut self) {
        let reason = Value::from("the work broke off; this is a mistake in this program");
        self.finish(JobState::Failed, Map::from_iter([("reason".to_owned(), reason)]));
    }
}

impl Job {
    fn now(&self) -> JobStatus {
        let mut status = self.status.clone();
        if !status.state.is_end() {
            status.done = self.progress.done.load(Ordering::Relaxed);
        }
        status
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Each change is one step: what a panicking holder left is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_job_waits_runs_and_ends() {
        let (jobs, mut news) = Jobs::new(2, 8);
        let job = jobs.begin("refresh", "example.").unwrap();
        assert_eq!(jobs.get(job.number()).unwrap().state, JobState::Waiting);
        job.enter("receiving", "octets", 100);
        job.set_done(40);
        let now = jobs.get(job.number()).unwrap();
        assert_eq!(
            (now.state, now.done, now.total, now.unit.as_str()),
            (JobState::Running, 40, 100, "octets")
        );
        assert_eq!(jobs.open(), (0, 1));
        assert!(!job.is_cancelled());
        assert!(jobs.cancel(job.number()));
        job.cancelled().await;
        job.finish(JobState::Cancelled, Map::new());
        job.finish(JobState::Done, Map::new());
        assert_eq!(news.recv().await.unwrap().result, JobState::Cancelled);
        let number = job.number();
        drop(job);
        let ended = jobs.get(number).unwrap();
        assert_eq!((ended.state, ended.done), (JobState::Cancelled, 40));
        assert!(ended.finished_usec >= ended.begun_usec && news.try_recv().is_err());
    }

    #[test]
    fn what_is_kept_is_bounded_and_the_newest() {
        let (jobs, _news) = Jobs::new(2, 3);
        let first = jobs.begin("a", "1").unwrap();
        let _second = jobs.begin("a", "2").unwrap();
        assert_eq!(jobs.begin("a", "3").unwrap_err(), TooManyJobs { open: 2 });
        drop(first);
        let numbers: Vec<u64> = (0..5).map(|n| jobs.begin("b", &n.to_string()).unwrap().number()).collect();
        // One under way and three that ended; the work above broke off.
        let listed = jobs.list(0, 100);
        assert_eq!(listed.len(), 4);
        assert_eq!(jobs.get(numbers[1]), None);
        assert_eq!(jobs.get(numbers[4]).unwrap().state, JobState::Failed);
        assert!(jobs.get(numbers[4]).unwrap().reason().contains("broke off"));
        assert_eq!(jobs.list(numbers[3], 100).len(), 1);
        assert_eq!(jobs.list(0, 2).len(), 2);
        assert!(!jobs.cancel(numbers[0]));
    }
}
