//! Reads a NOTIFY message (RFC 1996): the zone, and the serial that its answer section may name.

use tenon_wire::{Name, NameRef};

const HEADER: usize = 12;
const QR: u8 = 0x80;
const OPCODE: u8 = 0x78;
const NOTIFY: u8 = 4 << 3;
const SOA: u16 = 6;
const IN: u16 = 1;
/// Type, class, TTL and length of a record.
const RECORD_HEAD: usize = 10;

/// What a NOTIFY says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// The zone that changed, in lower case.
    pub zone: Name,
    /// Serial of the SOA in its answer section: a hint.
    pub serial: Option<u32>,
}

/// Reads a message; none when it is no NOTIFY for one zone. A hint that cannot be read is as good as none.
#[must_use]
pub fn read(message: &[u8]) -> Option<Message> {
    let (header, rest) = message.split_first_chunk::<HEADER>()?;
    let flags = *header.get(2)?;
    let is_notify = flags & QR == 0 && flags & OPCODE == NOTIFY;
    if !is_notify || count(header, 4)? != 1 {
        return None;
    }
    // The first name of a message cannot be a pointer.
    let (zone, rest) = NameRef::split_from(rest).ok()?;
    let (question, rest) = rest.split_first_chunk::<4>()?;
    if *question != [SOA.to_be_bytes(), IN.to_be_bytes()].concat()[..] {
        return None;
    }
    let serial = if count(header, 6)? == 0 { None } else { serial(zone, rest) };
    Some(Message { zone: zone.to_lowercase(), serial })
}

fn count(header: &[u8; HEADER], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*header.get(at)?, *header.get(at + 1)?]))
}

/// The serial of an SOA record that stands first in the answer section.
fn serial(zone: NameRef<'_>, answer: &[u8]) -> Option<u32> {
    let rest = match answer {
        // A pointer to the name in the question, right behind the header.
        [0xc0, 0x0c, rest @ ..] => rest,
        // Another pointer: who is asked afterwards says more than a name put together from pieces.
        [first, ..] if first & 0xc0 != 0 => return None,
        _ => {
            let (owner, rest) = NameRef::split_from(answer).ok()?;
            if !owner.octets().eq_ignore_ascii_case(zone.octets()) {
                return None;
            }
            rest
        }
    };
    let (head, rest) = rest.split_first_chunk::<RECORD_HEAD>()?;
    let [type_high, type_low, class_high, class_low, _, _, _, _, length_high, length_low] = *head;
    let (rrtype, class) =
        (u16::from_be_bytes([type_high, type_low]), u16::from_be_bytes([class_high, class_low]));
    let rdata = rest.get(..usize::from(u16::from_be_bytes([length_high, length_low])))?;
    if rrtype != SOA || class != IN {
        return None;
    }
    // Behind two names of whatever length: serial, refresh, retry, expire, minimum.
    let times = rdata.len().checked_sub(20)?;
    let serial = rdata.get(times..times.checked_add(4)?)?;
    let names = rdata.get(..times)?;
    let behind_first = skip_name(names)?;
    (skip_name(behind_first)?.is_empty()).then(|| serial.try_into().ok().map(u32::from_be_bytes)).flatten()
}

/// What follows a name that may end in a pointer.
fn skip_name(octets: &[u8]) -> Option<&[u8]> {
    let mut rest = octets;
    loop {
        let (length, behind) = rest.split_first()?;
        match length {
            0 => return Some(behind),
            1..=63 => rest = behind.get(usize::from(*length)..)?,
            0xc0.. => return behind.get(1..),
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUESTION: &[u8] = b"\x07Example\x03com\x00\x00\x06\x00\x01";

    fn message(flags: u8, counts: [u8; 2], parts: &[&[u8]]) -> Vec<u8> {
        let header = [0x12, 0x34, flags, 0, 0, counts[0], 0, counts[1], 0, 0, 0, 0];
        [&header[..], &parts.concat()].concat()
    }

    fn soa(owner: &[u8], names: &[u8]) -> Vec<u8> {
        let length = u8::try_from(names.len() + 20).unwrap();
        let times = [&[0, 0, 0, 7][..], &[0; 16]].concat();
        [owner, b"\x00\x06\x00\x01\x00\x00\x0e\x10\x00", &[length], names, &times].concat()
    }

    fn serial_of(answer: &[u8]) -> Option<u32> {
        let read = read(&message(0x24, [1, 1], &[QUESTION, answer])).unwrap();
        assert_eq!(read.zone.to_string(), "example.com.");
        read.serial
    }

    #[test]
    fn zone_and_serial_are_read() {
        let bare = read(&message(0x20, [1, 0], &[QUESTION])).unwrap();
        assert_eq!((bare.zone.to_string().as_str(), bare.serial), ("example.com.", None));
        assert_eq!(serial_of(&soa(b"\xc0\x0c", b"\x02ns\xc0\x0c\x01h\xc0\x0c")), Some(7));
        assert_eq!(serial_of(&soa(b"\x07eXample\x03com\x00", b"\x02ns\x00\x00")), Some(7));
    }

    #[test]
    fn a_hint_that_cannot_be_read_is_none() {
        let good = soa(b"\xc0\x0c", b"\x02ns\xc0\x0c\x01h\xc0\x0c");
        for length in 0..good.len() {
            assert_eq!(serial_of(&good[..length]), None, "{length}");
        }
        for bad in [
            soa(b"\x05other\x00", b"\x00\x00"),
            soa(b"\xc0\x10", b"\x00\x00"),
            soa(b"\xc0\x0c", b"\x02ns\x00"),
            soa(b"\xc0\x0c", b"\x00\x00\x00"),
            soa(b"\xc0\x0c", b"\x80\x00\x00"),
        ] {
            assert_eq!(serial_of(&bad), None);
        }
    }

    #[test]
    fn what_is_no_notify_is_refused() {
        for (flags, counts, question) in [
            (0x00, [1, 0], QUESTION),
            (0xa0, [1, 0], QUESTION),
            (0x20, [0, 0], QUESTION),
            (0x20, [2, 0], QUESTION),
            (0x20, [1, 0], b"\x07example\x00\x00\x01\x00\x01"),
            (0x20, [1, 0], b"\x07example\x00\x00\x06\x00\x03"),
            (0x20, [1, 0], b"\xc0\x0c\x00\x06\x00\x01"),
        ] {
            assert_eq!(read(&message(flags, counts, &[question])), None, "{flags:x} {counts:?}");
        }
        let good = message(0x24, [1, 1], &[QUESTION, &soa(b"\xc0\x0c", b"\x00\x00")]);
        for length in 0..29 {
            assert_eq!(read(&good[..length]), None, "{length}");
        }
    }
}
