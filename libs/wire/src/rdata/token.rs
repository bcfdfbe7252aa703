//! Words of a master file, as the fields read them.

use super::error::RdataError;
use crate::NameRef;

/// One word of a master file entry, escapes untouched, enclosing quotes removed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Token<'a> {
    /// The octets as written.
    pub text: &'a [u8],
    /// True when it was enclosed in quotes.
    pub quoted: bool,
}

/// The words of one record's data on their way into its fields.
pub(super) struct Input<'a, 't> {
    tokens: &'a [Token<'t>],
    next: usize,
    /// Completes relative names.
    pub(super) origin: Option<NameRef<'a>>,
}

impl<'a, 't> Input<'a, 't> {
    pub(super) fn new(tokens: &'a [Token<'t>], origin: Option<NameRef<'a>>) -> Self {
        Self { tokens, next: 0, origin }
    }

    /// The next word, or the complaint that `what` is missing.
    pub(super) fn take(&mut self, what: &'static str) -> Result<&'t [u8], RdataError> {
        Ok(self.take_token(what)?.text)
    }

    pub(super) fn take_token(&mut self, what: &'static str) -> Result<Token<'t>, RdataError> {
        let token = self.tokens.get(self.next).ok_or(RdataError::Missing(what))?;
        self.next += 1;
        Ok(*token)
    }

    /// The next word without taking it.
    pub(super) fn peek(&self) -> Option<Token<'t>> {
        self.tokens.get(self.next).copied()
    }

    /// All words that are left, without taking them.
    pub(super) fn rest(&self) -> &'a [Token<'t>] {
        self.tokens.get(self.next..).unwrap_or(&[])
    }

    /// Takes all words that are left.
    pub(super) fn take_rest(&mut self) -> &'a [Token<'t>] {
        let rest = self.rest();
        self.next = self.tokens.len();
        rest
    }

    /// Index of the word to blame for an error: the last one taken, or the end when one is missing.
    pub(super) fn blame(&self, reason: RdataError) -> usize {
        match reason {
            RdataError::Missing(_) | RdataError::Extra => self.next,
            _ => self.next.saturating_sub(1),
        }
    }
}

/// Splits one line into words: blanks separate, quotes enclose, `;` starts a comment. Parentheses count as blanks.
///
/// This is for a single record's data that is at hand as a whole; master files have their own streaming lexer.
///
/// # Errors
/// A quote that is never closed.
pub fn split_line(line: &[u8]) -> Result<Vec<Token<'_>>, RdataError> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&octet) = line.get(at) {
        match octet {
            b' ' | b'\t' | b'\r' | b'\n' | b'(' | b')' => at += 1,
            b';' => break,
            b'"' => {
                let end = closing_quote(line, at + 1)?;
                tokens.push(Token { text: &line[at + 1..end], quoted: true });
                at = end + 1;
            }
            _ => {
                let end = word_end(line, at)?;
                tokens.push(Token { text: &line[at..end], quoted: false });
                at = end;
            }
        }
    }
    Ok(tokens)
}

fn closing_quote(line: &[u8], mut at: usize) -> Result<usize, RdataError> {
    loop {
        match line.get(at) {
            None => return Err(RdataError::Malformed("quote is never closed")),
            Some(b'"') => return Ok(at),
            Some(b'\\') => at += 2,
            Some(_) => at += 1,
        }
    }
}

/// End of an unquoted word. A quote right after `=` belongs to the word (`alpn="h2,h3"`, RFC 9460 appendix A).
fn word_end(line: &[u8], start: usize) -> Result<usize, RdataError> {
    let mut at = start;
    while let Some(&octet) = line.get(at) {
        match octet {
            b' ' | b'\t' | b'\r' | b'\n' | b'(' | b')' | b';' => break,
            b'"' if at > start && line[at - 1] == b'=' => at = closing_quote(line, at + 1)? + 1,
            b'"' => break,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    Ok(at.min(line.len()))
}
