//! Reads a version by a thread of its own, a few batches ahead of who takes its RRsets.

use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use tenon_datasrc::{DataSource, Error, ZoneEntry};
use tenon_wire::{NameRef, RrType};
use tenon_zone::{RdataList, RrsetRef};

/// Octets of a batch.
const BATCH: usize = 256 << 10;
/// Batches that wait.
const AHEAD: usize = 4;

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
pub(super) fn read(
    source: &dyn DataSource,
    zone: &ZoneEntry,
    visit: &mut dyn FnMut(RrsetRef<'_>) -> ControlFlow<()>,
) -> Result<(), Error> {
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
            // They were names when they were put in.
            let Some((Ok(owner), rdatas)) =
                parts.map(|(owner, rdatas)| (NameRef::from_octets(owner), rdatas))
            else {
                continue;
            };
            visit(RrsetRef { owner, rrtype, ttl, rdatas: RdataList::from_packed(rdatas) })?;
        }
        ControlFlow::Continue(())
    }
}
