//! Tests over all types: round trips, other implementations' reading of the same data, hostile octets.

use std::cmp::Ordering;

use hickory_proto::rr::{RData, RecordType};
use hickory_proto::serialize::binary::{BinDecoder, BinEncodable, BinEncoder, NameEncoding, Restrict};
use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::Name;

/// One record of each type in the form in which it is written.
/// The records of `types.txt`: type and data.
static CANONICAL: LazyLock<Vec<(&str, &str)>> = LazyLock::new(|| {
    let lines = include_str!("types.txt").lines().filter(|line| !line.starts_with(';'));
    lines.map(|line| line.split_once(' ').unwrap_or((line, ""))).collect()
});

/// Other ways to write the same.
const OTHERWISE: &[(&str, &str, &str)] = &[
    ("A", r"\# 4 C0 000 201", "192.0.2.1"),
    ("SOA", "ns.example. admin.example. 1 2h 1H 2w 5m", "ns.example. admin.example. 1 7200 3600 1209600 300"),
    ("TXT", r"bare \097\;b", r#""bare" "a;b""#),
    ("WKS", "192.0.2.1 TCP telnet smtp 21", "192.0.2.1 6 21 23 25"),
    (
        "RRSIG",
        "A RSASHA256 1 60 2087942399 0 1 example. AQ ID BA = =",
        "A 8 1 60 20360229235959 19700101000000 1 example. AQIDBA==",
    ),
    ("LOC", "52 N 4 30 E -2m", "52 0 0.000 N 4 30 0.000 E -2.00m 1.00m 10000.00m 10.00m"),
    ("NSAP", "0x47.0005.80.005a", "0x47000580005A"),
    (
        "NSEC3",
        "1 0 0 - 2t7b4g4vsa5smi47k61mv5bv1a22bojr type1 TYPE257",
        "1 0 0 - 2T7B4G4VSA5SMI47K61MV5BV1A22BOJR A CAA",
    ),
    (
        "HTTPS",
        "1 . port=\"53\" alpn=h2 key4=\\192\\000\\002\\001",
        r#"1 . alpn="h2" port=53 ipv4hint=192.0.2.1"#,
    ),
    ("CERT", "PKIX 1 RSASHA256 AQID", "1 1 8 AQID"),
    ("DSYNC", "CDS NOTIFY 5359 a.example.", "CDS 1 5359 a.example."),
    ("EUI48", "00-00-5E-00-53-2A", "00-00-5e-00-53-2a"),
    ("CAA", "0 ISSUE ca.example", r#"0 ISSUE "ca.example""#),
    ("DS", "1 ECDSAP256SHA256 9 ab cd e f ; comment", "1 13 9 ABCDEF"),
];

const BAD: &[(&str, &str)] = &[
    ("A", "192.0.2"),
    ("A", "192.0.2.256"),
    ("A", "192.0.2.1 192.0.2.2"),
    ("A", ""),
    ("A", r"\# 3 C00002"),
    ("A", r"\# 4 C00002"),
    ("A", r"\# x C0000201"),
    ("AAAA", "2001:db8::1::"),
    ("NS", ""),
    ("NS", "a..b."),
    ("MX", "65536 a."),
    ("MX", "-1 a."),
    ("MX", "1"),
    ("SOA", "a. b. 1 2 3 4"),
    ("SOA", "a. b. 1 2 3 4 5 6"),
    ("SOA", "a. b. 4294967296 2 3 4 5"),
    ("TXT", ""),
    ("TXT", r"a\256"),
    ("TXT", r"a\12"),
    ("TXT", r#"a"b"#),
    ("TXT", r#""never closed"#),
    ("DS", "1 13 2 D4B7"),
    ("DS", "1 13 2 XYZ"),
    ("DS", "1 13 2"),
    ("DS", "1 NOSUCH 2 00"),
    ("DNSKEY", "257 3 13"),
    ("DNSKEY", "257 3 13 A==="),
    ("RRSIG", "A 8 1 60 20361332000000 20240229000000 1 example. AQID"),
    ("RRSIG", "NOTYPE 8 1 60 20360229235959 20240229000000 1 example. AQID"),
    ("NSEC", "a."),
    ("NSEC", "a. A BOGUS"),
    ("NSEC3", "1 0 0 - "),
    ("NSEC3", "1 0 0 - !!"),
    ("NSEC3PARAM", "1 0 0 ABC"),
    ("LOC", "91 0 0 N 0 0 0 E 0m"),
    ("LOC", "52 60 0 N 0 0 0 E 0m"),
    ("LOC", "52 X"),
    ("APL", "1:192.0.2.0/33"),
    ("APL", "3:00/8"),
    ("APL", "1"),
    ("EUI48", "00-00-5e-00-53"),
    ("EUI48", "00:00:5e:00:53:2a"),
    ("NID", "1 14:4fff:ff20"),
    ("CAA", "0 is-sue x"),
    ("CAA", "0 issue"),
    ("URI", r#"1 1 """#),
    ("IPSECKEY", "1 4 2 . AQID"),
    ("AMTRELAY", "1 2 0 ."),
    ("HIP", "2 00 "),
    ("SVCB", "1 . alpn"),
    ("SVCB", "1 . bogus=1"),
    ("SVCB", "1 . key01=x"),
    ("SVCB", "1 . port=1 port=2"),
    ("SVCB", "1 . mandatory=alpn"),
    ("SVCB", "1 . mandatory=mandatory"),
    ("SVCB", "1 . no-default-alpn=x"),
    ("SVCB", "1 . ipv4hint="),
    ("SVCB", "1 . alpn=,h2"),
    ("NULL", "abc"),
    ("TYPE65280", "abc"),
    ("ANY", r"\# 0"),
    ("OPT", r"\# 0"),
    ("WKS", "192.0.2.1 tcp nosuchservice"),
    ("NSAP", "47"),
    ("CSYNC", "1"),
    ("ZONEMD", "1 1 1 00"),
];

fn rrtype(text: &str) -> RrType {
    text.parse().unwrap()
}

fn wire(kind: &str, text: &str) -> Vec<u8> {
    parse_line(rrtype(kind), text, None).unwrap_or_else(|error| panic!("{kind} {text}: {error}"))
}

#[test]
fn every_type_goes_to_wire_and_back() {
    for (kind, text) in CANONICAL.iter() {
        let octets = wire(kind, text);
        assert_eq!(validate(rrtype(kind), &octets), Ok(()), "{kind} {text}");
        assert_eq!(display(rrtype(kind), &octets).to_string(), *text, "{kind}");
    }
}

#[test]
fn other_spellings_mean_the_same() {
    for (kind, text, canonical) in OTHERWISE {
        assert_eq!(display(rrtype(kind), &wire(kind, text)).to_string(), *canonical, "{kind} {text}");
    }
}

#[test]
fn bad_text_is_refused_and_leaves_nothing() {
    for (kind, text) in BAD {
        let result = parse_line(rrtype(kind), text, None);
        assert!(result.is_err(), "{kind} {text} became {result:?}");
    }
    let mut out = b"before".to_vec();
    let tokens = [Token { text: b"10", quoted: false }, Token { text: b"a..b.", quoted: false }];
    let error = parse_text(RrType::MX, &tokens, None, &mut out).unwrap_err();
    assert_eq!((error.token, out.as_slice()), (1, &b"before"[..]));
    let error = parse_text(RrType::MX, &tokens[..1], None, &mut out).unwrap_err();
    assert_eq!(error.token, 1, "the missing word is behind the last one");
}

#[test]
fn every_proper_prefix_of_fixed_types_is_short() {
    for (kind, text) in CANONICAL
        .iter()
        .filter(|(kind, _)| matches!(*kind, "A" | "AAAA" | "MX" | "SOA" | "SRV" | "LOC" | "L32"))
    {
        let octets = wire(kind, text);
        for end in 0..octets.len() {
            assert_eq!(validate(rrtype(kind), &octets[..end]), Err(RdataError::Short), "{kind} {end}");
        }
        let longer = [&octets[..], &[0]].concat();
        assert_eq!(validate(rrtype(kind), &longer), Err(RdataError::Trailing), "{kind}");
    }
}

#[test]
fn relative_names_are_completed() {
    let origin: Name = "example.com.".parse().unwrap();
    let octets = parse_line(RrType::SOA, "ns @ 1 2 3 4 5", Some(origin.as_ref())).unwrap();
    assert_eq!(display(RrType::SOA, &octets).to_string(), "ns.example.com. example.com. 1 2 3 4 5");
}

#[test]
fn names_are_found_and_only_classic_ones_compress() {
    let at = |kind: &str, text: &str| {
        let octets = wire(kind, text);

        names(rrtype(kind), &octets).map(|n| (n.start, n.end, n.compressible)).collect::<Vec<_>>()
    };
    assert_eq!(at("MX", "10 a.b."), [(2, 7, true)]);
    assert_eq!(at("SOA", "a. b. 1 2 3 4 5"), [(0, 3, true), (3, 6, true)]);
    assert_eq!(at("SRV", "1 2 3 a."), [(6, 9, false)]);
    assert_eq!(at("RP", "a. b."), [(0, 3, false), (3, 6, false)]);
    assert_eq!(at("NAPTR", r#"1 2 "u" "" "" a."#), [(8, 11, false)]);
    assert_eq!(at("RRSIG", "A 8 1 60 1 0 1 a. AQID"), [(18, 21, false)]);
    assert_eq!(at("NSEC", "a. A"), [(0, 3, false)]);
    assert_eq!(at("HIP", "2 AA AQID a. b."), [(8, 11, false), (11, 14, false)]);
    assert_eq!(at("IPSECKEY", "10 3 2 a. AQID"), [(3, 6, false)]);
    assert_eq!(at("IPSECKEY", "10 1 2 192.0.2.1 AQID"), []);
    assert_eq!(at("AMTRELAY", "10 1 3 a."), [(2, 5, false)]);
    assert_eq!(at("SVCB", "1 a. port=1"), [(2, 5, false)]);
    assert_eq!(at("A", "192.0.2.1"), []);
    assert_eq!(at("TYPE65280", r"\# 2 0161"), []);
}

#[test]
fn canonical_order_ignores_case_where_rfc_4034_says_so() {
    let order = |kind: &str, a: &str, b: &str| canonical_cmp(rrtype(kind), &wire(kind, a), &wire(kind, b));
    assert_eq!(order("MX", "10 A.example.", "10 a.EXAMPLE."), Ordering::Equal);
    assert_eq!(order("MX", "10 A.example.", "10 b.example."), Ordering::Less);
    assert_eq!(order("MX", "10 a.example.", "10 B.example."), Ordering::Less);
    assert_eq!(order("MX", "2 z.", "10 a."), Ordering::Less);
    assert_eq!(order("SOA", "A. B. 1 2 3 4 5", "a. b. 1 2 3 4 6"), Ordering::Less);
    assert_eq!(order("NS", "aa.", "b."), Ordering::Greater);
    assert_eq!(
        order("RRSIG", "A 8 1 60 1 0 1 EXAMPLE. AQID", "A 8 1 60 1 0 1 example. AQID"),
        Ordering::Equal
    );
    assert_ne!(order("NSEC", "A. A", "a. A"), Ordering::Equal);
    assert_ne!(order("SVCB", "1 A.", "1 a."), Ordering::Equal);
    assert_ne!(order("TXT", "A", "a"), Ordering::Equal);
    assert_eq!(order("TXT", "a", "a b"), Ordering::Less);
}

/// What `domain` makes of the same line; none when it does not know the type's text.
fn read_by_domain(kind: &str, text: &str) -> Option<Vec<u8>> {
    use domain::base::rdata::ComposeRecordData;
    use domain::zonefile::inplace::{Entry, Zonefile};
    let line = format!("example. 3600 IN {kind} {text}\n");
    let mut zonefile = Zonefile::load(&mut line.as_bytes()).unwrap();
    match zonefile.next_entry() {
        Ok(Some(Entry::Record(record))) => {
            let mut octets = Vec::new();
            record.data().compose_rdata(&mut octets).unwrap();
            Some(octets)
        }
        _ => None,
    }
}

#[test]
fn domain_reads_our_text_as_the_same_octets() {
    let mut compared = 0;
    for (kind, text) in CANONICAL.iter().copied().chain(OTHERWISE.iter().map(|&(kind, text, _)| (kind, text)))
    {
        if let Some(theirs) = read_by_domain(kind, text) {
            compared += 1;
            assert_eq!(wire(kind, text), theirs, "{kind} {text}");
        }
    }
    assert!(compared > 40, "only {compared} compared");
}

#[test]
fn every_type_is_read_in_generic_form() {
    for (kind, text) in CANONICAL.iter() {
        let octets = wire(kind, text);
        let mut generic = String::new();
        super::generic::write(&octets, &mut generic).unwrap();
        assert_eq!(wire(kind, &generic), octets, "{kind}");
    }
}

#[test]
fn hickory_reads_our_octets_and_writes_them_again() {
    let mut compared = 0;
    for (kind, text) in CANONICAL.iter() {
        let octets = wire(kind, text);
        let mut decoder = BinDecoder::new(&octets);
        let restrict = Restrict::new(octets.len() as u16);
        match RData::read(&mut decoder, RecordType::from(rrtype(kind).0), restrict) {
            Ok(data) => {
                let mut again = Vec::new();
                let mut encoder = BinEncoder::new(&mut again);
                encoder.set_name_encoding(NameEncoding::Uncompressed);
                data.emit(&mut encoder).unwrap();
                assert_eq!(again, octets, "{kind} {text}");
                compared += 1;
            }
            Err(error) => panic!("{kind} {text}: {error}"),
        }
    }
    assert!(compared > 70, "only {compared} compared");
}

fn any_type() -> impl Strategy<Value = RrType> {
    let known = CANONICAL.iter().map(|(kind, _)| rrtype(kind)).collect::<Vec<_>>();
    prop_oneof![4 => proptest::sample::select(known), 1 => any::<u16>().prop_map(RrType)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_octets_are_judged_without_panic(kind in any_type(), octets in prop::collection::vec(any::<u8>(), 0..80)) {
        let verdict = validate(kind, &octets);
        let found = names(kind, &octets).collect::<Vec<_>>();
        prop_assert!(found.iter().all(|name| name.start < name.end && name.end <= octets.len()));
        let text = display(kind, &octets).to_string();
        let _ = canonical_cmp(kind, &octets, &octets[..octets.len() / 2]);
        if verdict.is_ok() {
            prop_assert_eq!(parse_line(kind, &text, None).map_err(|e| e.to_string()), Ok(octets));
        }
    }

    #[test]
    fn any_change_to_good_data_is_judged_without_panic(
        index in 0..CANONICAL.len(), position in any::<prop::sample::Index>(), value in any::<u8>(), cut in any::<bool>(),
    ) {
        let (kind, text) = CANONICAL[index];
        let mut octets = wire(kind, text);
        prop_assume!(!octets.is_empty());
        let position = position.index(octets.len());
        if cut { octets.truncate(position) } else { octets[position] = value }
        let text = display(rrtype(kind), &octets).to_string();
        if validate(rrtype(kind), &octets).is_ok() {
            prop_assert_eq!(parse_line(rrtype(kind), &text, None).map_err(|e| e.to_string()), Ok(octets));
        }
    }

    #[test]
    fn any_text_is_read_without_panic(kind in any_type(), text in r#"[ -~]{0,60}"#) {
        let _ = parse_line(kind, &text, None);
    }

    #[test]
    fn any_change_to_good_text_is_read_without_panic(
        index in 0..CANONICAL.len(), position in any::<prop::sample::Index>(), octet in 0x20u8..0x7f,
    ) {
        let (kind, text) = CANONICAL[index];
        prop_assume!(!text.is_empty());
        let mut text = text.as_bytes().to_vec();
        let position = position.index(text.len());
        text[position] = octet;
        let text = String::from_utf8(text).unwrap();
        if let Ok(octets) = parse_line(rrtype(kind), &text, None) {
            prop_assert_eq!(validate(rrtype(kind), &octets), Ok(()));
            let again = display(rrtype(kind), &octets).to_string();
            prop_assert_eq!(parse_line(rrtype(kind), &again, None).map_err(|e| e.to_string()), Ok(octets));
        }
    }

    #[test]
    fn canonical_order_is_an_order(
        kind in any_type(), a in prop::collection::vec(0u8..4, 0..12), b in prop::collection::vec(0u8..4, 0..12),
    ) {
        prop_assert_eq!(canonical_cmp(kind, &a, &b), canonical_cmp(kind, &b, &a).reverse());
        prop_assert_eq!(canonical_cmp(kind, &a, &a), Ordering::Equal);
    }
}
