//! Names as octets whose plain order is the canonical order (RFC 4034 section 6.1).

use tenon_wire::NameRef;

const MAX_LABELS: usize = tenon_wire::name::MAX_LABELS;

/// Appends the key of the labels of `name` that are not in its last `skip` ones (those of the zone's apex).
///
/// Labels go from the root down, in lower case, each ended by a 0 octet. Octets 0 and 1 inside a label become
/// 1 1 and 1 2, so that nothing inside sorts before the end of a label. The key of the apex is empty.
pub(crate) fn append(name: NameRef<'_>, skip: usize, key: &mut Vec<u8>) {
    let mut labels: [&[u8]; MAX_LABELS] = [&[]; MAX_LABELS];
    let mut count = 0;
    for (slot, label) in labels.iter_mut().zip(name.labels()) {
        *slot = label;
        count += 1;
    }
    for label in labels[..usize::saturating_sub(count, skip)].iter().rev() {
        for octet in *label {
            match octet.to_ascii_lowercase() {
                low @ (0 | 1) => key.extend([1, low + 1]),
                other => key.push(other),
            }
        }
        key.push(0);
    }
}

/// The key of a whole name.
pub(crate) fn of(name: NameRef<'_>) -> Vec<u8> {
    let mut key = Vec::with_capacity(name.octets().len() + 1);
    append(name, 0, &mut key);
    key
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tenon_wire::Name;

    use super::*;

    fn names() -> impl Strategy<Value = Name> {
        let octet = prop_oneof![Just(0u8), Just(1), Just(2), Just(b'a'), Just(b'A'), Just(b'.'), any::<u8>()];
        prop::collection::vec(prop::collection::vec(octet, 1..4), 0..5).prop_map(|labels| {
            let mut octets = Vec::new();
            for label in labels {
                octets.push(label.len() as u8);
                octets.extend(label);
            }
            octets.push(0);
            NameRef::from_octets(&octets).unwrap().to_name()
        })
    }

    proptest! {
        #[test]
        fn keys_sort_as_names_do(a in names(), b in names()) {
            prop_assert_eq!(of(a.as_ref()).cmp(&of(b.as_ref())), a.cmp(&b));
        }
    }

    #[test]
    fn the_apex_has_an_empty_key() {
        let apex: Name = "example.com.".parse().unwrap();
        let mut key = Vec::new();
        append(apex.as_ref(), 2, &mut key);
        assert_eq!(key, b"");
        let below: Name = "www.EXAMPLE.com.".parse().unwrap();
        append(below.as_ref(), 2, &mut key);
        assert_eq!(key, b"www\0");
    }
}
