//! Walking over a zone gives everything that was put in, once.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::collections::BTreeSet;

use support::{build, manifest, rrsets, zone};
use tenon_image::{Catalog, ImageBuilder, ImageFile, ZoneImage};
use tenon_wire::{Name, RrType};

const ZONE: &str = "
    example. SOA ns.example. admin.example. 1 2 3 4 5
    example. NS ns.example.
    ns.example. A 192.0.2.1
    a.b.c.d.e.example. A 192.0.2.2
    *.w.example. A 192.0.2.3
    cut.example. NS ns.cut.example.
    ns.cut.example. A 192.0.2.5
    dname.example. DNAME other.test.
    under.dname.example. A 192.0.2.7
    0p9mhaveqvm6t7vbl5lop2u3t2rp3tom.example. NSEC3 x
    0p9mhaveqvm6t7vbl5lop2u3t2rp3tom.example. RRSIG NSEC3
";

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn catalog(directory: &std::path::Path, files: Vec<ImageFile>) -> Catalog {
    Catalog::open(directory, &manifest(vec![zone("example.", files)]), None, &BTreeSet::new())
}

/// Owner and type of every RRset; signatures as `RRSIG`.
fn walk(image: &ZoneImage) -> Vec<(String, RrType)> {
    let mut found = Vec::new();
    for node in image.nodes().unwrap() {
        let node = node.unwrap();
        let owner = [node.relative_name().unwrap(), image.origin().octets()].concat();
        let owner = tenon_wire::NameRef::from_octets(&owner).unwrap().to_string();
        for rrset in node.rrsets() {
            let rrset = rrset.unwrap();
            if rrset.records > 0 {
                found.push((owner.clone(), rrset.rrtype));
            }
            if rrset.signatures > 0 {
                found.push((owner.clone(), RrType::RRSIG));
            }
        }
    }
    found
}

#[test]
fn a_base_is_walked_in_canonical_order() {
    let directory = tempfile::tempdir().unwrap();
    let pack = [("example.", ZONE), ("other.", "other. SOA ns. admin. 1 2 3 4 5\nother. NS ns.test.")];
    let file = build(directory.path(), "a.image", &pack);
    let catalog = catalog(directory.path(), vec![file]);
    let image = catalog.image(name("EXAMPLE.").as_ref()).unwrap();
    let expected: Vec<_> = rrsets(ZONE).iter().map(|rrset| (rrset.owner.to_string(), rrset.rrtype)).collect();
    let mut found = walk(image);
    assert_eq!(found.first().unwrap().0, "example.");
    // Signatures stand with what they cover, not in the place of their own type.
    found.sort_by_key(|found| (name(&found.0), found.1));
    assert_eq!(found, expected);
    assert!(catalog.image(name("x.example.").as_ref()).is_none());
    image.verify_bodies().unwrap();
}

#[test]
fn what_a_layer_restates_or_removes_does_not_come_from_below() {
    let directory = tempfile::tempdir().unwrap();
    let base = build(directory.path(), "a.image", &[("example.", ZONE)]);
    let mut layer = ImageBuilder::create_layer(directory.path(), "a.layer").unwrap();
    layer.begin_zone(name("example.").as_ref(), 2, 2).unwrap();
    let restated = "example. SOA ns. admin. 2 2 3 4 5\nexample. NS ns.example.\n\
        0P9MHAVEQVM6T7VBL5LOP2U3T2RP3TOM.example. NSEC3 y";
    rrsets(restated).iter().for_each(|rrset| layer.add(rrset.as_ref()).unwrap());
    layer.remove(name("cut.example.").as_ref(), false).unwrap();
    layer.remove(name("ns.cut.example.").as_ref(), false).unwrap();
    let added = "new.example. A 192.0.2.9\nns.example. AAAA 2001:db8::1";
    rrsets(added).iter().for_each(|rrset| layer.add(rrset.as_ref()).unwrap());
    layer.end_zone().unwrap();
    let layer = layer.finish().unwrap();
    let catalog = catalog(directory.path(), vec![base, layer]);
    let found = walk(catalog.image(name("example.").as_ref()).unwrap());
    let of = |owner: &str| -> Vec<RrType> {
        found.iter().filter(|(found, _)| found == owner).map(|(_, rrtype)| *rrtype).collect()
    };
    assert_eq!(of("example."), [RrType::NS, RrType::SOA]);
    assert_eq!(of("ns.example."), [RrType::AAAA]);
    assert_eq!(of("new.example."), [RrType::A]);
    // A name that is found by its hash only.
    let hashed: Vec<_> = found.iter().filter(|(owner, _)| owner.to_lowercase().starts_with("0p9m")).collect();
    assert_eq!(hashed, [&("0P9MHAVEQVM6T7VBL5LOP2U3T2RP3TOM.example.".to_owned(), RrType::NSEC3)]);
    assert_eq!(of("a.b.c.d.e.example."), [RrType::A]);
    assert!(of("cut.example.").is_empty() && of("ns.cut.example.").is_empty());
}

#[test]
fn records_are_written_out_page_by_page_by_name_and_as_a_master_file() {
    let directory = tempfile::tempdir().unwrap();
    let file = build(directory.path(), "a.image", &[("example.", ZONE)]);
    let catalog = catalog(directory.path(), vec![file]);
    let image = catalog.image(name("example.").as_ref()).unwrap();
    assert_eq!(image.serial().unwrap(), 1);
    let texts = |found: Vec<tenon_image::Records>| -> Vec<String> {
        found.iter().map(|records| format!("{} {}", records.owner, records.rrtype)).collect()
    };
    for (owner, expected) in [
        ("ns.EXAMPLE.", &["ns.example. A"][..]),
        ("ns.cut.example.", &["ns.cut.example. A"]),
        ("under.dname.example.", &["under.dname.example. A"]),
        ("b.c.d.e.example.", &[]),
        ("other.", &[]),
    ] {
        assert_eq!(texts(image.records_at(name(owner).as_ref()).unwrap()), expected, "{owner}");
    }
    let whole = texts(image.records_after(None, 1000).unwrap());
    let (mut paged, mut after) = (Vec::new(), None);
    loop {
        let page = image.records_after(after.as_ref().map(Name::as_ref), 2).unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.owner.clone());
        assert!(page.len() <= 3, "{page:?}");
        paged.extend(texts(page));
    }
    assert_eq!(paged, whole);
    let mut text = Vec::new();
    let count = image.write_master(&mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    assert_eq!(text.lines().count() as u64, count);
    assert!(text.starts_with("example.\t") && text.lines().next().unwrap().contains("\tSOA\t"), "{text}");
    assert_eq!(text.matches("\tSOA\t").count(), 1);
    assert!(text.contains("example.\t300\tIN\tNS\tns.example.\n"), "{text}");
}

#[test]
fn a_damaged_file_ends_the_walk_and_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = build(directory.path(), "a.image", &[("example.", ZONE)]);
    let path = directory.path().join(&file.name);
    let whole = std::fs::read(&path).unwrap();
    for at in (256..whole.len()).step_by(3) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0xff;
        // A file of its own: what is mapped is never written again.
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, &damaged).unwrap();
        let catalog = catalog(directory.path(), vec![file.clone()]);
        let image = catalog.image(name("example.").as_ref()).unwrap();
        let Ok(nodes) = image.nodes() else { continue };
        assert!(nodes.take(1000).count() < 1000, "octet {at}");
        if at < whole.len() / 2 {
            assert_eq!(image.verify_bodies().unwrap_err().file, file.name, "octet {at}");
        }
    }
}
