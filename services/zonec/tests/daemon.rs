//! The program as a process of its own, on a private bus, without one, and killed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail like tests"
)]

mod common;

use std::process::Command;
use std::time::{Duration, Instant};

use common::{Place, files};
use tenon_bus::names::{ZONEC, ZONEC_PATH, ZONES_PATH};
use tenon_bus::{Bus, BusError, ZoneEvent, ZoneEvents, Zonec1};
use tenon_private_bus::{PrivateBus, Process};

/// Nothing here takes long; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(60);

fn start(place: &Place, address: &str) -> Process {
    Process::start(
        Command::new(env!("CARGO_BIN_EXE_tenon-zonec"))
            .arg("--images")
            .arg(place.images())
            .arg("--primary")
            .arg(place.database())
            .arg("--secondary")
            .arg(place.secondary())
            .arg("--unavailable")
            .arg(place.unavailable())
            .arg("--config-dir")
            .arg(place.directory.path().join("config"))
            .env("DBUS_SYSTEM_BUS_ADDRESS", address)
            .env("TENON_LOG", "warn"),
    )
}

/// Looks again and again until it is so.
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

async fn on_bus(daemon: &PrivateBus) -> Bus {
    daemon.wait_for(ZONEC, true).await;
    Bus::at(&daemon.address()).await.unwrap()
}

async fn wait_for(events: &mut ZoneEvents, wanted: impl Fn(&ZoneEvent) -> bool) -> ZoneEvent {
    let found = async {
        loop {
            let event = events.next().await.expect("the bus went away");
            if wanted(&event) {
                return event;
            }
        }
    };
    tokio::time::timeout(PATIENCE, found).await.expect("no such event")
}

#[tokio::test]
async fn a_signal_is_enough_and_the_face_tells_what_is_stored() {
    let daemon = PrivateBus::start().unwrap();
    let place = Place::new();
    let _running = start(&place, &daemon.address());
    let bus = on_bus(&daemon).await;
    let mut events = bus.zone_events().await.unwrap();
    for zone in ["c.example.", "a.example.", "b.example."] {
        let entry = place.store(zone, 7, 3);
        let changed = ZoneEvent::Changed { zone: zone.into(), serial: entry.serial, cause: "load".into() };
        bus.emit_zone_event(&changed).await.unwrap();
        wait_for(
            &mut events,
            |event| matches!(event, ZoneEvent::ImageReady { zone: ready, serial: 7, .. } if ready == zone),
        )
        .await;
    }
    let zonec = Zonec1::new(&bus);
    let names =
        |zones: Vec<tenon_bus::StoredZone>| zones.into_iter().map(|zone| zone.name).collect::<Vec<_>>();
    assert_eq!(names(zonec.list_zones("", 2).await.unwrap()), ["a.example.", "b.example."]);
    assert_eq!(names(zonec.list_zones("b.example.", 0).await.unwrap()), ["c.example."]);
    let zone = zonec.get_zone("A.Example").await.unwrap();
    assert_eq!((zone.stored_serial, zone.compiled_serial, zone.records), (7, Some(7), 5));
    assert_eq!((zone.state.as_str(), zone.reason.as_str(), zone.files.len()), ("ready", "", 1));
    assert!(zone.octets > 0 && zone.compiled_usec >= zone.committed_usec);
    assert!(matches!(zonec.get_zone("z.example.").await, Err(BusError::NoSuchZone(_))));
    assert!(matches!(zonec.get_zone("..").await, Err(BusError::NoSuchZone(_))));
    let state = zonec.state().await.unwrap();
    assert_eq!((state.zone_count, state.faults.len()), (3, 0));

    place.store_bad("b.example.", 8);
    wait_for(&mut events, |event| matches!(event, ZoneEvent::ImageFailed { serial: 8, .. })).await;
    assert_eq!(zonec.get_zone("b.example.").await.unwrap().state, "failed");
    assert_eq!(zonec.state().await.unwrap().faults.len(), 1);
}

#[tokio::test]
async fn introspection_is_what_the_files_promise() {
    let daemon = PrivateBus::start().unwrap();
    let place = Place::new();
    let _running = start(&place, &daemon.address());
    daemon.wait_for(ZONEC, true).await;
    let own = daemon.differences(ZONEC, ZONEC_PATH, &["Zonec1", "Config1", "Stats1"]).await;
    let zones = daemon.differences(ZONEC, ZONES_PATH, &["Zones1"]).await;
    assert_eq!([own, zones].concat(), [""; 0]);
}

#[tokio::test]
async fn it_works_without_a_bus_and_is_found_when_it_comes() {
    let mut daemon = PrivateBus::start().unwrap();
    let place = Place::new();
    daemon.stop().unwrap();
    let _running = start(&place, &daemon.address());
    place.store("a.example.", 1, 3);
    wait_until("compiled", || place.manifest().zones.len() == 1);
    daemon.restart().unwrap();
    let bus = on_bus(&daemon).await;
    assert_eq!(Zonec1::new(&bus).state().await.unwrap().zone_count, 1);
}

#[test]
fn killed_while_compiling_it_takes_up_its_work_again() {
    let place = Place::new();
    let nowhere = "unix:path=/nonexistent";
    place.store("large.example.", 1, 1000);
    let mut running = start(&place, nowhere);
    wait_until("compiled", || place.manifest().zones.len() == 1);
    place.store("large.example.", 2, 250_000);
    wait_until("compiling", || place.files().iter().any(|file| file.ends_with(".new")));
    running.kill();
    assert_eq!(place.served()["large.example."], 1, "served throughout");
    let _running = start(&place, nowhere);
    wait_until("compiled", || place.manifest().zones[0].serial == 2);
    assert_eq!(place.served()["large.example."], 2);
    wait_until("nothing left over", || {
        place.files().len() == 2 && files(place.directory.path()).iter().all(|file| !file.contains("reading"))
    });
}
