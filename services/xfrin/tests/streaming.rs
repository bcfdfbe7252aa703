//! Large zones that are stored while they come: in order, out of order, with mistakes, broken off, killed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail like tests"
)]

mod common;

use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use common::primary::{Primary, Query, ns, record, send, soa};
use common::{Bench, PATIENCE, text};
use rustix::process::Signal;
use serde_json::json;
use tenon_bus::{JobState, JobStatus, ZoneEvent};
use tenon_datasrc::DataSource;
use tenon_wire::{Name, RrType};

const ZONE: &str = "example.";
/// Enough for some parts to be written before the last records come.
const HOSTS: u32 = 90_000;

type Records = Vec<Vec<u8>>;
/// Why a zone is refused, and what makes it.
type Failure = (&'static str, fn(&Name) -> Records);

fn address(zone: &Name, host: &str, address: u32) -> Vec<u8> {
    let owner = Name::from_text(host, Some(zone.as_ref())).unwrap();
    record(&owner, RrType::A, &address.to_be_bytes())
}

/// The zone between its two SOA records, in canonical order, some names with several records.
fn in_order(zone: &Name) -> Records {
    let mut records = vec![ns(zone)];
    for number in 0..HOSTS {
        let host = format!("h{number:06}");
        records.extend((0..=number % 3 / 2).map(|more| address(zone, &host, number + more)));
    }
    records
}

/// What a primary sends that keeps the last messages back until the gate is opened.
fn primary(
    serial: u32,
    gate: &Arc<AtomicBool>,
    records: impl Fn(&Name) -> Records + Send + Sync + 'static,
) -> Primary {
    let gate = Arc::clone(gate);
    Primary::with_serial(serial, move |stream: &mut TcpStream, query: &Query| {
        let mut all = vec![soa(&query.zone, serial)];
        all.extend(records(&query.zone));
        all.push(soa(&query.zone, serial));
        let messages: Vec<_> = all.chunks(100).collect();
        let (first, last) = messages.split_at(messages.len() - 5);
        first.iter().try_for_each(|some| send(stream, &query.answer(some)))?;
        while !gate.load(Ordering::Relaxed) {
            // Nothing new, so that a closed connection is noticed.
            let again = first.iter().filter_map(|some| some.last()).next_back().unwrap();
            send(stream, &query.answer(std::slice::from_ref(again)))?;
            std::thread::sleep(Duration::from_millis(50));
        }
        last.iter().try_for_each(|some| send(stream, &query.answer(some)))
    })
}

fn open() -> Arc<AtomicBool> {
    Arc::new(AtomicBool::new(true))
}

/// Whether a part of a version that is not current can be seen.
fn is_coming(bench: &Bench) -> bool {
    let path = bench.directory().join("zones.sqlite");
    path.exists() && bench.store().coming(ZONE.parse::<Name>().unwrap().as_ref()).unwrap().is_some()
}

async fn until_coming(bench: &Bench) {
    let began = Instant::now();
    while !is_coming(bench) {
        assert!(began.elapsed() < PATIENCE, "nothing of it is ever seen");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The records that a primary sends, as [`Bench::records`] shows them, from a zone that came in no order.
async fn expected(records: impl Fn(&Name) -> Records + Send + Sync + 'static) -> Vec<String> {
    let bench = Bench::start(json!({})).await;
    let backwards = move |zone: &Name| records(zone).into_iter().rev().collect();
    assert_transferred(&bench.refresh(ZONE, &[primary(5, &open(), backwards).address]).await);
    bench.records(ZONE)
}

fn assert_transferred(status: &JobStatus) {
    assert_eq!(text(status, "outcome"), "transferred", "{status:?}");
}

/// Transfers and compares; gives what is in the store then.
async fn comes_as_sent(records: impl Fn(&Name) -> Records + Clone + Send + Sync + 'static) {
    let bench = Bench::start(json!({})).await;
    assert_transferred(&bench.refresh(ZONE, &[primary(5, &open(), records.clone()).address]).await);
    let (found, expected) = (bench.records(ZONE), expected(records).await);
    assert_eq!(found.len(), expected.len());
    // A difference of so many would say nothing.
    assert!(found == expected, "{:?}", found.iter().zip(&expected).find(|(a, b)| a != b));
    assert_eq!(bench.versions(), 1);
}

#[tokio::test]
async fn it_can_be_seen_while_it_comes_and_is_current_when_all_came() {
    let bench = Bench::start(json!({})).await;
    let mut events = bench.bus.zone_events().await.unwrap();
    let gate = Arc::new(AtomicBool::new(false));
    let primary = primary(5, &gate, in_order);
    let job = bench.xfrin.refresh(ZONE, &[primary.address], false).await.unwrap();
    let event = tokio::time::timeout(PATIENCE, events.next()).await.unwrap();
    assert_eq!(event, Some(ZoneEvent::Coming { zone: ZONE.into() }));
    assert!(is_coming(&bench), "who is told so finds it");
    assert_eq!(bench.serial(ZONE), None);
    gate.store(true, Ordering::Relaxed);
    assert_transferred(&bench.ended(job).await);
    assert_eq!(bench.serial(ZONE), Some(5));
    let records = bench.records(ZONE);
    assert_eq!(records.len() as u32, HOSTS + HOSTS / 3 + 2);
    assert!(records == expected(in_order).await);
}

#[tokio::test]
async fn order_that_breaks_midway_changes_nothing_of_the_zone() {
    comes_as_sent(|zone| {
        let mut records = in_order(zone);
        // More of a name that is written, one that is there already, a new one between, and one before all.
        records.push(address(zone, "h000007", 1));
        records.push(address(zone, "h000007", 7));
        records.push(address(zone, "h000007a", 7));
        records.push(address(zone, "a", 7));
        records
    })
    .await;
    // From somewhere in the middle on in no order.
    comes_as_sent(|zone| {
        let mut records = in_order(zone);
        records[50_000..].reverse();
        records
    })
    .await;
}

#[tokio::test]
async fn hashed_names_behind_all_others_are_no_disorder() {
    comes_as_sent(|zone| {
        let mut records = in_order(zone);
        records.insert(1, record(zone, RrType(51), &[1, 0, 0, 0, 0]));
        let hashed = Name::from_text("00000000000000000000000000000000", Some(zone.as_ref())).unwrap();
        let data = [&[1, 0, 0, 0, 0, 20][..], &[7; 20], &[0, 1, 0x40]].concat();
        records.push(record(&hashed, RrType(50), &data));
        records
    })
    .await;
}

#[tokio::test]
async fn what_is_broken_off_or_refused_leaves_nothing() {
    let bench = Bench::start(json!({"max_records": 200_000})).await;
    let failures: [Failure; 5] = [
        ("can have one CNAME record only", |zone| {
            let mut records = in_order(zone);
            let owner = Name::from_text("h050000a", Some(zone.as_ref())).unwrap();
            let alias = |to: u8| record(&owner, RrType::CNAME, &[1, to, 0]);
            records.splice(66_670..66_670, [alias(b'a'), alias(b'b')]);
            records
        }),
        ("and 1 more", |zone| {
            let mut records = in_order(zone);
            let alias = |host: &str| {
                let owner = Name::from_text(host, Some(zone.as_ref())).unwrap();
                [record(&owner, RrType::CNAME, &[1, b'a', 0]), address(zone, host, 1)]
            };
            // The last one is out of order, when it is clear already that this cannot be served.
            records.splice(5..5, ["h000003a", "h000003b", "h000003c", "h000003d"].map(alias).concat());
            records.push(address(zone, "a", 1));
            records
        }),
        ("more than 200000 records", |zone| {
            let mut records = in_order(zone);
            records.extend((0..90_000).map(|number| address(zone, &format!("i{number:06}"), 1)));
            records
        }),
        ("bad record data", |zone| {
            let mut records = in_order(zone);
            records.push(record(zone, RrType::A, &[]));
            records
        }),
        ("the SOA record at the end", |zone| {
            let mut records = in_order(zone);
            records.push(soa(zone, 6));
            records
        }),
    ];
    for (reason, records) in failures {
        let status = bench.refresh(ZONE, &[primary(5, &open(), records).address]).await;
        assert_eq!(status.state, JobState::Failed, "{reason}");
        assert!(status.reason().contains(reason), "{reason}: {}", status.reason());
        assert_eq!((bench.versions(), bench.store().clear_leftovers().unwrap()), (0, 0), "{reason}");
    }
}

#[tokio::test]
async fn given_up_midway_it_leaves_what_was_before() {
    let bench = Bench::start(json!({})).await;
    let gate = Arc::new(AtomicBool::new(false));
    let first = Primary::honest(4, 3);
    assert_transferred(&bench.refresh(ZONE, &[first.address]).await);
    let job = bench.xfrin.refresh(ZONE, &[primary(5, &gate, in_order).address], false).await.unwrap();
    until_coming(&bench).await;
    bench.xfrin.jobs().cancel(job).await.unwrap();
    assert_eq!(bench.ended(job).await.state, JobState::Cancelled);
    assert_eq!((bench.serial(ZONE), bench.versions(), is_coming(&bench)), (Some(4), 1, false));
}

#[tokio::test]
async fn killed_midway_it_leaves_what_was_before() {
    let mut bench = Bench::start(json!({})).await;
    let first = Primary::honest(4, 3);
    assert_transferred(&bench.refresh(ZONE, &[first.address]).await);
    let gate = Arc::new(AtomicBool::new(false));
    let second = primary(5, &gate, in_order);
    bench.xfrin.refresh(ZONE, &[second.address], false).await.unwrap();
    until_coming(&bench).await;
    let _killed = bench.restart(Signal::KILL).await;
    assert_eq!((bench.serial(ZONE), bench.records(ZONE).len()), (Some(4), 5));
    let began = Instant::now();
    while bench.versions() != 1 || is_coming(&bench) {
        assert!(began.elapsed() < PATIENCE, "what was left is not cleared");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    gate.store(true, Ordering::Relaxed);
    assert_transferred(&bench.refresh(ZONE, &[second.address]).await);
    assert_eq!(bench.serial(ZONE), Some(5));
}

#[tokio::test]
async fn an_older_zone_is_refused_before_much_of_it_came() {
    let bench = Bench::start(json!({})).await;
    assert_transferred(&bench.refresh(ZONE, &[Primary::honest(5, 3).address]).await);
    // It says that it has a newer one, and does not.
    let older = Primary::start(
        Box::new(|message| vec![common::primary::answer_serial(message, 6)]),
        Box::new(|stream, message| {
            let query = Query::read(message);
            let mut all = vec![soa(&query.zone, 4)];
            all.extend(in_order(&query.zone));
            let mut messages = all.chunks(100).cycle();
            // For ever.
            messages.try_for_each(|some| send(stream, &query.answer(some)))
        }),
    );
    let status = bench.refresh(ZONE, &[older.address]).await;
    assert!(status.reason().contains("it sent serial 4, which does not come after 5"), "{status:?}");
    assert_eq!((bench.serial(ZONE), bench.versions()), (Some(5), 1));
}
