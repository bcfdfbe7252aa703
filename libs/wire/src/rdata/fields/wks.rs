//! Well-known services (RFC 1035 section 3.4.2): protocol number, then a bit for each port.

use std::fmt;

use super::number::decimal;
use crate::rdata::error::RdataError;
use crate::rdata::token::Input;

/// Ports that old zone files name. Others are written as numbers: the system's list differs between machines.
const SERVICES: &[(&str, u16)] = &[
    ("echo", 7),
    ("discard", 9),
    ("daytime", 13),
    ("ftp-data", 20),
    ("ftp", 21),
    ("ssh", 22),
    ("telnet", 23),
    ("smtp", 25),
    ("time", 37),
    ("nameserver", 42),
    ("domain", 53),
    ("tftp", 69),
    ("gopher", 70),
    ("finger", 79),
    ("http", 80),
    ("pop3", 110),
    ("sunrpc", 111),
    ("nntp", 119),
    ("ntp", 123),
    ("imap", 143),
    ("snmp", 161),
];

pub(in crate::rdata) fn measure(rest: &[u8]) -> Result<usize, RdataError> {
    match rest.len() {
        0 => Err(RdataError::Short),
        length if length > 1 + 8192 => Err(RdataError::Malformed("port bitmap longer than 65536 bits")),
        length if length > 1 && rest.last() == Some(&0) => {
            Err(RdataError::Malformed("port bitmap ends in an octet without a bit"))
        }
        length => Ok(length),
    }
}

pub(in crate::rdata) fn parse(input: &mut Input<'_, '_>, out: &mut Vec<u8>) -> Result<(), RdataError> {
    out.push(protocol(input.take("a protocol")?)?);
    let start = out.len();
    while input.peek().is_some() {
        let port = port(input.take("a port")?)? as usize;
        let octet = start + port / 8;
        if out.len() <= octet {
            out.resize(octet + 1, 0);
        }
        out[octet] |= 0x80 >> (port % 8);
    }
    Ok(())
}

fn protocol(text: &[u8]) -> Result<u8, RdataError> {
    match text {
        _ if text.eq_ignore_ascii_case(b"tcp") => Ok(6),
        _ if text.eq_ignore_ascii_case(b"udp") => Ok(17),
        _ => decimal(text, 255)
            .map(|number| number as u8)
            .ok_or(RdataError::NotA("a protocol: TCP, UDP or a number")),
    }
}

fn port(text: &[u8]) -> Result<u16, RdataError> {
    let named = || {
        SERVICES.iter().find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(text)).map(|&(_, port)| port)
    };
    let number = decimal(text, 65535).map(|number| number as u16);
    number.or_else(named).ok_or(RdataError::NotA("a port: a number or the name of an old well-known service"))
}

pub(in crate::rdata) fn write(octets: &[u8], to: &mut impl fmt::Write) -> fmt::Result {
    let Some((&protocol, bits)) = octets.split_first() else { return Err(fmt::Error) };
    write!(to, "{protocol}")?;
    for (index, octet) in bits.iter().enumerate() {
        for bit in (0..8).filter(|bit| octet & (0x80 >> bit) != 0) {
            write!(to, " {}", index * 8 + bit)?;
        }
    }
    Ok(())
}
