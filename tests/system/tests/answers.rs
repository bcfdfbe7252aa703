//! Plain questions over every transport, from the booted set.

use crate::zones::load;
use tenon_system_tests::dig::Answer;
use tenon_system_tests::{Machine, zones};

/// Every way of asking: both address families, both transports, with EDNS and without.
const WAYS: [&str; 8] = [
    "@127.0.0.1 +noedns",
    "@127.0.0.1 +edns",
    "@127.0.0.1 +tcp +noedns",
    "@127.0.0.1 +tcp +edns",
    "@::1 +noedns",
    "@::1 +edns",
    "@::1 +tcp +noedns",
    "@::1 +tcp +edns",
];

fn every_way(machine: &Machine, question: &str, check: impl Fn(&Answer)) {
    for way in WAYS {
        let answer = machine.dig(&format!("{way} +norec {question}"));
        println!("{way} {question}: {} {:?}", answer.status, answer.answer);
        check(&answer);
    }
}

#[test]
fn plain_answers_over_every_transport() {
    let machine = Machine::start();
    load(&machine, "example.com", &zones::example(1));

    every_way(&machine, "www.example.com A", |answer| {
        assert_eq!(answer.status, "NOERROR", "{}", answer.text);
        assert!(answer.is_authoritative(), "{}", answer.text);
        assert_eq!(answer.answer, ["www.example.com. 3600 IN A 192.0.2.80"]);
    });
    every_way(&machine, "WWW.eXample.com AAAA", |answer| {
        assert_eq!(answer.answer, ["WWW.eXample.com. 3600 IN AAAA 2001:db8::80"], "{}", answer.text);
    });
    every_way(&machine, "alias.example.com A", |answer| {
        assert_eq!(
            answer.answer,
            ["alias.example.com. 3600 IN CNAME www.example.com.", "www.example.com. 3600 IN A 192.0.2.80"]
        );
    });
    every_way(&machine, "x.y.wild.example.com TXT", |answer| {
        assert_eq!(answer.answer, ["x.y.wild.example.com. 3600 IN TXT \"any\""], "{}", answer.text);
    });
    every_way(&machine, "host.sub.example.com A", |answer| {
        assert_eq!((answer.status.as_str(), answer.answer.len()), ("NOERROR", 0), "{}", answer.text);
        assert!(!answer.is_authoritative());
        let mut authority = answer.authority.clone();
        authority.sort();
        assert_eq!(
            authority,
            [
                "sub.example.com. 3600 IN NS ns.elsewhere.example.",
                "sub.example.com. 3600 IN NS ns.sub.example.com."
            ]
        );
        assert_eq!(answer.additional, ["ns.sub.example.com. 3600 IN A 192.0.2.53"]);
    });
    for nothing in
        ["www.example.com MX", "deep.name.example.com A", "name.example.com TXT", "wild.example.com A"]
    {
        every_way(&machine, nothing, |answer| {
            assert_eq!((answer.status.as_str(), answer.answer.len()), ("NOERROR", 0), "{}", answer.text);
            assert_eq!(
                answer.authority,
                ["example.com. 300 IN SOA ns1.example.com. hostmaster.example.com. 1 7200 3600 1209600 300"]
            );
        });
    }
    every_way(&machine, "nothing.example.com A", |answer| {
        assert_eq!(answer.status, "NXDOMAIN", "{}", answer.text);
        assert!(answer.is_authoritative());
        assert_eq!(answer.authority.len(), 1);
    });
    every_way(&machine, "www.example.org A", |answer| {
        assert_eq!(answer.status, "REFUSED", "{}", answer.text);
    });
    every_way(&machine, "+opcode=STATUS www.example.com A", |answer| {
        assert_eq!(answer.status, "NOTIMP", "{}", answer.text);
    });
}

#[test]
fn what_does_not_fit_is_truncated_and_whole_over_tcp() {
    let machine = Machine::start();
    load(&machine, "example.com", &zones::example(1));
    for bufsize in ["+noedns", "+bufsize=1232", "+bufsize=4096"] {
        let answer = machine.dig(&format!("@127.0.0.1 +ignore {bufsize} large.example.com TXT"));
        assert!(answer.flags.contains("tc"), "{}", answer.text);
        let octets: usize = answer
            .text
            .split_once("MSG SIZE  rcvd: ")
            .unwrap()
            .1
            .split_whitespace()
            .next()
            .unwrap()
            .parse()
            .unwrap();
        assert!(octets <= if bufsize == "+noedns" { 512 } else { 1232 }, "{octets} octets with {bufsize}");
    }
    let whole = machine.dig("@127.0.0.1 +tcp large.example.com TXT");
    assert_eq!(whole.answer.len(), 60);
}

#[test]
fn bad_messages_get_an_error_or_silence_and_service_goes_on() {
    let machine = Machine::start();
    load(&machine, "example.com", &zones::example(1));
    let send = |octets: &str| {
        machine.must(&format!(
            "exec 3<>/dev/udp/127.0.0.1/53; printf '{octets}' >&3; timeout 1 dd bs=4096 count=1 <&3 2>/dev/null | od -An -v -tx1 | tr -d ' \\n'"
        ))
    };
    let rcode = |reply: &str| u8::from_str_radix(&reply[7..8], 16).unwrap();
    // A header that promises a question and has none; a name that points at itself; a label of 64 octets.
    for broken in [
        r"\x12\x34\0\0\0\1\0\0\0\0\0\0",
        r"\x12\x34\0\0\0\1\0\0\0\0\0\0\xc0\x0c\0\1\0\1",
        r"\x12\x34\0\0\0\1\0\0\0\0\0\0\x40aaa\0\0\1\0\1",
    ] {
        let reply = send(broken);
        assert!(reply.is_empty() || rcode(&reply) == 1, "{broken}: {reply}");
    }
    // Too short for a header, and a response: nothing may come back.
    for silent in [r"\x12\x34\0", r"\x12\x34\x80\0\0\1\0\0\0\0\0\0\3www\7example\3com\0\0\1\0\1"] {
        assert_eq!(send(silent), "", "{silent}");
    }
    assert_eq!(machine.dig("@127.0.0.1 www.example.com A").status, "NOERROR");
    assert_eq!(machine.must("systemctl show -P NRestarts tenon-auth@1.service").trim(), "0");
}
