//! Names to ask a zone for: its own, those around them, and those that it can only make up.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use fastrand::Rng;
use tenon_datasrc::master::{Item, Limits, read_text};
use tenon_wire::{Name, NameRef};

use crate::world::Zone;

/// For every owner: itself, its ancestors, siblings, names just before, behind and below it, instances of wildcards,
/// and mutations.
#[must_use]
pub fn around(zone: &Zone, random: &mut Rng) -> BTreeSet<Name> {
    let mut names = BTreeSet::new();
    for owner in owners(zone) {
        let labels: Vec<&[u8]> = owner.as_ref().labels().filter(|label| !label.is_empty()).collect();
        let mut add = |labels: &[&[u8]]| names.extend(name(labels));
        for start in 0..=labels.len() {
            add(&labels[start..]);
        }
        for below in [&b"x"[..], b"*", b"\0", b"zz", b"a"] {
            add(&[&[below], &labels[..]].concat());
        }
        add(&[&[&b"x"[..], b"y"], &labels[..]].concat());
        add(&[&[&b"*"[..], b"*"], &labels[..]].concat());
        let Some((first, rest)) = labels.split_first() else { continue };
        for sibling in siblings(first, random) {
            add(&[&[&sibling[..]], rest].concat());
        }
        if *first == b"*" {
            add(&[&[&b"X"[..], b"y", b"Z"], rest].concat());
        }
        add(&[&[&random_label(random)[..]], &labels[random.usize(..labels.len())..]].concat());
    }
    names
}

/// Owners of records.
#[must_use]
pub fn owners(zone: &Zone) -> BTreeSet<Name> {
    let mut owners = BTreeSet::new();
    read_text(zone.text.as_bytes(), zone.origin.as_ref(), &Limits::default(), |item| {
        if let Item::Record(record) = item {
            owners.insert(record.owner.to_name());
        }
        ControlFlow::Continue(())
    });
    owners
}

fn siblings(label: &[u8], random: &mut Rng) -> Vec<Vec<u8>> {
    let mut siblings = vec![b"*".to_vec(), b"x".to_vec(), [label, b"0"].concat(), [label, b"\0"].concat()];
    siblings.push(label.iter().map(u8::to_ascii_uppercase).collect());
    for change in [1u8, 255] {
        let mut other = label.to_vec();
        if let Some(last) = other.last_mut() {
            *last = last.wrapping_add(change);
        }
        siblings.push(other);
    }
    let mut other = label.to_vec();
    let place = random.usize(..other.len());
    other[place] = random.u8(..);
    siblings.push(other);
    siblings
}

fn random_label(random: &mut Rng) -> Vec<u8> {
    (0..random.usize(1..5))
        .map(|_| *random.choice(b"abcdefghijklmnopqrstuvwxyz*-0").unwrap_or(&b'a'))
        .collect()
}

/// A name of labels; none when it would be too long.
fn name(labels: &[&[u8]]) -> Option<Name> {
    let mut octets = Vec::new();
    for label in labels {
        octets.push(u8::try_from(label.len()).ok()?);
        octets.extend_from_slice(label);
    }
    octets.push(0);
    NameRef::from_octets(&octets).ok().map(NameRef::to_name)
}
