//! Canonical order of record data (RFC 4034 section 6.3).

use std::cmp::Ordering;

use super::names::names;
use super::table;
use crate::RrType;

/// Compares record data of one type in canonical form: as octets, with names in lower case where RFC 4034 section 6.2
/// (as amended by RFC 6840 section 5.1) says so. Equal means: the same record.
#[must_use]
pub fn canonical_cmp(rrtype: RrType, a: &[u8], b: &[u8]) -> Ordering {
    if !table::layout(rrtype).is_some_and(|layout| layout.lowercase) {
        return a.cmp(b);
    }
    if a == b {
        return Ordering::Equal;
    }
    // As far as the two agree, they have their names in the same places: those of `a` serve for both.
    let mut at = 0;
    for name in names(rrtype, a) {
        let order = part(a, at, name.start).cmp(part(b, at, name.start));
        let order = order.then_with(|| {
            let (mine, theirs) = (part(a, name.start, name.end), part(b, name.start, name.end));
            mine.iter().map(u8::to_ascii_lowercase).cmp(theirs.iter().map(u8::to_ascii_lowercase))
        });
        if order != Ordering::Equal {
            return order;
        }
        at = name.end;
    }
    part(a, at, a.len()).cmp(b.get(at..).unwrap_or(&[]))
}

/// Octets from `start` up to `end` or to where the data ends.
fn part(rdata: &[u8], start: usize, end: usize) -> &[u8] {
    rdata.get(start..end.min(rdata.len())).unwrap_or(&[])
}
