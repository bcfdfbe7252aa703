//! Zones written as text, compiled and published, and an independent reader of transfers.

#![allow(dead_code, reason = "each test file uses a part")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail like tests"
)]

use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use hickory_proto::op::Message;
use tenon_datasrc::DataSource;
use tenon_datasrc::master::{Item, Limits, read_text};
use tenon_datasrc::sqlite::{Access, SqliteSource};
use tenon_image::{ImageBuilder, ImageFile, Manifest, ManifestZone};
use tenon_wire::{Name, RrType};
use tenon_xfrout::stores::Stores;
use tenon_zone::{RdataList, RrsetRef};

/// Nothing here takes long; a test that waits this long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A record: owner, type, TTL, data without compression.
pub(crate) type Record = (Name, RrType, u32, Vec<u8>);

/// The records of a master file in canonical order.
pub(crate) fn records(origin: &str, text: &str) -> Vec<Record> {
    let origin: Name = origin.parse().unwrap();
    let mut records = Vec::new();
    read_text(text.as_bytes(), origin.as_ref(), &Limits::default(), |item| {
        match item {
            Item::Record(record) => {
                records.push((record.owner.to_name(), record.rrtype, record.ttl, record.rdata.to_vec()));
            }
            Item::Problem(problem) => panic!("{problem:?}"),
        }
        ControlFlow::Continue(())
    });
    records.sort_by(|a, b| (&a.0, a.1, &a.3).cmp(&(&b.0, b.1, &b.3)));
    records
}

/// Compiles one zone into a file.
pub(crate) fn compile(directory: &Path, file: &str, origin: &str, serial: u32, text: &str) -> ImageFile {
    let records = records(origin, text);
    let mut builder = ImageBuilder::create(directory, file).unwrap();
    builder.begin_zone(origin.parse::<Name>().unwrap().as_ref(), serial, serial.into()).unwrap();
    for group in records.chunk_by(|a, b| a.0 == b.0 && a.1 == b.1) {
        let packed = packed(group);
        let (owner, rrtype, ttl, _) = &group[0];
        let rdatas = RdataList::from_packed(&packed);
        builder.add(RrsetRef { owner: owner.as_ref(), rrtype: *rrtype, ttl: *ttl, rdatas }).unwrap();
    }
    builder.end_zone().unwrap();
    builder.finish().unwrap()
}

/// The stores of a scratch directory.
pub(crate) fn stores(directory: &Path) -> Stores {
    let expiries = std::sync::Arc::new(tenon_image::ExpiryFile::new(&directory.join("EXPIRIES")));
    Stores::new(directory.join("primary.sqlite"), directory.join("secondary.sqlite"), expiries)
}

/// Stores a version of a zone and publishes its image; `SERIAL` in the text stands for its serial.
pub(crate) fn commit(directory: &Path, origin: &str, serial: u32, text: &str) {
    let text = text.replace("SERIAL", &serial.to_string());
    store(directory, origin, &text);
    publish(&directory.join("images"), serial.into(), &[(origin, serial, &text)]);
}

/// Stores a version of a zone.
pub(crate) fn store(directory: &Path, origin: &str, text: &str) {
    let source = SqliteSource::open(&directory.join("primary.sqlite"), Access::Create).unwrap();
    let mut writer = source.begin(origin.parse::<Name>().unwrap().as_ref()).unwrap();
    for group in records(origin, text).chunk_by(|a, b| a.0 == b.0 && a.1 == b.1) {
        let packed = packed(group);
        let (owner, rrtype, ttl, _) = &group[0];
        let rdatas = RdataList::from_packed(&packed);
        writer.put(RrsetRef { owner: owner.as_ref(), rrtype: *rrtype, ttl: *ttl, rdatas }).unwrap();
    }
    writer.commit().unwrap();
}

fn packed(group: &[Record]) -> Vec<u8> {
    group.iter().flat_map(|r| [&(r.3.len() as u16).to_be_bytes()[..], &r.3].concat()).collect()
}

/// A zone of the manifest.
pub(crate) fn zone(origin: &str, serial: u32, file: ImageFile) -> ManifestZone {
    ManifestZone {
        origin: origin.parse().unwrap(),
        serial,
        version: serial.into(),
        storage: "primary".into(),
        records: 1000,
        compiled_usec: 1,
        files: vec![file],
        previous: None,
        unavailable: None,
    }
}

/// Publishes zones given as name, serial and text; `SERIAL` in a text stands for its serial.
pub(crate) fn publish(directory: &Path, generation: u64, zones: &[(&str, u32, &str)]) {
    let mut zones: Vec<ManifestZone> = zones
        .iter()
        .map(|(origin, serial, text)| {
            let text = text.replace("SERIAL", &serial.to_string());
            let file = format!("{}-{serial}.image", origin.trim_matches('.'));
            zone(origin, *serial, compile(directory, &file, origin, *serial, &text))
        })
        .collect();
    zones.sort_by(|a, b| a.origin.cmp(&b.origin));
    Manifest { generation, zones }.write(directory).unwrap();
}

/// A query without EDNS.
pub(crate) fn question(id: u16, zone: &str, qtype: u16) -> Vec<u8> {
    let mut query = id.to_be_bytes().to_vec();
    query.extend([0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    query.extend(zone.parse::<Name>().unwrap().octets());
    query.extend(qtype.to_be_bytes());
    query.extend([0, 1]);
    query
}

/// An IXFR query of a client that has `serial`.
pub(crate) fn ixfr(id: u16, zone: &str, serial: u32) -> Vec<u8> {
    let mut query = question(id, zone, 251);
    query[9] = 1;
    query.extend(b"\xc0\x0c\x00\x06\x00\x01\x00\x00\x00\x00\x00\x16\x00\x00");
    query.extend([serial, 0, 0, 0, 0].iter().flat_map(|number| number.to_be_bytes()));
    query
}

/// The messages of a row of framed ones.
pub(crate) fn messages(mut framed: &[u8]) -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    while let [a, b, rest @ ..] = framed {
        let (message, rest) = rest.split_at(usize::from(u16::from_be_bytes([*a, *b])));
        messages.push(message.to_vec());
        framed = rest;
    }
    messages
}

/// All answer records of a row of messages, read by somebody else.
pub(crate) fn answers(messages: &[Vec<u8>]) -> Vec<Record> {
    use domain::base::{Message, ParsedName, iana::Rtype};
    use domain::rdata::AllRecordData;
    let mut records = Vec::new();
    for octets in messages {
        let message = Message::from_octets(octets.as_slice()).unwrap();
        for record in message.answer().unwrap() {
            let record = record.unwrap();
            let rtype: Rtype = record.rtype();
            let record = record.to_record::<AllRecordData<_, ParsedName<_>>>().unwrap().unwrap();
            let mut rdata = Vec::new();
            domain::base::rdata::ComposeRecordData::compose_rdata(record.data(), &mut rdata).unwrap();
            let owner = domain::base::name::ToName::to_vec(record.owner());
            let (owner, _) = tenon_wire::NameRef::split_from(owner.as_slice()).unwrap();
            let ttl = record.ttl().as_secs();
            records.push((owner.to_name(), RrType(rtype.to_int()), ttl, rdata));
        }
    }
    records
}

/// Response code of a message.
pub(crate) fn rcode(message: &[u8]) -> u16 {
    u16::from(Message::from_vec(message).unwrap().metadata.response_code)
}

/// Waits until something becomes true, asynchronously.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "never happened: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
