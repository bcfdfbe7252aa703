//! Changes worked out record by record: what is stored then is what was said, and what cannot be served is found.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use common::{apex, current, hosts, name, read, rrset, soa, sorted, store};
use tenon_datasrc::sqlite::{Access, SqliteSource};
use tenon_datasrc::{DataSource, Edit};
use tenon_wire::rdata::parse_line;
use tenon_wire::{Name, RrType};

fn scratch() -> (tempfile::TempDir, SqliteSource) {
    let directory = tempfile::tempdir().unwrap();
    let source = SqliteSource::open(&directory.path().join("zones.sqlite"), Access::Create).unwrap();
    (directory, source)
}

fn at(owner: &str) -> Name {
    Name::from_text(owner, Some(name("example.").as_ref())).unwrap()
}

#[test]
fn what_is_stored_is_what_was_said() {
    let (_directory, source) = scratch();
    let origin = name("example.");
    store(&source, &origin, &hosts(&origin, 1, 3)).unwrap();
    let mut edit = Edit::new(&source, current(&source, origin.as_ref()));
    let (h0, h1, new) = (at("h0000000"), at("H0000001"), at("new"));
    assert!(!edit.is_change());
    assert!(edit.delete(origin.as_ref(), RrType::SOA, &soa(1)).unwrap());
    assert!(edit.add(origin.as_ref(), RrType::SOA, 300, &soa(2)).unwrap());
    assert!(!edit.delete(h0.as_ref(), RrType::A, &[9, 9, 9, 9]).unwrap(), "it is not there");
    assert!(!edit.delete(h0.as_ref(), RrType::AAAA, &[9; 16]).unwrap());
    assert!(!edit.add(h0.as_ref(), RrType::A, 300, &[0, 0, 0, 0]).unwrap(), "it is there");
    assert!(edit.delete(h0.as_ref(), RrType::A, &[0, 0, 0, 0]).unwrap());
    assert!(edit.add(h1.as_ref(), RrType::A, 60, &[0, 0, 0, 0]).unwrap());
    assert!(edit.add(new.as_ref(), RrType::A, 600, &[1, 2, 3, 4]).unwrap());
    assert!(edit.node(&h0).unwrap().get(RrType::A).is_none());
    assert_eq!(edit.node(&new).unwrap().sets().count(), 1);
    let check = edit.check(10).unwrap();
    assert!(check.errors.is_empty() && check.hides.is_none(), "{check:?}");
    let mut change = source.change(origin.as_ref()).unwrap();
    edit.apply(&mut *change).unwrap();
    let entry = change.commit().unwrap();
    let expected = sorted(
        [
            apex(&origin, 2),
            vec![
                rrset(&origin, "h0000001", RrType::A, 60, &[&[0, 0, 0, 0], &[0, 0, 0, 1]]),
                rrset(&origin, "h0000002", RrType::A, 300, &[&[0, 0, 0, 2]]),
                rrset(&origin, "new", RrType::A, 600, &[&[1, 2, 3, 4]]),
            ],
        ]
        .concat(),
    );
    assert_eq!(read(&source, &entry).unwrap(), expected);
    assert_eq!((entry.serial, entry.records), (2, 6));
    let mut change = source.change(origin.as_ref()).unwrap();
    assert!(edit.apply(&mut *change).is_err(), "it was worked out against another version");
}

#[test]
fn what_cannot_be_served_is_found() {
    let (_directory, source) = scratch();
    let origin = name("example.");
    let mut rrsets = hosts(&origin, 1, 1);
    rrsets.push(rrset(&origin, "hidden.by", RrType::A, 300, &[&[1, 1, 1, 1]]));
    rrsets.push(rrset(&origin, "old", RrType::DNAME, 300, &[b"\x05other\x00"]));
    store(&source, &origin, &sorted(rrsets)).unwrap();
    let found = |lines: &[(&str, &str)]| {
        let mut edit = Edit::new(&source, current(&source, origin.as_ref()));
        for (what, line) in lines {
            let mut words = line.splitn(3, ' ');
            let owner = Name::from_text(words.next().unwrap(), Some(origin.as_ref())).unwrap();
            let rrtype: RrType = words.next().unwrap().parse().unwrap();
            let rdata = parse_line(rrtype, words.next().unwrap(), Some(name(".").as_ref())).unwrap();
            let done = match *what {
                "+" => edit.add(owner.as_ref(), rrtype, 300, &rdata),
                _ => edit.delete(owner.as_ref(), rrtype, &rdata),
            };
            assert!(done.unwrap(), "{line}");
        }
        let check = edit.check(10).unwrap();
        let mut said: Vec<String> = check.errors.iter().map(ToString::to_string).collect();
        said.extend(check.hides.map(|name| format!("{name} hides")));
        said.join("; ")
    };
    for (lines, expected) in [
        (&[("+", "www A 192.0.2.1")][..], ""),
        (&[("-", "@ NS ns")], "the zone has no NS record"),
        (&[("-", "@ SOA ns hm 1 7200 3600 1209600 300")], "the zone has no SOA record"),
        (&[("+", "@ SOA ns hm 2 7200 3600 1209600 300")], "more than one SOA"),
        (&[("+", "h0000000 CNAME x")], "can have no other data"),
        (&[("-", "h0000000 A 0.0.0.0"), ("+", "h0000000 CNAME x")], ""),
        (&[("+", "a.old A 192.0.2.1")], "is below the DNAME record of old.example."),
        (&[("-", "old DNAME other"), ("+", "a.old A 192.0.2.1")], ""),
        (&[("+", "sub.old DNAME x")], "is below the DNAME record"),
        (&[("+", "by DNAME x")], "by.example. hides"),
        (&[("+", "x.h0000000 DNAME x")], ""),
        (&[("+", "elsewhere. A 192.0.2.1")], "the name is not in the zone"),
        (&[("+", "a SOA ns hm 2 7200 3600 1209600 300")], "belongs to the apex"),
    ] {
        let said = found(lines);
        assert!(said.contains(expected) && expected.is_empty() == said.is_empty(), "{lines:?}: {said}");
    }
}

#[test]
fn steps_are_kept_or_undone() {
    let (_directory, source) = scratch();
    let origin = name("example.");
    store(&source, &origin, &hosts(&origin, 1, 2)).unwrap();
    let mut edit = Edit::new(&source, current(&source, origin.as_ref()));
    let (h0, h1, new) = (at("h0000000"), at("h0000001"), at("new"));
    assert!(edit.add(new.as_ref(), RrType::A, 60, &[1, 1, 1, 1]).unwrap());
    assert!(edit.delete(h0.as_ref(), RrType::A, &[0, 0, 0, 0]).unwrap());
    edit.keep();
    assert_eq!(edit.differences().count(), 0, "of a new step");
    assert!(edit.delete(new.as_ref(), RrType::A, &[1, 1, 1, 1]).unwrap());
    assert!(edit.add(h0.as_ref(), RrType::TXT, 60, b"\x01x").unwrap());
    edit.node_mut(&h1).unwrap().retain(|_| false);
    assert_eq!(edit.differences().count(), 3);
    edit.undo();
    assert_eq!(edit.differences().count(), 0);
    assert!(edit.node(&h0).unwrap().is_empty() && !edit.node(&h1).unwrap().is_empty());
    // What the step before brought is seen by the next one, and what is as it was is no difference.
    assert!(!edit.add(new.as_ref(), RrType::A, 60, &[1, 1, 1, 1]).unwrap());
    assert!(edit.add(h0.as_ref(), RrType::A, 300, &[0, 0, 0, 0]).unwrap());
    edit.keep();
    assert!(edit.is_change());
    assert!(edit.delete(new.as_ref(), RrType::A, &[1, 1, 1, 1]).unwrap());
    assert!(!edit.is_change(), "all of it is as it was");
    edit.undo();
    let mut change = source.change(origin.as_ref()).unwrap();
    edit.apply(&mut *change).unwrap();
    change.commit().unwrap();
    let mut found = Vec::new();
    let entry = current(&source, origin.as_ref());
    let owners = [h0.as_ref(), h1.as_ref(), new.as_ref()];
    source.rrsets_of(&entry, &owners, &mut |rrset| found.push(rrset.owner.to_string())).unwrap();
    assert_eq!(found, ["h0000000.example.", "h0000001.example.", "new.example."]);
}
