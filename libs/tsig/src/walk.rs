//! Finding the TSIG record of a message.

use tenon_wire::message::decompress;
use tenon_wire::{Name, NameRef};

use crate::record::{ANY, HEADER, Record, TSIG, Timers};

/// The TSIG record of a message, and where it begins.
pub(crate) struct Found<'m> {
    pub(crate) start: usize,
    pub(crate) record: Record<'m>,
}

/// Why a message that has a TSIG record is malformed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Malformed(pub(crate) &'static str);

/// The TSIG record, which must be the last of all (RFC 8945 section 5.1). None also when the message cannot be read as
/// far as there: whoever reads the message itself will find that out.
pub(crate) fn find(message: &[u8]) -> Result<Option<Found<'_>>, Malformed> {
    match place(message) {
        Some(Place { start, fields, data, last }) => {
            if !last {
                return Err(Malformed("a record behind the TSIG record"));
            }
            read(message, start, fields, data).map(|record| Some(Found { start, record }))
        }
        None => Ok(None),
    }
}

/// Where the first TSIG record of the additional section lies.
struct Place {
    start: usize,
    /// Offset of its type.
    fields: usize,
    /// Offset of its data.
    data: usize,
    /// The message ends with it.
    last: bool,
}

fn place(message: &[u8]) -> Option<Place> {
    let header = message.first_chunk::<HEADER>()?;
    let [_, _, _, _, a, b, c, d, e, f, g, h] = header.map(u32::from);
    let (questions, records, additional) = (a << 8 | b, (c << 8 | d) + (e << 8 | f), g << 8 | h);
    if additional == 0 {
        return None;
    }
    let mut at = HEADER;
    for _ in 0..questions {
        at = skip_name(message, at)? + 4;
    }
    for _ in 0..records {
        at = skip_record(message, at)?.2;
    }
    for left in (0..additional).rev() {
        let (fields, rrtype, end) = skip_record(message, at)?;
        if rrtype == TSIG {
            let last = left == 0 && end == message.len();
            return Some(Place { start: at, fields, data: fields + 10, last });
        }
        at = end;
    }
    None
}

/// Offset of the fields behind the owner, type, and offset of what follows a record.
fn skip_record(message: &[u8], at: usize) -> Option<(usize, u16, usize)> {
    let fields = skip_name(message, at)?;
    let &[a, b, _, _, _, _, _, _, c, d] = message.get(fields..)?.first_chunk()?;
    let end = fields + 10 + usize::from(u16::from_be_bytes([c, d]));
    (end <= message.len()).then_some((fields, u16::from_be_bytes([a, b]), end))
}

/// Offset of what follows a name. Pointers are not followed.
fn skip_name(message: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *message.get(at)? {
            0 => return Some(at + 1),
            length @ 1..=63 => at += 1 + usize::from(length),
            192.. => return Some(at + 2),
            _ => return None,
        }
    }
}

fn read(message: &[u8], start: usize, fields: usize, data: usize) -> Result<Record<'_>, Malformed> {
    const SHORT: Malformed = Malformed("a TSIG record whose lengths do not add up");
    let mut owner = Vec::new();
    decompress(message, start, &mut owner).map_err(|_| Malformed("a TSIG record with an unreadable name"))?;
    let owner = name(&owner)?;
    if message.get(fields + 2..data - 2) != Some(&[0, ANY as u8, 0, 0, 0, 0]) {
        return Err(Malformed("a TSIG record with another class than ANY, or with a TTL"));
    }
    let rest = message.get(data..).ok_or(SHORT)?;
    // The name of the algorithm is never compressed (RFC 8945 section 4.2).
    let unreadable = |_| Malformed("a TSIG record with an unreadable algorithm");
    let (algorithm, rest) = NameRef::split_from(rest).map_err(unreadable)?;
    let (&[a, b, c, d, e, f, g, h, i, j], rest) = rest.split_first_chunk().ok_or(SHORT)?;
    let (mac, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([i, j]))).ok_or(SHORT)?;
    let (&[k, l, m, n, o, p], other) = rest.split_first_chunk().ok_or(SHORT)?;
    if other.len() != usize::from(u16::from_be_bytes([o, p])) {
        return Err(SHORT);
    }
    Ok(Record {
        owner,
        algorithm: algorithm.to_name(),
        timers: Timers {
            time: u64::from_be_bytes([0, 0, a, b, c, d, e, f]),
            fudge: u16::from_be_bytes([g, h]),
        },
        mac,
        original_id: u16::from_be_bytes([k, l]),
        error: u16::from_be_bytes([m, n]),
        other,
    })
}

fn name(octets: &[u8]) -> Result<Name, Malformed> {
    let name =
        NameRef::from_octets(octets).map_err(|_| Malformed("a TSIG record with an unreadable name"))?;
    Ok(name.to_name())
}
