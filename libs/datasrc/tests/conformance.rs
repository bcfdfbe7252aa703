//! What every data source must do, written against the trait, and run for each engine.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]

mod common;

use std::ops::ControlFlow;

use common::{apex, current, hosts, line, name, read, rrset, soa, sorted, store};
use tenon_datasrc::sqlite::{Access, SqliteSource};
use tenon_datasrc::{DataSource, Error, JournalCoverage, JournalEvent, ZoneEntry};
use tenon_wire::RrType;

type Make<'a> = &'a dyn Fn() -> Box<dyn DataSource>;
type Check = fn(Make<'_>);

/// Runs every check on sources that `make` opens; each call must give another handle on one and the same empty store
/// until the next call of `renew`.
fn conformance(renew: &mut dyn FnMut(), make: Make<'_>) {
    let checks: &[(&str, Check)] = &[
        ("an empty store has nothing", nothing),
        ("what was put comes back", round_trip),
        ("a writer reads back what it wrote", written_back),
        ("a zone of many pages comes back", many_pages),
        ("names can be looked up one by one", names),
        ("zones are listed in order, page by page", listing),
        ("wrong RRsets are refused", refusals),
        ("a version that was not committed never was", abandoned),
        ("a commit replaces all of a zone", replacement),
        ("a commit that does not wait is visible", unsynced),
        ("a reader is not disturbed, or told", reader_and_commit),
        ("one writer a zone", one_writer),
        ("a removed zone is gone", removal),
        ("every commit can be seen in the counter", counter),
        ("the journal tells how to get there", journal),
        ("the journal ends where serials do not grow", journal_breaks),
        ("changed names lead from version to version", changes),
        ("a change leaves the rest as it is", change),
        ("whoever reads a version is not disturbed by changes", leased),
        ("changes refuse what writers refuse", refused_changes),
        ("a version can be read while it is written", followed),
        ("who follows a version that is given up is told", followed_in_vain),
    ];
    for (what, check) in checks {
        println!("checking: {what}");
        renew();
        check(make);
    }
}

#[test]
fn sqlite_conforms() {
    let directory = tempfile::tempdir().unwrap();
    let number = std::cell::Cell::new(0);
    let path = || directory.path().join(format!("zones{}.sqlite", number.get()));
    conformance(&mut || number.set(number.get() + 1), &|| {
        Box::new(SqliteSource::open(&path(), Access::Create).unwrap())
    });
}

fn nothing(make: Make<'_>) {
    let source = make();
    assert_eq!(source.zones(None, 10).unwrap(), []);
    assert_eq!(source.zone(name("example.").as_ref()).unwrap(), None);
    assert!(!source.remove(name("example.").as_ref()).unwrap());
    assert_eq!(source.clear_leftovers().unwrap(), 0);
    let coverage = source.journal(name("example.").as_ref(), 1, &mut |_| panic!("no event")).unwrap();
    assert_eq!(coverage, JournalCoverage::Missing);
}

fn round_trip(make: Make<'_>) {
    let origin = name("Example.COM.");
    let mut rrsets = apex(&origin, 4_000_000_000);
    rrsets.push(rrset(&origin, r"a\.b.\000\001", RrType::TXT, 0, &[b"", &[0xff; 65535]]));
    rrsets.push(rrset(
        &origin,
        "WWW",
        RrType::A,
        i32::MAX as u32,
        &[b"\x01\x02\x03\x04", b"\x01\x02\x03\x05"],
    ));
    rrsets.push(rrset(&origin, "*", RrType(65_280), 1, &[b"x"]));
    let rrsets = sorted(rrsets);
    let entry = store(&*make(), &origin, &rrsets).unwrap();
    assert_eq!((entry.serial, entry.rrsets, entry.records), (4_000_000_000, 5, 7));
    let source = make();
    assert_eq!(current(&*source, name("example.com.").as_ref()), entry);
    let found = read(&*source, &entry).unwrap();
    assert_eq!(found, rrsets);
    let owner = |rrsets: &[tenon_zone::Rrset]| rrsets.iter().map(|r| r.owner.to_string()).collect::<Vec<_>>();
    assert_eq!(owner(&found), owner(&rrsets), "the case of names is kept");
}

fn written_back(make: Make<'_>) {
    let (source, origin) = (make(), name("example."));
    for count in [0, 3, 30_000] {
        let rrsets = hosts(&origin, 1, count);
        let mut writer = source.begin(origin.as_ref()).unwrap();
        for (at, rrset) in rrsets.iter().enumerate() {
            writer.put(rrset.as_ref()).unwrap();
            if at % 9000 == 0 || at + 1 == rrsets.len() {
                let mut found = Vec::new();
                let mut take = |rrset: tenon_zone::RrsetRef<'_>| {
                    found.push(rrset.to_rrset());
                    ControlFlow::Continue(())
                };
                writer.read_back(&mut take).unwrap();
                assert!(found == rrsets[..=at], "{at} of {}", rrsets.len());
            }
        }
        let mut shown = 0;
        let mut break_off = |_: tenon_zone::RrsetRef<'_>| {
            shown += 1;
            ControlFlow::Break(())
        };
        writer.read_back(&mut break_off).unwrap();
        assert_eq!(shown, 1);
        // It goes on writing, and nothing of it was seen before.
        assert_eq!(source.zone(origin.as_ref()).unwrap().map(|entry| entry.rrsets), None);
        let entry = writer.commit().unwrap();
        assert!(read(&*source, &entry).unwrap() == rrsets);
        source.remove(origin.as_ref()).unwrap();
    }
}

fn many_pages(make: Make<'_>) {
    let origin = name("example.");
    let rrsets = hosts(&origin, 1, 40_000);
    let source = make();
    let entry = store(&*source, &origin, &rrsets).unwrap();
    assert_eq!(entry.records, 40_002);
    assert_eq!(read(&*source, &entry).unwrap(), rrsets);
    let mut seen = 0;
    let stop_at_ten = &mut |_: tenon_zone::RrsetRef<'_>| {
        seen += 1;
        if seen == 10 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    source.read(&entry, stop_at_ten).unwrap();
    assert_eq!(seen, 10);
}

/// One name at a time, as a layer of an image is made.
fn names(make: Make<'_>) {
    for origin in [name("example."), name(".")] {
        let source = make();
        let mut rrsets = apex(&origin, 1);
        for owner in ["a.b", "A\\001", "A\\000.z", "c.d.e", "*.w"] {
            rrsets.push(rrset(&origin, owner, RrType::TXT, 5, &[b"\x01x"]));
            rrsets.push(rrset(&origin, owner, RrType::A, 5, &[&[192, 0, 2, 1]]));
        }
        let entry = store(&*source, &origin, &sorted(rrsets)).unwrap();
        let at = |owner: &str| {
            let owner = tenon_wire::Name::from_text(owner, Some(origin.as_ref())).unwrap();
            let mut types = Vec::new();
            source.rrsets_at(&entry, owner.as_ref(), &mut |rrset| types.push(rrset.rrtype)).unwrap();
            (types, source.has_names_below(&entry, owner.as_ref()).unwrap())
        };
        let both = vec![RrType::A, RrType::TXT];
        assert_eq!(at("a.B"), (both.clone(), false));
        assert_eq!(at("B"), (vec![], true));
        assert_eq!(at("a\\001"), (both.clone(), false));
        assert_eq!(at("a\\000.z"), (both, false));
        assert_eq!(at("a"), (vec![], false));
        assert_eq!(at("z"), (vec![], true));
        assert_eq!(at("d.e"), (vec![], true));
        assert!(at("@").1 && at("@").0.contains(&RrType::SOA));
        store(&*source, &origin, &apex(&origin, 2)).unwrap();
        source.clear_leftovers().unwrap();
        let gone = source.rrsets_at(&entry, origin.as_ref(), &mut |_| ());
        assert!(matches!(gone, Err(Error::VersionGone { .. })), "{gone:?}");
    }
}

fn listing(make: Make<'_>) {
    let source = make();
    let mut names: Vec<_> = (0..25).map(|n| name(&format!("z{}.a{n}.", n % 3))).collect();
    names.push(name("."));
    for origin in &names {
        store(&*source, origin, &apex(origin, 1)).unwrap();
    }
    names.sort();
    let mut found: Vec<tenon_wire::Name> = Vec::new();
    loop {
        let page = source.zones(found.last().map(tenon_wire::Name::as_ref), 7).unwrap();
        assert!(page.len() <= 7);
        if page.is_empty() {
            break;
        }
        found.extend(page.into_iter().map(|entry| entry.origin));
    }
    assert_eq!(found, names);
}

fn refusals(make: Make<'_>) {
    let source = make();
    let origin = name("example.");
    let mut writer = source.begin(origin.as_ref()).unwrap();
    let a = rrset(&origin, "b", RrType::A, 1, &[b"1234"]);
    let earlier = rrset(&origin, "a", RrType::A, 1, &[b"1234"]);
    let outside = rrset(&name("org."), "a", RrType::A, 1, &[b"1234"]);
    let mut malformed = a.clone();
    malformed.rdatas.pop();
    writer.put(a.as_ref()).unwrap();
    assert!(matches!(writer.put(a.as_ref()), Err(Error::OutOfOrder { .. })));
    assert!(matches!(writer.put(earlier.as_ref()), Err(Error::OutOfOrder { .. })));
    assert!(matches!(writer.put(outside.as_ref()), Err(Error::OutOfZone { .. })));
    assert!(matches!(writer.put(malformed.as_ref()), Err(Error::BadRrset { .. })));
    assert!(matches!(writer.commit(), Err(Error::NoSoa { .. })));
    assert_eq!(source.zone(origin.as_ref()).unwrap(), None);

    let short_soa = rrset(&origin, "@", RrType::SOA, 1, &[b"\x00\x00\x01"]);
    assert!(matches!(store(&*source, &origin, &[short_soa]), Err(Error::NoSoa { .. })));
}

fn abandoned(make: Make<'_>) {
    let source = make();
    let origin = name("example.");
    let first = store(&*source, &origin, &apex(&origin, 1)).unwrap();
    let counter = source.change_counter().unwrap();
    let mut writer = source.begin(origin.as_ref()).unwrap();
    for rrset in hosts(&origin, 2, 20_000) {
        writer.put(rrset.as_ref()).unwrap();
    }
    assert_eq!(current(&*source, origin.as_ref()), first);
    drop(writer);
    assert_eq!(current(&*make(), origin.as_ref()), first);
    assert_eq!(source.change_counter().unwrap(), counter);
    assert_eq!(source.clear_leftovers().unwrap(), 0, "nothing is left behind");
}

fn replacement(make: Make<'_>) {
    let source = make();
    let origin = name("example.");
    for (serial, count) in [(1, 3), (2, 20_000), (3, 20_001), (4, 2)] {
        let rrsets = hosts(&origin, serial, count);
        let entry = store(&*source, &origin, &rrsets).unwrap();
        assert_eq!(current(&*source, origin.as_ref()), entry);
        assert_eq!(read(&*source, &entry).unwrap(), rrsets, "serial {serial}");
    }
    source.clear_leftovers().unwrap();
    assert_eq!(source.clear_leftovers().unwrap(), 0);
    assert_eq!(source.zones(None, 10).unwrap().len(), 1);
}

fn unsynced(make: Make<'_>) {
    let (source, other) = (make(), make());
    for (zone, count) in [("small.", 3), ("large.", 20_000), ("small.", 4)] {
        let origin = name(zone);
        let mut writer = source.begin(origin.as_ref()).unwrap();
        for rrset in hosts(&origin, count, count) {
            writer.put(rrset.as_ref()).unwrap();
        }
        let entry = writer.commit_unsynced().unwrap();
        assert_eq!(current(&*other, origin.as_ref()), entry);
    }
    source.sync().unwrap();
    assert_eq!(make().zones(None, 10).unwrap().len(), 2);
}

fn reader_and_commit(make: Make<'_>) {
    let (source, other) = (make(), make());
    let origin = name("example.");
    let rrsets = hosts(&origin, 1, 20_000);
    let entry = store(&*source, &origin, &rrsets).unwrap();
    let mut found = Vec::new();
    let outcome = source.read(&entry, &mut |rrset| {
        if found.is_empty() {
            store(&*other, &origin, &apex(&origin, 2)).unwrap();
            other.clear_leftovers().unwrap();
        }
        found.push(rrset.to_rrset());
        ControlFlow::Continue(())
    });
    match outcome {
        Ok(()) => assert_eq!(found, rrsets),
        Err(Error::VersionGone { .. }) => assert_eq!(found, rrsets[..found.len()]),
        Err(other) => panic!("{other}"),
    }
    other.clear_leftovers().unwrap();
    assert!(matches!(read(&*source, &entry), Err(Error::VersionGone { .. })), "nobody reads it any more");
}

fn one_writer(make: Make<'_>) {
    let (source, other) = (make(), make());
    let (origin, neighbour) = (name("example."), name("example.org."));
    let mut writer = source.begin(origin.as_ref()).unwrap();
    for rrset in hosts(&origin, 1, 20_000) {
        writer.put(rrset.as_ref()).unwrap();
    }
    assert!(matches!(other.begin(origin.as_ref()), Err(Error::ZoneBusy { .. })));
    assert!(matches!(other.remove(origin.as_ref()), Err(Error::ZoneBusy { .. })));
    assert_eq!(other.clear_leftovers().unwrap(), 0, "its writer lives");
    store(&*other, &neighbour, &apex(&neighbour, 1)).unwrap();
    writer.commit().unwrap();
    store(&*other, &origin, &apex(&origin, 2)).unwrap();
}

fn removal(make: Make<'_>) {
    let source = make();
    let origin = name("example.");
    let first = store(&*source, &origin, &hosts(&origin, 1, 10)).unwrap();
    assert!(source.remove(name("EXAMPLE.").as_ref()).unwrap());
    assert_eq!(source.zone(origin.as_ref()).unwrap(), None);
    assert_eq!(source.zones(None, 10).unwrap(), []);
    assert!(!source.remove(origin.as_ref()).unwrap());
    source.clear_leftovers().unwrap();
    assert!(matches!(read(&*source, &first), Err(Error::VersionGone { .. })));
    let again = store(&*source, &origin, &apex(&origin, 1)).unwrap();
    assert!(again.version > first.version, "a version number is never used again");
}

fn counter(make: Make<'_>) {
    let (source, other) = (make(), make());
    let origin = name("example.");
    let mut before = source.change_counter().unwrap();
    let mut changed = |what: &str| {
        let now = source.change_counter().unwrap();
        assert_ne!(std::mem::replace(&mut before, now), now, "{what}");
    };
    store(&*other, &origin, &apex(&origin, 1)).unwrap();
    changed("by another");
    store(&*source, &origin, &apex(&origin, 1)).unwrap();
    changed("by itself");
    other.remove(origin.as_ref()).unwrap();
    changed("removal");
}

/// The journal from a serial on, a line for each event.
fn told(source: &dyn DataSource, origin: &tenon_wire::Name, from: u32) -> (JournalCoverage, Vec<String>) {
    let mut lines = Vec::new();
    let coverage = source
        .journal(origin.as_ref(), from, &mut |event| {
            lines.push(match event {
                JournalEvent::Step { from_serial, to_serial } => format!("{from_serial} to {to_serial}"),
                JournalEvent::Deleted(r) if r.rrtype == RrType::SOA => format!("- {} SOA", r.owner),
                JournalEvent::Added(r) if r.rrtype == RrType::SOA => format!("+ {} SOA", r.owner),
                JournalEvent::Deleted(r) => format!("- {}", line(r.owner, r.rrtype, r.rdatas)),
                JournalEvent::Added(r) => format!("+ {}", line(r.owner, r.rrtype, r.rdatas)),
            });
            ControlFlow::Continue(())
        })
        .unwrap();
    (coverage, lines)
}

fn journal(make: Make<'_>) {
    let source = make();
    let origin = name("example.");
    let ttl = |number: u32| if number == 3 { 9 } else { 5 };
    let zone = |serial: u32, texts: &[(&str, &[&[u8]])]| {
        let mut rrsets = apex(&origin, serial);
        rrsets
            .extend(texts.iter().map(|(owner, data)| rrset(&origin, owner, RrType::TXT, ttl(serial), data)));
        sorted(rrsets)
    };
    store(&*source, &origin, &zone(1, &[("a", &[b"1", b"2"]), ("b", &[b"x"])])).unwrap();
    store(&*source, &origin, &zone(2, &[("a", &[b"2", b"3"]), ("c", &[b"y"])])).unwrap();
    store(&*source, &origin, &zone(3, &[("a", &[b"2"])])).unwrap();
    let first = [
        "1 to 2",
        "- example. SOA",
        "- a.example. TXT 1",
        "- b.example. TXT x",
        "+ example. SOA",
        "+ a.example. TXT 3",
        "+ c.example. TXT y",
    ];
    let second = [
        "2 to 3",
        "- example. SOA",
        "- a.example. TXT 2,3",
        "- c.example. TXT y",
        "+ example. SOA",
        "+ a.example. TXT 2",
    ];
    assert_eq!(
        told(&*source, &origin, 1),
        (
            JournalCoverage::Complete { steps: 2 },
            [&first[..], &second].concat().iter().map(ToString::to_string).collect()
        )
    );
    let (coverage, lines) = told(&*source, &origin, 2);
    assert_eq!(
        (coverage, lines),
        (JournalCoverage::Complete { steps: 1 }, second.iter().map(ToString::to_string).collect())
    );
    assert_eq!(told(&*source, &origin, 3), (JournalCoverage::Current, vec![]));
    assert_eq!(told(&*source, &origin, 0), (JournalCoverage::Missing, vec![]));

    // The same again changes nothing; a long step is recorded too.
    store(&*source, &origin, &zone(3, &[("a", &[b"2"])])).unwrap();
    assert_eq!(told(&*source, &origin, 2).0, JournalCoverage::Complete { steps: 1 });
    store(&*source, &origin, &hosts(&origin, 4, 20_000)).unwrap();
    store(&*source, &origin, &hosts(&origin, 5, 20_010)).unwrap();
    let (coverage, lines) = told(&*source, &origin, 3);
    assert_eq!(coverage, JournalCoverage::Complete { steps: 2 });
    assert_eq!(lines.len(), 2 + 4 + 1 + 20_000 + 10);
    source.clear_leftovers().unwrap();
    assert_eq!(told(&*source, &origin, 4).1.len(), 13);
}

fn journal_breaks(make: Make<'_>) {
    let source = make();
    let origin = name("example.");
    store(&*source, &origin, &apex(&origin, 5)).unwrap();
    store(&*source, &origin, &apex(&origin, 6)).unwrap();
    store(&*source, &origin, &apex(&origin, 2)).unwrap();
    assert_eq!(told(&*source, &origin, 5).0, JournalCoverage::Missing, "the serial went back");
    assert_eq!(told(&*source, &origin, 6).0, JournalCoverage::Missing);
    store(&*source, &origin, &apex(&origin, 3)).unwrap();
    assert_eq!(told(&*source, &origin, 2).0, JournalCoverage::Complete { steps: 1 });
    let same_serial = vec![apex(&origin, 3)[0].clone(), rrset(&origin, "@", RrType::SOA, 9, &[&soa(3)])];
    store(&*source, &origin, &same_serial).unwrap();
    assert_eq!(told(&*source, &origin, 2).0, JournalCoverage::Missing, "other data under the same serial");
    source.clear_leftovers().unwrap();
    source.remove(origin.as_ref()).unwrap();
    store(&*source, &origin, &apex(&origin, 4)).unwrap();
    assert_eq!(told(&*source, &origin, 3).0, JournalCoverage::Missing, "removal ends it");
}

fn changes(make: Make<'_>) {
    let (source, origin) = (make(), name("example."));
    let put = |serial, hosts: &[&str]| {
        let mut rrsets = apex(&origin, serial);
        rrsets.extend(hosts.iter().map(|host| rrset(&origin, host, RrType::A, 5, &[&[192, 0, 2, 1]])));
        store(&*source, &origin, &sorted(rrsets)).unwrap()
    };
    let first = put(1, &["a", "b"]);
    let second = put(2, &["a", "c"]);
    let third = put(3, &["d", "c"]);
    let told = |from: &ZoneEntry, to: &ZoneEntry, limit| {
        let names = source.changed_names(to, from.version, limit).unwrap()?;
        Some(names.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    let names = |names: &[&str]| Some(names.iter().map(ToString::to_string).collect::<Vec<_>>());
    assert_eq!(told(&third, &third, 9), names(&[]));
    assert_eq!(told(&second, &third, 9), names(&["example.", "a.example.", "d.example."]));
    let all = ["example.", "a.example.", "b.example.", "c.example.", "d.example."];
    assert_eq!(told(&first, &third, 5), names(&all));
    assert_eq!(told(&first, &third, 4), None, "more than the limit");
    assert_eq!(told(&third, &second, 9), None, "backwards");
    // Another version under the same serial: nobody may be led past it.
    put(3, &["e"]);
    let last = put(4, &["f"]);
    assert_eq!(told(&third, &last, 9), None);
}

/// An RRset of the changed zones.
fn txt(origin: &tenon_wire::Name, owner: &str, texts: &[&[u8]]) -> tenon_zone::Rrset {
    rrset(origin, owner, RrType::TXT, 5, texts)
}

fn set(source: &dyn DataSource, origin: &tenon_wire::Name, rrsets: &[tenon_zone::Rrset]) -> ZoneEntry {
    let mut change = source.change(origin.as_ref()).unwrap();
    rrsets.iter().for_each(|rrset| change.set(rrset.as_ref()).unwrap());
    change.commit().unwrap()
}

fn change(make: Make<'_>) {
    let (source, origin) = (make(), name("Example."));
    let soa_of = |serial| apex(&origin, serial).into_iter().find(|r| r.rrtype == RrType::SOA).unwrap();
    let start = [txt(&origin, "a", &[b"\x011"]), txt(&origin, "b", &[b"\x011", b"\x012"])];
    let first = store(&*source, &origin, &sorted([apex(&origin, 1), start.to_vec()].concat())).unwrap();
    let before = source.change_counter().unwrap();
    let second = set(
        &*source,
        &origin,
        &[
            soa_of(2),
            txt(&origin, "b", &[b"\x012", b"\x013"]),
            txt(&origin, "c.d", &[b"\x011"]),
            txt(&origin, "a", &[]),
            txt(&origin, "not.there", &[]),
        ],
    );
    let wanted = [soa_of(2), txt(&origin, "b", &[b"\x012", b"\x013"]), txt(&origin, "c.d", &[b"\x011"])];
    let ns = apex(&origin, 1).into_iter().filter(|r| r.rrtype != RrType::SOA);
    let wanted = sorted(ns.chain(wanted).collect());
    assert_eq!(read(&*source, &second).unwrap(), wanted);
    assert_eq!((second.serial, second.rrsets, second.records), (2, 4, 5));
    assert!(second.version > first.version && source.change_counter().unwrap() != before);
    assert_eq!(current(&*source, origin.as_ref()), second);
    assert!(source.has_names_below(&second, name("d.example.").as_ref()).unwrap());
    let (coverage, events) = told(&*source, &origin, 1);
    assert_eq!(coverage, JournalCoverage::Complete { steps: 1 });
    assert_eq!(events.len(), 1 + 3 + 3, "{events:?}");
    // The same by writing a whole version: one more step, and the rows of the base are gone.
    let third = store(&*source, &origin, &apex(&origin, 3)).unwrap();
    assert_eq!(read(&*source, &third).unwrap(), sorted(apex(&origin, 3)));
    assert_eq!(told(&*source, &origin, 1).0, JournalCoverage::Complete { steps: 2 });
    let fourth = set(&*source, &origin, &[txt(&origin, "a", &[b"\x014"])]);
    assert_eq!((fourth.serial, told(&*source, &origin, 1).0), (3, JournalCoverage::Missing), "no new serial");
}

fn leased(make: Make<'_>) {
    let (source, origin) = (make(), name("example."));
    let first = store(&*source, &origin, &hosts(&origin, 1, 50)).unwrap();
    let lease = make().lease(&first).unwrap();
    let mut versions = Vec::new();
    for serial in 2..6 {
        let gone = format!("h{serial:07}");
        let soa = apex(&origin, serial).into_iter().find(|r| r.rrtype == RrType::SOA).unwrap();
        let rrsets =
            [soa, rrset(&origin, &gone, RrType::A, 300, &[]), txt(&origin, "new", &[&[1, serial as u8]])];
        versions.push(set(&*source, &origin, &rrsets));
        source.clear_leftovers().unwrap();
        assert_eq!(read(&*source, &first).unwrap(), sorted(hosts(&origin, 1, 50)));
    }
    let last = versions.pop().unwrap();
    let now = read(&*source, &last).unwrap();
    assert_eq!(now.len() as u64, last.rrsets);
    drop(lease);
    source.clear_leftovers().unwrap();
    assert!(matches!(source.lease(&first), Err(Error::VersionGone { .. })));
    assert!(matches!(read(&*source, &versions[0]), Err(Error::VersionGone { .. })));
    assert_eq!(read(&*source, &last).unwrap(), now);
}

fn refused_changes(make: Make<'_>) {
    let (source, origin) = (make(), name("example."));
    assert!(matches!(source.change(origin.as_ref()).err(), Some(Error::NoZone { .. })));
    let first = store(&*source, &origin, &apex(&origin, 1)).unwrap();
    let mut change = source.change(origin.as_ref()).unwrap();
    assert_eq!(*change.before(), first);
    assert!(matches!(make().begin(origin.as_ref()).err(), Some(Error::ZoneBusy { .. })));
    let outside = txt(&name("other."), "a", &[b"\x01x"]);
    assert!(matches!(change.set(outside.as_ref()), Err(Error::OutOfZone { .. })));
    change.set(rrset(&origin, "@", RrType::SOA, 5, &[]).as_ref()).unwrap();
    assert!(matches!(change.commit(), Err(Error::NoSoa { .. })));
    assert_eq!(current(&*source, origin.as_ref()), first);
}

fn followed(make: Make<'_>) {
    let (source, other, origin) = (make(), make(), name("example."));
    store(&*source, &origin, &hosts(&origin, 1, 10)).unwrap();
    assert_eq!(other.coming(origin.as_ref()).unwrap(), None);
    let rrsets = hosts(&origin, 2, 40_000);
    let mut left = rrsets.iter();
    let mut writer = source.begin(origin.as_ref()).unwrap();
    left.by_ref().take(10_000).for_each(|rrset| writer.put(rrset.as_ref()).unwrap());
    let coming = other.coming(name("EXAMPLE.").as_ref()).unwrap().unwrap();
    let (mut writer, mut waits, mut committed) = (Some(writer), 0, None);
    let mut wait = || {
        waits += 1;
        left.by_ref().take(10_000).for_each(|rrset| writer.as_mut().unwrap().put(rrset.as_ref()).unwrap());
        if left.len() == 0
            && let Some(writer) = writer.take()
        {
            committed = Some(writer.commit().unwrap());
        }
        ControlFlow::Continue(())
    };
    let mut found = Vec::new();
    let followed = other.follow(&coming, &mut wait, &mut |rrset| {
        found.push(rrset.to_rrset());
        ControlFlow::Continue(())
    });
    let followed = followed.unwrap();
    assert!(waits >= 3);
    assert_eq!(followed, committed);
    assert_eq!(followed.unwrap().version, coming.version);
    assert_eq!(found, rrsets);
    assert_eq!(other.coming(origin.as_ref()).unwrap(), None);
}

fn followed_in_vain(make: Make<'_>) {
    let (source, other, origin) = (make(), make(), name("example."));
    let first = store(&*source, &origin, &apex(&origin, 1)).unwrap();
    let begin = || {
        let mut writer = source.begin(origin.as_ref()).unwrap();
        hosts(&origin, 2, 20_000).iter().for_each(|rrset| writer.put(rrset.as_ref()).unwrap());
        (writer, other.coming(origin.as_ref()).unwrap().unwrap())
    };
    let mut visit = |_: tenon_zone::RrsetRef<'_>| ControlFlow::Continue(());
    let (writer, coming) = begin();
    assert_eq!(other.follow(&coming, &mut || ControlFlow::Break(()), &mut visit).unwrap(), None);
    let mut writer = Some(writer);
    let mut give_up = || {
        writer = None;
        ControlFlow::Continue(())
    };
    let outcome = other.follow(&coming, &mut give_up, &mut visit);
    assert!(matches!(outcome, Err(Error::VersionGone { .. })), "{outcome:?}");
    // Committed, and replaced before it was looked at again.
    let (writer, coming) = begin();
    let mut writer = Some(writer);
    let mut replace = || {
        if let Some(writer) = writer.take() {
            writer.commit().unwrap();
            store(&*source, &origin, &apex(&origin, 3)).unwrap();
            source.clear_leftovers().unwrap();
        }
        ControlFlow::Continue(())
    };
    let outcome = other.follow(&coming, &mut replace, &mut visit);
    assert!(matches!(outcome, Err(Error::VersionGone { .. })), "{outcome:?}");
    assert_ne!(current(&*source, origin.as_ref()), first);
    source.clear_leftovers().unwrap();
    assert_eq!(source.clear_leftovers().unwrap(), 0);
}
