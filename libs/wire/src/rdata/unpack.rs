//! Record data out of a message, its names written out.

use super::RdataError;
use super::field::Field;
use super::table;
use crate::RrType;
use crate::message::decompress::decompress;

/// Appends to `out` the record data that lies at `start..end` of `message`, its names uncompressed.
///
/// Names are looked at in types of RFC 1035 and in those of RFC 3597 section 4, which older senders compress. Other data
/// is taken as it is: whether it is well-formed, [`super::validate`] tells.
///
/// # Errors
/// What is wrong with the first field that cannot be read; `out` may hold a part then.
pub fn unpack(
    rrtype: RrType,
    message: &[u8],
    start: usize,
    end: usize,
    out: &mut Vec<u8>,
) -> Result<(), RdataError> {
    // What lies behind the data is none of its business; pointers lead back.
    let message = message.get(..end).ok_or(RdataError::Short)?;
    let Some(layout) = table::layout(rrtype).filter(|layout| layout.lowercase) else {
        out.extend_from_slice(message.get(start..).ok_or(RdataError::Short)?);
        return Ok(());
    };
    let mut at = start;
    for field in layout.fields {
        if *field == Field::Name {
            at = decompress(message, at, out)?;
            continue;
        }
        let rest = message.get(at..).ok_or(RdataError::Short)?;
        let length = field.measure(rest)?;
        out.extend_from_slice(rest.get(..length).ok_or(RdataError::Short)?);
        at += length;
    }
    if at == end { Ok(()) } else { Err(RdataError::Trailing) }
}
