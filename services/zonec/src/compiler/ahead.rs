//! Reads a version by a thread of its own, a few batches ahead of who takes its RRsets; and one that is being written.

use std::cell::Cell;
use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use tenon_datasrc::{Coming, DataSource, Error, ZoneEntry};
use tenon_wire::{NameRef, RrType};
use tenon_zone::{RdataList, RrsetRef};

/// Octets of a batch.
const BATCH: usize = 256 << 10;
/// Batches that wait.
const AHEAD: usize = 4;

/// Between two looks at whether more of a version was written, and how long one waits for more at most.
const STEP: Duration = Duration::from_millis(2);
const PATIENCE: Duration = Duration::from_secs(10);

/// Who is shown RRsets.
type Visit<'v> = &'v mut dyn FnMut(RrsetRef<'_>) -> ControlFlow<()>;

/// RRsets one behind the other.
#[derive(Default)]
struct Batch {
    octets: Vec<u8>,
    heads: Vec<Head>,
}

/// Type, TTL, and where owner and data end; they begin where those of the RRset before end.
struct Head {
    rrtype: RrType,
    ttl: u32,
    owner_end: usize,
    end: usize,
}

/// As [`DataSource::read`].
///
/// # Errors
/// As [`DataSource::read`].
pub(super) fn read(source: &dyn DataSource, zone: &ZoneEntry, visit: Visit<'_>) -> Result<(), Error> {
    let (sender, receiver) = sync_channel(AHEAD);
    std::thread::scope(|scope| {
        let reading = scope.spawn(move || send(source, zone, &sender));
        take(receiver, visit);
        match reading.join() {
            Ok(read) => read,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// As [`DataSource::follow`], by this thread: who writes a version needs longer than this, and processors as well. Gives up when
/// nothing comes for [`PATIENCE`].
///
/// # Errors
/// As [`DataSource::follow`].
pub(super) fn follow(
    source: &dyn DataSource,
    coming: &Coming,
    visit: Visit<'_>,
) -> Result<Option<ZoneEntry>, Error> {
    let waited = Cell::new(Duration::ZERO);
    let mut wait = || {
        std::thread::sleep(STEP);
        waited.set(waited.get() + STEP);
        if waited.get() < PATIENCE { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    source.follow(coming, &mut wait, &mut |rrset| {
        waited.set(Duration::ZERO);
        visit(rrset)
    })
}

fn send(source: &dyn DataSource, zone: &ZoneEntry, sender: &SyncSender<Batch>) -> Result<(), Error> {
    let mut batch = Batch::default();
    source.read(zone, &mut |rrset| {
        batch.push(rrset);
        // Nobody takes any more: it was broken off.
        if batch.octets.len() >= BATCH && sender.send(std::mem::take(&mut batch)).is_err() {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    })?;
    // As above.
    let _ = sender.send(batch);
    Ok(())
}

fn take(receiver: Receiver<Batch>, visit: &mut dyn FnMut(RrsetRef<'_>) -> ControlFlow<()>) {
    for batch in receiver {
        if batch.visit(visit).is_break() {
            return;
        }
    }
}

impl Batch {
    fn push(&mut self, rrset: RrsetRef<'_>) {
        self.octets.extend_from_slice(rrset.owner.octets());
        let owner_end = self.octets.len();
        self.octets.extend_from_slice(rrset.rdatas.packed());
        let end = self.octets.len();
        self.heads.push(Head { rrtype: rrset.rrtype, ttl: rrset.ttl, owner_end, end });
    }

    fn visit(&self, visit: &mut dyn FnMut(RrsetRef<'_>) -> ControlFlow<()>) -> ControlFlow<()> {
        let mut start = 0;
        for &Head { rrtype, ttl, owner_end, end } in &self.heads {
            let parts = self.octets.get(start..owner_end).zip(self.octets.get(owner_end..end));
            start = end;
            let Some((owner, rdatas)) = parts else { continue };
            let owner = NameRef::from_kept(owner);
            visit(RrsetRef { owner, rrtype, ttl, rdatas: RdataList::from_packed(rdatas) })?;
        }
        ControlFlow::Continue(())
    }
}
