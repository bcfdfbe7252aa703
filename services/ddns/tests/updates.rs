//! Updates through the door, as tenon-auth hands them over.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use common::{House, ZONE, answer, update};
use serde_json::json;
use tenon_datasrc::DataSource;
use tenon_service::Component;
use tenon_tsig::{Key, KeyRing, now, sign_request};
use tenon_wire::Name;

const NOERROR: u8 = 0;
const FORMERR: u8 = 1;
const SERVFAIL: u8 = 2;
const NXDOMAIN: u8 = 3;
const REFUSED: u8 = 5;
const YXDOMAIN: u8 = 6;
const YXRRSET: u8 = 7;
const NXRRSET: u8 = 8;
const NOTAUTH: u8 = 9;
const NOTZONE: u8 = 10;

#[tokio::test]
async fn all_prerequisites() {
    let house = House::open();
    for (line, wanted) in [
        ("prereq yxdomain www", NOERROR),
        ("prereq yxdomain WWW", NOERROR),
        ("prereq yxdomain nobody", NXDOMAIN),
        ("prereq nxdomain nobody", NOERROR),
        ("prereq nxdomain www", YXDOMAIN),
        ("prereq yxrrset www A", NOERROR),
        ("prereq yxrrset www TXT", NXRRSET),
        ("prereq yxrrset nobody A", NXRRSET),
        ("prereq nxrrset www TXT", NOERROR),
        ("prereq nxrrset www A", YXRRSET),
        ("prereq yxrrset www A 192.0.2.80", NOERROR),
        ("prereq yxrrset www A 192.0.2.81", NXRRSET),
        ("prereq yxrrset alias CNAME WWW", NOERROR),
        ("prereq yxdomain www.elsewhere.", NOTZONE),
        ("prereq nxrrset www AXFR", FORMERR),
    ] {
        assert_eq!(house.update(&[line, "add x 60 A 192.0.2.9"]).await, wanted, "{line}");
        house.update(&["delete x"]).await;
    }
    // An RRset is all of its records, in any order.
    house.update(&["add www 300 A 192.0.2.81"]).await;
    let both = ["prereq yxrrset www A 192.0.2.81", "prereq yxrrset www A 192.0.2.80"];
    assert_eq!(house.update(&both).await, NOERROR);
    assert_eq!(house.update(&both[..1]).await, NXRRSET);
    // A name with records below it only is not in use (RFC 2136 section 2.4.5).
    house.update(&["add a.b 60 A 192.0.2.9"]).await;
    assert_eq!(house.update(&["prereq nxdomain b"]).await, NOERROR);
    assert_eq!(house.ddns.counted()["prerequisites_failed"], 7);
}

#[tokio::test]
async fn all_forms_of_updates() {
    let house = House::open();
    let lines = [
        "add new 60 A 192.0.2.1",
        "add new 60 A 192.0.2.2",
        "add new 60 TXT \"a\"",
        "add new 90 A 192.0.2.3",
    ];
    assert_eq!(house.update(&lines).await, NOERROR);
    let wanted = ["90 A 192.0.2.1", "90 A 192.0.2.2", "90 A 192.0.2.3", "60 TXT \"a\""];
    assert_eq!(house.at("new"), wanted, "the last TTL holds for the RRset");
    assert_eq!(house.serial("example."), 8);
    assert_eq!(house.update(&["delete new A 192.0.2.2", "delete new A 192.0.2.77"]).await, NOERROR);
    assert_eq!(house.at("new").len(), 3);
    assert_eq!(house.update(&["delete new A"]).await, NOERROR);
    assert_eq!(house.at("new"), ["60 TXT \"a\""]);
    assert_eq!(house.update(&["delete new", "add other 1 A 192.0.2.1"]).await, NOERROR);
    assert!(house.at("new").is_empty());
    assert_eq!(house.serial("example."), 11);
    // What changes nothing is no new version.
    assert_eq!(
        house.update(&["delete new", "add other 1 A 192.0.2.1", "delete nobody TXT \"x\""]).await,
        NOERROR
    );
    assert_eq!((house.serial("example."), house.ddns.counted()["updates_unchanged"]), (11, 1));
}

#[tokio::test]
async fn aliases_and_the_apex_have_rules_of_their_own() {
    let house = House::open();
    let before = house.records();
    // Each of these is left undone in silence (RFC 2136 section 3.4.2).
    for line in [
        "add alias 60 A 192.0.2.1",
        "add www 60 CNAME ns",
        "add www 60 SOA ns admin 99 1 1 1 1",
        "add @ 300 SOA ns admin 6 1 1 1 1",
        "add @ 300 SOA ns admin 7 1 1 1 1",
        "delete @ SOA",
        "delete @ NS",
        "delete @ NS ns",
        "delete @ SOA ns admin 7 3600 900 604800 300",
        "delete @",
    ] {
        assert_eq!(house.update(&[line]).await, NOERROR, "{line}");
        assert_eq!((house.records(), house.serial("example.")), (before.clone(), 7), "{line}");
    }
    // One of two name servers may go, and the last one stays.
    assert_eq!(
        house.update(&["add @ 300 NS ns2.elsewhere.", "delete @ NS ns", "delete @ NS ns2.elsewhere."]).await,
        NOERROR
    );
    assert!(house.records().contains(&"example. 300 NS ns2.elsewhere.".to_owned()));
    // An alias takes the place of an alias.
    assert_eq!(house.update(&["add alias 60 CNAME ns"]).await, NOERROR);
    assert_eq!(house.at("alias"), ["60 CNAME ns.example."]);
    // A serial that is newer is taken, and does not grow on top of that.
    assert_eq!(
        house.update(&["add @ 300 SOA ns admin 1000 3600 900 604800 300", "add x 1 A 192.0.2.1"]).await,
        NOERROR
    );
    assert_eq!(house.serial("example."), 1000);
    assert_eq!(house.update(&["add @ 60 TXT \"x\"", "delete @"]).await, NOERROR);
    assert!(!house.records().iter().any(|line| line.starts_with("example. 60 TXT")));
}

#[tokio::test]
async fn what_makes_no_sense_is_told() {
    let house = House::open();
    for (line, wanted) in [
        ("add www.elsewhere. 60 A 192.0.2.1", NOTZONE),
        ("delete elsewhere.", NOTZONE),
        ("delete www AXFR", FORMERR),
        ("add www 4294967295 A 192.0.2.1", FORMERR),
    ] {
        assert_eq!(house.update(&["add x 60 A 192.0.2.1", line]).await, wanted, "{line}");
        assert!(house.at("x").is_empty(), "all or nothing");
    }
    let sound = update("example.", &["prereq yxdomain www", "add x 60 A 192.0.2.1"]);
    let zone_end = 12 + 9 + 4;
    let prerequisite = zone_end + 5 + 8;
    let added = prerequisite + 10 + 3 + 8;
    for (at, to, wanted, what) in [
        (zone_end - 3, 1, FORMERR, "the zone section asks for another type"),
        (zone_end - 1, 3, NOTAUTH, "another class"),
        (prerequisite + 7, 1, FORMERR, "a prerequisite with a TTL"),
        (prerequisite + 3, 3, FORMERR, "a prerequisite of another class"),
        (added + 1, 255, FORMERR, "a record to be added of type ANY"),
        (added + 1, 28, FORMERR, "data that is too short for its type"),
        (added + 3, 3, FORMERR, "an update of another class"),
        (added + 3, 255, FORMERR, "a deletion of an RRset with a TTL"),
        (added + 3, 254, FORMERR, "a deletion of a record with a TTL"),
    ] {
        let mut message = sound.clone();
        message[at] = to;
        let answer = house.ask(&message).await;
        assert_eq!((answer[3] & 15, answer[2]), (wanted, 0xa8), "{what}");
    }
    assert_eq!(house.ask(&sound[..sound.len() - 1]).await[3], FORMERR);
    assert_eq!(house.serial("example."), 7);
    assert_eq!(house.ask(&update("nowhere.", &["add x 60 A 192.0.2.1"])).await[3], NOTAUTH);
    assert_eq!(house.ask(&update("sub.example.", &["add x.sub.example. 60 A 192.0.2.1"])).await[3], NOTAUTH);
}

#[tokio::test]
async fn a_zone_that_could_not_be_served_is_refused() {
    let house = House::open();
    let before = house.records();
    for lines in [
        &["add x.www 60 DNAME elsewhere.", "add y.x.www 60 A 192.0.2.1"][..],
        &["add @ 60 DNAME elsewhere."],
        &["add sub 60 DNAME elsewhere."],
        &[
            "add www 60 TXT \"x\"",
            "delete www A",
            "delete www TXT",
            "add www 60 DNAME ns.example.",
            "add a.b.www 60 A 192.0.2.1",
        ],
    ] {
        assert_eq!(house.update(lines).await, REFUSED, "{lines:?}");
        assert_eq!(house.records(), before);
    }
    assert_eq!(house.update(&["add d 60 DNAME elsewhere."]).await, NOERROR);
    assert_eq!(
        house.update(&["add x.y.d 60 A 192.0.2.1"]).await,
        REFUSED,
        "below a DNAME record that is there"
    );
    assert_eq!(house.ddns.counted()["invalid"], 5);
}

#[tokio::test]
async fn who_may_not_update_learns_nothing() {
    let house = House::new(json!({"zones": [
        {"name": "open.", "update_acl": [{"action": "ACCEPT", "from": "127.0.0.1"}]},
        {"name": "silent.", "update_acl": [{"action": "DROP"}]}]}));
    for zone in ["example.", "open.", "silent."] {
        house.store(zone, ZONE);
    }
    drop(house.ddns.start().unwrap());
    let lines = ["prereq yxdomain nobody", "add x 60 A 192.0.2.1"];
    for zone in ["example.", "nowhere."] {
        assert_eq!(
            house.ask(&update(zone, &lines)).await[3],
            REFUSED,
            "before the prerequisite and the zone are looked at"
        );
    }
    assert_eq!(house.ask(&update("open.", &lines)).await[3], NXDOMAIN);
    assert_eq!(house.ask(&update("open.", &lines[1..])).await[3], NOERROR);
    assert!(house.ask(&update("silent.", &lines)).await.is_empty());
    let counted = house.ddns.counted();
    assert_eq!(
        (counted["requests_rejected"], counted["requests_dropped"], counted["updates_done"]),
        (2, 1, 1)
    );
    assert_eq!([house.serial("example."), house.serial("silent."), house.serial("open.")], [7, 7, 8]);
}

#[tokio::test]
async fn all_that_wait_share_one_commit_and_none_touches_another() {
    let house = House::new(json!({"update_acl": [{"action": "ACCEPT"}], "waiting": 60}));
    for zone in ["example.", "other."] {
        house.store(zone, ZONE);
    }
    let mut answers = Vec::new();
    for number in 0..50 {
        let lines = match number {
            // What one refused was to bring is not there for those behind it.
            20 => vec!["add refused 60 A 192.0.2.1".to_owned(), "add x.d 60 A 192.0.2.1".to_owned()],
            21 => vec!["prereq nxdomain refused".to_owned(), "add seen 60 A 192.0.2.1".to_owned()],
            0 => vec!["add d 60 DNAME elsewhere.".to_owned()],
            // Of two that want to be first, one is.
            30 | 31 => vec!["prereq nxdomain once".to_owned(), "add once 60 A 192.0.2.1".to_owned()],
            _ => vec![format!("add n{number} 60 A 192.0.2.1")],
        };
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let zone = if number % 10 == 9 { "other." } else { "example." };
        answers.push(house.hand_over(&update(zone, &lines)));
        // In their order.
        until(|| house.ddns.waiting() == number + 1).await;
    }
    drop(house.ddns.start().unwrap());
    let mut codes = Vec::new();
    for stream in answers {
        codes.push(answer(stream).await[3]);
    }
    for (number, code) in codes.iter().enumerate() {
        let wanted = match number {
            20 => REFUSED,
            31 => YXDOMAIN,
            _ => NOERROR,
        };
        assert_eq!(*code, wanted, "{number}");
    }
    assert_eq!(house.ddns.counted()["commits"], 1);
    // Each update has a serial of its own, so that prerequisites on the SOA record mean something.
    assert_eq!([house.serial("example."), house.serial("other.")], [7 + 43, 7 + 5]);
    assert!(house.at("refused").is_empty() && !house.at("seen").is_empty());
    let from_the_start = house.source().journal("example.".parse::<Name>().unwrap().as_ref(), 7, &mut |_| {
        std::ops::ControlFlow::Continue(())
    });
    assert_eq!(from_the_start.unwrap(), tenon_datasrc::JournalCoverage::Complete { steps: 1 });
}

async fn until(mut holds: impl FnMut() -> bool) {
    let began = std::time::Instant::now();
    while !holds() {
        assert!(began.elapsed() < common::PATIENCE, "it never happened");
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn more_than_may_wait_are_told_to_come_again() {
    let house = House::new(json!({"update_acl": [{"action": "ACCEPT"}], "waiting": 2}));
    house.store("example.", ZONE);
    let waiting = [1, 2]
        .map(|number| house.hand_over(&update("example.", &[&format!("add n{number} 60 A 192.0.2.1")])));
    until(|| house.ddns.waiting() == 2).await;
    assert_eq!(house.update(&["add n3 60 A 192.0.2.1"]).await, SERVFAIL);
    drop(house.ddns.start().unwrap());
    for stream in waiting {
        assert_eq!(answer(stream).await[3], NOERROR);
    }
    assert_eq!(house.ddns.counted()["requests_over_quota"], 1);
}

#[tokio::test]
async fn a_zone_that_is_being_loaded_and_a_store_that_is_not_there() {
    let house = House::new(json!({"update_acl": [{"action": "ACCEPT"}]}));
    drop(house.ddns.start().unwrap());
    assert_eq!(house.update(&["add x 60 A 192.0.2.1"]).await, NOTAUTH, "nothing was loaded yet");
    house.store("example.", ZONE);
    assert_eq!(house.update(&["add x 60 A 192.0.2.1"]).await, NOERROR);
    let source = house.source();
    let loading = source.begin("example.".parse::<Name>().unwrap().as_ref()).unwrap();
    assert_eq!(house.update(&["add y 60 A 192.0.2.1"]).await, SERVFAIL);
    drop(loading);
    assert_eq!(house.update(&["add y 60 A 192.0.2.1"]).await, NOERROR);
    assert!(house.ddns.faults().is_empty(), "that is nothing to mend");
    // A store that took its place is used, also one that cannot be.
    std::fs::remove_file(house.database()).unwrap();
    std::fs::write(house.database(), "this is no store of zones, whatever its name says").unwrap();
    std::fs::remove_file(house.directory.path().join("zones.sqlite-wal")).unwrap();
    assert_eq!(house.update(&["add z 60 A 192.0.2.1"]).await, SERVFAIL);
    assert_eq!(house.ddns.faults().len(), 1, "{:?}", house.ddns.faults());
}

#[tokio::test]
async fn serials_grow_as_they_are_to() {
    let house = House::open();
    let apply = |settings| house.ddns.apply(1, &serde_json::from_value(settings).unwrap()).unwrap();
    let acl = json!([{"action": "ACCEPT"}]);
    apply(json!({"update_acl": acl, "serial": "unixtime"}));
    house.update(&["add a 60 A 192.0.2.1"]).await;
    let first = house.serial("example.");
    assert!(first > 1_700_000_000 && first < 2_000_000_000, "{first}");
    apply(json!({"update_acl": acl, "zones": [{"name": "EXAMPLE", "serial": "dateserial"}]}));
    house.update(&["add b 60 A 192.0.2.1"]).await;
    let second = house.serial("example.");
    assert!(second > 2_026_000_000 && second < 2_100_000_000, "{second}");
    house.update(&["add c 60 A 192.0.2.1"]).await;
    assert_eq!(house.serial("example."), second + 1);
}

#[tokio::test]
async fn edits_are_told_what_updates_are_not() {
    let house = House::open();
    let zone: Name = "example.".parse().unwrap();
    let edits = |list: &[(&str, &str)]| -> Vec<(String, String)> {
        list.iter().map(|(action, text)| ((*action).to_owned(), (*text).to_owned())).collect()
    };
    let list = edits(&[("set", "www 60 A 192.0.2.7"), ("set", "www A 192.0.2.8"), ("add", "new TXT hello")]);
    let trial = house.ddns.edit(&zone, &list, None, true).await.unwrap();
    let wanted = [
        "+ new.example. 300 IN TXT \"hello\"",
        "- www.example. 300 IN A 192.0.2.80",
        "+ www.example. 60 IN A 192.0.2.7",
        "+ www.example. 60 IN A 192.0.2.8",
    ];
    assert_eq!(trial.differences[2..], wanted.map(str::to_owned), "behind the SOA record");
    assert_eq!(house.serial("example."), 7, "it was a trial");
    let done = house.ddns.edit(&zone, &list, Some(7), false).await.unwrap();
    assert_eq!((done.serial_before, done.serial, &done.differences), (7, 8, &trial.differences));
    let conflict = house.ddns.edit(&zone, &list, Some(7), false).await.unwrap_err();
    assert!(conflict.reason.contains("serial 8, not 7"), "{conflict}");
    for (action, text, told) in [
        ("add", "alias A 192.0.2.1", "is an alias"),
        ("add", "www CNAME ns", "has other records"),
        ("delete", "@ NS ns", "cannot be without"),
        ("delete", "@ SOA", "cannot be without"),
        ("set", "@ SOA ns admin 3 1 1 1 1", "must be newer"),
        ("add", "@ DNAME elsewhere.", "names below it"),
    ] {
        let refusal = house.ddns.edit(&zone, &edits(&[(action, text)]), None, false).await.unwrap_err();
        assert!(refusal.reason.contains(told), "{action} {text}: {refusal}");
    }
    // All name servers at once can be others.
    let others = edits(&[("set", "@ NS a.elsewhere."), ("set", "@ NS b.elsewhere.")]);
    house.ddns.edit(&zone, &others, None, false).await.unwrap();
    let (serial, shown) = house.ddns.records(&zone, &zone, Some(tenon_wire::RrType::NS)).unwrap();
    assert_eq!((serial, shown.len(), shown[0].data.as_str()), (9, 2, "a.elsewhere."));
}

#[tokio::test]
async fn who_signs_well_may_and_is_answered_signed() {
    let acl = json!([{"action": "ACCEPT", "key": "updater."}]);
    let house = House::new(json!({}));
    let settings = serde_json::from_value(json!({"update_acl": acl})).unwrap();
    let file = house.directory.path().join("ddns/keys.json");
    house.store("example.", ZONE);
    drop(house.ddns.start().unwrap());
    let secret = b"a secret of more than thirty-two octets";
    for (number, algorithm) in
        ["hmac-md5", "hmac-sha1", "hmac-sha224", "hmac-sha256", "hmac-sha384", "hmac-sha512"]
            .into_iter()
            .enumerate()
    {
        let key = |name: &str, secret: &[u8]| {
            Key::new(name.parse().unwrap(), algorithm.parse().unwrap(), secret).unwrap()
        };
        let ring: KeyRing = [key("updater.", secret), key("other.", secret)].into_iter().collect();
        std::fs::create_dir_all(house.directory.path().join("ddns")).unwrap();
        std::fs::write(&file, &*ring.to_file()).unwrap();
        house.ddns.apply(1, &settings).unwrap();
        let line = format!("add n{number} 60 A 192.0.2.1");
        let signed = |key: &Key, now| {
            let mut message = update("example.", &[&line]);
            let check = sign_request(&mut message, key, now).unwrap();
            (message, check)
        };
        let (message, mut check) = signed(&key("updater.", secret), now());
        let answer = house.ask(&message).await;
        assert!(check.check(&answer, now()).unwrap().signed, "{algorithm}");
        assert_eq!(answer[3] & 15, NOERROR, "{algorithm}");
        let (message, mut check) = signed(&key("other.", secret), now());
        let answer = house.ask(&message).await;
        assert!(check.check(&answer, now()).unwrap().signed);
        assert_eq!(answer[3] & 15, REFUSED, "the wrong key of two");
        for bad in
            [key("updater.", b"another secret, of more than thirty-two octets"), key("nobody.", secret)]
        {
            assert_eq!(house.ask(&signed(&bad, now()).0).await[3] & 15, NOTAUTH);
        }
        assert_eq!(house.ask(&signed(&key("updater.", secret), now() - 1000).0).await[3] & 15, NOTAUTH);
        assert_eq!(house.update(&[&line]).await, REFUSED, "unsigned");
        assert_eq!(house.at(&format!("n{number}")).len(), 1);
    }
    assert_eq!(house.ddns.counted()["requests_bad_key"], 18);
    std::fs::write(&file, "{").unwrap();
    assert!(house.ddns.apply(2, &settings).is_err(), "keys that cannot be read");
}
