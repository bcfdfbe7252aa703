//! Into the store, and out of it for comparison.

use std::ops::ControlFlow;
use std::path::Path;

use tenon_datasrc::bulk::{self, SortedRecords};
use tenon_datasrc::sqlite::{Access, SqliteSource};
use tenon_datasrc::{Error, ZoneEntry, ZoneWriter};

/// Opens the store, made if it is not there yet. With `many` zones to come, commits are not synced one by one.
///
/// # Errors
/// What is wrong and what to type, for people.
pub fn open(path: &Path, many: bool) -> Result<SqliteSource, String> {
    let path = std::path::absolute(path).map_err(|error| format!("{}: {error}", path.display()))?;
    if let Some(directory) = path.parent().filter(|directory| !directory.is_dir()) {
        return Err(format!(
            "{}: there is no such directory for the store; `systemd-tmpfiles --create tenon.conf` makes the usual one, \
             --store names another",
            directory.display()
        ));
    }
    let source = SqliteSource::open(&path, Access::Create).map_err(|error| explain(&error))?;
    Ok(if many { source.with_deferred_sync() } else { source })
}

/// An error of the store, with what to type where permission is missing.
#[must_use]
pub fn explain(error: &Error) -> String {
    let Error::Denied { .. } = error else { return error.to_string() };
    let user =
        std::env::var("USER").unwrap_or_else(|_| format!("number {}", rustix::process::getuid().as_raw()));
    format!(
        "{error}\n  The store of primary zones may be written by root and the group tenon-primary; you are user {user}.\n  \
         Type `sudo tenon-loadzone ...`, or once `sudo usermod --append --groups tenon-primary {user}` and log in again."
    )
}

/// Whether the store's current version is the same zone, record for record; not known to be when `stop` said to give up.
///
/// # Errors
/// Those of reading the store.
pub fn is_same(
    source: &SqliteSource,
    entry: &ZoneEntry,
    records: &SortedRecords,
    stop: &dyn Fn() -> bool,
) -> Result<bool, Error> {
    bulk::is_same(source, entry, records, &|| flow(stop))
}

/// Writes all RRsets as a new version that is not current yet, and tells how many records are written; none when `stop` said
/// to give up, and then nothing is left behind.
///
/// # Errors
/// Those of writing.
pub fn write<'s>(
    source: &'s SqliteSource,
    records: &SortedRecords,
    progress: &mut dyn FnMut(u64),
    stop: &dyn Fn() -> bool,
) -> Result<Option<Box<dyn ZoneWriter + 's>>, Error> {
    bulk::write(source, records, &mut |written| {
        progress(written);
        flow(stop)
    })
}

fn flow(stop: &dyn Fn() -> bool) -> ControlFlow<()> {
    if stop() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_permission_comes_with_what_to_type() {
        let denied = Error::Denied { path: "/store".into(), reason: "no".to_owned() };
        let told = explain(&denied);
        assert!(told.starts_with("/store: no permission (no)"), "{told}");
        assert!(told.contains("group tenon-primary") && told.contains("sudo tenon-loadzone"), "{told}");
    }

    #[test]
    fn a_missing_directory_is_told() {
        let told = open(Path::new("/nowhere/at/all/zones.sqlite"), false).err();
        assert!(told.is_some_and(|told| told.starts_with("/nowhere/at/all: there is no such directory")));
    }
}
