//! A number of fixed size that sorts as owner names do.

use tenon_wire::NameRef;

/// The first 16 octets of a name's place in canonical order (RFC 4034 section 6.1). Names with different keys compare
/// like their keys; names with the same key have to be compared themselves.
pub(super) type FixedKey = [u64; 2];

const LENGTH: usize = 16;
const MOST_LABELS: usize = 128;

/// The key of `name` below an origin that has `origin_labels` labels; none when the name is not at or below it.
///
/// Labels stand from the origin down, each in lower case and ended by a 0, so that a name comes before those below
/// it; octets 0 and 1 inside labels give way (1 1 and 1 2), since labels may hold any octet.
#[must_use]
pub(super) fn fixed_key(name: NameRef<'_>, origin: NameRef<'_>, origin_labels: usize) -> Option<FixedKey> {
    let octets = name.octets();
    let mut starts = [0u8; MOST_LABELS];
    let (mut count, mut at) = (0, 0usize);
    while let Some(&length) = octets.get(at).filter(|&&length| length > 0) {
        *starts.get_mut(count)? = at as u8;
        count += 1;
        at += 1 + length as usize;
    }
    let below = count.checked_sub(origin_labels)?;
    let cut = if below == count { at } else { *starts.get(below)? as usize };
    if !octets.get(cut..)?.eq_ignore_ascii_case(origin.octets()) {
        return None;
    }
    let (mut key, mut filled) = ([0u8; LENGTH], 0);
    'labels: for &start in starts.get(..below)?.iter().rev() {
        let start = start as usize;
        let length = *octets.get(start)? as usize;
        for &octet in octets.get(start + 1..start + 1 + length)? {
            let pair = match octet {
                0 | 1 => &[1, octet + 1][..],
                _ => &[octet.to_ascii_lowercase()],
            };
            for &octet in pair {
                let Some(place) = key.get_mut(filled) else { break 'labels };
                *place = octet;
                filled += 1;
            }
        }
        filled += 1;
    }
    let value = u128::from_be_bytes(key);
    Some([(value >> 64) as u64, value as u64])
}

#[cfg(test)]
mod tests {
    use tenon_wire::Name;

    use super::*;

    fn key(text: &str, origin: &str) -> Option<FixedKey> {
        let (name, origin): (Name, Name) = (text.parse().unwrap(), origin.parse().unwrap());
        fixed_key(name.as_ref(), origin.as_ref(), origin.as_ref().label_count())
    }

    #[test]
    fn keys_sort_as_names_do() {
        let sorted = [
            "example.",
            r"\000.example.",
            r"\000a.example.",
            r"\001.example.",
            r"\002.example.",
            "*.example.",
            "a.example.",
            "yljkjljk.a.example.",
            "z.a.example.",
            "aa.example.",
            "b.example.",
            r"\255.example.",
        ];
        for pair in sorted.windows(2) {
            let (a, b) = (key(pair[0], "example.").unwrap(), key(pair[1], "example.").unwrap());
            assert!(a < b, "{} < {}", pair[0], pair[1]);
        }
        assert_eq!(key("A.eXample.", "Example."), key("a.example.", "example."));
    }

    #[test]
    fn long_names_share_keys_and_never_sort_wrongly() {
        let long = key("abcdefghijklmnopqrstuvwxyz.example.", "example.");
        assert_eq!(long, key("abcdefghijklmnopzzz.example.", "example."));
        assert!(long < key("abcdefghijklmnpa.example.", "example."));
    }

    #[test]
    fn names_elsewhere_have_no_key() {
        assert_eq!(key("example.org.", "example.com."), None);
        assert_eq!(key("com.", "example.com."), None);
        assert_eq!(key("badexample.com.", "example.com."), None);
        assert!(key("anything.", ".").is_some());
        assert_eq!(key(".", "."), Some([0, 0]));
    }
}
