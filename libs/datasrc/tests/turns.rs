//! A small writer beside a bulk load: the load is fast, and yet nobody waits long for it.
//!
//! At full size, as the figures are meant:
//! `cargo test --release -p tenon-datasrc --test turns -- --ignored --nocapture`

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]

mod common;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use common::{apex, current, name, rrset, store};
use tenon_datasrc::DataSource;
use tenon_datasrc::sqlite::{Access, SqliteSource};
use tenon_wire::RrType;

/// One phase of a run.
#[derive(Debug)]
struct Phase {
    what: &'static str,
    time: Duration,
    commits: u32,
    longest_commit: Duration,
}

#[test]
fn small_commits_get_their_turn() {
    let directory = tempfile::tempdir().unwrap();
    let phases = load_beside_commits(directory.path(), 60_000);
    assert!(phases[0].commits >= 5, "the load left no turns: {phases:?}");
}

#[test]
#[ignore = "a million delegations; run with --release"]
fn a_million_delegations_beside_commits() {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    for phase in load_beside_commits(directory.path(), 1_000_000) {
        assert!(phase.longest_commit <= Duration::from_millis(200), "{phase:?}");
    }
}

/// Loads a zone, loads it again with few changes, clears what was replaced; all the while another commits.
fn load_beside_commits(directory: &Path, delegations: u32) -> Vec<Phase> {
    let path = directory.join("zones.sqlite");
    drop(SqliteSource::open(&path, Access::Create).unwrap());
    let bulk = SqliteSource::open(&path, Access::ReadWrite).unwrap();
    let phases = vec![
        beside_commits("load", &path, || {
            assert_eq!(bulk_load(&bulk, 1, delegations), 2 + 3 * u64::from(delegations));
        }),
        beside_commits("load again", &path, || {
            bulk_load(&bulk, 2, delegations + 10);
        }),
        beside_commits("clear", &path, || assert_eq!(bulk.clear_leftovers().unwrap(), 1)),
    ];
    let mut differences = 0;
    let coverage = bulk.journal(name("big.example.").as_ref(), 1, &mut |_| {
        differences += 1;
        std::ops::ControlFlow::Continue(())
    });
    assert_eq!(coverage.unwrap(), tenon_datasrc::JournalCoverage::Complete { steps: 1 });
    assert_eq!(differences, 1 + 2 + 20, "the step, both SOAs, ten delegations");
    phases
}

fn beside_commits(what: &'static str, path: &Path, work: impl FnOnce()) -> Phase {
    let working = AtomicBool::new(true);
    let phase = std::thread::scope(|scope| {
        let commits = scope.spawn(|| commit_until_done(path, &working));
        let started = Instant::now();
        work();
        let time = started.elapsed();
        working.store(false, Ordering::Relaxed);
        let (commits, longest_commit) = commits.join().unwrap();
        Phase { what, time, commits, longest_commit }
    });
    println!(
        "{}: {:.2?}, meanwhile {} commits, the longest took {:.1?}",
        phase.what, phase.time, phase.commits, phase.longest_commit
    );
    phase
}

/// Two RRsets for each delegation: NS with two records, DS with one.
fn bulk_load(source: &SqliteSource, serial: u32, delegations: u32) -> u64 {
    let origin = name("big.example.");
    let mut writer = source.begin(origin.as_ref()).unwrap();
    for rrset in apex(&origin, serial) {
        writer.put(rrset.as_ref()).unwrap();
    }
    let servers: [&[u8]; 2] = [b"\x03ns1\x04host\x07example\x00", b"\x03ns2\x04host\x07example\x00"];
    for number in 0..delegations {
        let owner = format!("d{number:08}");
        writer.put(rrset(&origin, &owner, RrType::NS, 86_400, &servers).as_ref()).unwrap();
        writer.put(rrset(&origin, &owner, RrType::DS, 86_400, &[&[7; 36]]).as_ref()).unwrap();
    }
    writer.commit().unwrap();
    current(source, origin.as_ref()).records
}

fn commit_until_done(path: &Path, working: &AtomicBool) -> (u32, Duration) {
    let origin = name("small.example.");
    let source = SqliteSource::open(path, Access::ReadWrite).unwrap();
    let (mut commits, mut longest) = (0, Duration::ZERO);
    while working.load(Ordering::Relaxed) {
        let started = Instant::now();
        store(&source, &origin, &apex(&origin, commits)).unwrap();
        longest = longest.max(started.elapsed());
        commits += 1;
        // A pause between commits as between an operator's changes; nothing depends on its length.
        std::thread::sleep(Duration::from_millis(20));
    }
    (commits, longest)
}
