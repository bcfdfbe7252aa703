//! What can be wrong.

use std::fmt;

/// The error field of a TSIG record (RFC 8945 section 3).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ErrorCode(pub u16);

impl ErrorCode {
    /// No error.
    pub const NONE: Self = Self(0);
    /// The code does not fit the message and the key.
    pub const BADSIG: Self = Self(16);
    /// The key is not known.
    pub const BADKEY: Self = Self(17);
    /// The clocks differ, or the message is old.
    pub const BADTIME: Self = Self(18);
    /// The code is cut further than the receiver takes.
    pub const BADTRUNC: Self = Self(22);
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NONE => out.write_str("NOERROR"),
            Self::BADSIG => out.write_str("BADSIG"),
            Self::BADKEY => out.write_str("BADKEY"),
            Self::BADTIME => out.write_str("BADTIME"),
            Self::BADTRUNC => out.write_str("BADTRUNC"),
            Self(code) => write!(out, "TSIG error {code}"),
        }
    }
}

/// A message has no room for a TSIG record.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the message has no room for a TSIG record")]
pub struct SignError;

/// Why an answer is not to be believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TsigError {
    /// The TSIG record cannot be read or stands where it must not.
    #[error("malformed TSIG: {0}")]
    Malformed(&'static str),
    /// The first or the last message has no signature.
    #[error("not signed, although the request was")]
    Unsigned,
    /// More than [`MAX_UNSIGNED`](crate::MAX_UNSIGNED) messages in a row without a signature.
    #[error("more than {} messages in a row are not signed", crate::MAX_UNSIGNED)]
    TooManyUnsigned,
    /// Signed with another key or algorithm than the request.
    #[error("signed with another key or algorithm than the request")]
    OtherKey,
    /// The code does not fit: another secret, or octets changed on the way.
    #[error("the signature is wrong: another secret, or changed on the way")]
    BadSignature,
    /// The code is shorter than the key's algorithm says.
    #[error("the signature is cut to {octets} octets; the key asks for {least}")]
    Truncated {
        /// Octets that came.
        octets: usize,
        /// Octets that the key asks for.
        least: usize,
    },
    /// Signed too long ago, or in the future.
    #[error("signed {0} s off our clock; are both clocks right?")]
    BadTime(i64),
    /// The other side does not take our signature.
    #[error("the other side says {code}{}", hint(*.code))]
    Refused {
        /// Its reason.
        code: ErrorCode,
        /// Its clock in seconds since 1970, with [`ErrorCode::BADTIME`].
        server_time: Option<u64>,
    },
}

const fn hint(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::BADKEY => ": it does not know the key, or has it with another algorithm",
        ErrorCode::BADSIG => ": it has another secret for the key",
        ErrorCode::BADTIME => ": its clock and ours differ",
        ErrorCode::BADTRUNC => ": it asks for longer codes",
        _ => "",
    }
}
