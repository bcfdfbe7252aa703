//! The journal of differences.

use std::ops::ControlFlow;

use tenon_datasrc::{DataSource, JournalCoverage, JournalEvent, ZoneEntry};
use tenon_wire::{Name, RrType};

use crate::Make;
use crate::common::{apex, hosts, line, name, rrset, soa, sorted, store};

/// The journal from a serial on, a line for each event.
pub(crate) fn told(source: &dyn DataSource, origin: &Name, from: u32) -> (JournalCoverage, Vec<String>) {
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

pub(crate) fn journal(make: Make<'_>) {
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

pub(crate) fn journal_breaks(make: Make<'_>) {
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

pub(crate) fn changes(make: Make<'_>) {
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
