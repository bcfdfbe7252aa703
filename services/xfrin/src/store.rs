//! The store of secondary zones, which this service alone writes.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tenon_datasrc::bulk::{self, Rrsets, SortedRecords};
use tenon_datasrc::sqlite::{Access, SqliteSource};
use tenon_datasrc::{DataSource, Edit, Error, ZoneEntry};
use tenon_wire::rdata::Soa;
use tenon_wire::{Name, NameRef, RrType};
use tenon_zone::{Problem, Severity, ZoneChecker};

use crate::gathering::Gathering;
use crate::incoming::Difference;
use crate::pool::{Pool, Pooled};
use crate::shared_sync::SharedSync;

/// Below that many records, a second thread costs more than it saves.
const WORTH_A_THREAD: usize = 20_000;
/// RRsets between two looks at whether to go on.
const LOOK_EVERY: u64 = 1024;
/// Problems of a zone that are told one by one.
const TOLD: usize = 3;
/// Problems that a difference makes which are counted.
const MOST_ERRORS: usize = 1000;
/// Records of a difference that is taken in as one: others wait for their turn to write meanwhile.
const MOST_CHANGES: usize = 250_000;

/// Why a zone that came as a whole was not stored.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be served.
    #[error("the zone cannot be served: {first}{}", more(*.errors))]
    Zone {
        /// How many.
        errors: u64,
        /// The first ones.
        first: String,
    },
    /// A difference does not fit what is stored.
    #[error("the difference does not fit the stored version: {owner} {rrtype} {}", if *.is_added { "is there already" } else { "is not there" })]
    Mismatch {
        /// Where.
        owner: Name,
        /// Which type.
        rrtype: RrType,
        /// A record that should have come; else one that should have gone.
        is_added: bool,
    },
    /// A difference that cannot be taken in as one.
    #[error("{0}")]
    NotAsDifference(&'static str),
    /// Not enough memory.
    #[error("not enough memory to sort the zone")]
    Memory,
    /// It was asked to give up.
    #[error("given up on request")]
    Cancelled,
    /// The check broke down.
    #[error("the check broke down; this is a mistake in this program")]
    Check,
    /// The store does not take it.
    #[error("it cannot be stored: {0}")]
    Store(#[from] Error),
}

/// What a check found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Checked {
    /// Problems that make the zone useless.
    pub errors: u64,
    /// Problems that do not.
    pub warnings: u64,
    /// The first ones of the worse kind there is.
    told: Vec<String>,
}

/// The place of the store. One that was replaced is used at once.
#[derive(Clone, Debug)]
pub struct Store {
    path: PathBuf,
    sync: Arc<SharedSync>,
    pool: Arc<Pool>,
    gathering: Arc<Gathering>,
}

/// A stored zone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredZone {
    /// As the store lists it.
    pub entry: ZoneEntry,
    /// The numbers of its SOA record.
    pub soa: Soa,
}

impl Store {
    /// The store at this path, which is made when it is first used.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), sync: Arc::default(), pool: Arc::default(), gathering: Arc::default() }
    }

    /// Opens the store, made if it is not there yet, or takes it as somebody else left it open.
    ///
    /// # Errors
    /// Those of opening.
    pub fn open(&self) -> Result<Pooled, Error> {
        if let Some(source) = self.pool.take() {
            return Ok(Pooled::new(source, &self.pool));
        }
        let opened = match SqliteSource::open(&self.path, Access::ReadWrite) {
            // Making one takes a turn among the writers, which those who only look need not wait for.
            Err(Error::NoStore { .. }) => SqliteSource::open(&self.path, Access::Create),
            opened => opened,
        };
        opened.map(|source| Pooled::new(Arc::new(source), &self.pool))
    }

    /// The database file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// One stored zone.
    ///
    /// # Errors
    /// Those of opening and reading.
    pub fn zone(&self, origin: NameRef<'_>) -> Result<Option<StoredZone>, Error> {
        let source = self.open()?;
        source.zone(origin)?.map(|entry| with_soa(&source, entry)).transpose().map(Option::flatten)
    }

    /// At most `limit` stored zones behind `after`, in canonical order.
    ///
    /// # Errors
    /// Those of opening and reading.
    pub fn zones(&self, after: Option<NameRef<'_>>, limit: usize) -> Result<Vec<StoredZone>, Error> {
        let source = self.open()?;
        let zones = source.zones(after, limit)?.into_iter();
        zones.filter_map(|entry| with_soa(&source, entry).transpose()).collect()
    }

    /// How many zones there are.
    ///
    /// # Errors
    /// Those of opening and reading.
    pub fn count(&self) -> Result<usize, Error> {
        let (source, mut count) = (self.open()?, 0);
        let mut last: Option<ZoneEntry> = None;
        loop {
            let page = source.zones(last.as_ref().map(|zone| zone.origin.as_ref()), 1000)?;
            count += page.len();
            match page.into_iter().next_back() {
                Some(entry) => last = Some(entry),
                None => return Ok(count),
            }
        }
    }

    /// Checks the zone as a whole and makes it the current version; tells `progress` how many records are stored. `stop`
    /// says whether to give up. Whatever fails leaves the version before, and nothing of the new one. It may not be on the disk
    /// before [`Self::synced`].
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn put(
        &self,
        records: &SortedRecords,
        progress: &dyn Fn(u64),
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Result<(ZoneEntry, Checked), StoreError> {
        let source = self.open()?;
        if records.count() < WORTH_A_THREAD {
            let checked = check(records, &AtomicBool::new(false), stop).passed()?;
            let writer = bulk::write(&*source, records, &mut |_| flow(stop()))?;
            let writer = writer.ok_or(StoreError::Cancelled)?;
            // A small zone's cost is the wait for the disk, which is shared with others.
            return Ok((writer.commit_unsynced()?, checked));
        }
        let (hopeless, failed) = (AtomicBool::new(false), AtomicBool::new(false));
        let stop_checking = || stop() || failed.load(Ordering::Relaxed);
        std::thread::scope(|scope| {
            let checking = scope.spawn(|| check(records, &hopeless, &stop_checking));
            let writer = bulk::write(&*source, records, &mut |written| {
                progress(written);
                flow(stop() || hopeless.load(Ordering::Relaxed))
            });
            failed.store(writer.is_err(), Ordering::Relaxed);
            let checked = checking.join().map_err(|_| StoreError::Check)?;
            let writer = writer?;
            let checked = checked.passed()?;
            match writer {
                Some(writer) if !stop() => Ok((writer.commit_unsynced()?, checked)),
                _ => Err(StoreError::Cancelled),
            }
        })
    }

    /// Checks a small zone as a whole.
    ///
    /// # Errors
    /// [`StoreError::Zone`].
    pub fn check(&self, records: &SortedRecords) -> Result<Checked, StoreError> {
        check(records, &AtomicBool::new(false), &|| false).passed()
    }

    /// Makes a small zone that was checked the current version, together with others that come meanwhile, and returns when
    /// it is on the disk. Whatever fails leaves the version before.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn put_small(&self, records: SortedRecords) -> Result<ZoneEntry, Error> {
        let (store, writer) = (self.clone(), self.clone());
        let entry = self.gathering.wait(records, move |writing| {
            drop(tokio::task::spawn_blocking(move || writing.run(|zones| writer.put_together(zones))));
        });
        let gone = |_| Err(store.broke_off(&"nobody wrote it"));
        let entry = entry.await.unwrap_or_else(gone)?;
        self.synced().await?;
        Ok(entry)
    }

    fn put_together(&self, zones: &[&SortedRecords]) -> Vec<Result<ZoneEntry, Error>> {
        match self.open() {
            Ok(source) => bulk::write_together(&*source, zones),
            // Each is told why for itself.
            Err(_) => zones.iter().flat_map(|zone| self.put_alone(zone)).collect(),
        }
    }

    fn put_alone(&self, zone: &SortedRecords) -> Vec<Result<ZoneEntry, Error>> {
        match self.open() {
            Ok(source) => bulk::write_together(&*source, &[zone]),
            Err(error) => vec![Err(error)],
        }
    }

    /// Tries a difference on the stored version, checks what it touches, and makes the outcome the current version.
    /// Whatever fails leaves the version before. It may not be on the disk before [`Self::synced`].
    ///
    /// # Errors
    /// See [`StoreError`].
    pub fn put_difference(
        &self,
        zone: NameRef<'_>,
        difference: &Difference,
        stop: &dyn Fn() -> bool,
    ) -> Result<ZoneEntry, StoreError> {
        if difference.count() > MOST_CHANGES {
            return Err(StoreError::NotAsDifference("it changes more records than one transaction should"));
        }
        let source = self.open()?;
        let mut change = source.change(zone)?;
        if change.before().serial != difference.from_serial {
            return Err(StoreError::NotAsDifference("the stored version changed meanwhile"));
        }
        let mut edit = Edit::new(&*source, change.before().clone());
        for (number, record) in difference.changes().enumerate() {
            if (number as u64).is_multiple_of(LOOK_EVERY) && stop() {
                return Err(StoreError::Cancelled);
            }
            let (owner, rrtype, is_added) = (record.owner, record.rrtype, record.is_added);
            let fits = if is_added {
                edit.add(owner, rrtype, record.ttl, record.rdata)?
            } else {
                edit.delete(owner, rrtype, record.rdata)?
            };
            if !fits {
                return Err(StoreError::Mismatch { owner: owner.to_name(), rrtype, is_added });
            }
        }
        let check = edit.check(MOST_ERRORS)?;
        if !check.errors.is_empty() {
            let told: Vec<String> = check.errors.iter().take(TOLD).map(ToString::to_string).collect();
            return Err(StoreError::Zone { errors: check.errors.len() as u64, first: told.join("; ") });
        }
        if check.hides.is_some() {
            return Err(StoreError::NotAsDifference(
                "a DNAME record came above names, which only a whole zone tells",
            ));
        }
        edit.apply(&mut *change)?;
        Ok(change.commit_unsynced()?)
    }

    /// Returns when all that was put before is on the disk.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn synced(&self) -> Result<(), Error> {
        let sync = || async {
            let store = self.clone();
            let synced = tokio::task::spawn_blocking(move || store.open()?.sync()).await;
            synced.unwrap_or_else(|error| Err(self.broke_off(&error)))
        };
        self.sync.wait(sync).await
    }

    /// What work on a thread that ended without an outcome comes to.
    pub fn broke_off(&self, error: &dyn std::fmt::Display) -> Error {
        let reason = format!("the work broke off, which is a mistake in this program: {error}");
        Error::Engine { path: self.path.clone(), reason }
    }
}

fn flow(is_over: bool) -> ControlFlow<()> {
    if is_over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

/// Checks a whole zone; sets `hopeless` when it has an error, and gives up when `stop` says so.
fn check(records: &SortedRecords, hopeless: &AtomicBool, stop: &dyn Fn() -> bool) -> Checked {
    let mut checked = Checked::default();
    let mut checker = ZoneChecker::new(records.origin());
    let mut rrsets = Rrsets::new(records);
    while let Some((rrset, _)) = rrsets.next_rrset() {
        checker.rrset(rrset, &mut |problem| checked.note(&problem));
        if rrsets.rrsets.is_multiple_of(LOOK_EVERY) {
            if stop() {
                return checked;
            }
            hopeless.fetch_or(checked.errors > 0, Ordering::Relaxed);
        }
    }
    checker.finish(&mut |problem| checked.note(&problem));
    hopeless.fetch_or(checked.errors > 0, Ordering::Relaxed);
    checked
}

impl Checked {
    /// Counts a problem.
    pub(crate) fn note(&mut self, problem: &Problem) {
        match problem.severity() {
            Severity::Error => {
                if self.errors == 0 {
                    self.told.clear();
                }
                self.errors += 1;
            }
            Severity::Warning => self.warnings += 1,
        }
        let is_worst = problem.severity() == Severity::Error || self.errors == 0;
        if is_worst && self.told.len() < TOLD {
            self.told.push(problem.to_string());
        }
    }

    /// Itself, unless there are errors.
    pub(crate) fn passed(self) -> Result<Self, StoreError> {
        if self.errors == 0 {
            return Ok(self);
        }
        Err(StoreError::Zone { errors: self.errors, first: self.first() })
    }

    /// The first problems, in one line.
    pub fn first(&self) -> String {
        self.told.join("; ")
    }
}

/// How many errors there are beside those that are told.
fn more(errors: u64) -> String {
    match errors.saturating_sub(TOLD as u64) {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    }
}

/// Adds the numbers of the SOA record; none when the zone was removed meanwhile.
fn with_soa(source: &SqliteSource, mut entry: ZoneEntry) -> Result<Option<StoredZone>, Error> {
    loop {
        match soa(source, &entry) {
            Ok(soa) => return Ok(soa.map(|soa| StoredZone { entry, soa })),
            // It was replaced between two looks: what replaced it is read.
            Err(Error::VersionGone { .. }) => match source.zone(entry.origin.as_ref())? {
                Some(next) if next.version != entry.version => entry = next,
                _ => return Ok(None),
            },
            Err(error) => return Err(error),
        }
    }
}

fn soa(source: &SqliteSource, entry: &ZoneEntry) -> Result<Option<Soa>, Error> {
    let mut soa = None;
    source.read(entry, &mut |rrset| {
        if rrset.owner != entry.origin.as_ref() {
            return ControlFlow::Break(());
        }
        if rrset.rrtype != RrType::SOA {
            return ControlFlow::Continue(());
        }
        soa = rrset.rdatas.iter().next().and_then(Soa::read);
        ControlFlow::Break(())
    })?;
    Ok(soa)
}
