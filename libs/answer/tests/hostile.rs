//! Whatever comes in: no panic, and what goes out can be read; nothing is allocated.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use hickory_proto::op::Message;
use proptest::prelude::*;
use support::{Server, asker, query};
use tenon_answer::{Outcome, Transport, respond};
use tenon_wire::RrType;

const ZONE: &str = "
$TTL 300
@ SOA ns admin 1 2 3 4 60
@ NS ns
ns A 192.0.2.1
alias CNAME a.wild
*.wild MX 10 ns
cut NS ns.cut
ns.cut A 192.0.2.5
dname DNAME wild
dloop DNAME dloop.dloop
back DNAME x.there
x.there DNAME back
big TXT \"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\"
";

fn names() -> impl Strategy<Value = String> {
    let label = prop::sample::select(vec![
        "ns", "alias", "wild", "cut", "dname", "dloop", "back", "big", "x", "*", "WWW",
    ]);
    prop::collection::vec(label, 0..5)
        .prop_map(|labels| labels.iter().map(|label| format!("{label}.")).collect::<String>() + "example.")
}

#[test]
fn answering_allocates_nothing() {
    let mut server = Server::new(&[("example.", ZONE)]);
    let mut queries = Vec::new();
    for name in [
        "example.",
        "ns.example.",
        "alias.example.",
        "nx.example.",
        "a.b.wild.example.",
        "x.cut.example.",
        "x.dname.example.",
        "x.dloop.example.",
        "x.y.back.example.",
        "www.test.",
    ] {
        for rrtype in [RrType::A, RrType::MX, RrType::ANY, RrType::SOA, RrType::AXFR] {
            for edns in [None, Some(false), Some(true)] {
                queries.push(query(name, rrtype, edns));
            }
        }
    }
    let nsid = b"\x12\x34\x00\x00\x00\x01\x00\x00\x00\x00\x00\x01\x07example\x00\x00\x01\x00\x01\
        \x00\x00\x29\x04\xd0\x00\x00\x80\x00\x00\x04\x00\x03\x00\x00";
    let version = b"\x12\x34\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07version\x04bind\x00\x00\x10\x00\x03";
    queries.extend([nsid.to_vec(), version.to_vec()]);
    server.settings.nsid = "ns1".to_owned();
    server.settings.version = "1".to_owned();
    let mut garbage = queries.clone();
    garbage.iter_mut().enumerate().for_each(|(index, octets)| {
        let at = index % octets.len();
        octets[at] ^= 0x55;
    });
    queries.extend(garbage);
    let (mut response, settings) = (vec![0; 65535], server.settings.clone());
    let counted = allocation_counter::measure(|| {
        for _ in 0..1000 {
            for query in &queries {
                for transport in [Transport::Udp, Transport::Tcp] {
                    respond(
                        &server.catalog,
                        &settings,
                        &asker(transport),
                        query,
                        &mut response,
                        &mut server.scratch,
                    );
                }
            }
        }
    });
    assert_eq!(counted.count_total, 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_octets(octets in prop::collection::vec(any::<u8>(), 0..100), tcp in any::<bool>(), room in 0usize..600) {
        let mut server = Server::new(&[("example.", ZONE)]);
        let transport = if tcp { Transport::Tcp } else { Transport::Udp };
        let mut response = vec![0; room];
        let outcome = respond(&server.catalog, &server.settings, &asker(transport), &octets, &mut response, &mut server.scratch);
        if let Outcome::Reply(length) | Outcome::HandOver(length) = outcome {
            prop_assert!(length <= room);
        }
    }

    #[test]
    fn answers_can_be_read(name in names(), code in 1u16..260, edns in any::<Option<bool>>(), tcp in any::<bool>()) {
        let mut server = Server::new(&[("example.", ZONE)]);
        let transport = if tcp { Transport::Tcp } else { Transport::Udp };
        let reply = server.raw(transport, &query(&name, RrType(code), edns)).unwrap();
        let message = Message::from_vec(&reply).unwrap();
        prop_assert_eq!(message.metadata.id, 0x1234);
        prop_assert_eq!(message.queries.len(), 1);
        prop_assert_eq!(message.edns.is_some(), edns.is_some());
    }

    #[test]
    fn mangled_questions(name in names(), flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let mut server = Server::new(&[("example.", ZONE)]);
        let mut octets = query(&name, RrType::A, Some(true));
        for (place, value) in flips {
            let at = place.index(octets.len());
            octets[at] = value;
        }
        let _ = server.raw(Transport::Udp, &octets);
    }
}
