//! What must outlive this process: how old each zone is and when it is to be looked at, in an SQLite file that a person
//! can query with `sqlite3`.
//!
//! Changes are written together a few times a second at most, in transactions that are not synced: what a lost one costs is
//! a look too many, or one that is made when the refresh time is over instead of at a NOTIFY. A file that cannot be used is put aside; the zones are then looked at as if they were new, and what the store
//! has of them is asked of tenon-xfrin.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, Row as SqlRow, Transaction, params};
use tenon_wire::Name;

use crate::membership::Membership;
use crate::timing::SoaTimes;
use crate::zone::{Notified, Stored, Zone};
use crate::zones::Row;

/// Marks the file (`PRAGMA application_id`): "Tnzm".
const APPLICATION_ID: i64 = 0x546e_7a6d;
/// Format of the schema, in `PRAGMA user_version`.
const FORMAT: i64 = 2;

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS zones (
    name TEXT NOT NULL PRIMARY KEY,     -- lower case, with the final dot
    state TEXT NOT NULL,                -- 'managed', or 'leaving': no longer configured, perhaps still stored
    serial INTEGER,                     -- of the stored version; NULL while there is none
    refresh INTEGER, retry INTEGER, expire INTEGER,  -- of its SOA, in seconds
    added_usec INTEGER NOT NULL,        -- times are microseconds since the epoch, 0 for never
    refreshed_usec INTEGER NOT NULL,    -- when a primary last confirmed that nothing is newer
    next_usec INTEGER NOT NULL,         -- when to look next
    expired INTEGER NOT NULL,           -- 1: answered SERVFAIL
    failing_since_usec INTEGER,         -- NULL while all is well
    failures INTEGER NOT NULL,
    reason TEXT NOT NULL,               -- why the last look failed
    primary_asked TEXT NOT NULL,        -- who answered last
    notified_usec INTEGER, notify_peer TEXT, notify_serial INTEGER, -- the last NOTIFY
    granted_usec INTEGER                -- for how long after refreshed_usec its primary may answer it; NULL: it did not say
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS members (
    name TEXT NOT NULL PRIMARY KEY,     -- a zone that is here because a catalog lists it
    catalog TEXT NOT NULL,
    label BLOB NOT NULL,                -- that stands for it in the catalog
    groups TEXT NOT NULL                -- JSON: a list of texts
) WITHOUT ROWID;
";

/// Why the state could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {what}")]
pub struct StateError {
    /// The file.
    path: PathBuf,
    /// What is wrong.
    what: String,
}

/// What a file holds.
#[derive(Debug, Default)]
pub struct Found {
    /// The zones.
    pub zones: Vec<(Name, Row)>,
    /// Why some of them are here.
    pub members: Vec<(Name, Membership)>,
}

/// The open file.
#[derive(Debug)]
pub struct StateFile {
    path: PathBuf,
    connection: Connection,
}

impl StateFile {
    /// Opens the file, made if it is not there, and reads all of it. `to_clock` turns a stored time into one of the
    /// process's clock.
    ///
    /// # Errors
    /// It cannot be opened, or is not what it should be.
    pub fn open(path: &Path) -> Result<(Self, Found), StateError> {
        let told = |error: rusqlite::Error| StateError { path: path.to_owned(), what: error.to_string() };
        let connection = Connection::open(path).map_err(told)?;
        prepare(&connection).map_err(told)?.map_err(|what| StateError { path: path.to_owned(), what })?;
        let zones = read(&connection).map_err(told)?;
        let members = read_members(&connection).map_err(told)?;
        Ok((Self { path: path.to_owned(), connection }, Found { zones, members }))
    }

    /// Puts a file that cannot be used aside, where a person can look at it, so that a new one can be made.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn put_aside(path: &Path) -> std::io::Result<()> {
        for rest in ["", "-wal", "-shm"] {
            let file = format!("{}{rest}", path.display());
            match std::fs::rename(&file, format!("{}.broken{rest}", path.display())) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Writes rows in one transaction; `to_wall` turns a time of the process's clock into one to be stored.
    ///
    /// # Errors
    /// Nothing was written then.
    pub fn write(
        &mut self,
        rows: &[(Name, Row)],
        members: &[(Name, Option<Membership>)],
        to_wall: &dyn Fn(u64) -> u64,
    ) -> Result<(), StateError> {
        let path = &self.path;
        let told = |error: rusqlite::Error| StateError { path: path.clone(), what: error.to_string() };
        let transaction = self.connection.transaction().map_err(told)?;
        for (name, row) in rows {
            write_row(&transaction, &name.to_string(), row, to_wall).map_err(told)?;
        }
        for (name, membership) in members {
            write_member(&transaction, &name.to_string(), membership.as_ref()).map_err(told)?;
        }
        transaction.commit().map_err(told)
    }
}

fn prepare(connection: &Connection) -> rusqlite::Result<Result<(), String>> {
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (application, format) = (pragma("application_id")?, pragma("user_version")?);
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let is_known = application == APPLICATION_ID && (1..=FORMAT).contains(&format);
    if tables > 0 && !is_known {
        return Ok(Err(format!(
            "not a state file of format {FORMAT}, but of {format} (application {application})"
        )));
    }
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    connection.pragma_update(None, "user_version", FORMAT)?;
    connection.execute_batch(SCHEMA)?;
    if tables > 0 && format < 2 {
        connection.execute_batch("ALTER TABLE zones ADD COLUMN granted_usec INTEGER")?;
    }
    Ok(Ok(()))
}

fn read(connection: &Connection) -> rusqlite::Result<Vec<(Name, Row)>> {
    let mut statement = connection.prepare("SELECT * FROM zones")?;
    let rows = statement.query_map([], |row| {
        let name: String = row.get("name")?;
        // A row that a person spoilt is as good as none.
        Ok(name.parse().ok().zip(read_row(row).optional()?))
    })?;
    rows.filter_map(Result::transpose).collect()
}

fn read_row(row: &SqlRow<'_>) -> rusqlite::Result<Row> {
    if row.get::<_, String>("state")? == "leaving" {
        return Ok(Row::Leaving);
    }
    let stored = match row.get::<_, Option<u32>>("serial")? {
        None => None,
        Some(serial) => {
            let times = SoaTimes {
                refresh: row.get("refresh")?,
                retry: row.get("retry")?,
                expire: row.get("expire")?,
            };
            Some(Stored { serial, times })
        }
    };
    let peer: Option<String> = row.get("notify_peer")?;
    let notified = match (row.get("notified_usec")?, peer.and_then(|peer| peer.parse::<IpAddr>().ok())) {
        (Some(at), Some(peer)) => Some(Notified { at, peer, serial: row.get("notify_serial")? }),
        _ => None,
    };
    let mut zone = Zone::new([].into(), row.get("added_usec")?);
    zone.stored = stored;
    zone.refreshed = row.get("refreshed_usec")?;
    zone.next = row.get("next_usec")?;
    zone.is_expired = row.get("expired")?;
    zone.failing_since = row.get("failing_since_usec")?;
    zone.failures = row.get("failures")?;
    zone.reason = row.get("reason")?;
    zone.primary = row.get("primary_asked")?;
    zone.notified = notified;
    zone.granted = row.get("granted_usec")?;
    Ok(Row::Managed(Box::new(zone)))
}

fn read_members(connection: &Connection) -> rusqlite::Result<Vec<(Name, Membership)>> {
    let mut statement = connection.prepare("SELECT name, catalog, label, groups FROM members")?;
    let rows = statement.query_map([], |row| {
        let (name, catalog): (String, String) = (row.get(0)?, row.get(1)?);
        let groups: String = row.get(3)?;
        let (label, groups) = (row.get(2)?, serde_json::from_str(&groups).unwrap_or_default());
        // A row that a person spoilt is as good as none.
        let membership = catalog.parse().ok().map(|catalog| Membership { catalog, label, groups });
        Ok(name.parse().ok().zip(membership))
    })?;
    rows.filter_map(Result::transpose).collect()
}

fn write_member(
    transaction: &Transaction<'_>,
    name: &str,
    membership: Option<&Membership>,
) -> rusqlite::Result<()> {
    match membership {
        None => transaction.prepare_cached("DELETE FROM members WHERE name = ?1")?.execute([name])?,
        Some(Membership { catalog, label, groups }) => transaction
            .prepare_cached("INSERT OR REPLACE INTO members VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![name, catalog.to_string(), label, serde_json::json!(groups).to_string()])?,
    };
    Ok(())
}

fn write_row(
    transaction: &Transaction<'_>,
    name: &str,
    row: &Row,
    to_wall: &dyn Fn(u64) -> u64,
) -> rusqlite::Result<()> {
    let unmanaged = |state: &str| {
        transaction
            .prepare_cached("INSERT OR REPLACE INTO zones VALUES (?1, ?2, NULL, NULL, NULL, NULL, 0, 0, 0, 0, NULL, 0, '', '', NULL, NULL, NULL, NULL)")?
            .execute(params![name, state])
    };
    match row {
        Row::Gone => {
            transaction.prepare_cached("DELETE FROM zones WHERE name = ?1")?.execute([name])?;
        }
        Row::Leaving => drop(unmanaged("leaving")?),
        Row::Managed(zone) => write_zone(transaction, name, zone, to_wall)?,
    }
    Ok(())
}

fn write_zone(
    transaction: &Transaction<'_>,
    name: &str,
    zone: &Zone,
    to_wall: &dyn Fn(u64) -> u64,
) -> rusqlite::Result<()> {
    // Zero means never, whatever the clock.
    let wall = |time: u64| if time == 0 { 0 } else { to_wall(time) };
    let times = zone.times();
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO zones \
             VALUES (?1, 'managed', ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
        )?
        .execute(params![
            name,
            zone.stored.map(|stored| stored.serial),
            times.map(|times| times.refresh),
            times.map(|times| times.retry),
            times.map(|times| times.expire),
            wall(zone.added),
            wall(zone.refreshed),
            wall(zone.next),
            zone.is_expired,
            zone.failing_since.map(wall),
            zone.failures,
            zone.reason,
            zone.primary,
            zone.notified.as_ref().map(|notified| wall(notified.at)),
            zone.notified.as_ref().map(|notified| notified.peer.to_string()),
            zone.notified.as_ref().and_then(|notified| notified.serial),
            zone.granted,
        ])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone() -> Zone {
        let mut zone = Zone::new([].into(), 5);
        zone.stored =
            Some(Stored { serial: u32::MAX, times: SoaTimes { refresh: 1, retry: 2, expire: u32::MAX } });
        (zone.refreshed, zone.next, zone.failures) = (7, 8, 9);
        zone.failing_since = Some(10);
        zone.reason = "why".into();
        zone.primary = "192.0.2.1@53".into();
        zone.is_expired = true;
        zone.granted = Some(77);
        zone.notified = Some(Notified { at: 11, peer: "::1".parse().unwrap(), serial: Some(3) });
        zone
    }

    #[test]
    fn written_and_read_again_with_times_of_the_wall_clock() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state.sqlite");
        let name = |text: &str| text.parse::<Name>().unwrap();
        let groups = vec!["a \"group\"".to_owned(), String::new()];
        let membership = Membership { catalog: name("c."), label: vec![0, 255], groups };
        let rows = [
            (name(r"a\032b."), Row::Managed(Box::new(zone()))),
            (name("b."), Row::Leaving),
            (name("c."), Row::Managed(Box::new(Zone::new([].into(), 1)))),
        ];
        {
            let (mut file, found) = StateFile::open(&path).unwrap();
            assert!(found.zones.is_empty() && found.members.is_empty());
            let members = [(name("d."), None), (name(r"a\032b."), Some(membership.clone()))];
            file.write(&rows, &members, &|time| time + 100).unwrap();
            file.write(&[(name("c."), Row::Gone)], &[], &|time| time).unwrap();
        }
        let (_file, Found { zones: found, members }) = StateFile::open(&path).unwrap();
        assert_eq!(members, [(name(r"a\032b."), membership)]);
        assert_eq!(found.len(), 2);
        let Row::Managed(found) = &found[0].1 else { panic!("{found:?}") };
        assert_eq!((found.refreshed, found.next, found.failing_since), (107, 108, Some(110)));
        assert_eq!((found.stored, &found.notified.as_ref().unwrap().serial), (zone().stored, &Some(3)));
        assert_eq!((found.is_expired, found.reason.as_str(), found.added), (true, "why", 105));
        assert_eq!(found.granted, Some(77), "a length of time, not a point in it");
    }

    #[test]
    fn a_file_of_the_first_format_is_taken_on() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state.sqlite");
        let rows = [("a.".parse::<Name>().unwrap(), Row::Managed(Box::new(zone())))];
        StateFile::open(&path).unwrap().0.write(&rows, &[], &|time| time).unwrap();
        let older = Connection::open(&path).unwrap();
        older.execute_batch("ALTER TABLE zones DROP COLUMN granted_usec; PRAGMA user_version = 1").unwrap();
        drop(older);
        for _ in 0..2 {
            let (mut file, found) = StateFile::open(&path).unwrap();
            let [(_, Row::Managed(found))] = &found.zones[..] else { panic!("{found:?}") };
            assert_eq!((found.refreshed, found.failures, found.granted), (7, 9, None));
            file.write(&[("b.".parse::<Name>().unwrap(), Row::Gone)], &[], &|time| time).unwrap();
        }
    }

    #[test]
    fn a_file_that_is_something_else_is_refused_and_put_aside() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state.sqlite");
        for content in
            [&b"this is no database, whatever its name says; it is longer than a header"[..], b"SQLite"]
        {
            std::fs::write(&path, content).unwrap();
            StateFile::open(&path).unwrap_err();
            StateFile::put_aside(&path).unwrap();
            StateFile::open(&path).unwrap();
            StateFile::put_aside(&path).unwrap();
        }
        let other = Connection::open(&path).unwrap();
        other.execute_batch("CREATE TABLE other (x)").unwrap();
        assert!(StateFile::open(&path).unwrap_err().to_string().contains("format 2"));
    }
}
