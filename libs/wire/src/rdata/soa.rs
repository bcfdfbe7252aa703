//! The numbers of an SOA record (RFC 1035 section 3.3.13).

use super::validate;
use crate::RrType;

/// The numbers at the end of an SOA record's data; times in seconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Soa {
    /// Version of the zone.
    pub serial: u32,
    /// Between two looks at the primary.
    pub refresh: u32,
    /// Until the next look when one failed.
    pub retry: u32,
    /// How long a secondary may answer without having seen a primary.
    pub expire: u32,
    /// How long it may be remembered that something does not exist (RFC 2308).
    pub minimum: u32,
}

impl Soa {
    /// The numbers of SOA record data with its names uncompressed; none when it is not well-formed.
    #[must_use]
    pub fn read(rdata: &[u8]) -> Option<Self> {
        validate(RrType::SOA, rdata).ok()?;
        let (numbers, []) = rdata.last_chunk::<20>()?.as_chunks::<4>() else { return None };
        let &[serial, refresh, retry, expire, minimum] = numbers else { return None };
        let number = u32::from_be_bytes;
        Some(Self {
            serial: number(serial),
            refresh: number(refresh),
            retry: number(retry),
            expire: number(expire),
            minimum: number(minimum),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_behind_the_names() {
        let mut rdata = b"\x01a\x00\x00".to_vec();
        for number in [7u32, 3600, 600, 86400, 300] {
            rdata.extend(number.to_be_bytes());
        }
        let soa = Soa { serial: 7, refresh: 3600, retry: 600, expire: 86400, minimum: 300 };
        assert_eq!(Soa::read(&rdata), Some(soa));
        assert_eq!(Soa::read(&rdata[..rdata.len() - 1]), None);
        assert_eq!(Soa::read(b""), None);
    }
}
