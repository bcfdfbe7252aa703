//! The zones of a directory through changes and damage.

use std::fs;
use std::time::Duration;

use super::*;
use crate::AuthSettings;

// Shared with the tests of the whole process.
#[path = "../../tests/common/zones.rs"]
mod compiled;

use compiled::{image, publish, zone};

fn open(directory: &Path) -> Arc<Zones> {
    Zones::open(
        directory,
        &directory.join("EXPIRIES"),
        AnswerSettings::default(),
        AuthSettings::default().access(),
        Arc::default(),
    )
    .0
}

fn served(zones: &Zones, origin: &str) -> (u32, ZoneState) {
    let origin: tenon_wire::Name = origin.parse().unwrap();
    let catalog = zones.catalog();
    let zone = catalog.zone(origin.as_ref()).expect("a zone of the manifest");
    (zone.serial, zone.state)
}

#[test]
fn only_another_manifest_is_taken_up() {
    let directory = tempfile::tempdir().unwrap();
    let zones = open(directory.path());
    assert!(!zones.reconcile());
    assert!(zones.faults().is_empty(), "there is no zone yet");
    publish(directory.path(), 1, "example.", [192, 0, 2, 1]);
    assert!(zones.reconcile());
    assert!(!zones.reconcile());
    assert_eq!((served(&zones, "example."), zones.faults().len()), ((1, ZoneState::Serving), 0));
    publish(directory.path(), 2, "example.", [192, 0, 2, 2]);
    assert!(zones.reconcile());
    let figures = zones.figures();
    assert_eq!((figures.catalogs, figures.manifest_generation, figures.zones), (2, 2, 1));
}

#[test]
fn a_manifest_that_breaks_or_goes_is_a_fault_and_no_more() {
    let directory = tempfile::tempdir().unwrap();
    publish(directory.path(), 1, "example.", [192, 0, 2, 1]);
    let zones = open(directory.path());
    let manifest = directory.path().join("MANIFEST");
    fs::write(&manifest, "tenon-manifest 1\n").unwrap();
    assert!(zones.reconcile());
    assert!(!zones.reconcile(), "told once");
    assert!(zones.faults().concat().contains("manifest"), "{:?}", zones.faults());
    fs::remove_file(&manifest).unwrap();
    assert!(zones.reconcile());
    assert!(!zones.reconcile(), "told once");
    assert!(zones.faults().concat().contains("gone"), "{:?}", zones.faults());
    assert_eq!(served(&zones, "example."), (1, ZoneState::Serving));
    publish(directory.path(), 2, "example.", [192, 0, 2, 1]);
    assert!(zones.reconcile());
    assert_eq!((served(&zones, "example."), zones.faults().len()), ((2, ZoneState::Serving), 0));
}

#[test]
fn replaced_catalogs_are_dropped_after_their_last_query() {
    let directory = tempfile::tempdir().unwrap();
    publish(directory.path(), 1, "example.", [192, 0, 2, 1]);
    let zones = open(directory.path());
    let in_hand = zones.publisher().load_full();
    publish(directory.path(), 2, "example.", [192, 0, 2, 2]);
    assert!(zones.reconcile());
    let waiting = |zones: &Zones| {
        zones.reconcile();
        zones.state().retired.len()
    };
    assert_eq!(waiting(&zones), 1, "a worker still answers from it");
    drop(in_hand);
    assert_eq!(waiting(&zones), 0);
}

#[test]
fn a_condemned_file_is_not_used_until_another_takes_its_place() {
    let directory = tempfile::tempdir().unwrap();
    let old = image(directory.path(), "example.", 1, [192, 0, 2, 1]);
    let new = image(directory.path(), "example.", 2, [192, 0, 2, 2]);
    let file = new.name.clone();
    let manifest = Manifest { generation: 2, zones: vec![zone("example.", 2, new, Some((1, old)))] };
    manifest.write(directory.path()).unwrap();
    let zones = open(directory.path());
    assert_eq!(served(&zones, "example."), (2, ZoneState::Serving));
    zones.condemn(vec![BodyFault { file, reason: "as the test says".into() }]);
    assert_eq!(served(&zones, "example."), (1, ZoneState::Previous));
    assert_eq!((zones.faults().len(), zones.figures().zones_previous), (2, 1));
    // The same manifest written again still names the file.
    manifest.write(directory.path()).unwrap();
    assert!(zones.reconcile());
    assert_eq!(served(&zones, "example."), (1, ZoneState::Previous));
    publish(directory.path(), 3, "example.", [192, 0, 2, 3]);
    assert!(zones.reconcile());
    assert_eq!((served(&zones, "example."), zones.faults().len()), ((3, ZoneState::Serving), 0));
    assert!(zones.state().known_bad.is_empty());
}

#[test]
fn settings_change_without_touching_the_catalog() {
    let directory = tempfile::tempdir().unwrap();
    publish(directory.path(), 1, "example.", [192, 0, 2, 1]);
    let zones = open(directory.path());
    let before = zones.catalog();
    let answer = AnswerSettings { udp_payload_size: 600, ..AnswerSettings::default() };
    let access = Access { notify_acl: AccessList::nobody(), ..AuthSettings::default().access() };
    zones.set_answer(answer, access.clone(), Arc::default());
    assert!(Arc::ptr_eq(&before, &zones.catalog()));
    assert_eq!(zones.publisher().load().answer.udp_payload_size, 600);
    assert_eq!(*zones.publisher().load().access, access);
}

#[test]
fn how_long_secondary_zones_last_is_followed() {
    let directory = tempfile::tempdir().unwrap();
    let zones = open(directory.path());
    let file = directory.path().join("EXPIRIES");
    let zone: tenon_wire::Name = "example.".parse().unwrap();
    let told = || zones.publisher().load().answer.expiries.of(zone.as_ref());
    assert_eq!(told(), None);
    tenon_image::expiries::write(&file, [(&zone, u64::MAX)].into_iter()).unwrap();
    zones.reconcile();
    assert!(told().is_some());
    // New settings do not forget it.
    zones.set_answer(AnswerSettings::default(), AuthSettings::default().access(), Arc::default());
    assert!(told().is_some());
}

#[test]
fn the_inspector_takes_damage_out_of_service() {
    let directory = tempfile::tempdir().unwrap();
    let old = image(directory.path(), "example.", 1, [192, 0, 2, 1]);
    let new = image(directory.path(), "example.", 2, [192, 0, 2, 2]);
    let path = directory.path().join(&new.name);
    let mut octets = fs::read(&path).unwrap();
    let place = octets.windows(4).position(|window| window == [192, 0, 2, 2]).unwrap();
    octets[place] ^= 1;
    fs::write(&path, octets).unwrap();
    Manifest { generation: 2, zones: vec![zone("example.", 2, new, Some((1, old)))] }
        .write(directory.path())
        .unwrap();
    let (zones, hints) = Zones::open(
        directory.path(),
        &directory.path().join("EXPIRIES"),
        AnswerSettings::default(),
        AuthSettings::default().access(),
        Arc::default(),
    );
    assert_eq!(served(&zones, "example."), (2, ZoneState::Serving));
    let inspector = Inspector::new(Arc::clone(&zones), hints);
    let (tell, found) = std::sync::mpsc::channel();
    std::thread::spawn(move || inspector.run(|| tell.send(()).unwrap()));
    found.recv_timeout(Duration::from_secs(20)).expect("the damage is found");
    assert_eq!(served(&zones, "example."), (1, ZoneState::Previous));
    assert_eq!(zones.figures().images_damaged, 1);
}
