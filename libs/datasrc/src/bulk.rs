//! A whole zone in memory on its way into a data source: records in any order go in, RRsets in the order that
//! [`ZoneWriter`] wants come out.
//!
//! A record takes its octets in wire form, owner included, and 39 octets besides. Sorting goes on in threads of its own
//! while records are still coming. Where they come nearly in order, they need not wait for each other ([`InOrder`]).

mod fixed_key;
mod in_order;
mod records;
mod rrsets;

use std::ops::ControlFlow;

pub use in_order::{InOrder, OutOfOrder};
pub use records::{Chunk, Collector, RECORD_OVERHEAD, Records, SortedRecords, StoredRecord};
pub use rrsets::{Mended, Rrsets};

use crate::{DataSource, Error, ZoneEntry, ZoneWriter};

/// RRsets between two looks at whether to go on.
const LOOK_EVERY: u64 = 4096;

/// Writes all RRsets as a new version that is not current yet. `look` is told now and then how many records are written,
/// and may break off: then the answer is none, and nothing is left behind.
///
/// # Errors
/// Those of writing.
pub fn write<'s>(
    source: &'s dyn DataSource,
    records: &SortedRecords,
    look: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> Result<Option<Box<dyn ZoneWriter + 's>>, Error> {
    let mut writer = source.begin(records.origin())?;
    let mut rrsets = Rrsets::new(records);
    while let Some((rrset, _)) = rrsets.next_rrset() {
        writer.put(rrset)?;
        if rrsets.rrsets.is_multiple_of(LOOK_EVERY) && look(rrsets.count).is_break() {
            return Ok(None);
        }
    }
    Ok(if look(rrsets.count).is_break() { None } else { Some(writer) })
}

/// Makes several small zones the current versions, visible at once but not waiting for the disk; see
/// [`DataSource::begin_together`]. What became of each, in their order.
pub fn write_together(source: &dyn DataSource, zones: &[&SortedRecords]) -> Vec<Result<ZoneEntry, Error>> {
    let mut together = source.begin_together();
    let mut add = |records: &&SortedRecords| {
        together.add(records.origin(), &mut |writer| {
            let mut rrsets = Rrsets::new(records);
            while let Some((rrset, _)) = rrsets.next_rrset() {
                writer.put(rrset)?;
            }
            Ok(())
        })
    };
    let added: Vec<Result<(), Error>> = zones.iter().map(&mut add).collect();
    let mut committed = together.commit_unsynced().into_iter();
    added
        .into_iter()
        .filter_map(|added| added.map_or_else(|error| Some(Err(error)), |()| committed.next()))
        .collect()
}

/// Whether the stored version is the same zone, record for record; not known to be when `look` breaks off.
///
/// # Errors
/// Those of reading the store.
pub fn is_same(
    source: &dyn DataSource,
    entry: &ZoneEntry,
    records: &SortedRecords,
    look: &dyn Fn() -> ControlFlow<()>,
) -> Result<bool, Error> {
    let (mut rrsets, mut same) = (Rrsets::new(records), true);
    source.read(entry, &mut |stored| {
        same = rrsets.next_rrset().is_some_and(|(rrset, _)| {
            rrset.owner.octets() == stored.owner.octets()
                && (rrset.rrtype, rrset.ttl, rrset.rdatas) == (stored.rrtype, stored.ttl, stored.rdatas)
        });
        same = same && !(rrsets.rrsets.is_multiple_of(LOOK_EVERY) && look().is_break());
        if same { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok(same && rrsets.next_rrset().is_none())
}
