//! Zones for tests, written as short text: owner relative to the zone, type, TTL and data.

#![allow(dead_code, reason = "each test file uses a part")]

use tenon_datasrc::{DataSource, Error, ZoneChange, ZoneEntry};
use tenon_wire::{Name, NameRef, RrType};
use tenon_zone::{RdataList, Rrset, RrsetRef};

/// Reads a name.
pub(crate) fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// An RRset with the data given as it is.
pub(crate) fn rrset(origin: &Name, owner: &str, rrtype: RrType, ttl: u32, records: &[&[u8]]) -> Rrset {
    let owner = Name::from_text(owner, Some(origin.as_ref())).unwrap();
    let mut rdatas = Vec::new();
    for record in records {
        rdatas.extend((record.len() as u16).to_be_bytes());
        rdatas.extend_from_slice(record);
    }
    Rrset { owner, rrtype, ttl, rdatas }
}

/// The record data of an SOA with that serial.
pub(crate) fn soa(serial: u32) -> Vec<u8> {
    let mut rdata = b"\x02ns\x00\x02hm\x00".to_vec();
    for number in [serial, 7200, 3600, 1_209_600, 300] {
        rdata.extend(number.to_be_bytes());
    }
    rdata
}

/// The apex of a small zone: SOA and NS, in canonical order.
pub(crate) fn apex(origin: &Name, serial: u32) -> Vec<Rrset> {
    vec![
        rrset(origin, "@", RrType::NS, 300, &[b"\x02ns\x00"]),
        rrset(origin, "@", RrType::SOA, 300, &[&soa(serial)]),
    ]
}

/// The RRsets in canonical order.
pub(crate) fn sorted(mut rrsets: Vec<Rrset>) -> Vec<Rrset> {
    rrsets.sort_by(|a, b| a.owner.cmp(&b.owner).then(a.rrtype.cmp(&b.rrtype)));
    rrsets
}

/// Commits a zone of these RRsets.
pub(crate) fn store(source: &dyn DataSource, origin: &Name, rrsets: &[Rrset]) -> Result<ZoneEntry, Error> {
    let mut writer = source.begin(origin.as_ref())?;
    for rrset in rrsets {
        writer.put(rrset.as_ref())?;
    }
    writer.commit()
}

/// Puts an RRset in the place of what the changed version has there; without records it is to go.
pub(crate) fn put_in(source: &dyn DataSource, change: &mut dyn ZoneChange, rrset: &Rrset) {
    let mut before = None;
    let mut find = |found: RrsetRef<'_>| {
        if found.rrtype == rrset.rrtype {
            before = Some(found.to_rrset());
        }
    };
    source.rrsets_at(change.before(), rrset.owner.as_ref(), &mut find).unwrap();
    let after = (!rrset.rdatas.is_empty()).then(|| rrset.as_ref());
    change.replace(before.as_ref().map(Rrset::as_ref), after).unwrap();
}

/// All RRsets of a version.
pub(crate) fn read(source: &dyn DataSource, entry: &ZoneEntry) -> Result<Vec<Rrset>, Error> {
    let mut found = Vec::new();
    source.read(entry, &mut |rrset| {
        found.push(rrset.to_rrset());
        std::ops::ControlFlow::Continue(())
    })?;
    Ok(found)
}

/// The current version of a zone that must be there.
pub(crate) fn current(source: &dyn DataSource, origin: NameRef<'_>) -> ZoneEntry {
    source.zone(origin).unwrap().unwrap()
}

/// An RRset in one line.
pub(crate) fn line(owner: NameRef<'_>, rrtype: RrType, rdatas: RdataList<'_>) -> String {
    let data: Vec<String> = rdatas.iter().map(|rdata| String::from_utf8_lossy(rdata).into_owned()).collect();
    format!("{owner} {rrtype} {}", data.join(","))
}

/// A zone with `count` hosts besides its apex.
pub(crate) fn hosts(origin: &Name, serial: u32, count: u32) -> Vec<Rrset> {
    let mut rrsets = apex(origin, serial);
    for number in 0..count {
        rrsets.push(rrset(origin, &format!("h{number:07}"), RrType::A, 300, &[&number.to_be_bytes()]));
    }
    rrsets
}
