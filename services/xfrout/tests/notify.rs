//! Servers are told of changes, over real sockets.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use common::{PATIENCE, publish, until};
use serde_json::{Value, json};
use tenon_service::Component;
use tenon_xfrout::notify::teller::{Notice, Outcome, Teller};
use tenon_xfrout::settings::Rules;
use tenon_xfrout::statistics::Statistics;
use tenon_xfrout::{Xfrout, XfroutSettings};
use tokio::net::UdpSocket;
use tokio::sync::mpsc::unbounded_channel;

const ZONE: &str = "@ 300 SOA ns1 admin SERIAL 3600 900 604800 300\n@ 300 NS ns1\nns1 300 A 192.0.2.1\n";

/// A server that can be told.
struct Secondary {
    socket: UdpSocket,
}

impl Secondary {
    async fn new(address: &str) -> Self {
        Self { socket: UdpSocket::bind(address).await.unwrap() }
    }

    fn address(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    fn setting(&self) -> Value {
        json!({"address": self.address().ip(), "port": self.address().port()})
    }

    /// The next notice: zone, serial, and what is needed to answer it.
    async fn hear(&self) -> (String, u32, Vec<u8>, SocketAddr) {
        let mut octets = [0; 1024];
        let received = tokio::time::timeout(PATIENCE, self.socket.recv_from(&mut octets)).await;
        let (length, from) = received.expect("a notice").unwrap();
        let message = hickory_proto::op::Message::from_vec(&octets[..length]).unwrap();
        assert_eq!(message.metadata.op_code, hickory_proto::op::OpCode::Notify);
        let text = message.answers[0].to_string();
        let serial = text.split(' ').nth(6).unwrap().parse().unwrap();
        (message.queries[0].name.to_string(), serial, octets[..length].to_vec(), from)
    }

    async fn answer(&self, notice: &[u8], rcode: u8, to: SocketAddr) {
        let mut answer = notice.to_vec();
        answer[2] |= 0x80;
        answer[3] = rcode;
        self.socket.send_to(&answer, to).await.unwrap();
    }

    async fn hear_and_answer(&self, rcode: u8) -> (String, u32) {
        let (zone, serial, notice, from) = self.hear().await;
        self.answer(&notice, rcode, from).await;
        (zone, serial)
    }
}

/// The service over a directory, running, without a bus.
fn start(directory: &Path, settings: Value) -> (Arc<Xfrout>, tokio::task::JoinHandle<()>) {
    let settings: XfroutSettings = serde_json::from_value(settings).unwrap();
    let (xfrout, ended) = Xfrout::new(
        &directory.join("images"),
        common::stores(directory),
        directory,
        tenon_service::Keys::none(),
        settings,
    );
    let notifier = Arc::clone(&xfrout.notifier);
    let task = tokio::spawn(async move {
        let no_bus = tenon_service::CurrentBus::following(tokio::sync::watch::channel(None).1);
        notifier.run(no_bus, ended).await;
    });
    (xfrout, task)
}

fn counters(xfrout: &Xfrout) -> BTreeMap<&'static str, u64> {
    xfrout.counters().into_iter().map(|(counter, value)| (counter.name, value)).collect()
}

fn directory() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("images")).unwrap();
    directory
}

#[tokio::test]
async fn a_change_is_told_once_and_known_after_a_restart() {
    let directory = directory();
    let images = directory.path().join("images");
    let (first, second) = (Secondary::new("127.0.0.1:0").await, Secondary::new("[::1]:0").await);
    let settings = json!({"also_notify": [first.setting(), second.setting()], "zones": [
        {"name": "quiet.test.", "also_notify": []}]});
    publish(&images, 1, &[("a.test.", 7, ZONE), ("quiet.test.", 1, ZONE)]);
    let (xfrout, task) = start(directory.path(), settings.clone());
    assert_eq!(first.hear_and_answer(0).await, ("a.test.".into(), 7));
    assert_eq!(second.hear_and_answer(5).await, ("a.test.".into(), 7), "any answer will do");
    until("both are done", || xfrout.notifier.pending() == 0).await;
    let counted = counters(&xfrout);
    assert_eq!((counted["notifies_sent_ipv4"], counted["notifies_sent_ipv6"]), (1, 1));
    assert_eq!((counted["notifies_acknowledged"], counted["notifies_refused"]), (1, 1));
    publish(&images, 2, &[("a.test.", 8, ZONE), ("quiet.test.", 2, ZONE)]);
    xfrout.notifier.look();
    assert_eq!(first.hear_and_answer(0).await, ("a.test.".into(), 8));
    assert_eq!(second.hear_and_answer(0).await, ("a.test.".into(), 8));
    until("both are done", || xfrout.notifier.pending() == 0).await;
    xfrout.notifier.save();
    task.abort();

    publish(&images, 3, &[("a.test.", 8, ZONE), ("b.test.", 1, ZONE)]);
    let (xfrout, _task) = start(directory.path(), settings);
    assert_eq!(first.hear_and_answer(0).await, ("b.test.".into(), 1), "a.test. is known");
    assert_eq!(xfrout.notifier.notify(&"a.test.".parse().unwrap()).unwrap(), 2);
    assert_eq!(first.hear_and_answer(0).await, ("a.test.".into(), 8), "on request all the same");
    let unknown = xfrout.notifier.notify(&"c.test.".parse().unwrap()).unwrap_err();
    assert_eq!(unknown.to_string(), "zone c.test. is not served");
}

#[tokio::test]
async fn a_dead_server_delays_nobody_and_is_named() {
    let directory = directory();
    let alive = Secondary::new("127.0.0.1:0").await;
    // Bound, so that nobody else answers there, and never read.
    let dead = Secondary::new("127.0.0.1:0").await;
    let names: Vec<String> = (0..100).map(|number| format!("z{number}.test.")).collect();
    let zones: Vec<(&str, u32, &str)> = names.iter().map(|name| (name.as_str(), 7, ZONE)).collect();
    publish(&directory.path().join("images"), 1, &zones);
    let settings = json!({"also_notify": [dead.setting(), alive.setting()], "notifies_in_flight": 5,
        "notify_tries": 2, "notify_timeout_ms": 60_000});
    let (xfrout, _task) = start(directory.path(), settings);
    let mut heard = BTreeSet::new();
    while heard.len() < names.len() {
        heard.insert(alive.hear_and_answer(0).await.0);
    }
    until("the living one is done", || xfrout.notifier.pending() == names.len()).await;
    assert_eq!(counters(&xfrout)["notifies_sent_ipv4"], 105, "five are on their way to the dead one");
    let patient = serde_json::from_value(
        json!({"notifies_in_flight": 100, "notify_tries": 2, "notify_timeout_ms": 10}),
    );
    let settings: XfroutSettings = patient.unwrap();
    let (dead_zone, rules) = (names[0].parse().unwrap(), settings);
    xfrout.apply(2, &XfroutSettings { also_notify: xfrout_targets(&dead), ..rules }).unwrap();
    xfrout.notifier.notify(&dead_zone).unwrap();
    until("it is given up", || counters(&xfrout)["notifies_unanswered"] > 0).await;
    assert!(xfrout.faults()[0].starts_with(&dead.address().to_string()), "{:?}", xfrout.faults());
}

fn xfrout_targets(secondary: &Secondary) -> Vec<tenon_xfrout::settings::NotifyTarget> {
    vec![serde_json::from_value(secondary.setting()).unwrap()]
}

/// A teller alone, with the ways to and from it.
fn teller(
    target: SocketAddr,
    settings: Value,
) -> (
    tokio::sync::mpsc::UnboundedSender<Notice>,
    tokio::sync::mpsc::UnboundedReceiver<tenon_xfrout::notify::teller::Ended>,
    Arc<Statistics>,
) {
    let rules = Rules::new(serde_json::from_value(settings).unwrap());
    let (ended, outcomes) = unbounded_channel();
    let (orders, receiver) = unbounded_channel();
    let statistics: Arc<Statistics> = Arc::default();
    let rules = Arc::new(std::sync::RwLock::new(Arc::new(rules)));
    tokio::spawn(Teller::new(target, rules, Arc::clone(&statistics), ended).run(receiver));
    (orders, outcomes, statistics)
}

fn notice(zone: &str, serial: u32) -> Notice {
    let zone: tenon_wire::Name = zone.parse().unwrap();
    let mut soa = b"\x00\x00".to_vec();
    [serial, 1, 2, 3, 4].iter().for_each(|number| soa.extend(number.to_be_bytes()));
    let message = tenon_xfrout::notify::message::notice(zone.as_ref(), 1, &soa).into();
    Notice { zone, serial, round: serial.into(), message }
}

#[tokio::test]
async fn it_is_repeated_with_the_same_identifier_and_strangers_are_not_heard() {
    let secondary = Secondary::new("127.0.0.1:0").await;
    let settings = json!({"notify_timeout_ms": 20, "notify_tries": 20});
    let (orders, mut outcomes, statistics) = teller(secondary.address(), settings);
    orders.send(notice("a.test.", 7)).unwrap();
    let (_, _, first, from) = secondary.hear().await;
    let (_, _, again, _) = secondary.hear().await;
    assert_eq!(first, again);
    // From another port, with another identifier, with another zone, not an answer.
    let stranger = Secondary::new("127.0.0.1:0").await;
    stranger.answer(&first, 0, from).await;
    let mut other = first.clone();
    other[0] ^= 1;
    secondary.answer(&other, 0, from).await;
    let mut other = first.clone();
    other[13] = b'x';
    secondary.answer(&other, 0, from).await;
    secondary.socket.send_to(&first, from).await.unwrap();
    secondary.socket.send_to(b"", from).await.unwrap();
    let strangers = &statistics.notify_strangers;
    until("all are counted", || strangers.load(std::sync::atomic::Ordering::Relaxed) == 4).await;
    assert!(outcomes.try_recv().is_err(), "the notice is not over");
    secondary.answer(&first, 9, from).await;
    let ended = outcomes.recv().await.unwrap();
    assert_eq!(ended.outcome, Outcome::Answered(tenon_wire::message::Rcode::NOTAUTH));
}

#[tokio::test]
async fn a_newer_serial_takes_the_place_of_the_older_one() {
    let secondary = Secondary::new("127.0.0.1:0").await;
    let settings = json!({"notifies_in_flight": 1, "notify_timeout_ms": 60_000});
    let (orders, mut outcomes, _) = teller(secondary.address(), settings);
    for (zone, serial) in [("a.test.", 1), ("b.test.", 1), ("b.test.", 2), ("a.test.", 2), ("b.test.", 3)] {
        orders.send(notice(zone, serial)).unwrap();
    }
    let mut heard = Vec::new();
    while heard.len() < 3 {
        let (zone, serial, octets, from) = secondary.hear().await;
        if (zone.as_str(), serial) != ("a.test.", 1) {
            secondary.answer(&octets, 0, from).await;
        }
        heard.push((zone, serial));
    }
    assert_eq!(heard, [("a.test.".into(), 1), ("a.test.".into(), 2), ("b.test.".into(), 3)]);
    let mut replaced = 0;
    for _ in 0..5 {
        let ended = tokio::time::timeout(PATIENCE, outcomes.recv()).await.unwrap().unwrap();
        replaced += u32::from(ended.outcome == Outcome::Replaced);
    }
    assert_eq!(replaced, 3);
}

#[tokio::test]
async fn who_does_not_answer_is_given_up_after_growing_pauses() {
    let secondary = Secondary::new("127.0.0.1:0").await;
    let settings = json!({"notify_tries": 4, "notify_timeout_ms": 20});
    let (orders, mut outcomes, statistics) = teller(secondary.address(), settings);
    let began = std::time::Instant::now();
    orders.send(notice("a.test.", 7)).unwrap();
    assert_eq!(outcomes.recv().await.unwrap().outcome, Outcome::Unanswered);
    assert!(began.elapsed() >= Duration::from_millis(20 + 40 + 80 + 160));
    assert_eq!(statistics.notifies_sent_ipv4.load(std::sync::atomic::Ordering::Relaxed), 4);
    // Nobody is there at all, and the way itself is missing: the same.
    let gone = secondary.address();
    drop(secondary);
    for target in [gone, "[100::1]:53".parse().unwrap()] {
        let (orders, mut outcomes, _) = teller(target, json!({"notify_tries": 2, "notify_timeout_ms": 10}));
        orders.send(notice("a.test.", 7)).unwrap();
        let ended = tokio::time::timeout(PATIENCE, outcomes.recv()).await.unwrap().unwrap();
        assert_eq!(ended.outcome, Outcome::Unanswered, "{target}");
    }
}

#[test]
fn servers_are_found_in_our_own_zones_only() {
    let directory = directory();
    let images = directory.path().join("images");
    let zone = "@ 300 SOA ns1 admin SERIAL 3600 900 604800 300\n@ 300 NS NS1\n@ 300 NS ns2\n@ 300 NS ns.cut\n\
        @ 300 NS ns.other.example.\n@ 300 NS ns.elsewhere.\n@ 300 NS ns3\nns1 300 A 198.51.100.1\nns2 300 A 198.51.100.2\n\
        ns2 300 AAAA 2001:db8::2\ncut 300 NS ns.cut\nns.cut 300 A 198.51.100.3\nns3 300 A 0.0.0.0\n";
    let other = "@ 300 SOA ns admin SERIAL 1 2 3 4\n@ 300 NS ns\nns 300 A 198.51.100.4\n";
    publish(&images, 1, &[("a.test.", 1, zone), ("other.example.", 1, other)]);
    let catalog = {
        let manifest = tenon_image::Manifest::read(&images).unwrap().unwrap();
        tenon_image::Catalog::open(&images, &manifest, None, &BTreeSet::new())
    };
    let name: tenon_wire::Name = "a.test.".parse().unwrap();
    let image = catalog.image(name.as_ref()).unwrap();
    let targets = |settings: Value| -> Vec<String> {
        let rules = Rules::new(serde_json::from_value(settings).unwrap());
        let found = tenon_xfrout::notify::targets::of(image, &catalog, &rules).unwrap();
        found.iter().map(ToString::to_string).collect()
    };
    let servers = ["198.51.100.2:53", "198.51.100.3:53", "198.51.100.4:53", "[2001:db8::2]:53"];
    assert_eq!(targets(json!({})), servers);
    let also =
        json!({"notify_name_servers": false, "also_notify": [{"address": "198.51.100.9", "port": 5353}]});
    assert_eq!(targets(also), ["198.51.100.9:5353"]);
}
