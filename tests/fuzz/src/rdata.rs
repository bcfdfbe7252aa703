//! Record data: from octets to text and back.

use tenon_wire::RrType;
use tenon_wire::rdata::{display, names, parse_line, validate};

/// Takes a type of two octets and its data. What is sound must survive its text.
///
/// # Panics
/// It does not.
pub fn rdata(octets: &[u8]) {
    let Some((code, data)) = octets.split_first_chunk() else { return };
    let rrtype = RrType(u16::from_be_bytes(*code));
    for name in names(rrtype, data) {
        assert!(name.start <= name.end && name.end <= data.len());
    }
    let shown = display(rrtype, data).to_string();
    if rrtype.is_meta() || validate(rrtype, data).is_err() {
        return;
    }
    let again = parse_line(rrtype, &shown, None);
    // Nought has ten ways to be written in the sizes of LOC (RFC 1876 section 2), and one in text.
    if rrtype == RrType::LOC {
        let again = again.unwrap();
        return assert_eq!(display(rrtype, &again).to_string(), shown);
    }
    assert_eq!(again.as_deref(), Ok(data), "{rrtype} {shown}");
}
