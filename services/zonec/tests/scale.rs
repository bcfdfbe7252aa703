//! Figures at full size: `cargo test --release -p tenon-zonec --test scale -- --ignored --nocapture --test-threads 1`

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail like tests"
)]

mod common;

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::Place;
use tenon_zonec::reconcile;
use tenon_zonec::{StorePlace, Zonec, ZonecSettings};

fn start(place: &Place) -> Arc<Zonec> {
    let stores = vec![StorePlace::primary(&place.database())];
    let (zonec, _) = Zonec::start(&place.images(), stores, &place.unavailable(), ZonecSettings::default());
    for work in [reconcile::run as fn(&Arc<Zonec>), reconcile::run_beside] {
        let zonec = Arc::clone(&zonec);
        // These threads outlive the test, as they outlive everything in the daemon.
        std::thread::spawn(move || work(&zonec));
    }
    zonec
}

fn wait_until(zonec: &Zonec, is_so: impl Fn() -> bool) -> Duration {
    let started = Instant::now();
    zonec.hint();
    while !is_so() {
        std::thread::sleep(Duration::from_millis(1));
    }
    started.elapsed()
}

#[test]
#[ignore = "a measurement; run with --release"]
fn a_million_names_and_a_small_zone_meanwhile() {
    let place = Place::new();
    place.store("large.example.", 1, 1_000_000);
    let zonec = start(&place);
    let serial = |zone: &str| {
        let manifest = place.manifest();
        manifest.zones.iter().find(|z| z.origin == common::name(zone)).map(|z| z.serial)
    };
    let started = Instant::now();
    let mut longest = Duration::ZERO;
    let mut changes = 0;
    while serial("large.example.").is_none() {
        changes += 1;
        place.store("small.example.", changes, 3);
        longest = longest.max(wait_until(&zonec, || serial("small.example.") == Some(changes)));
    }
    let octets = place.manifest().zones[0].files[0].octets;
    println!(
        "1,000,002 records compiled in {:.2?}, {} octets a record",
        started.elapsed(),
        octets / 1_000_002
    );
    println!(
        "meanwhile {changes} changes of a small zone, the longest took {longest:.1?} to be in the manifest"
    );
    assert!(changes > 1);
}

#[test]
#[ignore = "a measurement; run with --release"]
fn ten_thousand_small_zones() {
    let place = Place::new();
    let started = Instant::now();
    for number in 0..10_000 {
        common::put_zone(&place.source, &format!("z{number:05}.example."), 1, 10).commit_unsynced().unwrap();
    }
    place.source.sync().unwrap();
    println!("10,000 small zones stored in {:.2?}", started.elapsed());
    let zonec = start(&place);
    let time = wait_until(&zonec, || place.manifest().zones.len() == 10_000);
    println!("compiled in {time:.2?} into {} files", place.files().len());
    place.store("z00500.example.", 2, 10);
    let time = wait_until(&zonec, || place.manifest().zones[500].serial == 2);
    println!("one change took {time:.1?} to be in the manifest");
    assert!(place.files().len() <= 10);
}
