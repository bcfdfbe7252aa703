//! Why record data is refused.

use crate::NameError;

/// Why octets or text are not record data of their type.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RdataError {
    /// The octets end inside a field.
    #[error("record data ends too early")]
    Short,
    /// Octets follow the last field.
    #[error("record data goes on behind its last field")]
    Trailing,
    /// More than 65535 octets.
    #[error("record data longer than 65535 octets")]
    TooLong,
    /// A query or meta type, which never names data.
    #[error("this type is for queries and never has data in a zone")]
    MetaType,
    /// A name inside is bad.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The text ends before this field.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// Text follows the last field.
    #[error("unexpected text behind the last field")]
    Extra,
    /// The text of a field cannot be read as what it must be.
    #[error("this is not {0}")]
    NotA(&'static str),
    /// A character-string longer than 255 octets.
    #[error("character-string longer than 255 octets")]
    StringTooLong,
    /// A backslash that is not followed by a character or by three digits up to 255.
    #[error("bad escape: a backslash takes one character or three digits up to 255")]
    BadEscape,
    /// An unescaped quote inside an unquoted string.
    #[error("quote inside an unquoted string (write \\\" or quote the whole)")]
    StrayQuote,
    /// Two parts of the data contradict each other, or a part breaks its own rules.
    #[error("{0}")]
    Malformed(&'static str),
    /// The type has no text form of its own.
    #[error("this type has no text form of its own; write it as \\# LENGTH HEX (RFC 3597)")]
    NoTextForm,
    /// The length given after `\#` differs from that of the octets that follow (RFC 3597).
    #[error("the length after \\# differs from that of the octets that follow")]
    GenericLength,
}

/// Why text is not record data, and where.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{reason}")]
pub struct TextError {
    /// Index of the token at fault; the number of tokens when one is missing at the end.
    pub token: usize,
    /// What is wrong with it.
    pub reason: RdataError,
}
