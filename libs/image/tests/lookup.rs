//! What was built is found, over packs and layers.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::collections::BTreeSet;

use support::{build, manifest, rrsets, zone};
use tenon_image::node::kind;
use tenon_image::{BuildError, Catalog, ImageBuilder, ImageFile, Lookup, ZoneImage};
use tenon_wire::message::KeyedName;
use tenon_wire::{Name, RrType};

const ZONE: &str = "
    example. SOA ns.example. admin.example. 1 2 3 4 5
    example. NS ns.example.
    example. NSEC a.example.
    example. RRSIG SOA
    ns.example. A 192.0.2.1
    a.b.c.d.e.example. A 192.0.2.2
    *.w.example. A 192.0.2.3
    x.*.w.example. A 192.0.2.4
    cut.example. NS ns.cut.example.
    cut.example. NS ns.elsewhere.test.
    ns.cut.example. A 192.0.2.5
    deep.ns.cut.example. A 192.0.2.6
    dname.example. DNAME other.test.
    under.dname.example. A 192.0.2.7
    mail.example. MX 10 ns.example.
    mail.example. MX 20 any.w.example.
    mail.example. MX 30 ns.cut.example.
    mail.example. MX 40 nowhere.example.
";

fn key(text: &str) -> KeyedName {
    KeyedName::new(text.parse::<Name>().unwrap().as_ref())
}

fn catalog(directory: &std::path::Path, files: Vec<ImageFile>) -> Catalog {
    Catalog::open(directory, &manifest(vec![zone("example.", files)]), None, &BTreeSet::new())
}

/// Flags of where the search ends, labels of that name, and whether it is the name itself.
fn found(zone: &ZoneImage, name: &str) -> (usize, bool, Vec<u16>) {
    let Lookup { node, labels, exact } = zone.find(&key(name)).unwrap();
    (labels, exact, node.rrsets().map(|rrset| rrset.unwrap().rrtype.0).collect())
}

#[test]
fn every_kind_of_name() {
    let directory = tempfile::tempdir().unwrap();
    let file = build(directory.path(), "a.image", &[("example.", ZONE)]);
    let catalog = catalog(directory.path(), vec![file]);
    let zone = catalog.find(&key("www.example."), false).unwrap();
    for (name, labels, exact, types) in [
        ("EXAMPLE.", 1, true, vec![2, 6, 47]),
        ("ns.example.", 2, true, vec![1]),
        ("nx.example.", 1, false, vec![2, 6, 47]),
        ("e.example.", 2, true, vec![]),
        ("c.d.e.example.", 4, true, vec![]),
        ("nx.c.d.e.example.", 4, false, vec![]),
        ("1.2.3.nx.c.d.e.example.", 4, false, vec![]),
        ("A.b.c.d.e.Example.", 6, true, vec![1]),
        ("w.example.", 2, true, vec![]),
        ("cut.example.", 2, true, vec![2]),
        ("ns.cut.example.", 2, false, vec![2]),
        ("deep.ns.cut.example.", 2, false, vec![2]),
        ("not.here.ns.cut.example.", 2, false, vec![2]),
        ("dname.example.", 2, true, vec![39]),
        ("under.dname.example.", 2, false, vec![39]),
        ("far.below.dname.example.", 2, false, vec![39]),
    ] {
        assert_eq!(found(zone, name), (labels, exact, types), "{name}");
    }
}

#[test]
fn wildcards_and_their_closest_enclosers() {
    let directory = tempfile::tempdir().unwrap();
    let file = build(directory.path(), "a.image", &[("example.", ZONE)]);
    let catalog = catalog(directory.path(), vec![file]);
    let zone = catalog.find(&key("example."), false).unwrap();
    for (name, expected) in
        [("q.w.example.", true), ("q.r.W.example.", true), ("q.example.", false), ("y.*.w.example.", false)]
    {
        let lookup = zone.find(&key(name)).unwrap();
        let wildcard = zone.wildcard(&key(name), &lookup).unwrap();
        assert_eq!(wildcard.is_some(), expected, "{name}");
    }
}

#[test]
fn addresses_are_resolved_when_built() {
    let directory = tempfile::tempdir().unwrap();
    let file = build(directory.path(), "a.image", &[("example.", ZONE)]);
    let catalog = catalog(directory.path(), vec![file]);
    let zone = catalog.find(&key("example."), false).unwrap();
    let addresses = |name: &str, rrtype| -> Vec<(bool, Option<Vec<u8>>)> {
        let rrset = zone.find(&key(name)).unwrap().node.rrset(rrtype).unwrap().unwrap();
        let of = |node| {
            zone.node(node)
                .unwrap()
                .rrset(RrType::A)
                .unwrap()
                .unwrap()
                .rdatas()
                .iter()
                .next()
                .unwrap()
                .to_vec()
        };
        rrset.additional().map(|additional| (additional.required, additional.node.map(of))).collect()
    };
    assert_eq!(addresses("cut.example.", RrType::NS), [(true, Some(vec![192, 0, 2, 5]))]);
    let mail = addresses("mail.example.", RrType::MX);
    assert_eq!(
        mail,
        [(false, Some(vec![192, 0, 2, 1])), (false, Some(vec![192, 0, 2, 3])), (false, None), (false, None)]
    );
}

#[test]
fn names_in_record_data_expand_to_what_was_written() {
    let directory = tempfile::tempdir().unwrap();
    let file = build(directory.path(), "a.image", &[("example.", ZONE)]);
    let catalog = catalog(directory.path(), vec![file]);
    let zone = catalog.find(&key("example."), false).unwrap();
    let owner: Name = "cut.example.".parse().unwrap();
    let rrset = zone.find(&key("cut.example.")).unwrap().node.rrset(RrType::NS).unwrap().unwrap();
    let mut out = [0; 255];
    let length = rrset.expand_name(12, owner.octets(), &mut out).unwrap();
    assert_eq!(&out[..length], b"\x02ns\x03cut\x07example\x00");
    assert!(!rrset.is_plain());
}

#[test]
fn signatures_lie_with_what_they_cover() {
    let directory = tempfile::tempdir().unwrap();
    let file = build(directory.path(), "a.image", &[("example.", ZONE)]);
    let catalog = catalog(directory.path(), vec![file]);
    let apex = catalog.find(&key("example."), false).unwrap().apex().unwrap();
    let soa = apex.rrset(RrType::SOA).unwrap().unwrap();
    assert_eq!((soa.records, soa.signatures, soa.signature_rdatas().iter().count()), (1, 1, 1));
    assert!(apex.rrset(RrType::RRSIG).unwrap().is_none());
    assert_eq!(apex.rrset(RrType::NS).unwrap().unwrap().signatures, 0);
}

#[test]
fn the_most_specific_zone_is_found_and_ds_belongs_to_the_parent() {
    let directory = tempfile::tempdir().unwrap();
    let soa = |origin: &str| format!("{origin} SOA ns. admin. 1 2 3 4 5\n{origin} NS ns.test.\n");
    let origins = ["test.", "a.test.", "b.a.test.", "alone.org."];
    let texts: Vec<String> = origins.iter().map(|origin| soa(origin)).collect();
    let pack: Vec<_> = origins.iter().zip(&texts).map(|(&origin, text)| (origin, text.as_str())).collect();
    let file = build(directory.path(), "pack.image", &pack);
    let zones = origins.iter().map(|origin| zone(origin, vec![file.clone()])).collect();
    let catalog = Catalog::open(directory.path(), &manifest(zones), None, &BTreeSet::new());
    let find = |name: &str, above| catalog.find(&key(name), above).map(|zone| zone.origin().to_string());
    for (name, zone, parent) in [
        ("x.b.A.test.", Some("b.a.test."), Some("b.a.test.")),
        ("b.a.test.", Some("b.a.test."), Some("a.test.")),
        ("test.", Some("test."), Some("test.")),
        ("alone.org.", Some("alone.org."), Some("alone.org.")),
        ("org.", None, None),
        (".", None, None),
    ] {
        assert_eq!(find(name, false).as_deref(), zone, "{name}");
        assert_eq!(find(name, true).as_deref(), parent, "{name} DS");
    }
    assert_eq!(catalog.zones(Some("a.test.".parse::<Name>().unwrap().as_ref())).count(), 1);
}

#[test]
fn a_layer_restates_adds_and_removes_names() {
    let directory = tempfile::tempdir().unwrap();
    let base = build(directory.path(), "a.image", &[("example.", ZONE)]);
    let mut layer = ImageBuilder::create_layer(directory.path(), "a.layer").unwrap();
    let name = |text: &str| text.parse::<Name>().unwrap();
    layer.begin_zone(name("example.").as_ref(), 2, 2).unwrap();
    for rrset in rrsets("example. SOA ns. admin. 2 2 3 4 5\nexample. NS ns.example.") {
        layer.add(rrset.as_ref()).unwrap();
    }
    layer.remove(name("cut.example.").as_ref(), false).unwrap();
    layer.remove(name("ns.cut.example.").as_ref(), false).unwrap();
    for rrset in rrsets("new.example. A 192.0.2.9\n*.new.example. A 192.0.2.10\nns.example. AAAA 2001:db8::1")
    {
        layer.add(rrset.as_ref()).unwrap();
    }
    layer.end_zone().unwrap();
    let layer = layer.finish().unwrap();
    let catalog = catalog(directory.path(), vec![base, layer]);
    let zone = catalog.find(&key("example."), false).unwrap();
    assert_eq!(found(zone, "example."), (1, true, vec![2, 6]));
    assert_eq!(found(zone, "ns.example."), (2, true, vec![28]));
    assert_eq!(found(zone, "cut.example."), (1, false, vec![2, 6]));
    assert_eq!(found(zone, "a.b.c.d.e.example."), (6, true, vec![1]));
    assert_eq!(found(zone, "new.example."), (2, true, vec![1]));
    let lookup = zone.find(&key("q.new.example.")).unwrap();
    assert!(zone.wildcard(&key("q.new.example."), &lookup).unwrap().is_some());
    assert!(zone.find(&key("under.dname.example.")).unwrap().node.is(kind::DNAME));
    assert!(
        zone.address_node(&key("ns.example."), false)
            .unwrap()
            .unwrap()
            .rrset(RrType::AAAA)
            .unwrap()
            .is_some()
    );
}

#[test]
fn disorder_and_strangers_are_refused_and_nothing_remains() {
    let directory = tempfile::tempdir().unwrap();
    let name = |text: &str| text.parse::<Name>().unwrap();
    let attempt = |lines: [&str; 3]| -> BuildError {
        let mut builder = ImageBuilder::create(directory.path(), "x.image").unwrap();
        builder.begin_zone(name("example.").as_ref(), 1, 1).unwrap();
        let added = lines.iter().try_for_each(|line| builder.add(rrsets(line)[0].as_ref()));
        added.and_then(|()| builder.end_zone().map(|_| ())).unwrap_err()
    };
    let soa = "example. SOA ns. admin. 1 2 3 4 5";
    assert!(matches!(
        attempt([soa, "b.example. A 192.0.2.1", "a.example. A 192.0.2.1"]),
        BuildError::Order { .. }
    ));
    assert!(matches!(attempt([soa, "b.example. TXT x", "b.example. A 192.0.2.1"]), BuildError::Order { .. }));
    assert!(matches!(
        attempt([soa, "b.example. A 192.0.2.1", "a.test. A 192.0.2.1"]),
        BuildError::OutOfZone { .. }
    ));
    assert!(matches!(attempt(["b.example. A 192.0.2.1", soa, soa]), BuildError::Sequence(_)));
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}
