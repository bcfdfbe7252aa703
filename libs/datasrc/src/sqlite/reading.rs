//! Readers: the list of zones, one version page by page.

use std::ops::ControlFlow;

use rusqlite::{Connection, OptionalExtension, Row};
use tenon_wire::{Name, NameRef};
use tenon_zone::RrsetRef;

use super::clearing::lease_path;
use super::cursor::{Cursor, Fetched};
use super::lock_file::LockFile;
use super::points::Points;
use super::rows::{self, Rows};
use super::store::Store;
use super::version::Version;
use crate::{Error, Lease, ZoneEntry, sort_key};

pub(super) const ENTRY: &str =
    "SELECT name, version, serial, rrsets, records, committed_usec FROM zones WHERE version IS NOT NULL";

pub(super) fn zones(
    store: &Store,
    after: Option<NameRef<'_>>,
    limit: usize,
) -> Result<Vec<ZoneEntry>, Error> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let found: Vec<_> = store.read(|connection| {
        let behind = if after.is_some() { "AND sort_key > ?1" } else { "AND sort_key >= ?1" };
        let key = after.map(sort_key::of).unwrap_or_default();
        connection
            .prepare_cached(&format!("{ENTRY} {behind} ORDER BY sort_key LIMIT ?2"))?
            .query_map((key, limit), entry)?
            .collect()
    })?;
    found.into_iter().map(|(name, entry)| named(store, &name, entry)).collect()
}

pub(super) fn zone(store: &Store, origin: NameRef<'_>) -> Result<Option<ZoneEntry>, Error> {
    let found = store.read(|connection| {
        connection
            .prepare_cached(&format!("{ENTRY} AND sort_key = ?1"))?
            .query_row([sort_key::of(origin)], entry)
            .optional()
    })?;
    found.map(|(name, entry)| named(store, &name, entry)).transpose()
}

pub(super) fn entry(row: &Row<'_>) -> rusqlite::Result<(String, ZoneEntry)> {
    let entry = ZoneEntry {
        origin: Name::root(),
        version: row.get(1)?,
        serial: row.get(2)?,
        rrsets: row.get(3)?,
        records: row.get(4)?,
        committed_usec: row.get(5)?,
    };
    Ok((row.get(0)?, entry))
}

pub(super) fn named(store: &Store, name: &str, entry: ZoneEntry) -> Result<ZoneEntry, Error> {
    let origin = name.parse().map_err(|_| damaged(store, format!("{name:?} is not a zone name")))?;
    Ok(ZoneEntry { origin, ..entry })
}

pub(super) fn damaged(store: &Store, reason: String) -> Error {
    Error::Damaged { path: store.path.clone(), reason }
}

pub(super) fn version(
    store: &Store,
    entry: &ZoneEntry,
    visit: &mut dyn FnMut(RrsetRef<'_>) -> ControlFlow<()>,
) -> Result<(), Error> {
    walk(store, &entry.origin, &mut Cursor::new(Version::of(entry)), visit).map(drop)
}

/// Shows everything behind a cursor.
pub(super) fn walk(
    store: &Store,
    origin: &Name,
    cursor: &mut Cursor,
    visit: &mut dyn FnMut(RrsetRef<'_>) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, Error> {
    let (version, mut lease) = (cursor.version(), None);
    loop {
        if cursor.wants_page() {
            if store.read_at_once(|connection| cursor.fetch(connection))? == Fetched::Gone {
                return Err(Error::VersionGone { zone: origin.clone(), version });
            }
            // A zone of one page needs none: it was read at once. Where no lock file can be made, the version may be
            // cleared under the reader, who is then told.
            if lease.is_none() && !cursor.is_last_page() {
                lease = LockFile::shared(lease_path(store, version)).ok().flatten();
            }
        }
        let Some(row) = cursor.row() else { return Ok(ControlFlow::Continue(())) };
        match row.with_rrset(origin.as_ref(), &mut *visit) {
            Some(ControlFlow::Continue(())) => cursor.step(),
            Some(stop) => return Ok(stop),
            None => return Err(no_name(store, origin, row.owner)),
        }
    }
}

pub(super) fn rrsets_of(
    store: &Store,
    entry: &ZoneEntry,
    owners: &[NameRef<'_>],
    visit: &mut dyn FnMut(RrsetRef<'_>),
) -> Result<(), Error> {
    let found = store.read_at_once(|connection| {
        let Some(base) = Version::of(entry).base(connection)? else { return Ok(None) };
        let (mut points, mut rows) = (Points::new(connection, base, entry.version)?, Rows::default());
        for owner in owners {
            points.read(&key_below(entry, *owner), &mut rows)?;
        }
        Ok(Some(rows))
    })?;
    let rows = found.ok_or_else(|| gone(entry))?;
    for row in (0..rows.len()).filter_map(|index| rows.get(index)) {
        row.with_rrset(entry.origin.as_ref(), &mut *visit)
            .ok_or_else(|| no_name(store, &entry.origin, row.owner))?;
    }
    Ok(())
}

pub(super) fn has_names_below(store: &Store, entry: &ZoneEntry, owner: NameRef<'_>) -> Result<bool, Error> {
    let key = key_below(entry, owner);
    let mut cursor = Cursor::behind(Version::of(entry), &key, u16::MAX.into());
    let found = store.read_at_once(|connection| {
        Ok(match next_row(&mut cursor, connection)? {
            // Keys of names below begin with this one, whose last octet is 0 unless it is the apex's.
            Found::Row(row) => Some(row.key.starts_with(&key)),
            Found::None => Some(false),
            Found::Gone => None,
        })
    })?;
    found.ok_or_else(|| gone(entry))
}

/// What is under a cursor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Found<'c> {
    Row(rows::Row<'c>),
    /// The version is at its end.
    None,
    /// The version is not there (any more).
    Gone,
}

fn next_row<'c>(cursor: &'c mut Cursor, connection: &Connection) -> rusqlite::Result<Found<'c>> {
    if cursor.wants_page() && cursor.fetch(connection)? == Fetched::Gone {
        return Ok(Found::Gone);
    }
    Ok(cursor.row().map_or(Found::None, Found::Row))
}

/// The sort key of a name of the zone.
fn key_below(entry: &ZoneEntry, owner: NameRef<'_>) -> Vec<u8> {
    let mut key = Vec::new();
    sort_key::append(owner, entry.origin.as_ref().label_count(), &mut key);
    key
}

fn gone(entry: &ZoneEntry) -> Error {
    Error::VersionGone { zone: entry.origin.clone(), version: entry.version }
}

pub(super) fn no_name(store: &Store, zone: &Name, owner: &str) -> Error {
    damaged(store, format!("{owner:?} in zone {zone} is not a name"))
}

pub(super) fn lease(store: &Store, entry: &ZoneEntry) -> Result<Lease, Error> {
    // Where no lock file can be made, the version may be cleared under the reader, who is then told.
    let lock = LockFile::shared(lease_path(store, entry.version)).ok().flatten();
    match store.read_at_once(|connection| Version::of(entry).base(connection))? {
        Some(_) => Ok(Lease(lock.map(|lock| Box::new(lock) as Box<dyn Send>))),
        None => Err(gone(entry)),
    }
}
