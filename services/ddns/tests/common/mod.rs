//! The service over a scratch store, and updates written as nsupdate takes them.

#![allow(dead_code, reason = "each test file uses a part")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::io::Read as _;
use std::ops::ControlFlow;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tenon_datasrc::bulk::{self, Collector, StoredRecord};
use tenon_datasrc::master::{self, Item, Limits};
use tenon_datasrc::sqlite::{Access, SqliteSource};
use tenon_datasrc::{DataSource, ZoneEntry};
use tenon_ddns::{Ddns, DdnsSettings};
use tenon_handover::{Door, Kind, Request, Transport};
use tenon_service::Keys;
use tenon_wire::rdata::{self, parse_line};
use tenon_wire::{Name, RrType};
use tenon_zone::{Severity, ZoneChecker};

/// Nothing here takes long; a test that waits this long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) const ZONE: &str = "@ 300 SOA ns admin 7 3600 900 604800 300\n@ 300 NS ns\nns 300 A 192.0.2.1\n\
    www 300 A 192.0.2.80\nalias 300 CNAME www\nsub 300 NS ns.sub\nns.sub 300 A 192.0.2.2\n";

/// The service without a bus.
pub(crate) struct House {
    pub(crate) directory: tempfile::TempDir,
    pub(crate) ddns: Arc<Ddns>,
    pub(crate) door: Door,
}

impl House {
    /// With `example.`, which anybody may update, and the thread that commits.
    pub(crate) fn open() -> Self {
        let house = Self::new(serde_json::json!({"update_acl": [{"action": "ACCEPT"}]}));
        house.store("example.", ZONE);
        drop(house.ddns.start().unwrap());
        house
    }

    /// Without zones and without that thread.
    pub(crate) fn new(settings: Value) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let settings: DdnsSettings = serde_json::from_value(settings).unwrap();
        let keys = Keys::open(directory.path(), "ddns");
        let ddns = Ddns::new(&directory.path().join("zones.sqlite"), keys, settings);
        let path = directory.path().join("door");
        let listener = tokio::net::UnixListener::bind(&path).unwrap();
        tokio::spawn(Arc::clone(&ddns.taker).accept(listener));
        Self { directory, ddns, door: Door::new(path) }
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.directory.path().join("zones.sqlite")
    }

    pub(crate) fn source(&self) -> SqliteSource {
        SqliteSource::open(&self.database(), Access::Create).unwrap()
    }

    pub(crate) fn store(&self, zone: &str, text: &str) -> ZoneEntry {
        let origin: Name = zone.parse().unwrap();
        let mut collector = Collector::new(origin.as_ref());
        master::read_text(text.as_bytes(), origin.as_ref(), &Limits::default(), |item| {
            let Item::Record(record) = item else { panic!("{item:?}") };
            let (owner, rrtype, ttl, rdata) = (record.owner, record.rrtype, record.ttl, record.rdata);
            collector.add(&StoredRecord { owner, rrtype, ttl, rdata, file: 0, line: 0 });
            ControlFlow::Continue(())
        });
        let source = self.source();
        let records = collector.finish(Vec::new()).unwrap();
        let writer = bulk::write(&source, &records, &mut |_| ControlFlow::Continue(())).unwrap();
        writer.unwrap().commit().unwrap()
    }

    pub(crate) fn hand_over(&self, message: &[u8]) -> UnixStream {
        let request = Request {
            kind: Kind::Update,
            transport: Transport::Udp,
            peer: "127.0.0.1:4711".parse().unwrap(),
            local: "127.0.0.1:53".parse().unwrap(),
            tls_name: None,
            message: message.to_vec(),
        };
        let stream = self.door.hand_over(&request).unwrap();
        stream.set_nonblocking(false).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// The answer; empty when there was none.
    pub(crate) async fn ask(&self, message: &[u8]) -> Vec<u8> {
        answer(self.hand_over(message)).await
    }

    /// The response code of an update of `example.`.
    pub(crate) async fn update(&self, lines: &[&str]) -> u8 {
        self.ask(&update("example.", lines)).await[3] & 15
    }

    pub(crate) fn serial(&self, zone: &str) -> u32 {
        let zone: Name = zone.parse().unwrap();
        self.source().zone(zone.as_ref()).unwrap().unwrap().serial
    }

    /// The records of `example.` as lines, without the SOA; it is a zone without errors.
    pub(crate) fn records(&self) -> Vec<String> {
        let origin: Name = "example.".parse().unwrap();
        let source = self.source();
        let entry = source.zone(origin.as_ref()).unwrap().unwrap();
        let (mut lines, mut checker) = (Vec::new(), ZoneChecker::new(origin.as_ref()));
        let mut report = |problem: tenon_zone::Problem| {
            assert_ne!(problem.severity(), Severity::Error, "{problem}");
        };
        source
            .read(&entry, &mut |rrset| {
                checker.rrset(rrset, &mut report);
                let data = rrset.rdatas.iter().map(|data| rdata::display(rrset.rrtype, data).to_string());
                let line = |data| format!("{} {} {} {data}", rrset.owner, rrset.ttl, rrset.rrtype);
                lines.extend(data.filter(|_| rrset.rrtype != RrType::SOA).map(line));
                ControlFlow::Continue(())
            })
            .unwrap();
        checker.finish(&mut report);
        lines
    }

    /// Those of one name.
    pub(crate) fn at(&self, owner: &str) -> Vec<String> {
        let start = format!("{owner}.example. ");
        self.records().iter().filter_map(|line| Some(line.strip_prefix(&start)?.to_owned())).collect()
    }
}

/// Reads an answer to its end.
pub(crate) async fn answer(mut stream: UnixStream) -> Vec<u8> {
    tokio::task::spawn_blocking(move || {
        let mut octets = Vec::new();
        stream.read_to_end(&mut octets).unwrap();
        assert!(octets.ends_with(&[0, 0]), "the answer is whole");
        octets.truncate(octets.len() - 2);
        octets.split_off(octets.len().min(2))
    })
    .await
    .unwrap()
}

/// An UPDATE message: `prereq yxdomain|nxdomain NAME`, `prereq yxrrset|nxrrset NAME TYPE [DATA]`, `add NAME TTL TYPE DATA`,
/// `delete NAME [TYPE [DATA]]`.
pub(crate) fn update(zone: &str, lines: &[&str]) -> Vec<u8> {
    let origin: Name = zone.parse().unwrap();
    let (mut prerequisites, mut updates) = (Vec::new(), Vec::new());
    for line in lines {
        let words: Vec<&str> = line.split(' ').collect();
        match &words[..] {
            ["prereq", kind, rest @ ..] => {
                let class = match *kind {
                    "nxdomain" | "nxrrset" => 254,
                    _ if rest.len() > 2 => 1,
                    _ => 255,
                };
                prerequisites.push(record(&origin, class, 0, rest));
            }
            ["add", name, ttl, rest @ ..] => {
                updates.push(record(&origin, 1, ttl.parse().unwrap(), &[&[*name], rest].concat()));
            }
            ["delete", rest @ ..] => {
                updates.push(record(&origin, if rest.len() > 2 { 254 } else { 255 }, 0, rest));
            }
            other => panic!("{other:?}"),
        }
    }
    let count = |records: &Vec<Vec<u8>>| u16::try_from(records.len()).unwrap().to_be_bytes();
    let mut message = vec![0x12, 0x34, 0x28, 0, 0, 1];
    message.extend([count(&prerequisites), count(&updates), [0, 0]].concat());
    message.extend(origin.octets());
    message.extend([0, 6, 0, 1]);
    message.extend(prerequisites.concat());
    message.extend(updates.concat());
    message
}

fn record(origin: &Name, class: u16, ttl: u32, words: &[&str]) -> Vec<u8> {
    let (name, rest) = words.split_first().unwrap();
    let mut octets = Name::from_text(name, Some(origin.as_ref())).unwrap().octets().to_vec();
    let rrtype = rest.first().map_or(RrType::ANY, |text| text.parse().unwrap());
    let data = match rest.get(1..).filter(|data| !data.is_empty()) {
        Some(data) => parse_line(rrtype, &data.join(" "), Some(origin.as_ref())).unwrap(),
        None => Vec::new(),
    };
    octets.extend([rrtype.0, class].map(u16::to_be_bytes).concat());
    octets.extend(ttl.to_be_bytes());
    octets.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
    octets.extend(data);
    octets
}
