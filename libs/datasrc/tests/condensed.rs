//! Differences over several versions made one: applied to the old version they give the new one, whatever happened.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::collections::BTreeSet;

use common::{apex, name, read, rrset, sorted, store};
use proptest::prelude::*;
use tenon_datasrc::sqlite::{Access, SqliteSource};
use tenon_datasrc::{ChangedRecord, CondensedDifference, Condensing, ZoneEntry};
use tenon_wire::{Name, RrType};
use tenon_zone::Rrset;

/// Owner, type, TTL and data.
type Record = (Name, u16, u32, Vec<u8>);

const ENOUGH: u64 = 1 << 20;

fn scratch() -> (tempfile::TempDir, SqliteSource) {
    let directory = tempfile::tempdir().unwrap();
    let source = SqliteSource::open(&directory.path().join("zones.sqlite"), Access::Create).unwrap();
    (directory, source)
}

fn records(source: &SqliteSource, entry: &ZoneEntry) -> BTreeSet<Record> {
    let rrsets = read(source, entry).unwrap();
    let one = |rrset: &Rrset| -> Vec<Record> {
        let all = rrset.as_ref().rdatas.iter();
        all.map(|rdata| (rrset.owner.clone(), rrset.rrtype.0, rrset.ttl, rdata.to_vec())).collect()
    };
    rrsets.iter().flat_map(one).collect()
}

fn owned(record: ChangedRecord<'_>) -> Record {
    (record.owner.to_name(), record.rrtype.0, record.ttl, record.rdata.to_vec())
}

fn difference(source: &SqliteSource, from: u32, to: u32) -> CondensedDifference {
    match CondensedDifference::read(source, name("example.").as_ref(), from, to, ENOUGH).unwrap() {
        Condensing::Whole(difference) => difference,
        other => panic!("{other:?}"),
    }
}

/// A version with these hosts: number, TTL and address.
fn version(serial: u32, hosts: &[(u8, bool, u8)]) -> Vec<Rrset> {
    let origin = name("example.");
    let mut rrsets = apex(&origin, serial);
    for number in 0..4 {
        let mut mine: Vec<_> = hosts.iter().filter(|host| host.0 == number).collect();
        mine.sort();
        mine.dedup_by_key(|host| host.2);
        let Some((_, is_long, _)) = mine.first() else { continue };
        let data: Vec<[u8; 4]> = mine.iter().map(|host| [192, 0, 2, host.2]).collect();
        let mut data: Vec<&[u8]> = data.iter().map(|data| &data[..]).collect();
        data.sort();
        data.dedup();
        let ttl = if *is_long { 600 } else { 300 };
        rrsets.push(rrset(&origin, &format!("h{number}"), RrType::A, ttl, &data));
    }
    sorted(rrsets)
}

#[test]
fn what_came_and_went_again_is_left_out() {
    let (_directory, source) = scratch();
    let origin = name("example.");
    let versions: [&[(u8, bool, u8)]; 4] = [
        &[(0, false, 1)],
        &[(0, false, 1), (1, false, 9)],
        &[(0, false, 2), (1, false, 9)],
        &[(0, false, 1), (2, false, 3)],
    ];
    for (serial, hosts) in (1..).zip(versions) {
        store(&source, &origin, &version(serial, hosts)).unwrap();
    }
    let all = difference(&source, 1, 4);
    let text = |record: ChangedRecord<'_>| format!("{} {}", record.owner, record.rrtype);
    assert_eq!(all.deleted().map(text).collect::<Vec<_>>(), ["example. SOA"]);
    assert_eq!(all.added().map(text).collect::<Vec<_>>(), ["example. SOA", "h2.example. A"]);
    // Up to a version in the middle, which is what an image may still have.
    let part = difference(&source, 2, 3);
    assert_eq!(part.deleted().map(text).collect::<Vec<_>>(), ["example. SOA", "h0.example. A"]);
    assert_eq!(part.count(), 4);
    let read =
        |from, to, octets| CondensedDifference::read(&source, origin.as_ref(), from, to, octets).unwrap();
    assert!(matches!(read(9, 4, ENOUGH), Condensing::Unknown));
    assert!(matches!(read(1, 9, ENOUGH), Condensing::Unknown));
    assert!(matches!(read(4, 4, ENOUGH), Condensing::Unknown), "there is nothing to tell");
    assert!(matches!(read(1, 4, 50), Condensing::TooLarge));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn any_history_leads_from_any_version_to_any_later_one(
        history in prop::collection::vec(prop::collection::vec((0u8..4, any::<bool>(), 0u8..4), 0..6), 2..6),
    ) {
        let (_directory, source) = scratch();
        let origin = name("example.");
        let mut states = Vec::new();
        for (serial, hosts) in (1..).zip(&history) {
            let entry = store(&source, &origin, &version(serial, hosts)).unwrap();
            states.push(records(&source, &entry));
        }
        for (from, old) in states.iter().enumerate() {
            for (to, new) in states.iter().enumerate().skip(from + 1) {
                let difference = difference(&source, from as u32 + 1, to as u32 + 1);
                let (gone, came): (BTreeSet<_>, BTreeSet<_>) =
                    (difference.deleted().map(owned).collect(), difference.added().map(owned).collect());
                prop_assert!(gone.is_subset(old) && came.is_disjoint(old));
                let found: BTreeSet<Record> = old.difference(&gone).cloned().chain(came).collect();
                prop_assert_eq!(&found, new);
            }
        }
    }
}
