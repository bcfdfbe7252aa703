//! What every engine must do, asked of each.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use tenon_service::committed::{CURRENT, StoredGeneration};

use super::convert::convert;
use super::engine::{Engine, Lock};
use super::step::{Step, Steps};
use super::{Candidate, Edit, Promise, Storage};

const ENGINES: [Engine; 2] = [Engine::Directory, Engine::Sqlite];

fn generation(number: u64) -> StoredGeneration {
    StoredGeneration {
        generation: number,
        committed_usec: number * 10,
        author: "root".into(),
        comment: String::new(),
        settings: [("auth".to_owned(), json!({"workers": number}))].into(),
    }
}

fn promise(generation: u64) -> Promise {
    Promise { generation, restores: 1, author: "root".into(), until_usec: 1, seconds: 60 }
}

fn candidate() -> Candidate {
    Candidate { edits: [("auth/workers".to_owned(), Edit { was: json!(1), value: None })].into() }
}

fn open(engine: Engine, path: &Path) -> Arc<dyn Storage> {
    engine.open(path, Steps::default()).unwrap()
}

/// What a daemon that starts now would read.
fn read(path: &Path) -> StoredGeneration {
    StoredGeneration::read(&path.join(CURRENT)).unwrap()
}

fn numbers(storage: &dyn Storage, before: u64, limit: usize) -> Vec<u64> {
    storage.history(before, limit).unwrap().iter().map(|entry| entry.generation).collect()
}

fn names(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn sqlite(path: &Path, sql: &str) {
    rusqlite::Connection::open(path.join("settings.sqlite")).unwrap().execute_batch(sql).unwrap();
}

/// Half of a generation's octets, as a disk may have them after the power was cut.
fn tear(engine: Engine, path: &Path, number: u64) {
    match engine {
        Engine::Directory => fs::write(StoredGeneration::path(path, number), "{\"generation\": ").unwrap(),
        Engine::Sqlite => {
            sqlite(path, &format!("UPDATE generations SET settings = '{{' WHERE number = {number}"));
        }
    }
}

#[test]
fn nothing_committed_is_generation_0() {
    for engine in ENGINES {
        let scratch = tempfile::tempdir().unwrap();
        let storage = open(engine, scratch.path());
        assert_eq!(storage.current().unwrap(), StoredGeneration::default());
        assert_eq!(storage.next_number().unwrap(), 1);
        assert!(storage.history(0, 10).unwrap().is_empty());
        assert_eq!((storage.promise().unwrap(), storage.candidates().unwrap()), (None, Vec::new()));
        assert!(!scratch.path().join(CURRENT).exists());
    }
}

#[test]
fn stopped_at_any_step_the_old_or_the_new_generation_is_there() {
    for engine in ENGINES {
        let mut stopped = 0;
        for step in Step::ALL {
            let scratch = tempfile::tempdir().unwrap();
            open(engine, scratch.path()).store(&generation(1)).unwrap();
            // A power cut at this step: nothing after it happens.
            let cut = Arc::new(std::sync::atomic::AtomicBool::new(false));
            let may = move |next| {
                cut.fetch_or(next == step, std::sync::atomic::Ordering::Relaxed);
                let off = cut.load(std::sync::atomic::Ordering::Relaxed);
                if off { Err(io::Error::other("the power is cut")) } else { Ok(()) }
            };
            let storage = engine.open(scratch.path(), Steps::asking(may)).unwrap();
            let stored = storage.store(&generation(2));
            drop(storage);
            if stored.is_ok() {
                continue;
            }
            stopped += 1;
            let there = read(scratch.path()).generation;
            assert_eq!(read(scratch.path()), generation(there), "{engine:?} {step:?}");
            let again = open(engine, scratch.path());
            let current = again.current().unwrap();
            assert_eq!(current, generation(current.generation), "{engine:?} {step:?}");
            assert!([1, 2].contains(&current.generation), "{engine:?} {step:?}");
            assert_eq!(read(scratch.path()), current, "{engine:?} {step:?}: what daemons read is what holds");
            assert_eq!(numbers(again.as_ref(), 0, 9).len() as u64, current.generation, "{engine:?} {step:?}");
            assert!(!names(scratch.path()).iter().any(|name| name.starts_with('.')), "{engine:?} {step:?}");
            assert_eq!(
                names(&scratch.path().join("generations")).len() as u64,
                current.generation,
                "{engine:?} {step:?}"
            );
            again.store(&generation(again.next_number().unwrap())).unwrap();
            assert_eq!(read(scratch.path()), generation(current.generation + 1), "{engine:?} {step:?}");
        }
        assert_eq!(
            stopped,
            if engine == Engine::Directory { 7 } else { 9 },
            "{engine:?}: no step is left out"
        );
    }
}

#[test]
fn a_torn_generation_gives_way_and_its_number_is_not_used_again() {
    for engine in ENGINES {
        let scratch = tempfile::tempdir().unwrap();
        let storage = open(engine, scratch.path());
        storage.store(&generation(1)).unwrap();
        storage.store(&generation(2)).unwrap();
        drop(storage);
        tear(engine, scratch.path(), 2);
        let storage = open(engine, scratch.path());
        assert_eq!(storage.current().unwrap(), generation(1), "{engine:?}");
        assert_eq!(storage.next_number().unwrap(), 3, "{engine:?}");
        assert_eq!(numbers(storage.as_ref(), 0, 9), [1], "{engine:?}");
        assert!(storage.generation(2).is_err(), "{engine:?}");
        tear(engine, scratch.path(), 1);
        assert_eq!(storage.current().unwrap_err().error.kind(), io::ErrorKind::InvalidData, "{engine:?}");
    }
}

#[test]
fn what_a_newer_version_wrote_is_refused_and_left_as_it_is() {
    for engine in ENGINES {
        let scratch = tempfile::tempdir().unwrap();
        let storage = open(engine, scratch.path());
        storage.store(&generation(1)).unwrap();
        storage.store(&generation(2)).unwrap();
        drop(storage);
        match engine {
            Engine::Sqlite => sqlite(scratch.path(), "PRAGMA user_version = 7"),
            Engine::Directory => {
                let path = StoredGeneration::path(scratch.path(), 2);
                let text = fs::read_to_string(&path).unwrap().replacen('{', "{\"format\": 7,", 1);
                fs::write(path, text).unwrap();
            }
        }
        let opened = engine.open(scratch.path(), Steps::default()).and_then(|storage| storage.current());
        let error = opened.unwrap_err();
        assert_eq!(error.error.kind(), io::ErrorKind::Unsupported, "{engine:?}: {error}");
        assert!(error.to_string().contains("format 7"), "{engine:?}: {error}");
        assert!(StoredGeneration::path(scratch.path(), 2).exists(), "{engine:?}");
    }
}

#[test]
fn a_file_that_is_none_of_ours_is_named() {
    let scratch = tempfile::tempdir().unwrap();
    fs::write(
        scratch.path().join("settings.sqlite"),
        "this is no database, but it is longer than a header is",
    )
    .unwrap();
    let error = Engine::Sqlite.open(scratch.path(), Steps::default()).map(drop).unwrap_err();
    assert_eq!(error.error.kind(), io::ErrorKind::InvalidData, "{error}");
    assert!(error.to_string().contains("settings.sqlite"), "{error}");
}

#[test]
fn a_directory_that_cannot_be_written_is_named() {
    for engine in ENGINES {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("config");
        fs::write(&path, "in the way").unwrap();
        let error = engine.open(&path, Steps::default()).map(drop).unwrap_err();
        assert!(error.to_string().contains("config"), "{engine:?}: {error}");
    }
}

#[test]
fn a_full_disk_changes_nothing() {
    for engine in ENGINES {
        let scratch = tempfile::tempdir().unwrap();
        open(engine, scratch.path()).store(&generation(1)).unwrap();
        // As the system says it, once where the file is written and once where the row is.
        for full in [Step::SyncFile, Step::WriteRows, Step::MakeLink] {
            let may = move |step| if step == full { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) };
            let storage = engine.open(scratch.path(), Steps::asking(may)).unwrap();
            let Err(error) = storage.store(&generation(storage.next_number().unwrap())) else {
                assert_eq!((engine, full), (Engine::Directory, Step::WriteRows));
                continue;
            };
            assert_eq!(error.error.kind(), io::ErrorKind::StorageFull, "{engine:?} {full:?}");
            // The process goes on: what it and others read is what was there.
            let current = storage.current().unwrap();
            assert_eq!(read(scratch.path()), current, "{engine:?} {full:?}");
            assert_ne!(current.generation, storage.next_number().unwrap(), "{engine:?} {full:?}");
        }
    }
    // The database itself, at its bound.
    let scratch = tempfile::tempdir().unwrap();
    let storage = super::sqlite::Sqlite::open(scratch.path(), Steps::default()).unwrap();
    storage.store(&generation(1)).unwrap();
    storage.limit_pages();
    let mut large = generation(2);
    large.comment = "x".repeat(1 << 20);
    let error = storage.store(&large).unwrap_err();
    assert_eq!(error.error.kind(), io::ErrorKind::StorageFull, "{error}");
    assert_eq!((storage.current().unwrap(), read(scratch.path())), (generation(1), generation(1)));
}

#[test]
fn history_is_paged_and_pruned() {
    for engine in ENGINES {
        let scratch = tempfile::tempdir().unwrap();
        let storage = open(engine, scratch.path());
        for number in 1..=9 {
            storage.store(&generation(number)).unwrap();
        }
        assert_eq!(numbers(storage.as_ref(), 0, 3), [9, 8, 7], "{engine:?}");
        assert_eq!(numbers(storage.as_ref(), 7, 2), [6, 5], "{engine:?}");
        storage.prune(4).unwrap();
        assert_eq!(numbers(storage.as_ref(), 0, 100), [9, 8, 7, 6], "{engine:?}");
        assert_eq!(storage.generation(9).unwrap(), Some(generation(9)), "{engine:?}");
        assert_eq!(
            (storage.generation(5).unwrap(), storage.generation(10).unwrap()),
            (None, None),
            "{engine:?}"
        );
        storage.prune(0).unwrap();
        assert_eq!(storage.current().unwrap(), generation(9), "{engine:?}: the committed one stays");
    }
}

#[test]
fn promises_and_candidates_outlive_the_process() {
    for engine in ENGINES {
        let scratch = tempfile::tempdir().unwrap();
        let storage = open(engine, scratch.path());
        storage.store(&generation(1)).unwrap();
        storage.put_promise(Some(&promise(2))).unwrap();
        storage.put_candidate(1000, &candidate()).unwrap();
        drop(storage);
        let storage = open(engine, scratch.path());
        assert_eq!(storage.promise().unwrap(), Some(promise(2)), "{engine:?}");
        assert_eq!(storage.candidate(1000).unwrap(), candidate(), "{engine:?}");
        assert_eq!(storage.candidate(0).unwrap(), Candidate::default(), "{engine:?}");
        assert_eq!(storage.candidates().unwrap(), [1000], "{engine:?}");
        storage.put_promise(None).unwrap();
        storage.put_candidate(1000, &Candidate::default()).unwrap();
        assert_eq!(storage.promise().unwrap(), None, "{engine:?}");
        assert!(storage.candidates().unwrap().is_empty(), "{engine:?}");
    }
}

#[test]
fn settings_go_to_the_other_engine_and_back_with_everything() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path();
    let storage = open(Engine::Directory, path);
    for number in 1..=5 {
        storage.store(&generation(number)).unwrap();
    }
    storage.put_promise(Some(&promise(5))).unwrap();
    storage.put_candidate(1000, &candidate()).unwrap();
    drop(storage);
    assert!(
        Engine::Sqlite.open(path, Steps::default()).map(drop).unwrap_err().to_string().contains("--convert")
    );
    assert_eq!(convert(path, Engine::Directory).unwrap(), None);
    assert_eq!(convert(path, Engine::Sqlite).unwrap(), Some(5));
    assert_eq!(names(path), ["current", "generations", "settings.sqlite"]);
    assert!(
        Engine::Directory
            .open(path, Steps::default())
            .map(drop)
            .unwrap_err()
            .to_string()
            .contains("--convert")
    );
    for engine in [Engine::Sqlite, Engine::Directory] {
        assert!(convert(path, engine).unwrap().is_none() || engine == Engine::Directory);
        let storage = open(engine, path);
        assert_eq!(storage.history(0, 100).unwrap(), [5, 4, 3, 2, 1].map(generation), "{engine:?}");
        assert_eq!(storage.current().unwrap(), read(path), "{engine:?}");
        assert_eq!(storage.promise().unwrap(), Some(promise(5)), "{engine:?}");
        assert_eq!(storage.candidate(1000).unwrap(), candidate(), "{engine:?}");
    }
    assert!(!path.join("settings.sqlite").exists());
}

#[test]
fn one_process_at_a_time_works_in_a_directory() {
    let scratch = tempfile::tempdir().unwrap();
    let held = Lock::take(scratch.path()).unwrap();
    assert!(Lock::take(scratch.path()).unwrap_err().to_string().contains("another tenon-cfgmgr"));
    assert!(convert(scratch.path(), Engine::Sqlite).is_err());
    drop(held);
    assert_eq!(convert(scratch.path(), Engine::Sqlite).unwrap(), Some(0));
}

#[test]
fn what_belongs_to_another_user_is_not_converted() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    open(Engine::Directory, scratch.path()).store(&generation(1)).unwrap();
    std::os::unix::fs::chown(scratch.path(), Some(65_534), None).unwrap();
    let error = convert(scratch.path(), Engine::Sqlite).unwrap_err();
    assert!(error.to_string().contains("setpriv --reuid 65534"), "{error}");
    assert!(!scratch.path().join("settings.sqlite").exists());
}
