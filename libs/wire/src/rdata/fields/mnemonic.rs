//! Numbers that have names: record types, DNSSEC algorithms, certificate types, schemes.

use std::fmt;

use super::number::decimal;
use crate::RrType;
use crate::rdata::error::RdataError;
use crate::rdata::token::Input;

/// IANA "DNS Security Algorithm Numbers".
const ALGORITHMS: &[(&str, u8)] = &[
    ("RSAMD5", 1),
    ("DH", 2),
    ("DSA", 3),
    ("RSASHA1", 5),
    ("DSA-NSEC3-SHA1", 6),
    ("NSEC3DSA", 6),
    ("RSASHA1-NSEC3-SHA1", 7),
    ("NSEC3RSASHA1", 7),
    ("RSASHA256", 8),
    ("RSASHA512", 10),
    ("ECC-GOST", 12),
    ("ECCGOST", 12),
    ("ECDSAP256SHA256", 13),
    ("ECDSAP384SHA384", 14),
    ("ED25519", 15),
    ("ED448", 16),
    ("SM2SM3", 17),
    ("ECC-GOST12", 23),
    ("INDIRECT", 252),
    ("PRIVATEDNS", 253),
    ("PRIVATEOID", 254),
];

/// RFC 4398 section 2.1.
const CERTIFICATE_TYPES: &[(&str, u16)] = &[
    ("PKIX", 1),
    ("SPKI", 2),
    ("PGP", 3),
    ("IPKIX", 4),
    ("ISPKI", 5),
    ("IPGP", 6),
    ("ACPKIX", 7),
    ("IACPKIX", 8),
    ("URI", 253),
    ("OID", 254),
];

/// Reads a record type's mnemonic or `TYPEn`, the common ones without a search; none when it is neither.
#[must_use]
#[inline]
pub fn parse_rrtype(text: &[u8]) -> Option<RrType> {
    match text {
        b"A" => Some(RrType::A),
        b"NS" => Some(RrType::NS),
        b"AAAA" => Some(RrType::AAAA),
        b"DS" => Some(RrType::DS),
        b"RRSIG" => Some(RrType::RRSIG),
        b"NSEC" => Some(RrType::NSEC),
        b"NSEC3" => Some(RrType::NSEC3),
        b"TXT" => Some(RrType::TXT),
        b"MX" => Some(RrType::MX),
        b"CNAME" => Some(RrType::CNAME),
        _ => std::str::from_utf8(text).ok()?.parse().ok(),
    }
}

pub(in crate::rdata) fn parse_type(input: &mut Input<'_, '_>, out: &mut Vec<u8>) -> Result<(), RdataError> {
    let rrtype = parse_rrtype(input.take("a record type")?).ok_or(RdataError::NotA("a record type"))?;
    out.extend_from_slice(&rrtype.0.to_be_bytes());
    Ok(())
}

pub(in crate::rdata) fn write_type(octets: &[u8], to: &mut impl fmt::Write) -> fmt::Result {
    write!(to, "{}", RrType(u16::from_be_bytes(octets.try_into().map_err(|_| fmt::Error)?)))
}

pub(in crate::rdata) fn parse_algorithm(
    input: &mut Input<'_, '_>,
    out: &mut Vec<u8>,
) -> Result<(), RdataError> {
    let text = input.take("an algorithm")?;
    let number = decimal(text, 255).map(|number| number as u8);
    let known = || find(ALGORITHMS, text);
    out.push(
        number.or_else(known).ok_or(RdataError::NotA("an algorithm: a number up to 255 or a known name"))?,
    );
    Ok(())
}

/// RFC 9859 section 2.1: `NOTIFY` is scheme 1, and so far the only one with a name.
pub(in crate::rdata) fn parse_scheme(input: &mut Input<'_, '_>, out: &mut Vec<u8>) -> Result<(), RdataError> {
    let text = input.take("a scheme")?;
    let number = decimal(text, 255).map(|number| number as u8);
    let known = || text.eq_ignore_ascii_case(b"NOTIFY").then_some(1);
    out.push(number.or_else(known).ok_or(RdataError::NotA("a scheme: NOTIFY or a number up to 255"))?);
    Ok(())
}

pub(in crate::rdata) fn parse_certificate_type(
    input: &mut Input<'_, '_>,
    out: &mut Vec<u8>,
) -> Result<(), RdataError> {
    let text = input.take("a certificate type")?;
    let number = decimal(text, 65535).map(|number| number as u16);
    let known = || find(CERTIFICATE_TYPES, text);
    let value =
        number.or_else(known).ok_or(RdataError::NotA("a certificate type: a number or a known name"))?;
    out.extend_from_slice(&value.to_be_bytes());
    Ok(())
}

fn find<Number: Copy>(names: &[(&str, Number)], text: &[u8]) -> Option<Number> {
    names.iter().find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(text)).map(|&(_, number)| number)
}
