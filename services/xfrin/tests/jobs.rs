//! The service over its bus face: which primary, what is current, turns, cancelling, stopping, being killed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::net::{Ipv4Addr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use common::primary::{Primary, Query, send, soa, transfer};
use common::{Bench, PATIENCE, text};
use rustix::process::Signal;
use serde_json::json;
use tenon_bus::names::{JOBS_PATH, XFRIN, XFRIN_PATH};
use tenon_bus::{BusError, Config1, JobState, ZoneEvent};
use tenon_datasrc::DataSource;
use tenon_private_bus::KeptAddress;

/// A primary that begins a transfer of many hosts and goes on when the gate is opened.
fn gated(serial: u32, gate: &Arc<AtomicBool>) -> Primary {
    let gate = Arc::clone(gate);
    Primary::with_serial(serial, move |stream: &mut TcpStream, query: &Query| {
        send(stream, &query.answer(&[soa(&query.zone, serial)]))?;
        while !gate.load(Ordering::Relaxed) {
            // An honest record now and then, so that nothing seems to stall and a closed connection is noticed.
            send(stream, &query.answer(&[common::primary::host(&query.zone, 1)]))?;
            std::thread::sleep(Duration::from_millis(5));
        }
        transfer(query, serial, 5).iter().enumerate().try_for_each(|(number, message)| match number {
            // The SOA record was sent.
            0 => {
                let mut rest = vec![common::primary::ns(&query.zone)];
                rest.push(soa(&query.zone, serial));
                send(stream, &query.answer(&rest))
            }
            _ => send(stream, message),
        })
    })
}

async fn wait_until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !is_so().await {
        assert!(began.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn the_first_primary_that_has_more_is_taken_and_all_failures_are_kept() {
    let bench = Bench::start(json!({"query_timeout_ms": 100})).await;
    let mut events = bench.bus.zone_events().await.unwrap();
    // Addresses that nobody listens on.
    let (kept, other) = (KeptAddress::new().unwrap(), KeptAddress::new().unwrap());
    let (dead, first, second) = (kept.get(), Primary::honest(5, 3), Primary::honest(6, 3));
    let status = bench.refresh("Example.COM", &[dead, first.address, second.address]).await;
    assert_eq!((text(&status, "outcome").as_str(), text(&status, "serial").as_str()), ("transferred", "5"));
    assert_eq!(text(&status, "primary"), format!("127.0.0.1@{}", first.address.port()));
    assert!(
        text(&status, "failures").contains(&format!("127.0.0.1@{}: no connection", dead.port())),
        "{status:?}"
    );
    let numbers = ["refresh", "retry", "expire", "records"].map(|key| text(&status, key));
    assert_eq!(numbers, ["3600", "600", "86400", "5"]);
    assert!(status.details["octets"].as_u64() > Some(100) && status.details["usec"].as_u64() > Some(0));
    let changed = ZoneEvent::Changed { zone: "example.com.".into(), serial: 5, cause: "transfer".into() };
    assert_eq!(tokio::time::timeout(PATIENCE, events.next()).await.unwrap(), Some(changed));

    // One that is current does not keep a later one from being asked.
    let status = bench.refresh("example.com.", &[first.address, second.address]).await;
    assert_eq!((text(&status, "outcome").as_str(), text(&status, "serial").as_str()), ("transferred", "6"));
    // Now the first is older, and the dead one does no harm.
    let status = bench.refresh("example.com.", &[dead, first.address]).await;
    assert_eq!((text(&status, "outcome").as_str(), text(&status, "serial").as_str()), ("current", "6"));
    assert!(text(&status, "warnings").contains("has serial 5, older than what is stored"), "{status:?}");
    // Nobody left: all reasons are told.
    let status = bench.refresh("example.com.", &[dead, other.get()]).await;
    assert_eq!((status.state, status.reason().matches("127.0.0.1@").count()), (JobState::Failed, 2));
    // By force even an older one is taken.
    let status = bench.order("example.com.", &[first.address], true).await;
    assert_eq!((text(&status, "outcome").as_str(), bench.serial("example.com.")), ("transferred", Some(5)));
    let zone = bench.xfrin.get_zone("example.com").await.unwrap();
    assert_eq!((zone.name.as_str(), zone.serial, zone.records, zone.expire), ("example.com.", 5, 5, 86_400));
    let counters = bench.counters().await;
    assert_eq!(
        (counters["transfers_done"], counters["zones_current"], counters["primaries_older"]),
        (3, 1, 1)
    );
}

#[tokio::test]
async fn a_silent_primary_is_found_out_by_one_of_those_that_wait_and_asked_again_later() {
    let bench =
        Bench::start(json!({"soa_queries": 1, "query_timeout_ms": 500, "connect_timeout_s": 1})).await;
    let honest = Primary::honest(5, 3);
    let zones = ["a.", "b.", "c."];
    for zone in zones {
        assert_eq!(text(&bench.refresh(zone, &[honest.address]).await, "outcome"), "transferred");
    }
    let stall = |stream: &mut TcpStream, _: &[u8]| std::io::Read::read(stream, &mut [0]).map(drop);
    let silent = Primary::start(Box::new(|_| vec![]), Box::new(stall));
    let mut jobs = Vec::new();
    for zone in zones {
        jobs.push(bench.xfrin.refresh(zone, &[silent.address], false).await.unwrap());
    }
    let mut reasons = Vec::new();
    for job in jobs {
        reasons.push(bench.ended(job).await.reason().to_owned());
    }
    let told = |what: &str| reasons.iter().filter(|reason| reason.contains(what)).count();
    assert_eq!((told("no answer over UDP"), told("not asked")), (1, 2), "{reasons:?}");
    assert_eq!(bench.counters().await["primaries_passed_over"], 2);
    assert!(
        bench.refresh("a.", &[silent.address]).await.reason().contains("no answer over UDP"),
        "a new order asks"
    );
    assert_eq!(text(&bench.refresh("b.", &[silent.address, honest.address]).await, "outcome"), "current");
}

#[tokio::test]
async fn how_long_a_connection_to_a_primary_may_take_changes_while_running() {
    let bench =
        Bench::start(json!({"connect_timeout_s": 120, "query_tries": 1, "query_timeout_ms": 50})).await;
    // With its queue full the kernel says nothing to who wants to connect.
    let primary = tokio::net::TcpSocket::new_v4().unwrap();
    primary.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let primary = primary.listen(0).unwrap();
    let address = primary.local_addr().unwrap();
    let full = |address| TcpStream::connect_timeout(address, Duration::from_millis(200));
    let _held: Vec<_> = (0..3).map_while(|_| full(&address).ok()).collect();
    let config = Config1::new(&bench.bus, XFRIN);
    let settings = json!({"connect_timeout_s": 1, "query_tries": 1, "query_timeout_ms": 50});
    config.apply(2, &settings, PATIENCE).await.unwrap();
    let status = bench.refresh("example.", &[address]).await;
    assert!(status.reason().contains("none within 1 s (`xfrin/connect_timeout_s`)"), "{}", status.reason());
    let counters = bench.counters().await;
    let of = |name: &str| counters[name];
    assert!(of("connect_timeouts") > 0, "{counters:?}");
    assert_eq!(of("connect_timeouts"), of("tcp_connect_failed_ipv4"), "{counters:?}");
}

#[tokio::test]
async fn serials_wrap() {
    let bench = Bench::start(json!({})).await;
    let old = Primary::honest(u32::MAX, 3);
    bench.refresh("example.", &[old.address]).await;
    let new = Primary::honest(3, 3);
    assert_eq!(text(&bench.refresh("example.", &[new.address]).await, "outcome"), "transferred");
    assert_eq!(text(&bench.refresh("example.", &[old.address]).await, "outcome"), "current");
    assert_eq!(bench.serial("example."), Some(3));
}

#[tokio::test]
async fn a_zone_has_one_job_and_jobs_have_a_bound() {
    let gate = Arc::new(AtomicBool::new(false));
    let bench = Bench::start(json!({"jobs": 2})).await;
    let primary = gated(7, &gate);
    let (xfrin, primaries) = (&bench.xfrin, [primary.address]);
    let job = xfrin.refresh("a.", &primaries, false).await.unwrap();
    assert_eq!(xfrin.refresh("A.", &primaries, false).await.unwrap(), job);
    let in_the_way = xfrin.refresh("a.", &primaries, true).await.unwrap_err();
    assert!(matches!(&in_the_way, BusError::Busy(text) if text.contains(&job.to_string())), "{in_the_way:?}");
    let other = xfrin.refresh("b.", &primaries, false).await.unwrap();
    assert!(matches!(xfrin.refresh("c.", &primaries, false).await, Err(BusError::Busy(_))));
    let listed = xfrin.jobs().list(0, 0).await.unwrap();
    assert_eq!(listed.iter().map(|job| job.subject.as_str()).collect::<Vec<_>>(), ["a.", "b."]);
    gate.store(true, Ordering::Relaxed);
    for job in [job, other] {
        assert_eq!(text(&bench.ended(job).await, "outcome"), "transferred");
    }
    let counters = bench.counters().await;
    assert_eq!((counters["jobs_refused"], counters["transfers_done"]), (1, 2));
    for (zone, address) in [("a..b", "127.0.0.1"), ("a.", "localhost"), ("a.", "0.0.0.0")] {
        let call = tenon_bus::server::connection(&bench.bus).unwrap();
        let body = (zone, vec![(address, 53_u16)], false);
        let refused = call.call_method(Some(XFRIN), XFRIN_PATH, Some(XFRIN), "Refresh", &body).await;
        assert!(refused.unwrap_err().to_string().contains("InvalidValue"), "{zone} {address}");
    }
    assert!(matches!(xfrin.refresh("a.", &[], false).await, Err(BusError::InvalidValue(_))));
}

#[tokio::test]
async fn transfers_take_turns_and_the_number_of_places_changes_while_running() {
    let bench = Bench::start(json!({"transfers_in": 3, "transfers_per_primary": 2})).await;
    let gate = Arc::new(AtomicBool::new(false));
    let primary = gated(7, &gate);
    let mut jobs = Vec::new();
    for number in 0..20 {
        jobs.push(bench.xfrin.refresh(&format!("z{number}."), &[primary.address], false).await.unwrap());
    }
    wait_until("two transfers run", async || primary.open.lock().unwrap().0 == 2).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(primary.open.lock().unwrap().1, 2, "no more than the primary's share");
    let config = Config1::new(&bench.bus, XFRIN);
    let settings = json!({"transfers_in": 5, "transfers_per_primary": 5});
    config.apply(2, &settings, PATIENCE).await.unwrap();
    wait_until("five transfers run", async || primary.open.lock().unwrap().0 == 5).await;
    gate.store(true, Ordering::Relaxed);
    for job in jobs {
        assert_eq!(text(&bench.ended(job).await, "outcome"), "transferred");
    }
    assert_eq!(primary.open.lock().unwrap().1, 5);
    assert_eq!(bench.xfrin.state().await.unwrap().zone_count, 20);
    let page = bench.xfrin.list_zones("z10.", 3).await.unwrap();
    assert_eq!(page.iter().map(|zone| zone.name.as_str()).collect::<Vec<_>>(), ["z11.", "z12.", "z13."]);
    assert!(page.iter().all(|zone| zone.serial == 7 && zone.refresh == 3600 && zone.committed_usec > 0));
}

#[tokio::test]
async fn jobs_are_given_up_while_waiting_and_while_receiving() {
    let bench = Bench::start(json!({"transfers_in": 1, "transfers_per_primary": 1})).await;
    let gate = Arc::new(AtomicBool::new(false));
    let primary = gated(7, &gate);
    let receiving = bench.xfrin.refresh("a.", &[primary.address], false).await.unwrap();
    wait_until("it is being received", async || {
        let status = bench.xfrin.jobs().get(receiving).await.unwrap();
        status.state == JobState::Running && status.phase == "receiving"
    })
    .await;
    let waiting = bench.xfrin.refresh("b.", &[primary.address], false).await.unwrap();
    assert_eq!(bench.xfrin.jobs().get(waiting).await.unwrap().state, JobState::Waiting);
    for job in [waiting, receiving] {
        bench.xfrin.jobs().cancel(job).await.unwrap();
        let status = bench.ended(job).await;
        assert_eq!((status.state, status.reason()), (JobState::Cancelled, "given up on request"));
    }
    wait_until("the connection is closed", async || primary.open.lock().unwrap().0 == 0).await;
    assert_eq!((bench.serial("a."), bench.serial("b.")), (None, None));
    let counters = bench.counters().await;
    assert_eq!(
        (counters["transfers_cancelled"], counters["transfers_failed"], counters["axfr_running"]),
        (2, 0, 0)
    );
}

#[tokio::test]
async fn a_zone_is_removed_with_what_is_being_done_to_it() {
    let bench = Bench::start(json!({})).await;
    let honest = Primary::honest(5, 3);
    bench.refresh("example.", &[honest.address]).await;
    let mut events = bench.bus.zone_events().await.unwrap();
    let gate = Arc::new(AtomicBool::new(false));
    let primary = gated(7, &gate);
    let job = bench.xfrin.refresh("example.", &[primary.address], false).await.unwrap();
    assert!(bench.xfrin.remove("Example").await.unwrap());
    assert_eq!(bench.ended(job).await.state, JobState::Cancelled);
    assert_eq!(bench.serial("example."), None);
    assert!(!bench.xfrin.remove("example.").await.unwrap());
    assert!(matches!(bench.xfrin.get_zone("example.").await, Err(BusError::NoSuchZone(_))));
    let removed = ZoneEvent::Removed { zone: "example.".into() };
    assert_eq!(tokio::time::timeout(PATIENCE, events.next()).await.unwrap(), Some(removed));
}

#[tokio::test]
async fn a_stop_gives_all_up_and_leaves_nothing() {
    let mut bench = Bench::start(json!({})).await;
    let gate = Arc::new(AtomicBool::new(false));
    let primary = gated(7, &gate);
    for number in 0..10 {
        bench.xfrin.refresh(&format!("z{number}."), &[primary.address], false).await.unwrap();
    }
    wait_until("some are being received", async || primary.open.lock().unwrap().0 >= 3).await;
    let began = Instant::now();
    assert!(bench.end(Signal::TERM).await.success());
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert_eq!(bench.versions(), 0);
    assert!(bench.store().zones(None, 100).unwrap().is_empty());
    let locks = std::fs::read_dir(bench.directory())
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().contains("writing"));
    assert_eq!(locks.count(), 0);
}

#[tokio::test]
async fn killed_in_the_middle_of_storing_the_old_version_stays_and_leftovers_go() {
    let mut bench = Bench::start(json!({})).await;
    let first = Primary::honest(5, 60_000);
    assert_eq!(text(&bench.refresh("example.", &[first.address]).await, "outcome"), "transferred");
    let before = bench.records("example.");
    let second = Primary::honest(6, 60_000);
    let mut kills = 0;
    for _ in 0..40 {
        if kills == 3 {
            break;
        }
        let job = bench.xfrin.refresh("example.", &[second.address], false).await.unwrap();
        if !is_caught_storing(&bench, job).await {
            // Too quick for us: the older one again, by force.
            bench.order("example.", &[first.address], true).await;
            continue;
        }
        let _killed = bench.restart(Signal::KILL).await;
        kills += 1;
        if bench.serial("example.") == Some(6) {
            // Killed behind the commit.
            bench.order("example.", &[first.address], true).await;
            continue;
        }
        assert_eq!(bench.records("example."), before, "kill {kills}");
        wait_until("what was left is cleared", async || bench.versions() == 1).await;
        assert!(matches!(bench.xfrin.jobs().get(job).await, Err(BusError::NoSuchJob(_))));
    }
    assert!(kills > 0, "never caught while storing");
    println!("killed {kills} times");
    let status = bench.refresh("example.", &[second.address]).await;
    assert_eq!((status.state, bench.serial("example.")), (JobState::Done, Some(6)));
}

/// Waits until a second version is being written, or until the job is over before that was seen.
async fn is_caught_storing(bench: &Bench, job: u64) -> bool {
    let store = bench.watched();
    let mut count = store.prepare("SELECT EXISTS (SELECT 1 FROM versions WHERE state = 'writing')").unwrap();
    loop {
        for _ in 0..100 {
            if count.query_row([], |row| row.get(0)).unwrap() {
                return true;
            }
        }
        if bench.xfrin.jobs().get(job).await.unwrap().state.is_end() {
            return false;
        }
    }
}

#[tokio::test]
async fn introspection_is_what_the_files_promise() {
    let bench = Bench::start(json!({})).await;
    let own = bench.daemon.differences(XFRIN, XFRIN_PATH, &["Xfrin1"]).await;
    let jobs = bench.daemon.differences(XFRIN, JOBS_PATH, &["Jobs1"]).await;
    assert_eq!([own, jobs].concat(), [""; 0]);
}
