//! The whole answer path over a fixed image.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::ControlFlow;

use domain::base::Message as DomainMessage;
use domain::base::name::ToLabelIter;
use domain::rdata::AllRecordData;
use tempfile::TempDir;
use tenon_answer::{AnswerSettings, Asker, CookieSecrets, Outcome, Scratch, Transport, respond};
use tenon_datasrc::master::{Item, Limits, read_text};
use tenon_image::{Catalog, ImageBuilder, Manifest, ManifestZone};
use tenon_test_signer::Denial;
use tenon_wire::Name;
use tenon_zone::{RdataList, RrsetRef};

const ZONES: [(&str, &str, &str); 4] = [
    (
        ".",
        "nsec",
        "@ NS ns.root.\nns.root A 192.0.2.1\ntest NS ns.test\nns.test A 192.0.2.2\nalias CNAME a.nsec3\n",
    ),
    ("test.", "", include_str!("../zones/plain.zone")),
    ("nsec.", "nsec", include_str!("../zones/plain.zone")),
    ("nsec3.", "nsec3 2 ab optout", include_str!("../zones/plain.zone")),
];
const SOA: &str = "$TTL 300\n@ SOA ns.outside. admin 1 2 3 4 60\n@ DNSKEY 257 3 13 AAAA\n";

thread_local! {
    static SERVER: RefCell<Server> = RefCell::new(Server::new());
}

struct Server {
    _directory: TempDir,
    catalog: Catalog,
    settings: AnswerSettings,
    scratch: Scratch,
    response: Vec<u8>,
}

/// The first octet says how the rest comes: over TCP, from an IPv6 address, into a small buffer.
///
/// # Panics
/// The response is not what a response must be.
pub fn answer(octets: &[u8]) {
    let Some((&how, query)) = octets.split_first() else { return };
    SERVER.with_borrow_mut(|server| server.answer(how, query));
}

impl Server {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut builder = ImageBuilder::create(directory.path(), "zones.image").unwrap();
        let mut zones = Vec::new();
        for (origin, denial, text) in ZONES {
            let text = Denial::read(denial).sign(origin, &format!("{SOA}{text}"));
            let origin: Name = origin.parse().unwrap();
            let records = add(&mut builder, &origin, &text);
            zones.push((origin, records));
        }
        let file = builder.finish().unwrap();
        let mut zones: Vec<ManifestZone> = zones
            .into_iter()
            .map(|(origin, records)| ManifestZone {
                origin,
                serial: 1,
                version: 1,
                storage: "primary".into(),
                records,
                compiled_usec: 0,
                files: vec![file.clone()],
                previous: None,
                unavailable: None,
            })
            .collect();
        zones.sort_by(|a, b| a.origin.cmp(&b.origin));
        let manifest = Manifest { generation: 1, zones };
        let catalog = Catalog::open(directory.path(), &manifest, None, &BTreeSet::new());
        let settings = AnswerSettings {
            tcp_keepalive: 100,
            cookie_secrets: Some(CookieSecrets { current: [1; 16], others: vec![[2; 16]] }),
            nsid: "fuzz".into(),
            version: "fuzz".into(),
            ..AnswerSettings::default()
        };
        Self { _directory: directory, catalog, settings, scratch: Scratch::new(), response: vec![0; 65535] }
    }

    fn answer(&mut self, how: u8, query: &[u8]) {
        let transport = if how & 1 == 0 { Transport::Udp } else { Transport::Tcp };
        let address: IpAddr =
            if how & 2 == 0 { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
        self.settings.require_cookies = how & 4 != 0;
        self.settings.minimal_responses = how & 8 == 0;
        self.settings.minimal_any = how & 16 == 0;
        let room = if how & 32 == 0 { 65535 } else { usize::from(how) * 4 };
        let encrypted = transport == Transport::Tcp && how & 64 != 0;
        let asker =
            Asker { transport, encrypted, address, seconds: 1_700_000_000, reserved: 0, refused: false };
        let response = &mut self.response[..room];
        match respond(&self.catalog, &self.settings, &asker, query, response, &mut self.scratch) {
            Outcome::Silence => {}
            Outcome::Reply(length) | Outcome::HandOver(length) => {
                assert!(length <= room && (transport == Transport::Tcp || length <= 1232));
                check(query, &self.response[..length]);
            }
        }
    }
}

/// A response answers the query, and domain reads every record of it.
fn check(query: &[u8], response: &[u8]) {
    let message = DomainMessage::from_octets(response).unwrap();
    assert_eq!(query[..2], response[..2], "the number");
    assert!(message.header().qr() && !message.header().ra() && !message.header().z());
    let counts = message.header_counts();
    assert!(counts.qdcount() <= 1);
    if counts.qdcount() == 1 {
        let question = message.sole_question().unwrap();
        let length = usize::from(question.qname().compose_len()) + 4;
        assert_eq!(query[12..12 + length], response[12..12 + length], "the question");
    }
    let (_, answer, authority, additional) = message.sections().unwrap();
    for section in [answer, authority, additional] {
        for record in section {
            let record = record.unwrap();
            assert!(record.to_record::<AllRecordData<_, _>>().unwrap().is_some());
        }
    }
}

fn add(builder: &mut ImageBuilder, origin: &Name, text: &str) -> u64 {
    let mut records = Vec::new();
    read_text(text.as_bytes(), origin.as_ref(), &Limits::default(), |item| {
        let Item::Record(record) = item else { panic!("{item:?}") };
        records.push((record.owner.to_name(), record.rrtype, record.ttl, record.rdata.to_vec()));
        ControlFlow::Continue(())
    });
    records.sort_by(|a, b| (&a.0, a.1, &a.3).cmp(&(&b.0, b.1, &b.3)));
    records.dedup();
    builder.begin_zone(origin.as_ref(), 1, 1).unwrap();
    for group in records.chunk_by(|a, b| a.0 == b.0 && a.1 == b.1) {
        let packed: Vec<u8> =
            group.iter().flat_map(|r| [&(r.3.len() as u16).to_be_bytes()[..], &r.3].concat()).collect();
        let (owner, rrtype, ttl, _) = &group[0];
        let rdatas = RdataList::from_packed(&packed);
        builder.add(RrsetRef { owner: owner.as_ref(), rrtype: *rrtype, ttl: *ttl, rdatas }).unwrap();
    }
    builder.end_zone().unwrap().records
}
