//! What others hear of a load.

use std::process::Stdio;

use tenon_bus::{Bus, ZoneEvent};
use tenon_private_bus::PrivateBus;

use crate::place::{Place, Run, ZONE, finish};

fn run_at(bus: &PrivateBus, place: &Place, words: &[&str]) -> Run {
    let mut command = place.command(words);
    command.env("DBUS_SYSTEM_BUS_ADDRESS", bus.address()).stdout(Stdio::piped()).stderr(Stdio::piped());
    finish(command.spawn().unwrap())
}

#[test]
fn loads_and_removals_are_told_in_order_and_nothing_else_is() {
    let (daemon, place) = (PrivateBus::start().unwrap(), Place::new());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut events = runtime.block_on(async {
        let bus = Bus::at(&daemon.address()).await.unwrap();
        bus.zone_events().await.unwrap()
    });
    place.write("zone", ZONE);
    place.write("bad", "bad\n");
    place.write("list", "b.example zone\nc.example bad\nd.example zone\n");
    for (words, status) in [
        (&["Example.com", "zone"][..], 0),
        (&["example.com", "zone"], 0),
        (&["example.com", "bad"], 1),
        (&["--check", "example.net", "zone"], 0),
        (&["--no-signal", "a.example", "zone"], 0),
        (&["--list", "list"], 1),
        (&["--remove", "example.com", "nowhere.example"], 0),
    ] {
        let run = run_at(&daemon, &place, words);
        assert_eq!(run.status, status, "{words:?} {run:?}");
    }
    let changed =
        |zone: &str| ZoneEvent::Changed { zone: zone.to_owned(), serial: 7, cause: "load".to_owned() };
    for expected in [
        changed("example.com."),
        changed("b.example."),
        changed("d.example."),
        ZoneEvent::Removed { zone: "example.com.".to_owned() },
    ] {
        assert_eq!(runtime.block_on(events.next()), Some(expected));
    }
}

#[test]
fn waiting_without_a_compiler_ends_in_time_and_says_so() {
    let (daemon, place) = (PrivateBus::start().unwrap(), Place::new());
    place.write("zone", ZONE);
    let run = run_at(&daemon, &place, &["--wait", "1", "--json", "example.com", "zone"]);
    assert_eq!(run.status, 4, "{run:?}");
    assert!(run.err.contains("not compiled within 1 s") && run.err.contains("example.com."), "{run:?}");
    let said: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!((&said["zones"][0]["outcome"], &said["zones"][0]["ready"]), (&"loaded".into(), &false.into()));
}
