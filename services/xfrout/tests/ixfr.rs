//! Differences through the door: what a client makes of them is the new version, and when there are none to be had it gets
//! the whole zone.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Read;
use std::sync::Arc;

use common::{PATIENCE, Record, answers, commit, ixfr, messages, records, store, until};
use serde_json::{Value, json};
use tenon_handover::{Door, Kind, Request, Transport};
use tenon_service::Component;
use tenon_wire::RrType;
use tenon_xfrout::{Xfrout, XfroutSettings};

const APEX: &str = "@ 300 SOA ns1 Admin SERIAL 3600 900 604800 300\n@ 300 NS ns1\nns1 300 A 192.0.2.1\n";

struct House {
    directory: tempfile::TempDir,
    xfrout: Arc<Xfrout>,
    door: Door,
}

impl House {
    fn new(settings: Value) -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("images")).unwrap();
        let settings: XfroutSettings = serde_json::from_value(settings).unwrap();
        let stores = common::stores(directory.path());
        let (xfrout, _ended) = Xfrout::new(
            &directory.path().join("images"),
            stores,
            directory.path(),
            tenon_service::Keys::none(),
            settings,
        );
        let path = directory.path().join("door");
        let listener = tokio::net::UnixListener::bind(&path).unwrap();
        tokio::spawn(Arc::new(xfrout.taker()).accept(listener));
        Self { directory, xfrout, door: Door::new(path) }
    }

    /// The messages of the answer to an IXFR of who has `serial`.
    async fn ask(&self, zone: &str, serial: u32) -> Vec<Vec<u8>> {
        let request = Request {
            kind: Kind::Transfer,
            transport: Transport::Tcp,
            peer: "127.0.0.1:4711".parse().unwrap(),
            local: "127.0.0.1:53".parse().unwrap(),
            tls_name: None,
            message: ixfr(7, zone, serial),
        };
        let mut stream = self.door.hand_over(&request).unwrap();
        stream.set_nonblocking(false).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        tokio::task::spawn_blocking(move || {
            let mut octets = Vec::new();
            stream.read_to_end(&mut octets).unwrap();
            assert!(octets.ends_with(&[0, 0]));
            octets.truncate(octets.len() - 2);
            messages(&octets)
        })
        .await
        .unwrap()
    }

    fn commit(&self, zone: &str, serial: u32, text: &str) {
        commit(self.directory.path(), zone, serial, text);
    }

    fn counters(&self) -> BTreeMap<&'static str, u64> {
        self.xfrout.counters().into_iter().map(|(counter, value)| (counter.name, value)).collect()
    }
}

fn serial(record: &Record) -> Option<u32> {
    let numbers = record.3.get(record.3.len().checked_sub(20)?..)?;
    (record.1 == RrType::SOA).then(|| u32::from_be_bytes(numbers[..4].try_into().unwrap()))
}

/// What a client that has `old` makes of differences, step by step as RFC 1995 section 4 has it.
fn applied(old: &BTreeSet<Record>, found: &[Record]) -> BTreeSet<Record> {
    let (mut zone, newest) = (old.clone(), serial(&found[0]).unwrap());
    let (mut is_adding, mut soas) = (true, Vec::new());
    for record in &found[1..found.len() - 1] {
        if let Some(serial) = serial(record) {
            soas.push(serial);
            is_adding = !is_adding;
        }
        let changed = if is_adding { zone.insert(record.clone()) } else { zone.remove(record) };
        assert!(changed, "{record:?}, adding: {is_adding}");
    }
    assert!(is_adding && soas.last() == Some(&newest), "{soas:?}");
    assert_eq!(found.last(), found.first());
    zone
}

fn zone(serial: u32, origin: &str, text: &str) -> BTreeSet<Record> {
    records(origin, &text.replace("SERIAL", &serial.to_string())).into_iter().collect()
}

fn is_difference(found: &[Record]) -> bool {
    found.len() > 2 && serial(&found[1]).is_some()
}

#[tokio::test]
async fn differences_over_several_versions_lead_to_the_newest() {
    for origin in ["a.test.", "."] {
        let house = House::new(json!({}));
        let versions = [
            "www 300 A 192.0.2.1\nsub 300 NS ns.sub\nns.sub 300 A 192.0.2.9\nmail 300 MX 10 a.MAIL\n",
            "www 300 A 192.0.2.2\nsub 300 NS ns.sub\nsub 300 NS ns1\nns.sub 300 A 192.0.2.9\nmail 60 MX 10 a.MAIL\n",
            "*.w 300 TXT x\nwww 300 A 192.0.2.1\nwww 300 A 192.0.2.3\nsub 300 NS ns.sub\nns.sub 300 AAAA 2001:db8::1\n",
            "www 300 A 192.0.2.1\nalias 300 CNAME www\nmail 300 MX 10 a.mail\n",
        ]
        .map(|hosts| format!("{APEX}{hosts}"));
        for (serial, text) in (1..).zip(&versions) {
            house.commit(origin, serial, text);
        }
        for (from, text) in (1..4).zip(&versions) {
            let found = answers(&house.ask(origin, from).await);
            assert!(is_difference(&found), "{found:?}");
            assert_eq!(
                applied(&zone(from, origin, text), &found),
                zone(4, origin, &versions[3]),
                "from {from}"
            );
        }
        assert_eq!(answers(&house.ask(origin, 4).await).len(), 1, "who is up to date gets the SOA alone");
        // Counted when the client has it already.
        until("all are counted", || house.counters()["ixfr_differences"] == 3).await;
        assert_eq!((house.counters()["transfers_done"], house.counters()["ixfr_current"]), (3, 1));
    }
}

#[tokio::test]
async fn the_whole_zone_where_there_is_no_difference_or_a_larger_one() {
    let house = House::new(json!({}));
    let text = |hosts: std::ops::Range<u32>| {
        hosts.fold(APEX.to_owned(), |mut text, host| {
            let _ = writeln!(text, "h{host} 300 A 192.0.2.1");
            text
        })
    };
    house.commit("a.test.", 10, &text(0..500));
    house.commit("a.test.", 11, &text(0..501));
    house.commit("a.test.", 12, &text(1000..1600));
    for (from, whole) in [(9, true), (10, true), (11, true), (13_u32.wrapping_sub(1 << 31), true)] {
        let found = answers(&house.ask("a.test.", from).await);
        assert_eq!((is_difference(&found), found.len()), (!whole, 604), "from {from}");
    }
    let counters = house.counters();
    assert_eq!((counters["ixfr_whole_unknown"], counters["ixfr_whole_larger"]), (2, 2));
    // One small difference more: from the last version only that is sent.
    house.commit("a.test.", 13, &text(1000..1601));
    assert_eq!(answers(&house.ask("a.test.", 12).await).len(), 5);
    house.xfrout.apply(2, &XfroutSettings { ixfr_max_octets: 0, ..Default::default() }).unwrap();
    assert_eq!(answers(&house.ask("a.test.", 12).await).len(), 605, "switched off");
    until("it is counted", || house.counters()["ixfr_differences"] == 1).await;
}

#[tokio::test]
async fn what_is_stored_but_not_served_yet_is_not_sent() {
    let house = House::new(json!({}));
    for serial in 1..=2 {
        house.commit("a.test.", serial, &format!("{APEX}v{serial} 300 A 192.0.2.1\n"));
    }
    store(house.directory.path(), "a.test.", &format!("{APEX}v3 300 A 192.0.2.1\n").replace("SERIAL", "3"));
    let found = answers(&house.ask("a.test.", 1).await);
    assert!(is_difference(&found));
    assert_eq!(serial(&found[0]), Some(2));
    let expected = zone(2, "a.test.", &format!("{APEX}v2 300 A 192.0.2.1\n"));
    assert_eq!(applied(&zone(1, "a.test.", &format!("{APEX}v1 300 A 192.0.2.1\n")), &found), expected);
}

#[tokio::test]
async fn a_large_difference_fills_many_messages_and_a_broken_store_is_told() {
    let house = House::new(json!({}));
    let text = |range: std::ops::Range<u32>| {
        range.fold(APEX.to_owned(), |mut text, number| {
            let _ = writeln!(
                text,
                "d{number} 300 NS ns1.d{number}\nd{number} 300 NS ns.hoster.net.\n\
                                    ns1.d{number} 300 A 192.0.2.1"
            );
            text
        })
    };
    // The manifest of the tests says 1000 records.
    house.commit("a.test.", 1, &text(0..1000));
    house.commit("a.test.", 2, &text(150..1150));
    let found = house.ask("a.test.", 1).await;
    assert!(found.len() > 1 && found.iter().all(|message| message.len() <= 16 * 1024));
    let octets: usize = found.iter().map(Vec::len).sum();
    let records = answers(&found);
    assert_eq!(applied(&zone(1, "a.test.", &text(0..1000)), &records), zone(2, "a.test.", &text(150..1150)));
    assert!(octets < records.len() * 26, "{octets} octets for {} records", records.len());
    std::fs::remove_file(house.directory.path().join("primary.sqlite")).unwrap();
    assert!(!is_difference(&answers(&house.ask("a.test.", 1).await)));
    assert_eq!(house.counters()["ixfr_whole_failed"], 1);
}

#[tokio::test]
async fn signatures_have_the_times_of_what_they_cover() {
    let house = House::new(json!({}));
    let signed = |owner: &str, address: u8| {
        let signature = |rrtype: &str, ttl: u32| {
            format!("{owner} {ttl} RRSIG {rrtype} 13 3 {ttl} 20300101000000 20200101000000 1 @ AAAA\n")
        };
        format!(
            "{owner} 300 A 192.0.2.{address}\n{owner} 60 TXT x\n{}{}",
            signature("A", 300),
            signature("TXT", 60)
        )
    };
    let versions = [signed("www", 1) + &signed("old", 1), signed("www", 2) + &signed("new", 1)]
        .map(|hosts| format!("{APEX}{hosts}"));
    for (serial, text) in (1..).zip(&versions) {
        house.commit("a.test.", serial, text);
    }
    let found = answers(&house.ask("a.test.", 1).await);
    assert!(is_difference(&found), "{found:?}");
    // The client has each signature with the time that a whole transfer gave it.
    assert_eq!(applied(&zone(1, "a.test.", &versions[0]), &found), zone(2, "a.test.", &versions[1]));
}
