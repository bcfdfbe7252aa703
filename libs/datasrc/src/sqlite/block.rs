//! RRsets of a large version as they are written: many neighbours in one row of the database, which costs a tenth of a row
//! for each.
//!
//! A block holds RRsets one behind the other: length of the sort key, type, length of the owner (two octets each), TTL and
//! length of the data (four each), all with the highest octet first, then sort key, owner and data, as in a row of their
//! own. What changes is never changed here: a row with the same place and `born` 0 takes the RRset's place.

use rusqlite::{Connection, OptionalExtension};

use super::rows::Row;
use super::transaction::Transaction;

/// A block is closed when it holds so much: what reading one RRset costs.
const FULL: usize = 16 << 10;
const HEAD: usize = 14;
/// Text that is no name.
const NO_NAME: &str = "\\";

/// So much is written at once.
const FULL_BLOCKS: usize = 1 << 20;

/// RRsets on their way into the database, block by block. Their room is used again.
#[derive(Default, Debug)]
pub(super) struct Blocks {
    blocks: Vec<Block>,
    /// So many of them hold something.
    used: usize,
    octets: usize,
}

/// Neighbouring RRsets, and the place of the last one.
#[derive(Clone, Default, Debug)]
pub(super) struct Block {
    octets: Vec<u8>,
    key: Vec<u8>,
    rrtype: u16,
}

impl Blocks {
    /// Takes one more RRset; the one with the highest place comes last.
    pub(super) fn push(&mut self, row: &Row<'_>) {
        if self.all().last().is_none_or(Block::is_full) {
            if self.used == self.blocks.len() {
                self.blocks.push(Block::default());
            }
            self.used += 1;
        }
        let Some(block) = self.used.checked_sub(1).and_then(|last| self.blocks.get_mut(last)) else { return };
        let before = block.octets.len();
        block.push(row);
        self.octets += block.octets.len() - before;
    }

    /// All that hold something.
    pub(super) fn all(&self) -> &[Block] {
        self.blocks.get(..self.used).unwrap_or_default()
    }

    /// Octets in them.
    pub(super) const fn octets(&self) -> usize {
        self.octets
    }

    /// Whether it is time to write them.
    pub(super) const fn is_full(&self) -> bool {
        self.octets >= FULL_BLOCKS
    }

    /// Forgets what was written.
    pub(super) fn clear(&mut self) {
        self.blocks.iter_mut().take(self.used).for_each(|block| block.octets.clear());
        (self.used, self.octets) = (0, 0);
    }
}

impl Block {
    /// Takes one more RRset; the one with the highest place comes last.
    pub(super) fn push(&mut self, row: &Row<'_>) {
        let octets = &mut self.octets;
        // A key is at most twice as long as a name, an owner in text four times.
        octets.extend_from_slice(&(row.key.len() as u16).to_be_bytes());
        octets.extend_from_slice(&row.rrtype.to_be_bytes());
        octets.extend_from_slice(&(row.owner.len() as u16).to_be_bytes());
        octets.extend_from_slice(&row.ttl.to_be_bytes());
        octets.extend_from_slice(&(row.rdatas.len() as u32).to_be_bytes());
        octets.extend_from_slice(row.key);
        octets.extend_from_slice(row.owner.as_bytes());
        octets.extend_from_slice(row.rdatas);
        self.key.clear();
        self.key.extend_from_slice(row.key);
        self.rrtype = row.rrtype;
    }

    pub(super) fn is_full(&self) -> bool {
        self.octets.len() >= FULL
    }

    pub(super) fn is_empty(&self) -> bool {
        self.octets.is_empty()
    }

    pub(super) fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// Writes it.
    pub(super) fn insert(&self, transaction: &Transaction<'_>, base: u64) -> rusqlite::Result<()> {
        transaction
            .prepare_cached("INSERT INTO blocks (base, sort_key, type, rrsets) VALUES (?1, ?2, ?3, ?4)")?
            .execute((base, &self.key, self.rrtype, &self.octets))?;
        Ok(())
    }
}

/// A block as it was read, and the place of the last RRset in it.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) key: Vec<u8>,
    pub(super) rrtype: u16,
    octets: Vec<u8>,
}

impl Stored {
    /// The first block of a base that may hold RRsets behind a place.
    pub(super) fn behind(
        connection: &Connection,
        base: u64,
        key: &[u8],
        rrtype: i32,
    ) -> rusqlite::Result<Option<Self>> {
        let found = connection
            .prepare_cached(
                "SELECT sort_key, type, rrsets FROM blocks WHERE base = ?1 AND (sort_key, type) > (?2, ?3)
                 ORDER BY sort_key, type LIMIT 1",
            )?
            .query_row((base, key, rrtype), |row| {
                Ok(Self { key: row.get(0)?, rrtype: row.get(1)?, octets: row.get(2)? })
            })
            .optional()?;
        match found {
            Some(block)
                if block.raw_rows().last().is_none_or(|row| row.place() != (&block.key, block.rrtype)) =>
            {
                let what = "a block of RRsets that does not end with the one it should";
                Err(rusqlite::Error::FromSqlConversionFailure(2, rusqlite::types::Type::Blob, what.into()))
            }
            found => Ok(found),
        }
    }

    /// Whether all of it lies behind a place.
    pub(super) fn is_behind(&self, key: &[u8], rrtype: i32) -> bool {
        self.raw_rows().next().is_some_and(|row| (row.key, i32::from(row.rrtype)) > (key, rrtype))
    }

    /// The RRset at an offset; none behind the last. One whose owner is no text has an owner that is no name.
    pub(super) fn row_at(&self, at: usize) -> Option<Row<'_>> {
        let (RawRow { key, rrtype, owner, ttl, rdatas }, _) = split(self.octets.get(at..)?)?;
        Some(Row { key, rrtype, owner: std::str::from_utf8(owner).unwrap_or(NO_NAME), ttl, rdatas })
    }

    /// The offset behind the RRset at an offset; none behind the last.
    pub(super) fn behind_row_at(&self, at: usize) -> Option<usize> {
        let (_, rest) = split(self.octets.get(at..)?)?;
        (!rest.is_empty()).then(|| self.octets.len() - rest.len())
    }

    /// The RRsets in it, in their order; damage would end them.
    pub(super) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        rows_in(&self.octets)
    }

    /// The RRsets of one name in it whose type is more than `rrtype`; the others are only passed over.
    pub(super) fn rows_at<'r>(&'r self, key: &'r [u8], rrtype: i32) -> impl Iterator<Item = Row<'r>> {
        let behind =
            self.raw_rows().skip_while(move |raw| raw.place() < (key, 0) || raw.is_up_to(key, rrtype));
        behind.take_while(move |raw| raw.key == key).map_while(|raw| raw.read())
    }

    fn raw_rows(&self) -> impl Iterator<Item = RawRow<'_>> {
        raw_rows(&self.octets)
    }
}

/// The RRsets in octets as a [`Block`] has them; damage would end them.
pub(super) fn rows_in(octets: &[u8]) -> impl Iterator<Item = Row<'_>> {
    raw_rows(octets).map_while(|raw| raw.read())
}

/// Whether all of these octets are RRsets.
pub(super) fn is_whole(octets: &[u8]) -> bool {
    raw_rows(octets).map(|raw| raw.len()).sum::<usize>() == octets.len()
}

fn raw_rows(octets: &[u8]) -> impl Iterator<Item = RawRow<'_>> {
    let mut rest = octets;
    std::iter::from_fn(move || {
        let (row, behind) = split(rest)?;
        rest = behind;
        Some(row)
    })
}

/// An RRset of a block whose owner was not looked at yet, which costs more than all the rest.
struct RawRow<'a> {
    key: &'a [u8],
    rrtype: u16,
    owner: &'a [u8],
    ttl: u32,
    rdatas: &'a [u8],
}

impl<'a> RawRow<'a> {
    fn place(&self) -> (&'a [u8], u16) {
        (self.key, self.rrtype)
    }

    /// Octets that it takes.
    fn len(&self) -> usize {
        HEAD + self.key.len() + self.owner.len() + self.rdatas.len()
    }

    /// Whether it belongs to this name and its type is not beyond that one.
    fn is_up_to(&self, key: &[u8], rrtype: i32) -> bool {
        self.key == key && i32::from(self.rrtype) <= rrtype
    }

    /// None when its owner is no text.
    fn read(&self) -> Option<Row<'a>> {
        let Self { key, rrtype, owner, ttl, rdatas } = *self;
        Some(Row { key, rrtype, owner: std::str::from_utf8(owner).ok()?, ttl, rdatas })
    }
}

fn split(octets: &[u8]) -> Option<(RawRow<'_>, &[u8])> {
    let (&head, rest) = octets.split_first_chunk::<HEAD>()?;
    let [k0, k1, t0, t1, o0, o1, l0, l1, l2, l3, d0, d1, d2, d3] = head;
    let (key, rest) = rest.split_at_checked(u16::from_be_bytes([k0, k1]).into())?;
    let (owner, rest) = rest.split_at_checked(u16::from_be_bytes([o0, o1]).into())?;
    let (rdatas, rest) =
        rest.split_at_checked(usize::try_from(u32::from_be_bytes([d0, d1, d2, d3])).ok()?)?;
    let rrtype = u16::from_be_bytes([t0, t1]);
    Some((RawRow { key, rrtype, owner, ttl: u32::from_be_bytes([l0, l1, l2, l3]), rdatas }, rest))
}

/// Blocks of one base for those who look at one place behind the other: the block that was read last is at hand.
#[derive(Default, Debug)]
pub(super) struct Neighbours {
    last: Option<Stored>,
    /// A place behind which there is none.
    end: Option<(Vec<u8>, i32)>,
}

impl Neighbours {
    /// As [`Stored::behind`].
    pub(super) fn behind(
        &mut self,
        connection: &Connection,
        base: u64,
        key: &[u8],
        rrtype: i32,
    ) -> rusqlite::Result<Option<&Stored>> {
        let is_it = |block: &Stored| {
            let first = block.raw_rows().next().map(|row| (row.key, i32::from(row.rrtype)));
            first.is_some_and(|first| first <= (key, rrtype))
                && (block.key.as_slice(), i32::from(block.rrtype)) > (key, rrtype)
        };
        if self.end.as_ref().is_some_and(|(end, last)| (end.as_slice(), *last) <= (key, rrtype)) {
            return Ok(None);
        }
        if !self.last.as_ref().is_some_and(is_it) {
            self.last = Stored::behind(connection, base, key, rrtype)?;
            if self.last.is_none() {
                self.end = Some((key.to_vec(), rrtype));
            }
        }
        Ok(self.last.as_ref())
    }
}
