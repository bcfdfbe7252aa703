//! Damaged files: found, survived, and the previous image served instead.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use support::{build, manifest, zone};
use tenon_image::{Catalog, ImageFile, ManifestZone, PreviousImage, ZoneState};
use tenon_wire::message::KeyedName;
use tenon_wire::{Name, RrType};

const ZONE: &str = "
    example. SOA ns.example. admin.example. 1 2 3 4 5
    example. NS ns.example.
    ns.example. A 192.0.2.1
    *.w.example. MX 10 ns.example.
    cut.example. NS ns.cut.example.
    ns.cut.example. A 192.0.2.5
";

fn with_previous(current: &ImageFile, previous: &ImageFile) -> ManifestZone {
    let previous = PreviousImage { serial: 0, version: 0, files: vec![previous.clone()] };
    ManifestZone { previous: Some(previous), ..zone("example.", vec![current.clone()]) }
}

fn open(directory: &Path, zone: &ManifestZone, known_bad: &[&str]) -> Catalog {
    let bad: BTreeSet<String> = known_bad.iter().map(|&name| name.to_owned()).collect();
    Catalog::open(directory, &manifest(vec![zone.clone()]), None, &bad)
}

fn state(catalog: &Catalog) -> (ZoneState, u32, String) {
    let zone = catalog.zones(None).next().unwrap();
    (zone.state, zone.serial, zone.reason.clone())
}

/// Looks everything up that the zone has and has not.
fn walk(catalog: &Catalog) {
    for name in
        ["example.", "ns.example.", "nx.example.", "a.w.example.", "a.b.c.w.example.", "x.ns.cut.example."]
    {
        let key = KeyedName::new(name.parse::<Name>().unwrap().as_ref());
        let Some(zone) = catalog.find(&key, false) else { continue };
        let Ok(lookup) = zone.find(&key) else { continue };
        let _ = zone.wildcard(&key, &lookup);
        let mut out = [0; 255];
        for rrset in lookup.node.rrsets().flatten() {
            let _ = rrset.expand_name(12, b"\x07example\x00", &mut out);
            rrset.rdatas().iter().chain(rrset.signature_rdatas()).for_each(drop);
            for additional in rrset.additional() {
                let node = additional.node.map(|node| zone.node(node));
                let _ = node.and_then(Result::ok).map(|node| node.rrset(RrType::A).map(|_| ()));
            }
        }
    }
}

#[test]
fn the_previous_image_is_served_when_the_current_one_is_missing_or_cut_short() {
    let directory = tempfile::tempdir().unwrap();
    let old = build(directory.path(), "old.image", &[("example.", ZONE)]);
    let new = build(directory.path(), "new.image", &[("example.", ZONE)]);
    let entry = with_previous(&new, &old);
    assert_eq!(state(&open(directory.path(), &entry, &[])), (ZoneState::Serving, 1, String::new()));
    let whole = fs::read(directory.path().join("new.image")).unwrap();
    for length in [0, 1, 100, 256, whole.len() - 1] {
        fs::remove_file(directory.path().join("new.image")).unwrap();
        fs::write(directory.path().join("new.image"), &whole[..length]).unwrap();
        let (state, serial, reason) = state(&open(directory.path(), &entry, &[]));
        assert_eq!((state, serial), (ZoneState::Previous, 0), "{length}");
        assert!(reason.starts_with("new.image: "), "{reason}");
    }
    fs::remove_file(directory.path().join("new.image")).unwrap();
    assert_eq!(state(&open(directory.path(), &entry, &[])).0, ZoneState::Previous);
    fs::remove_file(directory.path().join("old.image")).unwrap();
    let catalog = open(directory.path(), &entry, &[]);
    let (state, _, reason) = state(&catalog);
    assert_eq!(state, ZoneState::Faulty);
    assert!(reason.contains("old.image") && reason.contains("new.image"), "{reason}");
    assert!(
        catalog
            .find(&KeyedName::new("example.".parse::<Name>().unwrap().as_ref()), false)
            .is_some_and(|z| !z.is_usable())
    );
}

#[test]
fn every_flipped_octet_is_found_and_none_is_followed_into_a_panic() {
    let directory = tempfile::tempdir().unwrap();
    let file = build(directory.path(), "a.image", &[("example.", ZONE)]);
    let entry = zone("example.", vec![file]);
    let whole = fs::read(directory.path().join("a.image")).unwrap();
    let mut found = 0;
    for at in 0..whole.len() {
        for flip in [0xff, 0x01] {
            let mut damaged = whole.clone();
            damaged[at] ^= flip;
            // A new file each time: what is mapped must not change.
            fs::remove_file(directory.path().join("a.image")).unwrap();
            fs::write(directory.path().join("a.image"), &damaged).unwrap();
            let catalog = open(directory.path(), &entry, &[]);
            walk(&catalog);
            let told = state(&catalog).0 == ZoneState::Faulty || !catalog.verify_bodies(|| ()).is_empty();
            // Padding between sections belongs to nothing.
            found += usize::from(told);
            assert!(told || whole[at] == 0, "octet {at}");
        }
    }
    assert!(found > whole.len(), "{found} of {}", whole.len() * 2);
}

#[test]
fn a_bad_body_is_known_by_its_file_and_avoided_from_then_on() {
    let directory = tempfile::tempdir().unwrap();
    let old = build(directory.path(), "old.image", &[("example.", ZONE)]);
    let new = build(directory.path(), "new.image", &[("example.", ZONE)]);
    let mut octets = fs::read(directory.path().join("new.image")).unwrap();
    octets[300] ^= 4;
    fs::remove_file(directory.path().join("new.image")).unwrap();
    fs::write(directory.path().join("new.image"), octets).unwrap();
    let entry = with_previous(&new, &old);
    let catalog = open(directory.path(), &entry, &[]);
    assert_eq!(state(&catalog).0, ZoneState::Serving);
    let mut pauses = 0;
    let faults = catalog.verify_bodies(|| pauses += 1);
    assert_eq!(faults.iter().map(|fault| fault.file.as_str()).collect::<Vec<_>>(), ["new.image"]);
    assert!(pauses > 0);
    assert_eq!(state(&open(directory.path(), &entry, &["new.image"])).0, ZoneState::Previous);
}

#[test]
fn files_that_stay_are_shared_with_the_catalog_before() {
    let directory = tempfile::tempdir().unwrap();
    let file = build(directory.path(), "a.image", &[("example.", ZONE)]);
    let entry = zone("example.", vec![file]);
    let first = open(directory.path(), &entry, &[]);
    fs::remove_file(directory.path().join("a.image")).unwrap();
    let second = Catalog::open(directory.path(), &manifest(vec![entry]), Some(&first), &BTreeSet::new());
    assert_eq!(state(&second).0, ZoneState::Serving);
}
