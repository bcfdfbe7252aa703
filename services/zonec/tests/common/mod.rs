//! Zones in a store, and what the image directory makes of them.

#![allow(dead_code, reason = "each test file uses a part")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail like tests"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use tenon_datasrc::sqlite::{Access, SqliteSource};
use tenon_datasrc::{DataSource, ZoneEntry};
use tenon_image::manifest::MANIFEST;
use tenon_image::{Catalog, Manifest, ZoneState};
use tenon_wire::{Name, NameRef, RrType};
use tenon_zone::{RdataList, RrsetRef};

/// A store and an image directory of their own.
pub(crate) struct Place {
    pub(crate) directory: tempfile::TempDir,
    pub(crate) source: SqliteSource,
}

pub(crate) fn name(text: &str) -> Name {
    text.parse().unwrap()
}

impl Place {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("images")).unwrap();
        let source = SqliteSource::open(&directory.path().join("zones.sqlite"), Access::Create).unwrap();
        Self { directory, source }
    }

    pub(crate) fn images(&self) -> PathBuf {
        self.directory.path().join("images")
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.directory.path().join("zones.sqlite")
    }

    /// The zone manager's list.
    pub(crate) fn secondary(&self) -> PathBuf {
        self.directory.path().join("secondary.sqlite")
    }

    pub(crate) fn unavailable(&self) -> PathBuf {
        self.directory.path().join("UNAVAILABLE")
    }

    /// Stores a zone with an SOA, an NS and so many hosts.
    pub(crate) fn store(&self, zone: &str, serial: u32, hosts: u32) -> ZoneEntry {
        store(&self.source, zone, serial, hosts)
    }

    /// Stores a zone that no image can hold: an RRset longer than any message.
    pub(crate) fn store_bad(&self, zone: &str, serial: u32) {
        let mut writer = put_zone(&self.source, zone, serial, 0);
        put_too_much(&mut *writer, zone);
        writer.commit().unwrap();
    }

    pub(crate) fn manifest(&self) -> Manifest {
        Manifest::read(&self.images()).unwrap().unwrap_or_default()
    }

    /// What would be answered: zones with their serials. Each must be served from its current image.
    pub(crate) fn served(&self) -> BTreeMap<String, u32> {
        let catalog = Catalog::open(&self.images(), &self.manifest(), None, &BTreeSet::new());
        assert!(catalog.verify_bodies(|| ()).is_empty());
        catalog
            .zones(None)
            .map(|zone| {
                assert_eq!(zone.state, ZoneState::Serving, "{}: {}", zone.origin, zone.reason);
                (zone.origin.to_string(), zone.serial)
            })
            .collect()
    }

    /// The files in the image directory beside the manifest.
    pub(crate) fn files(&self) -> BTreeSet<String> {
        files(&self.images())
    }
}

pub(crate) fn files(directory: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(directory).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name != MANIFEST).collect()
}

pub(crate) fn store(source: &dyn DataSource, zone: &str, serial: u32, hosts: u32) -> ZoneEntry {
    put_zone(source, zone, serial, hosts).commit().unwrap()
}

/// A zone that only needs to be committed.
pub(crate) fn put_zone<'s>(
    source: &'s dyn DataSource,
    zone: &str,
    serial: u32,
    hosts: u32,
) -> Box<dyn tenon_datasrc::ZoneWriter + 's> {
    let origin = name(zone);
    let mut writer = source.begin(origin.as_ref()).unwrap();
    put_apex(&mut *writer, &origin, serial);
    for host in 0..hosts {
        let owner = Name::from_text(&format!("h{host:07}"), Some(origin.as_ref())).unwrap();
        put(&mut *writer, owner.as_ref(), RrType::A, &[&[0, 4], &host.to_be_bytes()[..]].concat());
    }
    writer
}

/// Puts an RRset longer than any message behind everything else.
pub(crate) fn put_too_much(writer: &mut dyn tenon_datasrc::ZoneWriter, zone: &str) {
    let text = [&[250, 0][..], &vec![b'x'; 250][..]].concat();
    let packed: Vec<u8> = (0..300_u16)
        .flat_map(|number| {
            let rdata = [&[2][..], &number.to_be_bytes(), &text[1..2], &text[..1], &text[2..]].concat();
            [&(rdata.len() as u16).to_be_bytes()[..], &rdata].concat()
        })
        .collect();
    let owner = Name::from_text("z", Some(name(zone).as_ref())).unwrap();
    put(writer, owner.as_ref(), RrType::TXT, &packed);
}

fn put_apex(writer: &mut dyn tenon_datasrc::ZoneWriter, origin: &Name, serial: u32) {
    put(writer, origin.as_ref(), RrType::NS, b"\x00\x04\x02ns\x00");
    let mut soa = vec![0, 22, 0, 0];
    soa.extend(serial.to_be_bytes());
    soa.extend([0; 16]);
    put(writer, origin.as_ref(), RrType::SOA, &soa);
}

fn put(writer: &mut dyn tenon_datasrc::ZoneWriter, owner: NameRef<'_>, rrtype: RrType, packed: &[u8]) {
    let rdatas = RdataList::from_packed(packed);
    writer.put(RrsetRef { owner, rrtype, ttl: 300, rdatas }).unwrap();
}
