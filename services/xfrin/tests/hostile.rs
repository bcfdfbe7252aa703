//! Primaries that lie, break off, stall and flood: each ends in a reason, and the version before stays.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use common::primary::{Primary, Query, host, ns, record, send, soa, transfer};
use common::{Bench, PATIENCE, text};
use serde_json::json;
use tenon_bus::JobState;
use tenon_wire::{Name, RrType};

const ZONE: &str = "example.";

/// A lie: what it does with a request for a transfer, and what must be said about it.
struct Lie {
    name: &'static str,
    told: &'static str,
    tell: fn(&mut TcpStream, &Query) -> std::io::Result<()>,
}

fn lie(
    name: &'static str,
    told: &'static str,
    tell: fn(&mut TcpStream, &Query) -> std::io::Result<()>,
) -> Lie {
    Lie { name, told, tell }
}

/// The first message of an honest transfer with something changed.
fn changed(stream: &mut TcpStream, query: &Query, change: impl FnOnce(&mut Vec<u8>)) -> std::io::Result<()> {
    let mut message = transfer(query, 9, 3).remove(0);
    change(&mut message);
    send(stream, &message)
}

fn records(stream: &mut TcpStream, query: &Query, records: &[Vec<u8>]) -> std::io::Result<()> {
    send(stream, &query.answer(records))
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// Keeps the connection open until the other side has given up.
fn stall(stream: &mut TcpStream) -> std::io::Result<()> {
    std::io::Read::read(stream, &mut [0]).map(drop)
}

fn lies_of_messages() -> Vec<Lie> {
    vec![
        lie("closes at once", "closed the connection", |_, _| Ok(())),
        lie("closes inside a length", "closed the connection", |stream, _| stream.write_all(&[0])),
        lie("closes inside a message", "closed the connection", |stream, query| {
            let message = transfer(query, 9, 3).remove(0);
            stream.write_all(&(message.len() as u16).to_be_bytes())?;
            stream.write_all(&message[..message.len() / 2])
        }),
        lie("closes before the end", "closed the connection", |stream, query| {
            records(stream, query, &[soa(&query.zone, 9), ns(&query.zone)])
        }),
        lie("sends empty messages", "shorter than a header", |stream, _| stream.write_all(&[0; 1000])),
        lie("sends noise", "response", |stream, _| {
            let noise: Vec<u8> =
                (0..60_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
            stream.write_all(&noise)
        }),
        lie("sends the query back", "a query where a response", |stream, query| send(stream, &query.message)),
        lie("another identifier", "identifier", |stream, query| changed(stream, query, |m| m[0] ^= 1)),
        lie("another opcode", "opcode 5", |stream, query| changed(stream, query, |m| m[2] |= 5 << 3)),
        lie("another question's name", "another question", |stream, query| {
            changed(stream, query, |m| m[13] ^= 1)
        }),
        lie("no question", "another question", |stream, query| changed(stream, query, |m| m[5] = 0)),
        lie("two questions", "another question", |stream, query| changed(stream, query, |m| m[5] = 2)),
        lie("truncated", "marked as truncated", |stream, query| changed(stream, query, |m| m[2] |= 2)),
        lie("more records promised", "malformed", |stream, query| changed(stream, query, |m| m[7] += 1)),
        lie("octets behind the last record", "malformed", |stream, query| {
            changed(stream, query, |m| m.push(0))
        }),
        lie("a pointer to itself", "compression pointer", |stream, query| {
            let mut message = query.answer(&[soa(&query.zone, 9)]);
            let at = message.len() as u16;
            message[7] = 2;
            message.extend((0xc000 | at).to_be_bytes());
            message.extend([0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 1, 2, 3, 4]);
            send(stream, &message)
        }),
        lie("refuses", "REFUSED; it must allow", |stream, query| send(stream, &query.refuse(5))),
        lie("does not serve it", "NOTAUTH", |stream, query| send(stream, &query.refuse(9))),
        lie("fails in the middle", "SERVFAIL", |stream, query| {
            records(stream, query, &[soa(&query.zone, 9), ns(&query.zone)])?;
            send(stream, &query.refuse(2))
        }),
        lie("an endless row of empty answers", "held no record", |stream, query| {
            records(stream, query, &[soa(&query.zone, 9)])?;
            (0..1000).try_for_each(|_| records(stream, query, &[]))
        }),
    ]
}

fn lies_of_records() -> Vec<Lie> {
    vec![
        lie("no SOA record first", "begins with example. NS", |stream, query| {
            records(stream, query, &[ns(&query.zone), soa(&query.zone, 9)])
        }),
        lie("another zone's SOA record", "begins with other. SOA", |stream, query| {
            records(stream, query, &[soa(&name("other."), 9), soa(&name("other."), 9)])
        }),
        lie("a cut SOA record", "malformed: SOA data", |stream, query| {
            records(stream, query, &[record(&query.zone, RrType::SOA, b"\0\0\0\0")])
        }),
        lie(
            "the zone changes under way",
            "serial 10) is not the one at the start (serial 9)",
            |stream, query| {
                records(stream, query, &[soa(&query.zone, 9), ns(&query.zone), soa(&query.zone, 10)])
            },
        ),
        lie("records behind the end", "follow the SOA record that ends", |stream, query| {
            records(
                stream,
                query,
                &[soa(&query.zone, 9), ns(&query.zone), soa(&query.zone, 9), ns(&query.zone)],
            )
        }),
        lie("an older serial than promised", "serial 4, which does not come after 5", |stream, query| {
            records(stream, query, &[soa(&query.zone, 4), ns(&query.zone), soa(&query.zone, 4)])
        }),
        lie("the stored serial", "serial 5, which does not come after 5", |stream, query| {
            records(stream, query, &[soa(&query.zone, 5), ns(&query.zone), soa(&query.zone, 5)])
        }),
        lie("class CH", "has class CH", |stream, query| {
            let mut chaos = ns(&query.zone);
            chaos[query.zone.octets().len() + 3] = 3;
            records(stream, query, &[soa(&query.zone, 9), chaos])
        }),
        lie("a record of a query type", "type ANY", |stream, query| {
            records(stream, query, &[soa(&query.zone, 9), record(&query.zone, RrType::ANY, b"")])
        }),
        lie("no name servers", "no NS record", |stream, query| {
            records(stream, query, &[soa(&query.zone, 9), host(&query.zone, 1), soa(&query.zone, 9)])
        }),
        lie("an address of three octets", "bad record data", |stream, query| {
            let short = record(&name("a.example."), RrType::A, &[1, 2, 3]);
            records(stream, query, &[soa(&query.zone, 9), ns(&query.zone), short, soa(&query.zone, 9)])
        }),
        lie("an SOA record below the apex", "belongs to the apex", |stream, query| {
            let zone = &query.zone;
            records(stream, query, &[soa(zone, 9), ns(zone), soa(&name("a.example."), 9), soa(zone, 9)])
        }),
        lie("an alias with other data", "an alias can have no other data", |stream, query| {
            let zone = &query.zone;
            let alias = record(&name("h1.example."), RrType::CNAME, b"\0");
            records(stream, query, &[soa(zone, 9), ns(zone), host(zone, 1), alias, soa(zone, 9)])
        }),
        lie("too many records", "more than 2000 records", |stream, query| {
            transfer(query, 9, 3000).iter().try_for_each(|message| send(stream, message))
        }),
        lie("a flood without end", "more than 1000000 octets", |stream, query| {
            records(stream, query, &[soa(&query.zone, 9)])?;
            let long =
                record(&name("a.example."), RrType::TXT, &[&[255][..], &[b'x'; 255]].concat().repeat(8));
            let message = query.answer(&vec![long; 30]);
            loop {
                send(stream, &message)?;
            }
        }),
        lie("says nothing", "no whole message came within 1 s", |stream, _| stall(stream)),
        lie("stops in the middle", "no whole message came within 1 s", |stream, query| {
            records(stream, query, &[soa(&query.zone, 9)])?;
            stall(stream)
        }),
        lie("drips", "no whole message came within 1 s", |stream, query| {
            let message = transfer(query, 9, 3).remove(0);
            stream.write_all(&(message.len() as u16).to_be_bytes())?;
            for octet in message.chunks(1) {
                stream.write_all(octet)?;
                std::thread::sleep(Duration::from_millis(100));
            }
            Ok(())
        }),
        lie("goes on for ever", "longer than 3 s", |stream, query| {
            records(stream, query, &[soa(&query.zone, 9)])?;
            loop {
                records(stream, query, &[host(&query.zone, 1)])?;
                std::thread::sleep(Duration::from_millis(300));
            }
        }),
    ]
}

async fn stored_five() -> Bench {
    let settings = json!({
        "idle_timeout_s": 1, "total_timeout_s": 3, "max_records": 2000, "max_octets": 1_000_000,
        "query_timeout_ms": 100, "connect_timeout_s": 1,
    });
    let bench = Bench::start(settings).await;
    let first = Primary::honest(5, 3);
    let status = bench.refresh(ZONE, &[first.address]).await;
    assert_eq!(
        (status.state, text(&status, "outcome").as_str()),
        (JobState::Done, "transferred"),
        "{status:?}"
    );
    bench
}

async fn all_are_found_out(lies: Vec<Lie>) {
    let bench = stored_five().await;
    let before = bench.records(ZONE);
    let count = lies.len() as u64;
    for Lie { name, told, tell } in lies {
        let primary = Primary::with_serial(9, tell);
        let status = bench.refresh(ZONE, &[primary.address]).await;
        println!("{name}: {}", status.reason());
        assert_eq!(status.state, JobState::Failed, "{name}");
        assert!(status.reason().contains(told), "{name}: {}", status.reason());
        assert!(status.reason().contains(&format!("127.0.0.1@{}", primary.address.port())), "{name}");
        assert_eq!(text(&status, "serial"), "5", "{name}");
    }
    assert_eq!(bench.records(ZONE), before);
    let counters = bench.counters().await;
    assert_eq!(counters["transfers_failed"], count);
    assert_eq!((counters["transfers_done"], counters["axfr_running"], counters["jobs_running"]), (1, 0, 0));
    assert_eq!(bench.store().clear_leftovers_for_test(), 0, "nothing is left of what was refused");
    // An honest one is believed all the same.
    let honest = Primary::honest(9, 3);
    assert_eq!(text(&bench.refresh(ZONE, &[honest.address]).await, "outcome"), "transferred");
    assert_eq!(bench.serial(ZONE), Some(9));
}

trait ClearForTest {
    fn clear_leftovers_for_test(&self) -> u64;
}

impl<S: tenon_datasrc::DataSource> ClearForTest for S {
    fn clear_leftovers_for_test(&self) -> u64 {
        self.clear_leftovers().unwrap()
    }
}

#[tokio::test]
async fn lies_in_messages() {
    all_are_found_out(lies_of_messages()).await;
}

#[tokio::test]
async fn lies_in_records_sizes_and_times() {
    all_are_found_out(lies_of_records()).await;
}

#[tokio::test]
async fn records_of_elsewhere_are_left_out_and_told() {
    let bench = Bench::start(json!({})).await;
    let primary = Primary::with_serial(9, |stream, query| {
        let zone = &query.zone;
        let elsewhere = host(&name("elsewhere."), 1);
        records(stream, query, &[soa(zone, 9), elsewhere, ns(zone), host(zone, 1), soa(zone, 9)])
    });
    let status = bench.refresh(ZONE, &[primary.address]).await;
    assert_eq!(text(&status, "outcome"), "transferred");
    assert!(text(&status, "warnings").contains("1 records that are not in the zone"), "{status:?}");
    assert_eq!(bench.records(ZONE).len(), 3);
    assert_eq!(bench.counters().await["records_ignored"], 1);
}

#[tokio::test]
async fn answers_for_the_serial_that_are_none_are_passed_over() {
    let bench = stored_five().await;
    // Forged datagrams before the true one.
    let primary = Primary::start(
        Box::new(|message| {
            let query = Query::read(message);
            let truth = query.answer(&[soa(&query.zone, 5)]);
            let mut other_id = query.answer(&[soa(&query.zone, 99)]);
            other_id[0] ^= 0x55;
            let mut other_name = query.answer(&[soa(&query.zone, 99)]);
            other_name[13] ^= 1;
            vec![b"x".to_vec(), message.to_vec(), other_id, other_name, truth]
        }),
        Box::new(|_, _| Ok(())),
    );
    let status = bench.refresh(ZONE, &[primary.address]).await;
    assert_eq!(text(&status, "outcome"), "current", "{status:?}");
    assert_eq!(bench.counters().await["responses_ignored"], 4);
    for (told, answer) in [
        ("SERVFAIL", (|query: &Query| query.refuse(2)) as fn(&Query) -> Vec<u8>),
        ("holds no SOA record", |query| query.answer(&[])),
        ("not authoritative", |query| {
            let mut answer = query.answer(&[soa(&query.zone, 9)]);
            answer[2] = 0x80;
            answer
        }),
        ("malformed", |query| {
            let mut answer = query.answer(&[soa(&query.zone, 9)]);
            answer.truncate(answer.len() - 3);
            answer
        }),
    ] {
        let primary = Primary::start(
            Box::new(move |message| vec![answer(&Query::read(message))]),
            Box::new(|_, _| Ok(())),
        );
        let status = bench.refresh(ZONE, &[primary.address]).await;
        assert_eq!(status.state, JobState::Failed);
        assert!(status.reason().contains(told), "{told}: {}", status.reason());
    }
    assert_eq!(bench.serial(ZONE), Some(5));
}

#[tokio::test]
async fn silence_over_udp_and_a_cut_answer_lead_to_tcp() {
    let bench = stored_five().await;
    let over_tcp = |stream: &mut TcpStream, message: &[u8]| {
        let query = Query::read(message);
        if query.rrtype == RrType::SOA {
            return send(stream, &query.answer(&[soa(&query.zone, 6)]));
        }
        transfer(&query, 6, 3).iter().try_for_each(|message| send(stream, message))
    };
    let silent = Primary::start(Box::new(|_| vec![]), Box::new(over_tcp));
    let status = bench.refresh(ZONE, &[silent.address]).await;
    assert_eq!((text(&status, "outcome").as_str(), text(&status, "serial").as_str()), ("transferred", "6"));
    let cut = Primary::start(
        Box::new(|message| {
            let mut answer = Query::read(message).answer(&[]);
            answer[2] |= 2;
            vec![answer]
        }),
        Box::new(over_tcp),
    );
    assert_eq!(text(&bench.refresh(ZONE, &[cut.address]).await, "outcome"), "current");
    let counters = bench.counters().await;
    // The first job of all needed no serial: two tries of the silent one, one of the cut one.
    assert_eq!((counters["soa_queries_ipv4"], counters["soa_queries_tcp"]), (3, 2));

    let dead = common::primary::Primary::start(Box::new(|_| vec![]), Box::new(|stream, _| stall(stream)));
    let began = Instant::now();
    let status = bench.refresh(ZONE, &[dead.address]).await;
    assert!(
        status.reason().contains("no answer over UDP (within 0.3 s), and over TCP no answer within 1 s"),
        "{}",
        status.reason()
    );
    assert!(began.elapsed() < PATIENCE);
}
