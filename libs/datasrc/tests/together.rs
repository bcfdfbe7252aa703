//! Several zones that become current together.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "helpers of tests")]

mod common;

use std::path::Path;

use common::{apex, current, hosts, name, read, rrset, store};
use tenon_datasrc::sqlite::{Access, SqliteSource};
use tenon_datasrc::{DataSource, Error, JournalCoverage, ZonesWriter};
use tenon_wire::{Name, RrType};
use tenon_zone::Rrset;

fn open(directory: &Path) -> SqliteSource {
    SqliteSource::open(&directory.join("zones.sqlite"), Access::Create).unwrap()
}

fn add(together: &mut dyn ZonesWriter, origin: &Name, rrsets: &[Rrset]) -> Result<(), Error> {
    together
        .add(origin.as_ref(), &mut |writer| rrsets.iter().try_for_each(|rrset| writer.put(rrset.as_ref())))
}

#[test]
fn new_and_replaced_zones_small_and_large() {
    let directory = tempfile::tempdir().unwrap();
    let (source, other) = (open(directory.path()), open(directory.path()));
    let zones: Vec<(Name, Vec<Rrset>)> = (0..200_u32)
        .map(|number| {
            let origin = name(&format!("z{number:03}.example."));
            let count = if number % 90 == 7 { 20_000 } else { number };
            let rrsets = hosts(&origin, 2, count);
            (origin, rrsets)
        })
        .collect();
    for (origin, _) in zones.iter().step_by(3) {
        store(&source, origin, &apex(origin, 1)).unwrap();
    }
    let before = source.change_counter().unwrap();
    let mut together = source.begin_together();
    for (origin, rrsets) in &zones {
        add(&mut *together, origin, rrsets).unwrap();
    }
    let outcomes = together.commit_unsynced();
    source.sync().unwrap();
    assert_eq!(outcomes.len(), zones.len());
    for ((origin, rrsets), outcome) in zones.iter().zip(outcomes) {
        let entry = current(&other, origin.as_ref());
        assert_eq!(outcome.unwrap(), entry);
        assert_eq!(read(&other, &entry).unwrap(), *rrsets, "{origin}");
    }
    assert_eq!(source.change_counter().unwrap(), before + 200);
    let mut steps = 0;
    let coverage = other.journal(zones[3].0.as_ref(), 1, &mut |_| {
        steps += 1;
        std::ops::ControlFlow::Continue(())
    });
    assert!(
        matches!(coverage.unwrap(), JournalCoverage::Complete { .. }) && steps > 0,
        "the difference is noted"
    );
    source.clear_leftovers().unwrap();
    assert_eq!(source.clear_leftovers().unwrap(), 0);
}

#[test]
fn what_is_wrong_with_one_leaves_the_others() {
    let directory = tempfile::tempdir().unwrap();
    let (source, other) = (open(directory.path()), open(directory.path()));
    let zones = ["a.", "astray.", "headless.", "busy.", "z."].map(name);
    let _busy = other.begin(zones[3].as_ref()).unwrap();
    let mut together = source.begin_together();
    add(&mut *together, &zones[0], &apex(&zones[0], 1)).unwrap();
    let astray = add(&mut *together, &zones[1], &apex(&zones[0], 1));
    assert!(matches!(astray, Err(Error::OutOfZone { .. })), "{astray:?}");
    let headless = rrset(&zones[2], "@", RrType::NS, 300, &[b"\x02ns\x00"]);
    add(&mut *together, &zones[2], &[headless]).unwrap();
    let busy = add(&mut *together, &zones[3], &apex(&zones[3], 1));
    assert!(matches!(busy, Err(Error::ZoneBusy { .. })), "{busy:?}");
    add(&mut *together, &zones[4], &apex(&zones[4], 1)).unwrap();
    let outcomes = together.commit_unsynced();
    assert!(
        matches!(outcomes.as_slice(), [Ok(_), Err(Error::NoSoa { .. }), Ok(_)]),
        "in the order of those that were added: {outcomes:?}"
    );
    let stored: Vec<Name> = other.zones(None, 10).unwrap().into_iter().map(|entry| entry.origin).collect();
    assert_eq!(stored, [zones[0].clone(), zones[4].clone()]);
}

#[test]
fn dropped_together() {
    let directory = tempfile::tempdir().unwrap();
    let source = open(directory.path());
    let mut together = source.begin_together();
    for zone in ["a.", "large."].map(name) {
        add(&mut *together, &zone, &hosts(&zone, 1, 20_000)).unwrap();
    }
    drop(together);
    assert_eq!(source.zones(None, 10).unwrap(), []);
    assert_eq!(source.clear_leftovers().unwrap(), 0, "nothing is left behind");
    let again = name("a.");
    store(&source, &again, &apex(&again, 1)).unwrap();
}
