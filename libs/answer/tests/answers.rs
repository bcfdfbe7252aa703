//! One question after the other, read back by hickory-proto.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use support::{Server, query};
use tenon_answer::{AnswerSettings, Transport};
use tenon_wire::RrType;

const EXAMPLE: &str = "
$TTL 300
@ 3600 SOA ns admin 1 2 3 4 60
@ NS ns
@ NS ns.other.test.
ns A 192.0.2.1
ns AAAA 2001:db8::1
mail MX 10 ns
mail MX 20 ns.elsewhere.test.
alias CNAME target
target A 192.0.2.2
far CNAME host.other.test.
away CNAME nowhere.invalid.
loop1 CNAME loop2
loop2 CNAME loop1
self CNAME self
gone CNAME missing
a.b.c A 192.0.2.3
*.wild A 192.0.2.4
*.wild MX 10 ns
exact.wild TXT here
*.walias CNAME target
cut NS ns.cut
cut NS ns.sibling
ns.cut A 192.0.2.5
sibling NS ns.sibling
ns.sibling A 192.0.2.6
dname DNAME other.test.
under.dname A 192.0.2.99
incut CNAME www.cut
";
const OTHER: &str = "
$TTL 300
@ SOA ns admin 1 2 3 4 60
@ NS ns
ns A 192.0.2.10
host A 192.0.2.11
";

fn server() -> Server {
    Server::new(&[("example.", EXAMPLE), ("other.test.", OTHER)])
}

const SOA: &str = "~ example. 60 SOA ns.example. admin.example. 1 2 3 4 60";

#[track_caller]
fn check(server: &mut Server, question: &str, wanted: &[&str]) {
    assert_eq!(server.ask(question).lines().collect::<Vec<_>>(), wanted, "{question}");
}

#[test]
fn data_and_its_absence() {
    let server = &mut server();
    check(server, "NS.example. A", &["NOERROR AA", "> NS.example. 300 A 192.0.2.1"]);
    check(server, "ns.example. TXT", &["NOERROR AA", SOA]);
    check(server, "nx.example. A", &["NXDOMAIN AA", SOA]);
    check(server, "b.c.example. A", &["NOERROR AA", SOA]);
    check(server, "nx.b.c.example. A", &["NXDOMAIN AA", SOA]);
    check(
        server,
        "mail.example. MX bare",
        &[
            "NOERROR AA",
            "> mail.example. 300 MX 10 ns.example.",
            "> mail.example. 300 MX 20 ns.elsewhere.test.",
            "+ ns.example. 300 A 192.0.2.1",
            "+ ns.example. 300 AAAA 2001:db8::1",
        ],
    );
    check(server, "www.invalid. A", &["REFUSED"]);
    check(server, ". NS", &["REFUSED"]);
}

#[test]
fn aliases_are_followed_through_all_zones_and_out_of_loops() {
    let server = &mut server();
    check(
        server,
        "alias.example. A",
        &["NOERROR AA", "> alias.example. 300 CNAME target.example.", "> target.example. 300 A 192.0.2.2"],
    );
    check(server, "alias.example. CNAME", &["NOERROR AA", "> alias.example. 300 CNAME target.example."]);
    check(
        server,
        "far.example. A",
        &["NOERROR AA", "> far.example. 300 CNAME host.other.test.", "> host.other.test. 300 A 192.0.2.11"],
    );
    check(server, "away.example. A", &["NOERROR AA", "> away.example. 300 CNAME nowhere.invalid."]);
    check(server, "gone.example. A", &["NXDOMAIN AA", "> gone.example. 300 CNAME missing.example.", SOA]);
    check(
        server,
        "loop1.example. A",
        &[
            "NOERROR AA",
            "> loop1.example. 300 CNAME loop2.example.",
            "> loop2.example. 300 CNAME loop1.example.",
        ],
    );
    check(server, "self.example. A", &["NOERROR AA", "> self.example. 300 CNAME self.example."]);
    check(
        server,
        "incut.example. A",
        &[
            "NOERROR AA",
            "> incut.example. 300 CNAME www.cut.example.",
            "~ cut.example. 300 NS ns.cut.example.",
            "~ cut.example. 300 NS ns.sibling.example.",
            "+ ns.cut.example. 300 A 192.0.2.5",
            "+ ns.sibling.example. 300 A 192.0.2.6",
        ],
    );
}

#[test]
fn wildcards() {
    let server = &mut server();
    check(server, "x.wild.example. A", &["NOERROR AA", "> x.wild.example. 300 A 192.0.2.4"]);
    check(
        server,
        "x.y.Wild.example. MX",
        &[
            "NOERROR AA",
            "> x.y.Wild.example. 300 MX 10 ns.example.",
            "+ ns.example. 300 A 192.0.2.1",
            "+ ns.example. 300 AAAA 2001:db8::1",
        ],
    );
    check(server, "x.wild.example. TXT", &["NOERROR AA", SOA]);
    check(server, "exact.wild.example. A", &["NOERROR AA", SOA]);
    check(server, "x.exact.wild.example. A", &["NXDOMAIN AA", SOA]);
    check(
        server,
        "q.walias.example. A",
        &["NOERROR AA", "> q.walias.example. 300 CNAME target.example.", "> target.example. 300 A 192.0.2.2"],
    );
}

#[test]
fn referrals_carry_glue_of_the_zone_itself_and_its_siblings() {
    let server = &mut server();
    let referral = [
        "NOERROR",
        "~ cut.example. 300 NS ns.cut.example.",
        "~ cut.example. 300 NS ns.sibling.example.",
        "+ ns.cut.example. 300 A 192.0.2.5",
        "+ ns.sibling.example. 300 A 192.0.2.6",
    ];
    for question in [
        "cut.example. A",
        "cut.example. NS",
        "deep.www.cut.example. A",
        "ns.cut.example. A",
        "x.cut.example. DS",
    ] {
        check(server, question, &referral);
        assert!(server.facts().referral);
    }
    check(server, "cut.example. DS", &["NOERROR AA", SOA]);
}

#[test]
fn dname_substitution() {
    let server = &mut server();
    check(
        server,
        "host.dname.example. A",
        &[
            "NOERROR AA",
            "> dname.example. 300 DNAME",
            "> host.dname.example. 300 CNAME host.other.test.",
            "> host.other.test. 300 A 192.0.2.11",
        ],
    );
    check(
        server,
        "under.dname.example. A",
        &[
            "NXDOMAIN AA",
            "> dname.example. 300 DNAME",
            "> under.dname.example. 300 CNAME under.other.test.",
            "~ other.test. 60 SOA ns.other.test. admin.other.test. 1 2 3 4 60",
        ],
    );
    check(server, "dname.example. A", &["NOERROR AA", SOA]);
    let long = format!("{}dname.example.", "a2345678901234567890123456789012345678901234567890.".repeat(4));
    assert!(long.len() < 250);
    let longer = Server::new(&[(
        "example.",
        &format!("{EXAMPLE}\ndname2 DNAME {}test.\n", "b23456789012345678901234567890.".repeat(3)),
    )])
    .ask(&format!("{} A", long.replace("dname", "dname2")));
    assert!(longer.starts_with("YXDOMAIN AA\n> dname2.example."), "{longer}");
}

#[test]
fn courtesies_only_when_asked_for() {
    let server = &mut server();
    server.settings = AnswerSettings { minimal_responses: false, ..AnswerSettings::default() };
    check(
        server,
        "mail.example. MX",
        &[
            "NOERROR AA",
            "> mail.example. 300 MX 10 ns.example.",
            "> mail.example. 300 MX 20 ns.elsewhere.test.",
            "~ example. 300 NS ns.other.test.",
            "~ example. 300 NS ns.example.",
            "+ ns.example. 300 A 192.0.2.1",
            "+ ns.example. 300 AAAA 2001:db8::1",
        ],
    );
}

#[test]
fn any_is_one_rrset_over_udp_and_all_over_tcp() {
    let server = &mut server();
    check(server, "ns.example. ANY", &["NOERROR AA", "> ns.example. 300 A 192.0.2.1"]);
    check(
        server,
        "ns.example. ANY tcp",
        &["NOERROR AA", "> ns.example. 300 A 192.0.2.1", "> ns.example. 300 AAAA 2001:db8::1"],
    );
}

#[test]
fn too_much_for_a_datagram_is_truncated_by_whole_rrsets() {
    let many: String = (0..40)
        .map(|n| format!("big TXT \"{n:060}\"\ncut{n} NS ns.cut{n}\nns.cut{n} A 192.0.2.1\n"))
        .collect();
    let server = &mut Server::new(&[("example.", &format!("{EXAMPLE}{many}"))]);
    check(server, "big.example. TXT", &["NOERROR AA TC"]);
    assert!(server.facts().truncated);
    assert_eq!(server.ask("big.example. TXT tcp").lines().count(), 41);
    let servers: String = (0..30).map(|n| format!("wide NS ns{n}.wide\nns{n}.wide A 192.0.2.1\n")).collect();
    let server = &mut Server::new(&[("example.", &format!("{EXAMPLE}{servers}"))]);
    assert!(
        server.ask("x.wide.example. A bare").starts_with("NOERROR TC"),
        "glue that must be there does not fit"
    );
    assert_eq!(server.ask("x.wide.example. A tcp").lines().count(), 61);
}

#[test]
fn large_responses_expand_names_that_pointers_do_not_reach() {
    let many: String =
        (0..900).map(|n| format!("big MX {n} some-rather-long-label-{n}.mail.example.\n")).collect();
    let server = &mut Server::new(&[("example.", &format!("{EXAMPLE}{many}"))]);
    let text = server.ask("big.example. MX tcp");
    for n in [0, 450, 899] {
        assert!(
            text.contains(&format!("\n> big.example. 300 MX {n} some-rather-long-label-{n}.mail.example.")),
            "{n}"
        );
    }
}

#[test]
fn the_root_zone() {
    let server = &mut Server::new(&[(
        ".",
        "@ 300 SOA a.servers.test. b. 1 2 3 4 60\n@ 300 NS a.servers.test.\n@ 300 NS b.servers.test.\ncom 300 NS a.servers.com.\na.servers.com 300 A 192.0.2.1\n",
    )]);
    check(server, ". NS", &["NOERROR AA", "> . 300 NS a.servers.test.", "> . 300 NS b.servers.test."]);
    check(server, "nx. A", &["NXDOMAIN AA", "~ . 60 SOA a.servers.test. b. 1 2 3 4 60"]);
    check(
        server,
        "www.com. A",
        &["NOERROR", "~ com. 300 NS a.servers.com.", "+ a.servers.com. 300 A 192.0.2.1"],
    );
}

#[test]
fn what_is_not_for_us() {
    let server = &mut server();
    let plain = query("ns.example.", RrType::A, Some(false));
    let with = |at: usize, value: u8| {
        let mut octets = plain.clone();
        octets[at] = value;
        octets
    };
    let code =
        |server: &mut Server, octets: &[u8]| server.raw(Transport::Udp, octets).map(|reply| reply[3] & 15);
    assert_eq!(code(server, &with(2, 0x80)), None, "a response");
    assert_eq!(code(server, &plain[..11]), None, "no header");
    assert_eq!(code(server, &plain[..20]), Some(1), "cut short");
    assert_eq!(code(server, &[&plain[..], b"x"].concat()), Some(1), "trailing octet");
    assert_eq!(code(server, &with(2, 0x10)), Some(4), "STATUS");
    assert_eq!(code(server, &with(2, 0x28)), Some(1), "UPDATE of no zone");
    assert_eq!(code(server, &with(plain.len() - 12, 3)), Some(5), "class CH");
    let badvers = server.raw(Transport::Udp, &with(plain.len() - 5, 1)).unwrap();
    assert_eq!(
        (badvers[3] & 15, badvers[badvers.len() - 6]),
        (0, 1),
        "BADVERS is 16, its upper bits in the OPT record"
    );
    assert_eq!(server.facts().rcode, 16);
}

#[test]
fn proofs_of_wildcard_aliases_come_after_the_whole_answer() {
    let zone = "
$TTL 300
@ SOA ns admin 1 2 3 4 60
@ NS ns.other.test.
@ NSEC *.w A
*.w CNAME t
*.w NSEC t CNAME
t A 192.0.2.1
t NSEC @ A
";
    let server = &mut Server::new(&[("example.", zone)]);
    let wanted = [
        "NOERROR AA",
        "> q.w.example. 300 CNAME t.example.",
        "> t.example. 300 A 192.0.2.1",
        "~ *.w.example. 300 NSEC",
    ];
    let text = server.ask("q.w.example. A do");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), wanted.len(), "{text}");
    assert!(lines.iter().zip(wanted).all(|(line, start)| line.starts_with(start)), "{text}");
}
