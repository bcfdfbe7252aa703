//! The server on a private bus.

// Helpers of tests fail like tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use common::zones::{image, publish, zone};
use common::{House, PATIENCE, ask, client, question};
use serde_json::json;
use tenon_bus::{
    AnswerTimes, Auth1, AuthState, Bus, BusError, Config1, Stats1, TopClient, ZoneCountersPage, ZoneEvent,
    names,
};
use tenon_image::Manifest;
use tenon_private_bus::PrivateBus;

const NAME: &str = "org.tenon.Auth1.Instance7";

async fn present(daemon: &PrivateBus) -> Bus {
    daemon.wait_for(NAME, true).await;
    Bus::at(&daemon.address()).await.unwrap()
}

async fn state_when(auth: &Auth1, what: &str, holds: impl Fn(&AuthState) -> bool) -> AuthState {
    let began = std::time::Instant::now();
    loop {
        let state = auth.state().await.unwrap();
        if holds(&state) {
            return state;
        }
        assert!(began.elapsed() < PATIENCE, "never happened: {what}; {state:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn the_interface_is_the_one_of_the_contract() {
    let daemon = PrivateBus::start().unwrap();
    let house = House::on_bus(&daemon, 2);
    let _server = house.start_ready();
    daemon.wait_for(NAME, true).await;
    let interfaces = ["Auth1", "Config1", "Stats1"];
    assert_eq!(daemon.differences(NAME, names::AUTH_PATH, &interfaces).await, [""; 0]);
}

#[tokio::test]
async fn zones_and_sockets_are_shown() {
    let daemon = PrivateBus::start().unwrap();
    let house = House::on_bus(&daemon, 2);
    let images = house.images();
    let zones = ["a.example.", "B.example.", "c.example."].map(|origin| {
        let file = image(&images, origin, 5, [192, 0, 2, 5]);
        zone(origin, 5, file, None)
    });
    Manifest { generation: 9, zones: zones.into() }.write(&images).unwrap();
    let _server = house.start_ready();
    let bus = present(&daemon).await;
    let auth = Auth1::new(&bus, NAME);
    let state = auth.state().await.unwrap();
    assert_eq!((state.instance, state.manifest_generation, state.zone_count), (7, 9, 3));
    assert_eq!(state.faults, Vec::<String>::new());
    let protocols: Vec<_> = state.listeners.iter().map(|listener| listener.protocol.as_str()).collect();
    assert_eq!(protocols, ["udp", "udp", "tcp"]);
    assert!(state.listeners.iter().all(|listener| listener.address == house.address.to_string()));

    let page = auth.list_zones("", 2).await.unwrap();
    assert_eq!(page.iter().map(|zone| zone.name.as_str()).collect::<Vec<_>>(), ["a.example.", "b.example."]);
    let page = auth.list_zones(&page[1].name, 2).await.unwrap();
    assert_eq!(page.len(), 1);
    assert_eq!((page[0].name.as_str(), page[0].serial, page[0].state.as_str()), ("c.example.", 5, "serving"));
    let details = auth.get_zone("B.EXAMPLE.").await.unwrap();
    assert_eq!((details.serial, details.records, details.files.len()), (5, 4, 1));
    assert!(matches!(auth.get_zone("d.example.").await, Err(BusError::NoSuchZone(_))));
}

#[tokio::test]
async fn hints_calls_and_a_new_bus_are_followed() {
    let mut daemon = PrivateBus::start().unwrap();
    let house = House::on_bus(&daemon, 1);
    let _server = house.start_ready();
    let bus = present(&daemon).await;
    publish(&house.images(), 1, "example.", [192, 0, 2, 1]);
    assert_eq!(Auth1::new(&bus, NAME).reconcile().await.unwrap(), 1);
    assert_eq!(ask(&client(), house.address, "www.example.").address, [192, 0, 2, 1]);

    publish(&house.images(), 2, "example.", [192, 0, 2, 2]);
    bus.emit_zone_event(&ZoneEvent::ManifestChanged { generation: 2 }).await.unwrap();
    state_when(&Auth1::new(&bus, NAME), "the hint is followed", |state| state.manifest_generation == 2).await;

    daemon.restart().unwrap();
    assert_eq!(ask(&client(), house.address, "www.example.").address, [192, 0, 2, 2]);
    let bus = present(&daemon).await;
    publish(&house.images(), 3, "example.", [192, 0, 2, 3]);
    state_when(&Auth1::new(&bus, NAME), "it goes on", |state| state.manifest_generation == 3).await;
}

#[tokio::test]
async fn faults_are_told() {
    let daemon = PrivateBus::start().unwrap();
    let house = House::on_bus(&daemon, 1);
    let images = house.images();
    let (old, new) =
        (image(&images, "example.", 1, [192, 0, 2, 1]), image(&images, "example.", 2, [192, 0, 2, 2]));
    std::fs::remove_file(images.join(&new.name)).unwrap();
    Manifest { generation: 2, zones: vec![zone("example.", 2, new, Some((1, old)))] }.write(&images).unwrap();
    let _server = house.start_ready();
    let bus = present(&daemon).await;
    let auth = Auth1::new(&bus, NAME);
    let state = auth.state().await.unwrap();
    assert!(matches!(state.faults.as_slice(), [fault] if fault.contains("example.")), "{:?}", state.faults);
    let details = auth.get_zone("example.").await.unwrap();
    assert_eq!((details.serial, details.state.as_str()), (1, "previous"));
    assert!(!details.reason.is_empty());
    publish(&images, 3, "example.", [192, 0, 2, 3]);
    state_when(&auth, "no fault is left", |state| state.faults.is_empty()).await;
}

#[tokio::test]
async fn settings_change_while_running_and_queries_are_counted() {
    let daemon = PrivateBus::start().unwrap();
    let house = House::on_bus(&daemon, 2);
    publish(&house.images(), 1, "example.", [192, 0, 2, 1]);
    let _server = house.start_ready();
    let bus = present(&daemon).await;
    let config = Config1::new(&bus, NAME);
    let checked = config.check(&json!({"tcp_clients": 0}), PATIENCE).await;
    assert!(matches!(checked, Err(BusError::Rejected(reason)) if reason.contains("auth/tcp_clients")));
    config.apply(5, &json!({"tcp_clients": 7}), PATIENCE).await.unwrap();
    let state = config.state().await.unwrap();
    assert_eq!((state.generation, &state.settings["tcp_clients"]), (5, &json!(7)));

    let client = client();
    for _ in 0..10 {
        ask(&client, house.address, "www.example.");
    }
    ask(&client, house.address, "nothing.example.");
    let stats = Stats1::new(&bus, NAME);
    let counters = stats.counters().await.unwrap();
    for (name, value) in [("queries_udp", 11), ("qtype_a", 11), ("rcode_noerror", 10), ("rcode_nxdomain", 1)]
    {
        assert_eq!(counters[name], value, "{name}");
    }
    assert_eq!((counters["udp4_received"], counters["zones"]), (11, 1));
    assert_eq!(stats.describe().await.unwrap().len(), counters.len());

    // How long an answer took is noted when it has left.
    let auth = Auth1::new(&bus, NAME);
    let noted = |times: &[AnswerTimes]| times[0].buckets.iter().sum::<u64>() == 11;
    let (began, mut times) = (std::time::Instant::now(), auth.answer_times().await.unwrap());
    while !noted(&times) && began.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(10)).await;
        times = auth.answer_times().await.unwrap();
    }
    let counts = times.iter().map(|times| (times.transport.as_str(), times.buckets.iter().sum()));
    let expected = [("udp", 11_u64), ("tcp", 0), ("tls", 0), ("https", 0), ("quic", 0)];
    assert_eq!(counts.collect::<Vec<_>>(), expected);
    assert!(times.iter().all(|times| times.buckets.len() == 22));
    assert!(times[0].nanoseconds > 0 && times[1].nanoseconds == 0);
}

#[tokio::test]
async fn each_zone_is_counted_when_that_is_asked_for() {
    let daemon = PrivateBus::start().unwrap();
    let house = House::on_bus(&daemon, 2);
    let images = house.images();
    let publish = |generation: u64, origins: &[&str]| {
        let serial = u32::try_from(generation).unwrap();
        let zones = origins.iter().map(|origin| {
            let file = image(&images, origin, serial, [192, 0, 2, 5]);
            zone(origin, serial, file, None)
        });
        Manifest { generation, zones: zones.collect() }.write(&images).unwrap();
    };
    publish(1, &["a.example.", "B.example.", "c.example."]);
    let _server = house.start_ready();
    let bus = present(&daemon).await;
    let (auth, config) = (Auth1::new(&bus, NAME), Config1::new(&bus, NAME));
    let client = client();
    ask(&client, house.address, "www.a.example.");
    assert_eq!(auth.list_zone_counters("", 0).await.unwrap(), ZoneCountersPage::default());

    config.apply(2, &json!({"zone_statistics": true}), PATIENCE).await.unwrap();
    for name in ["www.b.example.", "WWW.B.EXAMPLE.", "b.example.", "no.b.example.", "www.c.example.", "no."] {
        ask(&client, house.address, name);
    }
    let of = |zone: &str, counters: [u64; 5]| {
        let names = ["queries", "noerror", "nodata", "nxdomain", "referrals"];
        (zone.to_owned(), names.map(str::to_owned).into_iter().zip(counters).collect::<BTreeMap<_, _>>())
    };
    let without_octets = |page: ZoneCountersPage| {
        let zone = |(name, mut counters): (String, BTreeMap<String, u64>)| {
            assert!(counters.remove("octets").unwrap() > 12 * counters["queries"]);
            assert_eq!(counters.remove("failures"), Some(0));
            (name, counters)
        };
        (page.zones.into_iter().map(zone).collect::<Vec<_>>(), page.further)
    };
    let (b, c) = (of("b.example.", [4, 2, 1, 1, 0]), of("c.example.", [1, 1, 0, 0, 0]));
    let first = without_octets(auth.list_zone_counters("", 1).await.unwrap());
    assert_eq!(first, (vec![b], 1));
    let rest = without_octets(auth.list_zone_counters("b.example.", 0).await.unwrap());
    assert_eq!(rest, (vec![c], 0));

    let one = auth.zone_counters("B.Example").await.unwrap();
    assert_eq!((one["queries"], one["nxdomain"], one["failures"]), (4, 1, 0));
    assert_eq!(auth.zone_counters("a.example.").await.unwrap()["queries"], 0, "asked for before it counted");
    let nowhere = auth.zone_counters("d.example.").await;
    assert!(matches!(nowhere, Err(BusError::NoSuchZone(_))), "{nowhere:?}");

    // Counters go on with another version of the zone among other zones, and end with the zone.
    publish(2, &["B.example.", "d.example."]);
    assert_eq!(auth.reconcile().await.unwrap(), 2);
    ask(&client, house.address, "www.b.example.");
    ask(&client, house.address, "www.d.example.");
    let all = without_octets(auth.list_zone_counters("", 0).await.unwrap());
    assert_eq!(all, (vec![of("b.example.", [5, 3, 1, 1, 0]), of("d.example.", [1, 1, 0, 0, 0])], 0));

    config.apply(3, &json!({}), PATIENCE).await.unwrap();
    assert_eq!(auth.list_zone_counters("", 0).await.unwrap(), ZoneCountersPage::default());
    assert_eq!(auth.zone_counters("b.example.").await.unwrap()["queries"], 0);
}

#[tokio::test]
async fn who_asks_most_is_noted_when_that_is_set() {
    let daemon = PrivateBus::start().unwrap();
    let house = House::on_bus(&daemon, 2);
    publish(&house.images(), 1, "example.", [192, 0, 2, 1]);
    let _server = house.start_ready();
    let bus = present(&daemon).await;
    let (auth, config) = (Auth1::new(&bus, NAME), Config1::new(&bus, NAME));
    let client = client();
    ask(&client, house.address, "www.example.");
    assert_eq!(auth.top_clients().await.unwrap(), []);
    config.apply(2, &json!({"top_clients": true}), PATIENCE).await.unwrap();
    for _ in 0..3 {
        ask(&client, house.address, "www.example.");
    }
    let one = TopClient { network: "127.0.0.0/24".into(), messages: 3, error: 0 };
    assert_eq!(auth.top_clients().await.unwrap(), [one]);
    for top_clients in [false, true] {
        config.apply(3, &json!({"top_clients": top_clients}), PATIENCE).await.unwrap();
        assert_eq!(auth.top_clients().await.unwrap(), []);
    }
}

/// The next answer on a stream.
fn receive(stream: &mut TcpStream) -> Vec<u8> {
    let mut length = [0; 2];
    stream.read_exact(&mut length).unwrap();
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut message).unwrap();
    message
}

#[tokio::test]
async fn timeouts_of_connections_change_while_they_are_open() {
    let daemon = PrivateBus::start().unwrap();
    let house = House::on_bus(&daemon, 1);
    publish(&house.images(), 1, "example.", [192, 0, 2, 1]);
    let _server = house.start_ready();
    let bus = present(&daemon).await;
    let config = Config1::new(&bus, NAME);
    // Until the end of the test nothing would happen by itself: all of them are 30 seconds.
    let open = || {
        let stream = TcpStream::connect(house.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    };
    let plain = question(1, "www.example.", 1);
    let mut asking = question(2, "www.example.", 1);
    asking[11] = 1;
    asking.extend([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 4, 0, 11, 0, 0]);
    let ask = |stream: &mut TcpStream, query: &[u8]| {
        let length = u16::try_from(query.len()).unwrap().to_be_bytes();
        stream.write_all(&[&length, query].concat()).unwrap();
        receive(stream)
    };
    // The last octets of an answer are what clients that ask are told, in tenths of a second (RFC 7828).
    let told = |answer: Vec<u8>| answer[answer.len() - 6..].to_vec();
    let (mut mute, mut idle, mut kept) = (open(), open(), open());
    ask(&mut idle, &plain);
    assert_eq!(told(ask(&mut kept, &asking)), [0, 11, 0, 2, 1, 44]);

    let mut settings = json!({"tcp_advertised_timeout_ms": 1200});
    let mut generation = 1;
    for (option, stream) in
        [("tcp_initial_timeout_ms", &mut mute), ("tcp_idle_timeout_ms", &mut idle), ("", &mut kept)]
    {
        generation += 1;
        if !option.is_empty() {
            settings[option] = json!(250);
        }
        config.apply(generation, &settings, PATIENCE).await.unwrap();
        if option.is_empty() {
            assert_eq!(told(ask(stream, &asking)), [0, 11, 0, 2, 0, 12]);
            settings["tcp_keepalive_timeout_ms"] = json!(250);
            config.apply(9, &settings, PATIENCE).await.unwrap();
        }
        assert_eq!(stream.read(&mut [0; 1]).unwrap(), 0, "{option}");
    }
    let counters = Stats1::new(&bus, NAME).counters().await.unwrap();
    assert_eq!((counters["tcp4_initialtimeout"], counters["tcp4_idletimeout"]), (1, 2));
}
