//! The reader of master files.

use std::ops::ControlFlow;

use tenon_datasrc::master::{Item, Limits, read_text};
use tenon_wire::rdata::{display, parse_line, validate};
use tenon_wire::{Name, NameRef};

/// Reads a text as a master file. Every record that comes out must be sound, and be read again from what is shown of it.
///
/// # Panics
/// One is not.
pub fn master(text: &[u8]) {
    let origin: Name = "example.".parse().unwrap();
    let limits = Limits { include_depth: 1, generated: 1000, entry_octets: 4096, ..Limits::default() };
    read_text(text, origin.as_ref(), &limits, |item| {
        if let Item::Record(record) = item {
            let owner = record.owner.to_string();
            assert_eq!(owner.parse::<Name>().unwrap().as_ref(), record.owner, "{owner}");
            assert!(NameRef::from_octets(record.owner.octets()).is_ok());
            assert!(validate(record.rrtype, record.rdata).is_ok(), "{owner} {}", record.rrtype);
            let shown = display(record.rrtype, record.rdata).to_string();
            let again = parse_line(record.rrtype, &shown, None);
            assert_eq!(again.as_deref(), Ok(record.rdata), "{} {shown}", record.rrtype);
        }
        ControlFlow::Continue(())
    });
}
