//! Names as they lie in messages, written out.

use crate::NameError;
use crate::name::{MAX_LABEL, MAX_NAME};

/// Appends to `out` the name that lies at `at` of `message`, written out; gives the offset behind it (RFC 1035 section
/// 4.1.4). Each pointer must lead to an offset before the labels that it ends, so that there are no circles.
///
/// # Errors
/// See [`NameError`]; `out` may hold a part then.
pub fn decompress(message: &[u8], at: usize, out: &mut Vec<u8>) -> Result<usize, NameError> {
    let (mut from, mut at, written) = (at, at, out.len());
    let mut end = None;
    loop {
        let length = *message.get(at).ok_or(NameError::Short)?;
        if length > MAX_LABEL as u8 {
            let low = *message.get(at + 1).ok_or(NameError::Short)?;
            let target = usize::from(u16::from_be_bytes([length & 0x3f, low]));
            match length {
                0xc0.. if target < from => {}
                0xc0.. => return Err(NameError::Pointer),
                _ => return Err(NameError::LabelType),
            }
            end.get_or_insert(at + 2);
            (from, at) = (target, target);
            continue;
        }
        let next = at + 1 + usize::from(length);
        out.extend_from_slice(message.get(at..next).ok_or(NameError::Short)?);
        if out.len() - written > MAX_NAME {
            return Err(NameError::NameTooLong);
        }
        if length == 0 {
            return Ok(end.unwrap_or(next));
        }
        at = next;
    }
}
