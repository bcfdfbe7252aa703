//! What surrounds an answer: flags and OPT records of refusals, EDNS options, questions about the server itself.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use hickory_proto::op::Message;
use support::{Server, asker};
use tenon_answer::{AnswerSettings, Asker, Outcome, Transport, respond};
use tenon_image::Cause;

const ZONE: &str = "$TTL 300\n@ SOA ns admin 1 2 3 4 60\n@ NS ns\nns A 192.0.2.1\n";
const QUESTION: &[u8] = b"\x02ns\x07example\x00\x00\x01\x00\x01";
/// Payload size 1232, version 0, DO.
const OPT: &[u8] = b"\x00\x00\x29\x04\xd0\x00\x00\x80\x00\x00\x00";
const RD_CD: u16 = 0x0110;

fn server() -> Server {
    Server::new(&[("example.", ZONE)])
}

fn message(flags: u16, counts: [u8; 4], parts: &[&[u8]]) -> Vec<u8> {
    let [a, b] = flags.to_be_bytes();
    let mut octets = vec![0x12, 0x34, a, b];
    counts.iter().for_each(|&count| octets.extend([0, count]));
    parts.iter().for_each(|part| octets.extend_from_slice(part));
    octets
}

/// An OPT record with one option, DO clear.
fn opt_with(version: u8, code: u8, data: &[u8]) -> Vec<u8> {
    let (whole, length) = (data.len() as u8 + 4, data.len() as u8);
    [&[0, 0, 0x29, 4, 0xd0, 0, version, 0, 0, 0, whole, 0, code, 0, length], data].concat()
}

/// Flags with the response code, number of questions, and the OPT record's upper response code, flags and options.
type Frame = (u16, u8, Option<(u8, u16, Vec<u8>)>);

/// Takes the header and an OPT record at the end apart; other records must not be there.
fn frame(server: &mut Server, query: &[u8]) -> Frame {
    let reply = server.raw(Transport::Udp, query).unwrap();
    Message::from_vec(&reply).unwrap();
    assert_eq!(&reply[..2], &query[..2]);
    assert_eq!(&reply[6..10], &[0; 4]);
    let body = &reply[12..];
    let opt = if reply[5] == 1 { body.strip_prefix(QUESTION).unwrap() } else { body };
    let opt = (!opt.is_empty()).then(|| {
        assert_eq!(&opt[..5], &[0, 0, 0x29, 4, 0xd0]);
        assert_eq!(u16::from_be_bytes([opt[9], opt[10]]) as usize, opt.len() - 11);
        (opt[5], u16::from_be_bytes([opt[7], opt[8]]), opt[11..].to_vec())
    });
    assert_eq!(reply[11], u8::from(opt.is_some()));
    (u16::from_be_bytes([reply[2], reply[3]]), reply[5], opt)
}

#[test]
fn refused_opcodes_keep_the_opt_record_and_rd() {
    let server = &mut server();
    for opcode in [1, 2, 3, 6, 15] {
        let flags = opcode << 11 | RD_CD;
        let wanted = 0x8000 | opcode << 11 | 0x0100 | 4;
        assert_eq!(frame(server, &message(flags, [1, 0, 0, 0], &[QUESTION])), (wanted, 0, None));
        let with_opt = message(flags, [1, 0, 0, 1], &[QUESTION, OPT]);
        assert_eq!(frame(server, &with_opt), (wanted, 0, Some((0, 0x8000, vec![]))), "opcode {opcode}");
        assert!(server.facts().edns);
        let unreadable = message(flags, [1, 0, 0, 1], &[b"\xff\xff"]);
        assert_eq!(frame(server, &unreadable), (wanted, 0, None));
    }
    let bare = message(2 << 11, [0, 0, 0, 1], &[OPT]);
    assert_eq!(frame(server, &bare), (0x8000 | 2 << 11 | 4, 0, Some((0, 0x8000, vec![]))));
}

#[test]
fn unreadable_queries_are_formerr_with_the_opt_record_where_it_is_certain() {
    let server = &mut server();
    let opt = || Some((0, 0x8000, vec![]));
    let formerr = 0x8000 | RD_CD | 1;
    for (counts, parts, questions, wanted) in [
        ([0, 0, 0, 0], &[][..], 0, None),
        ([0, 0, 0, 1], &[OPT], 0, opt()),
        ([2, 0, 0, 1], &[QUESTION, QUESTION, OPT], 0, None),
        ([1, 0, 0, 1], &[QUESTION, OPT, b"x"], 1, opt()),
        ([1, 0, 0, 1], &[QUESTION], 1, None),
        ([1, 0, 0, 2], &[QUESTION, OPT, OPT], 1, None),
        ([1, 1, 0, 0], &[QUESTION, OPT], 1, None),
        ([1, 0, 0, 0], &[b"\x02ns"], 0, None),
    ] {
        let query = message(RD_CD, counts, parts);
        assert_eq!(frame(server, &query), (formerr, questions, wanted), "{query:02x?}");
    }
}

#[test]
fn a_newer_version_of_edns_comes_first() {
    let server = &mut server();
    for (flags, questions) in [(RD_CD, 1), (2 << 11, 0)] {
        let query =
            message(flags, [1, 0, 0, 1], &[QUESTION, b"\x00\x00\x29\x04\xd0\x00\x01\x80\x00\x00\x00"]);
        assert_eq!(frame(server, &query), (0x8000 | flags, questions, Some((1, 0x8000, vec![]))));
        assert_eq!(server.facts().rcode, 16);
    }
}

#[test]
fn flags_of_the_query_that_mean_nothing_are_not_copied() {
    // AA, TC, RA, Z and AD of a query, and a response code.
    let query = message(0x06e5, [1, 0, 0, 0], &[QUESTION]);
    let reply = server().raw(Transport::Udp, &query).unwrap();
    assert_eq!(reply[2..4], [0x84, 0x00]);
}

#[test]
fn the_server_is_named_to_whom_asks_if_it_has_a_name() {
    let mut server = server();
    let ask = |server: &mut Server, opt: &[u8]| {
        let reply = server.raw(Transport::Udp, &message(0, [1, 0, 0, 1], &[QUESTION, opt])).unwrap();
        assert_eq!(reply[7], 1, "answered all the same");
        let at = reply.windows(5).rposition(|octets| octets == [0, 0, 0x29, 4, 0xd0]).unwrap();
        reply[at + 11..].to_vec()
    };
    assert_eq!(ask(&mut server, &opt_with(0, 3, b"")), b"");
    server.settings = AnswerSettings { nsid: "ns1".into(), ..AnswerSettings::default() };
    assert_eq!(ask(&mut server, &opt_with(0, 3, b"")), b"\x00\x03\x00\x03ns1");
    assert_eq!(
        ask(&mut server, &opt_with(0, 3, b"zz")),
        b"\x00\x03\x00\x03ns1",
        "what is sent along is ignored"
    );
    assert_eq!(ask(&mut server, &opt_with(0, 8, b"\x00\x01\x18\x00\xc0\x00\x02")), b"", "not asked for");
    assert_eq!(ask(&mut server, &opt_with(0, 250, b"abc")), b"", "unknown options are ignored");
}

#[test]
fn the_idle_time_is_told_over_tcp_to_whom_asks() {
    let mut server = server();
    server.settings.tcp_keepalive = 123;
    let mut options = |opt: &[u8], transport| {
        let reply = server.raw(transport, &message(0, [1, 0, 0, 1], &[QUESTION, opt])).unwrap();
        assert_eq!(reply[7], 1, "answered all the same");
        let at = reply.windows(5).rposition(|octets| octets == [0, 0, 0x29, 4, 0xd0]).unwrap();
        assert_eq!(usize::from(reply[at + 10]), reply.len() - at - 11);
        reply[at + 11..].to_vec()
    };
    assert_eq!(options(&opt_with(0, 11, b""), Transport::Tcp), b"\x00\x0b\x00\x02\x00\x7b");
    assert_eq!(options(&opt_with(0, 11, b""), Transport::Udp), b"");
    assert_eq!(options(&opt_with(0, 250, b""), Transport::Tcp), b"");
}

#[test]
fn refusals_say_why() {
    let server = &mut server();
    let mut ask = |name: &[u8], rrtype: u8, opt: &[u8], transport| {
        let question = [name, &[0, rrtype, 0, 1]].concat();
        let query = message(0, [1, 0, 0, u8::from(!opt.is_empty())], &[&question, opt]);
        server.raw(transport, &query).unwrap()
    };
    let elsewhere = ask(b"\x01x\x00", 1, OPT, Transport::Udp);
    assert_eq!(elsewhere[3], 5);
    assert!(elsewhere.ends_with(b"\x00\x06\x00\x0f\x00\x02\x00\x14"), "{elsewhere:02x?}");
    let transfer = ask(b"\x01x\x00", 252, OPT, Transport::Tcp);
    assert_eq!(transfer[3], 9);
    assert!(transfer.ends_with(b"\x00\x06\x00\x0f\x00\x02\x00\x14"), "{transfer:02x?}");
    let transfer = ask(b"\x07example\x00", 252, OPT, Transport::Tcp);
    assert_eq!(transfer[3], 2);
    assert!(transfer.ends_with(b"\x00\x0ethe service for this cannot be reached"), "{transfer:02x?}");
    let plain = ask(b"\x01x\x00", 1, &[], Transport::Udp);
    assert_eq!((plain[3], plain.len()), (5, 12 + 3 + 4), "no OPT record, no reason");
}

#[test]
fn a_zone_that_cannot_be_used_says_so() {
    let server = &mut Server::without_images(&["example."]);
    let reply = server.raw(Transport::Udp, &message(0, [1, 0, 0, 1], &[QUESTION, OPT])).unwrap();
    assert_eq!(reply[2..4], [0x80, 2]);
    assert!(reply.ends_with(b"\x00\x0f\x00\x1a\x00\x18zone data cannot be used"), "{reply:02x?}");
}

#[test]
fn secondary_zones_without_data_are_servfail_with_the_reason() {
    let zones = [("example.", Cause::Expired), ("new.example.", Cause::Unloaded)];
    let server = &mut Server::unavailable(&zones);
    for (owner, reason) in [
        (&b""[..], &b"\x00\x0f\x00\x0e\x00\x18zone expired"[..]),
        (b"\x03new", b"\x00\x0f\x00\x1a\x00\x0ezone not transferred yet"),
    ] {
        let question = [owner, b"\x07example\x00\x00\x01\x00\x01"].concat();
        let reply = server.raw(Transport::Udp, &message(0, [1, 0, 0, 1], &[&question, OPT])).unwrap();
        assert_eq!(reply[2..4], [0x80, 2]);
        assert!(reply.ends_with(reason), "{reply:02x?}");
    }
}

#[test]
fn a_secondary_zone_has_the_time_left_here_and_not_that_of_its_soa() {
    let zone = ("example.", "@ 60 SOA ns1 h 1 2 3 1209600 60\n@ 60 NS ns1\nns1 60 A 192.0.2.1");
    let query = message(
        0,
        [1, 0, 0, 1],
        &[
            b"\x07example\x00\x00\x06\x00\x01",
            b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x04\x00\x09\x00\x00",
        ],
    );
    let expire = |server: &mut Server| {
        let reply = server.raw(Transport::Udp, &query).unwrap();
        let found = reply.windows(4).position(|octets| octets == [0, 9, 0, 4])?;
        reply.get(found + 4..found + 8).map(|octets| u32::from_be_bytes(octets.try_into().unwrap()))
    };
    let server = &mut Server::stored("secondary", &[zone]);
    assert_eq!(expire(server), None, "not known");
    let directory = tempfile::tempdir().unwrap();
    let file = tenon_image::ExpiryFile::new(&directory.path().join("EXPIRIES"));
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_micros();
    for (expires, left) in [(u64::try_from(now).unwrap() + 1_000_900_000, 900..=1000), (1, 0..=0)] {
        let name = "Example.".parse().unwrap();
        tenon_image::expiries::write(&directory.path().join("EXPIRIES"), [(&name, expires)].into_iter())
            .unwrap();
        server.settings.expiries = file.current();
        let told = expire(server).unwrap();
        assert!(left.contains(&told), "{told}");
    }
    assert_eq!(expire(&mut Server::stored("primary", &[zone])), Some(1_209_600));
}

#[test]
fn questions_about_the_server() {
    let mut server = server();
    let ask = |server: &mut Server, name: &[u8], rrtype: u8, class: u8| {
        let question = [name, &[0, rrtype, 0, class]].concat();
        let reply = server.raw(Transport::Udp, &message(0x0100, [1, 0, 0, 0], &[&question])).unwrap();
        assert_eq!(&reply[12..12 + question.len()], question);
        assert_eq!(reply[2], 0x81, "a response without AA");
        (reply[3], reply[12 + question.len()..].to_vec())
    };
    let names: [(&[u8], &str); 5] = [
        (b"\x07version\x04bind\x00", "v"),
        (b"\x07VERSION\x06server\x00", "v"),
        (b"\x08hostname\x04bind\x00", "i"),
        (b"\x02id\x06Server\x00", "i"),
        (b"\x07authors\x04bind\x00", "a"),
    ];
    for (name, _) in names {
        assert_eq!(ask(&mut server, name, 16, 3), (5, vec![]), "off");
    }
    server.settings = AnswerSettings {
        version: "v".into(),
        identity: "i".into(),
        authors: "a".into(),
        ..AnswerSettings::default()
    };
    for (name, text) in names {
        let record = [b"\xc0\x0c\x00\x10\x00\x03\x00\x00\x00\x00\x00\x02\x01", text.as_bytes()].concat();
        assert_eq!(ask(&mut server, name, 16, 3), (0, record.clone()));
        assert_eq!(ask(&mut server, name, 255, 3), (0, record));
        assert_eq!(ask(&mut server, name, 1, 3), (5, vec![]), "another type");
        for class in [0, 1, 4, 254, 255] {
            assert_eq!(ask(&mut server, name, 16, class), (5, vec![]), "class {class}");
        }
    }
    for name in [&b"\x04bind\x00"[..], b"\x01x\x04bind\x00", b"\x01x\x07version\x04bind\x00", b"\x00"] {
        assert_eq!(ask(&mut server, name, 16, 3), (5, vec![]));
    }
    server.settings.version = "x".repeat(255);
    assert_eq!(ask(&mut server, names[0].0, 16, 3).1.len(), 12 + 256);
    server.settings.version.push('x');
    assert_eq!(ask(&mut server, names[0].0, 16, 3), (2, vec![]), "too long for a string");
}

#[test]
fn a_cookie_can_be_asked_for_without_a_question() {
    let mut server = Server::new(&[("example.", ZONE)]);
    let opt = |data: &[u8]| {
        let mut octets = vec![0x12, 0x34, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 41, 4, 208, 0, 0, 0, 0, 0];
        octets.extend([data.len() as u8 + 4, 0, 10, 0, data.len() as u8]);
        octets.extend(data);
        octets
    };
    let rcode = |server: &mut Server, data: &[u8]| {
        let response = server.raw(Transport::Udp, &opt(data)).unwrap();
        (server.facts().rcode, response.len())
    };
    assert_eq!(rcode(&mut server, &[1; 8]).0, 1, "cookies are off");
    let secrets = tenon_answer::CookieSecrets { current: [9; 16], others: Vec::new() };
    server.settings.cookie_secrets = Some(secrets);
    let response = server.raw(Transport::Udp, &opt(&[1; 8])).unwrap();
    assert_eq!((server.facts().rcode, response.len()), (0, 12 + 11 + 4 + 24));
    let both = response[27..].to_vec();
    assert_eq!(rcode(&mut server, &both), (0, 51), "ours");
    assert_eq!(rcode(&mut server, &[[1; 8], [2; 8], [3; 8]].concat()), (23, 51), "not ours");
    assert_eq!(rcode(&mut server, &[1; 7]).0, 1, "too short");
}

#[test]
fn who_pads_over_tls_gets_padded_answers() {
    let mut server = server();
    server.settings.nsid = "name".to_owned();
    let mut length = |name: &[u8], options: &[u8], encrypted| {
        let question = [name, &[0, 1, 0, 1]].concat();
        let opt = [b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00", &[options.len() as u8][..], options].concat();
        let query = message(0, [1, 0, 0, 1], &[&question, &opt]);
        let asker = Asker { encrypted, ..asker(Transport::Tcp) };
        let mut reply = vec![0xff; 65_535];
        let outcome =
            respond(&server.catalog, &server.settings, &asker, &query, &mut reply, &mut server.scratch);
        let Outcome::Reply(length) = outcome else { panic!("{outcome:?}") };
        Message::from_vec(&reply[..length]).unwrap();
        (length, reply[..length].ends_with(&[0; 300]))
    };
    let name = b"\x02ns\x07example\x00";
    let padding = b"\x00\x0c\x00\x02\x00\x00";
    assert_eq!(length(name, padding, true), (468, true));
    assert_eq!(length(name, &[&b"\x00\x03\x00\x00"[..], padding].concat(), true), (468, true), "with NSID");
    assert_eq!(length(b"\x02nx\x07example\x00", padding, true), (468, true));
    assert!(length(name, padding, false).0 < 100, "everybody sees it anyway");
    assert!(length(name, b"", true).0 < 100, "not asked for");
}
