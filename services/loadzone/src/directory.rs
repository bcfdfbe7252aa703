//! The directory of `--directory`, and what the settings name besides: master files whose zones are kept in step with them.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use tenon_datasrc::sqlite::{Access, SqliteSource};
use tenon_datasrc::{DataSource, Error};
use tenon_service::data_sources::{DataSourcesSettings, MasterFile};

use crate::store::explain;
use crate::zone_list::{Job, job};

/// What the name of a file ends with.
const EXTENSION: &str = ".zone";

/// The zones whose files changed after the zone was stored last, or which are not stored: so an old file does not undo
/// updates made since. What the settings name goes before a file of the directory.
///
/// # Errors
/// What is wrong with the directory, the name of a file or the store, for people.
pub fn newer(directory: &Path, settings: &DataSourcesSettings, store: &Path) -> Result<Vec<Job>, String> {
    let source = match SqliteSource::open(store, Access::ReadOnly) {
        Ok(source) => Some(source),
        Err(Error::NoStore { .. }) => None,
        Err(error) => return Err(explain(&error)),
    };
    let named = |MasterFile { zone, file }: &MasterFile| job(zone, file);
    let mut jobs = settings.master_files.iter().map(named).collect::<Result<Vec<_>, _>>()?;
    let known: HashSet<_> = jobs.iter().map(|job| job.zone.clone()).collect();
    if settings.master_directory {
        jobs.extend(files(directory)?.into_iter().filter(|job| !known.contains(&job.zone)));
    }
    let mut newer = Vec::new();
    for job in jobs {
        if is_newer(&job, source.as_ref())? {
            newer.push(job);
        }
    }
    newer.sort_by(|a, b| a.zone.cmp(&b.zone));
    Ok(newer)
}

/// `ZONE.zone` in the directory.
fn files(directory: &Path) -> Result<Vec<Job>, String> {
    let unreadable = |error| format!("{}: {error}", directory.display());
    let mut jobs = Vec::new();
    for entry in fs::read_dir(directory).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = entry.file_name();
        let Some(zone) = name.to_str().and_then(|name| name.strip_suffix(EXTENSION)) else { continue };
        jobs.push(job(zone, &entry.path())?);
    }
    Ok(jobs)
}

fn is_newer(job: &Job, source: Option<&SqliteSource>) -> Result<bool, String> {
    // A link's target counts; a file that is gone is told as one that cannot be read.
    let Ok(meta) = fs::metadata(&job.file) else { return Ok(true) };
    let stored = source.map(|source| source.zone(job.zone.as_ref())).transpose();
    let stored = stored.map_err(|error| explain(&error))?.flatten();
    // Of an old file that was moved or copied here the content is old, but not the change of its place.
    let changed =
        meta.ctime().max(0).unsigned_abs() * 1_000_000 + meta.ctime_nsec().max(0).unsigned_abs() / 1000;
    Ok(stored.is_none_or(|stored| changed > stored.committed_usec))
}
