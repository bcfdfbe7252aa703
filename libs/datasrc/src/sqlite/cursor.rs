//! Walks the RRsets of a version page by page, so that no read transaction outlives a page.

use rusqlite::{Connection, OptionalExtension};

use super::rows::{Row, Rows};

/// A place in a version and the page around it.
#[derive(Debug)]
pub(super) struct Cursor {
    version: u64,
    page: Rows,
    at: usize,
    last: bool,
}

/// What fetching a page found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fetched {
    /// The page is there, or there are no more.
    Page,
    /// The version is gone.
    Gone,
}

impl Cursor {
    pub(super) fn new(version: u64) -> Self {
        Self { version, page: Rows::default(), at: 0, last: false }
    }

    /// The row under the cursor; none means that a page must be fetched or that the version is at its end.
    pub(super) fn row(&self) -> Option<Row<'_>> {
        self.page.get(self.at)
    }

    /// Moves to the next row.
    pub(super) fn step(&mut self) {
        self.at += 1;
    }

    /// True when there is no row under the cursor but there may be more.
    pub(super) fn wants_page(&self) -> bool {
        !self.last && self.at >= self.page.len()
    }

    /// True when no page follows the one that is there.
    pub(super) fn is_last_page(&self) -> bool {
        self.last
    }

    /// Reads the next page; `connection` must be inside a transaction.
    pub(super) fn fetch(&mut self, connection: &Connection) -> rusqlite::Result<Fetched> {
        let Some(base) = base_of(connection, self.version)? else { return Ok(Fetched::Gone) };
        let (key, rrtype) =
            self.page.last().map_or((Vec::new(), -1), |row| (row.key.to_vec(), i32::from(row.rrtype)));
        let mut statement = connection.prepare_cached(
            "SELECT sort_key, type, owner, ttl, rdatas FROM rrsets
             WHERE base = ?1 AND (sort_key, type) > (?2, ?3) AND born <= ?4 AND (died IS NULL OR died > ?4)
             ORDER BY sort_key, type",
        )?;
        let mut found = statement.query((base, key, rrtype, self.version))?;
        self.page.clear();
        self.at = 0;
        self.last = true;
        while let Some(row) = found.next()? {
            self.page.push(Row {
                key: row.get_ref(0)?.as_blob()?,
                rrtype: row.get(1)?,
                owner: row.get_ref(2)?.as_str()?,
                ttl: row.get(3)?,
                rdatas: row.get_ref(4)?.as_blob()?,
            });
            if self.page.is_full() {
                self.last = false;
                break;
            }
        }
        Ok(Fetched::Page)
    }
}

/// The version that was written as a whole and whose rows, as far as they were born and had not died, make up this one;
/// none when they are, or may soon be, incomplete.
pub(super) fn base_of(connection: &Connection, version: u64) -> rusqlite::Result<Option<u64>> {
    let found: Option<(String, u64)> = connection
        .prepare_cached("SELECT state, coalesce(base, version) FROM versions WHERE version = ?1")?
        .query_row([version], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(found.filter(|(state, _)| state != "clearing").map(|(_, base)| base))
}
