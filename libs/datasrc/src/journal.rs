//! The journal of differences as its readers see it: what an incremental transfer (RFC 1995) sends.

use tenon_zone::RrsetRef;

/// One thing in a sequence of differences.
///
/// After each [`Self::Step`] come its deletions, the old SOA first, and then its additions, the new SOA first.
#[derive(Clone, Copy, Debug)]
pub enum JournalEvent<'a> {
    /// The differences between two serials begin.
    Step {
        /// Serial of the version before.
        from_serial: u32,
        /// Serial of the version after.
        to_serial: u32,
    },
    /// Records that went. Those that stayed in the same RRset are not among them.
    Deleted(RrsetRef<'a>),
    /// Records that came.
    Added(RrsetRef<'a>),
}

/// What a journal had to say about a serial.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum JournalCoverage {
    /// The serial is the current one: there is nothing to send.
    Current,
    /// All differences from the serial to the current version were shown (or the visitor broke off).
    Complete {
        /// In how many steps.
        steps: u64,
    },
    /// The journal does not reach back to that serial, or there is no such zone: the whole zone must be sent.
    Missing,
}
