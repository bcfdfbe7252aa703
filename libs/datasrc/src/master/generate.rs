//! `$GENERATE range owner [ttl] [class] type data` as BIND reads it: the rest of the line once for each number.

use std::io::Write;
use std::ops::ControlFlow;

use tenon_wire::rdata::{Token, split_line};

use super::lexer::{Lexer, Word};
use super::problem::Reason;
use super::reader::{Fault, Place, Reader, Stop, printable, token_of};
use super::record::Item;

const USAGE: Reason = Reason::Usage("$GENERATE start-stop[/step] owner [TTL] [class] type data");
/// Widest field that `${offset,width,base}` may ask for.
const MAX_WIDTH: usize = 255;

/// The numbers to count through.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Range {
    start: u32,
    stop: u32,
    step: u32,
}

impl<Visit: FnMut(Item<'_>) -> ControlFlow<()>> Reader<'_, Visit> {
    pub(super) fn generate(
        &mut self,
        lexer: &Lexer,
        arguments: &[Word],
        place: Place<'_>,
    ) -> Result<Result<(), Fault>, Stop> {
        let [range, owner, rest @ ..] = arguments else { return Ok(Err(Fault::new(0, USAGE))) };
        if rest.len() < 2 {
            return Ok(Err(Fault::new(0, USAGE)));
        }
        let Some(range) = parse_range(lexer.text(*range)) else {
            return Ok(Err(Fault::new(1, Reason::BadRange)));
        };
        self.generated += u64::from((range.stop - range.start) / range.step) + 1;
        if self.generated > self.limits.generated {
            return Ok(Err(Fault::new(1, Reason::TooManyGenerated(self.limits.generated))));
        }
        let mut text = Vec::new();
        let mut number = range.start;
        loop {
            text.clear();
            if let Err(fault) = self.generate_one(lexer, (*owner, rest), number, &mut text, place)? {
                let text = printable(&text);
                let reason = match fault.reason {
                    Reason::BadModifier => Reason::BadModifier,
                    reason => Reason::Generated { text, reason: Box::new(reason) },
                };
                return Ok(Err(Fault::new(fault.word, reason)));
            }
            match number.checked_add(range.step).filter(|&next| next <= range.stop) {
                Some(next) => number = next,
                None => return Ok(Ok(())),
            }
        }
    }

    /// Makes one record. `text` receives its words, for messages too.
    fn generate_one(
        &mut self,
        lexer: &Lexer,
        (owner, rest): (Word, &[Word]),
        number: u32,
        text: &mut Vec<u8>,
        place: Place<'_>,
    ) -> Result<Result<(), Fault>, Stop> {
        let mut ends: Vec<(usize, bool)> = Vec::with_capacity(rest.len() + 1);
        for (index, word) in std::iter::once(&owner).chain(rest).enumerate() {
            if expand(lexer.text(*word), number, text).is_none() {
                return Ok(Err(Fault::new(index + 2, Reason::BadModifier)));
            }
            ends.push((text.len(), token_of(lexer, *word).quoted));
        }
        let mut tokens = Vec::with_capacity(ends.len());
        let mut start = 0;
        for &(end, quoted) in &ends {
            tokens.push(Token { text: &text[start..end], quoted });
            start = end;
        }
        if let Err(error) = self.set_owner(tokens[0].text) {
            return Ok(Err(Fault::new(2, Reason::Owner(error))));
        }
        let line = match tokens.last() {
            Some(last) if last.quoted => unquoted(last.text),
            _ => Vec::new(),
        };
        if tokens.last().is_some_and(|last| last.quoted) {
            tokens.pop();
            match split_line(&line) {
                Ok(words) => tokens.extend(words),
                Err(_) => return Ok(Err(Fault::new(tokens.len() + 2, Reason::OpenQuote))),
            }
        }
        // The word at fault counts from the generated owner; that one is the third of the line.
        Ok(self.record(&tokens, 1, place)?.map_err(|fault| Fault::new(fault.word + 2, fault.reason)))
    }
}

/// The data as BIND takes it when it has blanks: quoted as a whole, quotes inside escaped, and then read like a line
/// (`$GENERATE 1-9 a$ MX "10 mx$"`).
fn unquoted(text: &[u8]) -> Vec<u8> {
    let (mut line, mut rest) = (Vec::with_capacity(text.len()), text);
    while let Some((&octet, tail)) = rest.split_first() {
        rest = tail;
        match (octet, rest.first()) {
            (b'\\', Some(b'"')) => {}
            (b'\\', Some(&next)) => {
                line.extend_from_slice(&[octet, next]);
                rest = &rest[1..];
            }
            _ => line.push(octet),
        }
    }
    line
}

fn parse_range(text: &[u8]) -> Option<Range> {
    let text = std::str::from_utf8(text).ok()?;
    let (span, step) = text.split_once('/').unwrap_or((text, "1"));
    let (start, stop) = span.split_once('-')?;
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
        text.parse::<u32>().ok().filter(|&value| digits && value <= i32::MAX as u32)
    };
    let range = Range { start: number(start)?, stop: number(stop)?, step: number(step)? };
    (range.start <= range.stop && range.step > 0).then_some(range)
}

/// Appends `text` with each `$` replaced; `$$` and `\$` stand for a dollar sign. None when a `${...}` is wrong.
fn expand(text: &[u8], number: u32, out: &mut Vec<u8>) -> Option<()> {
    let mut rest = text;
    while let Some((&octet, tail)) = rest.split_first() {
        rest = tail;
        match (octet, rest.first()) {
            (b'\\', Some(&escaped)) => {
                out.extend_from_slice(&[b'\\', escaped]);
                rest = &rest[1..];
            }
            (b'$', Some(b'$')) => {
                out.extend_from_slice(b"\\$");
                rest = &rest[1..];
            }
            (b'$', Some(b'{')) => {
                let close = rest.iter().position(|&octet| octet == b'}')?;
                modified(&rest[1..close], number, out)?;
                rest = &rest[close + 1..];
            }
            (b'$', _) => write!(out, "{number}").ok()?,
            _ => out.push(octet),
        }
    }
    Some(())
}

/// Appends a number as `offset[,width[,base]]` asks for.
fn modified(modifier: &[u8], number: u32, out: &mut Vec<u8>) -> Option<()> {
    let mut parts = std::str::from_utf8(modifier).ok()?.split(',');
    let offset: i64 = parts.next()?.trim().parse().ok()?;
    let width: usize = parts.next().map_or(Some(0), |text| text.trim().parse().ok())?;
    let base = parts.next().map_or("d", str::trim);
    if parts.next().is_some() || width > MAX_WIDTH {
        return None;
    }
    let value = u32::try_from(i64::from(number).checked_add(offset)?).ok()?;
    match base {
        "d" => write!(out, "{value:0width$}").ok(),
        "o" => write!(out, "{value:0width$o}").ok(),
        "x" => write!(out, "{value:0width$x}").ok(),
        "X" => write!(out, "{value:0width$X}").ok(),
        "n" => nibbles(value, width, b"0123456789abcdef", out),
        "N" => nibbles(value, width, b"0123456789ABCDEF", out),
        _ => None,
    }
}

/// Hexadecimal digits from the lowest up with dots between them, for `ip6.arpa.`; the width counts the dots.
fn nibbles(mut value: u32, mut width: usize, digits: &[u8; 16], out: &mut Vec<u8>) -> Option<()> {
    loop {
        out.push(digits[value as usize & 15]);
        value >>= 4;
        width = width.saturating_sub(1);
        if width == 0 && value == 0 {
            return Some(());
        }
        out.push(b'.');
        width = width.saturating_sub(1);
        if width == 0 && value == 0 {
            return Some(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str, number: u32) -> Option<String> {
        let mut out = Vec::new();
        expand(text.as_bytes(), number, &mut out).map(|()| String::from_utf8(out).unwrap())
    }

    #[test]
    fn ranges() {
        assert_eq!(parse_range(b"1-127"), Some(Range { start: 1, stop: 127, step: 1 }));
        assert_eq!(parse_range(b"0-20/5"), Some(Range { start: 0, stop: 20, step: 5 }));
        for text in ["1", "2-1", "1-2/0", "a-b", "-1-2", "1-2147483648", "1-+2", "1-2/", ""] {
            assert_eq!(parse_range(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn numbers_are_put_in_as_bind_does() {
        for (text, number, result) in [
            ("host-$", 7, "host-7"),
            ("$.${0}", 7, "7.7"),
            ("${10,3}", 7, "017"),
            ("${-5,3,d}", 7, "002"),
            ("${0,4,x}", 255, "00ff"),
            ("${0,4,X}", 255, "00FF"),
            ("${0,0,o}", 8, "10"),
            ("${0,1,n}", 0x1f, "f.1"),
            ("${0,7,n}", 0x1f, "f.1.0.0"),
            ("${0,8,N}", 0x1f, "F.1.0.0."),
            (r"a\$$", 7, r"a\$7"),
            ("a$$", 7, r"a\$"),
            ("plain", 7, "plain"),
        ] {
            assert_eq!(expanded(text, number).as_deref(), Some(result), "{text}");
        }
    }

    #[test]
    fn bad_modifiers_are_refused() {
        for text in
            ["${", "${}", "${x}", "${0,1,z}", "${0,256}", "${-8}", "${0,1,d,1}", "${99999999999999999999}"]
        {
            assert_eq!(expanded(text, 7), None, "{text}");
        }
    }
}
