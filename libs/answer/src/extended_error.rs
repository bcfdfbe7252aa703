//! Why a query was not answered, for the operator who asks (RFC 8914).

use tenon_wire::message::edns::option;

/// A code of RFC 8914 section 4, where it says more than the response code does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ExtendedError {
    /// The service that this is for cannot be reached.
    NoService,
    /// No zone at or above the name is served.
    NotAuthoritative,
    /// A zone is served, but its image is damaged or missing.
    InvalidData,
    /// A secondary zone was not refreshed for the time that its SOA allows.
    Expired,
    /// A secondary zone was never transferred.
    NotReady,
    /// The client may not ask.
    Prohibited,
}

impl ExtendedError {
    /// The EDNS option: its code, and its data, which is the code in two octets and a text.
    pub(crate) const fn option(self) -> (u16, &'static [u8]) {
        let data: &[u8] = match self {
            Self::NoService => b"\x00\x0ethe service for this cannot be reached",
            Self::NotAuthoritative => b"\x00\x14",
            Self::Prohibited => b"\x00\x12",
            Self::Expired => b"\x00\x18zone expired",
            Self::NotReady => b"\x00\x0ezone not transferred yet",
            Self::InvalidData => b"\x00\x18zone data cannot be used",
        };
        (option::EXTENDED_ERROR, data)
    }
}
