//! A zone as a row of messages: everything arrives once, whoever reads it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::collections::BTreeSet;

use common::{Record, answers, compile, messages, question, records, zone};
use proptest::prelude::*;
use tenon_image::{Catalog, Manifest, ZoneImage};
use tenon_wire::{Name, RrType};
use tenon_xfrout::stream::{Opening, Sent, axfr, soa_alone};

const SOA: &str = "@ 300 SOA ns1 admin.sub 7 3600 900 604800 300\n";

fn image(origin: &str, text: &str) -> (tempfile::TempDir, ZoneImage) {
    let directory = tempfile::tempdir().unwrap();
    let file = compile(directory.path(), "a.image", origin, 7, text);
    let manifest = Manifest { generation: 1, zones: vec![zone(origin, 7, file)] };
    let catalog = Catalog::open(directory.path(), &manifest, None, &BTreeSet::new());
    let image = catalog.image(origin.parse::<Name>().unwrap().as_ref()).unwrap().clone();
    (directory, image)
}

fn transfer(image: &ZoneImage, edns: Option<bool>) -> (Vec<Vec<u8>>, Sent) {
    let query = question(0x1234, &image.origin().to_string(), 252);
    let mut framed = Vec::new();
    let opening =
        Opening { id: 0x1234, flags: 0x0100, question: &query[12..], edns, expire: None, session: None };
    let sent = axfr(image, opening, &mut |octets, _| {
        framed.extend_from_slice(octets);
        Ok(())
    })
    .unwrap();
    assert_eq!(sent.octets, framed.len() as u64);
    (messages(&framed), sent)
}

fn sorted(mut records: Vec<Record>) -> Vec<Record> {
    records.sort_by(|a, b| (&a.0, a.1, &a.3).cmp(&(&b.0, b.1, &b.3)));
    records
}

/// Transfers a zone and compares it with what it was made from; gives the messages.
fn roundtrip(origin: &str, text: &str) -> Vec<Vec<u8>> {
    let (_directory, image) = image(origin, text);
    let expected = records(origin, text);
    let (messages, sent) = transfer(&image, None);
    assert_eq!((sent.messages, sent.records), (messages.len() as u64, expected.len() as u64 + 1));
    let mut found = answers(&messages);
    let soa = expected.iter().find(|record| record.1 == RrType::SOA).unwrap();
    assert_eq!(found.first(), Some(soa));
    assert_eq!(found.pop().as_ref(), Some(soa));
    assert_eq!(sorted(found), expected);
    messages
}

#[test]
fn every_kind_of_record_arrives_as_it_was() {
    let text = format!(
        "{SOA}@ 300 NS ns1\n@ 300 NS ns.other.test.\n@ 300 RRSIG SOA 13 2 300 20300101000000 20200101000000 1 @ AAAA\n\
         @ 300 NSEC *.w SOA NS RRSIG NSEC\nns1 300 A 192.0.2.1\nNs1 300 AAAA 2001:db8::1\n*.w 60 TXT \"a b\" c\n\
         mail 300 MX 10 a.mail\nmail 300 MX 20 b.mail\nmail 300 RRSIG MX 13 3 300 20300101000000 20200101000000 1 @ BBBB\n\
         a.b.c.d.e 300 SRV 0 0 53 x.b.c.d.e\nb.c.d.e 300 A 192.0.2.2\ncut 300 NS ns.cut\ncut 300 NS ns.deep.cut\n\
         ns.cut 300 A 192.0.2.3\nns.deep.cut 300 AAAA 2001:db8::2\nalias 300 CNAME mail\nold 300 TYPE65280 \\# 2 abcd\n"
    );
    let messages = roundtrip("example.com.", &text);
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0][..12], [0x12, 0x34, 0x85, 0x00, 0, 1, 0, 20, 0, 0, 0, 0]);
    // The zone's name stands in the question and nowhere else, but where it must not be compressed.
    let name = b"\x07example\x03com\x00";
    let uncompressed = text.matches("RRSIG SOA 13").count() + text.matches("RRSIG MX 13").count() + 2;
    let count = messages[0].windows(name.len()).filter(|octets| octets == name).count();
    assert!(count <= 1 + uncompressed, "{count}");
}

#[test]
fn many_records_make_many_messages_of_16_kib() {
    let mut text = format!("{SOA}@ 300 NS ns1\nns1 300 A 192.0.2.1\n");
    for number in 0..4000 {
        text += &format!("d{number} 300 NS ns1.d{number}\nd{number} 300 NS ns2.d{number}\n");
        text += &format!("ns1.d{number} 300 A 192.0.2.7\n");
    }
    let messages = roundtrip("example.", &text);
    assert!(messages.len() > 10);
    assert!(messages.iter().all(|message| message.len() <= 16 * 1024));
    let (last, full) = messages.split_last().unwrap();
    assert!(full.iter().all(|message| message.len() > 15 * 1024) && last.len() > 12);
    assert!(messages[0][5] == 1 && messages[1..].iter().all(|message| message[5] == 0), "questions");
}

#[test]
fn what_fits_into_no_message_of_16_kib_comes_all_the_same() {
    let mut text = format!("{SOA}@ 300 NS ns1\n");
    for number in 0..1500 {
        text += &format!("big 300 MX {number} mail{number}.big\n");
    }
    text += &format!("huge 300 TXT {}\n", "\"".to_owned() + &"x".repeat(250) + "\" ");
    let strings: Vec<String> = (0..200).map(|_| format!("\"{}\"", "y".repeat(250))).collect();
    text += &format!("large 300 TXT {}\nzz 300 A 192.0.2.1\n", strings.join(" "));
    let messages = roundtrip("example.", &text);
    assert!(messages.iter().any(|message| message.len() > 50_000));
}

#[test]
fn the_root_zone() {
    let text = ". 300 SOA a.root. nobody. 7 1 2 3 4\n. 300 NS a.root.\n. 300 NS b.root.\na.root. 300 A 192.0.2.1\n\
        test. 300 NS ns.test.\nns.test. 300 A 192.0.2.1\n";
    roundtrip(".", text);
}

#[test]
fn edns_is_answered_in_the_first_message() {
    let mut text = format!("{SOA}@ 300 NS ns1\n");
    (0..2000).for_each(|number| text += &format!("n{number} 300 A 192.0.2.1\n"));
    let (_directory, image) = image("example.", &text);
    let (messages, _) = transfer(&image, Some(true));
    assert!(messages.len() > 1 && messages.iter().all(|message| message.len() <= 16 * 1024));
    assert!(messages[0].ends_with(b"\x00\x00\x29\x04\xd0\x00\x00\x80\x00\x00\x00"));
    assert_eq!(messages.iter().map(|message| message[11]).sum::<u8>(), 1, "additional records");
    answers(&messages);
}

#[test]
fn the_soa_alone() {
    let (_directory, image) = image("example.", &format!("{SOA}@ 300 NS ns1\n"));
    let query = question(9, "example.", 251);
    let opening =
        Opening { id: 9, flags: 0, question: &query[12..], edns: None, expire: None, session: None };
    let found = answers(&messages(&soa_alone(&image, opening).unwrap()));
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].1, &found[0].3[found[0].3.len() - 20..][..4]), (RrType::SOA, &[0, 0, 0, 7][..]));
}

#[test]
fn whoever_takes_no_more_ends_it() {
    let mut text = format!("{SOA}@ 300 NS ns1\n");
    (0..20_000).for_each(|number| text += &format!("n{number} 300 TXT some text of some length\n"));
    let (_directory, image) = image("example.", &text);
    let query = question(1, "example.", 252);
    let opening =
        Opening { id: 1, flags: 0, question: &query[12..], edns: None, expire: None, session: None };
    let mut calls = 0;
    let outcome = axfr(&image, opening, &mut |_, _| {
        calls += 1;
        if calls == 2 { Err(std::io::ErrorKind::BrokenPipe.into()) } else { Ok(()) }
    });
    assert!(outcome.is_err());
    assert_eq!(calls, 2);
}

fn label() -> impl Strategy<Value = String> {
    "[ab]{1,2}|[a-z]{1,60}"
}

fn name() -> impl Strategy<Value = String> {
    prop::collection::vec(label(), 0..4).prop_map(|labels| match labels.len() {
        0 => "@".to_owned(),
        _ => labels.join("."),
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn any_zone_arrives(
        origin in prop::sample::select(vec![".", "a.", "example.com.", "b.a.b.a."]),
        lines in prop::collection::btree_set((name(), name(), 0u16..3), 0..300),
    ) {
        let mut text = format!("{SOA}@ 300 NS ns1\n");
        for (owner, target, kind) in lines {
            text += &match kind {
                0 => format!("{owner} 300 MX 10 {target}\n"),
                1 => format!("{owner} 300 PTR {target}\n"),
                _ => format!("{owner} 300 TXT {target}\n"),
            };
        }
        roundtrip(origin, &text);
    }
}

#[test]
fn how_long_the_zone_lasts_stands_in_the_first_message() {
    let hosts: String = (0..3000).map(|host| format!("h{host} 300 A 192.0.2.1\n")).collect();
    let (_directory, image) = image("example.", &format!("{SOA}@ 300 NS ns1\nns1 300 A 192.0.2.1\n{hosts}"));
    let query = question(1, "example.", 252);
    let opening = Opening {
        id: 1,
        flags: 0,
        question: &query[12..],
        edns: Some(false),
        expire: Some(77),
        session: None,
    };
    let mut framed = Vec::new();
    axfr(&image, opening, &mut |octets, _| {
        framed.extend_from_slice(octets);
        Ok(())
    })
    .unwrap();
    let messages = messages(&framed);
    assert!(messages.len() > 2 && messages.iter().all(|message| message.len() <= 16 * 1024));
    let option = [0, 8, 0, 9, 0, 4, 0, 0, 0, 77];
    assert!(messages[0].ends_with(&option), "{:02x?}", &messages[0][messages[0].len() - 20..]);
    assert!(!messages[1].ends_with(&option));
    // One message alone has it too.
    assert!(soa_alone(&image, opening).unwrap().ends_with(&option));
}
