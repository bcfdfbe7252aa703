//! Kinds of fields, and the way from a kind to the file that knows it.

use std::fmt;

use super::error::RdataError;
use super::fields::{
    address, apl, bitmap, encoded, eui, gateway, hip, loc, locator, mnemonic, name, nsap, number, string,
    svcb, time, wks,
};
use super::token::Input;

/// A kind of field; what it looks like on the wire and in text is in the file of its family under `fields/`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Field {
    /// A domain name.
    Name,
    /// Names up to the end, perhaps none.
    Names,
    U8,
    U16,
    U32,
    /// 32-bit duration in seconds; text may have units.
    Ttl,
    /// 32-bit time in seconds modulo 2^32, in text YYYYMMDDHHmmSS.
    Time,
    Ip4,
    Ip6,
    /// One character-string.
    String,
    /// A character-string that may be absent at the end.
    OptionalString,
    /// One or more character-strings up to the end.
    Strings,
    /// A character-string of letters and digits, unquoted (CAA tag).
    Tag,
    /// Text up to the end without a length octet.
    LongString,
    /// Octets up to the end, at least one.
    Base64,
    /// Octets up to the end, perhaps none.
    OptionalBase64,
    /// Octets up to the end, at least one.
    Hex,
    /// Length octet and octets in hexadecimal, `-` when none (NSEC3 salt).
    Salt,
    /// Length octet and octets in base32hex (NSEC3 hash).
    Hash,
    /// Type bitmap with at least one type.
    Bitmap,
    /// Type bitmap, perhaps empty.
    OptionalBitmap,
    /// A record type.
    Type,
    /// A DNSSEC algorithm.
    Algorithm,
    /// A scheme of notification (RFC 9859).
    Scheme,
    /// A certificate type (RFC 4398).
    CertificateType,
    /// Size, precisions and position (RFC 1876).
    Loc,
    Apl,
    /// Gateway type, algorithm and gateway (RFC 4025).
    Gateway,
    /// Discovery flag, relay type and relay (RFC 8777).
    Relay,
    /// Host identity tag and public key with their lengths (RFC 8005).
    HostIdentity,
    /// Protocol and port bitmap.
    Services,
    Nsap,
    Eui48,
    Eui64,
    /// 64 bits as four groups (RFC 6742).
    Locator64,
    /// Service parameters (RFC 9460).
    SvcParams,
    /// Octets up to the end that have no text form.
    Opaque,
}

impl Field {
    /// Octets that the field takes from the front of `rest`, after checking them.
    #[inline]
    pub(super) fn measure(self, rest: &[u8]) -> Result<usize, RdataError> {
        match self {
            Self::Name => name::measure(rest),
            Self::Names => name::measure_all(rest),
            Self::U8 | Self::Algorithm | Self::Scheme => fixed(rest, 1),
            Self::U16 | Self::Type | Self::CertificateType => fixed(rest, 2),
            Self::U32 | Self::Ttl | Self::Time | Self::Ip4 => fixed(rest, 4),
            Self::Ip6 => fixed(rest, 16),
            Self::Eui48 => fixed(rest, 6),
            Self::Eui64 | Self::Locator64 => fixed(rest, 8),
            Self::String | Self::Salt => string::measure(rest),
            Self::OptionalString if rest.is_empty() => Ok(0),
            Self::OptionalString => string::measure(rest),
            Self::Strings => string::measure_all(rest),
            Self::Tag => string::measure_tag(rest),
            Self::Hash => encoded::measure_hash(rest),
            Self::LongString | Self::OptionalBase64 | Self::Opaque => Ok(rest.len()),
            Self::Base64 | Self::Hex | Self::Nsap if rest.is_empty() => Err(RdataError::Short),
            Self::Base64 | Self::Hex | Self::Nsap => Ok(rest.len()),
            Self::Bitmap => bitmap::measure(rest, false),
            Self::OptionalBitmap => bitmap::measure(rest, true),
            Self::Loc => loc::measure(rest),
            Self::Apl => apl::measure(rest),
            Self::Gateway => gateway::measure_gateway(rest),
            Self::Relay => gateway::measure_relay(rest),
            Self::HostIdentity => hip::measure(rest),
            Self::Services => wks::measure(rest),
            Self::SvcParams => svcb::measure(rest),
        }
    }

    /// Reads the field's words and appends its octets to `out`.
    #[inline]
    pub(super) fn parse(self, input: &mut Input<'_, '_>, out: &mut Vec<u8>) -> Result<(), RdataError> {
        match self {
            Self::Name => name::parse(input, out),
            Self::Names => name::parse_all(input, out),
            Self::U8 => number::parse_u8(input, out),
            Self::U16 => number::parse_u16(input, out),
            Self::U32 => number::parse_u32(input, out),
            Self::Ttl => number::parse_ttl_field(input, out),
            Self::Time => time::parse(input, out),
            Self::Ip4 => address::parse_ip4(input, out),
            Self::Ip6 => address::parse_ip6(input, out),
            Self::String => string::parse(input, out),
            Self::OptionalString if input.peek().is_none() => Ok(()),
            Self::OptionalString => string::parse(input, out),
            Self::Strings => string::parse_all(input, out),
            Self::Tag => string::parse_tag(input, out),
            Self::LongString => string::parse_long(input, out),
            Self::OptionalBase64 if input.peek().is_none() => Ok(()),
            Self::Base64 | Self::OptionalBase64 => encoded::parse_base64(input, out),
            Self::Hex => encoded::parse_hex(input, out),
            Self::Salt => encoded::parse_salt(input, out),
            Self::Hash => encoded::parse_hash(input, out),
            Self::Bitmap => bitmap::parse(input, out, false),
            Self::OptionalBitmap => bitmap::parse(input, out, true),
            Self::Type => mnemonic::parse_type(input, out),
            Self::Algorithm => mnemonic::parse_algorithm(input, out),
            Self::Scheme => mnemonic::parse_scheme(input, out),
            Self::CertificateType => mnemonic::parse_certificate_type(input, out),
            Self::Loc => loc::parse(input, out),
            Self::Apl => apl::parse(input, out),
            Self::Gateway => gateway::parse_gateway(input, out),
            Self::Relay => gateway::parse_relay(input, out),
            Self::HostIdentity => hip::parse(input, out),
            Self::Services => wks::parse(input, out),
            Self::Nsap => nsap::parse(input, out),
            Self::Eui48 => eui::parse(input, out, 6),
            Self::Eui64 => eui::parse(input, out, 8),
            Self::Locator64 => locator::parse(input, out),
            Self::SvcParams => svcb::parse(input, out),
            Self::Opaque => Err(RdataError::NoTextForm),
        }
    }

    /// Writes the field as text; `octets` are what [`Self::measure`] took.
    pub(super) fn write(self, octets: &[u8], to: &mut impl fmt::Write) -> fmt::Result {
        match self {
            Self::Name => name::write(octets, to),
            Self::Names => name::write_all(octets, to),
            Self::U8
            | Self::U16
            | Self::U32
            | Self::Ttl
            | Self::Algorithm
            | Self::Scheme
            | Self::CertificateType => number::write(octets, to),
            Self::Time => time::write(octets, to),
            Self::Ip4 | Self::Ip6 => address::write(octets, to),
            Self::String | Self::OptionalString => string::write(octets, to),
            Self::Strings => string::write_all(octets, to),
            Self::Tag => string::write_tag(octets, to),
            Self::LongString => string::write_long(octets, to),
            Self::Base64 | Self::OptionalBase64 => encoded::write_base64(octets, to),
            Self::Hex | Self::Opaque => encoded::write_hex(octets, to),
            Self::Salt => encoded::write_salt(octets, to),
            Self::Hash => encoded::write_hash(octets, to),
            Self::Bitmap | Self::OptionalBitmap => bitmap::write(octets, to),
            Self::Type => mnemonic::write_type(octets, to),
            Self::Loc => loc::write(octets, to),
            Self::Apl => apl::write(octets, to),
            Self::Gateway => gateway::write_gateway(octets, to),
            Self::Relay => gateway::write_relay(octets, to),
            Self::HostIdentity => hip::write(octets, to),
            Self::Services => wks::write(octets, to),
            Self::Nsap => nsap::write(octets, to),
            Self::Eui48 | Self::Eui64 => eui::write(octets, to),
            Self::Locator64 => locator::write(octets, to),
            Self::SvcParams => svcb::write(octets, to),
        }
    }
}

fn fixed(rest: &[u8], length: usize) -> Result<usize, RdataError> {
    if rest.len() < length { Err(RdataError::Short) } else { Ok(length) }
}
