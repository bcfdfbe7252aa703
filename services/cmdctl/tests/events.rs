//! Server-sent events, with real clients: those that come back, and those that do not read.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::process::Stdio;
use std::time::{Duration, Instant};

use common::{Bench, PASSWORD, PATIENCE};
use serde_json::json;
use tenon_bus::names::CMDCTL;
use tenon_bus::{Stats1, ZoneEvent};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// A client that follows events, and the lines that it gets.
struct Following {
    _curl: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Following {
    fn start(bench: &Bench, more: &[&str]) -> Self {
        let url = format!("https://localhost:{}/v1/events", bench.address.port());
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--no-buffer", "--noproxy", "*", "--ipv4", "--cacert"]);
        curl.arg(bench.place("cmdctl/certificate.pem")).args(["--user", &format!("alice:{PASSWORD}")]);
        curl.args(more).arg(url).stdout(Stdio::piped()).kill_on_drop(true);
        let mut curl = curl.spawn().unwrap();
        let lines = BufReader::new(curl.stdout.take().unwrap()).lines();
        Self { _curl: curl, lines }
    }

    /// What comes up to a line with this text.
    async fn until(&mut self, text: &str) -> Vec<String> {
        let mut seen = Vec::new();
        let read = async {
            while let Some(line) = self.lines.next_line().await.unwrap() {
                seen.push(line);
                if seen.last().is_some_and(|line| line.contains(text)) {
                    return;
                }
            }
        };
        tokio::time::timeout(PATIENCE, read).await.unwrap();
        seen
    }
}

/// The counters of the door.
async fn counter(bench: &Bench, name: &str) -> u64 {
    Stats1::new(&bench.bus, CMDCTL).counters().await.unwrap()[name]
}

/// Waits until so many clients follow.
async fn followed_by(bench: &Bench, clients: u64) {
    let began = Instant::now();
    while counter(bench, "events_open").await != clients {
        assert!(began.elapsed() < PATIENCE, "not followed by {clients}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn events_come_as_they_happen_and_after_a_number() {
    let bench = Bench::start(json!({"event_clients": 1})).await;
    let _cfgmgr = bench.cfgmgr().await;
    let mut following = Following::start(&bench, &[]);
    // Only from then on is there something to miss.
    followed_by(&bench, 1).await;
    let busy = bench.get("/v1/events").await;
    assert!(busy.status == 503 && busy.body.contains("TooManyFollowers"), "{busy:?}");
    let event = |serial| ZoneEvent::Changed { zone: "a.".into(), serial, cause: "load".into() };
    // The door listens a moment after it is there; what happens before is told nobody.
    let telling = async {
        loop {
            bench.bus.emit_zone_event(&event(3)).await.unwrap();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let seen = tokio::select! {
        seen = following.until("\"serial\":3") => seen,
        () = telling => unreachable!("it goes on for ever"),
    };
    let text = seen.join("\n");
    assert!(
        text.contains("event: zone_changed\ndata: {\"cause\":\"load\",\"serial\":3,\"zone\":\"a.\"}"),
        "{text}"
    );
    let edit = r#"{"edits": [{"path": "cmdctl/connections", "value": 20}]}"#;
    assert_eq!(bench.commit("alice", edit).await.status, 200);
    let number = |lines: &[String]| -> u64 {
        lines.iter().rev().find_map(|line| line.strip_prefix("id: ")).unwrap().parse().unwrap()
    };
    let last = number(&following.until("event: committed").await);
    drop(following);
    followed_by(&bench, 0).await;
    bench.bus.emit_zone_event(&event(4)).await.unwrap();
    bench.bus.emit_zone_event(&event(5)).await.unwrap();
    // Whoever comes back with a number gets what came after it.
    let mut back = Following::start(&bench, &["--header", &format!("last-event-id: {last}")]);
    let lines = back.until("\"serial\":5").await;
    assert!(lines.join("\n").contains("\"serial\":4"), "{lines:?}");
    let first = lines.iter().find_map(|line| line.strip_prefix("id: ")).unwrap();
    assert_eq!(first.parse::<u64>().unwrap(), last + 1, "{lines:?}");
    drop(back);
    followed_by(&bench, 0).await;
    let mut stranger = Following::start(&bench, &["--header", "last-event-id: 5"]);
    assert!(stranger.until("event: ").await.join("\n").contains("event: reset"), "a number of long ago");
}

/// Octets of the reason in each event of the flood: they fill what lies between the door and a client soon.
const REASON: usize = 2000;
/// Events between two looks at who follows.
const ROUND: u32 = 100;

/// Waits until one who follows has seen this zone, which is told until then: signals are hints, and the door listens to them a
/// moment after it is there.
async fn seen(bench: &Bench, reading: &mut Following, zone: &str) {
    let telling = async {
        loop {
            bench.bus.emit_zone_event(&ZoneEvent::Removed { zone: zone.to_owned() }).await.unwrap();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::select! {
        _ = reading.until(zone) => {}
        () = telling => unreachable!("it goes on for ever"),
    }
}

/// Makes so many rounds of events, each waited for by the one who reads; the longest that it took.
async fn flood(bench: &Bench, rounds: std::ops::Range<u32>, reading: &mut Following) -> Duration {
    let mut longest = Duration::ZERO;
    for round in rounds {
        let began = Instant::now();
        for serial in round * ROUND..(round + 1) * ROUND {
            let event = ZoneEvent::ImageFailed { zone: "a.".into(), serial, reason: "x".repeat(REASON) };
            bench.bus.emit_zone_event(&event).await.unwrap();
        }
        seen(bench, reading, &format!("round-{round}.")).await;
        longest = longest.max(began.elapsed());
    }
    longest
}

#[tokio::test]
async fn who_does_not_read_costs_little_is_told_and_delays_nobody() {
    let bench = Bench::start(json!({})).await;
    for version in ["--http1.1", "--http2"] {
        let mut reading = Following::start(&bench, &[version]);
        let mut slow: Vec<Following> = (0..4).map(|_| Following::start(&bench, &[version])).collect();
        followed_by(&bench, 5).await;
        // All that is kept for those who come back is there then, and all that lies between door and client is full.
        seen(&bench, &mut reading, "first.").await;
        let filled = flood(&bench, 0..15, &mut reading).await;
        let (before, reset) = (bench.door_memory(), counter(&bench, "events_reset").await);
        let stuck = flood(&bench, 15..45, &mut reading).await;
        let grown = bench.door_memory().saturating_sub(before);
        println!(
            "{version}: rounds of {filled:?} and {stuck:?} at most, {grown} KiB more for 4 who do not read"
        );
        // What was said meanwhile is 6 MB for each of them.
        assert!(grown < 4 * 1024, "{version}: {grown} KiB");
        assert!(stuck < Duration::from_secs(10), "{version}: {stuck:?}");
        assert_eq!(counter(&bench, "events_reset").await, reset, "{version}: who reads misses nothing");
        assert_eq!(counter(&bench, "events_open").await, 5);

        // They read again: part of it, that something is missing, and what is new.
        for slow in &mut slow {
            let lines = slow.until("event: reset").await;
            let seen = lines.iter().filter(|line| line.as_str() == "event: image_failed").count();
            assert!(seen < 4000, "{version}: {seen}");
        }
        for following in slow.iter_mut().chain([&mut reading]) {
            seen(&bench, following, "last.").await;
        }
        drop((slow, reading));
        followed_by(&bench, 0).await;
    }
}
