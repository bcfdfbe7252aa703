//! One zone from its file into the store.

use std::fs::{self, File};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use tenon_datasrc::bulk::{self, Collector, SortedRecords, StoredRecord};
use tenon_datasrc::master::{self, Item, Limits, Summary};
use tenon_datasrc::sqlite::SqliteSource;
use tenon_datasrc::{DataSource, Error, ZoneEntry, ZoneWriter};
use tenon_wire::serial::is_newer;
use tenon_wire::{Name, NameRef};

use crate::check::{check, serial};
use crate::findings::{Finding, Findings, Severity};
use crate::loading::{Loading, Stored};
use crate::outcome::{Outcome, ZoneResult};
use crate::progress::Progress;
use crate::signals::Stop;
use crate::store;
use crate::zone_list::Job;

/// Below that many records, a second thread costs more than it saves.
const WORTH_A_THREAD: usize = 20_000;
/// Records from which on it is told that a zone is coming, once a quarter of as many are written.
const LARGE: u64 = 100_000;
/// Records up to which a zone can be stored together with others.
const SMALL: usize = 1000;
/// Records between two looks at progress and signals.
const LOOK_EVERY: usize = 8192;

/// What a text without a file of its own is called where its mistakes are told.
pub const SENT: &str = "(sent)";

/// Loads zones, or only checks them.
pub struct Loader<'a> {
    /// Where zones go; none to check only.
    pub source: Option<&'a SqliteSource>,
    /// Store a zone though its serial goes back or nothing changed.
    pub force: bool,
    /// Where progress is shown.
    pub progress: &'a Progress,
    /// Whether to give up.
    pub stop: &'a Stop,
    /// Which version is to be replaced.
    pub expect: Expect,
    /// Told once of a large zone when it is being stored and a part of it can be seen.
    pub coming: &'a dyn Fn(NameRef<'_>),
}

/// Which version of a zone is to be replaced; of any other nothing is touched.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Expect {
    /// Whatever there is, or none.
    #[default]
    Anything,
    /// None: the zone is new.
    Absent,
    /// The one with this serial.
    Serial(u32),
}

impl Expect {
    /// Why the version that is there is not the one; `None` when it is.
    #[must_use]
    pub fn missed(self, zone: NameRef<'_>, stored: Option<&ZoneEntry>) -> Option<String> {
        match (self, stored) {
            (Self::Anything, _) | (Self::Absent, None) => None,
            (Self::Absent, Some(stored)) => {
                Some(format!("zone {zone} is there already, with serial {}", stored.serial))
            }
            (Self::Serial(_), None) => Some(format!("zone {zone} is not there (any more)")),
            (Self::Serial(serial), Some(stored)) => (stored.serial != serial)
                .then(|| format!("zone {zone} has serial {} by now, not {serial}", stored.serial)),
        }
    }
}

/// Shows records and problems of a text to a visitor.
type Reading<'r> = dyn FnMut(&mut dyn FnMut(Item<'_>) -> ControlFlow<()>) -> Summary + 'r;

/// What became of a zone that may be stored together with others.
#[derive(Debug)]
pub enum First {
    /// It is done.
    Done(Box<ZoneResult>),
    /// It is small and good, and is to be stored ([`Loader::store_together`]).
    Small(Box<Small>),
}

impl First {
    fn to_be_stored(&self) -> Option<&SortedRecords> {
        match self {
            Self::Small(zone) => Some(&zone.records),
            Self::Done(_) => None,
        }
    }
}

/// A small zone that was found good.
#[derive(Debug)]
pub struct Small {
    records: SortedRecords,
    loading: Loading,
}

impl Loader<'_> {
    /// Does one job. All that goes wrong is in the result.
    #[must_use]
    pub fn load(&self, job: &Job) -> ZoneResult {
        let size = fs::metadata(&job.file).map_or(0, |metadata| metadata.len());
        self.load_from(&job.zone, size, &mut |visit| {
            master::read_file(&job.file, job.zone.as_ref(), &Limits::default(), visit)
        })
    }

    /// As [`Self::load`], from a file that is open; nothing may be included.
    #[must_use]
    pub fn load_open(&self, zone: &Name, file: File) -> ZoneResult {
        let size = file.metadata().map_or(0, |metadata| metadata.len());
        let mut file = Some(file);
        self.load_from(zone, size, &mut |visit| match file.take() {
            Some(file) => master::read_open(file, Path::new(SENT), zone.as_ref(), &Limits::default(), visit),
            None => Summary::default(),
        })
    }

    fn load_from(&self, zone: &Name, size: u64, reading: &mut Reading<'_>) -> ZoneResult {
        let mut loading = Loading::begin(zone.as_ref());
        if let Some(records) = self.read(zone.as_ref(), size, reading, &mut loading) {
            self.check_and_store(&records, &mut loading);
        }
        loading.end(self.stop)
    }

    /// As [`Self::load`], but does not store a small zone yet.
    #[must_use]
    pub fn load_first(&self, job: &Job) -> First {
        let size = fs::metadata(&job.file).map_or(0, |metadata| metadata.len());
        let mut loading = Loading::begin(job.zone.as_ref());
        let reading: &mut Reading<'_> =
            &mut |visit| master::read_file(&job.file, job.zone.as_ref(), &Limits::default(), visit);
        if let Some(records) = self.read(job.zone.as_ref(), size, reading, &mut loading) {
            match (self.source, loading.result.serial) {
                (Some(source), Some(serial)) if records.count() <= SMALL => {
                    let began = Instant::now();
                    let judged = match self.judge(source, &records, serial, &mut loading.findings) {
                        Ok(None) if !self.is_good(&records, &mut loading.findings) => Ok(Stored::GivenUp),
                        Ok(None) => return First::Small(Box::new(Small { records, loading })),
                        Ok(Some(settled)) => Ok(settled),
                        Err(error) => Err(error),
                    };
                    loading.settle(judged, began);
                }
                _ => self.check_and_store(&records, &mut loading),
            }
        }
        First::Done(Box::new(loading.end(self.stop)))
    }

    /// Stores those that are to be stored, in as few transactions as is good, and visible at once but not waiting for the disk.
    /// What became of each, in their order.
    #[must_use]
    pub fn store_together(&self, zones: Vec<First>) -> Vec<ZoneResult> {
        let began = Instant::now();
        let records: Vec<&SortedRecords> = zones.iter().filter_map(First::to_be_stored).collect();
        let mut outcomes =
            self.source.map(|source| bulk::write_together(source, &records)).unwrap_or_default().into_iter();
        let end = |first| match first {
            First::Done(result) => *result,
            First::Small(zone) => {
                let mut loading = zone.loading;
                if let Some(outcome) = outcomes.next() {
                    loading.settle(outcome.map(Stored::Committed), began);
                }
                loading.end(self.stop)
            }
        };
        zones.into_iter().map(end).collect()
    }

    /// Reads the file into sorted records; none when it has errors or a signal came.
    fn read(
        &self,
        origin: NameRef<'_>,
        size: u64,
        reading: &mut Reading<'_>,
        loading: &mut Loading,
    ) -> Option<SortedRecords> {
        let findings = &mut loading.findings;
        let mut phase = self.progress.phase(format!("{origin} reading"), "octets", size);
        let mut collector = Collector::new(origin);
        let mut since = 0;
        let summary = reading(&mut |item| {
            match item {
                Item::Record(record) => {
                    if !collector.add(&stored(&record)) {
                        let reason = format!("{} is not in the zone {origin}", record.owner);
                        findings.add(Finding::at(Severity::Error, record.path, record.line, reason));
                        if findings.errors >= Limits::default().errors {
                            return ControlFlow::Break(());
                        }
                    }
                    since += 1;
                    if since >= LOOK_EVERY {
                        since = 0;
                        phase.set(record.octets_read);
                        if self.stop.signal().is_some() {
                            return ControlFlow::Break(());
                        }
                    }
                }
                Item::Problem(problem) => findings.add(problem.into()),
            }
            ControlFlow::Continue(())
        });
        if findings.errors > 0 || summary.stopped {
            return None;
        }
        let sorted = collector.finish(summary.files);
        if sorted.is_none() {
            findings.add(Finding::general(Severity::Error, "not enough memory to sort the zone".to_owned()));
        }
        if let Some(records) = &sorted {
            loading.result.serial = serial(records);
            loading.result.records = records.count() as u64;
        }
        sorted
    }

    fn check_and_store(&self, records: &SortedRecords, loading: &mut Loading) {
        let (Some(source), Some(new)) = (self.source, loading.result.serial) else {
            // Without an SOA record there is nothing to store; the check says so.
            let checked = check(records, &AtomicBool::new(false), &|| self.stop.signal().is_some());
            (loading.result.rrsets, loading.result.records) = (checked.rrsets, checked.records);
            loading.findings.merge(checked.findings);
            if loading.findings.errors == 0 {
                loading.result.outcome = Outcome::Checked;
            }
            return;
        };
        let began = Instant::now();
        let stored = self.store(source, records, new, &mut loading.findings);
        loading.settle(stored, began);
    }

    fn store(
        &self,
        source: &SqliteSource,
        records: &SortedRecords,
        serial: u32,
        findings: &mut Findings,
    ) -> Result<Stored, Error> {
        if let Some(settled) = self.judge(source, records, serial, findings)? {
            return Ok(settled);
        }
        if records.count() >= WORTH_A_THREAD {
            return self.check_beside_storing(source, records, findings);
        }
        if !self.is_good(records, findings) {
            return Ok(Stored::GivenUp);
        }
        let writer = store::write(source, records, &mut |_| (), &|| self.stop.signal().is_some())?;
        writer.map_or(Ok(Stored::GivenUp), |writer| self.commit(source, records, writer))
    }

    /// Compares with what is stored; none when the zone is to be stored.
    fn judge(
        &self,
        source: &SqliteSource,
        records: &SortedRecords,
        serial: u32,
        findings: &mut Findings,
    ) -> Result<Option<Stored>, Error> {
        let current = source.zone(records.origin())?;
        if let Some(reason) = self.expect.missed(records.origin(), current.as_ref()) {
            return Ok(Some(Stored::Missed(reason)));
        }
        if let Some(current) = current.as_ref().filter(|_| !self.force) {
            if current.serial == serial
                && store::is_same(source, current, records, &|| self.stop.signal().is_some())?
            {
                return Ok(Some(Stored::Unchanged(current.clone())));
            }
            if self.stop.signal().is_some() {
                return Ok(Some(Stored::GivenUp));
            }
            if let Some(finding) = judge_serial(records.origin(), current.serial, serial) {
                findings.add(finding);
            }
        }
        Ok((findings.errors > 0).then_some(Stored::GivenUp))
    }

    /// Whether the zone as a whole has no errors.
    fn is_good(&self, records: &SortedRecords, findings: &mut Findings) -> bool {
        findings.merge(check(records, &AtomicBool::new(false), &|| self.stop.signal().is_some()).findings);
        findings.errors == 0
    }

    /// Checks the zone in one thread while another writes it; only a zone found good becomes current.
    fn check_beside_storing(
        &self,
        source: &SqliteSource,
        records: &SortedRecords,
        findings: &mut Findings,
    ) -> Result<Stored, Error> {
        let hopeless = AtomicBool::new(false);
        let failed = AtomicBool::new(false);
        let what = format!("{} checking and storing", records.origin());
        let mut phase = self.progress.phase(what, "records", records.count() as u64);
        let stop_checking = || self.stop.signal().is_some() || failed.load(Ordering::Relaxed);
        std::thread::scope(|scope| {
            let checking = scope.spawn(|| check(records, &hopeless, &stop_checking));
            let stop_writing = || self.stop.signal().is_some() || hopeless.load(Ordering::Relaxed);
            let mut is_told = (records.count() as u64) < LARGE;
            let mut progress = |written| {
                phase.set(written);
                if !is_told && written >= LARGE / 4 {
                    is_told = true;
                    (self.coming)(records.origin());
                }
            };
            let writer = store::write(source, records, &mut progress, &stop_writing);
            failed.store(writer.is_err(), Ordering::Relaxed);
            match checking.join() {
                Ok(checked) => findings.merge(checked.findings),
                Err(_) => {
                    let reason = "the check broke down; this is a mistake in this program".to_owned();
                    findings.add(Finding::general(Severity::Error, reason));
                }
            }
            match writer? {
                Some(writer) if findings.errors == 0 && self.stop.signal().is_none() => {
                    self.commit(source, records, writer)
                }
                _ => Ok(Stored::GivenUp),
            }
        })
    }

    /// Commits, unless somebody else wrote between our first look and our turn: from `writer` on nobody can.
    fn commit(
        &self,
        source: &SqliteSource,
        records: &SortedRecords,
        writer: Box<dyn ZoneWriter + '_>,
    ) -> Result<Stored, Error> {
        let current = source.zone(records.origin())?;
        match self.expect.missed(records.origin(), current.as_ref()) {
            Some(reason) => Ok(Stored::Missed(reason)),
            None => writer.commit().map(Stored::Committed),
        }
    }
}

/// A record as it is kept.
fn stored<'a>(record: &master::Record<'a>) -> StoredRecord<'a> {
    StoredRecord {
        owner: record.owner,
        rrtype: record.rrtype,
        ttl: record.ttl,
        rdata: record.rdata,
        file: u16::try_from(record.file.0).unwrap_or(u16::MAX),
        line: record.line,
    }
}

/// What there is to say about the step from one serial to another.
fn judge_serial(zone: NameRef<'_>, old: u32, new: u32) -> Option<Finding> {
    if new == old {
        let reason = format!(
            "{zone} changed but its serial is still {new}; it is loaded, but secondaries will not notice: raise the serial"
        );
        return Some(Finding::general(Severity::Warning, reason));
    }
    (!is_newer(new, old)).then(|| {
        let reason = format!(
            "{zone} serial {new} comes before serial {old}, which is stored (RFC 1982); is this an old file? \
             --force loads it, but secondaries will go on with the later one"
        );
        Finding::general(Severity::Error, reason)
    })
}
