//! Gateways of IPSECKEY (RFC 4025) and relays of AMTRELAY (RFC 8777): nothing, an address or a name.

use std::fmt;

use super::{address, name, number};
use crate::rdata::error::RdataError;
use crate::rdata::token::Input;

const UNKNOWN: RdataError =
    RdataError::Malformed("unknown gateway or relay type (0 none, 1 IPv4, 2 IPv6, 3 name)");

/// Octets of gateway type, algorithm and gateway.
pub(in crate::rdata) fn measure_gateway(rest: &[u8]) -> Result<usize, RdataError> {
    let (&[kind, _], target) = rest.split_first_chunk::<2>().ok_or(RdataError::Short)?;
    Ok(2 + measure_target(kind, target)?)
}

/// Octets of discovery flag with relay type, and relay.
pub(in crate::rdata) fn measure_relay(rest: &[u8]) -> Result<usize, RdataError> {
    let (&kind, target) = rest.split_first().ok_or(RdataError::Short)?;
    Ok(1 + measure_target(kind & 0x7f, target)?)
}

/// True when the gateway is a name, which then starts at offset 2.
pub(in crate::rdata) fn gateway_is_name(rest: &[u8]) -> bool {
    rest.first() == Some(&3)
}

/// True when the relay is a name, which then starts at offset 1.
pub(in crate::rdata) fn relay_is_name(rest: &[u8]) -> bool {
    rest.first().is_some_and(|kind| kind & 0x7f == 3)
}

fn measure_target(kind: u8, target: &[u8]) -> Result<usize, RdataError> {
    let length = match kind {
        0 => 0,
        1 => 4,
        2 => 16,
        3 => return name::measure(target),
        _ => return Err(UNKNOWN),
    };
    if target.len() < length { Err(RdataError::Short) } else { Ok(length) }
}

pub(in crate::rdata) fn parse_gateway(
    input: &mut Input<'_, '_>,
    out: &mut Vec<u8>,
) -> Result<(), RdataError> {
    let kind = number::decimal(input.take("a gateway type")?, 3).ok_or(UNKNOWN)? as u8;
    out.push(kind);
    // The algorithms of IPSECKEY are a registry of their own, written as numbers.
    number::parse_u8(input, out)?;
    parse_target(kind, input, out)
}

pub(in crate::rdata) fn parse_relay(input: &mut Input<'_, '_>, out: &mut Vec<u8>) -> Result<(), RdataError> {
    let wrong = RdataError::NotA("a discovery flag: 0 or 1");
    let discovery = number::decimal(input.take("a discovery flag")?, 1).ok_or(wrong)? as u8;
    let kind = number::decimal(input.take("a relay type")?, 3).ok_or(UNKNOWN)? as u8;
    out.push(discovery << 7 | kind);
    if kind == 0 && input.peek().is_none() {
        return Ok(());
    }
    parse_target(kind, input, out)
}

fn parse_target(kind: u8, input: &mut Input<'_, '_>, out: &mut Vec<u8>) -> Result<(), RdataError> {
    match kind {
        1 => address::parse_ip4(input, out),
        2 => address::parse_ip6(input, out),
        3 => name::parse(input, out),
        _ if input.take("a dot for no gateway")? == b"." => Ok(()),
        _ => Err(RdataError::NotA("a dot, as type 0 means no gateway")),
    }
}

pub(in crate::rdata) fn write_gateway(octets: &[u8], to: &mut impl fmt::Write) -> fmt::Result {
    let (&[kind, algorithm], target) = octets.split_first_chunk::<2>().ok_or(fmt::Error)?;
    write!(to, "{kind} {algorithm} ")?;
    write_target(kind, target, to)
}

pub(in crate::rdata) fn write_relay(octets: &[u8], to: &mut impl fmt::Write) -> fmt::Result {
    let (&flags, target) = octets.split_first().ok_or(fmt::Error)?;
    write!(to, "{} {} ", flags >> 7, flags & 0x7f)?;
    write_target(flags & 0x7f, target, to)
}

fn write_target(kind: u8, target: &[u8], to: &mut impl fmt::Write) -> fmt::Result {
    match kind {
        0 => to.write_char('.'),
        3 => name::write(target, to),
        _ => address::write(target, to),
    }
}
