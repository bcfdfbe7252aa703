//! A server of zones written as master files, and an independent reader of its responses.
#![allow(dead_code, clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::Path;

use hickory_proto::op::Message;
use tempfile::TempDir;
use tenon_answer::{AnswerSettings, Asker, Facts, Outcome, Scratch, Transport, respond};
use tenon_datasrc::master::{Item, Limits, read_text};
use tenon_image::{Catalog, Cause, ImageBuilder, ImageFile, Manifest, ManifestZone, Unavailable};
use tenon_wire::message::Rcode;
use tenon_wire::{Name, RrType};
use tenon_zone::Rrset;

/// Answers from zones compiled into a scratch directory.
pub(crate) struct Server {
    _directory: TempDir,
    pub(crate) catalog: Catalog,
    pub(crate) settings: AnswerSettings,
    pub(crate) scratch: Scratch,
}

impl Server {
    /// Serves zones given as name and text.
    pub(crate) fn new(zones: &[(&str, &str)]) -> Self {
        Self::stored("primary", zones)
    }

    /// Serves zones of that store.
    pub(crate) fn stored(storage: &str, zones: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut builder = ImageBuilder::create(directory.path(), "zones.image").unwrap();
        for (origin, text) in zones {
            add_zone(&mut builder, &origin.parse().unwrap(), text);
        }
        let file = builder.finish().unwrap();
        let origins: Vec<&str> = zones.iter().map(|(origin, _)| *origin).collect();
        Self::of(directory, &origins, &[file], storage)
    }

    /// Serves one zone from the files that `build` makes: a base, then layers.
    pub(crate) fn of_files(origin: &str, build: impl FnOnce(&Path) -> Vec<ImageFile>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let files = build(directory.path());
        Self::of(directory, &[origin], &files, "primary")
    }

    /// Serves secondary zones that are expired or were never transferred.
    pub(crate) fn unavailable(zones: &[(&str, Cause)]) -> Self {
        let origins: Vec<&str> = zones.iter().map(|(origin, _)| *origin).collect();
        let directory = tempfile::tempdir().unwrap();
        let mut manifest = Self::manifest(&origins, &[missing()], "secondary");
        for zone in &mut manifest.zones {
            let cause = zones.iter().find(|(origin, _)| origin.parse() == Ok(zone.origin.clone())).unwrap().1;
            zone.unavailable = Some(Unavailable { cause, since_usec: 1 });
        }
        Self::served(directory, &manifest)
    }

    /// Serves a zone of RRsets in canonical order.
    pub(crate) fn of_rrsets(origin: &str, rrsets: &[Rrset]) -> Self {
        Self::of_files(origin, |directory| {
            let mut builder = ImageBuilder::create(directory, "zones.image").unwrap();
            builder.begin_zone(origin.parse::<Name>().unwrap().as_ref(), 1, 1).unwrap();
            rrsets.iter().for_each(|rrset| builder.add(rrset.as_ref()).unwrap());
            builder.end_zone().unwrap();
            vec![builder.finish().unwrap()]
        })
    }

    /// Serves zones whose image is not there.
    pub(crate) fn without_images(origins: &[&str]) -> Self {
        Self::of(tempfile::tempdir().unwrap(), origins, &[missing()], "secondary")
    }

    fn of(directory: TempDir, origins: &[&str], files: &[ImageFile], storage: &str) -> Self {
        Self::served(directory, &Self::manifest(origins, files, storage))
    }

    fn manifest(origins: &[&str], files: &[ImageFile], storage: &str) -> Manifest {
        let zone = |origin: &&str| ManifestZone {
            origin: origin.parse().unwrap(),
            serial: 1,
            version: 1,
            storage: storage.into(),
            records: 1,
            compiled_usec: 0,
            files: files.to_vec(),
            previous: None,
            unavailable: None,
        };
        let mut zones: Vec<_> = origins.iter().map(zone).collect();
        zones.sort_by(|a, b| a.origin.cmp(&b.origin));
        Manifest { generation: 1, zones }
    }

    fn served(directory: TempDir, manifest: &Manifest) -> Self {
        let catalog = Catalog::open(directory.path(), manifest, None, &BTreeSet::new());
        Self { _directory: directory, catalog, settings: AnswerSettings::default(), scratch: Scratch::new() }
    }

    /// The octets of the response.
    pub(crate) fn raw(&mut self, transport: Transport, query: &[u8]) -> Option<Vec<u8>> {
        let mut response = vec![0; 65535];
        match respond(
            &self.catalog,
            &self.settings,
            &asker(transport),
            query,
            &mut response,
            &mut self.scratch,
        ) {
            Outcome::Reply(length) | Outcome::HandOver(length) => Some(response[..length].to_vec()),
            Outcome::Silence => None,
        }
    }

    /// What hickory reads in the response to a question, as text; `do` asks for DNSSEC, `tcp` and `bare` (no EDNS) too.
    pub(crate) fn ask(&mut self, question: &str) -> String {
        let words: Vec<&str> = question.split_whitespace().collect();
        let flag = |name| words[2..].contains(&name);
        let query = query(words[0], words[1].parse().unwrap(), (!flag("bare")).then_some(flag("do")));
        let transport = if flag("tcp") { Transport::Tcp } else { Transport::Udp };
        show(&Message::from_vec(&self.raw(transport, &query).unwrap()).unwrap())
    }

    pub(crate) fn facts(&self) -> &Facts {
        self.scratch.facts()
    }
}

fn add_zone(builder: &mut ImageBuilder, origin: &Name, text: &str) {
    builder.begin_zone(origin.as_ref(), 1, 1).unwrap();
    rrsets(origin, text).iter().for_each(|rrset| builder.add(rrset.as_ref()).unwrap());
    builder.end_zone().unwrap();
}

/// The RRsets of a master file in canonical order.
pub(crate) fn rrsets(origin: &Name, text: &str) -> Vec<Rrset> {
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
    let group = |group: &[(Name, RrType, u32, Vec<u8>)]| {
        let packed =
            group.iter().flat_map(|r| [&(r.3.len() as u16).to_be_bytes()[..], &r.3].concat()).collect();
        let (owner, rrtype, ttl, _) = &group[0];
        Rrset { owner: owner.clone(), rrtype: *rrtype, ttl: *ttl, rdatas: packed }
    };
    records.chunk_by(|a, b| a.0 == b.0 && a.1 == b.1).map(group).collect()
}

/// A client at 192.0.2.1, ten thousand seconds after the beginning of 1970.
pub(crate) fn asker(transport: Transport) -> Asker {
    Asker {
        transport,
        address: std::net::Ipv4Addr::new(192, 0, 2, 1).into(),
        encrypted: false,
        seconds: 10_000,
        reserved: 0,
        refused: false,
    }
}

/// A query with RD clear; `edns` is none or the DO bit.
pub(crate) fn query(name: &str, rrtype: RrType, edns: Option<bool>) -> Vec<u8> {
    let mut octets = vec![0x12, 0x34, 0, 0, 0, 1, 0, 0, 0, 0, 0, u8::from(edns.is_some())];
    octets.extend_from_slice(name.parse::<Name>().unwrap().octets());
    octets.extend_from_slice(&rrtype.0.to_be_bytes());
    octets.extend_from_slice(&[0, 1]);
    if let Some(dnssec) = edns {
        octets.extend_from_slice(&[0, 0, 41, 4, 208, 0, 0, if dnssec { 0x80 } else { 0 }, 0, 0, 0]);
    }
    octets
}

/// A response as text: code and flags, then a line per record; sections are marked `>`, `~` and `+`.
pub(crate) fn show(message: &Message) -> String {
    let mut text = Rcode(message.metadata.response_code.into()).to_string();
    let metadata = &message.metadata;
    for (set, name) in [(metadata.authoritative, " AA"), (metadata.truncation, " TC")] {
        text.push_str(if set { name } else { "" });
    }
    for (mark, section) in [('>', &message.answers), ('~', &message.authorities), ('+', &message.additionals)]
    {
        for record in section {
            let rrtype = RrType(record.record_type().into());
            // hickory shows the data of a DNAME as base64.
            let data = if rrtype == RrType::DNAME { String::new() } else { record.data.to_string() };
            let line = format!(
                "
{mark} {} {} {rrtype} {data}",
                record.name, record.ttl
            );
            text.push_str(line.trim_end());
        }
    }
    text
}

fn missing() -> ImageFile {
    ImageFile { name: "missing.image".into(), octets: 4096, checksum: 1 }
}
