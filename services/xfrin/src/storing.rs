//! A large zone is stored while it comes.
//!
//! Servers send zones in canonical order, or nearly so. As long as a zone comes that way, each chunk of its records is checked
//! and written by a thread of its own when the next one comes, under the number of a version that is not current; so the zone is
//! never in memory as a whole, and tenon-zonec compiles it meanwhile. It becomes current when all of it has come and passed.
//! Whatever ends before leaves nothing of it.
//!
//! When a chunk does not lie behind those before, what was written is read back, and the zone is collected in memory and sorted.
//! Zones with hashed denial (NSEC3) are from the start: their hashed names mostly come behind all others.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::{io, ops::ControlFlow};

use tenon_datasrc::bulk::{Chunk, Collector, InOrder, OutOfOrder, Rrsets, SortedRecords, StoredRecord};
use tenon_datasrc::{DataSource, ZoneEntry, ZoneWriter};
use tenon_service::jobs::OpenJob;
use tenon_wire::{Name, RrType};
use tenon_zone::{RrsetRef, ZoneChecker};
use tokio::sync::Notify;

use crate::store::{Checked, Store, StoreError};

/// Chunks that wait to be written; the primary waits when there are more.
const AHEAD: usize = 8;
/// Records that are written when it is told that a zone is coming.
const TOLD_AT: u64 = 50_000;

/// Where a zone goes and who is told.
pub struct Goal {
    /// The zone.
    pub zone: Name,
    /// Its place.
    pub store: Store,
    /// Says whether to give up.
    pub job: Arc<OpenJob>,
    /// Told once when a part of it can be seen.
    pub coming: Arc<Notify>,
}

/// A zone that is being stored while it comes; given up when dropped.
pub struct Storing {
    sender: Option<SyncSender<Part>>,
    is_sorting: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<(ZoneEntry, Checked), StoreError>>>,
}

enum Part {
    Chunk(Chunk),
    /// The rest, when all came.
    End(SortedRecords),
}

impl Storing {
    /// Begins.
    ///
    /// # Errors
    /// There is no thread for it.
    pub fn begin(goal: Goal) -> io::Result<Self> {
        let (sender, receiver) = sync_channel(AHEAD);
        let is_sorting = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&is_sorting);
        let thread =
            thread::Builder::new().name("storing".into()).spawn(move || goal.store(&receiver, &flag))?;
        Ok(Self { sender: Some(sender), is_sorting, thread: Some(thread) })
    }

    /// Whether the records came out of order: what comes now is to be kept until the end.
    pub fn is_sorting(&self) -> bool {
        self.is_sorting.load(Ordering::Relaxed)
    }

    /// Hands on the next records, once there is room for them.
    ///
    /// # Errors
    /// What storing those before came to.
    pub fn send(&mut self, chunk: Chunk) -> Result<(), StoreError> {
        self.hand_on(Part::Chunk(chunk))
    }

    /// Ends it with the records that are left: makes it the current version. It may not be on the disk before
    /// [`Store::synced`].
    ///
    /// # Errors
    /// See [`StoreError`]; the version before stays, and nothing of the new one.
    pub fn finish(mut self, rest: SortedRecords) -> Result<(ZoneEntry, Checked), StoreError> {
        self.hand_on(Part::End(rest))?;
        self.join()
    }

    fn hand_on(&mut self, part: Part) -> Result<(), StoreError> {
        match self.sender.as_ref().map(|sender| sender.send(part)) {
            Some(Ok(())) => Ok(()),
            // It ended before its time.
            _ => self.join().map(drop),
        }
    }

    fn join(&mut self) -> Result<(ZoneEntry, Checked), StoreError> {
        self.sender = None;
        let ended = self.thread.take().map(JoinHandle::join);
        ended.and_then(Result::ok).unwrap_or(Err(StoreError::Check))
    }
}

impl Drop for Storing {
    fn drop(&mut self) {
        // Nothing of it is to be left when the transfer is over.
        let _given_up = self.join();
    }
}

impl Goal {
    fn store(
        &self,
        parts: &Receiver<Part>,
        is_sorting: &AtomicBool,
    ) -> Result<(ZoneEntry, Checked), StoreError> {
        let source = self.store.open()?;
        let mut stream = Stream::new(self, &*source);
        let mut sorted: Option<SortedRecords> = None;
        loop {
            if self.job.is_cancelled() {
                return Err(StoreError::Cancelled);
            }
            // Who hands on gave up.
            let Ok(part) = parts.recv() else { return Err(StoreError::Cancelled) };
            let (records, is_end) = match part {
                Part::Chunk(chunk) => (chunk.sort(), false),
                Part::End(records) => (records, true),
            };
            sorted = match sorted.take() {
                Some(before) => Some(before.and(records)),
                None => match stream.take(records)? {
                    ControlFlow::Continue(()) => None,
                    ControlFlow::Break(all) => {
                        is_sorting.store(true, Ordering::Relaxed);
                        Some(all)
                    }
                },
            };
            if is_end {
                break;
            }
        }
        let Some(records) = sorted else { return stream.finish() };
        drop(stream);
        let is_told = Cell::new(false);
        let progress = |written| {
            self.job.set_done(written);
            if written >= TOLD_AT && !is_told.replace(true) {
                self.coming.notify_one();
            }
        };
        self.store.put(&records, &progress, &|| self.job.is_cancelled())
    }
}

/// A zone that comes in order.
struct Stream<'g> {
    goal: &'g Goal,
    source: &'g dyn DataSource,
    in_order: InOrder,
    checker: ZoneChecker,
    checked: Checked,
    /// None before there is something to write, and when it turned out that the zone cannot be served.
    writer: Option<Box<dyn ZoneWriter + 'g>>,
    written: u64,
    is_told: bool,
}

impl<'g> Stream<'g> {
    fn new(goal: &'g Goal, source: &'g dyn DataSource) -> Self {
        let (in_order, checker) = (InOrder::default(), ZoneChecker::new(goal.zone.as_ref()));
        let checked = Checked::default();
        Self { goal, source, in_order, checker, checked, writer: None, written: 0, is_told: false }
    }

    /// Takes records that came; breaks with all that came so far when they do not come in order.
    fn take(&mut self, records: SortedRecords) -> Result<ControlFlow<SortedRecords>, StoreError> {
        if self.written == 0 && is_hashed(&records, &self.goal.zone) {
            return Ok(ControlFlow::Break(records));
        }
        match self.in_order.take(records) {
            Ok(complete) => self.put(&complete).map(ControlFlow::Continue),
            Err(OutOfOrder(records)) => Ok(ControlFlow::Break(self.take_back()?.and(records))),
        }
    }

    /// Reads back what was written, and gives up writing.
    fn take_back(&mut self) -> Result<SortedRecords, StoreError> {
        let Some(mut writer) = self.writer.take() else {
            // It has an error, and no further record mends that.
            return Err(std::mem::take(&mut self.checked)
                .passed()
                .map_or_else(|error| error, |_| StoreError::Check));
        };
        let mut collector = Collector::new(self.goal.zone.as_ref());
        writer.read_back(&mut |RrsetRef { owner, rrtype, ttl, rdatas }| {
            for rdata in rdatas {
                collector.add(&StoredRecord { owner, rrtype, ttl, rdata, file: 0, line: 0 });
            }
            if self.goal.job.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        collector.finish(Vec::new()).ok_or(StoreError::Memory)
    }

    /// All came, and in order.
    fn finish(mut self) -> Result<(ZoneEntry, Checked), StoreError> {
        if let Some(rest) = std::mem::take(&mut self.in_order).end() {
            self.put(&rest)?;
        }
        let Self { goal, checker, mut checked, writer, .. } = self;
        checker.finish(&mut |problem| checked.note(&problem));
        let checked = checked.passed()?;
        match writer {
            Some(writer) if !goal.job.is_cancelled() => Ok((writer.commit_unsynced()?, checked)),
            _ => Err(StoreError::Cancelled),
        }
    }

    fn put(&mut self, records: &SortedRecords) -> Result<(), StoreError> {
        if self.writer.is_none() && self.checked.errors == 0 {
            self.writer = Some(self.source.begin(self.goal.zone.as_ref())?);
        }
        let mut rrsets = Rrsets::new(records);
        while let Some((rrset, _)) = rrsets.next_rrset() {
            self.checker.rrset(rrset, &mut |problem| self.checked.note(&problem));
            if let Some(writer) = &mut self.writer {
                writer.put(rrset)?;
            }
        }
        self.written += rrsets.count;
        if self.checked.errors > 0 {
            // What comes is looked at all the same, to tell how many there are.
            self.writer = None;
        } else if self.written >= TOLD_AT && !std::mem::replace(&mut self.is_told, true) {
            self.goal.coming.notify_one();
        }
        Ok(())
    }
}

/// Whether names of the zone are also there as hashes.
fn is_hashed(records: &SortedRecords, zone: &Name) -> bool {
    let found = records.find(zone.as_ref(), Some(RrType::NSEC3PARAM));
    found.is_some_and(|record| record.rrtype == RrType::NSEC3PARAM)
}
