//! Every record type in use: from its text into the store, from there into an image, over the wire, and back to text.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod support;

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use hickory_proto::op::Message;
use support::{Server, query};
use tenon_answer::Transport;
use tenon_datasrc::DataSource;
use tenon_datasrc::master::{Item, Limits, read_text};
use tenon_datasrc::sqlite::{Access, SqliteSource};
use tenon_wire::rdata::{display, unpack};
use tenon_wire::{Name, RrType};
use tenon_zone::Rrset;

/// Type and data of each record, as we write it.
fn records() -> Vec<(RrType, &'static str)> {
    let lines = include_str!("../../wire/src/rdata/types.txt").lines().filter(|line| !line.starts_with(';'));
    lines
        .map(|line| {
            let (rrtype, data) = line.split_once(' ').unwrap_or((line, ""));
            (rrtype.parse().unwrap(), data)
        })
        .collect()
}

/// SOA is at the apex alone, and NSEC3 records have no names to ask for; the scenarios have both.
const APART: [RrType; 2] = [RrType::SOA, RrType::NSEC3];

/// What hickory-proto does not read: SIG other than at the end of a message, and nothing at all.
const NOT_READ: &[RrType] = &[RrType::SIG, RrType::APL];

#[test]
fn every_type_comes_back_as_it_went_in() {
    let origin: Name = "example.".parse().unwrap();
    let records: Vec<_> = records().into_iter().filter(|(rrtype, _)| !APART.contains(rrtype)).collect();
    let mut text = "$TTL 300\n@ SOA ns admin 1 2 3 4 60\n@ NS ns\n".to_owned();
    for (number, (rrtype, data)) in records.iter().enumerate() {
        text += &format!("t{number} {rrtype} {data}\n");
    }
    let stored = through_the_store(&origin, &text);
    let mut server = Server::of_rrsets("example.", &stored);
    for (number, (rrtype, data)) in records.iter().enumerate() {
        let query = query(&format!("t{number}.example."), *rrtype, None);
        let response = server.raw(Transport::Tcp, &query).unwrap();
        let read = Message::from_vec(&response).is_ok();
        assert!(
            read || NOT_READ.contains(rrtype) || data.ends_with("# 0"),
            "hickory-proto on {rrtype} {data}"
        );
        assert_eq!(first_data(&query, &response, *rrtype), *data, "{rrtype}");
    }
}

/// All RRsets of a master file, after they were committed to a store and read from it.
fn through_the_store(origin: &Name, text: &str) -> Vec<Rrset> {
    let mut rrsets: Vec<Rrset> = Vec::new();
    read_text(text.as_bytes(), origin.as_ref(), &Limits::default(), |item| {
        let Item::Record(record) = item else { panic!("{item:?}") };
        let mut rdatas = (record.rdata.len() as u16).to_be_bytes().to_vec();
        rdatas.extend_from_slice(record.rdata);
        rrsets.push(Rrset { owner: record.owner.to_name(), rrtype: record.rrtype, ttl: record.ttl, rdatas });
        ControlFlow::Continue(())
    });
    rrsets.sort_by(|a, b| (&a.owner, a.rrtype).cmp(&(&b.owner, b.rrtype)));
    let directory = tempfile::tempdir().unwrap();
    let source = SqliteSource::open(&directory.path().join("zones.sqlite"), Access::Create).unwrap();
    let mut writer = source.begin(origin.as_ref()).unwrap();
    rrsets.iter().for_each(|rrset| writer.put(rrset.as_ref()).unwrap());
    let entry = writer.commit().unwrap();
    let mut read = Vec::new();
    source
        .read(&entry, &mut |rrset| {
            read.push(rrset.to_rrset());
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(read.len(), rrsets.len());
    read
}

/// Data of the first record of a response, or of the first signature when these are asked for, as text.
fn first_data(query: &[u8], response: &[u8], rrtype: RrType) -> String {
    // The owner is a pointer to the question; type, class, TTL and length follow.
    let record = query.len();
    assert_eq!(response[record..record + 4], [[0xc0, 12], rrtype.0.to_be_bytes()].concat());
    let length = usize::from(u16::from_be_bytes([response[record + 10], response[record + 11]]));
    let (start, mut data) = (record + 12, Vec::new());
    unpack(rrtype, response, start, start + length, &mut data).unwrap();
    display(rrtype, &data).to_string()
}

#[test]
fn the_list_has_every_type_that_has_a_text_form_of_its_own() {
    let listed: BTreeSet<RrType> = records().into_iter().map(|(rrtype, _)| rrtype).collect();
    // Experimental or obsolete, written as octets (RFC 3597): NXT, EID, NIMLOC, ATMA, A6, SINK, RKEY, DOA.
    let opaque: BTreeSet<u16> = [30, 31, 32, 34, 38, 40, 57, 259].into();
    for code in 1..=u16::MAX {
        let rrtype = RrType(code);
        if !rrtype.is_meta() && !rrtype.to_string().starts_with("TYPE") && !opaque.contains(&code) {
            assert!(listed.contains(&rrtype), "{rrtype}");
        }
    }
}
