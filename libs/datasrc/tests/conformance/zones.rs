//! The list of zones, and names looked up one by one.

use tenon_datasrc::{Error, JournalCoverage};
use tenon_wire::{Name, RrType};

use crate::Make;
use crate::common::{apex, hosts, name, read, rrset, sorted, store};

pub(crate) fn nothing(make: Make<'_>) {
    let source = make();
    assert_eq!(source.zones(None, 10).unwrap(), []);
    assert_eq!(source.zone(name("example.").as_ref()).unwrap(), None);
    assert!(!source.remove(name("example.").as_ref()).unwrap());
    assert_eq!(source.clear_leftovers().unwrap(), 0);
    let coverage = source.journal(name("example.").as_ref(), 1, &mut |_| panic!("no event")).unwrap();
    assert_eq!(coverage, JournalCoverage::Missing);
}

pub(crate) fn listing(make: Make<'_>) {
    let source = make();
    let mut names: Vec<_> = (0..25).map(|n| name(&format!("z{}.a{n}.", n % 3))).collect();
    names.push(name("."));
    for origin in &names {
        store(&*source, origin, &apex(origin, 1)).unwrap();
    }
    names.sort();
    let mut found: Vec<Name> = Vec::new();
    loop {
        let page = source.zones(found.last().map(Name::as_ref), 7).unwrap();
        assert!(page.len() <= 7);
        if page.is_empty() {
            break;
        }
        found.extend(page.into_iter().map(|entry| entry.origin));
    }
    assert_eq!(found, names);
}

/// One name at a time, as a layer of an image is made.
pub(crate) fn names(make: Make<'_>) {
    for origin in [name("example."), name(".")] {
        let source = make();
        let mut rrsets = apex(&origin, 1);
        for owner in ["a.b", "A\\001", "A\\000.z", "c.d.e", "*.w"] {
            rrsets.push(rrset(&origin, owner, RrType::TXT, 5, &[b"\x01x"]));
            rrsets.push(rrset(&origin, owner, RrType::A, 5, &[&[192, 0, 2, 1]]));
        }
        let entry = store(&*source, &origin, &sorted(rrsets)).unwrap();
        let at = |owner: &str| {
            let owner = Name::from_text(owner, Some(origin.as_ref())).unwrap();
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

pub(crate) fn removal(make: Make<'_>) {
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

pub(crate) fn counter(make: Make<'_>) {
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
