//! Small zones, compiled and published.

use std::path::Path;

use tenon_image::{ImageBuilder, ImageFile, Manifest, ManifestZone, PreviousImage};
use tenon_wire::{Name, RrType};
use tenon_zone::Rrset;

/// Compiles a zone with an NS, a SOA and `www` with one address into an image file.
pub(crate) fn image(directory: &Path, origin: &str, serial: u32, address: [u8; 4]) -> ImageFile {
    let origin: Name = origin.parse().unwrap();
    let name = |text: &str| -> Name { Name::from_text(text, Some(origin.as_ref())).unwrap() };
    let mut soa = name("ns").octets().to_vec();
    soa.extend(name("hostmaster").octets());
    for number in [serial, 3600, 900, 604_800, 300] {
        soa.extend(number.to_be_bytes());
    }
    let rrsets = [
        rrset(origin.clone(), RrType::NS, name("ns").octets()),
        rrset(origin.clone(), RrType::SOA, &soa),
        rrset(name("ns"), RrType::A, &[192, 0, 2, 53]),
        rrset(name("www"), RrType::A, &address),
    ];
    let mut builder = ImageBuilder::create(directory, &format!("{origin}{serial}.image")).unwrap();
    builder.begin_zone(origin.as_ref(), serial, u64::from(serial)).unwrap();
    for rrset in &rrsets {
        builder.add(rrset.as_ref()).unwrap();
    }
    builder.end_zone().unwrap();
    builder.finish().unwrap()
}

fn rrset(owner: Name, rrtype: RrType, rdata: &[u8]) -> Rrset {
    let mut rdatas = u16::try_from(rdata.len()).unwrap().to_be_bytes().to_vec();
    rdatas.extend(rdata);
    Rrset { owner, rrtype, ttl: 300, rdatas }
}

/// A zone of the manifest, answered from `file` and, when that is damaged, from `previous`.
pub(crate) fn zone(
    origin: &str,
    serial: u32,
    file: ImageFile,
    previous: Option<(u32, ImageFile)>,
) -> ManifestZone {
    ManifestZone {
        origin: origin.parse().unwrap(),
        serial,
        version: serial.into(),
        storage: "primary".into(),
        records: 4,
        compiled_usec: 1,
        files: vec![file],
        unavailable: None,
        previous: previous.map(|(serial, file)| PreviousImage {
            serial,
            version: serial.into(),
            files: vec![file],
        }),
    }
}

/// Writes a manifest that names just this zone, version and address.
pub(crate) fn publish(directory: &Path, generation: u64, origin: &str, address: [u8; 4]) {
    let serial = u32::try_from(generation).unwrap();
    let file = image(directory, origin, serial, address);
    let zones = vec![zone(origin, serial, file, None)];
    Manifest { generation, zones }.write(directory).unwrap();
}
