//! Service parameters (RFC 9460): keys in ascending order, each with a value of its own form.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::{address, encoded, number, string};
use crate::rdata::error::RdataError;
use crate::rdata::token::{Input, Token};

/// Forms of values (RFC 9460 section 7, RFC 9461, RFC 9540, and the registry).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Keys,
    Alpn,
    Flag,
    Port,
    Ip4,
    Base64,
    Ip6,
    Text,
    Groups,
    Opaque,
}

const KEYS: &[(u16, &str, Form)] = &[
    (0, "mandatory", Form::Keys),
    (1, "alpn", Form::Alpn),
    (2, "no-default-alpn", Form::Flag),
    (3, "port", Form::Port),
    (4, "ipv4hint", Form::Ip4),
    (5, "ech", Form::Base64),
    (6, "ipv6hint", Form::Ip6),
    (7, "dohpath", Form::Text),
    (8, "ohttp", Form::Flag),
    (9, "tls-supported-groups", Form::Groups),
];

const WRONG_KEY: RdataError =
    RdataError::NotA("a service parameter: a known name or keyN, then = and a value");

pub(in crate::rdata) fn measure(rest: &[u8]) -> Result<usize, RdataError> {
    let mut last = None;
    for parameter in Parameters(rest) {
        let (key, value) = parameter?;
        if last.is_some_and(|last| key <= last) {
            return Err(RdataError::Malformed(
                "service parameters are not in ascending order or occur twice",
            ));
        }
        last = Some(key);
        check_value(key, value)?;
    }
    check_mandatory(rest)?;
    Ok(rest.len())
}

fn check_value(key: u16, value: &[u8]) -> Result<(), RdataError> {
    let fits = match form_of(key) {
        Form::Keys => {
            !value.is_empty() && value.len().is_multiple_of(2) && value.chunks(2).is_sorted_by(|a, b| a < b)
        }
        Form::Groups => !value.is_empty() && value.len().is_multiple_of(2),
        Form::Alpn => string::measure_all(value).is_ok() && !strings(value).any(<[u8]>::is_empty),
        Form::Flag => value.is_empty(),
        Form::Port => value.len() == 2,
        Form::Ip4 => !value.is_empty() && value.len().is_multiple_of(4),
        Form::Ip6 => !value.is_empty() && value.len().is_multiple_of(16),
        Form::Base64 | Form::Text => !value.is_empty(),
        Form::Opaque => key != 65535,
    };
    if fits {
        Ok(())
    } else {
        Err(RdataError::Malformed("value of a service parameter does not have the form of its key"))
    }
}

/// RFC 9460 section 8: what is mandatory is there, and `mandatory` does not list itself.
fn check_mandatory(rest: &[u8]) -> Result<(), RdataError> {
    let Some(Ok((0, listed))) = Parameters(rest).next() else { return Ok(()) };
    for key in listed.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])) {
        if key == 0 || !Parameters(rest).flatten().any(|(present, _)| present == key) {
            return Err(RdataError::Malformed("mandatory service parameter is absent"));
        }
    }
    Ok(())
}

/// Parameters in wire form, as far as they are well-formed.
struct Parameters<'a>(&'a [u8]);

impl<'a> Iterator for Parameters<'a> {
    type Item = Result<(u16, &'a [u8]), RdataError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let split = self.0.split_first_chunk::<4>().and_then(|(&[k, k2, l, l2], rest)| {
            let (value, rest) = rest.split_at_checked(u16::from_be_bytes([l, l2]) as usize)?;
            Some((u16::from_be_bytes([k, k2]), value, rest))
        });
        let Some((key, value, rest)) = split else {
            self.0 = &[];
            return Some(Err(RdataError::Short));
        };
        self.0 = rest;
        Some(Ok((key, value)))
    }
}

pub(in crate::rdata) fn parse(input: &mut Input<'_, '_>, out: &mut Vec<u8>) -> Result<(), RdataError> {
    let mut parameters: Vec<(u16, Vec<u8>)> = Vec::new();
    while input.peek().is_some() {
        let text = input.take("a service parameter")?;
        let (name, value) = match text.iter().position(|&octet| octet == b'=') {
            Some(equals) => (&text[..equals], Some(unquoted(&text[equals + 1..]))),
            None => (text, None),
        };
        let (key, form) = key_of(name).ok_or(WRONG_KEY)?;
        if parameters.iter().any(|&(present, _)| present == key) {
            return Err(RdataError::Malformed("service parameter occurs twice"));
        }
        let octets = parse_value(form, value)?;
        check_value(key, &octets)?;
        parameters.push((key, octets));
    }
    parameters.sort_unstable_by_key(|&(key, _)| key);
    let start = out.len();
    for (key, value) in &parameters {
        out.extend_from_slice(&key.to_be_bytes());
        out.extend_from_slice(&u16::try_from(value.len()).map_err(|_| RdataError::TooLong)?.to_be_bytes());
        out.extend_from_slice(value);
    }
    check_mandatory(&out[start..])
}

fn unquoted(value: &[u8]) -> Token<'_> {
    match value.strip_prefix(b"\"").and_then(|inner| inner.strip_suffix(b"\"")) {
        Some(inner) => Token { text: inner, quoted: true },
        None => Token { text: value, quoted: false },
    }
}

fn parse_value(form: Form, value: Option<Token<'_>>) -> Result<Vec<u8>, RdataError> {
    let mut octets = Vec::new();
    let Some(token) = value else {
        return match form {
            Form::Flag | Form::Opaque => Ok(octets),
            _ => Err(RdataError::Missing("the value of a service parameter")),
        };
    };
    string::unescape(token, &mut octets)?;
    match form {
        Form::Opaque | Form::Flag | Form::Text => Ok(octets),
        Form::Base64 => decode_base64(&octets),
        Form::Port => big_endian(&octets).map(Vec::from),
        Form::Alpn => list_of_strings(&octets),
        Form::Keys => {
            let keys = octets.split(comma).map(|name| key_of(name).map(|(key, _)| key).ok_or(WRONG_KEY));
            let mut keys = keys.collect::<Result<Vec<_>, _>>()?;
            keys.sort_unstable();
            Ok(keys.into_iter().flat_map(u16::to_be_bytes).collect())
        }
        Form::Groups => {
            let groups = octets.split(comma).map(big_endian).collect::<Result<Vec<_>, _>>()?;
            Ok(groups.concat())
        }
        Form::Ip4 => octets.split(comma).try_fold(Vec::new(), |mut all, text| {
            all.extend(address::read::<Ipv4Addr>(text).ok_or(RdataError::NotA("an IPv4 address"))?.octets());
            Ok(all)
        }),
        Form::Ip6 => octets.split(comma).try_fold(Vec::new(), |mut all, text| {
            all.extend(address::read::<Ipv6Addr>(text).ok_or(RdataError::NotA("an IPv6 address"))?.octets());
            Ok(all)
        }),
    }
}

fn comma(octet: &u8) -> bool {
    *octet == b','
}

fn big_endian(text: &[u8]) -> Result<[u8; 2], RdataError> {
    let number = number::decimal(text, 65535).ok_or(RdataError::NotA("a number up to 65535"))?;
    Ok((number as u16).to_be_bytes())
}

fn decode_base64(text: &[u8]) -> Result<Vec<u8>, RdataError> {
    let mut octets = Vec::new();
    encoded::decode_base64(text, &mut octets).map(|()| octets)
}

/// A comma-separated list in which a backslash takes away a comma's meaning (RFC 9460 appendix A.1).
fn list_of_strings(text: &[u8]) -> Result<Vec<u8>, RdataError> {
    let (mut octets, mut start) = (vec![0], 0);
    let mut rest = text;
    while let Some((&octet, tail)) = rest.split_first() {
        rest = tail;
        if octet == b',' {
            start = octets.len();
            octets.push(0);
            continue;
        }
        let value = if octet == b'\\' { string::escaped(&mut rest)? } else { octet };
        octets.push(value);
        octets[start] = octets[start].checked_add(1).ok_or(RdataError::StringTooLong)?;
    }
    Ok(octets)
}

fn form_of(key: u16) -> Form {
    KEYS.get(key as usize).map_or(Form::Opaque, |&(_, _, form)| form)
}

/// A key and the form of its value as written: `keyN` takes octets as they are, whatever N stands for.
fn key_of(name: &[u8]) -> Option<(u16, Form)> {
    if let Some(&(key, _, form)) =
        KEYS.iter().find(|(_, known, _)| known.as_bytes().eq_ignore_ascii_case(name))
    {
        return Some((key, form));
    }
    let (prefix, digits) = name.split_at_checked(3)?;
    let plain = digits.len() == 1 || digits.first() != Some(&b'0');
    let key = number::decimal(digits, 65535).filter(|_| plain && prefix.eq_ignore_ascii_case(b"key"))?;
    Some((key as u16, Form::Opaque))
}

pub(in crate::rdata) fn write(octets: &[u8], to: &mut impl fmt::Write) -> fmt::Result {
    let mut separator = "";
    for (key, value) in Parameters(octets).flatten() {
        to.write_str(separator)?;
        write_key(key, to)?;
        write_value(form_of(key), value, to)?;
        separator = " ";
    }
    Ok(())
}

fn write_key(key: u16, to: &mut impl fmt::Write) -> fmt::Result {
    match KEYS.get(key as usize) {
        Some((_, name, _)) => to.write_str(name),
        None => write!(to, "key{key}"),
    }
}

fn write_value(form: Form, value: &[u8], to: &mut impl fmt::Write) -> fmt::Result {
    if value.is_empty() {
        return Ok(());
    }
    to.write_char('=')?;
    match form {
        Form::Keys => {
            joined(value.chunks_exact(2), to, |key, to| write_key(u16::from_be_bytes([key[0], key[1]]), to))
        }
        Form::Groups | Form::Port => joined(value.chunks_exact(2), to, number::write),
        Form::Ip4 => joined(value.chunks_exact(4), to, address::write),
        Form::Ip6 => joined(value.chunks_exact(16), to, address::write),
        Form::Base64 => encoded::write_base64(value, to),
        Form::Alpn => string::write_long(&list_text(value), to),
        Form::Text | Form::Flag | Form::Opaque => string::write_long(value, to),
    }
}

fn joined<'a, Writer: fmt::Write>(
    items: impl Iterator<Item = &'a [u8]>,
    to: &mut Writer,
    write: impl Fn(&[u8], &mut Writer) -> fmt::Result,
) -> fmt::Result {
    for (index, item) in items.enumerate() {
        if index > 0 {
            to.write_char(',')?;
        }
        write(item, to)?;
    }
    Ok(())
}

/// The list as text before the escapes of a character-string are put on top.
fn list_text(value: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    for item in strings(value) {
        if !text.is_empty() {
            text.push(b',');
        }
        for &octet in item {
            if matches!(octet, b',' | b'\\') {
                text.push(b'\\');
            }
            text.push(octet);
        }
    }
    text
}

/// The contents of character-strings in a row.
fn strings(mut rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (&length, behind) = rest.split_first()?;
        let (item, behind) = behind.split_at_checked(length as usize)?;
        rest = behind;
        Some(item)
    })
}
