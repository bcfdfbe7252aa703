//! The records of one zone in memory, in canonical order.
//!
//! Records lie in the order in which they were read, packed into pieces of a few MiB; what is sorted is an index of
//! them. The index is cut into runs, and a run that is full is sorted by another thread while reading goes on.

use std::cmp::Ordering;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use tenon_wire::rdata::canonical_cmp;
use tenon_wire::{Name, NameRef, RrType};

use super::fixed_key::{FixedKey, fixed_key};

/// Octets of one piece of packed records. A record is never cut in two.
const PIECE: usize = 4 << 20;
/// Records in the first run; each later run is as large as all before it, so that there are few.
const FIRST_RUN: usize = if cfg!(test) { 3 } else { 1 << 19 };
const LINE_AT: usize = 0;
const FILE_AT: usize = 4;
const TYPE_AT: usize = 6;
const TTL_AT: usize = 8;
const DATA_LENGTH_AT: usize = 12;
const OWNER_LENGTH_AT: usize = 14;
const HEADER: usize = 15;

/// Octets that a record takes beside its owner and its data.
pub const RECORD_OVERHEAD: usize = HEADER + size_of::<Place>();

/// A record as it is kept.
#[derive(Clone, Copy, Debug)]
pub struct StoredRecord<'a> {
    /// Owner name, as written.
    pub owner: NameRef<'a>,
    /// Its type.
    pub rrtype: RrType,
    /// Time to live in seconds.
    pub ttl: u32,
    /// Record data.
    pub rdata: &'a [u8],
    /// Number of the file it came from.
    pub file: u16,
    /// Line in that file, or its number where there are no lines; of two that are the same the lower one is kept.
    pub line: u32,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    key: FixedKey,
    piece: u32,
    offset: u32,
}

/// Records that are coming.
pub struct Collector {
    origin: Name,
    origin_labels: usize,
    run: Run,
    limit: usize,
    /// Records in runs that are full.
    before: usize,
    sorting: Vec<JoinHandle<Run>>,
}

/// Records that came one behind the other, not sorted yet.
#[derive(Debug)]
pub struct Chunk {
    run: Run,
    origin: Name,
}

/// Part of the records with an index of its own.
#[derive(Debug, Default)]
struct Run {
    pieces: Vec<Vec<u8>>,
    index: Vec<Place>,
}

/// The records of a zone in canonical order of owners, then by type number, then in canonical order of data.
#[derive(Debug)]
pub struct SortedRecords {
    runs: Vec<Run>,
    origin: Name,
    /// The files that records came from.
    pub files: Arc<[PathBuf]>,
}

impl Collector {
    /// Collects records of the zone `origin`.
    #[must_use]
    pub fn new(origin: NameRef<'_>) -> Self {
        Self {
            origin: origin.to_name(),
            origin_labels: origin.label_count(),
            run: Run::default(),
            limit: FIRST_RUN,
            before: 0,
            sorting: Vec::new(),
        }
    }

    /// Takes a record; false when its owner is not in the zone.
    pub fn add(&mut self, record: &StoredRecord<'_>) -> bool {
        let key = match self.run.key_of_last(record.owner) {
            Some(key) => key,
            None => match fixed_key(record.owner, self.origin.as_ref(), self.origin_labels) {
                Some(key) => key,
                None => return false,
            },
        };
        if self.run.index.len() == self.limit {
            self.close_run();
        }
        self.run.add(key, record);
        true
    }

    /// How many records there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.before + self.run.index.len()
    }

    /// Takes out all records; none when there are so many that a part of them is being sorted.
    pub fn take_chunk(&mut self) -> Option<Chunk> {
        if !self.sorting.is_empty() {
            return None;
        }
        // The next ones will be about as many.
        let octets = self.run.pieces.iter().map(Vec::len).sum();
        let index = Vec::with_capacity(self.run.index.len());
        let next = Run { pieces: vec![Vec::with_capacity(octets)], index };
        Some(Chunk { run: std::mem::replace(&mut self.run, next), origin: self.origin.clone() })
    }

    fn close_run(&mut self) {
        self.before += self.run.index.len();
        self.limit = self.before;
        let mut run = std::mem::take(&mut self.run);
        self.sorting.push(std::thread::spawn(move || {
            run.sort();
            run
        }));
    }

    /// Ends the collecting. None when a thread died, which it does only for want of memory.
    #[must_use]
    pub fn finish(mut self, files: Vec<PathBuf>) -> Option<SortedRecords> {
        self.run.sort();
        let mut runs = Vec::with_capacity(self.sorting.len() + 1);
        for thread in self.sorting {
            runs.push(thread.join().ok()?);
        }
        runs.push(self.run);
        Some(SortedRecords { runs, origin: self.origin, files: files.into() })
    }
}

impl Chunk {
    /// Its records in order.
    #[must_use]
    pub fn sort(mut self) -> SortedRecords {
        self.run.sort();
        SortedRecords { runs: vec![self.run], origin: self.origin, files: Arc::default() }
    }
}

impl Run {
    /// The key of the last record, if it has that owner, as neighbours mostly have.
    fn key_of_last(&self, owner: NameRef<'_>) -> Option<FixedKey> {
        let last = self.index.last()?;
        let at = last.offset as usize + HEADER;
        let octets = self.pieces.get(last.piece as usize)?.get(at..at + owner.octets().len())?;
        // A root label ends a name, so what begins with these octets is no longer name.
        (octets == owner.octets()).then_some(last.key)
    }

    fn add(&mut self, key: FixedKey, record: &StoredRecord<'_>) {
        let (owner, rdata) = (record.owner.octets(), record.rdata);
        let needed = HEADER + owner.len() + rdata.len();
        if self.pieces.last().is_none_or(|piece| piece.capacity() - piece.len() < needed) {
            // The first piece of a small zone stays small.
            let room = if self.pieces.is_empty() { PIECE / 256 } else { PIECE };
            self.pieces.push(Vec::with_capacity(room.max(needed)));
        }
        let Some(number) = self.pieces.len().checked_sub(1) else { return };
        let Some(piece) = self.pieces.last_mut() else { return };
        self.index.push(Place { key, piece: number as u32, offset: piece.len() as u32 });
        piece.extend_from_slice(&record.line.to_be_bytes());
        piece.extend_from_slice(&record.file.to_be_bytes());
        piece.extend_from_slice(&record.rrtype.0.to_be_bytes());
        piece.extend_from_slice(&record.ttl.to_be_bytes());
        piece.extend_from_slice(&(rdata.len() as u16).to_be_bytes());
        piece.push(owner.len() as u8);
        piece.extend_from_slice(owner);
        piece.extend_from_slice(rdata);
    }

    fn sort(&mut self) {
        let mut index = std::mem::take(&mut self.index);
        index.sort_unstable_by(|a, b| a.key.cmp(&b.key).then_with(|| self.compare(*a, *b)));
        self.index = index;
    }

    /// Compares records whose keys are the same.
    fn compare(&self, a: Place, b: Place) -> Ordering {
        match (self.record(a), self.record(b)) {
            (Some(a), Some(b)) => compare_records(&a, &b),
            _ => Ordering::Equal,
        }
    }

    fn record(&self, place: Place) -> Option<StoredRecord<'_>> {
        let octets = self.pieces.get(place.piece as usize)?.get(place.offset as usize..)?;
        let (header, rest) = octets.split_first_chunk::<HEADER>()?;
        let u16_at = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
        let u32_at =
            |at: usize| u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let (owner, rest) = rest.split_at_checked(header[OWNER_LENGTH_AT] as usize)?;
        Some(StoredRecord {
            owner: NameRef::from_kept(owner),
            rrtype: RrType(u16_at(TYPE_AT)),
            ttl: u32_at(TTL_AT),
            rdata: rest.get(..u16_at(DATA_LENGTH_AT) as usize)?,
            file: u16_at(FILE_AT),
            line: u32_at(LINE_AT),
        })
    }
}

fn compare_records(a: &StoredRecord<'_>, b: &StoredRecord<'_>) -> Ordering {
    let owners = if a.owner.octets() == b.owner.octets() { Ordering::Equal } else { a.owner.cmp(&b.owner) };
    owners
        .then_with(|| a.rrtype.0.cmp(&b.rrtype.0))
        .then_with(|| canonical_cmp(a.rrtype, a.rdata, b.rdata))
        // The first one written is the one kept of two that are the same.
        .then_with(|| (a.file, a.line).cmp(&(b.file, b.line)))
}

impl SortedRecords {
    /// How many records there are, duplicates counted.
    #[must_use]
    pub fn count(&self) -> usize {
        self.runs.iter().map(|run| run.index.len()).sum()
    }

    /// These and others of the same zone and from the same files.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        self.runs.extend(others.runs.into_iter().filter(|run| !run.index.is_empty()));
        self
    }

    /// Which owner comes first, and which last.
    #[must_use]
    pub fn ends(&self) -> Option<[NameRef<'_>; 2]> {
        let first = self.iter().next()?.owner;
        let lasts = self.runs.iter().filter_map(|run| run.record(*run.index.last()?));
        let last = lasts.map(|record| record.owner).max()?;
        Some([first, last])
    }

    /// Takes out the records of that owner and all behind it.
    pub(super) fn split_off(&mut self, owner: NameRef<'_>) -> Self {
        let mut behind = Run::default();
        for run in &mut self.runs {
            let is_before = |place: &Place| run.record(*place).is_some_and(|record| record.owner < owner);
            let at = run.index.partition_point(is_before);
            for place in run.index.split_off(at) {
                if let Some(record) = run.record(place) {
                    behind.add(place.key, &record);
                }
            }
        }
        behind.sort();
        Self { runs: vec![behind], origin: self.origin.clone(), files: Arc::clone(&self.files) }
    }

    /// The zone's name.
    #[must_use]
    pub fn origin(&self) -> NameRef<'_> {
        self.origin.as_ref()
    }

    /// All records in order.
    #[must_use]
    pub fn iter(&self) -> Records<'_> {
        let mut merge = Records { runs: &self.runs, next: vec![0; self.runs.len()], current: 0, upto: None };
        merge.choose();
        merge
    }

    /// The first record of that owner, and of that type if there is one.
    #[must_use]
    pub fn find(&self, owner: NameRef<'_>, rrtype: Option<RrType>) -> Option<StoredRecord<'_>> {
        let key = fixed_key(owner, self.origin(), self.origin().label_count())?;
        let found = self.runs.iter().flat_map(|run| {
            let before = |place: &Place| {
                place
                    .key
                    .cmp(&key)
                    .then_with(|| run.record(*place).map_or(Ordering::Less, |r| r.owner.cmp(&owner)))
                    == Ordering::Less
            };
            let start = run.index.partition_point(before);
            let records = run.index.get(start..).unwrap_or(&[]).iter().filter_map(|place| run.record(*place));
            records.take_while(|record| record.owner == owner)
        });
        found.min_by_key(|record| {
            (rrtype.is_some_and(|rrtype| rrtype != record.rrtype), record.file, record.line)
        })
    }
}

/// A walk over all runs. Records that come from a server or out of a file that was written by one are in order already: then
/// one run follows the other, and each record is compared with one other at most.
#[derive(Debug)]
pub struct Records<'a> {
    runs: &'a [Run],
    /// The next one of each run.
    next: Vec<usize>,
    /// The run whose next record is the least of all.
    current: usize,
    /// The least of the next ones of the other runs.
    upto: Option<(&'a Run, Place)>,
}

impl<'a> Records<'a> {
    fn head(&self, number: usize) -> Option<(&'a Run, Place)> {
        let run = self.runs.get(number)?;
        run.index.get(*self.next.get(number)?).map(|place| (run, *place))
    }

    /// Finds the run to go on with, and how far.
    fn choose(&mut self) {
        let mut least: Option<(usize, &Run, Place)> = None;
        let mut second: Option<(&Run, Place)> = None;
        for number in 0..self.runs.len() {
            let Some((run, place)) = self.head(number) else { continue };
            match least {
                Some((_, first, at)) if !comes_before(run, place, first, at) => {
                    if second.is_none_or(|(other, at)| comes_before(run, place, other, at)) {
                        second = Some((run, place));
                    }
                }
                _ => {
                    second = least.map(|(_, run, place)| (run, place));
                    least = Some((number, run, place));
                }
            }
        }
        (self.current, self.upto) = (least.map_or(0, |(number, ..)| number), second);
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = StoredRecord<'a>;

    fn next(&mut self) -> Option<StoredRecord<'a>> {
        let is_least = |(run, place): (&Run, Place)| {
            self.upto.is_none_or(|(other, least)| comes_before(run, place, other, least))
        };
        if !self.head(self.current).is_some_and(is_least) {
            self.choose();
        }
        let (run, place) = self.head(self.current)?;
        *self.next.get_mut(self.current)? += 1;
        run.record(place)
    }
}

fn comes_before(run: &Run, place: Place, other: &Run, least: Place) -> bool {
    let order = place.key.cmp(&least.key).then_with(|| match (run.record(place), other.record(least)) {
        (Some(a), Some(b)) => compare_records(&a, &b),
        _ => Ordering::Equal,
    });
    order == Ordering::Less
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn many_runs_are_walked_as_one(numbers in prop::collection::vec(0u32..60, 0..80), in_order in any::<bool>()) {
            let mut numbers = numbers;
            if in_order {
                numbers.sort_unstable();
            }
            let origin: Name = "example.".parse().unwrap();
            let mut collector = Collector::new(origin.as_ref());
            for (line, number) in (0..).zip(&numbers) {
                let owner: Name = format!("a-name-with-a-long-start-{:02}.example.", number / 3).parse().unwrap();
                let rdata = [192, 0, 2, (number % 3) as u8];
                let owner = owner.as_ref();
                assert!(collector.add(&StoredRecord { owner, rrtype: RrType::A, ttl: 1, rdata: &rdata, file: 0, line }));
            }
            let sorted = collector.finish(Vec::new()).unwrap();
            prop_assert_eq!(sorted.count(), numbers.len());
            let mut expected: Vec<(u32, u32)> = numbers.iter().copied().zip(0..).collect();
            expected.sort_unstable();
            let lines: Vec<u32> = sorted.iter().map(|record| record.line).collect();
            prop_assert_eq!(lines, expected.into_iter().map(|(_, line)| line).collect::<Vec<_>>());
        }
    }
}
