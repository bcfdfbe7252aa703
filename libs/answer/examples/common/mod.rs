//! Zone files to images, for the examples only: what loadzone and zonec do for real.

use std::ops::ControlFlow;
use std::path::Path;

use tenon_answer::{Asker, Transport};
use tenon_datasrc::master::{Item, Limits, read_file};
use tenon_image::{ImageBuilder, Manifest, ManifestZone, ZoneSummary};
use tenon_wire::{Name, RrType};
use tenon_zone::{RdataList, RrsetRef};

/// Somebody who asks; for cookies, which the examples do not have.
pub(crate) fn asker(transport: Transport) -> Asker {
    Asker {
        transport,
        address: std::net::Ipv4Addr::LOCALHOST.into(),
        encrypted: false,
        seconds: 0,
        reserved: 0,
        refused: false,
    }
}

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Records in canonical order.
struct Records {
    octets: Vec<u8>,
    index: Vec<(Name, RrType, u32, std::ops::Range<usize>)>,
}

fn read(origin: &Name, path: &Path) -> Outcome<Records> {
    let mut records = Records { octets: Vec::new(), index: Vec::new() };
    let mut problem = None;
    read_file(path, origin.as_ref(), &Limits::default(), |item| {
        match item {
            Item::Record(record) => {
                let start = records.octets.len();
                records.octets.extend_from_slice(record.rdata);
                let place = start..records.octets.len();
                records.index.push((record.owner.to_name(), record.rrtype, record.ttl, place));
            }
            Item::Problem(found) => problem = problem.take().or(Some(format!("{found:?}"))),
        }
        ControlFlow::Continue(())
    });
    let octets = &records.octets;
    records.index.sort_by(|a, b| (&a.0, a.1, &octets[a.3.clone()]).cmp(&(&b.0, b.1, &octets[b.3.clone()])));
    problem.map_or(Ok(records), |problem| Err(problem.into()))
}

/// Compiles the zones of a list with lines "zone path" into one image and a manifest.
pub(crate) fn compile(list: &Path, directory: &Path) -> Outcome<Vec<ZoneSummary>> {
    let mut builder = ImageBuilder::create(directory, "zones.image")?;
    let (mut summaries, mut zones) = (Vec::new(), Vec::new());
    let mut building = std::time::Duration::ZERO;
    for line in std::fs::read_to_string(list)?.lines() {
        let (origin, path) = line.split_once(' ').ok_or("a line is not \"zone path\"")?;
        let origin: Name = origin.parse()?;
        let records = read(&origin, Path::new(path))?;
        let start = std::time::Instant::now();
        builder.begin_zone(origin.as_ref(), 1, 1)?;
        let mut packed = Vec::new();
        for group in records.index.chunk_by(|a, b| a.0 == b.0 && a.1 == b.1) {
            packed.clear();
            for (_, _, _, place) in group {
                packed.extend_from_slice(&(place.len() as u16).to_be_bytes());
                packed.extend_from_slice(&records.octets[place.clone()]);
            }
            let (owner, rrtype, ttl, _) = &group[0];
            let rdatas = RdataList::from_packed(&packed);
            builder.add(RrsetRef { owner: owner.as_ref(), rrtype: *rrtype, ttl: *ttl, rdatas })?;
        }
        summaries.push(builder.end_zone()?);
        building += start.elapsed();
        zones.push(origin);
    }
    let start = std::time::Instant::now();
    let file = builder.finish()?;
    let records: u64 = summaries.iter().map(|summary| summary.records).sum();
    let per_record = file.octets as f64 / records as f64;
    println!(
        "{} zones, {records} records, {} octets, {per_record:.1} octets a record, built in {building:?}, finished in {:?}",
        zones.len(),
        file.octets,
        start.elapsed()
    );
    zones.sort();
    let zone = |(origin, summary): (Name, &ZoneSummary)| ManifestZone {
        origin,
        serial: 1,
        version: 1,
        storage: "primary".to_owned(),
        records: summary.records,
        compiled_usec: 0,
        files: vec![file.clone()],
        previous: None,
        unavailable: None,
    };
    let manifest = Manifest { generation: 1, zones: zones.into_iter().zip(&summaries).map(zone).collect() };
    manifest.write(directory)?;
    Ok(summaries)
}
