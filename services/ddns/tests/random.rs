//! Updates by chance: the zone is good after each, and a refused one leaves it as it was.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use common::{House, update};
use proptest::prelude::*;
use tenon_ddns::message::UpdateMessage;

/// Few names and types, so that they meet.
fn line() -> impl Strategy<Value = String> {
    let names =
        prop::sample::select(vec!["@", "www", "alias", "sub", "ns.sub", "a.sub", "x", "y.x", "z.y.x", "*.x"]);
    let data = prop::sample::select(vec![
        "A 192.0.2.1",
        "A 192.0.2.2",
        "TXT \"t\"",
        "CNAME www.example.",
        "CNAME elsewhere.",
        "DNAME elsewhere.",
        "NS ns.example.",
        "NS ns.elsewhere.",
        "DS 1 8 2 0000000000000000000000000000000000000000000000000000000000000000",
        "SOA ns.example. admin.example. 4000000000 1 1 1 1",
    ]);
    (names, data, 0..4).prop_map(|(name, data, form)| {
        let rrtype = data.split(' ').next().unwrap();
        match form {
            0 | 1 => format!("add {name} 60 {data}"),
            2 => format!("delete {name} {data}"),
            _ if data.len() % 2 == 0 => format!("delete {name} {rrtype}"),
            _ => format!("delete {name}"),
        }
    })
}

#[test]
fn random_updates_leave_a_zone_that_can_be_served() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let house = runtime.block_on(async { House::open() });
    let config = ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(lines in prop::collection::vec(line(), 1..8))| {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let (before, serial) = (house.records(), house.serial("example."));
        let code = runtime.block_on(house.update(&lines));
        // Checks the whole zone, with the rules for whole zones.
        let after = house.records();
        match code {
            0 if house.serial("example.") == serial => prop_assert_eq!(after, before),
            0 => {}
            5 => prop_assert_eq!((after, house.serial("example.")), (before, serial)),
            other => prop_assert!(false, "code {} for {:?}", other, lines),
        }
    });
}

proptest! {
    #[test]
    fn any_change_of_a_message_is_read_without_panic(at in 0..200usize, to in any::<u8>(), length in 0..200usize) {
        let mut message = update("example.", &["prereq yxrrset www A 192.0.2.1", "add x 60 MX 10 mail", "delete @ NS"]);
        let sound = message.clone();
        let place = at % message.len();
        message[place] = to;
        let _ = UpdateMessage::read(&message);
        let _ = UpdateMessage::read(&message[..length.min(message.len())]);
        prop_assert!(UpdateMessage::read(&sound).is_ok());
    }
}
