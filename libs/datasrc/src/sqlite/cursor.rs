//! Walks the RRsets of a version page by page, so that no read transaction outlives a page.

use rusqlite::Connection;

use super::block::Stored;
use super::rows::{Row, Rows};
use super::version::Version;

/// Blocks that are read at once.
const MOST_BLOCKS: usize = 64;
/// Rows beside blocks that are read at once.
const MOST_BESIDE: usize = 8192;
/// The same, where few are wanted.
const SHORT: usize = 64;

/// A place in a version and the page around it.
#[derive(Debug)]
pub(super) struct Cursor {
    version: Version,
    /// The first part of the page: blocks that nothing stands beside, as they were read.
    blocks: Vec<Stored>,
    /// Which of them, and where in it.
    block: (usize, usize),
    /// The rest of the page.
    page: Rows,
    at: usize,
    last: bool,
    /// What is read next is behind this place.
    behind: (Vec<u8>, i32),
    /// Only few rows are wanted: no page is larger than it must be.
    is_short: bool,
    /// The version may still be written: what is not there yet may come.
    follows: bool,
}

/// What fetching a page found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fetched {
    /// The page is there, or there are no more.
    Page,
    /// The version is gone.
    Gone,
    /// No page yet, but the version is still being written.
    Later,
}

impl Cursor {
    pub(super) fn new(version: Version) -> Self {
        Self {
            version,
            blocks: Vec::new(),
            block: (0, 0),
            page: Rows::default(),
            at: 0,
            last: false,
            behind: (Vec::new(), -1),
            is_short: false,
            follows: false,
        }
    }

    /// At the start of a version that may still be written.
    pub(super) fn following(version: Version) -> Self {
        Self { follows: true, ..Self::new(version) }
    }

    /// At the first RRset behind a place, to see a few.
    pub(super) fn behind(version: Version, key: &[u8], rrtype: i32) -> Self {
        Self { behind: (key.to_vec(), rrtype), is_short: true, ..Self::new(version) }
    }

    /// Number of the version that it walks over.
    pub(super) const fn version(&self) -> u64 {
        self.version.number
    }

    /// The row under the cursor; none means that a page must be fetched or that the version is at its end.
    pub(super) fn row(&self) -> Option<Row<'_>> {
        match self.blocks.get(self.block.0) {
            Some(block) => block.row_at(self.block.1),
            None => self.page.get(self.at),
        }
    }

    /// Moves to the next row.
    pub(super) fn step(&mut self) {
        let Some(block) = self.blocks.get(self.block.0) else {
            self.at += 1;
            return;
        };
        let (number, at) = self.block;
        self.block = block.behind_row_at(at).map_or((number + 1, 0), |at| (number, at));
    }

    /// True when there is no row under the cursor but there may be more.
    pub(super) fn wants_page(&self) -> bool {
        !self.last && self.at >= self.page.len() && self.block.0 >= self.blocks.len()
    }

    fn is_empty(&self) -> bool {
        self.blocks.is_empty() && self.page.len() == 0
    }

    fn is_full(&self) -> bool {
        self.blocks.len() >= MOST_BLOCKS || self.page.is_full()
    }

    /// True when no page follows the one that is there.
    pub(super) fn is_last_page(&self) -> bool {
        self.last
    }

    /// Reads the next page; `connection` must be inside a transaction.
    pub(super) fn fetch(&mut self, connection: &Connection) -> rusqlite::Result<Fetched> {
        let Some(base) = self.version.base(connection)? else { return Ok(Fetched::Gone) };
        let is_coming = self.follows && self.version.is_being_written(connection)?;
        self.page.clear();
        self.blocks.clear();
        (self.at, self.block) = (0, (0, 0));
        while !self.last && (self.is_empty() || !(self.is_short || self.is_full())) {
            self.read_on(connection, base, is_coming)?;
        }
        // The end of what was written is not that of the version.
        self.last &= !is_coming;
        Ok(if is_coming && self.is_empty() { Fetched::Later } else { Fetched::Page })
    }

    /// Reads one block, if there are any, and what has taken the place of RRsets in it or came between, which nothing does as
    /// long as the version `is_coming`.
    fn read_on(&mut self, connection: &Connection, base: u64, is_coming: bool) -> rusqlite::Result<()> {
        let (key, rrtype) = &self.behind;
        let block = Stored::behind(connection, base, key, *rrtype)?;
        if is_coming {
            match block {
                Some(block) => self.take_block(block),
                None => self.last = true,
            }
            return Ok(());
        }
        let end = block.as_ref().map(|block| (block.key.as_slice(), block.rrtype));
        let most = if self.is_short { SHORT } else { MOST_BESIDE };
        let beside = Beside::read(connection, (base, self.version.number), &self.behind, end, most)?;
        let block = match block {
            Some(block)
                if beside.rows.len() == 0 && self.page.len() == 0 && block.is_behind(key, *rrtype) =>
            {
                self.take_block(block);
                return Ok(());
            }
            block => block,
        };
        let end = block.as_ref().map(|block| (block.key.as_slice(), block.rrtype));
        let upto = match (&beside.upto, end) {
            (Some(upto), _) => Some(upto.clone()),
            (None, Some((key, rrtype))) => Some((key.to_vec(), rrtype)),
            (None, None) => None,
        };
        let is_behind = |row: &Row<'_>| (row.key, i32::from(row.rrtype)) > (key.as_slice(), *rrtype);
        let is_before_end =
            |row: &Row<'_>| upto.as_ref().is_none_or(|(key, rrtype)| row.place() <= (key, *rrtype));
        let rows = block.iter().flat_map(Stored::rows).filter(is_behind).take_while(is_before_end);
        beside.merge_into(rows, &mut self.page);
        match upto {
            Some((key, rrtype)) => self.behind = (key, rrtype.into()),
            None => self.last = true,
        }
        Ok(())
    }

    fn take_block(&mut self, block: Stored) {
        self.behind.0.clone_from(&block.key);
        self.behind.1 = block.rrtype.into();
        self.blocks.push(block);
    }
}

/// Rows of a version that stand beside its blocks.
#[derive(Default)]
struct Beside {
    rows: Rows,
    /// For each row: whether the version has it. One that it does not have hides what a block holds in its place.
    seen: Vec<bool>,
    /// There are more behind this place.
    upto: Option<(Vec<u8>, u16)>,
}

impl Beside {
    /// The rows behind a place, up to `end` or, without it, to the end of the version; about `most` of them.
    fn read(
        connection: &Connection,
        (base, version): (u64, u64),
        (key, rrtype): &(Vec<u8>, i32),
        end: Option<(&[u8], u16)>,
        most: usize,
    ) -> rusqlite::Result<Self> {
        let mut statement = connection.prepare_cached(
            "SELECT sort_key, type, owner, ttl, rdatas, born <= ?4 AND (died IS NULL OR died > ?4) AS seen
             FROM rrsets WHERE base = ?1 AND (sort_key, type) > (?2, ?3) AND (seen OR born = 0)
             ORDER BY sort_key, type, born",
        )?;
        let mut found = statement.query((base, key, rrtype, version))?;
        let mut beside = Self::default();
        while let Some(row) = found.next()? {
            let place = (row.get_ref(0)?.as_blob()?, row.get(1)?);
            if end.is_some_and(|end| place > end) {
                break;
            }
            // Two rows of one place stay together.
            let is_enough = beside.rows.len() >= most || beside.rows.is_full();
            if is_enough && beside.rows.last().is_some_and(|last| last.place() != place) {
                beside.upto = beside.rows.last().map(|last| (last.key.to_vec(), last.rrtype));
                break;
            }
            beside.rows.push(Row {
                key: place.0,
                rrtype: place.1,
                owner: row.get_ref(2)?.as_str()?,
                ttl: row.get(3)?,
                rdatas: row.get_ref(4)?.as_blob()?,
            });
            beside.seen.push(row.get(5)?);
        }
        Ok(beside)
    }

    /// Both together, in order.
    fn merge_into<'a>(&'a self, block: impl Iterator<Item = Row<'a>>, page: &mut Rows) {
        let mut beside = (0..self.rows.len()).filter_map(|at| self.rows.get(at)).zip(&self.seen).peekable();
        for row in block {
            let mut is_hidden = false;
            while let Some((other, seen)) = beside.next_if(|(other, _)| other.place() <= row.place()) {
                is_hidden |= other.place() == row.place();
                if *seen {
                    page.push(other);
                }
            }
            if !is_hidden {
                page.push(row);
            }
        }
        beside.filter(|(_, seen)| **seen).for_each(|(row, _)| page.push(row));
    }
}
