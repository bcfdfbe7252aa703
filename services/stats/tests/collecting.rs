//! The program as a process of its own, on a private bus with daemons that count, fall silent and die.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::collections::BTreeMap;

use common::{Bench, PATIENCE};
use rustix::process::Signal;
use serde_json::json;
use tenon_bus::names::{COLLECTOR, COLLECTOR_PATH, auth};
use tenon_bus::{BusError, Collected, CollectedZones, Collector1, Config1, CounterKind, Stats1};
use tenon_private_bus::KeptAddress;

fn queries(collected: &Collected) -> Option<(usize, u64)> {
    let component = collected.components.iter().find(|component| component.component == "auth")?;
    Some((component.instances.len(), *component.counters.get("queries")?))
}

#[tokio::test]
async fn instances_are_added_up_the_silent_named_and_the_dead_dropped() {
    let bench = Bench::start().await;
    let collector = Collector1::new(&bench.bus);
    let first = bench.counting(&auth(1), 30).await;
    let second = bench.counting(&auth(2), 12).await;
    let all = collector.show("", "").await.unwrap();
    assert_eq!(queries(&all), Some((2, 42)));
    assert!(all.silent.is_empty(), "{:?}", all.silent);
    // The collector is a component as well.
    assert!(all.components.iter().any(|component| component.component == "stats"));
    let state = collector.state().await.unwrap();
    assert!(state.last_update_usec > 0 && state.faults.is_empty(), "{state:?}");
    assert_eq!(state.addresses, [bench.address.to_string()]);

    let third = bench.counting(&auth(3), 100).await;
    third.send(Signal::STOP);
    let without = collector.show("auth", "queries").await.unwrap();
    assert_eq!(queries(&without), Some((2, 42)));
    let sentence = "org.tenon.Auth1.Instance3 is left out: no answer within 4 s";
    assert_eq!(without.silent, [sentence]);
    assert_eq!(collector.state().await.unwrap().faults, [sentence]);
    let metrics = bench.curl("/metrics", &[]);
    assert!(metrics.contains("tenon_up{component=\"auth\",instance=\"3\"} 0\n"), "{metrics}");
    third.send(Signal::CONT);
    assert_eq!(queries(&collector.show("auth", "").await.unwrap()), Some((3, 142)));

    drop((second, third));
    bench.daemon.wait_for(&auth(2), false).await;
    bench.daemon.wait_for(&auth(3), false).await;
    assert_eq!(queries(&collector.show("auth", "").await.unwrap()), Some((1, 30)));
    drop(first);
    bench.daemon.wait_for(&auth(1), false).await;
    let gone = collector.show("auth", "").await.unwrap_err();
    assert_eq!(gone, BusError::NoSuchComponent("auth is not on the bus; there are stats".into()));
}

#[tokio::test]
async fn what_counters_mean_and_what_there_is_not() {
    let bench = Bench::start().await;
    let collector = Collector1::new(&bench.bus);
    let _first = bench.counting(&auth(1), 1).await;
    let schema = collector.schema("auth", "").await.unwrap();
    assert_eq!(schema["auth"]["queries"].text, "Queries received.");
    assert_eq!(schema["auth"]["tcp_clients_open"].kind, CounterKind::Gauge);
    let unknown = collector.show("auth", "nothing").await.unwrap_err();
    assert_eq!(unknown, BusError::NoSuchCounter("no counter nothing".into()));
    assert!(matches!(collector.schema("nobody", "").await, Err(BusError::NoSuchComponent(_))));
}

#[tokio::test]
async fn many_who_ask_at_once_share_collections() {
    let bench = Bench::start().await;
    let silent = bench.counting(&auth(1), 1).await;
    silent.send(Signal::STOP);
    let collector = Collector1::new(&bench.bus);
    let answers = futures_util::future::join_all((0..50).map(|_| collector.show("", ""))).await;
    assert!(answers.iter().all(|answer| answer.as_ref().is_ok_and(|answer| answer.silent.len() == 1)));
    silent.send(Signal::CONT);
    let made = Stats1::new(&bench.bus, COLLECTOR).counters().await.unwrap()["collections"];
    assert!((1..=3).contains(&made), "{made} collections");
}

#[tokio::test]
async fn it_collects_by_the_clock() {
    let bench = Bench::start().await;
    let config = Config1::new(&bench.bus, COLLECTOR);
    let listen_on = json!([{"address": "127.0.0.1", "port": bench.address.port()}]);
    config.apply(2, &json!({"poll_interval_s": 1, "listen_on": listen_on}), PATIENCE).await.unwrap();
    let collector = Collector1::new(&bench.bus);
    let mut before = 0;
    for _ in 0..3 {
        let mut now = before;
        while now == before {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            now = collector.state().await.unwrap().last_update_usec;
        }
        before = now;
    }
}

#[tokio::test]
async fn an_address_that_is_taken_is_refused_and_the_old_one_kept() {
    let mut bench = Bench::start().await;
    let config = Config1::new(&bench.bus, COLLECTOR);
    let at = |port: u16| json!({"poll_interval_s": 0, "listen_on": [{"address": "127.0.0.1", "port": port}]});
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = other.local_addr().unwrap().port();
    let refused = config.apply(2, &at(taken), PATIENCE).await.unwrap_err();
    assert!(
        matches!(&refused, BusError::ApplyFailed(reason) if reason.contains("listen_on/0")),
        "{refused:?}"
    );
    assert_eq!(config.state().await.unwrap().generation, 1);
    assert!(bench.curl("/", &[]).ends_with("\n200"));

    let kept = KeptAddress::new().unwrap();
    let free = kept.get();
    config.apply(2, &at(free.port()), PATIENCE).await.unwrap();
    let old = std::mem::replace(&mut bench.address, free);
    assert!(bench.curl("/", &[]).ends_with("\n200"));
    let began = std::time::Instant::now();
    while std::net::TcpStream::connect(old).is_ok() {
        assert!(began.elapsed() < PATIENCE, "the old address is still open");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let beyond = json!({"listen_on": [{"address": "192.0.2.1"}]});
    assert!(matches!(config.check(&beyond, PATIENCE).await, Err(BusError::Rejected(_))));
    let privileged = json!({"listen_on": [{"address": "::1", "port": 80}]});
    assert!(matches!(config.check(&privileged, PATIENCE).await, Err(BusError::Rejected(_))));
}

#[tokio::test]
async fn zones_are_collected_when_that_is_set_and_no_more_than_may_be() {
    let bench = Bench::start().await;
    let _daemons = (bench.counting(&auth(1), 30).await, bench.counting(&auth(2), 12).await);
    let config = Config1::new(&bench.bus, COLLECTOR);
    let mut settings =
        json!({"poll_interval_s": 0, "listen_on": [{"address": "127.0.0.1", "port": bench.address.port()}]});
    let shown = || {
        let text = bench.curl("/json", &[]);
        let document: serde_json::Value = serde_json::from_str(text.rsplit_once('\n').unwrap().0).unwrap();
        let queries = |zone: &str| document["zones"][zone]["queries"].as_u64();
        (queries("a.example."), queries("b.example."), document["zones_left_out"].as_u64())
    };
    assert_eq!(shown(), (None, None, Some(0)));
    let collector = Collector1::new(&bench.bus);
    assert_eq!(collector.list_zone_counters("", 0).await.unwrap(), CollectedZones::default());
    settings["zones"] = true.into();
    config.apply(2, &settings, PATIENCE).await.unwrap();
    assert_eq!(shown(), (Some(42), Some(42), Some(0)));
    let metrics = bench.curl("/metrics", &[]);
    let line = "tenon_auth_zone_queries_total{instance=\"2\",zone=\"b.example.\"} 12\n";
    assert!(metrics.contains(line), "{metrics}");
    // The bus tells the same, page by page.
    let page = |zones: CollectedZones| {
        let queries =
            |(zone, counters): &(String, BTreeMap<String, u64>)| (zone.clone(), counters["queries"]);
        (zones.page.zones.iter().map(queries).collect::<Vec<_>>(), zones.page.further, zones.left_out)
    };
    let first = page(collector.list_zone_counters("", 1).await.unwrap());
    assert_eq!(first, (vec![("a.example.".to_owned(), 42)], 1, 0));
    let second = page(collector.list_zone_counters("A.example.", 0).await.unwrap());
    assert_eq!(second, (vec![("b.example.".to_owned(), 42)], 0, 0));
    let wrong = collector.list_zone_counters("a..b", 0).await;
    assert!(matches!(wrong, Err(BusError::NoSuchZone(_))), "{wrong:?}");
    settings["zones_max"] = 1.into();
    config.apply(3, &settings, PATIENCE).await.unwrap();
    assert_eq!(shown(), (Some(42), None, Some(1)));
}

#[tokio::test]
async fn answer_times_are_added_up_on_the_bus_and_in_json() {
    let bench = Bench::start().await;
    let _daemons = (bench.counting(&auth(1), 30).await, bench.counting(&auth(2), 12).await);
    let times = Collector1::new(&bench.bus).answer_times().await.unwrap();
    let [udp] = times.as_slice() else { panic!("{times:?}") };
    assert_eq!(
        (udp.transport.as_str(), &udp.buckets[..], udp.nanoseconds),
        ("udp", &[42, 0, 2][..], 3_000_000_000)
    );
    let text = bench.curl("/json", &[]);
    let document: serde_json::Value = serde_json::from_str(text.rsplit_once('\n').unwrap().0).unwrap();
    let told = &document["answer_times"]["udp"];
    assert_eq!((&told["messages"], &told["nanoseconds"]), (&json!(44), &json!(3_000_000_000_u64)), "{told}");
    let metrics = bench.curl("/metrics", &[]);
    let line = "tenon_auth_answer_seconds_count{instance=\"1\",transport=\"udp\"} 31\n";
    assert!(metrics.contains(line), "{metrics}");
}

#[tokio::test]
async fn introspection_is_what_the_file_promises() {
    let bench = Bench::start().await;
    let found = bench.daemon.differences(COLLECTOR, COLLECTOR_PATH, &["Collector1"]).await;
    assert_eq!(found, [""; 0]);
}
