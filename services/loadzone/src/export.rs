//! A zone out of the store, as a master file that reads back to the same zone.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::path::Path;

use tenon_datasrc::sqlite::{Access, SqliteSource};
use tenon_datasrc::{DataSource, Error, ZoneEntry};
use tenon_wire::rdata::display;
use tenon_wire::{Name, RrType};
use tenon_zone::RrsetRef;

use crate::store::explain;

/// Writes the zone to a file, which it takes the place of when it is whole, or to standard output (`-`).
///
/// # Errors
/// What is wrong, for people.
pub fn export(store: &Path, zone: &Name, file: &Path) -> Result<ZoneEntry, String> {
    let source = SqliteSource::open(store, Access::ReadOnly).map_err(|error| explain(&error))?;
    let entry = source
        .zone(zone.as_ref())
        .and_then(|found| found.ok_or_else(|| Error::NoZone { zone: zone.clone() }))
        .map_err(|error| explain(&error))?;
    let unwritten = |error: io::Error| format!("{}: {error}", file.display());
    if file == Path::new("-") {
        let mut out = BufWriter::new(io::stdout().lock());
        write_zone(&source, &entry, &mut out)?;
        out.flush().map_err(unwritten)?;
        return Ok(entry);
    }
    // Beside it, so that a rename puts it into place.
    let mut beside = file.as_os_str().to_owned();
    beside.push(".new");
    let beside = Path::new(&beside);
    let mut out = BufWriter::new(File::create(beside).map_err(unwritten)?);
    let written = write_zone(&source, &entry, &mut out)
        .and_then(|()| out.into_inner().map_err(|error| unwritten(error.into_error())))
        .and_then(|whole| whole.sync_all().and_then(|()| std::fs::rename(beside, file)).map_err(unwritten));
    if written.is_err() {
        // What is wrong is told already.
        let _ = std::fs::remove_file(beside);
    }
    written.map(|()| entry)
}

/// The SOA record, then all others in canonical order.
fn write_zone(source: &dyn DataSource, entry: &ZoneEntry, out: &mut dyn Write) -> Result<(), String> {
    // The version is kept until both passes are over.
    let _lease = source.lease(entry).map_err(|error| explain(&error))?;
    let mut failed =
        writeln!(out, "; zone {}, serial {}, {} records", entry.origin, entry.serial, entry.records);
    let is_soa = |rrset: &RrsetRef<'_>| rrset.rrtype == RrType::SOA;
    source
        .rrsets_at(entry, entry.origin.as_ref(), &mut |rrset| {
            if failed.is_ok() && is_soa(&rrset) {
                failed = write_rrset(rrset, out);
            }
        })
        .map_err(|error| explain(&error))?;
    source
        .read(entry, &mut |rrset| {
            if failed.is_ok() && !is_soa(&rrset) {
                failed = write_rrset(rrset, out);
            }
            if failed.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })
        .map_err(|error| explain(&error))?;
    failed.map_err(|error| error.to_string())
}

fn write_rrset(rrset: RrsetRef<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut head = String::new();
    // Writing to a string does not fail.
    let _ = write!(head, "{} {} IN {}", rrset.owner, rrset.ttl, rrset.rrtype);
    rrset.rdatas.iter().try_for_each(|data| writeln!(out, "{head} {}", display(rrset.rrtype, data)))
}
