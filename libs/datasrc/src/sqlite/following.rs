//! Readers of a version that is still being written: batch by batch, as its writer commits them.

use std::ops::ControlFlow;

use rusqlite::OptionalExtension;
use tenon_wire::NameRef;
use tenon_zone::RrsetRef;

use super::clearing::lease_path;
use super::cursor::{Cursor, Fetched};
use super::lock_file::LockFile;
use super::reading;
use super::store::Store;
use super::version::Version;
use super::writer::zone_file_name;
use crate::{Coming, Error, ZoneEntry, sort_key};

/// Waits between two looks at whether the writer lives.
const LOOK_EVERY: u32 = 100;

pub(super) fn coming(store: &Store, origin: NameRef<'_>) -> Result<Option<Coming>, Error> {
    let found = store.read(|connection| {
        connection
            .prepare_cached(
                "SELECT versions.version FROM zones JOIN versions ON versions.zone_id = zones.zone_id
                 WHERE zones.sort_key = ?1 AND versions.state = 'writing'
                   AND EXISTS (SELECT 1 FROM blocks WHERE blocks.base = versions.version)
                 ORDER BY versions.version DESC LIMIT 1",
            )?
            .query_row([sort_key::of(origin)], |row| row.get(0))
            .optional()
    })?;
    Ok(found.map(|version| Coming { origin: origin.to_name(), version }))
}

pub(super) fn follow(
    store: &Store,
    coming: &Coming,
    wait: &mut dyn FnMut() -> ControlFlow<()>,
    visit: &mut dyn FnMut(RrsetRef<'_>) -> ControlFlow<()>,
) -> Result<Option<ZoneEntry>, Error> {
    let gone = || Error::VersionGone { zone: coming.origin.clone(), version: coming.version };
    // Its writer pays no heed to it; whoever would clear the version once it is replaced does.
    let _lease = LockFile::shared(lease_path(store, coming.version)).ok().flatten();
    let mut cursor = Cursor::following(Version::new(coming.origin.as_ref(), coming.version));
    let (mut waits, mut is_left) = (0u32, false);
    loop {
        if cursor.wants_page() {
            match store.read_at_once(|connection| cursor.fetch(connection))? {
                Fetched::Gone => return Err(gone()),
                Fetched::Later if is_left => return Err(gone()),
                Fetched::Later => {
                    waits = waits.wrapping_add(1);
                    // A writer that finished lets go too: so there is one more look after this.
                    is_left = waits.is_multiple_of(LOOK_EVERY) && !is_written(store, coming);
                    if !is_left && wait().is_break() {
                        return Ok(None);
                    }
                    continue;
                }
                Fetched::Page => {}
            }
        }
        let Some(row) = cursor.row() else { break };
        match row.with_rrset(coming.origin.as_ref(), &mut *visit) {
            Some(ControlFlow::Continue(())) => cursor.step(),
            Some(ControlFlow::Break(())) => return Ok(None),
            None => return Err(reading::no_name(store, &coming.origin, row.owner)),
        }
    }
    let entry = reading::zone(store, coming.origin.as_ref())?;
    entry.filter(|entry| entry.version == coming.version).map(Some).ok_or_else(gone)
}

/// Whether somebody writes that zone; so it is, too, when that cannot be found out.
fn is_written(store: &Store, coming: &Coming) -> bool {
    let path = store.lock_path("writing", &zone_file_name(coming.origin.as_ref()));
    !matches!(LockFile::shared(path), Ok(Some(_)))
}
