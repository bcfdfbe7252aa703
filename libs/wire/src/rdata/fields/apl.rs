//! Address prefix lists (RFC 3123): `[!]afi:address/prefix`, perhaps none.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::{address, number};
use crate::rdata::error::RdataError;
use crate::rdata::token::Input;

const WRONG: RdataError = RdataError::NotA("an address prefix: [!]1:IPv4/prefix or [!]2:IPv6/prefix");
const HEADER: usize = 4;

pub(in crate::rdata) fn measure(rest: &[u8]) -> Result<usize, RdataError> {
    let mut at = 0;
    while let Some(item) = rest.get(at..).filter(|item| !item.is_empty()) {
        let (&[high, low, prefix, length], part) =
            item.split_first_chunk::<HEADER>().ok_or(RdataError::Short)?;
        let length = (length & 0x7f) as usize;
        let part = part.get(..length).ok_or(RdataError::Short)?;
        let full = match (high, low) {
            (0, 1) => 4,
            (0, 2) => 16,
            _ => return Err(RdataError::Malformed("address prefix of an unknown family")),
        };
        if length > full || prefix as usize > full * 8 {
            return Err(RdataError::Malformed("address prefix longer than an address"));
        }
        if part.last() == Some(&0) {
            return Err(RdataError::Malformed("address prefix ends in an octet of zeros"));
        }
        at += HEADER + length;
    }
    Ok(at)
}

pub(in crate::rdata) fn parse(input: &mut Input<'_, '_>, out: &mut Vec<u8>) -> Result<(), RdataError> {
    while input.peek().is_some() {
        append(input.take("an address prefix")?, out).ok_or(WRONG)?;
    }
    Ok(())
}

fn append(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let (negated, text) = text.strip_prefix(b"!").map_or((0, text), |rest| (0x80, rest));
    let (family, text) = text.split_first_chunk::<2>()?;
    let slash = text.iter().position(|&octet| octet == b'/')?;
    let (address, prefix) = (&text[..slash], &text[slash + 1..]);
    let (family, octets, length) = match family {
        b"1:" => {
            let mut octets = [0; 16];
            octets[..4].copy_from_slice(&address::read::<Ipv4Addr>(address)?.octets());
            (1, octets, 4)
        }
        b"2:" => (2, address::read::<Ipv6Addr>(address)?.octets(), 16),
        _ => return None,
    };
    let prefix = number::decimal(prefix, length * 8)? as u8;
    let used = octets.iter().rposition(|&octet| octet != 0).map_or(0, |last| last + 1);
    out.extend_from_slice(&[0, family, prefix, negated | used as u8]);
    out.extend_from_slice(&octets[..used]);
    Some(())
}

pub(in crate::rdata) fn write(octets: &[u8], to: &mut impl fmt::Write) -> fmt::Result {
    let mut rest = octets;
    while let Some((&[_, family, prefix, length], part)) = rest.split_first_chunk::<HEADER>() {
        let (part, behind) = part.split_at_checked((length & 0x7f) as usize).ok_or(fmt::Error)?;
        let separator = if rest.len() < octets.len() { " " } else { "" };
        let negated = if length & 0x80 != 0 { "!" } else { "" };
        write!(to, "{separator}{negated}{family}:")?;
        let mut address = [0; 16];
        address.get_mut(..part.len()).ok_or(fmt::Error)?.copy_from_slice(part);
        address::write(if family == 1 { &address[..4] } else { &address }, to)?;
        write!(to, "/{prefix}")?;
        rest = behind;
    }
    Ok(())
}
