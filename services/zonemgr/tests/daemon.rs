//! The program as a process of its own on a private bus, without tenon-xfrin: what it says, hears, writes down and keeps.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail like tests"
)]

use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;
use tenon_bus::names::{ZONEMGR, ZONEMGR_PATH, ZONES_PATH};
use tenon_bus::{Bus, BusError, Config1, ZoneEvent, Zonemgr1};
use tenon_handover::{Door, Kind, Request, Transport};
use tenon_image::Cause;
use tenon_private_bus::{PrivateBus, Process};

/// Nothing here takes long; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// The program at work with a door.
fn start(bus: &PrivateBus) -> Process {
    let place = |name: &str| bus.directory().join(name);
    std::fs::create_dir_all(place("state")).unwrap();
    let _ = std::fs::remove_file(place("door"));
    let door = UnixListener::bind(place("door")).unwrap();
    Process::start_at(
        &door,
        Command::new(env!("CARGO_BIN_EXE_tenon-zonemgr"))
            .arg("--state")
            .arg(place("state"))
            .arg("--config-dir")
            .arg(place("config"))
            .env("DBUS_SYSTEM_BUS_ADDRESS", bus.address())
            .env("TENON_LOG", "error"),
    )
}

async fn on_bus(daemon: &PrivateBus) -> Bus {
    daemon.wait_for(ZONEMGR, true).await;
    Bus::at(&daemon.address()).await.unwrap()
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Commits settings as the configuration manager would: to the file, and to the process.
async fn commit(daemon: &PrivateBus, bus: &Bus, generation: u64, zones: &[&str]) {
    let zone = |name: &&str| json!({"name": name, "primaries": [{"address": "192.0.2.1"}]});
    let settings = json!({"secondary_zones": zones.iter().map(zone).collect::<Vec<_>>()});
    let config = daemon.directory().join("config");
    std::fs::create_dir_all(config.join("generations")).unwrap();
    let file = format!("generations/{generation:08}.json");
    let stored = json!({"generation": generation, "committed_usec": 1, "author": "root", "comment": "",
        "settings": {"zonemgr": settings}});
    std::fs::write(config.join(&file), stored.to_string()).unwrap();
    let _ = std::fs::remove_file(config.join("current"));
    std::os::unix::fs::symlink(&file, config.join("current")).unwrap();
    Config1::new(bus, ZONEMGR).apply(generation, &settings, PATIENCE).await.unwrap();
}

fn unavailable(daemon: &PrivateBus) -> Vec<(String, Cause)> {
    let path = daemon.directory().join("state/UNAVAILABLE");
    let zones = tenon_image::unavailable::read(&path).unwrap();
    zones.into_iter().map(|(zone, unavailable)| (zone.to_string(), unavailable.cause)).collect()
}

fn notify(door: &Path, zone: &[u8], peer: &str) {
    let message = [b"\x12\x34\x20\0\0\x01\0\0\0\0\0\0", zone, b"\0\0\x06\0\x01"].concat();
    let request = Request {
        kind: Kind::Notify,
        transport: Transport::Udp,
        peer: peer.parse().unwrap(),
        local: "192.0.2.9:53".parse().unwrap(),
        tls_name: None,
        message,
    };
    drop(Door::new(door).hand_over(&request).unwrap());
}

#[tokio::test]
async fn introspection_is_what_the_files_promise() {
    let daemon = PrivateBus::start().unwrap();
    let _running = start(&daemon);
    daemon.wait_for(ZONEMGR, true).await;
    let own = daemon.differences(ZONEMGR, ZONEMGR_PATH, &["Zonemgr1", "Config1", "Stats1"]).await;
    let zones = daemon.differences(ZONEMGR, ZONES_PATH, &["Zones1"]).await;
    assert_eq!([own, zones].concat(), [""; 0]);
}

#[tokio::test]
async fn zones_come_and_go_by_the_settings_and_outlive_a_kill() {
    let daemon = PrivateBus::start().unwrap();
    let mut running = start(&daemon);
    let bus = on_bus(&daemon).await;
    let zonemgr = Zonemgr1::new(&bus);
    assert!(zonemgr.list_zones("", 0).await.unwrap().is_empty());
    commit(&daemon, &bus, 1, &["b.example", "a.example"]).await;
    let names =
        |zones: Vec<tenon_bus::ManagedZone>| zones.into_iter().map(|zone| zone.name).collect::<Vec<_>>();
    assert_eq!(names(zonemgr.list_zones("", 1).await.unwrap()), ["a.example."]);
    assert_eq!(names(zonemgr.list_zones("a.example.", 0).await.unwrap()), ["b.example."]);
    let zone = zonemgr.get_zone("A.example").await.unwrap();
    assert_eq!(
        (zone.state.as_str(), zone.serial, zone.primaries.as_slice()),
        ("unloaded", None, &["192.0.2.1@53".to_owned()][..])
    );
    assert!(matches!(zonemgr.get_zone("c.example.").await, Err(BusError::NoSuchZone(_))));
    let state = zonemgr.state().await.unwrap();
    assert_eq!((state.zone_count, state.states["unloaded"], state.running), (2, 2, 0));
    assert!(
        state.faults.iter().any(|fault| fault.contains("tenon-xfrin is not on the bus")),
        "{:?}",
        state.faults
    );
    let asked = zonemgr.refresh("a.example.").await.unwrap_err();
    assert!(asked.to_string().contains("tenon-xfrin does not run"), "{asked}");
    wait_until("listed", || unavailable(&daemon).len() == 2);

    running.kill();
    let _running = start(&daemon);
    let bus = on_bus(&daemon).await;
    let again = Zonemgr1::new(&bus).get_zone("a.example.").await.unwrap();
    assert_eq!((again.state.as_str(), again.primaries.len()), ("unloaded", 1));
    commit(&daemon, &bus, 2, &["b.example"]).await;
    wait_until("taken out of the list", || {
        unavailable(&daemon) == [("b.example.".to_owned(), Cause::Unloaded)]
    });
}

#[tokio::test]
async fn a_notify_through_the_door_is_told_and_strangers_are_not_heard() {
    let daemon = PrivateBus::start().unwrap();
    let _running = start(&daemon);
    let bus = on_bus(&daemon).await;
    commit(&daemon, &bus, 1, &["a.example"]).await;
    let mut events = bus.zone_events().await.unwrap();
    let door = daemon.directory().join("door");
    notify(&door, b"\x01a\x07example", "198.51.100.1:53");
    notify(&door, b"\x01b\x07example", "192.0.2.1:53");
    notify(&door, b"\xff", "192.0.2.1:53");
    notify(&door, b"\x01A\x07example", "192.0.2.1:4444");
    let heard = ZoneEvent::NotifyReceived { zone: "a.example.".into(), serial: 0, peer: "192.0.2.1".into() };
    let event = tokio::time::timeout(PATIENCE, events.next()).await.expect("nothing was told");
    assert_eq!(event, Some(heard));
    let zone = Zonemgr1::new(&bus).get_zone("a.example.").await.unwrap();
    assert_eq!(zone.notify_peer.as_deref(), Some("192.0.2.1"));
    let counters = tenon_bus::Stats1::new(&bus, ZONEMGR).counters().await.unwrap();
    for (counter, value) in [
        ("notifies", 3),
        ("notifies_refused", 1),
        ("notifies_unknown", 1),
        ("notifies_malformed", 1),
        ("notifies_refreshing", 1),
    ] {
        assert_eq!(counters[counter], value, "{counter}");
    }
}

#[tokio::test]
async fn broken_settings_keep_what_is_known() {
    let daemon = PrivateBus::start().unwrap();
    let mut running = start(&daemon);
    let bus = on_bus(&daemon).await;
    commit(&daemon, &bus, 1, &["a.example"]).await;
    wait_until("written down", || {
        let state = rusqlite::Connection::open(daemon.directory().join("state/state.sqlite")).unwrap();
        state
            .query_row("SELECT count(*) FROM zones", [], |row| row.get::<_, i64>(0))
            .is_ok_and(|rows| rows == 1)
    });
    running.kill();
    std::fs::write(daemon.directory().join("config/generations/00000001.json"), "{").unwrap();
    let mut running = start(&daemon);
    let bus = on_bus(&daemon).await;
    let state = Zonemgr1::new(&bus).state().await.unwrap();
    assert_eq!(state.zone_count, 0);
    assert!(state.faults.iter().any(|fault| fault.contains("not the committed ones")), "{:?}", state.faults);
    running.kill();
    let state = rusqlite::Connection::open(daemon.directory().join("state/state.sqlite")).unwrap();
    let row: String = state.query_row("SELECT state FROM zones", [], |row| row.get(0)).unwrap();
    assert_eq!(row, "managed", "nothing was marked for removal");
}
