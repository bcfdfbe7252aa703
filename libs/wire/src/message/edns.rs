//! The OPT record (RFC 6891 section 6).

use super::header::flag;

/// The DO bit of the OPT record's flags.
pub const DNSSEC_OK: u16 = 0x8000;
/// Octets of an OPT record without options.
pub const OPT_RECORD: usize = 11;
/// Octets of an option's code and length.
pub const OPTION_HEAD: usize = 4;

/// Option codes.
pub mod option {
    /// Name server identifier (RFC 5001).
    pub const NSID: u16 = 3;
    /// How long a secondary may still serve a zone (RFC 7314).
    pub const EXPIRE: u16 = 9;
    /// Cookies of client and server (RFC 7873).
    pub const COOKIE: u16 = 10;
    /// How long a TCP connection may be idle (RFC 7828).
    pub const KEEPALIVE: u16 = 11;
    /// Octets that hide how long a message is (RFC 7830).
    pub const PADDING: u16 = 12;
    /// Extended DNS error (RFC 8914).
    pub const EXTENDED_ERROR: u16 = 15;
    /// Version of the zone that answered (RFC 9660).
    pub const ZONE_VERSION: u16 = 19;
}

/// What the OPT record of a query says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Edns<'a> {
    /// Largest UDP response the client takes, as it said it; values below 512 mean 512.
    pub udp_payload_size: u16,
    /// Version; we speak 0.
    pub version: u8,
    /// The client wants DNSSEC records (RFC 3225).
    pub dnssec_ok: bool,
    /// The options, lengths checked.
    pub options: &'a [u8],
}

impl<'a> Edns<'a> {
    /// Reads class, TTL and data of an OPT record; none when its options do not add up.
    #[must_use]
    pub fn read(class: u16, ttl: u32, data: &'a [u8]) -> Option<Self> {
        let edns = Self {
            udp_payload_size: class,
            version: (ttl >> 16) as u8,
            dnssec_ok: ttl as u16 & DNSSEC_OK != 0,
            options: data,
        };
        let mut options = edns.options();
        options.by_ref().for_each(drop);
        options.0.is_empty().then_some(edns)
    }

    /// The options as code and data.
    #[must_use]
    pub const fn options(&self) -> Options<'a> {
        Options(self.options)
    }

    /// True when an option with this code is there.
    #[must_use]
    pub fn has_option(&self, code: u16) -> bool {
        self.options().any(|(found, _)| found == code)
    }
}

/// Iterator over EDNS options.
#[derive(Clone, Debug)]
pub struct Options<'a>(&'a [u8]);

impl<'a> Iterator for Options<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (&[a, b, c, d], rest) = self.0.split_first_chunk()?;
        let (data, rest) = rest.split_at_checked(u16::from_be_bytes([c, d]) as usize)?;
        self.0 = rest;
        Some((u16::from_be_bytes([a, b]), data))
    }
}

/// The flags of a response that come from the query: CD has a meaning in queries only (RFC 4035 section 3.1.6), other
/// opcodes have a reserved bit there (RFC 2136 section 2.2).
#[must_use]
pub const fn flags_kept(query_flags: u16) -> u16 {
    const OPCODE: u16 = 0x7800;
    let checking = if query_flags & OPCODE == 0 { flag::CD } else { 0 };
    query_flags & (OPCODE | flag::RD | checking)
}
