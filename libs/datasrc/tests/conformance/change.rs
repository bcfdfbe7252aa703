//! Changes of the current version.

use tenon_datasrc::{DataSource, Error, JournalCoverage, ZoneEntry};
use tenon_wire::{Name, RrType};
use tenon_zone::Rrset;

use crate::Make;
use crate::common::{apex, current, hosts, name, put_in, read, rrset, sorted, store};
use crate::journal::told;

/// Commits a change; RRsets without records are to go.
fn set(source: &dyn DataSource, origin: &Name, rrsets: &[Rrset]) -> ZoneEntry {
    let mut change = source.change(origin.as_ref()).unwrap();
    rrsets.iter().for_each(|rrset| put_in(source, &mut *change, rrset));
    change.commit().unwrap()
}

/// An RRset of the changed zones.
fn txt(origin: &Name, owner: &str, texts: &[&[u8]]) -> Rrset {
    rrset(origin, owner, RrType::TXT, 5, texts)
}

pub(crate) fn change(make: Make<'_>) {
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

pub(crate) fn leased(make: Make<'_>) {
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

pub(crate) fn refused_changes(make: Make<'_>) {
    let (source, origin) = (make(), name("example."));
    assert!(matches!(source.change(origin.as_ref()).err(), Some(Error::NoZone { .. })));
    let first = store(&*source, &origin, &apex(&origin, 1)).unwrap();
    let mut change = source.change(origin.as_ref()).unwrap();
    assert_eq!(*change.before(), first);
    assert!(matches!(make().begin(origin.as_ref()).err(), Some(Error::ZoneBusy { .. })));
    let outside = txt(&name("other."), "a", &[b"\x01x"]);
    assert!(matches!(change.replace(None, Some(outside.as_ref())), Err(Error::OutOfZone { .. })));
    let (a, b) = (txt(&origin, "a", &[b"\x01x"]), txt(&origin, "b", &[b"\x01x"]));
    let elsewhere = change.replace(Some(a.as_ref()), Some(b.as_ref()));
    assert!(matches!(elsewhere, Err(Error::BadRrset { .. })));
    put_in(&*source, &mut *change, &rrset(&origin, "@", RrType::SOA, 5, &[]));
    assert!(matches!(change.commit(), Err(Error::NoSoa { .. })));
    assert_eq!(current(&*source, origin.as_ref()), first);
}
