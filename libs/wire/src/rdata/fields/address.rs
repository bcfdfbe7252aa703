//! IP addresses.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::rdata::error::RdataError;
use crate::rdata::token::Input;

pub(in crate::rdata) fn parse_ip4(input: &mut Input<'_, '_>, out: &mut Vec<u8>) -> Result<(), RdataError> {
    let text = input.take("an IPv4 address")?;
    let address: Ipv4Addr = read(text).ok_or(RdataError::NotA("an IPv4 address"))?;
    out.extend_from_slice(&address.octets());
    Ok(())
}

pub(in crate::rdata) fn parse_ip6(input: &mut Input<'_, '_>, out: &mut Vec<u8>) -> Result<(), RdataError> {
    let text = input.take("an IPv6 address")?;
    let address: Ipv6Addr = read(text).ok_or(RdataError::NotA("an IPv6 address"))?;
    out.extend_from_slice(&address.octets());
    Ok(())
}

/// Reads an address of either family.
pub(in crate::rdata) fn read<Address: std::str::FromStr>(text: &[u8]) -> Option<Address> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Writes four or sixteen octets as an address.
pub(in crate::rdata) fn write(octets: &[u8], to: &mut impl fmt::Write) -> fmt::Result {
    if let Ok(octets) = <[u8; 4]>::try_from(octets) {
        write!(to, "{}", Ipv4Addr::from(octets))
    } else {
        let octets = <[u8; 16]>::try_from(octets).map_err(|_| fmt::Error)?;
        write!(to, "{}", Ipv6Addr::from(octets))
    }
}
