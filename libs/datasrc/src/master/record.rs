//! What comes out.

use std::path::{Path, PathBuf};

use tenon_wire::{NameRef, RrType};

use super::problem::Problem;

/// One of the files read, numbered in the order in which they were opened; index into [`Summary::files`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileNumber(pub u32);

/// A record of class IN.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Owner name, case as written.
    pub owner: NameRef<'a>,
    /// Its type; never a meta type.
    pub rrtype: RrType,
    /// Time to live in seconds, at most 2^31 - 1.
    pub ttl: u32,
    /// Well-formed record data, names uncompressed and completed.
    pub rdata: &'a [u8],
    /// The file that it is in.
    pub file: FileNumber,
    /// Path of that file.
    pub path: &'a Path,
    /// The line on which it begins, from 1.
    pub line: u32,
    /// Octets of the first file read so far, for showing progress.
    pub octets_read: u64,
}

/// What the visitor is shown.
#[derive(Clone, Debug)]
pub enum Item<'a> {
    /// A record.
    Record(Record<'a>),
    /// Something wrong or doubtful.
    Problem(Problem),
}

/// How the reading went.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Summary {
    /// Records shown.
    pub records: u64,
    /// Errors shown.
    pub errors: u64,
    /// Warnings shown.
    pub warnings: u64,
    /// True when it stopped early: the visitor broke off, or there were too many errors.
    pub stopped: bool,
    /// All files read.
    pub files: Vec<PathBuf>,
    /// Octets read from all files.
    pub octets: u64,
}
