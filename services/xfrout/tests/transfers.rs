//! Requests through the door, as tenon-auth hands them over.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;

use common::{PATIENCE, answers, ixfr, messages, publish, question, rcode, until};
use serde_json::{Value, json};
use tenon_handover::{Door, Kind, Request, Transport};
use tenon_service::Component;
use tenon_wire::RrType;
use tenon_xfrout::{Xfrout, XfroutSettings};

const ZONE: &str = "@ 300 SOA ns1 admin SERIAL 3600 900 604800 300\n@ 300 NS ns1\nns1 300 A 192.0.2.1\n";

/// The service over a scratch directory, without a bus.
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
        let (xfrout, _ended) = Xfrout::new(
            &directory.path().join("images"),
            common::stores(directory.path()),
            directory.path(),
            tenon_service::Keys::none(),
            settings,
        );
        let path = directory.path().join("door");
        let listener = tokio::net::UnixListener::bind(&path).unwrap();
        tokio::spawn(Arc::new(xfrout.taker()).accept(listener));
        Self { directory, xfrout, door: Door::new(path) }
    }

    fn images(&self) -> PathBuf {
        self.directory.path().join("images")
    }

    fn hand_over(&self, peer: &str, transport: Transport, message: &[u8]) -> UnixStream {
        let request = Request {
            kind: Kind::Transfer,
            transport,
            peer: peer.parse().unwrap(),
            local: "127.0.0.1:53".parse().unwrap(),
            tls_name: None,
            message: message.to_vec(),
        };
        let stream = self.door.hand_over(&request).unwrap();
        stream.set_nonblocking(false).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// The messages of the answer, and whether it was whole.
    async fn ask_over(&self, peer: &str, transport: Transport, message: &[u8]) -> (Vec<Vec<u8>>, bool) {
        read(self.hand_over(peer, transport, message)).await
    }

    async fn ask(&self, message: &[u8]) -> (Vec<Vec<u8>>, bool) {
        self.ask_over("127.0.0.1:4711", Transport::Tcp, message).await
    }

    fn counters(&self) -> BTreeMap<&'static str, u64> {
        self.xfrout.counters().into_iter().map(|(counter, value)| (counter.name, value)).collect()
    }
}

async fn read(mut stream: UnixStream) -> (Vec<Vec<u8>>, bool) {
    tokio::task::spawn_blocking(move || {
        let mut octets = Vec::new();
        stream.read_to_end(&mut octets).unwrap();
        let whole = octets.ends_with(&[0, 0]);
        octets.truncate(octets.len() - if whole { 2 } else { 0 });
        (if whole { messages(&octets) } else { Vec::new() }, whole)
    })
    .await
    .unwrap()
}

/// A zone of several megabytes: more than the buffers between us and a client.
fn large() -> String {
    let records: String =
        (0..60_000).map(|number| format!("n{number} 300 TXT \"some text that makes it longer\"\n")).collect();
    ZONE.to_owned() + &records
}

#[tokio::test]
async fn a_zone_is_given_whole_and_the_newest_version() {
    let house = House::new(json!({}));
    let (refused, _) = house.ask(&question(1, "a.test.", 252)).await;
    assert_eq!(rcode(&refused[0]), 9, "NOTAUTH while there is no manifest");
    publish(&house.images(), 1, &[("a.test.", 7, ZONE)]);
    let (found, whole) = house.ask(&question(2, "A.test.", 252)).await;
    assert!(whole);
    assert_eq!(answers(&found).len(), 4);
    publish(&house.images(), 2, &[("a.test.", 8, ZONE)]);
    let (found, _) = house.ask(&ixfr(3, "a.test.", 7)).await;
    assert_eq!(answers(&found).len(), 4, "the whole zone answers an IXFR");
    for (client, records) in [(8, 1), (9, 1), (7u32.wrapping_sub(1 << 30), 4)] {
        let (found, _) = house.ask(&ixfr(3, "a.test.", client)).await;
        assert_eq!(answers(&found).len(), records, "client with {client}");
    }
    let (found, _) = house.ask_over("127.0.0.1:1", Transport::Udp, &ixfr(4, "a.test.", 1)).await;
    assert_eq!((answers(&found).len(), found[0][1]), (1, 4), "over UDP the SOA alone");
    let counters = house.counters();
    assert_eq!((counters["transfers_done"], counters["ixfr_current"], counters["axfr_running"]), (3, 2, 0));
    assert_eq!((counters["transfer_records"], counters["transfer_messages"]), (12, 3));
}

#[tokio::test]
async fn what_cannot_be_done_is_told_by_its_code() {
    let house = House::new(json!({}));
    publish(&house.images(), 1, &[("a.test.", 7, ZONE)]);
    let mut missing = tenon_image::Manifest::read(&house.images()).unwrap().unwrap();
    let mut gone = missing.zones[0].clone();
    gone.origin = "gone.test.".parse().unwrap();
    gone.files[0].name = "gone.image".into();
    missing.zones.push(gone);
    missing.generation = 2;
    missing.write(&house.images()).unwrap();
    for (query, expected) in [
        (question(1, "b.test.", 252), 9),
        (question(1, "x.a.test.", 252), 9),
        (question(1, "gone.test.", 252), 2),
        (question(1, "a.test.", 251), 1),
        (question(1, "a.test.", 6), 4),
    ] {
        let (found, whole) = house.ask(&query).await;
        assert!(whole && found.len() == 1);
        assert_eq!(rcode(&found[0]), expected, "{query:?}");
    }
    let (found, whole) = house.ask(b"no message").await;
    assert!(found.is_empty() && whole, "nothing to answer");
    let counters = house.counters();
    assert_eq!((counters["requests_notauth"], counters["requests_unavailable"]), (2, 1));
    assert_eq!(counters["requests_formerr"], 3);
}

#[tokio::test]
async fn access_lists_decide_for_all_and_for_a_zone() {
    let house = House::new(json!({
        "transfer_acl": [{"action": "DROP", "from": "192.0.2.66"}, {"action": "ACCEPT", "from": "192.0.2.0/24"}],
        "zones": [{"name": "shut.test.", "transfer_acl": []}]}));
    publish(&house.images(), 1, &[("a.test.", 7, ZONE), ("shut.test.", 7, ZONE)]);
    let ask = async |peer: &str, zone: &str| {
        let (found, whole) = house.ask_over(peer, Transport::Tcp, &question(1, zone, 252)).await;
        assert!(whole);
        found.first().map(|message| rcode(message))
    };
    assert_eq!(ask("192.0.2.1:1", "a.test.").await, Some(0));
    assert_eq!(ask("192.0.3.1:1", "a.test.").await, Some(5));
    assert_eq!(ask("192.0.2.66:1", "a.test.").await, None, "DROP");
    assert_eq!(ask("192.0.2.1:1", "shut.test.").await, Some(5));
    assert_eq!(ask("192.0.3.1:1", "unknown.test.").await, Some(5), "strangers learn nothing of zones");
    let counters = house.counters();
    assert_eq!((counters["requests_rejected"], counters["requests_dropped"]), (3, 1));
    house
        .xfrout
        .apply(2, &XfroutSettings { transfer_acl: tenon_acl::AccessList::nobody(), ..Default::default() })
        .unwrap();
    assert_eq!(ask("192.0.2.1:1", "a.test.").await, Some(5));
}

#[tokio::test]
async fn quota_waiting_and_a_reader_that_stands_still() {
    let house = House::new(json!({"transfers_out": 1, "waiting": 1, "wait_s": 600}));
    publish(&house.images(), 1, &[("large.test.", 7, &large()), ("a.test.", 7, ZONE)]);
    let slow = house.hand_over("127.0.0.1:1", Transport::Tcp, &question(1, "large.test.", 252));
    until("the slow one is on its way", || house.xfrout.transfers.running().len() == 1).await;
    let waiting = house.hand_over("127.0.0.1:2", Transport::Tcp, &question(2, "a.test.", 252));
    until("another waits", || house.counters()["requests_waiting"] == 1).await;
    let (refused, _) = house.ask(&question(3, "a.test.", 252)).await;
    assert_eq!(rcode(&refused[0]), 5, "only one may wait");
    let (current, _) = house.ask(&ixfr(4, "a.test.", 7)).await;
    assert_eq!(answers(&current).len(), 1, "who is up to date needs no place");
    // A new version comes while the slow one is on its way: it gets the one it began with.
    publish(&house.images(), 2, &[("large.test.", 8, ZONE), ("a.test.", 7, ZONE)]);
    let (found, whole) = read(slow).await;
    assert!(whole);
    let found = answers(&found);
    assert_eq!(found.len(), 60_004);
    let serial = |record: &common::Record| record.3[record.3.len() - 17];
    assert!([&found[0], found.last().unwrap()].iter().all(|r| r.1 == RrType::SOA && serial(r) == 7));
    assert!(read(waiting).await.1);
    assert_eq!(house.counters()["requests_over_quota"], 1);
}

#[tokio::test]
async fn clients_that_go_or_read_nothing_leave_no_end() {
    let house = House::new(json!({"idle_timeout_s": 1}));
    publish(&house.images(), 1, &[("large.test.", 7, &large())]);
    let query = question(1, "large.test.", 252);
    let leaving = house.hand_over("127.0.0.1:1", Transport::Tcp, &query);
    until("it is on its way", || house.xfrout.transfers.running().len() == 1).await;
    drop(leaving);
    until("it is noticed", || house.counters()["transfers_failed"] == 1).await;
    let idle = house.hand_over("127.0.0.1:2", Transport::Tcp, &query);
    until("patience ends", || house.counters()["transfers_timed_out"] == 1).await;
    assert!(!read(idle).await.1, "no end of the answer");
    assert!(house.xfrout.transfers.running().is_empty());
}

#[tokio::test]
async fn a_damaged_image_is_not_given_away() {
    let house = House::new(json!({}));
    publish(&house.images(), 1, &[("a.test.", 7, ZONE)]);
    let path = house.images().join("a.test-7.image");
    let mut octets = std::fs::read(&path).unwrap();
    let at = octets.len() / 2;
    octets[at] ^= 1;
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, octets).unwrap();
    let (found, whole) = house.ask(&question(1, "a.test.", 252)).await;
    assert!(found.is_empty() && !whole, "tenon-auth makes SERVFAIL of it");
    let (found, _) = house.ask(&question(1, "a.test.", 252)).await;
    assert_eq!(rcode(&found[0]), 2);
    assert!(house.xfrout.faults()[0].contains("a.test-7.image is damaged"), "{:?}", house.xfrout.faults());
}
