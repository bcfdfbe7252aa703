//! Versions that are written as a whole.

use std::ops::ControlFlow;

use tenon_datasrc::Error;
use tenon_wire::RrType;
use tenon_zone::{Rrset, RrsetRef};

use crate::Make;
use crate::common::{apex, current, hosts, name, read, rrset, sorted, store};

pub(crate) fn round_trip(make: Make<'_>) {
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
    let owner = |rrsets: &[Rrset]| rrsets.iter().map(|r| r.owner.to_string()).collect::<Vec<_>>();
    assert_eq!(owner(&found), owner(&rrsets), "the case of names is kept");
}

pub(crate) fn written_back(make: Make<'_>) {
    let (source, origin) = (make(), name("example."));
    for count in [0, 3, 30_000] {
        let rrsets = hosts(&origin, 1, count);
        let mut writer = source.begin(origin.as_ref()).unwrap();
        for (at, rrset) in rrsets.iter().enumerate() {
            writer.put(rrset.as_ref()).unwrap();
            if at % 9000 == 0 || at + 1 == rrsets.len() {
                let mut found = Vec::new();
                let mut take = |rrset: RrsetRef<'_>| {
                    found.push(rrset.to_rrset());
                    ControlFlow::Continue(())
                };
                writer.read_back(&mut take).unwrap();
                assert!(found == rrsets[..=at], "{at} of {}", rrsets.len());
            }
        }
        let mut shown = 0;
        let mut break_off = |_: RrsetRef<'_>| {
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

pub(crate) fn many_pages(make: Make<'_>) {
    let origin = name("example.");
    let rrsets = hosts(&origin, 1, 40_000);
    let source = make();
    let entry = store(&*source, &origin, &rrsets).unwrap();
    assert_eq!(entry.records, 40_002);
    assert_eq!(read(&*source, &entry).unwrap(), rrsets);
    let mut seen = 0;
    let stop_at_ten = &mut |_: RrsetRef<'_>| {
        seen += 1;
        if seen == 10 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    source.read(&entry, stop_at_ten).unwrap();
    assert_eq!(seen, 10);
}

pub(crate) fn refusals(make: Make<'_>) {
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

pub(crate) fn abandoned(make: Make<'_>) {
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

pub(crate) fn replacement(make: Make<'_>) {
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

pub(crate) fn unsynced(make: Make<'_>) {
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

pub(crate) fn reader_and_commit(make: Make<'_>) {
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

pub(crate) fn one_writer(make: Make<'_>) {
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
