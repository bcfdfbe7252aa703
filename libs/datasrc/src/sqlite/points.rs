//! Reads the RRsets of single names of a version. Names in canonical order share the blocks they are in.

use rusqlite::{CachedStatement, Connection};

use super::block::Neighbours;
use super::rows::{Row, Rows};

/// Where names are looked up; `connection` must be inside a transaction.
pub(super) struct Points<'c> {
    connection: &'c Connection,
    base: u64,
    version: u64,
    blocks: Neighbours,
    /// Finds rows beside the blocks.
    find: CachedStatement<'c>,
    /// Rows of one name that stand beside the blocks, and whether the version has them.
    beside: Rows,
    seen: Vec<bool>,
}

impl<'c> Points<'c> {
    /// Of this version, whose rows are those of a base.
    pub(super) fn new(connection: &'c Connection, base: u64, version: u64) -> rusqlite::Result<Self> {
        let find = connection.prepare_cached(
            "SELECT type, owner, ttl, rdatas, born <= ?3 AND (died IS NULL OR died > ?3) AS seen FROM rrsets
             WHERE base = ?1 AND sort_key = ?2 AND (seen OR born = 0) ORDER BY type, born",
        )?;
        Ok(Self {
            connection,
            base,
            version,
            blocks: Neighbours::default(),
            find,
            beside: Rows::default(),
            seen: Vec::new(),
        })
    }

    /// Adds the RRsets at a sort key to `rows`, types by number.
    pub(super) fn read(&mut self, key: &[u8], rows: &mut Rows) -> rusqlite::Result<()> {
        self.read_beside(key)?;
        // One that the version does not have hides what a block holds in its place.
        let (mut at, mut from) = (0, -1);
        while let Some(block) = self.blocks.behind(self.connection, self.base, key, from)? {
            for row in block.rows_at(key, from) {
                let is_hidden = self.beside.places().any(|place| place == row.place());
                at = push_seen(&self.beside, &self.seen, at, Some(row.rrtype), rows);
                if !is_hidden {
                    rows.push(row);
                }
            }
            if block.key != key {
                break;
            }
            // The rest of the name is in the next one.
            from = block.rrtype.into();
        }
        push_seen(&self.beside, &self.seen, at, None, rows);
        Ok(())
    }

    fn read_beside(&mut self, key: &[u8]) -> rusqlite::Result<()> {
        self.beside.clear();
        self.seen.clear();
        let mut found = self.find.query((self.base, key, self.version))?;
        while let Some(row) = found.next()? {
            self.beside.push(Row {
                key,
                rrtype: row.get(0)?,
                owner: row.get_ref(1)?.as_str()?,
                ttl: row.get(2)?,
                rdatas: row.get_ref(3)?.as_blob()?,
            });
            self.seen.push(row.get(4)?);
        }
        Ok(())
    }
}

/// Adds those of the rows beside the blocks, from `at` on, that the version has and whose type is at most `end`; gives
/// where the rest begins.
fn push_seen(beside: &Rows, seen: &[bool], at: usize, end: Option<u16>, rows: &mut Rows) -> usize {
    let mut at = at;
    while let Some(row) = beside.get(at).filter(|row| end.is_none_or(|end| row.rrtype <= end)) {
        if seen.get(at) == Some(&true) {
            rows.push(row);
        }
        at += 1;
    }
    at
}
