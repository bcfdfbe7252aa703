//! Buffers for streams, taken from the worker's pool only while they hold something: an idle connection has none.

use std::cell::RefCell;

use super::framing::{MESSAGE_MAX, PREFIX};

/// Room for the longest message twice over, so that a batch of replies of at least one such length precedes a write.
const CAPACITY: usize = 2 * (PREFIX + MESSAGE_MAX);
/// Buffers that a worker keeps when they are not in use.
const KEPT: usize = 16;

/// Octets that wait to be answered or written.
#[derive(Debug)]
pub(crate) struct Buffer {
    room: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Buffer {
    fn new() -> Self {
        Self { room: vec![0; CAPACITY].into_boxed_slice(), start: 0, end: 0 }
    }

    /// What waits.
    pub(super) fn octets(&self) -> &[u8] {
        self.room.get(self.start..self.end).unwrap_or_default()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.start >= self.end
    }

    /// Space behind what waits.
    pub(crate) fn space(&mut self) -> &mut [u8] {
        self.room.get_mut(self.end..).unwrap_or_default()
    }

    /// Takes so many octets of the space into what waits.
    pub(super) fn grow(&mut self, octets: usize) {
        self.end = (self.end + octets).min(self.room.len());
    }

    /// Drops so many octets from the start of what waits.
    pub(super) fn consume(&mut self, octets: usize) {
        self.start = (self.start + octets).min(self.end);
    }

    /// Adds octets behind what waits; there has to be room for all of them.
    pub(super) fn append(&mut self, octets: &[u8]) {
        if let Some(space) = self.space().get_mut(..octets.len()) {
            space.copy_from_slice(octets);
            self.grow(octets.len());
        }
    }

    /// Drops everything behind the first so many octets of what waits.
    pub(super) fn truncate(&mut self, octets: usize) {
        self.end = self.end.min(self.start + octets);
    }

    /// Moves what waits to the front, so that all the space lies behind it.
    pub(super) fn compact(&mut self) {
        if self.start > 0 {
            self.room.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
    }
}

/// The buffers of one worker that are not in use.
#[derive(Debug, Default)]
pub(crate) struct Pool(RefCell<Vec<Buffer>>);

impl Pool {
    /// An empty buffer; the one used last, which is likely still in the cache.
    pub(crate) fn take(&self) -> Buffer {
        self.0.borrow_mut().pop().unwrap_or_else(Buffer::new)
    }

    /// Takes a buffer back.
    pub(crate) fn give(&self, mut buffer: Buffer) {
        let mut kept = self.0.borrow_mut();
        if kept.len() < KEPT {
            buffer.start = 0;
            buffer.end = 0;
            kept.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compacting_keeps_what_waits() {
        let pool = Pool::default();
        let mut buffer = pool.take();
        buffer.space()[..4].copy_from_slice(b"abcd");
        buffer.grow(4);
        buffer.consume(3);
        buffer.compact();
        assert_eq!(buffer.octets(), b"d");
        assert_eq!(buffer.space().len(), CAPACITY - 1);
        buffer.consume(9);
        assert!(buffer.is_empty());
        pool.give(buffer);
        assert_eq!(pool.take().space().len(), CAPACITY);
    }
}
