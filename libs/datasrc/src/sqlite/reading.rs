//! Readers: the list of zones, one version page by page, the journal.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use rusqlite::{Connection, OptionalExtension, Row};
use tenon_wire::{Name, NameRef, RrType};
use tenon_zone::{RdataList, RrsetRef};

use super::clearing::lease_path;
use super::cursor::{Cursor, Fetched, base_of};
use super::lock_file::LockFile;
use super::points::Points;
use super::rows::{self, Rows};
use super::store::Store;
use crate::{Error, JournalCoverage, JournalEvent, Lease, ZoneEntry, sort_key};

const ENTRY: &str =
    "SELECT name, version, serial, rrsets, records, committed_usec FROM zones WHERE version IS NOT NULL";
/// Rows of the journal read at once.
const JOURNAL_PAGE: usize = 2048;

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

fn entry(row: &Row<'_>) -> rusqlite::Result<(String, ZoneEntry)> {
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

fn named(store: &Store, name: &str, entry: ZoneEntry) -> Result<ZoneEntry, Error> {
    let origin = name.parse().map_err(|_| damaged(store, format!("{name:?} is not a zone name")))?;
    Ok(ZoneEntry { origin, ..entry })
}

fn damaged(store: &Store, reason: String) -> Error {
    Error::Damaged { path: store.path.clone(), reason }
}

pub(super) fn version(
    store: &Store,
    entry: &ZoneEntry,
    visit: &mut dyn FnMut(RrsetRef<'_>) -> ControlFlow<()>,
) -> Result<(), Error> {
    walk(store, &entry.origin, &mut Cursor::new(entry.version), visit).map(drop)
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
        let Some(base) = base_of(connection, entry.version)? else { return Ok(None) };
        let (mut points, mut rows) = (Points::new(connection, base, entry.version), Rows::default());
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
    let mut cursor = Cursor::behind(entry.version, &key, u16::MAX.into());
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

pub(super) fn changed_names(
    store: &Store,
    entry: &ZoneEntry,
    since: u64,
    limit: usize,
) -> Result<Option<BTreeSet<Name>>, Error> {
    let owners = store.read_at_once(|connection| changed_owners(connection, entry.version, since, limit))?;
    let Some(owners) = owners else { return Ok(None) };
    let name = |owner: &String| {
        Name::from_text(owner, Some(entry.origin.as_ref())).map_err(|_| no_name(store, &entry.origin, owner))
    };
    owners.iter().map(name).collect::<Result<_, _>>().map(Some)
}

/// Owners in the steps between two versions, followed from the later one back.
fn changed_owners(
    connection: &Connection,
    version: u64,
    since: u64,
    limit: usize,
) -> rusqlite::Result<Option<BTreeSet<String>>> {
    let mut before = connection
        .prepare_cached("SELECT version_before FROM journal_steps WHERE version = ?1 AND state = 'ready'")?;
    let mut owners = connection.prepare_cached("SELECT DISTINCT owner FROM journal WHERE version = ?1")?;
    let mut changed = BTreeSet::new();
    let mut at = version;
    while at != since {
        let Some(earlier) = before.query_row([at], |row| row.get::<_, u64>(0)).optional()? else {
            return Ok(None);
        };
        let mut found = owners.query([at])?;
        while let Some(row) = found.next()? {
            changed.insert(row.get(0)?);
            if changed.len() > limit {
                return Ok(None);
            }
        }
        at = earlier;
    }
    Ok(Some(changed))
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
    match store.read_at_once(|connection| base_of(connection, entry.version))? {
        Some(_) => Ok(Lease(lock.map(|lock| Box::new(lock) as Box<dyn Send>))),
        None => Err(gone(entry)),
    }
}

/// One step of the journal of a zone.
struct Step {
    version: u64,
    from_serial: u32,
    to_serial: u32,
}

/// One row of the journal and its place.
struct Difference {
    part: u8,
    number: u64,
    rrtype: u16,
    owner: String,
    ttl: u32,
    rdatas: Vec<u8>,
}

pub(super) fn journal(
    store: &Store,
    origin: NameRef<'_>,
    from_serial: u32,
    visit: &mut dyn FnMut(JournalEvent<'_>) -> ControlFlow<()>,
) -> Result<JournalCoverage, Error> {
    let Some((entry, steps)) = steps_from(store, origin, from_serial)? else {
        return Ok(JournalCoverage::Missing);
    };
    if entry.serial == from_serial {
        return Ok(JournalCoverage::Current);
    }
    if steps.is_empty() {
        return Ok(JournalCoverage::Missing);
    }
    let coverage = JournalCoverage::Complete { steps: steps.len() as u64 };
    for step in &steps {
        let event = JournalEvent::Step { from_serial: step.from_serial, to_serial: step.to_serial };
        if visit(event).is_break() || show_step(store, &entry, step, visit)?.is_break() {
            break;
        }
    }
    Ok(coverage)
}

/// The zone and the unbroken chain of steps from that serial to the current one, oldest first; empty when there is none.
fn steps_from(
    store: &Store,
    origin: NameRef<'_>,
    serial: u32,
) -> Result<Option<(ZoneEntry, Vec<Step>)>, Error> {
    let (found, mut steps) = store.read_at_once(|connection| {
        let found = connection
            .prepare_cached(&format!("{ENTRY} AND sort_key = ?1"))?
            .query_row([sort_key::of(origin)], entry)
            .optional()?;
        let steps = match &found {
            Some((_, entry)) => newest_steps(connection, origin, entry.serial, serial)?,
            None => Vec::new(),
        };
        Ok((found, steps))
    })?;
    let Some((name, entry)) = found else { return Ok(None) };
    steps.reverse();
    Ok(Some((named(store, &name, entry)?, steps)))
}

/// The steps from the current serial back to that one, newest first; empty when they do not lead there.
fn newest_steps(
    connection: &Connection,
    origin: NameRef<'_>,
    current: u32,
    serial: u32,
) -> rusqlite::Result<Vec<Step>> {
    let mut statement = connection.prepare_cached(
        "SELECT version, from_serial, to_serial FROM journal_steps WHERE state = 'ready'
         AND zone_id = (SELECT zone_id FROM zones WHERE sort_key = ?1) ORDER BY version DESC",
    )?;
    let (mut found, mut steps) = (statement.query([sort_key::of(origin)])?, Vec::new());
    // Each must lead to the serial from which the one behind it starts.
    let mut wanted = current;
    while wanted != serial {
        let Some(row) = found.next()? else { return Ok(Vec::new()) };
        let step = Step { version: row.get(0)?, from_serial: row.get(1)?, to_serial: row.get(2)? };
        if step.to_serial != wanted {
            return Ok(Vec::new());
        }
        wanted = step.from_serial;
        steps.push(step);
    }
    Ok(steps)
}

fn show_step(
    store: &Store,
    entry: &ZoneEntry,
    step: &Step,
    visit: &mut dyn FnMut(JournalEvent<'_>) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, Error> {
    let mut place = (0, -1);
    loop {
        let Some(page) = store.read_at_once(|connection| journal_page(connection, step.version, place))?
        else {
            return Err(Error::VersionGone { zone: entry.origin.clone(), version: step.version });
        };
        for difference in &page {
            place = (difference.part, i64::try_from(difference.number).unwrap_or(i64::MAX));
            let owner = Name::from_text(&difference.owner, Some(entry.origin.as_ref())).map_err(|_| {
                damaged(store, format!("{:?} in the journal is not a name", difference.owner))
            })?;
            let rrset = RrsetRef {
                owner: owner.as_ref(),
                rrtype: RrType(difference.rrtype),
                ttl: difference.ttl,
                rdatas: RdataList::from_packed(&difference.rdatas),
            };
            let event =
                if difference.part == 0 { JournalEvent::Deleted(rrset) } else { JournalEvent::Added(rrset) };
            if visit(event).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        if page.len() < JOURNAL_PAGE {
            return Ok(ControlFlow::Continue(()));
        }
    }
}

/// The rows of a step behind a place; none when the step was dropped meanwhile.
fn journal_page(
    connection: &Connection,
    version: u64,
    (part, number): (u8, i64),
) -> rusqlite::Result<Option<Vec<Difference>>> {
    let is_there: bool = connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM journal_steps WHERE version = ?1 AND state = 'ready')")?
        .query_row([version], |row| row.get(0))?;
    if !is_there {
        return Ok(None);
    }
    let limit = JOURNAL_PAGE as i64;
    connection
        .prepare_cached(
            "SELECT part, number, type, owner, ttl, rdatas FROM journal
             WHERE version = ?1 AND (part, number) > (?2, ?3) ORDER BY part, number LIMIT ?4",
        )?
        .query_map((version, part, number, limit), |row| {
            Ok(Difference {
                part: row.get(0)?,
                number: row.get(1)?,
                rrtype: row.get(2)?,
                owner: row.get(3)?,
                ttl: row.get(4)?,
                rdatas: row.get(5)?,
            })
        })?
        .collect::<rusqlite::Result<Vec<_>>>()
        .map(Some)
}
