//! Requests that other services answer: what is handed over, and what is decided without them.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use hickory_proto::op::Message;
use support::{Server, asker, query, show};
use tenon_answer::facts::HandOver;
use tenon_answer::{Outcome, Transport, refuse, respond};
use tenon_image::Cause;
use tenon_wire::RrType;

const ZONE: &str = "$TTL 300\n@ SOA ns admin 1 2 3 4 60\n@ NS ns\nns A 192.0.2.1\n";
const NOTIFY: u8 = 0x20;
const UPDATE: u8 = 0x28;

fn primary() -> Server {
    Server::new(&[("example.", ZONE)])
}

fn secondary() -> Server {
    Server::stored("secondary", &[("example.", ZONE)])
}

/// What the response says, after the service that the request is for.
fn ask(server: &mut Server, transport: Transport, query: &[u8]) -> (Option<HandOver>, String) {
    let mut response = vec![0; 65_535];
    let outcome = respond(
        &server.catalog,
        &server.settings,
        &asker(transport),
        query,
        &mut response,
        &mut server.scratch,
    );
    let (handed_over, length) = match outcome {
        Outcome::HandOver(length) => (true, length),
        Outcome::Reply(length) => (false, length),
        Outcome::Silence => return (None, String::new()),
    };
    assert_eq!(handed_over, server.facts().hand_over.is_some());
    (server.facts().hand_over, show(&Message::from_vec(&response[..length]).unwrap()))
}

fn transfer(server: &mut Server, transport: Transport, name: &str, rrtype: RrType) -> (bool, String) {
    let (service, reply) = ask(server, transport, &query(name, rrtype, None));
    assert!(matches!(service, None | Some(HandOver::Transfer)));
    (service.is_some(), reply)
}

#[test]
fn transfers_of_a_served_zone_are_handed_over() {
    for mut server in [primary(), secondary()] {
        for rrtype in [RrType::AXFR, RrType::IXFR] {
            for name in ["example.", "EXAMPLE."] {
                let reply = transfer(&mut server, Transport::Tcp, name, rrtype);
                assert_eq!(reply, (true, "SERVFAIL".into()), "{rrtype}");
            }
            for name in ["ns.example.", "elsewhere.", "."] {
                let reply = transfer(&mut server, Transport::Tcp, name, rrtype);
                assert_eq!(reply, (false, "NOTAUTH".into()), "{name} {rrtype}");
            }
        }
    }
}

#[test]
fn an_ixfr_query_brings_its_soa_along() {
    let mut octets = query("example.", RrType::IXFR, None);
    octets[9] = 1;
    octets.extend(b"\xc0\x0c\x00\x06\x00\x01\x00\x00\x00\x00\x00\x16\x00\x00");
    octets.extend([0; 20]);
    let (service, reply) = ask(&mut primary(), Transport::Tcp, &octets);
    assert_eq!((service, reply.as_str()), (Some(HandOver::Transfer), "SERVFAIL"));
    octets.pop();
    let (service, reply) = ask(&mut primary(), Transport::Tcp, &octets);
    assert_eq!((service, reply.as_str()), (None, "FORMERR"));
}

#[test]
fn in_datagrams_there_is_the_current_soa_or_nothing() {
    let mut server = primary();
    let soa = "NOERROR AA\n> example. 300 SOA ns.example. admin.example. 1 2 3 4 60";
    assert_eq!(transfer(&mut server, Transport::Udp, "example.", RrType::IXFR), (false, soa.into()));
    let notauth = transfer(&mut server, Transport::Udp, "ns.example.", RrType::IXFR);
    assert_eq!(notauth, (false, "NOTAUTH".into()));
    let axfr = transfer(&mut server, Transport::Udp, "example.", RrType::AXFR);
    assert_eq!(axfr, (false, "NOTIMP".into()));
}

#[test]
fn a_zone_without_data_is_neither_transferred_nor_unknown() {
    let unavailable = |cause| Server::unavailable(&[("example.", cause)]);
    for mut server in
        [Server::without_images(&["example."]), unavailable(Cause::Expired), unavailable(Cause::Unloaded)]
    {
        for transport in [Transport::Udp, Transport::Tcp] {
            let reply = transfer(&mut server, transport, "example.", RrType::IXFR);
            assert_eq!(reply, (false, "SERVFAIL".into()));
        }
        let (service, reply) = ask(&mut server, Transport::Udp, &notify("example.", RrType::SOA));
        assert_eq!(
            (service, reply.as_str()),
            (Some(HandOver::Notify), "NOERROR AA"),
            "news of it are welcome"
        );
    }
}

fn notify(name: &str, rrtype: RrType) -> Vec<u8> {
    let mut octets = query(name, rrtype, None);
    octets[2] = NOTIFY | 4;
    octets
}

#[test]
fn notices_of_secondary_zones_are_handed_over() {
    let mut server = secondary();
    for transport in [Transport::Udp, Transport::Tcp] {
        for name in ["example.", "Example."] {
            let (service, reply) = ask(&mut server, transport, &notify(name, RrType::SOA));
            assert_eq!((service, reply.as_str()), (Some(HandOver::Notify), "NOERROR AA"));
        }
        for name in ["ns.example.", "elsewhere.", "."] {
            let (service, reply) = ask(&mut server, transport, &notify(name, RrType::SOA));
            assert_eq!((service, reply.as_str()), (None, "NOTAUTH"), "{name}");
        }
    }
    let (service, reply) = ask(&mut primary(), Transport::Udp, &notify("example.", RrType::SOA));
    assert_eq!((service, reply.as_str()), (None, "NOTAUTH"), "its original is here");
}

#[test]
fn a_notice_is_a_whole_message_about_one_soa() {
    let mut server = secondary();
    let sound = notify("example.", RrType::SOA);
    let mut two_questions = sound.clone();
    two_questions[5] = 2;
    two_questions.extend_from_slice(&sound[12..]);
    let mut other_class = sound.clone();
    *other_class.last_mut().unwrap() = 3;
    for (octets, wanted) in [
        (notify("example.", RrType::A), "FORMERR"),
        ([&sound[..], b"x"].concat(), "FORMERR"),
        (sound[..sound.len() - 1].to_vec(), "FORMERR"),
        (two_questions, "FORMERR"),
        (other_class, "NOTAUTH"),
    ] {
        assert_eq!(ask(&mut server, Transport::Udp, &octets), (None, wanted.into()));
    }
    let mut response = sound.clone();
    response[2] |= 0x80;
    assert_eq!(ask(&mut server, Transport::Udp, &response), (None, String::new()), "an answer to our own");
    // A primary tells its SOA along (RFC 1996 section 3.7), and other records are no harm.
    let mut with_soa = sound;
    with_soa[7] = 1;
    with_soa.extend(b"\xc0\x0c\x00\x06\x00\x01\x00\x00\x00\x00\x00\x16\x00\x00");
    with_soa.extend([0; 20]);
    let (service, reply) = ask(&mut server, Transport::Udp, &with_soa);
    assert_eq!((service, reply.as_str()), (Some(HandOver::Notify), "NOERROR AA"));
}

#[test]
fn flags_and_edns_of_the_request_are_minded() {
    let mut server = secondary();
    let mut octets = query("example.", RrType::SOA, Some(false));
    octets[2] = NOTIFY | 4;
    let reply = server.raw(Transport::Udp, &octets).unwrap();
    assert_eq!(
        (reply[2], reply[3], reply[11]),
        (0x80 | NOTIFY | 4, 0, 1),
        "QR, opcode, AA, and an OPT record"
    );
    let version = octets.len() - 5;
    octets[version] = 1;
    server.raw(Transport::Udp, &octets).unwrap();
    assert_eq!((server.facts().rcode, server.facts().hand_over), (16, None));
}

#[test]
fn a_reply_can_be_made_a_refusal() {
    let mut reply = secondary().raw(Transport::Udp, &notify("example.", RrType::SOA)).unwrap();
    refuse(&mut reply);
    assert_eq!(show(&Message::from_vec(&reply).unwrap()), "REFUSED");
    refuse(&mut []);
}

fn update(name: &str, rrtype: RrType) -> Vec<u8> {
    let mut octets = query(name, rrtype, None);
    octets[2] = UPDATE;
    octets
}

#[test]
fn updates_of_primary_zones_are_handed_over() {
    for transport in [Transport::Udp, Transport::Tcp] {
        for name in ["example.", "Example."] {
            let reply = ask(&mut primary(), transport, &update(name, RrType::SOA));
            assert_eq!(reply, (Some(HandOver::Update), "SERVFAIL".into()));
            let reply = ask(&mut secondary(), transport, &update(name, RrType::SOA));
            assert_eq!(reply, (None, "NOTIMP".into()), "not passed on to the primary");
        }
        for name in ["ns.example.", "elsewhere.", "."] {
            let reply = ask(&mut primary(), transport, &update(name, RrType::SOA));
            assert_eq!(reply, (None, "NOTAUTH".into()), "{name}");
        }
    }
}

#[test]
fn an_update_is_a_whole_message_about_one_zone() {
    let sound = update("example.", RrType::SOA);
    let mut two_zones = sound.clone();
    two_zones[5] = 2;
    two_zones.extend_from_slice(&sound[12..]);
    let mut other_class = sound.clone();
    *other_class.last_mut().unwrap() = 3;
    for (octets, wanted) in [
        (update("example.", RrType::A), "FORMERR"),
        ([&sound[..], b"x"].concat(), "FORMERR"),
        (sound[..sound.len() - 1].to_vec(), "FORMERR"),
        (two_zones, "FORMERR"),
        (other_class, "NOTAUTH"),
    ] {
        assert_eq!(ask(&mut primary(), Transport::Udp, &octets), (None, wanted.into()));
    }
    let mut with_records = sound;
    with_records[7] = 1;
    with_records[9] = 1;
    with_records.extend(b"\xc0\x0c\x00\xff\x00\xff\x00\x00\x00\x00\x00\x00");
    with_records.extend(b"\x01a\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x05\x00\x04\xc0\x00\x02\x01");
    let reply = ask(&mut primary(), Transport::Udp, &with_records);
    assert_eq!(reply, (Some(HandOver::Update), "SERVFAIL".into()));
}
