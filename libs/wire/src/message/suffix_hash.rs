//! The hash of a name, computed from the root leftwards, so that one pass gives the hash of every suffix.
//!
//! Part of the image format: a change needs a new format version. Not a cryptographic hash; names in one image come
//! from operators, and every hit is compared octet by octet.

/// Hash of the root name.
pub const ROOT: u64 = 0x243f_6a88_85a3_08d3;
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
const SPREAD: u64 = 0xd6e8_feb8_6659_fd93;

/// Hash of `label` before the name whose hash is `suffix`. The label comes with its length octet, in lower case.
#[must_use]
pub fn extend(suffix: u64, label: &[u8]) -> u64 {
    let mut hash = suffix;
    let mut chunks = label.chunks_exact(8);
    for chunk in &mut chunks {
        hash = fold(hash, chunk.first_chunk().map_or(0, |word| u64::from_le_bytes(*word)));
    }
    // The length octet leads, so padding with zeros leaves no two labels alike.
    match tail(chunks.remainder()) {
        Some(word) => fold(hash, word),
        None => hash,
    }
}

/// Fewer than eight octets as one word, the first lowest; `None` for none. Pieces that overlap agree where they do, so
/// no loop over octets is needed.
fn tail(octets: &[u8]) -> Option<u64> {
    let length = octets.len();
    if let (Some(first), Some(last)) = (octets.first_chunk(), octets.last_chunk()) {
        let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
        return Some(u64::from(first) | u64::from(last) << (8 * (length - 4)));
    }
    let place = |at: usize| octets.get(at).map_or(0, |&octet| u64::from(octet) << (8 * at));
    octets.first().map(|_| place(0) | place(length / 2) | place(length - 1))
}

const fn fold(hash: u64, word: u64) -> u64 {
    let product = ((hash ^ word) as u128).wrapping_mul(FACTOR as u128);
    ((product as u64) ^ ((product >> 64) as u64)).wrapping_add(SPREAD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixed_by_the_image_format() {
        assert_eq!(extend(ROOT, b"\x03com"), 0xb144_0436_3dab_78d1);
    }

    #[test]
    fn a_tail_is_its_octets_in_order() {
        for length in 0..8u8 {
            let octets: Vec<u8> = (1..=length).map(|octet| octet * 31).collect();
            let slow = octets.iter().rev().fold(0, |word, &octet| word << 8 | u64::from(octet));
            assert_eq!(tail(&octets), (length > 0).then_some(slow));
        }
    }

    #[test]
    fn labels_and_their_order_matter() {
        let names: [&[&[u8]]; 6] = [
            &[b"\x01a", b"\x01b"],
            &[b"\x01b", b"\x01a"],
            &[b"\x01a"],
            &[b"\x02ab"],
            &[b"\x02a\x00"],
            &[b"\x07aaaaaaa", b"\x08aaaaaaaa"],
        ];
        let mut hashes: Vec<u64> =
            names.iter().map(|name| name.iter().fold(ROOT, |h, l| extend(h, l))).collect();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), names.len());
    }
}
