//! A zone in words that every server knows: one record a line, uncommon types as numbers with octets (RFC 3597).

use std::fmt::Write as _;
use std::ops::ControlFlow;

use tenon_datasrc::master::{Item, Limits, read_text};
use tenon_wire::rdata::display;
use tenon_wire::{Name, RrType};

/// Types that are written in words.
const COMMON: [RrType; 9] = [
    RrType::A,
    RrType::AAAA,
    RrType::NS,
    RrType::CNAME,
    RrType::DNAME,
    RrType::SOA,
    RrType::MX,
    RrType::TXT,
    RrType::DNSKEY,
];

/// The records of a master file; the text as it is where it has mistakes.
#[must_use]
pub fn zone(origin: &Name, text: &str) -> String {
    let (mut lines, mut sound) = (String::new(), true);
    read_text(text.as_bytes(), origin.as_ref(), &Limits::default(), |item| {
        let Item::Record(record) = item else {
            sound = false;
            return ControlFlow::Continue(());
        };
        let (owner, rrtype, data) = (name(record.owner.octets()), record.rrtype, record.rdata);
        let _ = if COMMON.contains(&rrtype) {
            writeln!(lines, "{owner} {} IN {rrtype} {}", record.ttl, display(rrtype, data))
        } else {
            let hex = data.iter().fold(String::new(), |hex, octet| hex + &format!("{octet:02x}"));
            writeln!(lines, "{owner} {} IN TYPE{} \\# {} {hex}", record.ttl, rrtype.0, data.len())
        };
        ControlFlow::Continue(())
    });
    if sound { lines } else { text.to_owned() }
}

/// A name with every octet escaped that is not a letter, a digit, `-`, `_` or an asterisk.
fn name(mut octets: &[u8]) -> String {
    let mut text = String::new();
    while let Some((&length, rest)) = octets.split_first().filter(|(length, _)| **length > 0) {
        let (label, rest) = rest.split_at(length.into());
        for &octet in label {
            match octet {
                b'-' | b'_' | b'*' => text.push(octet.into()),
                _ if octet.is_ascii_alphanumeric() => text.push(octet.into()),
                _ => _ = write!(text, "\\{octet:03}"),
            }
        }
        text.push('.');
        octets = rest;
    }
    if text.is_empty() { ".".to_owned() } else { text }
}
