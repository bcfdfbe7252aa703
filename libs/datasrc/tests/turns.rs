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

/// What a run came to.
#[derive(Debug)]
struct Figures {
    load: Duration,
    records: u64,
    commits_during_load: u32,
    longest_commit: Duration,
}

impl Figures {
    fn print(&self) {
        println!(
            "{} records in {:.2?}, meanwhile {} commits, the longest took {:.1?}",
            self.records, self.load, self.commits_during_load, self.longest_commit
        );
    }
}

#[test]
fn small_commits_get_their_turn() {
    let directory = tempfile::tempdir().unwrap();
    let figures = load_beside_commits(directory.path(), 60_000);
    figures.print();
    assert_eq!(figures.records, 2 + 3 * 60_000);
    assert!(figures.commits_during_load >= 5, "the load left no turns: {figures:?}");
}

#[test]
#[ignore = "a million delegations; run with --release"]
fn a_million_delegations_beside_commits() {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let figures = load_beside_commits(directory.path(), 1_000_000);
    figures.print();
    assert_eq!(figures.records, 3_000_002);
    assert!(figures.commits_during_load >= 100);
    assert!(figures.longest_commit <= Duration::from_millis(200), "{figures:?}");
}

fn load_beside_commits(directory: &Path, delegations: u32) -> Figures {
    let path = directory.join("zones.sqlite");
    drop(SqliteSource::open(&path, Access::Create).unwrap());
    let loading = AtomicBool::new(true);
    std::thread::scope(|scope| {
        let commits = scope.spawn(|| commit_until_done(&path, &loading));
        let started = Instant::now();
        let records = bulk_load(&path, delegations);
        let load = started.elapsed();
        loading.store(false, Ordering::Relaxed);
        let (commits_during_load, longest_commit) = commits.join().unwrap();
        Figures { load, records, commits_during_load, longest_commit }
    })
}

/// Two RRsets for each delegation: NS with two records, DS with one.
fn bulk_load(path: &Path, delegations: u32) -> u64 {
    let origin = name("big.example.");
    let source = SqliteSource::open(path, Access::ReadWrite).unwrap();
    let mut writer = source.begin(origin.as_ref()).unwrap();
    for rrset in apex(&origin, 1) {
        writer.put(rrset.as_ref()).unwrap();
    }
    let servers: [&[u8]; 2] = [b"\x03ns1\x04host\x07example\x00", b"\x03ns2\x04host\x07example\x00"];
    for number in 0..delegations {
        let owner = format!("d{number:08}");
        writer.put(rrset(&origin, &owner, RrType::NS, 86_400, &servers).as_ref()).unwrap();
        writer.put(rrset(&origin, &owner, RrType::DS, 86_400, &[&[7; 36]]).as_ref()).unwrap();
    }
    writer.commit().unwrap();
    current(&source, origin.as_ref()).records
}

fn commit_until_done(path: &Path, loading: &AtomicBool) -> (u32, Duration) {
    let origin = name("small.example.");
    let source = SqliteSource::open(path, Access::ReadWrite).unwrap();
    let (mut commits, mut longest) = (0, Duration::ZERO);
    while loading.load(Ordering::Relaxed) {
        let started = Instant::now();
        store(&source, &origin, &apex(&origin, commits)).unwrap();
        longest = longest.max(started.elapsed());
        commits += 1;
        // A pause between commits as between an operator's changes; nothing depends on its length.
        std::thread::sleep(Duration::from_millis(20));
    }
    (commits, longest)
}
