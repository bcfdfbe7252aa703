//! Names as octets whose plain order is the canonical order (RFC 4034 section 6.1).

use tenon_wire::NameRef;

const MAX_LABELS: usize = tenon_wire::name::MAX_LABELS;
/// More labels than this few names have; room for more has to be cleared each time.
const FEW_LABELS: usize = 12;

/// Appends the key of the labels of `name` that are not in its last `skip` ones (those of the zone's apex).
///
/// Labels go from the root down, in lower case, each ended by a 0 octet. Octets 0 and 1 inside a label become
/// 1 1 and 1 2, so that nothing inside sorts before the end of a label. The key of the apex is empty.
pub(crate) fn append(name: NameRef<'_>, skip: usize, key: &mut Vec<u8>) {
    let below = name.label_count().saturating_sub(skip);
    if below <= FEW_LABELS {
        append_first::<FEW_LABELS>(name, below, key);
    } else {
        append_first::<MAX_LABELS>(name, below, key);
    }
}

/// Appends the first `count` labels, at most `N`, the last one first.
fn append_first<const N: usize>(name: NameRef<'_>, count: usize, key: &mut Vec<u8>) {
    let mut labels: [&[u8]; N] = [&[]; N];
    labels.iter_mut().zip(name.labels()).for_each(|(slot, label)| *slot = label);
    for label in labels.iter().take(count).rev() {
        let start = key.len();
        key.extend_from_slice(label);
        let written = key.get_mut(start..).unwrap_or_default();
        written.make_ascii_lowercase();
        if written.iter().any(|&octet| octet < 2) {
            key.truncate(start);
            key.extend(label.iter().flat_map(|&octet| escaped(octet)));
        }
        key.push(0);
    }
}

fn escaped(octet: u8) -> impl Iterator<Item = u8> {
    let low = octet < 2;
    low.then_some(1).into_iter().chain([if low { octet + 1 } else { octet.to_ascii_lowercase() }])
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
