//! A test for each kind of problem; `docs/zone-checks.md` shows the same examples.

use tenon_wire::rdata;

use super::*;
use crate::Rrset;

/// Checks the zone `example.` given as lines of owner, type and data; gives the problems as text.
fn check(lines: &[&str]) -> Vec<String> {
    let origin: Name = "example.".parse().unwrap();
    let mut problems = Vec::new();
    let mut report = |problem: Problem| problems.push(format!("{}: {problem}", problem.severity()));
    let mut checker = ZoneChecker::new(origin.as_ref());
    for rrset in rrsets(&origin, lines) {
        checker.rrset(rrset.as_ref(), &mut report);
    }
    checker.finish(&mut report);
    problems
}

fn rrsets(origin: &Name, lines: &[&str]) -> Vec<Rrset> {
    let mut rrsets: Vec<Rrset> = Vec::new();
    for line in lines {
        let mut words = line.splitn(3, ' ');
        let owner = Name::from_text(words.next().unwrap(), Some(origin.as_ref())).unwrap();
        let rrtype: RrType = words.next().unwrap().parse().unwrap();
        let record = rdata::parse_line(rrtype, words.next().unwrap(), Some(origin.as_ref())).unwrap();
        add(&mut rrsets, owner, rrtype, &record);
    }
    rrsets.sort_by(|a, b| a.owner.cmp(&b.owner).then(a.rrtype.cmp(&b.rrtype)));
    rrsets
}

fn add(rrsets: &mut Vec<Rrset>, owner: Name, rrtype: RrType, record: &[u8]) {
    let found = rrsets.iter().position(|r| r.owner == owner && r.rrtype == rrtype);
    let at = found.unwrap_or_else(|| {
        rrsets.push(Rrset { owner, rrtype, ttl: 300, rdatas: Vec::new() });
        rrsets.len() - 1
    });
    rrsets[at].rdatas.extend((record.len() as u16).to_be_bytes());
    rrsets[at].rdatas.extend_from_slice(record);
}

/// The problems of a good zone with these lines besides.
fn besides(lines: &[&str]) -> Vec<String> {
    let good = ["@ SOA ns hostmaster 1 2 3 4 5", "@ NS ns", "ns A 192.0.2.1"];
    check(&[&good, lines].concat())
}

#[test]
fn a_delegation_that_is_its_own_name_server_has_its_address_before_or_behind() {
    for address in ["sub A 192.0.2.1", "sub AAAA 2001:db8::1"] {
        assert_eq!(besides(&["sub NS sub", address, "other NS SUB"]), [""; 0], "{address}");
    }
    assert_eq!(besides(&["sub NS sub", "a.sub A 192.0.2.1"]).len(), 1);
}

const RRSIG: &str = "8 1 300 20300101000000 20200101000000 1 example. AAAA";
const DNSKEY: &str = "256 3 8 AAAA";

#[test]
fn a_good_zone_has_no_problems() {
    assert_eq!(besides(&[]), [""; 0]);
    assert_eq!(
        besides(&[
            "www CNAME ns",
            "mail MX 10 ns",
            "sub NS ns.sub",
            "sub NS ns.other",
            "ns.sub A 192.0.2.2",
            "ns.sub AAAA 2001:db8::1",
            "other NS other",
            "other A 192.0.2.3",
            "abroad NS ns.example.net.",
            "*.wild A 192.0.2.4",
            "beneath NS any.wild",
        ]),
        // ns.other is below another delegation: whoever looks for it asks there.
        [""; 0]
    );
}

#[test]
fn soa() {
    assert_eq!(check(&["@ NS ns.example.net."]), ["error: example. SOA: the zone has no SOA record"]);
    assert_eq!(
        besides(&["@ SOA ns hostmaster 2 2 3 4 5"]),
        ["error: example. SOA: the zone has more than one SOA record"]
    );
    assert_eq!(
        besides(&["www SOA ns hostmaster 1 2 3 4 5"]),
        ["error: www.example. SOA: an SOA record belongs to the apex of the zone only"]
    );
}

#[test]
fn apex_ns() {
    assert_eq!(
        check(&["@ SOA ns hostmaster 1 2 3 4 5"]),
        ["error: example. NS: the zone has no NS record at its apex"]
    );
}

#[test]
fn out_of_zone() {
    assert_eq!(
        besides(&["www.example.net. A 192.0.2.1"]),
        ["error: www.example.net. A: the name is not in the zone"]
    );
}

#[test]
fn cname() {
    assert_eq!(
        besides(&["www CNAME ns", "www TXT hello"]),
        [
            "error: www.example. CNAME: beside TXT data; an alias can have no other data (RFC 2181 section 10.1)"
        ]
    );
    assert_eq!(
        besides(&["www CNAME ns", "www CNAME ns2"]),
        ["error: www.example. CNAME: an alias can have one CNAME record only"]
    );
}

#[test]
fn dname() {
    assert_eq!(
        besides(&["old DNAME new", "www.old A 192.0.2.1", "older A 192.0.2.1"]),
        ["error: www.old.example. A: is below the DNAME record of old.example., which hides it"]
    );
    assert_eq!(
        besides(&["old DNAME a", "old DNAME b"]),
        ["error: old.example. DNAME: a name can have one DNAME record only"]
    );
    assert_eq!(
        besides(&["old DNAME a", "old NS ns"]),
        ["error: old.example. DNAME: beside NS records; a delegation cannot be renamed"]
    );
}

#[test]
fn too_large() {
    let mut lines = vec![];
    let long = "x".repeat(250);
    let texts: Vec<String> = (0..255).map(|n| format!("big TXT {n}{long}")).collect();
    lines.extend(texts.iter().map(String::as_str));
    let problems = besides(&lines);
    assert_eq!(problems.len(), 1);
    assert!(problems[0].starts_with("error: big.example. TXT: needs a message of 67"), "{problems:?}");
}

#[test]
fn data_of_its_type() {
    let origin: Name = "example.".parse().unwrap();
    let found = |rrtype, record: &[u8]| {
        let mut rrsets = Vec::new();
        add(&mut rrsets, origin.clone(), rrtype, record);
        let mut problems = Vec::new();
        ZoneChecker::new(origin.as_ref())
            .rrset(rrsets[0].as_ref(), &mut |problem| problems.push(problem.what));
        problems
    };
    assert_eq!(found(RrType::A, b"\x01\x02\x03\x04"), []);
    assert_eq!(found(RrType::A, b"\x01\x02\x03"), [ProblemKind::BadRdata(RdataError::Short)]);
    assert_eq!(found(RrType::TSIG, b"x"), [ProblemKind::MetaType]);
    assert_eq!(found(RrType::ANY, b"x"), [ProblemKind::MetaType]);
}

#[test]
fn name_servers_without_address() {
    assert_eq!(
        besides(&["@ NS ns2", "sub NS ns2"]),
        ["warning: example. NS: name server ns2.example. is in this zone and has no address"]
    );
    assert_eq!(
        besides(&["sub NS ns.sub", "sub2 A 192.0.2.1"]),
        [
            "warning: sub.example. NS: name server ns.sub.example. can only be found by its address here (glue), which is missing"
        ]
    );
}

#[test]
fn targets_that_are_aliases() {
    assert_eq!(
        besides(&["alias CNAME ns", "mail MX 1 alias", "sub NS alias", "_a._tcp SRV 0 0 1 alias"]),
        [
            "warning: _a._tcp.example. SRV: points to alias.example., which is an alias (RFC 2181 section 10.3)",
            "warning: mail.example. MX: points to alias.example., which is an alias (RFC 2181 section 10.3)",
            "warning: sub.example. NS: points to alias.example., which is an alias (RFC 2181 section 10.3)",
        ]
    );
}

#[test]
fn hidden_data() {
    assert_eq!(
        besides(&["sub NS ns", "sub MX 1 ns", "www.sub TXT hidden", "ns.sub A 192.0.2.1", "subway TXT seen"]),
        [
            "warning: sub.example. MX: is hidden by the delegation of sub.example.",
            "warning: www.sub.example. TXT: is hidden by the delegation of sub.example.",
        ]
    );
}

#[test]
fn ds_away_from_a_delegation() {
    assert_eq!(
        besides(&["www DS 1 8 99 00", "@ DS 1 8 99 00", "sub NS ns", "sub DS 1 8 99 00"]),
        [
            "warning: example. DS: is not at a delegation, so nobody asks for it",
            "warning: www.example. DS: is not at a delegation, so nobody asks for it",
        ]
    );
}

#[test]
fn half_signed() {
    assert_eq!(
        besides(&[&format!("@ DNSKEY {DNSKEY}")]),
        ["warning: example. RRSIG: the zone is signed in part: it has no RRSIG record"]
    );
    assert_eq!(
        besides(&[&format!("ns RRSIG A {RRSIG}")]),
        ["warning: example. DNSKEY: the zone is signed in part: it has no DNSKEY record"]
    );
}

#[test]
fn unsigned_in_a_signed_zone() {
    let signed = |owner: &str, rrtype: &str| format!("{owner} RRSIG {rrtype} {RRSIG}");
    let mut lines = vec![
        format!("@ DNSKEY {DNSKEY}"),
        signed("@", "SOA"),
        signed("@", "NS"),
        signed("@", "DNSKEY"),
        signed("ns", "A"),
        "sub NS ns".to_owned(),
        "sub DS 1 8 99 00".to_owned(),
        signed("sub", "DS"),
        "glue.sub A 192.0.2.2".to_owned(),
    ];
    let found = |lines: &[String]| besides(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(found(&lines), [""; 0]);
    lines.push("www A 192.0.2.1".to_owned());
    lines.push("sub2 NS ns".to_owned());
    lines.push("sub2 DS 1 8 99 00".to_owned());
    assert_eq!(
        found(&lines),
        [
            "warning: sub2.example. DS: has no signature, though the zone is signed",
            "warning: www.example. A: has no signature, though the zone is signed",
        ]
    );
}

#[test]
fn the_root_zone_can_be_checked() {
    let root = Name::root();
    let lines = [". SOA ns. hostmaster. 1 2 3 4 5", ". NS ns.com.", "com. NS ns.com.", "ns.com. A 192.0.2.1"];
    let mut problems = Vec::new();
    let mut checker = ZoneChecker::new(root.as_ref());
    for rrset in rrsets(&root, &lines) {
        checker.rrset(rrset.as_ref(), &mut |problem| problems.push(problem.to_string()));
    }
    checker.finish(&mut |problem| problems.push(problem.to_string()));
    assert_eq!(problems, [""; 0]);
}

/// `cargo test --release -p tenon-zone -- --ignored --nocapture`
#[test]
#[ignore = "a measurement; run with --release"]
fn three_million_records() {
    let origin: Name = "example.".parse().unwrap();
    let ns = rrsets(&origin, &["x NS ns1.example.net.", "x NS ns2.example.net."]).remove(0);
    let ds =
        rrsets(&origin, &["x DS 1 8 2 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"])
            .remove(0);
    let owners: Vec<Name> = (0..1_000_000).map(|n| format!("d{n:07}.example.").parse().unwrap()).collect();
    let started = std::time::Instant::now();
    let mut problems = 0;
    let mut checker = ZoneChecker::new(origin.as_ref());
    for owner in &owners {
        for rrset in [&ns, &ds] {
            checker.rrset(RrsetRef { owner: owner.as_ref(), ..rrset.as_ref() }, &mut |_| problems += 1);
        }
    }
    checker.finish(&mut |_| problems += 1);
    println!("3,000,000 records checked in {:.2?}", started.elapsed());
    assert_eq!(problems, 2, "no SOA and no NS at the apex");
}
