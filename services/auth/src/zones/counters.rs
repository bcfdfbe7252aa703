//! Counters of each zone, kept while the settings ask for them.
//!
//! Each worker has its own set for every zone, so that counting is a plain load and store as with all counters. A new
//! catalog gets a new table; the counters of the zones that stay are shared between the two, so that what a worker counts
//! with the table before is not lost. Memory: 64 octets for each zone and worker, and some 40 more for each zone.

use std::cmp::Ordering;
use std::sync::Arc;

use tenon_answer::Facts;
use tenon_image::{Catalog, ServedZone};
use tenon_wire::NameRef;

use crate::statistics::Count;

/// Response codes (RFC 1035 section 4.1.1).
const NOERROR: u16 = 0;
const NXDOMAIN: u16 = 3;

/// How many counters a zone has.
const KINDS: usize = 7;

/// Their names over the bus, in the order of [`ZoneCounters::values`].
pub const NAMES: [&str; KINDS] =
    ["queries", "noerror", "nodata", "nxdomain", "referrals", "failures", "octets"];

/// The counters of one zone, one set for each worker.
type Sets = Arc<[ZoneCounters]>;

/// What one worker counts of one zone, on a cache line of its own.
#[derive(Debug, Default)]
#[repr(align(64))]
pub struct ZoneCounters {
    /// Answers with data.
    noerror: Count,
    /// Answers that there is no data of the type.
    nodata: Count,
    /// Answers that there is no such name.
    nxdomain: Count,
    /// Answers that refer to the servers of a delegated zone.
    referrals: Count,
    /// Answers with SERVFAIL or any other code.
    failures: Count,
    /// Octets of the answers' messages, without signatures (TSIG).
    octets: Count,
}

impl ZoneCounters {
    /// Counts an answer. How many there were is the sum of all kinds.
    #[inline]
    pub(crate) fn count(&self, facts: &Facts, answer: &[u8]) {
        self.octets.add(answer.len() as u64);
        let has_data = || facts.truncated || answer.get(6..8) != Some(&[0, 0]);
        let kind = match facts.rcode {
            NOERROR if facts.referral => &self.referrals,
            NOERROR if has_data() => &self.noerror,
            NOERROR => &self.nodata,
            NXDOMAIN => &self.nxdomain,
            _ => &self.failures,
        };
        kind.add_one();
    }

    fn values(&self) -> [u64; KINDS] {
        let Self { noerror, nodata, nxdomain, referrals, failures, octets } = self;
        let [noerror, nodata, nxdomain, referrals, failures, octets] =
            [noerror, nodata, nxdomain, referrals, failures, octets].map(Count::get);
        let kinds = [noerror, nodata, nxdomain, referrals, failures];
        let queries = kinds.into_iter().fold(0, u64::wrapping_add);
        [queries, noerror, nodata, nxdomain, referrals, failures, octets]
    }
}

/// The counters of all zones of one catalog, in its order.
#[derive(Debug)]
pub struct ZoneTable {
    workers: usize,
    zones: Vec<Sets>,
}

/// What was counted of a zone, summed over the workers, in the order of [`NAMES`].
pub type Values = [u64; KINDS];

impl ZoneTable {
    /// Counters for the zones of `catalog`, each with a set for each of `workers`. Those of zones that the table before
    /// has, which belongs to the catalog beside it, go on.
    pub(super) fn new(catalog: &Catalog, workers: usize, before: Option<(&Catalog, &Self)>) -> Self {
        let fresh = || (0..workers).map(|_| ZoneCounters::default()).collect();
        let Some((old, table)) = before.filter(|(_, table)| table.workers == workers) else {
            return Self { workers, zones: catalog.zones(None).map(|_| fresh()).collect() };
        };
        let mut known = old.zones(None).zip(&table.zones).peekable();
        // Both are in canonical order.
        let sets = |zone: &ServedZone| {
            while let Some((candidate, sets)) = known.peek() {
                match candidate.origin.cmp(&zone.origin) {
                    Ordering::Less => drop(known.next()),
                    Ordering::Equal => return Arc::clone(sets),
                    Ordering::Greater => break,
                }
            }
            fresh()
        };
        Self { workers, zones: catalog.zones(None).map(sets).collect() }
    }

    pub(super) const fn workers(&self) -> usize {
        self.workers
    }

    /// The counters of one worker for the zone at this place of the catalog.
    #[inline]
    pub(crate) fn of(&self, place: u32, worker: usize) -> Option<&ZoneCounters> {
        self.zones.get(place as usize)?.get(worker)
    }

    /// What was counted of the zone at this place of the catalog.
    pub(super) fn sum(&self, place: u32) -> Option<Values> {
        self.zones.get(place as usize).map(sum)
    }

    /// Zones of the table's `catalog` behind `after` that were asked for, in canonical order, with what was counted.
    pub(super) fn list<'a>(
        &'a self,
        catalog: &'a Catalog,
        after: Option<NameRef<'_>>,
    ) -> impl Iterator<Item = (&'a ServedZone, Values)> {
        let skipped = catalog.len() - catalog.zones(after).count();
        let asked = catalog.zones(None).zip(&self.zones).skip(skipped);
        asked
            .map(|(zone, sets)| (zone, sum(sets)))
            .filter(|(_, values)| values.iter().any(|value| *value > 0))
    }
}

fn sum(sets: &Sets) -> Values {
    let mut sums = Values::default();
    for set in sets.iter() {
        for (sum, value) in sums.iter_mut().zip(set.values()) {
            *sum = sum.wrapping_add(value);
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_is_of_one_kind() {
        let counters = ZoneCounters::default();
        let (with_data, without) = ([0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0], [0; 12]);
        let facts = Facts::default();
        counters.count(&facts, &with_data);
        counters.count(&facts, &without);
        counters.count(&Facts { truncated: true, ..facts }, &without);
        counters.count(&Facts { referral: true, ..facts }, &without);
        counters.count(&Facts { rcode: 3, ..facts }, &with_data);
        counters.count(&Facts { rcode: 2, ..facts }, &without);
        assert_eq!(counters.values(), [6, 2, 1, 1, 1, 1, 72]);
    }
}
