//! From entries to records: owners, TTLs, classes and types as they carry over from line to line.

use std::fs::File;
use std::io::{Cursor, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use tenon_wire::name::MAX_NAME;
use tenon_wire::rdata::{self, Token};
use tenon_wire::{Class, Name, NameError, NameRef, RrType};

use super::lexer::{LexError, Lexer, Word};
use super::limits::Limits;
use super::problem::{Mark, Problem, Reason, Severity};
use super::record::{FileNumber, Item, Record, Summary};

/// Reads the file at `path`, and what it includes, as data of the zone `origin`; shows each record and each problem to
/// `visit` until it breaks. Problems with the file itself are shown like any other.
pub fn read_file(
    path: &Path,
    origin: NameRef<'_>,
    limits: &Limits,
    visit: impl FnMut(Item<'_>) -> ControlFlow<()>,
) -> Summary {
    let mut reader = Reader::new(origin, limits, visit);
    let outcome = match File::open(path) {
        Ok(file) => reader.read(Box::new(file), path),
        Err(error) => reader.add_file(path).and_then(|_| {
            reader.problem(Severity::Error, path, 0, None, Reason::Unreadable(error.to_string()))
        }),
    };
    reader.finish(outcome)
}

/// As [`read_file`], from a file that is open already and is called `name` where problems are told. Nothing may be
/// included: whose paths those would be is not known.
pub fn read_open(
    input: impl Read + 'static,
    name: &Path,
    origin: NameRef<'_>,
    limits: &Limits,
    visit: impl FnMut(Item<'_>) -> ControlFlow<()>,
) -> Summary {
    let limits = Limits { inclusions: 0, ..*limits };
    let mut reader = Reader::new(origin, &limits, visit);
    let outcome = reader.read(Box::new(input), name);
    reader.finish(outcome)
}

/// As [`read_file`], from text at hand; paths of included files start at the current directory.
pub fn read_text(
    text: &[u8],
    origin: NameRef<'_>,
    limits: &Limits,
    visit: impl FnMut(Item<'_>) -> ControlFlow<()>,
) -> Summary {
    let mut reader = Reader::new(origin, limits, visit);
    let outcome = reader.read(Box::new(Cursor::new(text.to_vec())), Path::new("(text)"));
    reader.finish(outcome)
}

/// Reading ends here: the visitor broke off, or there were too many errors.
pub(super) struct Stop;

/// A mistake in an entry: the index of the word at fault (the number of words when one is missing), and why.
pub(super) struct Fault {
    pub(super) word: usize,
    pub(super) reason: Reason,
}

impl Fault {
    pub(super) fn new(word: usize, reason: Reason) -> Self {
        Self { word, reason }
    }
}

/// What carries over from entry to entry, and whom to tell.
pub(super) struct Reader<'l, Visit> {
    pub(super) limits: &'l Limits,
    visit: Visit,
    summary: Summary,
    /// Completes relative names.
    pub(super) origin: Name,
    /// Of `$TTL`.
    pub(super) default_ttl: Option<u32>,
    last_ttl: Option<u32>,
    soa_minimum: Option<u32>,
    told_of_ttl: bool,
    owner: LastOwner,
    rdata: Vec<u8>,
    /// Device and inode of the files that are open inside each other.
    pub(super) open_files: Vec<(u64, u64)>,
    pub(super) inclusions: usize,
    pub(super) generated: u64,
    /// Octets of the outermost file read.
    octets_read: u64,
}

/// The owner of the record before.
pub(super) struct LastOwner {
    octets: [u8; MAX_NAME],
    length: usize,
    /// How it was written; the next record mostly has the same. Empty when the origin changed since.
    text: Vec<u8>,
    /// The owner written last was not a name: what follows without an owner has none.
    lost: bool,
}

impl LastOwner {
    fn name(&self) -> Option<NameRef<'_>> {
        NameRef::from_octets(self.octets.get(..self.length)?).ok()
    }

    fn set(&mut self, text: &[u8], origin: &Name) -> Result<(), NameError> {
        if self.text == text && !self.lost && !text.is_empty() {
            return Ok(());
        }
        self.lost = true;
        let mut buffer = [0; MAX_NAME];
        let octets = NameRef::parse_text(text, Some(origin.as_ref()), &mut buffer)?.octets();
        self.octets[..octets.len()].copy_from_slice(octets);
        self.length = octets.len();
        self.text.clear();
        self.text.extend_from_slice(text);
        self.lost = false;
        Ok(())
    }
}

/// Where an entry is.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) path: &'a Path,
    pub(super) file: FileNumber,
    pub(super) line: u32,
}

impl<'l, Visit: FnMut(Item<'_>) -> ControlFlow<()>> Reader<'l, Visit> {
    fn new(origin: NameRef<'_>, limits: &'l Limits, visit: Visit) -> Self {
        Self {
            limits,
            visit,
            summary: Summary::default(),
            origin: origin.to_name(),
            default_ttl: None,
            last_ttl: None,
            soa_minimum: None,
            told_of_ttl: false,
            owner: LastOwner { octets: [0; MAX_NAME], length: 0, text: Vec::new(), lost: false },
            rdata: Vec::with_capacity(1024),
            open_files: Vec::new(),
            inclusions: 0,
            generated: 0,
            octets_read: 0,
        }
    }

    fn finish(mut self, outcome: Result<(), Stop>) -> Summary {
        self.summary.stopped = outcome.is_err();
        self.summary
    }

    /// Reads one file to its end.
    pub(super) fn read(&mut self, input: Box<dyn Read>, path: &Path) -> Result<(), Stop> {
        let file = self.add_file(path)?;
        let mut lexer = Lexer::new(input, self.limits.entry_octets);
        if let Ok(true) = lexer.skip_byte_order_mark() {
            self.problem(Severity::Warning, path, 1, None, Reason::ByteOrderMark)?;
        }
        loop {
            let before = lexer.position();
            match lexer.advance() {
                Ok(true) => {
                    let place = Place { path, file, line: lexer.line() };
                    if let Err(fault) = self.entry(&lexer, place)? {
                        self.fault(&lexer, place, fault)?;
                    }
                }
                Ok(false) => return Ok(()),
                Err(LexError { line, mark, reason, fatal }) => {
                    self.problem(Severity::Error, path, line, mark, reason)?;
                    if fatal {
                        return Ok(());
                    }
                }
            }
            let length = lexer.position() - before;
            self.summary.octets += length;
            if self.open_files.len() <= 1 {
                self.octets_read += length;
            }
        }
    }

    fn entry(&mut self, lexer: &Lexer, place: Place<'_>) -> Result<Result<(), Fault>, Stop> {
        let words = lexer.words();
        let Some(&first) = words.first() else { return Ok(Ok(())) };
        let text = lexer.text(first);
        if !lexer.starts_blank() && text.first() == Some(&b'$') {
            return self.directive(lexer, place);
        }
        // Nearly all entries fit, and then nothing is allocated for them.
        let mut few = [Token { text: &[], quoted: false }; 16];
        let many: Vec<Token<'_>>;
        let tokens = match few.get_mut(..words.len()) {
            Some(room) => {
                room.iter_mut().zip(words).for_each(|(token, &word)| *token = token_of(lexer, word));
                &*room
            }
            None => {
                many = words.iter().map(|&word| token_of(lexer, word)).collect();
                &many
            }
        };
        let mut next = 0;
        if lexer.starts_blank() {
            if self.owner.lost {
                return Ok(Ok(()));
            }
            if self.owner.length == 0 {
                return Ok(Err(Fault::new(0, Reason::NoOwner)));
            }
        } else {
            next = 1;
            if let Err(error) = self.owner.set(text, &self.origin) {
                return Ok(Err(Fault::new(0, Reason::Owner(error))));
            }
        }
        self.record(tokens, next, place)
    }

    /// Reads `[TTL] [class] type data` from word `next` on and shows the record.
    pub(super) fn record(
        &mut self,
        tokens: &[Token<'_>],
        mut next: usize,
        place: Place<'_>,
    ) -> Result<Result<(), Fault>, Stop> {
        let Head { ttl, rrtype } = match head(tokens, &mut next) {
            Ok(head) => head,
            Err(fault) => return Ok(Err(fault)),
        };
        let mut octets = std::mem::take(&mut self.rdata);
        octets.clear();
        let data = tokens.get(next..).unwrap_or(&[]);
        let shown = match rdata::parse_text(rrtype, data, Some(self.origin.as_ref()), &mut octets) {
            Err(error) => {
                Ok(Err(Fault::new(next + error.token, Reason::Rdata { rrtype, reason: error.reason })))
            }
            Ok(()) => self.show(ttl, rrtype, &octets, place, next),
        };
        self.rdata = octets;
        shown
    }

    fn show(
        &mut self,
        ttl: Option<u32>,
        rrtype: RrType,
        octets: &[u8],
        place: Place<'_>,
        type_word: usize,
    ) -> Result<Result<(), Fault>, Stop> {
        if rrtype == RrType::SOA && self.soa_minimum.is_none() {
            self.soa_minimum =
                octets.last_chunk::<4>().map(|&last| u32::from_be_bytes(last).min(i32::MAX as u32));
        }
        let fallback = || self.default_ttl.or(self.last_ttl).or(self.soa_minimum);
        let Some(chosen) = ttl.or_else(fallback) else {
            return Ok(Err(Fault::new(type_word.saturating_sub(1), Reason::NoTtl)));
        };
        if ttl.is_none() && self.default_ttl.is_none() && self.last_ttl.is_none() && !self.told_of_ttl {
            self.told_of_ttl = true;
            self.problem(Severity::Warning, place.path, place.line, None, Reason::TtlFromSoa(chosen))?;
        }
        self.last_ttl = ttl.or(self.last_ttl);
        let Some(owner) = self.owner.name() else { return Ok(Err(Fault::new(0, Reason::NoOwner))) };
        let Place { path, file, line } = place;
        let octets_read = self.octets_read;
        self.summary.records += 1;
        let record = Record { owner, rrtype, ttl: chosen, rdata: octets, file, path, line, octets_read };
        match (self.visit)(Item::Record(record)) {
            ControlFlow::Continue(()) => Ok(Ok(())),
            ControlFlow::Break(()) => Err(Stop),
        }
    }

    /// Makes `text` the owner of the next record.
    pub(super) fn set_owner(&mut self, text: &[u8]) -> Result<(), NameError> {
        self.owner.set(text, &self.origin)
    }

    pub(super) fn set_origin(&mut self, origin: Name) {
        self.origin = origin;
        self.owner.text.clear();
    }

    /// Runs `inner`, after which owner and origin are what they were before (RFC 1035 section 5.1).
    pub(super) fn keeping_place<Outcome>(&mut self, inner: impl FnOnce(&mut Self) -> Outcome) -> Outcome {
        let (octets, length, lost) = (self.owner.octets, self.owner.length, self.owner.lost);
        let origin = self.origin.clone();
        let outcome = inner(self);
        self.set_origin(origin);
        (self.owner.octets, self.owner.length, self.owner.lost) = (octets, length, lost);
        outcome
    }

    fn add_file(&mut self, path: &Path) -> Result<FileNumber, Stop> {
        let known = self.summary.files.iter().position(|file| file == path);
        let number = known.unwrap_or_else(|| {
            self.summary.files.push(PathBuf::from(path));
            self.summary.files.len() - 1
        });
        u32::try_from(number).map(FileNumber).map_err(|_| Stop)
    }

    fn fault(&mut self, lexer: &Lexer, place: Place<'_>, fault: Fault) -> Result<(), Stop> {
        let word = lexer.words().get(fault.word).copied();
        let last_line = lexer.words().last().map_or(place.line, |word| word.line);
        let line = word.map_or(last_line, |word| word.line);
        let mark = word.map_or_else(|| lexer.mark_end(), |word| Some(lexer.mark(word)));
        self.problem(Severity::Error, place.path, line, mark, fault.reason)
    }

    fn problem(
        &mut self,
        severity: Severity,
        path: &Path,
        line: u32,
        mark: Option<Mark>,
        reason: Reason,
    ) -> Result<(), Stop> {
        let path = path.to_owned();
        match severity {
            Severity::Error => self.summary.errors += 1,
            Severity::Warning => self.summary.warnings += 1,
        }
        if (self.visit)(Item::Problem(Problem { severity, path: path.clone(), line, mark, reason }))
            .is_break()
        {
            return Err(Stop);
        }
        if severity == Severity::Error && self.summary.errors >= self.limits.errors {
            let reason = Reason::TooManyErrors;
            let _ = (self.visit)(Item::Problem(Problem { severity, path, line, mark: None, reason }));
            return Err(Stop);
        }
        Ok(())
    }
}

pub(super) fn token_of(lexer: &Lexer, word: Word) -> Token<'_> {
    Token { text: lexer.text(word), quoted: word.quoted }
}

/// What stands between owner and data.
struct Head {
    ttl: Option<u32>,
    rrtype: RrType,
}

/// Reads TTL and class, in either order and each perhaps absent, and the type.
fn head(tokens: &[Token<'_>], next: &mut usize) -> Result<Head, Fault> {
    let (mut ttl, mut class_seen) = (None, false);
    loop {
        let at = *next;
        let Some(token) = tokens.get(at) else { return Err(Fault::new(at, Reason::NoType)) };
        *next += 1;
        let text = token.text;
        if text.first().is_some_and(u8::is_ascii_digit) {
            if ttl.is_some() {
                return Err(Fault::new(at, Reason::BadTtl));
            }
            ttl = Some(rdata::parse_ttl(text).ok_or_else(|| Fault::new(at, Reason::BadTtl))?);
            continue;
        }
        if !class_seen && let Some(class) = class_of(text) {
            if class != Class::IN {
                return Err(Fault::new(at, Reason::OtherClass(class.to_string())));
            }
            class_seen = true;
            continue;
        }
        return match rdata::parse_rrtype(text) {
            Some(rrtype) => Ok(Head { ttl, rrtype }),
            None => Err(Fault::new(at, Reason::UnknownType(printable(text)))),
        };
    }
}

fn class_of(text: &[u8]) -> Option<Class> {
    match text {
        b"IN" => Some(Class::IN),
        _ if text.eq_ignore_ascii_case(b"IN") => Some(Class::IN),
        _ if text.eq_ignore_ascii_case(b"CH") || text.eq_ignore_ascii_case(b"CHAOS") => Some(Class::CH),
        _ if text.eq_ignore_ascii_case(b"HS") || text.eq_ignore_ascii_case(b"HESIOD") => Some(Class::HS),
        _ => {
            let (prefix, digits) = text.split_at_checked(5)?;
            let number = std::str::from_utf8(digits)
                .ok()
                .filter(|digits| digits.bytes().all(|o| o.is_ascii_digit()))?;
            prefix.eq_ignore_ascii_case(b"CLASS").then(|| number.parse().map(Class).ok())?
        }
    }
}

/// Text from the file for a message: cut, and nothing in it that a terminal would act on.
pub(super) fn printable(text: &[u8]) -> String {
    text.iter()
        .take(60)
        .map(|&octet| if octet.is_ascii_graphic() { octet as char } else { '\u{fffd}' })
        .collect()
}
