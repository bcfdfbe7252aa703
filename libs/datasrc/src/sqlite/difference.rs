//! How a new version differs from the one before: both are walked side by side, neither is held in memory.

use std::cmp::Ordering;

use rusqlite::Connection;
use tenon_wire::NameRef;

use super::cursor::{Cursor, Fetched};
use super::step::{Outcome, Step, StepRecorder};
use super::store::{Durability, Store, WriteError};
use super::transaction::Transaction;
use super::version::Version;
use crate::Error;

/// A comparison under way.
pub(super) struct Difference<'a> {
    recorder: StepRecorder<'a>,
    old: Cursor,
    new: Cursor,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Progress {
    More,
    Done,
    GaveUp,
}

impl<'a> Difference<'a> {
    /// Between the versions of a step of that zone.
    pub(super) fn new(step: &'a Step, origin: NameRef<'_>) -> Self {
        Self {
            recorder: StepRecorder::new(step),
            old: Cursor::new(Version::new(origin, step.version_before)),
            new: Cursor::new(Version::new(origin, step.version)),
        }
    }

    /// Compares and records inside a transaction that is under way.
    pub(super) fn run_in(mut self, transaction: &Transaction<'_>) -> Result<Outcome, WriteError> {
        loop {
            match self.advance(transaction)? {
                Progress::More => self.recorder.record(transaction)?,
                Progress::Done => return self.recorder.finish(transaction),
                Progress::GaveUp => return Ok(Outcome::NotRecorded),
            }
        }
    }

    /// Compares and records in many short transactions.
    pub(super) fn run_in_batches(mut self, store: &Store) -> Result<Outcome, Error> {
        loop {
            let progress = store.read_at_once(|connection| self.advance(connection))?;
            let octets = self.recorder.pending_octets();
            if octets > 0 {
                store.write(Durability::Later, |transaction| self.recorder.record_early(transaction))?;
                store.wrote(octets)?;
            }
            match progress {
                Progress::More => {}
                Progress::Done => return Ok(self.recorder.outcome(None)),
                Progress::GaveUp => return Ok(Outcome::NotRecorded),
            }
        }
    }

    /// Goes on until a batch is full, both versions are at their end, or the limit is passed.
    fn advance(&mut self, connection: &Connection) -> rusqlite::Result<Progress> {
        while !self.recorder.is_full() {
            for cursor in [&mut self.old, &mut self.new] {
                if cursor.wants_page() && cursor.fetch(connection)? == Fetched::Gone {
                    return Ok(Progress::GaveUp);
                }
            }
            if !self.compare() {
                return Ok(Progress::Done);
            }
            if self.recorder.is_too_much() {
                self.recorder.give_up();
                return Ok(Progress::GaveUp);
            }
        }
        Ok(Progress::More)
    }

    /// Looks at the RRsets under both cursors and moves at least one on; false when both are at the end.
    fn compare(&mut self) -> bool {
        let order = match (self.old.row(), self.new.row()) {
            (None, None) => return false,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(old), Some(new)) => old.place().cmp(&new.place()),
        };
        let old = self.old.row().filter(|_| order != Ordering::Greater);
        let new = self.new.row().filter(|_| order != Ordering::Less);
        self.recorder.differ(old, new);
        if order != Ordering::Greater {
            self.old.step();
        }
        if order != Ordering::Less {
            self.new.step();
        }
        true
    }
}
