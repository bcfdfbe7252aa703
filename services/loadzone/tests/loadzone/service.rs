//! The loader as a service, over a real bus.

use std::fs::File;
use std::process::Command;
use std::time::Duration;

use serde_json::json;
use tenon_bus::names::{LOADER, LOADER_PATH};
use tenon_bus::{Bus, BusError, Expect, JobState, JobStatus, Loader1, ZoneEvent};
use tenon_private_bus::{PrivateBus, Process};

use crate::place::{Place, ZONE};

/// Nothing here takes long; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(60);

struct Bench {
    place: Place,
    bus: Bus,
    _service: Process,
    daemon: PrivateBus,
}

impl Bench {
    async fn start() -> Self {
        let (daemon, place) = (PrivateBus::start().unwrap(), Place::new());
        let _service = Process::start(
            Command::new(env!("CARGO_BIN_EXE_tenon-loader"))
                .arg("--store")
                .arg(place.path("zones.sqlite"))
                .arg("--config-dir")
                .arg(place.path("config"))
                .env("DBUS_SYSTEM_BUS_ADDRESS", daemon.address())
                .env("TENON_LOG", "off"),
        );
        let bus = Bus::at(&daemon.address()).await.unwrap();
        daemon.wait_for(LOADER, true).await;
        Self { place, bus, _service, daemon }
    }

    async fn load(&self, zone: &str, text: &str, expect: Expect) -> JobStatus {
        self.place.write("sent", text);
        let file = File::open(self.place.path("sent")).unwrap();
        let loader = Loader1::new(&self.bus);
        let job = loader.load(zone, &file, false, expect).await.unwrap();
        tokio::time::timeout(PATIENCE, loader.jobs().wait(job)).await.unwrap().unwrap()
    }
}

fn told(status: &JobStatus) -> (JobState, String, String) {
    let text = |key: &str| status.details.get(key).and_then(|value| value.as_str()).unwrap_or_default();
    (status.state, text("outcome").to_owned(), text("reason").to_owned())
}

#[tokio::test]
async fn what_is_sent_is_loaded_if_it_is_good_and_replaces_what_it_is_to_replace() {
    let bench = Bench::start().await;
    let mut events = bench.bus.zone_events().await.unwrap();
    let first = bench.load("Example.com", ZONE, Expect::Absent).await;
    assert_eq!(told(&first).1, "loaded", "{first:?}");
    assert_eq!((first.subject.as_str(), &first.details["serial"]), ("example.com.", &json!(7)));
    let changed = ZoneEvent::Changed { zone: "example.com.".into(), serial: 7, cause: "load".into() };
    assert_eq!(tokio::time::timeout(PATIENCE, events.next()).await.unwrap(), Some(changed));
    assert_eq!(told(&bench.load("example.com", ZONE, Expect::Serial(7)).await).1, "unchanged");

    let newer = ZONE.replace("SOA ns admin 7", "SOA ns admin 8");
    for expect in [Expect::Absent, Expect::Serial(6)] {
        let (state, outcome, reason) = told(&bench.load("example.com", &newer, expect).await);
        assert_eq!((state, outcome.as_str()), (JobState::Failed, "conflict"), "{reason}");
        assert!(reason.contains("serial 7"), "{reason}");
    }
    let bad = newer.replace("192.0.2.53", "192.0.2.500") + "$INCLUDE /etc/passwd\n";
    let (state, outcome, reason) = told(&bench.load("example.com", &bad, Expect::Anything).await);
    assert_eq!((state, outcome.as_str()), (JobState::Failed, "refused"), "{reason}");
    assert!(reason.starts_with("line 4: "), "{reason}");
    bench.place.write("sent", &newer);
    let checking = Loader1::new(&bench.bus);
    let job = checking.check("example.com", &File::open(bench.place.path("sent")).unwrap()).await.unwrap();
    assert_eq!(told(&checking.jobs().wait(job).await.unwrap()).1, "checked");
    assert_eq!(told(&bench.load("example.com", &newer, Expect::Serial(7)).await).1, "loaded");

    let loader = Loader1::new(&bench.bus);
    assert!(matches!(loader.remove("example.com", Expect::Serial(7)).await, Err(BusError::Conflict(_))));
    assert!(loader.remove("example.com", Expect::Serial(8)).await.unwrap());
    assert!(!loader.remove("example.com", Expect::Anything).await.unwrap());
    let directory = File::open("/").unwrap();
    let refused = loader.load("example.com", &directory, false, Expect::Anything).await;
    assert!(matches!(refused, Err(BusError::InvalidValue(_))), "{refused:?}");
    let file = File::open(bench.place.path("sent")).unwrap();
    let refused = loader.load("a..b", &file, false, Expect::Anything).await;
    assert!(matches!(refused, Err(BusError::InvalidValue(_))), "{refused:?}");
}

#[tokio::test]
async fn of_a_large_zone_it_is_told_when_a_part_can_be_seen() {
    let bench = Bench::start().await;
    let mut events = bench.bus.zone_events().await.unwrap();
    let hosts = (0..100_000).map(|number| format!("h{number} A 192.0.2.1\n"));
    let text: String = [ZONE.to_owned()].into_iter().chain(hosts).collect();
    let status = bench.load("Example.com", &text, Expect::Absent).await;
    assert_eq!(told(&status).1, "loaded", "{status:?}");
    let zone = "example.com.".to_owned();
    let changed = ZoneEvent::Changed { zone: zone.clone(), serial: 7, cause: "load".into() };
    for event in [ZoneEvent::Coming { zone }, changed] {
        assert_eq!(tokio::time::timeout(PATIENCE, events.next()).await.unwrap(), Some(event));
    }
}

#[tokio::test]
async fn of_many_at_once_for_one_new_zone_one_comes_in() {
    let bench = Bench::start().await;
    bench.place.write("sent", ZONE);
    let loader = Loader1::new(&bench.bus);
    let mut jobs = Vec::new();
    for _ in 0..20 {
        let file = File::open(bench.place.path("sent")).unwrap();
        // Unforced, the same content would be found unchanged.
        jobs.push(loader.load("example.com", &file, true, Expect::Absent).await.unwrap());
    }
    let mut outcomes = Vec::new();
    for job in jobs {
        let status = tokio::time::timeout(PATIENCE, loader.jobs().wait(job)).await.unwrap().unwrap();
        outcomes.push(told(&status).1);
    }
    assert_eq!(outcomes.iter().filter(|outcome| *outcome == "loaded").count(), 1, "{outcomes:?}");
    assert!(outcomes.iter().all(|outcome| matches!(outcome.as_str(), "loaded" | "conflict" | "busy")));
}

#[tokio::test]
async fn live_introspection_is_what_the_file_promises() {
    let bench = Bench::start().await;
    assert_eq!(bench.daemon.differences(LOADER, LOADER_PATH, &["Loader1"]).await, [""; 0]);
}
