//! From octets to entries of words: comments, quotes, parentheses and line ends are dealt with here.

use std::io::{ErrorKind, Read};

use super::problem::{Mark, Reason};

/// Octets read at a time.
const CHUNK: usize = 256 * 1024;
/// Most characters of a line shown around a mistake.
const EXCERPT: usize = 160;

/// A word of the current entry: offsets in the lexer's buffer, enclosing quotes excluded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word {
    start: u32,
    end: u32,
    /// The line it is on.
    pub(super) line: u32,
    pub(super) quoted: bool,
}

/// A mistake in the shape of the text.
#[derive(Debug)]
pub(super) struct LexError {
    pub(super) line: u32,
    pub(super) mark: Option<Mark>,
    pub(super) reason: Reason,
    /// The file cannot be read on behind it.
    pub(super) fatal: bool,
}

/// Reads a file entry by entry. An entry is a line, or several lines joined by parentheses, that has words.
pub(super) struct Lexer {
    input: Box<dyn Read>,
    buffer: Vec<u8>,
    filled: usize,
    /// Where the next scan starts: the beginning of a line.
    next: usize,
    next_line: u32,
    /// Start of the current entry.
    start: usize,
    ended: bool,
    /// Octets of the file before the buffer.
    before: u64,
    words: Vec<Word>,
    line: u32,
    blank_start: bool,
    longest: usize,
}

/// Kinds of octets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Word,
    Blank,
    Newline,
    Quote,
    Comment,
    Open,
    Close,
    Escape,
    Binary,
}

static KINDS: [Kind; 256] = kinds();

const fn kinds() -> [Kind; 256] {
    let mut kinds = [Kind::Word; 256];
    let mut octet = 0;
    while octet < 32 {
        kinds[octet] = Kind::Binary;
        octet += 1;
    }
    kinds[127] = Kind::Binary;
    kinds[b' ' as usize] = Kind::Blank;
    kinds[b'\t' as usize] = Kind::Blank;
    kinds[b'\r' as usize] = Kind::Blank;
    kinds[0x0c] = Kind::Blank;
    kinds[b'\n' as usize] = Kind::Newline;
    kinds[b'"' as usize] = Kind::Quote;
    kinds[b';' as usize] = Kind::Comment;
    kinds[b'(' as usize] = Kind::Open;
    kinds[b')' as usize] = Kind::Close;
    kinds[b'\\' as usize] = Kind::Escape;
    kinds
}

/// Outcome of looking for an entry in what is buffered.
enum Scan {
    /// An entry was found; the next one may start at this offset and line.
    Entry {
        next: usize,
        next_line: u32,
    },
    /// The buffer ends inside an entry.
    NeedMore,
    End,
    Wrong(Mistake),
}

struct Mistake {
    at: usize,
    line: u32,
    reason: Reason,
}

impl Lexer {
    pub(super) fn new(input: Box<dyn Read>, longest: usize) -> Self {
        Self {
            input,
            buffer: vec![0; CHUNK],
            filled: 0,
            next: 0,
            next_line: 1,
            start: 0,
            ended: false,
            before: 0,
            words: Vec::with_capacity(32),
            line: 0,
            blank_start: false,
            longest,
        }
    }

    /// Moves to the next entry; false at the end of the file.
    pub(super) fn advance(&mut self) -> Result<bool, LexError> {
        loop {
            match self.scan() {
                Scan::Entry { next, next_line } => {
                    (self.next, self.next_line) = (next, next_line);
                    return Ok(true);
                }
                Scan::End => return Ok(false),
                Scan::NeedMore => self.refill()?,
                Scan::Wrong(mistake) if matches!(mistake.reason, Reason::Binary(_)) => {
                    return Err(self.fail(mistake, None));
                }
                Scan::Wrong(mistake) => {
                    match self.buffer[mistake.at..self.filled].iter().position(|&o| o == b'\n') {
                        // The whole line is wanted, to show it and to go on behind it.
                        None if !self.ended => self.refill()?,
                        newline => return Err(self.fail(mistake, newline)),
                    }
                }
            }
        }
    }

    /// Skips a UTF-8 byte order mark; true when there was one. To be called first.
    pub(super) fn skip_byte_order_mark(&mut self) -> Result<bool, LexError> {
        while self.filled < 3 && !self.ended {
            self.refill()?;
        }
        let found = self.buffer.starts_with(b"\xef\xbb\xbf") && self.filled >= 3;
        if found {
            self.next = 3;
        }
        Ok(found)
    }

    /// Words of the current entry.
    pub(super) fn words(&self) -> &[Word] {
        &self.words
    }

    pub(super) fn text(&self, word: Word) -> &[u8] {
        &self.buffer[word.start as usize..word.end as usize]
    }

    /// The line on which the current entry begins.
    pub(super) fn line(&self) -> u32 {
        self.line
    }

    /// True when the current entry begins with a blank: its owner is that of the record before.
    pub(super) fn starts_blank(&self) -> bool {
        self.blank_start
    }

    /// Octets of the file up to the end of the current entry.
    pub(super) fn position(&self) -> u64 {
        self.before + self.next as u64
    }

    /// Shows a word of the current entry in its line.
    pub(super) fn mark(&self, word: Word) -> Mark {
        self.mark_octets(word.start as usize, (word.end - word.start) as usize)
    }

    /// Shows the place behind the last word.
    pub(super) fn mark_end(&self) -> Option<Mark> {
        let last = self.words.last()?;
        Some(self.mark_octets(last.end as usize + usize::from(last.quoted), 1))
    }

    fn scan(&mut self) -> Scan {
        let octets = &self.buffer[..self.filled];
        let (mut at, mut line) = (self.next, self.next_line);
        let mut parentheses: Option<(usize, u32, u32)> = None;
        self.words.clear();
        (self.start, self.line, self.blank_start) = (at, line, false);
        while let Some(&octet) = octets.get(at) {
            match KINDS[octet as usize] {
                Kind::Word | Kind::Escape => {
                    let start = at;
                    match word_end(octets, at, self.ended) {
                        Ok(Some(end)) => at = end,
                        Ok(None) => return Scan::NeedMore,
                        Err(quote) => {
                            return Scan::Wrong(Mistake { at: quote, line, reason: Reason::OpenQuote });
                        }
                    }
                    if self.words.is_empty() {
                        self.line = line;
                    }
                    self.words.push(Word { start: start as u32, end: at as u32, line, quoted: false });
                }
                Kind::Blank => {
                    self.blank_start |= at == self.start;
                    at += 1;
                }
                Kind::Newline => {
                    at += 1;
                    line = line.saturating_add(1);
                    if parentheses.is_none() {
                        if !self.words.is_empty() {
                            return Scan::Entry { next: at, next_line: line };
                        }
                        (self.start, self.line, self.blank_start) = (at, line, false);
                        // What is behind needs not be kept nor scanned again.
                        (self.next, self.next_line) = (at, line);
                    }
                }
                Kind::Quote => match closing_quote(octets, at) {
                    Quote::Closed(end) => {
                        if self.words.is_empty() {
                            self.line = line;
                        }
                        self.words.push(Word { start: at as u32 + 1, end: end as u32, line, quoted: true });
                        at = end + 1;
                    }
                    Quote::BufferEnd if !self.ended => return Scan::NeedMore,
                    _ => return Scan::Wrong(Mistake { at, line, reason: Reason::OpenQuote }),
                },
                Kind::Comment => match octets[at..].iter().position(|&octet| octet == b'\n') {
                    Some(length) => at += length,
                    None => at = octets.len(),
                },
                Kind::Open => {
                    let (place, opened_on, depth) = parentheses.unwrap_or((at, line, 0));
                    parentheses = Some((place, opened_on, depth + 1));
                    at += 1;
                }
                Kind::Close => {
                    parentheses = match parentheses {
                        None => {
                            return Scan::Wrong(Mistake { at, line, reason: Reason::StrayParenthesis });
                        }
                        Some((_, _, 1)) => None,
                        Some((place, opened_on, depth)) => Some((place, opened_on, depth - 1)),
                    };
                    at += 1;
                }
                Kind::Binary => return Scan::Wrong(Mistake { at, line, reason: Reason::Binary(octet) }),
            }
        }
        match parentheses {
            _ if !self.ended => Scan::NeedMore,
            Some((at, line, _)) => Scan::Wrong(Mistake { at, line, reason: Reason::OpenParenthesis }),
            None if self.words.is_empty() => Scan::End,
            None => Scan::Entry { next: at, next_line: line },
        }
    }

    /// Reads more of the file behind what is still needed.
    fn refill(&mut self) -> Result<(), LexError> {
        if self.next > 0 {
            self.buffer.copy_within(self.next..self.filled, 0);
            self.before += self.next as u64;
            self.filled -= self.next;
            self.next = 0;
        }
        if self.filled == self.buffer.len() {
            if self.buffer.len() >= self.longest.max(CHUNK) {
                let mistake =
                    Mistake { at: 0, line: self.next_line, reason: Reason::EntryTooLong(self.longest) };
                return Err(self.fail(mistake, None));
            }
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        loop {
            match self.input.read(&mut self.buffer[self.filled..]) {
                Ok(0) => self.ended = true,
                Ok(count) => self.filled += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => {
                    let reason = Reason::Unreadable(error.to_string());
                    // Mostly it is the file as a whole that cannot be read, such as a directory.
                    let line = if self.next_line > 1 { self.next_line } else { 0 };
                    return Err(LexError { line, mark: None, reason, fatal: true });
                }
            }
            return Ok(());
        }
    }

    /// Turns a mistake into an error and moves behind its line.
    fn fail(&mut self, mistake: Mistake, newline: Option<usize>) -> LexError {
        let fatal =
            matches!(mistake.reason, Reason::Binary(_) | Reason::OpenParenthesis | Reason::EntryTooLong(_));
        let mark = match mistake.reason {
            Reason::Binary(_) => None,
            _ => Some(self.mark_octets(mistake.at, 1)),
        };
        self.next = newline.map_or(self.filled, |length| mistake.at + length + 1);
        self.next_line = mistake.line.saturating_add(1);
        LexError { line: mistake.line, mark, reason: mistake.reason, fatal }
    }

    fn mark_octets(&self, at: usize, length: usize) -> Mark {
        let octets = &self.buffer[..self.filled];
        let line_start =
            octets[..at.min(octets.len())].iter().rposition(|&o| o == b'\n').map_or(0, |before| before + 1);
        let line_end =
            octets[at..].iter().position(|&o| o == b'\n').map_or(octets.len(), |length| at + length);
        let from = line_start.max(at.saturating_sub(EXCERPT / 2));
        let to = line_end.min(from + EXCERPT);
        // One character for each octet, so that the mark stays in its place.
        let excerpt: String = octets[from..to]
            .iter()
            .map(|&o| if (0x20..0x7f).contains(&o) { o as char } else { shown(o) })
            .collect();
        let excerpt = excerpt.trim_end().to_owned();
        let room = to.saturating_sub(at).max(1);
        Mark { excerpt, start: at - from, length: length.clamp(1, room), column: at - line_start + 1 }
    }
}

fn shown(octet: u8) -> char {
    if matches!(octet, b'\t' | b'\r') { ' ' } else { '\u{fffd}' }
}

/// End of an unquoted word; none when the buffer ends first, an error with the place of a quote that is not closed.
///
/// A quote right after `=` belongs to the word (`alpn="h2,h3"`, RFC 9460 appendix A).
fn word_end(octets: &[u8], start: usize, ended: bool) -> Result<Option<usize>, usize> {
    let mut at = start;
    while let Some(&octet) = octets.get(at) {
        match KINDS[octet as usize] {
            Kind::Word => at += 1,
            Kind::Escape if octets.get(at + 1).is_some_and(|&next| next != b'\n') => at += 2,
            Kind::Escape => at += 1,
            Kind::Quote if at > start && octets[at - 1] == b'=' => match closing_quote(octets, at) {
                Quote::Closed(end) => at = end + 1,
                Quote::BufferEnd if !ended => return Ok(None),
                _ => return Err(at),
            },
            _ => return Ok(Some(at)),
        }
    }
    Ok(ended.then_some(at))
}

enum Quote {
    Closed(usize),
    LineEnd,
    BufferEnd,
}

fn closing_quote(octets: &[u8], open: usize) -> Quote {
    let mut at = open + 1;
    while let Some(&octet) = octets.get(at) {
        match octet {
            b'"' => return Quote::Closed(at),
            b'\n' => return Quote::LineEnd,
            b'\\' if octets.get(at + 1).is_some_and(|&next| next != b'\n') => at += 2,
            _ => at += 1,
        }
    }
    Quote::BufferEnd
}
