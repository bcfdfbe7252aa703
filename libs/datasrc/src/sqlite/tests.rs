//! What is particular to this engine: damage, full disks, killed writers, other people's files.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use tempfile::TempDir;
use tenon_wire::{Name, RrType};
use tenon_zone::{RdataList, RrsetRef};

use super::*;

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn directory() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("zones.sqlite");
    (directory, path)
}

/// Puts a zone of an SOA and `hosts` addresses.
fn put(writer: &mut dyn ZoneWriter, origin: &Name, serial: u32, hosts: u32) -> Result<(), Error> {
    let rdata = [&[0u8, 0][..], &serial.to_be_bytes(), &[0; 16]].concat();
    let packed = [&(rdata.len() as u16).to_be_bytes()[..], &rdata].concat();
    let rdatas = RdataList::from_packed(&packed);
    writer.put(RrsetRef { owner: origin.as_ref(), rrtype: RrType::SOA, ttl: 1, rdatas })?;
    for host in 0..hosts {
        let owner = Name::from_text(&format!("h{host:07}"), Some(origin.as_ref())).unwrap();
        let rdatas = RdataList::from_packed(b"\x00\x04\xc0\x00\x02\x01");
        writer.put(RrsetRef { owner: owner.as_ref(), rrtype: RrType::A, ttl: 1, rdatas })?;
    }
    Ok(())
}

fn commit(source: &SqliteSource, origin: &Name, serial: u32, hosts: u32) -> Result<ZoneEntry, Error> {
    let mut writer = source.begin(origin.as_ref())?;
    put(&mut *writer, origin, serial, hosts)?;
    writer.commit()
}

fn count(source: &SqliteSource, sql: &str) -> i64 {
    source.store.read(|connection| connection.query_row(sql, [], |row| row.get(0))).unwrap()
}

fn files(directory: &TempDir) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_store_is_there_only_when_created() {
    let (_directory, path) = directory();
    for access in [Access::ReadOnly, Access::ReadWrite] {
        assert!(matches!(SqliteSource::open(&path, access), Err(Error::NoStore { .. })));
    }
    drop(SqliteSource::open(&path, Access::Create).unwrap());
    let source = SqliteSource::open(&path, Access::ReadOnly).unwrap();
    assert!(matches!(source.remove(name("a.").as_ref()), Err(Error::Denied { .. })));
    assert!(matches!(commit(&source, &name("a."), 1, 0), Err(Error::Denied { .. })));
}

#[test]
fn who_follows_a_version_whose_writer_died_is_told() {
    let (directory, path) = directory();
    let (source, origin) = (SqliteSource::open(&path, Access::Create).unwrap(), name("example."));
    let mut writer = source.begin(origin.as_ref()).unwrap();
    put(&mut *writer, &origin, 1, 20_000).unwrap();
    let other = SqliteSource::open(&path, Access::ReadWrite).unwrap();
    let coming = other.coming(origin.as_ref()).unwrap().unwrap();
    // As if its process were gone: nobody holds the lock, and nobody tidied up.
    std::mem::forget(writer);
    fs::remove_file(directory.path().join("zones.writing.example.")).unwrap();
    let (mut seen, mut waits) = (0, 0);
    let mut wait = || {
        waits += 1;
        ControlFlow::Continue(())
    };
    let outcome = other.follow(&coming, &mut wait, &mut |_| {
        seen += 1;
        ControlFlow::Continue(())
    });
    assert!(matches!(outcome, Err(Error::VersionGone { .. })), "{outcome:?}");
    assert!(seen > 8000 && waits > 10);
    assert_eq!(other.clear_leftovers().unwrap(), 1);
}

#[test]
fn files_are_for_the_group() {
    let (directory, path) = directory();
    let source = SqliteSource::open(&path, Access::Create).unwrap();
    commit(&source, &name("example."), 1, 3).unwrap();
    for file in files(&directory) {
        let mode = fs::metadata(directory.path().join(&file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o664, "{file}");
    }
    drop(source);
    assert_eq!(
        files(&directory),
        ["zones.lock", "zones.lock.next", "zones.sqlite", "zones.sqlite-shm", "zones.sqlite-wal"],
        "the log stays for readers that may not make one; no other lock stays"
    );
}

#[test]
fn people_can_read_it() {
    let (_directory, path) = directory();
    let source = SqliteSource::open(&path, Access::Create).unwrap();
    commit(&source, &name("example."), 7, 2).unwrap();
    let line = |connection: &rusqlite::Connection| {
        connection.query_row(
            "SELECT zone || ' ' || owner || ' ' || type || ' ' || rdata FROM records WHERE owner = 'h0000001'",
            [],
            |row| row.get::<_, String>(0),
        )
    };
    assert_eq!(source.store.read(line).unwrap(), "example. h0000001 A C0000201");
    assert_eq!(count(&source, "SELECT serial FROM zones WHERE name = 'example.'"), 7);
    let several = "SELECT rdata = '61 6262  63' FROM (SELECT rdata FROM records WHERE type = 'TXT')";
    let mut writer = source.begin(name("txt.").as_ref()).unwrap();
    put(&mut *writer, &name("txt."), 1, 0).unwrap();
    let rdatas = RdataList::from_packed(b"\x00\x01a\x00\x02bb\x00\x00\x00\x01c");
    writer.put(RrsetRef { owner: name("txt.").as_ref(), rrtype: RrType::TXT, ttl: 1, rdatas }).unwrap();
    writer.commit().unwrap();
    assert_eq!(count(&source, several), 1);
    // Of a large zone too, as it was written and as it is after a change.
    let large = name("large.");
    commit(&source, &large, 1, 9000).unwrap();
    assert!(count(&source, "SELECT count(*) FROM blocks") > 10);
    let counted = "SELECT count(*) FROM records WHERE zone = 'large.'";
    assert_eq!(count(&source, counted), 9001);
    let host = |number: u32| Name::from_text(&format!("h{number:07}"), Some(large.as_ref())).unwrap();
    let mut change = source.change(large.as_ref()).unwrap();
    let mut replace = |number: u32, packed: Option<&[u8]>| {
        let owner = host(number);
        let rrset = |packed| {
            let rdatas = RdataList::from_packed(packed);
            RrsetRef { owner: owner.as_ref(), rrtype: RrType::A, ttl: 1, rdatas }
        };
        change.replace(Some(rrset(b"\x00\x04\xc0\x00\x02\x01")), packed.map(rrset)).unwrap();
    };
    (0..100).for_each(|number| replace(number * 7, None));
    replace(8999, Some(b"\x00\x04\xc0\x00\x02\x63"));
    change.commit().unwrap();
    assert_eq!(count(&source, counted), 8901);
    let new = "SELECT rdata = 'C0000263' FROM records WHERE zone = 'large.' AND owner = 'h0008999'";
    assert_eq!(count(&source, new), 1);
}

#[test]
fn a_damaged_block_is_told() {
    let (_directory, path) = directory();
    let source = SqliteSource::open(&path, Access::Create).unwrap();
    let entry = commit(&source, &name("large."), 1, 9000).unwrap();
    let read = || source.read(&entry, &mut |_| std::ops::ControlFlow::Continue(()));
    read().unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("UPDATE blocks SET rrsets = substr(rrsets, 1, 1000) WHERE block = 3").unwrap();
    assert!(read().is_err());
}

#[test]
fn other_files_are_told_from_stores() {
    let (_directory, path) = directory();
    fs::write(&path, b"$ORIGIN example.\n").unwrap();
    for access in [Access::ReadOnly, Access::ReadWrite, Access::Create] {
        let error = SqliteSource::open(&path, access).unwrap_err();
        assert!(matches!(error, Error::NotAStore { .. }), "{error}");
    }
    fs::write(&path, b"").unwrap();
    for access in [Access::ReadOnly, Access::ReadWrite, Access::Create] {
        let error = SqliteSource::open(&path, access).unwrap_err();
        assert!(error.to_string().contains("the file is empty"), "{error}");
    }
    fs::remove_file(&path).unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE things (thing)").unwrap();
    let error = SqliteSource::open(&path, Access::ReadWrite).unwrap_err();
    assert!(error.to_string().contains("a database of something else"), "{error}");
    other.pragma_update(None, "application_id", store::APPLICATION_ID).unwrap();
    other.pragma_update(None, "user_version", store::FORMAT + 1).unwrap();
    assert!(matches!(SqliteSource::open(&path, Access::ReadWrite), Err(Error::NewerFormat { .. })));
}

/// Changes nothing but the serial.
fn next_serial(source: &SqliteSource, entry: &ZoneEntry) -> ZoneEntry {
    let (mut change, mut soa) = (source.change(entry.origin.as_ref()).unwrap(), Vec::new());
    let mut take = |rrset: RrsetRef<'_>| {
        if rrset.rrtype == RrType::SOA {
            soa = rrset.rdatas.packed().to_vec();
        }
    };
    source.rrsets_at(entry, entry.origin.as_ref(), &mut take).unwrap();
    let serial = soa.len() - 20;
    let mut next = soa.clone();
    next[serial..serial + 4].copy_from_slice(&(entry.serial + 1).to_be_bytes());
    let rrset = |packed| {
        let rdatas = RdataList::from_packed(packed);
        Some(RrsetRef { owner: entry.origin.as_ref(), rrtype: RrType::SOA, ttl: 1, rdatas })
    };
    change.replace(rrset(&soa), rrset(&next)).unwrap();
    change.commit().unwrap()
}

/// Makes a store of format 5 of one of this format.
const BACK_TO_5: &str = "
    DROP VIEW records;
    CREATE TABLE versions_5 (version INTEGER PRIMARY KEY, zone_id INTEGER NOT NULL, state TEXT NOT NULL, base INTEGER);
    INSERT INTO versions_5 SELECT version, zone_id, 'current', nullif(base, version) FROM zones WHERE version IS NOT NULL;
    INSERT INTO versions_5 SELECT version, zone_id, state, nullif(base, version) FROM versions;
    DROP TABLE versions;
    ALTER TABLE versions_5 RENAME TO versions;
    CREATE INDEX versions_of_base ON versions (base) WHERE base IS NOT NULL;
    ALTER TABLE zones DROP COLUMN base;
    CREATE TABLE journal_steps_5 (version INTEGER PRIMARY KEY, zone_id INTEGER NOT NULL, from_serial INTEGER NOT NULL,
        to_serial INTEGER NOT NULL, records INTEGER NOT NULL, state TEXT NOT NULL, version_before INTEGER NOT NULL DEFAULT 0,
        number INTEGER NOT NULL DEFAULT 0, records_so_far INTEGER NOT NULL DEFAULT 0);
    INSERT INTO journal_steps_5 SELECT version, zone_id, from_serial, to_serial, records, 'ready', version_before, number,
        records_so_far FROM journal_steps;
    INSERT INTO journal_steps_5 SELECT version, 0, 0, 0, 0, state, 0, 0, 0 FROM loose_steps;
    INSERT INTO journal SELECT version, 1, deleted, added FROM journal_steps WHERE deleted IS NOT NULL;
    DROP TABLE journal_steps;
    DROP TABLE loose_steps;
    ALTER TABLE journal_steps_5 RENAME TO journal_steps;
    CREATE INDEX dropped_journal_steps ON journal_steps (version) WHERE state = 'dropped';
    CREATE INDEX ready_journal_steps ON journal_steps (zone_id, version) WHERE state = 'ready';
    PRAGMA user_version = 5;";

#[test]
fn a_store_of_the_fifth_format_keeps_all_it_has() {
    let (_directory, path) = directory();
    let source = SqliteSource::open(&path, Access::Create).unwrap();
    let (origin, other) = (name("example."), name("other."));
    commit(&source, &other, 1, 9000).unwrap();
    let before = commit(&source, &origin, 1, 5).unwrap();
    let entry = next_serial(&source, &before);
    drop(source);
    let old = rusqlite::Connection::open(&path).unwrap();
    old.execute_batch(BACK_TO_5).unwrap();
    drop(old);
    let source = SqliteSource::open(&path, Access::ReadWrite).unwrap();
    assert_eq!(source.zone(origin.as_ref()).unwrap(), Some(entry.clone()));
    let mut seen = 0;
    let mut count_all = |_: RrsetRef<'_>| {
        seen += 1;
        ControlFlow::Continue(())
    };
    source.read(&entry, &mut count_all).unwrap();
    assert_eq!(seen, 6);
    assert!(matches!(
        source.read(&before, &mut |_| ControlFlow::Continue(())),
        Err(Error::VersionGone { .. })
    ));
    let all = &mut |_: crate::JournalEvent<'_>| ControlFlow::Continue(());
    let after = next_serial(&source, &entry);
    assert_eq!(source.journal(origin.as_ref(), 1, all).unwrap(), JournalCoverage::Complete { steps: 2 });
    assert_eq!(source.changed_names(&after, before.version, 9).unwrap().unwrap().len(), 1);
    assert_eq!(count(&source, "SELECT count(*) FROM records WHERE zone = 'example.'"), 6);
    assert_eq!(count(&source, "SELECT count(*) FROM records WHERE zone = 'other.'"), 9001);
    commit(&source, &other, 2, 1).unwrap();
    source.clear_leftovers().unwrap();
    assert_eq!(count(&source, "SELECT count(*) FROM versions"), 0);
    assert_eq!(count(&source, "SELECT count(*) FROM blocks"), 1);
}

#[test]
fn a_store_of_the_first_format_is_brought_up_to_date() {
    let (_directory, path) = directory();
    commit(&SqliteSource::open(&path, Access::Create).unwrap(), &name("example."), 1, 3).unwrap();
    let old = rusqlite::Connection::open(&path).unwrap();
    old.execute_batch(BACK_TO_5).unwrap();
    old.execute_batch(
        "DROP TABLE blocks; DROP INDEX versions_of_base; DROP INDEX dead_rrsets;
         DROP INDEX ready_journal_steps; DROP INDEX dropped_journal_steps;
         CREATE INDEX journal_steps_of_zone ON journal_steps (zone_id, version);
         ALTER TABLE store DROP COLUMN last_version;
         ALTER TABLE journal_steps DROP COLUMN number;
         ALTER TABLE journal_steps DROP COLUMN records_so_far;
         ALTER TABLE journal_steps DROP COLUMN version_before;
         ALTER TABLE versions DROP COLUMN base;
         ALTER TABLE rrsets RENAME TO rrsets_2;
         CREATE TABLE rrsets (version INTEGER NOT NULL, sort_key BLOB NOT NULL, type INTEGER NOT NULL,
             owner TEXT NOT NULL, ttl INTEGER NOT NULL, rdatas BLOB NOT NULL,
             PRIMARY KEY (version, sort_key, type)) WITHOUT ROWID;
         INSERT INTO rrsets SELECT base, sort_key, type, owner, ttl, rdatas FROM rrsets_2;
         DROP TABLE rrsets_2;
         CREATE VIEW records AS SELECT * FROM rrsets;
         PRAGMA user_version = 1;",
    )
    .unwrap();
    drop(old);
    let source = SqliteSource::open(&path, Access::ReadWrite).unwrap();
    let entry = source.zone(name("example.").as_ref()).unwrap().unwrap();
    assert_eq!(count(&source, "SELECT count(*) FROM records WHERE type = 'A'"), 3);
    let after = commit(&source, &name("example."), 2, 4).unwrap();
    assert_eq!(source.changed_names(&after, entry.version, 9).unwrap().unwrap().len(), 2);
}

#[test]
fn a_store_of_the_fourth_format_begins_a_new_journal() {
    let (_directory, path) = directory();
    let source = SqliteSource::open(&path, Access::Create).unwrap();
    let origin = name("example.");
    let entry = (1..=3).map(|serial| commit(&source, &origin, serial, 5).unwrap()).last().unwrap();
    drop(source);
    let old = rusqlite::Connection::open(&path).unwrap();
    old.execute_batch(BACK_TO_5).unwrap();
    old.execute_batch(
        "DROP TABLE journal; DROP INDEX dropped_journal_steps;
         CREATE INDEX journal_steps_of_zone ON journal_steps (zone_id, version);
         CREATE TABLE journal (version INTEGER, part INTEGER, number INTEGER, type INTEGER, owner TEXT, ttl INTEGER, rdatas BLOB);
         ALTER TABLE store DROP COLUMN last_version;
         PRAGMA user_version = 4;",
    )
    .unwrap();
    drop(old);
    let source = SqliteSource::open(&path, Access::ReadWrite).unwrap();
    let all = &mut |_: crate::JournalEvent<'_>| ControlFlow::Continue(());
    assert_eq!(source.zone(origin.as_ref()).unwrap(), Some(entry.clone()));
    assert_eq!(source.journal(origin.as_ref(), 2, all).unwrap(), JournalCoverage::Missing);
    let after = commit(&source, &origin, 4, 6).unwrap();
    assert!(after.version > entry.version);
    assert_eq!(source.journal(origin.as_ref(), 3, all).unwrap(), JournalCoverage::Complete { steps: 1 });
    assert_eq!(count(&source, "SELECT count(*) FROM records"), 7);
}

#[test]
fn a_journal_of_many_pages_has_the_soa_first() {
    let (_directory, path) = directory();
    let source = SqliteSource::open(&path, Access::Create).unwrap();
    let origin = name("example.");
    commit(&source, &origin, 1, 20_000).unwrap();
    commit(&source, &origin, 2, 0).unwrap();
    assert!(count(&source, "SELECT count(*) FROM journal") > 3);
    let mut told = Vec::new();
    let mut note = |event: crate::JournalEvent<'_>| {
        match event {
            crate::JournalEvent::Step { .. } => {}
            crate::JournalEvent::Deleted(rrset) => told.push(('-', rrset.rrtype)),
            crate::JournalEvent::Added(rrset) => told.push(('+', rrset.rrtype)),
        }
        ControlFlow::Continue(())
    };
    source.journal(origin.as_ref(), 1, &mut note).unwrap();
    assert_eq!((told[0], told[1], told[20_000]), (('-', RrType::SOA), ('-', RrType::A), ('-', RrType::A)));
    assert_eq!(told[20_001..], [('+', RrType::SOA)]);
}

#[test]
fn an_soa_behind_a_page_of_others_is_the_first_all_the_same() {
    let (_directory, path) = directory();
    let source = SqliteSource::open(&path, Access::Create).unwrap();
    let origin = name("example.");
    let one = [&[0xff, 0xff][..], &[7; 65_535]].concat();
    for (serial, count) in [(1, 20), (2, 0)] {
        let mut writer = source.begin(origin.as_ref()).unwrap();
        // The type is less than that of the SOA record, and the RRset as large as a page.
        let packed = one.repeat(count);
        let rdatas = RdataList::from_packed(&packed);
        if count > 0 {
            writer.put(RrsetRef { owner: origin.as_ref(), rrtype: RrType(3), ttl: 1, rdatas }).unwrap();
        }
        put(&mut *writer, &origin, serial, 3).unwrap();
        writer.commit().unwrap();
    }
    let mut deleted = Vec::new();
    let mut note = |event: crate::JournalEvent<'_>| {
        if let crate::JournalEvent::Deleted(rrset) = event {
            deleted.push(rrset.rrtype);
        }
        ControlFlow::Continue(())
    };
    source.journal(origin.as_ref(), 1, &mut note).unwrap();
    assert_eq!(deleted, [RrType::SOA, RrType(3)]);
}

#[test]
fn a_cut_page_of_the_journal_is_told() {
    let (_directory, path) = directory();
    let source = SqliteSource::open(&path, Access::Create).unwrap();
    let origin = name("example.");
    for (serial, hosts) in [(1, 5000), (2, 0), (3, 5)] {
        commit(&source, &origin, serial, hosts).unwrap();
    }
    let other = rusqlite::Connection::open(&path).unwrap();
    let cut = "UPDATE journal_steps SET added = substr(added, 1, length(added) - 1);
        UPDATE journal SET deleted = substr(deleted, 1, length(deleted) - 1) WHERE deleted <> x''";
    for from in [2, 1] {
        other.execute_batch(cut).unwrap();
        let outcome = source.journal(origin.as_ref(), from, &mut |_| ControlFlow::Continue(()));
        assert!(matches!(outcome, Err(Error::Damaged { .. })), "{outcome:?}");
    }
}

#[test]
fn changes_leave_no_dead_rows() {
    let (_directory, path) = directory();
    let source = SqliteSource::open(&path, Access::Create).unwrap();
    let origin = name("example.");
    let first = commit(&source, &origin, 1, 100).unwrap();
    let host = |number: u32| Name::from_text(&format!("h{number:07}"), Some(origin.as_ref())).unwrap();
    let gone = |number: u32| {
        let mut change = source.change(origin.as_ref()).unwrap();
        let rdatas = RdataList::from_packed(b"\x00\x04\xc0\x00\x02\x01");
        let owner = host(number);
        let before = RrsetRef { owner: owner.as_ref(), rrtype: RrType::A, ttl: 1, rdatas };
        change.replace(Some(before), None).unwrap();
        change.commit().unwrap()
    };
    gone(1);
    let rows = || count(&source, "SELECT count(*) FROM rrsets");
    assert_eq!(rows(), 100);
    let lease = source.lease(&source.zone(origin.as_ref()).unwrap().unwrap()).unwrap();
    (2..50).for_each(|number| drop(gone(number)));
    assert_eq!(rows(), 100, "one version is read, and sees all but the first");
    drop(lease);
    assert!(source.clear_leftovers().unwrap() > 0);
    assert_eq!(rows(), 52);
    assert_eq!(count(&source, "SELECT count(*) FROM versions"), 0);
    assert_eq!(count(&source, "SELECT count(*) FROM records"), 52);
    let last = commit(&source, &origin, 2, 10).unwrap();
    source.clear_leftovers().unwrap();
    assert_eq!((rows(), last.rrsets, first.rrsets), (11, 11, 101));
}

#[test]
fn a_truncated_store_is_told_wherever_it_ends() {
    let (directory, path) = directory();
    let source = SqliteSource::open(&path, Access::Create).unwrap();
    commit(&source, &name("example."), 1, 5000).unwrap();
    source.store.checkpoint().unwrap();
    drop(source);
    let whole = fs::read(&path).unwrap();
    for file in ["zones.sqlite-wal", "zones.sqlite-shm"] {
        fs::remove_file(directory.path().join(file)).unwrap();
    }
    let try_all = || -> Result<u64, Error> {
        let source = SqliteSource::open(&path, Access::ReadWrite)?;
        let mut seen = 0;
        for entry in source.zones(None, 10)? {
            source.read(&entry, &mut |_| {
                seen += 1;
                ControlFlow::Continue(())
            })?;
        }
        Ok(seen)
    };
    assert_eq!(try_all().unwrap(), 5001);
    for length in [1, 50, 100, 4095, 4096, 8192, 40_960, whole.len() / 2, whole.len() - 4096] {
        fs::write(&path, &whole[..length]).unwrap();
        for file in ["zones.sqlite-wal", "zones.sqlite-shm"] {
            let _ = fs::remove_file(directory.path().join(file));
        }
        let error = try_all().unwrap_err();
        assert!(matches!(error, Error::Damaged { .. } | Error::NotAStore { .. }), "{length}: {error}");
        assert!(error.to_string().contains("zones.sqlite"), "{error}");
    }
}

#[test]
fn a_replaced_file_is_noticed() {
    let (_directory, path) = directory();
    let source = SqliteSource::open(&path, Access::Create).unwrap();
    let first = commit(&source, &name("example."), 1, 3).unwrap();
    fs::remove_file(&path).unwrap();
    assert!(matches!(source.change_counter(), Err(Error::Replaced { .. })));
    for file in ["-wal", "-shm"] {
        fs::remove_file(format!("{}{file}", path.display())).unwrap();
    }
    drop(source);
    let source = SqliteSource::open(&path, Access::Create).unwrap();
    // A new store starts its numbers at the time of its creation, in seconds.
    assert!(commit(&source, &name("example."), 1, 3).unwrap().version >= first.version);
}

#[test]
fn a_full_disk_leaves_the_old_version() {
    let (_directory, path) = directory();
    let source = SqliteSource::open(&path, Access::Create).unwrap();
    let old = commit(&source, &name("example."), 1, 10).unwrap();
    let limit = |pages: i64| {
        let set = |connection: &rusqlite::Connection| {
            connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |row| row.get::<_, i64>(0))
        };
        source.store.read(set).unwrap();
    };
    limit(count(&source, "PRAGMA page_count") + 300);
    let error = commit(&source, &name("example."), 2, 60_000).unwrap_err();
    assert!(matches!(error, Error::Full { .. }), "{error}");
    assert_eq!(source.zone(name("example.").as_ref()).unwrap(), Some(old));
    assert_eq!(count(&source, "SELECT count(*) FROM rrsets"), 11, "nothing is left of it");
    commit(&source, &name("example."), 2, 20).unwrap();
    limit(1 << 30);
    commit(&source, &name("example."), 3, 60_000).unwrap();
}

#[test]
fn the_journal_is_bounded() {
    let (_directory, path) = directory();
    let limits = JournalLimits { records: 100, steps: 3 };
    let source = SqliteSource::open(&path, Access::Create).unwrap().with_journal_limits(limits);
    let origin = name("example.");
    let reaches = |serial| {
        source.journal(origin.as_ref(), serial, &mut |_| ControlFlow::Continue(())).unwrap()
            != JournalCoverage::Missing
    };
    for serial in 1..=10 {
        commit(&source, &origin, serial, 5).unwrap();
    }
    assert!(reaches(7) && !reaches(6), "three steps");
    commit(&source, &origin, 11, 80).unwrap();
    assert!(reaches(9) && reaches(10), "77 and 2 and 2 records");
    commit(&source, &origin, 12, 40).unwrap();
    assert!(reaches(11) && !reaches(10), "42 and 77 records are too many together");
    commit(&source, &origin, 13, 500).unwrap();
    assert!(!reaches(12), "one step of 462 records is too long by itself");
    source.clear_leftovers().unwrap();
    assert_eq!(
        count(
            &source,
            "SELECT (SELECT count(*) FROM journal) + (SELECT count(*) FROM journal_steps) + (SELECT count(*) FROM loose_steps)"
        ),
        0
    );
}

/// Not a test: the process that [`killed_writers_leave_nothing`] kills.
#[test]
#[ignore = "run by another test in a process of its own"]
fn child_that_writes_and_waits() {
    let Some(path) = std::env::var_os("TENON_TEST_STORE").map(PathBuf::from) else { return };
    let source = SqliteSource::open(&path, Access::ReadWrite).unwrap();
    let origin = name("killed.");
    let mut writer = source.begin(origin.as_ref()).unwrap();
    put(&mut *writer, &origin, 2, 30_000).unwrap();
    // Straight to the descriptor: the test runner captures what is printed.
    std::io::stdout().write_all(b"\nwritten\n").unwrap();
    std::io::stdout().flush().unwrap();
    let _ = std::io::stdin().read_line(&mut String::new());
    drop(writer);
}

#[test]
fn killed_writers_leave_nothing() {
    let (directory, path) = directory();
    let source = SqliteSource::open(&path, Access::Create).unwrap();
    let origin = name("killed.");
    let old = commit(&source, &origin, 1, 10).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "sqlite::tests::child_that_writes_and_waits", "--ignored", "--nocapture"])
        .env("TENON_TEST_STORE", &path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "written"));
    assert_eq!(source.clear_leftovers().unwrap(), 0, "the writer lives");
    assert!(count(&source, "SELECT sum(length(rrsets)) FROM blocks") > 100_000);
    assert!(matches!(source.begin(origin.as_ref()).map(drop), Err(Error::ZoneBusy { .. })));
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(source.zone(origin.as_ref()).unwrap(), Some(old));
    assert!(files(&directory).contains(&"zones.writing.killed.".to_owned()));
    assert_eq!(source.clear_leftovers().unwrap(), 1);
    assert_eq!(count(&source, "SELECT count(*) + (SELECT count(*) FROM blocks) FROM rrsets"), 11);
    assert_eq!(count(&source, "SELECT count(*) FROM versions"), 0);
    assert!(!files(&directory).contains(&"zones.writing.killed.".to_owned()));
    commit(&source, &origin, 2, 10).unwrap();
}

/// Not a test: the process that [`a_reader_needs_no_right_to_write`] runs as another user.
#[test]
#[ignore = "run by another test in a process of its own"]
fn child_that_reads() {
    let Some(path) = std::env::var_os("TENON_TEST_STORE").map(PathBuf::from) else { return };
    assert!(fs::write(path.with_extension("mine"), b"").is_err(), "the directory is not ours");
    let source = SqliteSource::open(&path, Access::ReadOnly).unwrap();
    let entry = source.zone(name("example.").as_ref()).unwrap().unwrap();
    let mut seen = 0;
    let count = &mut |_: RrsetRef<'_>| {
        seen += 1;
        ControlFlow::Continue(())
    };
    source.read(&entry, count).unwrap();
    assert_eq!(seen, 11);
    assert!(source.change_counter().is_ok());
    assert!(matches!(SqliteSource::open(&path, Access::ReadWrite), Err(Error::Denied { .. })));
}

#[test]
fn a_reader_needs_no_right_to_write() {
    use std::os::unix::process::CommandExt;

    if !rustix::process::geteuid().is_root() {
        println!("not testable here: only root can become another user");
        return;
    }
    let (directory, path) = directory();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    commit(&SqliteSource::open(&path, Access::Create).unwrap(), &name("example."), 1, 10).unwrap();
    // The copy is where the other user can run it, wherever the build is.
    let program = directory.path().join("program");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let status = Command::new(&program)
        .args(["--exact", "sqlite::tests::child_that_reads", "--ignored"])
        .env("TENON_TEST_STORE", &path)
        .current_dir(directory.path())
        .stdout(Stdio::null())
        .uid(65_534)
        .gid(65_534)
        .status()
        .unwrap();
    assert!(status.success());
}
