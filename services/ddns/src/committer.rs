//! Writes: takes all transactions that wait, makes one after the other in memory, writes what came of them in one commit for
//! each zone and with one wait for the disk, and then tells everybody.
//!
//! Nobody waits for a group to fill: a commit takes what is there when the one before is done. Groups are committed by a thread
//! of their own; one that comes alone when nothing is being committed is committed and answered by the thread that took it,
//! which saves its client the way through another. A transaction that fails touches no other; when a commit fails, all that
//! were to be in it are told so, those included that only looked at what it would have brought.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use tenon_datasrc::sqlite::{Access, SqliteSource};
use tenon_datasrc::{DataSource, Error};
use tenon_wire::{Name, NameRef};
use tracing::error;

use crate::answer::Answer;
use crate::draft::WorkingZone;
use crate::execute::execute;
use crate::messages;
use crate::news::News;
use crate::queue::{Job, Queue, Work};
use crate::settings::Rules;
use crate::statistics::{Statistics, add};
use crate::transaction::{Outcome, Refusal};

/// How long nothing comes before what replaced versions left is cleared away.
const IDLE: Duration = Duration::from_secs(1);
/// How long it may lie there while there is always something to do.
const TIDY_EVERY: Duration = Duration::from_secs(10);

/// See the module.
#[derive(Debug)]
pub struct Committer {
    store: PathBuf,
    queue: Arc<Queue>,
    rules: Arc<RwLock<Arc<Rules>>>,
    statistics: Arc<Statistics>,
    news: Arc<News>,
    fault: Mutex<Option<String>>,
    /// For who has the turn.
    desk: Mutex<Desk>,
}

/// What is kept from one commit to the next.
#[derive(Debug)]
struct Desk {
    source: Option<SqliteSource>,
    /// When something was last committed, and whether what that left was cleared away since.
    worked: Instant,
    is_tidy: bool,
    tidied: Instant,
}

/// What came of writing zones.
struct Written {
    /// Those that could not be written, or not be brought to the disk.
    failed: BTreeMap<Name, Refusal>,
    /// Those that are visible, with their serials.
    done: Vec<(Name, u32)>,
}

/// Outcomes that wait for the disk, by zone.
type Waiting = Vec<(Name, Outcome, Answer)>;

impl Committer {
    /// For the store at a path.
    #[must_use]
    pub fn new(
        store: &Path,
        queue: Arc<Queue>,
        rules: Arc<RwLock<Arc<Rules>>>,
        statistics: Arc<Statistics>,
        news: Arc<News>,
    ) -> Self {
        let now = Instant::now();
        let desk = Mutex::new(Desk { source: None, worked: now, is_tidy: true, tidied: now });
        Self { store: store.to_owned(), queue, rules, statistics, news, fault: Mutex::default(), desk }
    }

    /// Works until the queue is closed.
    pub fn run(&self) {
        loop {
            let most = self.rules().settings.updates_per_commit as usize;
            let turn = match self.queue.take(most, IDLE) {
                Work::Group(group, turn) => {
                    self.work(group);
                    Some(turn)
                }
                Work::Idle => self.queue.turn(),
                Work::End => return,
            };
            if turn.is_some() {
                self.desk().tidy();
            }
        }
    }

    /// Commits a transaction in this thread, which may wait, if nothing is being committed and nothing waits for that.
    ///
    /// # Errors
    /// The job, when it has to wait for others.
    pub fn commit_alone(&self, job: Job) -> Result<(), Job> {
        let Some(_turn) = self.queue.turn() else { return Err(job) };
        self.work(vec![job]);
        Ok(())
    }

    /// Commits a group; the caller has the turn.
    fn work(&self, group: Vec<Job>) {
        let mut desk = self.desk();
        self.commit_group(&mut desk.source, group);
        (desk.is_tidy, desk.worked) = (false, Instant::now());
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is wrong with the store, if anything.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn commit_group(&self, kept: &mut Option<SqliteSource>, group: Vec<Job>) {
        let source = match self.open(kept) {
            Ok(source) => source,
            Err(error) => {
                self.note(Some(&error));
                let refusal = Refusal::from(error);
                group.into_iter().for_each(|job| job.answer.beside(Err(refusal.clone())));
                return;
            }
        };
        let rules = self.rules();
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let mut zones: BTreeMap<Name, WorkingZone<'_>> = BTreeMap::new();
        let mut waiting = Waiting::new();
        for Job { transaction, answer } in group {
            let name = transaction.zone.clone();
            let outcome = begun(source, &mut zones, &name).and_then(|zone| {
                let policy = rules.serial_policy(name.as_ref());
                execute(zone, transaction, policy, now)
            });
            waiting.push((name, outcome, answer));
        }
        let Written { failed, done } = self.write(source, zones);
        let is_one = waiting.len() == 1;
        for (name, outcome, answer) in waiting {
            let outcome = failed.get(&name).map_or(outcome, |refusal| Err(refusal.clone()));
            if is_one { answer.now(outcome) } else { answer.beside(outcome) }
        }
        // Visible they are in any case.
        self.news.tell(done);
    }

    /// The open store; one that was replaced is opened anew.
    fn open<'s>(&self, kept: &'s mut Option<SqliteSource>) -> Result<&'s SqliteSource, Error> {
        if kept.as_ref().is_some_and(|source| !source.is_current()) {
            *kept = None;
        }
        match kept {
            Some(source) => Ok(source),
            None => Ok(kept.insert(SqliteSource::open(&self.store, Access::ReadWrite)?)),
        }
    }

    /// Writes all zones that changed.
    fn write(&self, source: &SqliteSource, zones: BTreeMap<Name, WorkingZone<'_>>) -> Written {
        let mut changed: Vec<_> = zones.into_iter().filter(|(_, zone)| zone.is_changed()).collect();
        let (mut failed, mut written) = (BTreeMap::new(), Vec::new());
        let is_one = changed.len() == 1;
        for (name, zone) in changed.drain(..) {
            match zone.commit(is_one) {
                Ok(entry) => written.push((name, entry)),
                Err(error) => {
                    self.note(Some(&error));
                    failed.insert(name, Refusal::from(error));
                }
            }
        }
        if !is_one
            && !written.is_empty()
            && let Err(error) = DataSource::sync(source)
        {
            self.note(Some(&error));
            let refusal = Refusal::from(error);
            failed.extend(written.iter().map(|(name, _)| (name.clone(), refusal.clone())));
        }
        if failed.is_empty() && !written.is_empty() {
            self.note(None);
        }
        add(&self.statistics.commits, u64::from(!written.is_empty()));
        let done = written.into_iter().map(|(_, entry)| (entry.origin, entry.serial)).collect();
        Written { failed, done }
    }

    /// Keeps what is wrong with the store, and tells when that is new.
    fn note(&self, error: Option<&Error>) {
        // Of those two there is nothing to mend.
        let error = error.filter(|error| !matches!(error, Error::ZoneBusy { .. } | Error::NoStore { .. }));
        let new = error.map(|error| format!("updates cannot be stored: {error}"));
        let mut fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        if *fault == new {
            return;
        }
        if let Some(reason) = &new {
            error!(message_id = messages::NOT_STORED, reason = %reason, "{reason}");
        }
        *fault = new;
    }
}

impl Desk {
    /// Clears away what replaced versions left, when nothing came for a while or that is long ago.
    fn tidy(&mut self) {
        let is_due = self.worked.elapsed() >= IDLE || self.tidied.elapsed() >= TIDY_EVERY;
        if self.is_tidy || !is_due {
            return;
        }
        (self.is_tidy, self.tidied) = (true, Instant::now());
        if let Some(source) = &self.source {
            // What stays is cleared by whoever comes next.
            let _ = source.clear_leftovers();
        }
    }
}

fn begun<'z, 's>(
    source: &'s SqliteSource,
    zones: &'z mut BTreeMap<Name, WorkingZone<'s>>,
    name: &Name,
) -> Result<&'z mut WorkingZone<'s>, Refusal> {
    use std::collections::btree_map::Entry;
    match zones.entry(name.clone()) {
        Entry::Occupied(there) => Ok(there.into_mut()),
        Entry::Vacant(place) => Ok(place.insert(begin(source, name.as_ref())?)),
    }
}

fn begin<'s>(source: &'s SqliteSource, origin: NameRef<'_>) -> Result<WorkingZone<'s>, Refusal> {
    Ok(WorkingZone::begin(source, origin)?)
}
