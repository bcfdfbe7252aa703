use tenon_wire::NameRef;
use tenon_wire::rdata::RdataError;

use super::*;

const ID: u16 = 0x1234;

fn zone() -> Name {
    "example.".parse().unwrap()
}

fn asked(zone: &Name) -> Asked<'_> {
    Asked { id: ID, zone: zone.as_ref(), rrtype: RrType::AXFR }
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

fn take_all(messages: &[Vec<u8>]) -> Result<Transferred, AxfrError> {
    let zone = zone();
    let mut axfr = Axfr::new(asked(&zone), Limits { records: 5, octets: 1000 });
    for message in messages {
        if axfr.take(message)? {
            break;
        }
    }
    axfr.finish()
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
    assert_eq!(take_all(&[second]).unwrap_err(), AxfrError::NoAnswer(NoAnswer::Question));
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
    let first = AxfrError::NoSoaFirst { owner: at("a.example."), rrtype: RrType::A };
    let class = AxfrError::Class { owner: at("a.example."), rrtype: RrType::A, class: Class::CH };
    let error = ReadError::Rdata { rrtype: RrType::SOA, error: RdataError::Short };
    let cut = AxfrError::Malformed { message: 1, error };
    let any = AxfrError::MetaType { owner: at("a.example."), rrtype: RrType::ANY };
    for (messages, error) in [
        (vec![message(&[address("a.example."), soa(7)])], first),
        (vec![message(&[soa(7), soa(8)])], AxfrError::SoaChanged { first: 7, last: 8 }),
        (vec![message(&[soa(7), soa(7), address("a.example.")])], AxfrError::BehindEnd),
        (vec![message(&[soa(7), chaos])], class),
        (vec![message(&[soa(7), record("a.example.", RrType::ANY, b"")])], any),
        (vec![message(&[record("example.", RrType::SOA, b"\0\0")])], cut),
        (vec![truncated], AxfrError::Truncated { message: 1 }),
        (vec![refused], AxfrError::Refused(Rcode::REFUSED)),
        (vec![message(&[soa(7)])], AxfrError::BadSoa),
        (vec![message(&[]); 200], AxfrError::Octets { limit: 1000 }),
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
    assert_eq!(take_all(&[message(&many)]).unwrap_err(), AxfrError::Records { limit: 5 });
    let long = record("a.example.", RrType::TXT, &[&[200][..], &[b'x'; 200]].concat());
    let octets = AxfrError::Octets { limit: 1000 };
    assert_eq!(
        take_all(&[message(&[soa(7), long.clone(), long.clone(), long.clone(), long])]).unwrap_err(),
        octets
    );
    let transferred = take_all(&[message(&[soa(7), address("elsewhere."), soa(7)])]).unwrap();
    assert_eq!(transferred.records.count(), 1);
    assert!(transferred.records.find(NameRef::ROOT, None).is_none());
}
