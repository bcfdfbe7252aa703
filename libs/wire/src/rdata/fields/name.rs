//! Domain names.

use std::fmt;

use crate::name::MAX_NAME;
use crate::rdata::error::RdataError;
use crate::rdata::token::Input;
use crate::{NameError, NameRef};

pub(in crate::rdata) fn measure(rest: &[u8]) -> Result<usize, RdataError> {
    match NameRef::split_from(rest) {
        Ok((name, _)) => Ok(name.octets().len()),
        Err(NameError::Short) => Err(RdataError::Short),
        Err(error) => Err(error.into()),
    }
}

pub(in crate::rdata) fn measure_all(rest: &[u8]) -> Result<usize, RdataError> {
    let mut at = 0;
    while let Some(tail) = rest.get(at..).filter(|tail| !tail.is_empty()) {
        at += measure(tail)?;
    }
    Ok(at)
}

pub(in crate::rdata) fn parse(input: &mut Input<'_, '_>, out: &mut Vec<u8>) -> Result<(), RdataError> {
    let text = input.take("a domain name")?;
    let mut buffer = [0; MAX_NAME];
    out.extend_from_slice(NameRef::parse_text(text, input.origin, &mut buffer)?.octets());
    Ok(())
}

pub(in crate::rdata) fn parse_all(input: &mut Input<'_, '_>, out: &mut Vec<u8>) -> Result<(), RdataError> {
    while input.peek().is_some() {
        parse(input, out)?;
    }
    Ok(())
}

pub(in crate::rdata) fn write(octets: &[u8], to: &mut impl fmt::Write) -> fmt::Result {
    let name = NameRef::from_octets(octets).map_err(|_| fmt::Error)?;
    write!(to, "{name}")
}

pub(in crate::rdata) fn write_all(octets: &[u8], to: &mut impl fmt::Write) -> fmt::Result {
    let mut rest = octets;
    while !rest.is_empty() {
        let (name, behind) = NameRef::split_from(rest).map_err(|_| fmt::Error)?;
        if rest.len() < octets.len() {
            to.write_char(' ')?;
        }
        write!(to, "{name}")?;
        rest = behind;
    }
    Ok(())
}
