//! Tests: what carries over, directives, mistakes and where they are told, another reader's opinion.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use proptest::prelude::*;
use tenon_wire::{Name, rdata};

use super::*;

/// Records as `owner ttl type data`, problems as text, and the summary.
fn read_with(text: &[u8], limits: &Limits) -> (Vec<String>, Vec<Problem>, Summary) {
    let origin: Name = "example.com.".parse().unwrap();
    let (mut records, mut problems) = (Vec::new(), Vec::new());
    let summary = read_text(text, origin.as_ref(), limits, |item| collect(item, &mut records, &mut problems));
    (records, problems, summary)
}

fn read_path(path: &Path) -> (Vec<String>, Vec<Problem>, Summary) {
    let origin: Name = "example.com.".parse().unwrap();
    let (mut records, mut problems) = (Vec::new(), Vec::new());
    let limits = Limits::default();
    let summary =
        read_file(path, origin.as_ref(), &limits, |item| collect(item, &mut records, &mut problems));
    (records, problems, summary)
}

fn collect(item: Item<'_>, records: &mut Vec<String>, problems: &mut Vec<Problem>) -> ControlFlow<()> {
    match item {
        Item::Record(r) => {
            records.push(format!("{} {} {} {}", r.owner, r.ttl, r.rrtype, rdata::display(r.rrtype, r.rdata)));
        }
        Item::Problem(problem) => problems.push(problem),
    }
    ControlFlow::Continue(())
}

fn good(text: &str) -> Vec<String> {
    let (records, problems, _) = read_with(text.as_bytes(), &Limits::default());
    assert_eq!(problems, [], "{text}");
    records
}

/// Problems as `line:column reason`.
fn told(text: &str) -> Vec<String> {
    let (_, problems, _) = read_with(text.as_bytes(), &Limits::default());
    let column = |p: &Problem| p.mark.as_ref().map_or(0, |mark| mark.column);
    problems.iter().map(|p| format!("{}:{} {}", p.line, column(p), p.reason)).collect()
}

#[test]
fn owners_ttls_and_classes_carry_over() {
    let text = "$TTL 1h\n\
        @ IN SOA ns admin ( 1 ; serial\n   2h 1h\n 2w 5m )\n\
        \tNS ns\n\
        ns 60 IN A 192.0.2.1\n\
        \x20 IN 120 AAAA 2001:db8::1\n\
        $ORIGIN sub\n\
        www in a 192.0.2.2\n\
        a.b.c. CLASS1 TYPE1 \\# 4 C0000203\n\
        $ORIGIN .\n\
        \ttxt \"semi;colon\" (paren) \"( quoted )\" ; comment\n\
        last CNAME com.";
    assert_eq!(
        good(text),
        [
            "example.com. 3600 SOA ns.example.com. admin.example.com. 1 7200 3600 1209600 300",
            "example.com. 3600 NS ns.example.com.",
            "ns.example.com. 60 A 192.0.2.1",
            "ns.example.com. 120 AAAA 2001:db8::1",
            "www.sub.example.com. 3600 A 192.0.2.2",
            "a.b.c. 3600 A 192.0.2.3",
            "a.b.c. 3600 TXT \"semi;colon\" \"paren\" \"( quoted )\"",
            "last. 3600 CNAME com.",
        ]
    );
}

#[test]
fn without_a_ttl_directive_the_last_one_stated_holds() {
    assert_eq!(
        good("a 60 A 192.0.2.1\nb A 192.0.2.1\n"),
        ["a.example.com. 60 A 192.0.2.1", "b.example.com. 60 A 192.0.2.1"]
    );
    assert_eq!(
        told("@ SOA a b 1 2 3 4 300\nb A 192.0.2.1\n"),
        ["1:0 no TTL and no $TTL; the SOA minimum, 300 s, is taken; put a line like `$TTL 300` at the top"]
    );
    assert_eq!(
        told("b A 192.0.2.1\n")[0],
        "1:3 no TTL here, no $TTL and no SOA record before; put a line like `$TTL 3600` at the top"
    );
}

#[test]
fn line_ends_of_all_systems_and_none_at_the_end() {
    let expected = ["a.example.com. 1 A 192.0.2.1", "a.example.com. 1 TXT \"x\""];
    assert_eq!(good("a 1 A 192.0.2.1\r\n\r\n ; c\r\n  1 TXT \"x\"\r\n"), expected);
    assert_eq!(good("a 1 A 192.0.2.1\n  1 TXT \"x\""), expected);
    assert_eq!(good("a 1 A 192.0.2.1\n  1 TXT x"), expected);
    assert_eq!(good(""), [""; 0]);
    assert_eq!(good("\n\n;only\n  \n"), [""; 0]);
}

#[test]
fn a_byte_order_mark_is_told_and_skipped() {
    let (records, problems, _) = read_with(b"\xef\xbb\xbfa 1 A 192.0.2.1\n", &Limits::default());
    assert_eq!(records, ["a.example.com. 1 A 192.0.2.1"]);
    assert_eq!((problems[0].severity, &problems[0].reason), (Severity::Warning, &Reason::ByteOrderMark));
}

#[test]
fn binary_files_are_told_once() {
    for text in [&b"a 1 A 192.0.2.1\nb\0c 1 A 192.0.2.1\n"[..], b"\x1f\x8b\x08\0\0\0\0", b"\xff\xfea\0 \0"] {
        let (_, problems, _) = read_with(text, &Limits::default());
        assert_eq!(problems.len(), 1);
        assert!(matches!(problems[0].reason, Reason::Binary(_)), "{problems:?}");
    }
}

#[test]
fn mistakes_are_told_with_their_place_and_reading_goes_on() {
    let text = "$TTL 60\n\
        a A 192.0.2.300\n\
        b AAAAA 192.0.2.1\n\
        c..d A 192.0.2.1\n\
        \tA 192.0.2.1\n\
        e MX ten (\n   mail )\n\
        f MX 10\n\
        g CH A 192.0.2.1\n\
        h TXT \"open\n\
        i ) A 192.0.2.1\n\
        $NONSENSE 1\n\
        $TTL 1y\n\
        $ORIGIN a..b.\n\
        j 60 60 A 192.0.2.1\n\
        k\n\
        l A 192.0.2.1 extra\n\
        fine A 192.0.2.1\n";
    let (records, _, summary) = read_with(text.as_bytes(), &Limits::default());
    assert_eq!(
        told(text),
        [
            "2:5 A: this is not an IPv4 address",
            "3:3 unknown record type AAAAA (types without a name are written TYPEn)",
            "4:1 owner is not a domain name: empty label",
            "6:6 MX: this is not a number up to 65535",
            "8:8 MX: a domain name is missing",
            "9:3 class CH; only class IN is served",
            "10:7 this quote is not closed on the same line",
            "11:3 this parenthesis was never opened",
            "12:1 unknown directive $NONSENSE; known are $ORIGIN, $TTL, $INCLUDE and $GENERATE",
            "13:6 not a TTL (0 to 2147483647 seconds, or with units such as 1h30m), and no type starts with a digit",
            "14:9 not a domain name: empty label",
            "15:6 not a TTL (0 to 2147483647 seconds, or with units such as 1h30m), and no type starts with a digit",
            "16:2 the record type is missing",
            "17:15 A: unexpected text behind the last field",
        ]
    );
    assert_eq!(records, ["fine.example.com. 60 A 192.0.2.1"]);
    assert_eq!((summary.errors, summary.records, summary.stopped), (14, 1, false));
}

#[test]
fn a_mark_shows_the_word_in_its_line() {
    let (_, problems, _) = read_with(b"$TTL 60\nwww\tA   192.0.2.300 ; x\n", &Limits::default());
    let mark = problems[0].mark.as_ref().unwrap();
    assert_eq!(
        (mark.excerpt.as_str(), mark.start, mark.length, mark.column),
        ("www A   192.0.2.300 ; x", 8, 11, 9)
    );
    let long = format!("a 60 TXT {} \"{}\"\n", "x ".repeat(500), "y".repeat(300));
    let (_, problems, _) = read_with(long.as_bytes(), &Limits::default());
    let mark = problems[0].mark.as_ref().unwrap();
    assert!(mark.excerpt.len() <= 160 && mark.start < mark.excerpt.len() && mark.start + mark.length <= 160);
}

#[test]
fn a_parenthesis_that_never_closes_is_told_where_it_opened() {
    assert_eq!(told("a 1 A 192.0.2.1\nb 1 TXT ( x\ny\n"), ["2:9 this parenthesis is never closed"]);
    let endless = format!("b 1 TXT ( {}", "word\n".repeat(300_000));
    assert_eq!(told(&endless), ["1:1 entry longer than 1048576 octets; is a parenthesis not closed?"]);
}

#[test]
fn reading_stops_after_too_many_errors() {
    let text = "a 1 A x\n".repeat(100);
    let (_, problems, summary) = read_with(text.as_bytes(), &Limits { errors: 5, ..Limits::default() });
    assert_eq!((problems.len(), summary.errors, summary.stopped), (6, 5, true));
    assert_eq!(problems[5].reason, Reason::TooManyErrors);
}

#[test]
fn entries_across_buffer_ends_are_whole() {
    let mut text = String::new();
    let mut expected = Vec::new();
    for number in 0..40_000 {
        text += &format!("name{number} 60 IN TXT ( \"text {number}\"\n\t; comment\n two )\n");
        expected.push(format!("name{number}.example.com. 60 TXT \"text {number}\" \"two\""));
    }
    assert_eq!(good(&text), expected);
}

#[test]
fn long_data_is_read_up_to_its_bound() {
    let text = format!("a 1 TYPE65280 \\# 65535 {}\n", "ab".repeat(65535));
    assert_eq!(good(&text).len(), 1);
    let text = format!(
        "a 1 TXT {}\n",
        "\"0123456789012345678901234567890123456789012345678901234567890123\" ".repeat(1100)
    );
    assert_eq!(told(&text).len(), 1);
    assert!(told(&text)[0].ends_with("record data longer than 65535 octets"), "{}", told(&text)[0]);
}

#[test]
fn generate_makes_records() {
    assert_eq!(
        good("$TTL 60\n$GENERATE 1-1 a TXT \"hello \\\"w $\\\" x\"\n"),
        ["a.example.com. 60 TXT \"hello\" \"w 1\" \"x\""]
    );
    assert_eq!(
        good(
            "$TTL 60\n$GENERATE 1-3/2 host$ A 192.0.2.$\n$GENERATE 0-1 ${1,2,d} 30 IN MX \"10 mx$\"\n\tTXT last\n"
        ),
        [
            "host1.example.com. 60 A 192.0.2.1",
            "host3.example.com. 60 A 192.0.2.3",
            "01.example.com. 30 MX 10 mx0.example.com.",
            "02.example.com. 30 MX 10 mx1.example.com.",
            "02.example.com. 60 TXT \"last\"",
        ]
    );
    assert_eq!(
        told("$TTL 1\n$GENERATE 250-300 h A 192.0.2.$\n"),
        ["2:23 generated record hA192.0.2.256: A: this is not an IPv4 address"]
    );
    assert_eq!(
        told("$GENERATE 1-2 a$\n")[0],
        "1:1 usage: $GENERATE start-stop[/step] owner [TTL] [class] type data"
    );
    assert_eq!(
        told("$GENERATE 0-2147483647 a$ 1 A 192.0.2.1\n"),
        ["1:11 $GENERATE would make more than 10000000 records in all"]
    );
}

#[test]
fn includes_are_beside_the_file_and_keep_origin_and_owner() {
    let place = tempfile::tempdir().unwrap();
    fs::create_dir(place.path().join("parts")).unwrap();
    fs::write(place.path().join("parts/one"), "here A 192.0.2.1\n$ORIGIN deeper\n$INCLUDE two\n").unwrap();
    fs::write(place.path().join("parts/two"), "@ A 192.0.2.2\n").unwrap();
    let main = place.path().join("main.zone");
    fs::write(
        &main,
        "$TTL 60\nwww A 192.0.2.3\n$INCLUDE parts/one sub\n\tTXT www\n$INCLUDE parts/two\nlast A 192.0.2.4\n",
    )
    .unwrap();
    let (records, problems, summary) = read_path(&main);
    assert_eq!(problems, []);
    assert_eq!(
        records,
        [
            "www.example.com. 60 A 192.0.2.3",
            "here.sub.example.com. 60 A 192.0.2.1",
            "deeper.sub.example.com. 60 A 192.0.2.2",
            "www.example.com. 60 TXT \"www\"",
            "example.com. 60 A 192.0.2.2",
            "last.example.com. 60 A 192.0.2.4",
        ]
    );
    assert_eq!(summary.files.len(), 3);
}

#[test]
fn include_loops_and_bad_files_are_told() {
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name);
    fs::write(at("a"), "$INCLUDE b\n").unwrap();
    fs::write(at("b"), "$TTL 1\n\n$INCLUDE ./../c\n$INCLUDE c\n").unwrap();
    fs::write(at("c"), "x A 192.0.2.1\n$INCLUDE a\n").unwrap();
    let (_, problems, _) = read_path(&at("a"));
    let reasons: Vec<String> = problems.iter().map(Problem::to_string).collect();
    assert_eq!(problems.len(), 2, "{reasons:?}");
    assert!(reasons[0].contains("/b:3:10: ") && reasons[0].contains("No such file"), "{}", reasons[0]);
    assert!(reasons[1].contains("/c:2:10: ") && reasons[1].contains("includes itself"), "{}", reasons[1]);
    fs::write(at("self"), "$INCLUDE self\n$INCLUDE .\n$INCLUDE /dev/zero\n$INCLUDE\n").unwrap();
    let (_, problems, _) = read_path(&at("self"));
    assert!(matches!(problems[0].reason, Reason::IncludeLoop(_)));
    assert!(
        matches!(problems[1].reason, Reason::Include { .. })
            && matches!(problems[2].reason, Reason::Include { .. })
    );
    assert!(matches!(problems[3].reason, Reason::Usage(_)));
}

#[test]
fn a_text_that_is_sent_includes_nothing_and_looks_at_no_path() {
    let mut problems = Vec::new();
    let text = b"$TTL 60\n$INCLUDE /etc/passwd\n$INCLUDE /no/such/file\nwww A 192.0.2.1\n";
    let mut records = 0;
    let origin: tenon_wire::Name = "example.com.".parse().unwrap();
    super::read_open(&text[..], Path::new("(sent)"), origin.as_ref(), &Limits::default(), |item| {
        match item {
            Item::Record(_) => records += 1,
            Item::Problem(problem) => problems.push(problem.reason),
        }
        ControlFlow::Continue(())
    });
    assert_eq!(records, 1);
    assert_eq!(problems, [Reason::IncludeNotHere, Reason::IncludeNotHere]);
}

#[test]
fn depth_of_includes_is_bounded() {
    let place = tempfile::tempdir().unwrap();
    for number in 0..30 {
        fs::write(place.path().join(number.to_string()), format!("$INCLUDE {}\n", number + 1)).unwrap();
    }
    let (_, problems, _) = read_path(&place.path().join("0"));
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].reason, Reason::TooManyInclusions(16));
    assert!(problems[0].path.ends_with("15"));
}

#[test]
fn a_file_that_is_not_there_is_told() {
    let (_, problems, summary) = read_path(Path::new("/nowhere/at/all"));
    assert_eq!(
        problems[0].to_string(),
        "/nowhere/at/all: cannot be read: No such file or directory (os error 2)"
    );
    assert_eq!(summary.errors, 1);
    let (_, problems, _) = read_path(Path::new("/"));
    assert!(matches!(problems[0].reason, Reason::Unreadable(_)));
}

#[test]
fn the_visitor_can_break_off() {
    let origin: Name = "example.com.".parse().unwrap();
    let mut count = 0;
    let text = "a 1 A 192.0.2.1\n".repeat(10);
    let summary = read_text(text.as_bytes(), origin.as_ref(), &Limits::default(), |_| {
        count += 1;
        if count == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert_eq!((count, summary.stopped), (3, true));
}

const SAMPLE: &str = r#"$ORIGIN example.com.
$TTL 3600
@ IN SOA ns1 hostmaster ( 2026010101 ; serial
        7200 3600 1209600 300 )
  NS ns1
  IN NS ns2.example.net.
  MX 10 mail
  MX 20 mail.example.net.
  TXT "v=spf1 mx -all" "second string"
  CAA 0 issue "ca.example.net"
  DNSKEY 257 3 13 ( oJMRESz5E4gYzS/q6XDrvU1qMPYIjCWzJaOau8XNEZeqCYKD5ar0IRd8
        KqXXFJkqmVfRvMGPmM1x8fGAa2XhSA== )
ns1 A 192.0.2.53
 AAAA 2001:db8::53
mail 300 IN A 192.0.2.25
*.wild CNAME www
www IN 60 A 192.0.2.80
_443._tcp.www TLSA 3 1 1 d2abde240d7cd3ee6b4b28c54df034b97983a1d16e8a410e4561cb106618e971
_sip._tcp SRV 0 5 5060 sip.example.net.
sub NS ns.sub
 DS 12345 13 2 D4B7D520E7BB5F0F67674A0CCEB1E3E0614B93C4F9E99B8383F6A1E4469DA50A
ns.sub A 192.0.2.99
esc\.aped TXT "quo\"te" back\\slash \065\066
svc HTTPS 1 . alpn=h2,h3 ipv4hint=192.0.2.80
www RRSIG A 13 3 60 20361231000000 20260101000000 12345 example.com. AQIDBA==
www NSEC sub A RRSIG NSEC
unknown TYPE65280 \# 3 abcdef
"#;

/// What `domain` makes of a text: `owner ttl code octets`.
fn read_by_domain(text: &str) -> Vec<(String, u32, u16, Vec<u8>)> {
    use domain::base::iana::Class;
    use domain::base::rdata::{ComposeRecordData, RecordData};
    use domain::zonefile::inplace::{Entry, Zonefile};
    let mut zonefile = Zonefile::load(&mut text.as_bytes()).unwrap();
    zonefile.set_default_class(Class::IN);
    let mut records = Vec::new();
    while let Some(entry) = zonefile.next_entry().unwrap() {
        if let Entry::Record(record) = entry {
            let mut octets = Vec::new();
            record.data().compose_rdata(&mut octets).unwrap();
            let owner = format!("{}.", record.owner()).to_ascii_lowercase();
            records.push((owner, record.ttl().as_secs(), record.data().rtype().to_int(), octets));
        }
    }
    records
}

#[test]
fn domain_reads_the_same_records() {
    let origin: Name = "example.com.".parse().unwrap();
    let mut ours = Vec::new();
    let summary = read_text(SAMPLE.as_bytes(), origin.as_ref(), &Limits::default(), |item| {
        match item {
            Item::Record(r) => ours.push((r.owner.to_string(), r.ttl, r.rrtype.0, r.rdata.to_vec())),
            Item::Problem(problem) => panic!("{problem}"),
        }
        ControlFlow::Continue(())
    });
    let theirs = read_by_domain(SAMPLE);
    assert_eq!(summary.records as usize, theirs.len());
    for (our, their) in ours.iter().zip(&theirs) {
        assert_eq!((our.1, our.2, &our.3), (their.1, their.2, &their.3), "{}", our.0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn any_octets_are_read_without_panic(text in prop::collection::vec(any::<u8>(), 0..200)) {
        read_with(&text, &Limits::default());
    }

    #[test]
    fn any_change_to_a_good_file_is_read_without_panic(
        position in any::<prop::sample::Index>(), octet in any::<u8>(), cut in any::<prop::sample::Index>(),
    ) {
        let mut text = SAMPLE.as_bytes().to_vec();
        let at = position.index(text.len());
        text[at] = octet;
        text.truncate(cut.index(SAMPLE.len()) + 1);
        let (records, problems, summary) = read_with(&text, &Limits::default());
        prop_assert_eq!(summary.records as usize, records.len());
        prop_assert_eq!((summary.errors + summary.warnings) as usize, problems.len());
    }
}
