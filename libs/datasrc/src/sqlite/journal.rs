//! Readers of the journal: the differences of its steps, and the names in them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use rusqlite::{Connection, OptionalExtension};
use tenon_wire::{Name, NameRef};

use super::block::{is_whole, rows_in};
use super::reading::{ENTRY, damaged, entry, named, no_name};
use super::store::Store;
use crate::{Error, JournalCoverage, JournalEvent, ZoneEntry, sort_key};

/// Owners by their sort keys, as text.
type Owners = BTreeMap<Vec<u8>, String>;

pub(super) fn changed_names(
    store: &Store,
    entry: &ZoneEntry,
    since: u64,
    limit: usize,
) -> Result<Option<BTreeSet<Name>>, Error> {
    let owners = store.read_at_once(|connection| changed_owners(connection, entry, since, limit))?;
    let Some(owners) = owners else { return Ok(None) };
    let name = |owner: &String| {
        Name::from_text(owner, Some(entry.origin.as_ref())).map_err(|_| no_name(store, &entry.origin, owner))
    };
    owners.values().map(name).collect::<Result<_, _>>().map(Some)
}

/// Owners in the steps between two versions, followed from the later one back.
fn changed_owners(
    connection: &Connection,
    entry: &ZoneEntry,
    since: u64,
    limit: usize,
) -> rusqlite::Result<Option<Owners>> {
    let mut steps = connection.prepare_cached(
        "SELECT version_before, deleted, added FROM journal_steps
         WHERE zone_id = (SELECT zone_id FROM zones WHERE sort_key = ?1) AND version = ?2",
    )?;
    let mut pages = connection.prepare_cached("SELECT deleted, added FROM journal WHERE version = ?1")?;
    let zone = sort_key::of(entry.origin.as_ref());
    let mut changed = Owners::new();
    let mut at = entry.version;
    while at != since {
        let mut found = steps.query((&zone, at))?;
        let Some(step) = found.next()? else { return Ok(None) };
        if let (Some(deleted), Some(added)) =
            (step.get_ref(1)?.as_blob_or_null()?, step.get_ref(2)?.as_blob_or_null()?)
        {
            note_owners(&mut changed, [deleted, added]);
        } else {
            let mut found = pages.query([at])?;
            while let Some(page) = found.next()?.filter(|_| changed.len() <= limit) {
                note_owners(&mut changed, [page.get_ref(0)?.as_blob()?, page.get_ref(1)?.as_blob()?]);
            }
        }
        if changed.len() > limit {
            return Ok(None);
        }
        at = step.get(0)?;
    }
    Ok(Some(changed))
}

fn note_owners(changed: &mut Owners, sides: [&[u8]; 2]) {
    for row in sides.into_iter().flat_map(rows_in) {
        if !changed.contains_key(row.key) {
            changed.insert(row.key.to_vec(), row.owner.to_owned());
        }
    }
}

/// One step of the journal of a zone.
struct Step {
    zone_id: i64,
    version: u64,
    from_serial: u32,
    to_serial: u32,
}

pub(super) fn differences(
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
        "SELECT zone_id, version, from_serial, to_serial FROM journal_steps
         WHERE zone_id = (SELECT zone_id FROM zones WHERE sort_key = ?1) ORDER BY version DESC",
    )?;
    let (mut found, mut steps) = (statement.query([sort_key::of(origin)])?, Vec::new());
    // Each must lead to the serial from which the one behind it starts.
    let mut wanted = current;
    while wanted != serial {
        let Some(row) = found.next()? else { return Ok(Vec::new()) };
        let step = Step {
            zone_id: row.get(0)?,
            version: row.get(1)?,
            from_serial: row.get(2)?,
            to_serial: row.get(3)?,
        };
        if step.to_serial != wanted {
            return Ok(Vec::new());
        }
        wanted = step.from_serial;
        steps.push(step);
    }
    Ok(steps)
}

/// All that was deleted before all that was added, page by page.
fn show_step(
    store: &Store,
    entry: &ZoneEntry,
    step: &Step,
    visit: &mut dyn FnMut(JournalEvent<'_>) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, Error> {
    let gone = || Error::VersionGone { zone: entry.origin.clone(), version: step.version };
    let few = store.read(|connection| few_of(connection, step))?.ok_or_else(gone)?;
    if let Some(few) = few {
        for (side, octets) in [Side::Deleted, Side::Added].into_iter().zip(&few) {
            if show_page(store, entry, side, octets, visit)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        return Ok(ControlFlow::Continue(()));
    }
    for side in [Side::Deleted, Side::Added] {
        let mut behind = -1;
        loop {
            match store.read_at_once(|connection| page(connection, step, side, behind))? {
                Page::Gone => return Err(gone()),
                Page::None => break,
                Page::Found(number, octets) => {
                    behind = number;
                    if show_page(store, entry, side, &octets, visit)?.is_break() {
                        return Ok(ControlFlow::Break(()));
                    }
                }
            }
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// What a small step deleted and added; nothing of one that has pages, and none when it was dropped.
fn few_of(connection: &Connection, step: &Step) -> rusqlite::Result<Option<Option<[Vec<u8>; 2]>>> {
    connection
        .prepare_cached("SELECT deleted, added FROM journal_steps WHERE zone_id = ?1 AND version = ?2")?
        .query_row((step.zone_id, step.version), |row| {
            let sides: (Option<Vec<u8>>, Option<Vec<u8>>) = (row.get(0)?, row.get(1)?);
            Ok(sides.0.zip(sides.1).map(|(deleted, added)| [deleted, added]))
        })
        .optional()
}

fn show_page(
    store: &Store,
    entry: &ZoneEntry,
    side: Side,
    octets: &[u8],
    visit: &mut dyn FnMut(JournalEvent<'_>) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, Error> {
    if !is_whole(octets) {
        return Err(damaged(store, format!("a page of the journal of zone {} is cut", entry.origin)));
    }
    for row in rows_in(octets) {
        let shown = row.with_rrset(entry.origin.as_ref(), |rrset| {
            visit(match side {
                Side::Deleted => JournalEvent::Deleted(rrset),
                Side::Added => JournalEvent::Added(rrset),
            })
        });
        if shown.ok_or_else(|| no_name(store, &entry.origin, row.owner))?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// What a difference does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Side {
    Deleted,
    Added,
}

/// One side of a page of a step.
enum Page {
    /// Its number and the RRsets.
    Found(i64, Vec<u8>),
    /// There are no more.
    None,
    /// The step was dropped meanwhile.
    Gone,
}

/// The first page of a step behind one, without what has nothing on this side.
fn page(connection: &Connection, step: &Step, side: Side, behind: i64) -> rusqlite::Result<Page> {
    let is_there: bool = connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM journal_steps WHERE zone_id = ?1 AND version = ?2)")?
        .query_row((step.zone_id, step.version), |row| row.get(0))?;
    if !is_there {
        return Ok(Page::Gone);
    }
    let sql = match side {
        Side::Deleted => {
            "SELECT page, deleted FROM journal WHERE version = ?1 AND page > ?2 ORDER BY page LIMIT 1"
        }
        Side::Added => {
            "SELECT page, added FROM journal WHERE version = ?1 AND page > ?2 ORDER BY page LIMIT 1"
        }
    };
    let found = connection
        .prepare_cached(sql)?
        .query_row((step.version, behind), |row| Ok(Page::Found(row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(found.unwrap_or(Page::None))
}
