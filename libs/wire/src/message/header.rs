//! The message header (RFC 1035 section 4.1.1, RFC 4035 section 3.2 for AD and CD).

use std::fmt;

/// Octets of a header.
pub const HEADER: usize = 12;

/// Bits of the flags word.
pub mod flag {
    /// This is a response.
    pub const QR: u16 = 0x8000;
    /// Authoritative answer.
    pub const AA: u16 = 0x0400;
    /// Truncated.
    pub const TC: u16 = 0x0200;
    /// Recursion desired; copied into the response.
    pub const RD: u16 = 0x0100;
    /// Checking disabled; copied into the response (RFC 4035 section 3.1.6).
    pub const CD: u16 = 0x0010;
}

/// Kind of query, 0 to 15.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Opcode(pub u8);

impl Opcode {
    /// A standard query.
    pub const QUERY: Self = Self(0);
    /// A zone changed (RFC 1996).
    pub const NOTIFY: Self = Self(4);
    /// Dynamic update (RFC 2136).
    pub const UPDATE: Self = Self(5);
}

/// Response code with the extension of EDNS, 0 to 4095 (RFC 6891 section 6.1.3).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Rcode(pub u16);

impl Rcode {
    /// No error.
    pub const NOERROR: Self = Self(0);
    /// The query could not be read.
    pub const FORMERR: Self = Self(1);
    /// The server has a problem.
    pub const SERVFAIL: Self = Self(2);
    /// The name does not exist.
    pub const NXDOMAIN: Self = Self(3);
    /// The server does not do this.
    pub const NOTIMP: Self = Self(4);
    /// The server does not want to.
    pub const REFUSED: Self = Self(5);
    /// A name that should not exist does: DNAME substitution overflows (RFC 6672 section 2.2).
    pub const YXDOMAIN: Self = Self(6);
    /// An RRset that should not exist does (RFC 2136 section 2.2).
    pub const YXRRSET: Self = Self(7);
    /// An RRset that should exist does not (RFC 2136 section 2.2).
    pub const NXRRSET: Self = Self(8);
    /// Not authoritative for the zone.
    pub const NOTAUTH: Self = Self(9);
    /// A name is not in the zone of the update (RFC 2136 section 2.2).
    pub const NOTZONE: Self = Self(10);
    /// EDNS version not supported (RFC 6891 section 9).
    pub const BADVERS: Self = Self(16);
    /// The server wants a cookie of its own first (RFC 7873 section 5.2.3).
    pub const BADCOOKIE: Self = Self(23);
}

impl fmt::Display for Rcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NOERROR => f.write_str("NOERROR"),
            Self::FORMERR => f.write_str("FORMERR"),
            Self::SERVFAIL => f.write_str("SERVFAIL"),
            Self::NXDOMAIN => f.write_str("NXDOMAIN"),
            Self::NOTIMP => f.write_str("NOTIMP"),
            Self::REFUSED => f.write_str("REFUSED"),
            Self::YXDOMAIN => f.write_str("YXDOMAIN"),
            Self::YXRRSET => f.write_str("YXRRSET"),
            Self::NXRRSET => f.write_str("NXRRSET"),
            Self::NOTAUTH => f.write_str("NOTAUTH"),
            Self::NOTZONE => f.write_str("NOTZONE"),
            Self::BADVERS => f.write_str("BADVERS"),
            Self::BADCOOKIE => f.write_str("BADCOOKIE"),
            Self(code) => write!(f, "RCODE{code}"),
        }
    }
}

/// A header, looked at where it lies.
#[derive(Clone, Copy, Debug)]
pub struct Header<'a>(&'a [u8; HEADER]);

impl<'a> Header<'a> {
    /// Splits the header from a message; none when it is shorter than a header.
    #[must_use]
    pub fn split_from(message: &'a [u8]) -> Option<(Self, &'a [u8])> {
        message.split_first_chunk().map(|(header, rest)| (Self(header), rest))
    }

    /// Message identifier.
    #[must_use]
    pub const fn id(self) -> u16 {
        let [a, b, ..] = *self.0;
        u16::from_be_bytes([a, b])
    }

    /// The flags word, opcode and response code included.
    #[must_use]
    pub const fn flags(self) -> u16 {
        let [_, _, a, b, ..] = *self.0;
        u16::from_be_bytes([a, b])
    }

    /// The opcode.
    #[must_use]
    pub const fn opcode(self) -> Opcode {
        Opcode((self.flags() >> 11) as u8 & 15)
    }

    /// True when this is a response.
    #[must_use]
    pub const fn is_response(self) -> bool {
        self.flags() & flag::QR != 0
    }

    /// Records in question, answer, authority and additional section.
    #[must_use]
    pub const fn counts(self) -> [u16; 4] {
        let [_, _, _, _, a, b, c, d, e, f, g, h] = *self.0;
        [
            u16::from_be_bytes([a, b]),
            u16::from_be_bytes([c, d]),
            u16::from_be_bytes([e, f]),
            u16::from_be_bytes([g, h]),
        ]
    }
}
