//! The table of names: buckets of one cache line, so that a miss costs one cache miss and a hit two.
//!
//! A bucket holds up to ten 16-bit fingerprints (octets 0..20), as many 32-bit references (20..60), how many are in
//! use (60), and whether more names spilled into the next bucket (61).

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use crate::format::LINE;
use crate::octets::Fault;

/// Names a bucket takes.
pub(crate) const SLOTS: usize = 10;
/// Names per bucket on the average; at seven of ten, one bucket in ten spills.
pub(crate) const LOAD: usize = 7;
const REFERENCES: usize = SLOTS * 2;
const USED: usize = 60;
const SPILLED: usize = 61;

/// Bucket of a hash among so many.
#[inline]
const fn bucket_of(hash: u64, buckets: usize) -> usize {
    ((hash as u128 * buckets as u128) >> 64) as usize
}

/// Fingerprint of a hash.
#[inline]
const fn fingerprint(hash: u64) -> u16 {
    hash as u16
}

/// Calls `is_it` with the references that may belong to `hash` until it gives something.
#[inline]
pub(crate) fn probe<T>(
    table: &[u8],
    hash: u64,
    mut is_it: impl FnMut(u32) -> Result<Option<T>, Fault>,
) -> Result<Option<T>, Fault> {
    let buckets = table.len() / LINE;
    let wanted = fingerprint(hash).to_le_bytes();
    let mut at = bucket_of(hash, buckets);
    for _ in 0..buckets {
        let Some(bucket) = table.get(at * LINE..).and_then(<[u8]>::first_chunk::<LINE>) else { break };
        let (prints, rest) = bucket.split_at(REFERENCES);
        let (prints, _) = prints.as_chunks::<2>();
        let (references, _) = rest.as_chunks::<4>();
        for (print, reference) in prints.iter().zip(references) {
            if *print == wanted {
                let reference = u32::from_le_bytes(*reference);
                if reference != 0
                    && let Some(found) = is_it(reference)?
                {
                    return Ok(Some(found));
                }
            }
        }
        if bucket.get(SPILLED).is_none_or(|&spilled| spilled == 0) {
            break;
        }
        at = if at + 1 == buckets { 0 } else { at + 1 };
    }
    Ok(None)
}

/// Builds the table of `names` (hash and reference).
#[allow(clippy::indexing_slicing)] // runs in the builder, on a table it has just made
pub(crate) fn build(names: &[(u64, u32)]) -> Vec<u8> {
    let buckets = names.len().div_ceil(LOAD).max(1);
    let mut table = vec![0; buckets * LINE];
    for &(hash, reference) in names {
        let mut at = bucket_of(hash, buckets);
        loop {
            let bucket = &mut table[at * LINE..(at + 1) * LINE];
            let used = bucket[USED] as usize;
            if used < SLOTS {
                bucket[used * 2..used * 2 + 2].copy_from_slice(&fingerprint(hash).to_le_bytes());
                bucket[REFERENCES + used * 4..REFERENCES + used * 4 + 4]
                    .copy_from_slice(&reference.to_le_bytes());
                bucket[USED] += 1;
                break;
            }
            bucket[SPILLED] = 1;
            at = (at + 1) % buckets;
        }
    }
    table
}

/// Every reference in the table.
pub(crate) fn references(table: &[u8]) -> impl Iterator<Item = u32> + '_ {
    let buckets = table.as_chunks::<LINE>().0.iter();
    let words =
        buckets.flat_map(|bucket| bucket.split_at(REFERENCES).1.as_chunks::<4>().0.iter().take(SLOTS));
    words.map(|word| u32::from_le_bytes(*word)).filter(|&reference| reference != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_went_in_is_found(hashes in prop::collection::vec(any::<u64>(), 1..500), clump in any::<bool>()) {
            let squeeze = |hash: u64| if clump { hash >> 50 } else { hash };
            let names: Vec<_> = hashes.iter().zip(1u32..).map(|(&hash, at)| (squeeze(hash), at)).collect();
            let table = build(&names);
            for &(hash, reference) in &names {
                let found = probe(&table, hash, |candidate| Ok((candidate == reference).then_some(()))).unwrap();
                prop_assert!(found.is_some());
            }
            prop_assert_eq!(references(&table).count(), names.len());
        }

        #[test]
        fn garbage_ends(table in prop::collection::vec(any::<u8>(), 0..400), hash in any::<u64>()) {
            let _ = probe(&table, hash, |_| Ok(None::<()>));
        }
    }
}
