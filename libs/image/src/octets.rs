//! Reading numbers out of an image, each read checked.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

/// The image says something that cannot be: a question that meets it is answered SERVFAIL.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Fault(pub &'static str);

const SHORT: Fault = Fault("an offset points behind its end");

#[inline]
pub(crate) fn read_u16(octets: &[u8], at: usize) -> Result<u16, Fault> {
    octets.get(at..).and_then(<[u8]>::first_chunk).map(|word| u16::from_le_bytes(*word)).ok_or(SHORT)
}

#[inline]
pub(crate) fn read_u32(octets: &[u8], at: usize) -> Result<u32, Fault> {
    octets.get(at..).and_then(<[u8]>::first_chunk).map(|word| u32::from_le_bytes(*word)).ok_or(SHORT)
}

#[inline]
pub(crate) fn read_u64(octets: &[u8], at: usize) -> Result<u64, Fault> {
    octets.get(at..).and_then(<[u8]>::first_chunk).map(|word| u64::from_le_bytes(*word)).ok_or(SHORT)
}

/// `length` octets from `offset` on.
#[inline]
pub(crate) fn slice(octets: &[u8], offset: u64, length: u64) -> Result<&[u8], Fault> {
    let (start, length) = (offset as usize, length as usize);
    octets.get(start..start.wrapping_add(length)).ok_or(SHORT)
}
