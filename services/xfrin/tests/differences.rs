//! Differences from primaries: taken in where they fit, refused with a reason where they do not, and the whole zone asked
//! for instead.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use common::primary::{Primary, Query, differences, host, ns, record, send, soa, transfer};
use common::{Bench, text};
use serde_json::{Value, json};
use tenon_bus::{JobState, JobStatus};
use tenon_datasrc::{CondensedDifference, Condensing};
use tenon_wire::{Name, RrType};

const ZONE: &str = "example.";

type Tell = fn(&mut TcpStream, &Query) -> std::io::Result<()>;

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// The service with a zone of serial 5 and hosts 0 to 2 stored.
async fn stored_five(mut settings: Value) -> Bench {
    settings["max_records"] = json!(2000);
    let bench = Bench::start(settings).await;
    let first = Primary::honest(5, 3);
    let status = bench.refresh(ZONE, &[first.address]).await;
    assert_eq!((status.state, outcome(&status).as_str()), (JobState::Done, "transferred whole"));
    bench
}

fn outcome(status: &JobStatus) -> String {
    format!("{} {}", text(status, "outcome"), text(status, "form"))
}

/// A primary that answers questions for differences so, and is honest about the whole zone (serial 9, hosts 0 to 3); the
/// types that it was asked for.
fn primary(tell: Tell) -> (Primary, Arc<Mutex<Vec<RrType>>>) {
    let asked: Arc<Mutex<Vec<RrType>>> = Arc::default();
    let heard = Arc::clone(&asked);
    let primary = Primary::with_serial(9, move |stream, query| {
        heard.lock().unwrap().push(query.rrtype);
        if query.rrtype == RrType::IXFR {
            return tell(stream, query);
        }
        transfer(query, 9, 4).iter().try_for_each(|message| send(stream, message))
    });
    (primary, asked)
}

fn records(stream: &mut TcpStream, query: &Query, records: &[Vec<u8>]) -> std::io::Result<()> {
    send(stream, &query.answer(records))
}

/// One step from 5 to 9 with these records in the place of additions.
fn step(stream: &mut TcpStream, query: &Query, added: &[Vec<u8>]) -> std::io::Result<()> {
    let zone = &query.zone;
    let head = [soa(zone, 9), soa(zone, 5), soa(zone, 9)];
    records(stream, query, &[&head[..], added, &[soa(zone, 9)]].concat())
}

#[tokio::test]
async fn differences_are_taken_in_and_kept_for_our_own_secondaries() {
    let bench = stored_five(json!({})).await;
    let (primary, asked) = primary(|stream, query| {
        assert_eq!(query.have, Some(5));
        send(stream, &differences(query, &[(6, &[1], &[7]), (9, &[7, 0], &[3, 1])]))
    });
    let status = bench.refresh(ZONE, &[primary.address]).await;
    assert_eq!(outcome(&status), "transferred differences", "{status:?}");
    assert_eq!(*asked.lock().unwrap(), [RrType::IXFR]);
    assert_eq!((text(&status, "serial"), text(&status, "records")), ("9".into(), "5".into()));
    let hosts: Vec<String> = bench
        .records(ZONE)
        .iter()
        .filter(|line| line.starts_with('h'))
        .map(|line| line[..2].to_owned())
        .collect();
    assert_eq!(hosts, ["h1", "h2", "h3"]);
    let found = CondensedDifference::read(&bench.store(), name(ZONE).as_ref(), 5, 9, 1 << 20).unwrap();
    let Condensing::Whole(difference) = found else { panic!("{found:?}") };
    assert_eq!((difference.deleted().count(), difference.added().count()), (2, 2));
    let counters = bench.counters().await;
    assert_eq!(
        (counters["ixfr_requests_ipv4"], counters["ixfr_done"], counters["transfers_done"]),
        (1, 1, 2)
    );
    assert_eq!((counters["ixfr_failed"], counters["axfr_requests_ipv4"]), (0, 1));
}

/// What is wrong with a difference, what is told of it, and who tells it.
fn lies() -> Vec<(&'static str, Tell)> {
    vec![
        ("begins at serial 6, 5 was asked for", |stream, query| {
            records(stream, query, &[soa(&query.zone, 9), soa(&query.zone, 6), soa(&query.zone, 9)])
        }),
        ("from serial 5 to 4", |stream, query| {
            records(stream, query, &[soa(&query.zone, 9), soa(&query.zone, 5), soa(&query.zone, 4)])
        }),
        ("from serial 5 to 12", |stream, query| {
            records(stream, query, &[soa(&query.zone, 9), soa(&query.zone, 5), soa(&query.zone, 12)])
        }),
        ("begins at serial 8 where the one before it ended at 7", |stream, query| {
            let zone = &query.zone;
            records(stream, query, &[soa(zone, 9), soa(zone, 5), soa(zone, 7), soa(zone, 8), soa(zone, 9)])
        }),
        ("begins at serial 9 where the one before it ended at 7", |stream, query| {
            let zone = &query.zone;
            records(stream, query, &[soa(zone, 9), soa(zone, 5), soa(zone, 7), soa(zone, 9)])
        }),
        ("h9.example. A is not there", |stream, query| send(stream, &differences(query, &[(9, &[9], &[])]))),
        ("h1.example. A is there already", |stream, query| {
            send(stream, &differences(query, &[(9, &[], &[1])]))
        }),
        ("h7.example. A is not there", |stream, query| {
            send(stream, &differences(query, &[(6, &[7], &[]), (9, &[], &[7])]))
        }),
        ("SOA is not there", |stream, query| {
            let mut other = soa(&query.zone, 5);
            let end = other.len() - 1;
            other[end] ^= 1;
            records(stream, query, &[soa(&query.zone, 9), other, soa(&query.zone, 9), soa(&query.zone, 9)])
        }),
        ("the SOA record at the end (serial 9) is not the one at the start", |stream, query| {
            let mut other = soa(&query.zone, 9);
            let end = other.len() - 1;
            other[end] ^= 1;
            records(stream, query, &[soa(&query.zone, 9), soa(&query.zone, 5), soa(&query.zone, 9), other])
        }),
        ("no NS record", |stream, query| {
            let zone = &query.zone;
            records(stream, query, &[soa(zone, 9), soa(zone, 5), ns(zone), soa(zone, 9), soa(zone, 9)])
        }),
        ("an alias can have no other data", |stream, query| {
            step(stream, query, &[record(&name("h1.example."), RrType::CNAME, b"\x01x\x00")])
        }),
        ("bad record data", |stream, query| {
            step(stream, query, &[record(&name("x.example."), RrType::A, &[1, 2, 3])])
        }),
        ("belongs to the apex", |stream, query| step(stream, query, &[soa(&name("x.example."), 9)])),
        ("is below the DNAME record", |stream, query| {
            let renamed = record(&name("d.example."), RrType::DNAME, b"\x01x\x00");
            step(stream, query, &[renamed, record(&name("x.d.example."), RrType::A, &[1, 2, 3, 4])])
        }),
        ("more than 2000 records", |stream, query| {
            let zone = &query.zone;
            records(stream, query, &[soa(zone, 9), soa(zone, 5), soa(zone, 9)])?;
            (0..30).try_for_each(|part| {
                let hosts: Vec<_> = (0..100).map(|number| host(zone, 100 * part + number + 10)).collect();
                records(stream, query, &hosts)
            })
        }),
        ("follow the SOA record that ends", |stream, query| {
            step(stream, query, &[soa(&query.zone, 9), ns(&query.zone)])
        }),
        ("held no record", |stream, query| {
            records(stream, query, &[soa(&query.zone, 9), soa(&query.zone, 5)])?;
            (0..1000).try_for_each(|_| records(stream, query, &[]))
        }),
        ("closed the connection", |stream, query| {
            records(stream, query, &[soa(&query.zone, 9), soa(&query.zone, 5)])
        }),
        ("closed the connection", |stream, query| records(stream, query, &[soa(&query.zone, 9)])),
        ("class CH", |stream, query| {
            let mut chaos = ns(&query.zone);
            chaos[query.zone.octets().len() + 3] = 3;
            step(stream, query, &[chaos])
        }),
        ("type ANY", |stream, query| step(stream, query, &[record(&query.zone, RrType::ANY, b"")])),
        ("marked as truncated", |stream, query| {
            let mut message = differences(query, &[(9, &[1], &[])]);
            message[2] |= 2;
            send(stream, &message)
        }),
        ("malformed", |stream, query| {
            let mut message = differences(query, &[(9, &[1], &[])]);
            message[7] += 1;
            send(stream, &message)
        }),
        ("another question", |stream, query| {
            let mut message = differences(query, &[(9, &[1], &[])]);
            message[13] ^= 1;
            send(stream, &message)
        }),
        ("FORMERR", |stream, query| send(stream, &query.refuse(1))),
        ("NOTIMP", |stream, query| send(stream, &query.refuse(4))),
        ("SERVFAIL", |stream, query| {
            records(stream, query, &[soa(&query.zone, 9), soa(&query.zone, 5)])?;
            send(stream, &query.refuse(2))
        }),
    ]
}

#[tokio::test]
async fn differences_that_lie_are_found_out_and_the_old_zone_stays() {
    let bench = stored_five(json!({"request_ixfr": "only"})).await;
    let before = bench.records(ZONE);
    let count = lies().len() as u64;
    for (told, tell) in lies() {
        let (primary, asked) = primary(tell);
        let status = bench.refresh(ZONE, &[primary.address]).await;
        println!("{told}: {}", status.reason());
        assert_eq!(status.state, JobState::Failed, "{told}");
        assert!(status.reason().contains(told), "{told}: {}", status.reason());
        assert_eq!(*asked.lock().unwrap(), [RrType::IXFR], "{told}: nothing else is asked for");
        assert_eq!(text(&status, "serial"), "5", "{told}");
    }
    assert_eq!(bench.records(ZONE), before);
    let counters = bench.counters().await;
    assert_eq!((counters["ixfr_failed"], counters["transfers_failed"]), (count, count));
    assert_eq!((counters["ixfr_mismatches"], counters["axfr_running"]), (4, 0));
}

#[tokio::test]
async fn where_differences_fail_the_whole_zone_is_asked_for() {
    // Some of each kind: every one takes a service of its own.
    for (told, tell) in lies().into_iter().step_by(4) {
        let bench = stored_five(json!({})).await;
        let (primary, asked) = primary(tell);
        let status = bench.refresh(ZONE, &[primary.address]).await;
        assert_eq!(outcome(&status), "transferred whole", "{told}: {status:?}");
        assert_eq!(*asked.lock().unwrap(), [RrType::IXFR, RrType::AXFR], "{told}");
        assert_eq!((bench.serial(ZONE), bench.records(ZONE).len()), (Some(9), 6), "{told}");
        let counters = bench.counters().await;
        assert_eq!((counters["ixfr_failed"], counters["transfers_failed"]), (1, 0), "{told}");
    }
}

#[tokio::test]
async fn silence_leads_to_the_next_primary_and_not_to_another_question() {
    let bench = stored_five(json!({"idle_timeout_s": 5})).await;
    let (silent, asked) = primary(|stream, _| std::io::Read::read(stream, &mut [0]).map(drop));
    let (good, _) = primary(|stream, query| send(stream, &differences(query, &[(9, &[1], &[8])])));
    let status = bench.refresh(ZONE, &[silent.address, good.address]).await;
    assert_eq!(outcome(&status), "transferred differences");
    assert!(text(&status, "failures").contains("no whole message came within 5 s"), "{status:?}");
    assert_eq!(*asked.lock().unwrap(), [RrType::IXFR]);
}

#[tokio::test]
async fn a_primary_may_answer_with_the_whole_zone_or_have_changed_its_mind() {
    let bench = stored_five(json!({})).await;
    let (whole, asked) =
        primary(|stream, query| transfer(query, 9, 4).iter().try_for_each(|message| send(stream, message)));
    let status = bench.refresh(ZONE, &[whole.address]).await;
    assert_eq!((outcome(&status).as_str(), asked.lock().unwrap().len()), ("transferred whole", 1));
    assert_eq!(bench.counters().await["ixfr_answered_whole"], 1);
    // It says 10 when asked for the serial, and then that there is nothing newer than 9.
    let fickle = Primary::with_serial(10, |stream, query| records(stream, query, &[soa(&query.zone, 9)]));
    let status = bench.refresh(ZONE, &[fickle.address]).await;
    assert_eq!(outcome(&status), "current ", "{status:?}");
}

#[tokio::test]
async fn who_says_no_is_never_asked_for_differences() {
    let bench =
        stored_five(json!({"request_ixfr": "only", "zones": [{"name": "example", "request_ixfr": "no"}]}))
            .await;
    let (primary, asked) = primary(|stream, query| send(stream, &query.refuse(5)));
    assert_eq!(outcome(&bench.refresh(ZONE, &[primary.address]).await), "transferred whole");
    assert_eq!(*asked.lock().unwrap(), [RrType::AXFR]);
    // By force it is always the whole zone.
    assert_eq!(outcome(&bench.order(ZONE, &[primary.address], true).await), "transferred whole");
    assert_eq!(bench.counters().await["ixfr_requests_ipv4"], 0);
}

/// An OPT record that says for how long the zone may be answered.
fn expire(seconds: u32) -> Vec<u8> {
    [&[0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 8, 0, 9, 0, 4][..], &seconds.to_be_bytes()].concat()
}

#[tokio::test]
async fn for_how_long_a_primary_may_answer_is_asked_and_told() {
    let bench = Bench::start(json!({})).await;
    let with_expire = |mut message: Vec<u8>, seconds| {
        message[11] = 1;
        [message, expire(seconds)].concat()
    };
    let primary = Primary::start(
        Box::new(move |message| {
            assert!(message.ends_with(&[0, 4, 0, 9, 0, 0]), "an empty EXPIRE option: {message:?}");
            let query = Query::read(message);
            vec![with_expire(query.answer(&[soa(&query.zone, 7)]), 1234)]
        }),
        Box::new(move |stream, message| {
            assert!(message.ends_with(&[0, 4, 0, 9, 0, 0]));
            send(stream, &with_expire(transfer(&Query::read(message), 7, 3).remove(0), 777))
        }),
    );
    let status = bench.refresh(ZONE, &[primary.address]).await;
    assert_eq!(
        (outcome(&status).as_str(), text(&status, "expires_in").as_str()),
        ("transferred whole", "777")
    );
    let status = bench.refresh(ZONE, &[primary.address]).await;
    assert_eq!((outcome(&status).as_str(), text(&status, "expires_in").as_str()), ("current ", "1234"));
}

#[tokio::test]
async fn who_does_not_know_edns_is_asked_without() {
    let bench = Bench::start(json!({})).await;
    let serve = |serial: u32| {
        Primary::start(
            Box::new(move |message| {
                let query = Query::read(message);
                vec![if message[11] > 0 {
                    query.refuse(1)
                } else {
                    query.answer(&[soa(&query.zone, serial)])
                }]
            }),
            Box::new(move |stream, message| {
                let query = Query::read(message);
                if message[11] > 0 {
                    return send(stream, &query.refuse(4));
                }
                transfer(&query, serial, 3).iter().try_for_each(|message| send(stream, message))
            }),
        )
    };
    for serial in [5, 6] {
        let primary = serve(serial);
        let status = bench.refresh(ZONE, &[primary.address]).await;
        assert_eq!(outcome(&status), "transferred whole", "{status:?}");
        assert_eq!(bench.serial(ZONE), Some(serial));
    }
}
