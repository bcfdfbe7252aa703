//! Type bitmaps (RFC 4034 section 4.1.2): blocks of window, length 1 to 32, and bits.

use std::fmt;

use super::mnemonic::parse_rrtype;
use crate::RrType;
use crate::rdata::error::RdataError;
use crate::rdata::token::{Input, Token};

pub(in crate::rdata) fn measure(rest: &[u8], may_be_empty: bool) -> Result<usize, RdataError> {
    let (mut at, mut last_window) = (0, None);
    while let Some(block) = rest.get(at..).filter(|block| !block.is_empty()) {
        let (&[window, length], bits) = block.split_first_chunk::<2>().ok_or(RdataError::Short)?;
        if last_window.is_some_and(|last| window <= last) {
            return Err(RdataError::Malformed("type bitmap: windows are not in ascending order"));
        }
        last_window = Some(window);
        let bits = bits.get(..length as usize).ok_or(RdataError::Short)?;
        match bits.last() {
            None => return Err(RdataError::Malformed("type bitmap: empty window")),
            Some(_) if bits.len() > 32 => {
                return Err(RdataError::Malformed("type bitmap: window longer than 32 octets"));
            }
            Some(0) => {
                return Err(RdataError::Malformed("type bitmap: window ends in an octet without a bit"));
            }
            Some(_) => at += 2 + bits.len(),
        }
    }
    if at == 0 && !may_be_empty { Err(RdataError::Short) } else { Ok(at) }
}

pub(in crate::rdata) fn parse(
    input: &mut Input<'_, '_>,
    out: &mut Vec<u8>,
    may_be_empty: bool,
) -> Result<(), RdataError> {
    if !may_be_empty && input.peek().is_none() {
        return Err(RdataError::Missing("a record type"));
    }
    let mut windows = [0u64; 4];
    let tokens = input.rest();
    while input.peek().is_some() {
        let rrtype = parse_rrtype(input.take("a record type")?).ok_or(RdataError::NotA("a record type"))?;
        let window = rrtype.0 as usize >> 8;
        windows[window >> 6] |= 1 << (window & 63);
    }
    for window in 0..=255u8 {
        if windows[window as usize >> 6] >> (window & 63) & 1 == 1 {
            append_window(window, tokens, out);
        }
    }
    Ok(())
}

/// Appends one block. The types are read once more for each window in use, of which there are one or two in practice.
fn append_window(window: u8, tokens: &[Token<'_>], out: &mut Vec<u8>) {
    let (mut bits, mut length) = ([0u8; 32], 0);
    for RrType(code) in tokens.iter().filter_map(|token| parse_rrtype(token.text)) {
        let [high, low] = code.to_be_bytes();
        if high == window {
            let octet = low as usize >> 3;
            bits[octet] |= 0x80 >> (low & 7);
            length = length.max(octet + 1);
        }
    }
    out.extend_from_slice(&[window, length as u8]);
    out.extend_from_slice(&bits[..length]);
}

pub(in crate::rdata) fn write(octets: &[u8], to: &mut impl fmt::Write) -> fmt::Result {
    let (mut rest, mut first) = (octets, true);
    while let Some((&[window, length], bits)) = rest.split_first_chunk::<2>() {
        let (bits, behind) = bits.split_at_checked(length as usize).ok_or(fmt::Error)?;
        for (index, octet) in bits.iter().enumerate() {
            for bit in (0..8u16).filter(|bit| octet & (0x80 >> bit) != 0) {
                if !std::mem::take(&mut first) {
                    to.write_char(' ')?;
                }
                write!(to, "{}", RrType(u16::from(window) << 8 | (index as u16) << 3 | bit))?;
            }
        }
        rest = behind;
    }
    Ok(())
}
