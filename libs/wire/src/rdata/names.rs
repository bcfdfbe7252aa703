//! Where the names are.

use super::field::Field;
use super::fields::{gateway, name};
use super::table::{self, Layout};
use crate::RrType;

/// A name inside record data: octets `start..end` of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NamePosition {
    /// Offset of its first octet.
    pub start: usize,
    /// Offset behind its root label.
    pub end: usize,
    /// Senders may compress it (types of RFC 1035 only: RFC 3597 section 4).
    pub compressible: bool,
}

/// The names inside `rdata`, in order. Data that is not well-formed ends the iteration early.
#[must_use]
pub fn names(rrtype: RrType, rdata: &[u8]) -> Names<'_> {
    Names { layout: table::layout(rrtype).filter(|layout| has_names(layout)), field: 0, at: 0, rdata }
}

/// Iterator of [`names`].
pub struct Names<'a> {
    layout: Option<&'static Layout>,
    field: usize,
    at: usize,
    rdata: &'a [u8],
}

impl Iterator for Names<'_> {
    type Item = NamePosition;

    fn next(&mut self) -> Option<NamePosition> {
        let layout = self.layout?;
        loop {
            let field = *layout.fields.get(self.field)?;
            let start = self.at;
            let rest = self.rdata.get(start..)?;
            let (offset, length) = match field {
                // Stays on this field until the octets are used up.
                Field::Names if rest.is_empty() => return None,
                Field::Names => (0, name::measure(rest).ok()?),
                _ => {
                    self.field += 1;
                    (name_offset(field, rest), field.measure(rest).ok()?)
                }
            };
            self.at = start + length;
            if offset < length {
                return Some(NamePosition {
                    start: start + offset,
                    end: self.at,
                    compressible: layout.compressible,
                });
            }
        }
    }
}

/// Offset of the name in a field; `usize::MAX` when it has none.
fn name_offset(field: Field, rest: &[u8]) -> usize {
    match field {
        Field::Name => 0,
        Field::Gateway if gateway::gateway_is_name(rest) => 2,
        Field::Relay if gateway::relay_is_name(rest) => 1,
        _ => usize::MAX,
    }
}

fn has_names(layout: &Layout) -> bool {
    layout
        .fields
        .iter()
        .any(|field| matches!(field, Field::Name | Field::Names | Field::Gateway | Field::Relay))
}
