//! The program as a process of its own, on a private bus, with the door that PID 1 would pass on.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::process::Command;

use common::{House, PATIENCE, ZONE, answer, update};
use serde_json::json;
use tenon_bus::names::{DDNS, DDNS_PATH};
use tenon_bus::{Bus, BusError, Ddns1, RecordEdit, ZoneEvent};
use tenon_private_bus::{PrivateBus, Process};

/// The program at work, with this door.
fn start(house: &House, door: &std::os::unix::net::UnixListener, address: &str) -> Process {
    let place = |name: &str| house.directory.path().join(name);
    std::fs::create_dir_all(place("config")).unwrap();
    Process::start_at(
        door,
        Command::new(env!("CARGO_BIN_EXE_tenon-ddns"))
            .arg("--store")
            .arg(house.database())
            .arg("--keys-dir")
            .arg(place("keys"))
            .arg("--config-dir")
            .arg(place("config"))
            .env("DBUS_SYSTEM_BUS_ADDRESS", address)
            .env("TENON_LOG", "warn"),
    )
}

#[tokio::test]
async fn zones_are_edited_over_the_bus_and_others_told() {
    let daemon = PrivateBus::start().unwrap();
    let house = House::new(json!({}));
    house.store("example.", ZONE);
    let door = std::os::unix::net::UnixListener::bind(house.directory.path().join("daemon-door")).unwrap();
    let _running = start(&house, &door, &daemon.address());
    daemon.wait_for(DDNS, true).await;
    let bus = Bus::at(&daemon.address()).await.unwrap();
    let mut events = bus.zone_events().await.unwrap();
    let ddns = Ddns1::new(&bus);
    let edits = |text: &str| [RecordEdit { action: "add".to_owned(), text: text.to_owned() }];
    let preview = ddns.preview("Example", &edits("new 60 A 192.0.2.9"), None).await.unwrap();
    assert_eq!((preview.serial, preview.differences.len()), (7, 3));
    let done = ddns.change("example", &edits("new 60 A 192.0.2.9"), Some(7)).await.unwrap();
    assert_eq!((done.serial, done.differences), (8, preview.differences));
    let event = tokio::time::timeout(PATIENCE, events.next()).await.unwrap().unwrap();
    assert_eq!(event, ZoneEvent::Changed { zone: "example.".into(), serial: 8, cause: "update".into() });
    let (serial, records) = ddns.records("example.", "new", "").await.unwrap();
    assert_eq!((serial, records.len(), records[0].data.as_str()), (8, 1, "192.0.2.9"));
    assert!(ddns.records("example.", "nobody", "A").await.unwrap().1.is_empty());
    let change =
        async |zone: &str, text: &str, serial| ddns.change(zone, &edits(text), serial).await.unwrap_err();
    assert!(matches!(change("example.", "x A 192.0.2.9", Some(7)).await, BusError::Conflict(_)));
    assert!(matches!(change("example.", "x BAD", None).await, BusError::InvalidValue(_)));
    assert!(matches!(change("example.", "alias A 192.0.2.9", None).await, BusError::Rejected(_)));
    assert!(matches!(change("nowhere.", "x A 192.0.2.9", None).await, BusError::NoSuchZone(_)));
    assert!(matches!(ddns.records("example.", "x.org.", "").await, Err(BusError::InvalidValue(_))));
    let state = ddns.state().await.unwrap();
    assert_eq!((state.waiting_changes, state.faults.len()), (0, 0));
    let interfaces = ["Ddns1", "Explain1", "Config1", "Stats1"];
    assert_eq!(daemon.differences(DDNS, DDNS_PATH, &interfaces).await, [""; 0]);
}

#[tokio::test]
async fn killed_again_and_again_it_loses_nothing_that_it_answered() {
    let house = House::new(json!({}));
    house.store("example.", ZONE);
    let settings = house.directory.path().join("config/generations/00000001.json");
    std::fs::create_dir_all(settings.parent().unwrap()).unwrap();
    let document = json!({"generation": 1, "committed_usec": 1, "author": "test", "comment": "",
        "settings": {"ddns": {"update_acl": [{"action": "ACCEPT"}]}}});
    std::fs::write(&settings, document.to_string()).unwrap();
    std::os::unix::fs::symlink("generations/00000001.json", house.directory.path().join("config/current"))
        .unwrap();
    let path = house.directory.path().join("daemon-door");
    let door = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let house = House { door: tenon_handover::Door::new(path), ..house };
    let mut answered = Vec::new();
    for round in 0..8 {
        let running = start(&house, &door, "unix:path=/nonexistent");
        let mut waiting = Vec::new();
        for number in 0..40 {
            let name = format!("r{round}n{number}");
            waiting.push((
                name.clone(),
                house.hand_over(&update("example.", &[&format!("add {name} 60 A 192.0.2.1")])),
            ));
        }
        // It dies when a few of them are answered: the more, the later the round.
        for (number, (name, stream)) in waiting.into_iter().enumerate() {
            if number > round * 4 {
                break;
            }
            assert_eq!(answer(stream).await[3], 0, "{name}");
            answered.push(name);
        }
        drop(running);
    }
    let stored = house.records();
    for name in &answered {
        let line = format!("{name}.example. 60 A 192.0.2.1");
        assert!(stored.contains(&line), "{name} was answered NOERROR and is missing");
    }
    assert_eq!(answered.len(), 8 + 4 * 28);
}
