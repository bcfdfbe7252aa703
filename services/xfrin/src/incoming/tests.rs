use tenon_wire::message::ReadError;
use tenon_wire::rdata::RdataError;
use tenon_wire::{Name, NameRef};

use super::*;
use crate::primary::NoAnswer;

const ID: u16 = 0x1234;

fn zone() -> Name {
    "example.".parse().unwrap()
}

fn asked(zone: &Name) -> Asked<'_> {
    Asked { id: ID, zone: zone.as_ref(), rrtype: RrType::AXFR, have: None, edns: false, key: None }
}

/// A message with these records in the answer section.
fn message(records: &[Vec<u8>]) -> Vec<u8> {
    let zone = zone();
    let mut message = asked(&zone).message();
    message[2] = 0x84;
    message[7] = records.len() as u8;
    records.iter().for_each(|record| message.extend(record));
    message
}

fn record(owner: &str, rrtype: RrType, rdata: &[u8]) -> Vec<u8> {
    let owner: Name = owner.parse().unwrap();
    let mut octets = owner.octets().to_vec();
    octets.extend(rrtype.0.to_be_bytes());
    octets.extend([0, 1, 0, 0, 14, 16]);
    octets.extend((rdata.len() as u16).to_be_bytes());
    octets.extend(rdata);
    octets
}

fn soa(serial: u32) -> Vec<u8> {
    let mut rdata = b"\x02ns\x00\x00".to_vec();
    [serial, 1, 2, 3, 4].iter().for_each(|number| rdata.extend(number.to_be_bytes()));
    record("example.", RrType::SOA, &rdata)
}

fn address(owner: &str) -> Vec<u8> {
    record(owner, RrType::A, &[192, 0, 2, 1])
}

fn take_all(messages: &[Vec<u8>]) -> Result<Transferred, IncomingError> {
    let zone = zone();
    match take(Incoming::new(asked(&zone), None, Limits { records: 5, octets: 1000 }), messages)? {
        Came::Zone(zone) => Ok(zone),
        other => panic!("{other:?}"),
    }
}

fn take(mut incoming: Incoming<'_>, messages: &[Vec<u8>]) -> Result<Came, IncomingError> {
    for message in messages {
        if incoming.take(message)? {
            break;
        }
    }
    incoming.finish()
}

/// The answer to who has serial 5.
fn take_since_five(messages: &[Vec<u8>]) -> Result<Came, IncomingError> {
    let zone = zone();
    take(Incoming::new(asked(&zone), Some(5), Limits { records: 20, octets: 10_000 }), messages)
}

#[test]
fn records_in_any_order_and_any_cut_make_a_zone() {
    let records = [soa(7), address("b.example."), address("a.example."), soa(7)];
    let together = take_all(&[message(&records)]).unwrap();
    let apart: Vec<Vec<u8>> = records.iter().map(|record| message(std::slice::from_ref(record))).collect();
    for transferred in [together, take_all(&apart).unwrap()] {
        assert_eq!(transferred.soa.serial, 7);
        let owners: Vec<String> = transferred.records.iter().map(|record| record.owner.to_string()).collect();
        assert_eq!(owners, ["example.", "a.example.", "b.example."]);
    }
}

#[test]
fn questions_may_be_missing_behind_the_first_message() {
    let mut second = message(&[soa(7)]);
    second[5] = 0;
    second.drain(12..12 + 13);
    assert!(take_all(&[message(&[soa(7)]), second.clone()]).is_ok());
    assert_eq!(take_all(&[second]).unwrap_err(), IncomingError::NoAnswer(NoAnswer::Question));
}

#[test]
fn what_makes_no_zone_is_told() {
    let at = |owner: &str| owner.parse::<Name>().unwrap();
    let mut truncated = message(&[soa(7)]);
    truncated[2] |= 0x02;
    let mut refused = message(&[]);
    refused[3] = 5;
    let mut chaos = address("a.example.");
    chaos[at("a.example.").octets().len() + 3] = 3;
    let first = IncomingError::NoSoaFirst { owner: at("a.example."), rrtype: RrType::A };
    let class = IncomingError::Class { owner: at("a.example."), rrtype: RrType::A, class: Class::CH };
    let error = ReadError::Rdata { rrtype: RrType::SOA, error: RdataError::Short };
    let cut = IncomingError::Malformed { message: 1, error };
    let any = IncomingError::MetaType { owner: at("a.example."), rrtype: RrType::ANY };
    for (messages, error) in [
        (vec![message(&[address("a.example."), soa(7)])], first),
        (vec![message(&[soa(7), soa(8)])], IncomingError::SoaChanged { first: 7, last: 8 }),
        (vec![message(&[soa(7), soa(7), address("a.example.")])], IncomingError::BehindEnd),
        (vec![message(&[soa(7), chaos])], class),
        (vec![message(&[soa(7), record("a.example.", RrType::ANY, b"")])], any),
        (vec![message(&[record("example.", RrType::SOA, b"\0\0")])], cut),
        (vec![truncated], IncomingError::Truncated { message: 1 }),
        (vec![refused], IncomingError::Refused(Rcode::REFUSED)),
        (vec![message(&[soa(7)])], IncomingError::BadSoa),
        (vec![message(&[]); 200], IncomingError::Octets { limit: 1000 }),
    ] {
        assert_eq!(take_all(&messages).unwrap_err(), error);
    }
}

#[test]
fn times_to_live_beyond_the_longest_count_as_none() {
    let mut long = address("a.example.");
    let at = long.len() - 4 - 2 - 4;
    long[at..at + 4].copy_from_slice(&0x8000_0001_u32.to_be_bytes());
    let transferred = take_all(&[message(&[soa(7), long, soa(7)])]).unwrap();
    let times: Vec<u32> = transferred.records.iter().map(|record| record.ttl).collect();
    assert_eq!(times, [3600, 0]);
}

#[test]
fn limits_hold_and_what_is_elsewhere_is_left_out() {
    let mut many = vec![soa(7)];
    many.extend((0..5).map(|_| address("a.example.")));
    assert_eq!(take_all(&[message(&many)]).unwrap_err(), IncomingError::Records { limit: 5 });
    let long = record("a.example.", RrType::TXT, &[&[200][..], &[b'x'; 200]].concat());
    let octets = IncomingError::Octets { limit: 1000 };
    assert_eq!(
        take_all(&[message(&[soa(7), long.clone(), long.clone(), long.clone(), long])]).unwrap_err(),
        octets
    );
    let transferred = take_all(&[message(&[soa(7), address("elsewhere."), soa(7)])]).unwrap();
    assert_eq!(transferred.records.count(), 1);
    assert!(transferred.records.find(NameRef::ROOT, None).is_none());
}

#[test]
fn differences_come_step_by_step_in_any_cut() {
    let (a, b) = (address("a.example."), address("b.example."));
    let steps = [soa(9), soa(5), a.clone(), soa(7), b.clone(), soa(7), b, soa(9), a, soa(9)];
    let apart: Vec<Vec<u8>> = steps.iter().map(|record| message(std::slice::from_ref(record))).collect();
    for messages in [vec![message(&steps)], apart] {
        let Ok(Came::Difference(difference)) = take_since_five(&messages) else { panic!() };
        assert_eq!((difference.from_serial, difference.soa.serial, difference.steps), (5, 9, 2));
        let line = |change: Change<'_>| {
            let sign = if change.is_added { "+" } else { "-" };
            format!("{sign}{} {}", change.owner, change.rrtype)
        };
        let lines: Vec<String> = difference.changes().map(line).collect();
        let expected = "-example. SOA,-a.example. A,+example. SOA,+b.example. A,\
            -example. SOA,-b.example. A,+example. SOA,+a.example. A";
        assert_eq!(lines.join(","), expected);
        assert_eq!(difference.count(), 8);
    }
}

#[test]
fn whoever_asks_for_differences_may_get_the_zone_or_the_soa() {
    let ns = record("example.", RrType::NS, b"\x02ns\x00");
    assert!(matches!(take_since_five(&[message(&[soa(5)])]), Ok(Came::Current(_))));
    assert!(matches!(take_since_five(&[message(&[soa(4)])]), Ok(Came::Current(_))));
    let whole = [message(&[soa(9)]), message(&[ns]), message(&[soa(9)])];
    assert!(matches!(take_since_five(&whole), Ok(Came::Zone(_))));
    assert!(matches!(take_since_five(&[message(&[soa(9), soa(9)])]), Ok(Came::Zone(_))));
    // Of a newer version the SOA alone is not all.
    assert_eq!(take_since_five(&[message(&[soa(9)])]).unwrap_err(), IncomingError::BadSoa);
}

#[test]
fn differences_that_lead_elsewhere_are_told() {
    let a = address("a.example.");
    let mut other = soa(9);
    let end = other.len() - 1;
    other[end] ^= 1;
    let astray = |from, to| IncomingError::Astray { from, to, newest: 9 };
    for (records, error) in [
        (vec![soa(9), soa(6)], IncomingError::OtherStart { found: 6, wanted: 5 }),
        (vec![soa(9), soa(5), soa(4)], astray(5, 4)),
        (vec![soa(9), soa(5), soa(5)], astray(5, 5)),
        (vec![soa(9), soa(5), a.clone(), soa(10)], astray(5, 10)),
        (vec![soa(9), soa(5), soa(7), soa(8)], IncomingError::Gap { found: 8, wanted: 7 }),
        (vec![soa(9), soa(5), soa(7), a.clone(), soa(9)], IncomingError::Gap { found: 9, wanted: 7 }),
        (vec![soa(9), soa(5), soa(7), soa(7), soa(6)], astray(7, 6)),
        (
            vec![soa(9), soa(5), soa(9), a.clone(), other.clone()],
            IncomingError::SoaChanged { first: 9, last: 9 },
        ),
        (vec![soa(9), soa(5), other], IncomingError::SoaChanged { first: 9, last: 9 }),
        (vec![soa(9), soa(5), soa(9), soa(9), a.clone()], IncomingError::BehindEnd),
        (vec![soa(9), soa(5), soa(9), a.clone()], IncomingError::BadSoa),
        (vec![soa(5), soa(5)], IncomingError::BehindEnd),
    ] {
        assert_eq!(take_since_five(&[message(&records)]).unwrap_err(), error);
    }
    let many: Vec<Vec<u8>> = [soa(9), soa(5)].into_iter().chain((0..30).map(|_| a.clone())).collect();
    assert_eq!(take_since_five(&[message(&many)]).unwrap_err(), IncomingError::Records { limit: 20 });
}
