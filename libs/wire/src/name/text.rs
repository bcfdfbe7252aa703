//! The presentation form of names (RFC 1035 section 5.1).

use std::fmt;

use super::{MAX_LABEL, MAX_NAME, NameError, NameRef};

/// Parses presentation form into `buffer`; gives the length of the wire form.
pub(super) fn parse(
    text: &[u8],
    origin: Option<NameRef<'_>>,
    buffer: &mut [u8; MAX_NAME],
) -> Result<usize, NameError> {
    match text {
        b"." => {
            buffer[0] = 0;
            return Ok(1);
        }
        b"@" => return append_origin(buffer, 0, origin),
        b"" => return Err(NameError::EmptyLabel),
        _ => {}
    }
    let (mut label, mut at, mut rest) = (0, 1, text);
    while let Some((&octet, tail)) = rest.split_first() {
        rest = tail;
        if octet == b'.' {
            close_label(buffer, label, at)?;
            label = at;
            at += 1;
            continue;
        }
        let value =
            if octet == b'\\' { escaped_octet(&mut rest).ok_or(NameError::BadEscape)? } else { octet };
        if at - label > MAX_LABEL {
            return Err(NameError::LabelTooLong);
        }
        *buffer.get_mut(at).ok_or(NameError::NameTooLong)? = value;
        at += 1;
    }
    if at == label + 1 {
        // The text ended in a dot: the open label is the root label.
        *buffer.get_mut(label).ok_or(NameError::NameTooLong)? = 0;
        return Ok(label + 1);
    }
    close_label(buffer, label, at)?;
    append_origin(buffer, at, origin)
}

fn close_label(buffer: &mut [u8; MAX_NAME], label: usize, at: usize) -> Result<(), NameError> {
    let length = at - label - 1;
    if length == 0 {
        return Err(NameError::EmptyLabel);
    }
    *buffer.get_mut(label).ok_or(NameError::NameTooLong)? = length as u8;
    Ok(())
}

/// Takes what follows a backslash, here and in character strings: a character, or three digits up to 255.
pub(crate) fn escaped_octet(rest: &mut &[u8]) -> Option<u8> {
    match **rest {
        [a, b, c, ..] if a.is_ascii_digit() && b.is_ascii_digit() && c.is_ascii_digit() => {
            let value = u32::from(a - b'0') * 100 + u32::from(b - b'0') * 10 + u32::from(c - b'0');
            *rest = &rest[3..];
            u8::try_from(value).ok()
        }
        [a, ..] if !a.is_ascii_digit() => {
            *rest = &rest[1..];
            Some(a)
        }
        _ => None,
    }
}

fn append_origin(
    buffer: &mut [u8; MAX_NAME],
    at: usize,
    origin: Option<NameRef<'_>>,
) -> Result<usize, NameError> {
    let origin = origin.ok_or(NameError::Relative)?.octets();
    let target = buffer.get_mut(at..at + origin.len()).ok_or(NameError::NameTooLong)?;
    target.copy_from_slice(origin);
    Ok(at + origin.len())
}

/// Writes a label in presentation form (RFC 1035 section 5.1).
pub(super) fn write_label(label: &[u8], to: &mut impl fmt::Write) -> fmt::Result {
    let is_plain = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'*');
    if let Some(plain) = std::str::from_utf8(label).ok().filter(|_| label.iter().all(is_plain)) {
        return to.write_str(plain);
    }
    for &octet in label {
        match octet {
            b'.' | b'\\' | b'"' | b';' | b'(' | b')' | b'@' | b'$' => {
                write!(to, "\\{}", octet as char)?;
            }
            0x21..=0x7e => to.write_char(octet as char)?,
            _ => write!(to, "\\{octet:03}")?,
        }
    }
    Ok(())
}
