//! Small zones for tests, written as lines of owner, type and data.

use std::path::Path;

use tenon_image::{ImageBuilder, ImageFile, Manifest, ManifestZone};
use tenon_wire::{Name, RrType};
use tenon_zone::Rrset;

/// Record data of the few types that tests need; `\#HEX` for any other.
pub(crate) fn rdata(rrtype: RrType, words: &[&str]) -> Vec<u8> {
    let name = |text: &str| text.parse::<Name>().unwrap().octets().to_vec();
    let number = |text: &str| text.parse::<u16>().unwrap().to_be_bytes().to_vec();
    match rrtype {
        RrType::A => words[0].parse::<std::net::Ipv4Addr>().unwrap().octets().to_vec(),
        RrType::AAAA => words[0].parse::<std::net::Ipv6Addr>().unwrap().octets().to_vec(),
        RrType::NS | RrType::CNAME | RrType::DNAME | RrType::PTR => name(words[0]),
        RrType::MX => [number(words[0]), name(words[1])].concat(),
        RrType::SOA => {
            let numbers = words[2..].iter().flat_map(|word| word.parse::<u32>().unwrap().to_be_bytes());
            [name(words[0]), name(words[1])].into_iter().flatten().chain(numbers).collect()
        }
        RrType::NSEC => [name(words[0]), vec![0, 1, 0x40]].concat(),
        RrType::RRSIG => {
            let covered = words[0].parse::<RrType>().unwrap().0.to_be_bytes().to_vec();
            [covered, vec![13, 2], vec![0; 14], name("example."), b"signature".to_vec()].concat()
        }
        _ => [&[words[0].len() as u8], words[0].as_bytes()].concat(),
    }
}

/// RRsets in canonical order, from lines `owner [TTL] TYPE data...`.
pub(crate) fn rrsets(text: &str) -> Vec<Rrset> {
    let mut all: Vec<Rrset> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (owner, rrtype) = (words[0].parse::<Name>().unwrap(), words[1].parse::<RrType>().unwrap());
        let data = rdata(rrtype, &words[2..]);
        let packed = [(data.len() as u16).to_be_bytes().to_vec(), data].concat();
        match all.iter_mut().find(|rrset| rrset.owner == owner && rrset.rrtype == rrtype) {
            Some(rrset) => rrset.rdatas.extend(packed),
            None => all.push(Rrset { owner, rrtype, ttl: 300, rdatas: packed }),
        }
    }
    all.sort_by(|a, b| (&a.owner, a.rrtype).cmp(&(&b.owner, b.rrtype)));
    all
}

/// Builds one file of whole zones.
pub(crate) fn build(directory: &Path, name: &str, zones: &[(&str, &str)]) -> ImageFile {
    let mut builder = ImageBuilder::create(directory, name).unwrap();
    for (origin, text) in zones {
        builder.begin_zone(origin.parse::<Name>().unwrap().as_ref(), 1, 1).unwrap();
        rrsets(text).iter().for_each(|rrset| builder.add(rrset.as_ref()).unwrap());
        builder.end_zone().unwrap();
    }
    builder.finish().unwrap()
}

/// A manifest entry.
pub(crate) fn zone(origin: &str, files: Vec<ImageFile>) -> ManifestZone {
    ManifestZone {
        origin: origin.parse().unwrap(),
        serial: 1,
        version: 1,
        storage: "primary".into(),
        records: 1,
        compiled_usec: 0,
        files,
        previous: None,
        unavailable: None,
    }
}

/// A manifest of these zones.
pub(crate) fn manifest(mut zones: Vec<ManifestZone>) -> Manifest {
    zones.sort_by(|a, b| a.origin.cmp(&b.origin));
    Manifest { generation: 1, zones }
}
