//! What can be wrong with a master file.

use std::fmt;
use std::path::PathBuf;

use tenon_wire::NameError;
use tenon_wire::rdata::RdataError;

/// How bad it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// It can be used, but the author may have meant something else.
    Warning,
}

/// Something wrong or doubtful, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// The file.
    pub path: PathBuf,
    /// The line, from 1; 0 when it is about the file as a whole.
    pub line: u32,
    /// The place in the line; none when it is about the line or the file as a whole.
    pub mark: Option<Mark>,
    /// What is wrong.
    pub reason: Reason,
}

/// A stretch of a line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mark {
    /// The line as written, cut to some 160 characters around the place; what is not printable is replaced.
    pub excerpt: String,
    /// First character of the stretch in the excerpt, from 0.
    pub start: usize,
    /// Its length in characters, at least 1.
    pub length: usize,
    /// Octet in the line, from 1.
    pub column: usize,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.path.display())?;
        if self.line > 0 {
            write!(f, "{}:", self.line)?;
        }
        if let Some(mark) = &self.mark {
            write!(f, "{}:", mark.column)?;
        }
        write!(f, " {}", self.reason)
    }
}

/// What is wrong.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Reason {
    /// The file cannot be opened or read.
    #[error("cannot be read: {0}")]
    Unreadable(String),
    /// It has octets that text does not have.
    #[error(
        "this is not a text file: an octet with value {0}; was it compressed, or saved in another encoding?"
    )]
    Binary(u8),
    /// UTF-8 byte order mark.
    #[error("the file starts with a byte order mark, which was ignored; save it without")]
    ByteOrderMark,
    /// A parenthesis is never closed.
    #[error("this parenthesis is never closed")]
    OpenParenthesis,
    /// A parenthesis was never opened.
    #[error("this parenthesis was never opened")]
    StrayParenthesis,
    /// A quote is not closed on its line.
    #[error("this quote is not closed on the same line")]
    OpenQuote,
    /// An entry is longer than [`Limits::entry_octets`](super::Limits::entry_octets).
    #[error("entry longer than {0} octets; is a parenthesis not closed?")]
    EntryTooLong(usize),
    /// The first record has no owner.
    #[error("the line starts with a blank, which means the owner of the record before, but there is none")]
    NoOwner,
    /// The owner is not a name.
    #[error("owner is not a domain name: {0}")]
    Owner(NameError),
    /// An argument of a directive is not a name.
    #[error("not a domain name: {0}")]
    Name(NameError),
    /// No TTL, and none to fall back on.
    #[error("no TTL here, no $TTL and no SOA record before; put a line like `$TTL 3600` at the top")]
    NoTtl,
    /// The first record has no TTL and the SOA minimum was taken.
    #[error("no TTL and no $TTL; the SOA minimum, {0} s, is taken; put a line like `$TTL {0}` at the top")]
    TtlFromSoa(u32),
    /// It begins with a digit but is no TTL.
    #[error(
        "not a TTL (0 to 2147483647 seconds, or with units such as 1h30m), and no type starts with a digit"
    )]
    BadTtl,
    /// A class other than IN.
    #[error("class {0}; only class IN is served")]
    OtherClass(String),
    /// The entry ends before its type.
    #[error("the record type is missing")]
    NoType,
    /// Neither type nor class nor TTL.
    #[error("unknown record type {0} (types without a name are written TYPEn)")]
    UnknownType(String),
    /// The record data is wrong.
    #[error("{rrtype}: {reason}")]
    Rdata {
        /// Type of the record.
        rrtype: tenon_wire::RrType,
        /// What is wrong.
        reason: RdataError,
    },
    /// A `$` line that is not known.
    #[error("unknown directive {0}; known are $ORIGIN, $TTL, $INCLUDE and $GENERATE")]
    UnknownDirective(String),
    /// A directive with too few or too many words.
    #[error("usage: {0}")]
    Usage(&'static str),
    /// Inclusions too deep or too many.
    #[error("more than {0} files inside each other or included in all")]
    TooManyInclusions(usize),
    /// An inclusion in a text that came without a place of its own.
    #[error("$INCLUDE is not for a text that is sent; put the included records in its place")]
    IncludeNotHere,
    /// A file includes itself.
    #[error("{} includes itself, perhaps by way of others", .0.display())]
    IncludeLoop(PathBuf),
    /// An included file cannot be opened.
    #[error("{}: {reason}", path.display())]
    Include {
        /// The included file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// The range of a `$GENERATE`.
    #[error("not a range: start-stop or start-stop/step, numbers up to 2147483647, start not above stop")]
    BadRange,
    /// A `${...}` of a `$GENERATE`.
    #[error(
        "bad ${{...}}: it takes offset[,width[,base]], width up to 255, base d, o, x, X, n or N, result not negative"
    )]
    BadModifier,
    /// More than [`Limits::generated`](super::Limits::generated) records.
    #[error("$GENERATE would make more than {0} records in all")]
    TooManyGenerated(u64),
    /// A record made by `$GENERATE` is wrong.
    #[error("generated record {text}: {reason}")]
    Generated {
        /// The record as generated.
        text: String,
        /// What is wrong with it.
        reason: Box<Self>,
    },
    /// Reading stops.
    #[error("too many errors; the rest of the file was not read")]
    TooManyErrors,
}
