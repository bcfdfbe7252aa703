//! Two octets of length, then the message (RFC 1035 section 4.2.2), in whatever pieces the stream delivers.

/// Shortest thing that can be a DNS message: its header.
const MESSAGE_MIN: usize = 12;
/// Longest message that two octets of length can announce.
pub(super) const MESSAGE_MAX: usize = 65_535;
/// Octets of the length itself.
pub(super) const PREFIX: usize = 2;

/// What a stream holds at its start.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame<'a> {
    /// A whole message, without its length.
    Message(&'a [u8]),
    /// Less than one message so far.
    Partial,
    /// A length that no message has: the sender speaks something else, and nothing that follows can be trusted.
    Violation,
}

/// Looks at the start of what was read and not yet answered.
pub(super) fn first(octets: &[u8]) -> Frame<'_> {
    let Some((prefix, rest)) = octets.split_first_chunk::<PREFIX>() else { return Frame::Partial };
    let length = usize::from(u16::from_be_bytes(*prefix));
    if length < MESSAGE_MIN {
        return Frame::Violation;
    }
    rest.get(..length).map_or(Frame::Partial, Frame::Message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_partial_and_impossible() {
        let mut stream = vec![0, 12];
        assert_eq!(first(&stream[..0]), Frame::Partial);
        assert_eq!(first(&stream[..1]), Frame::Partial);
        stream.extend([7; 11]);
        assert_eq!(first(&stream), Frame::Partial);
        stream.push(7);
        assert_eq!(first(&stream), Frame::Message(&[7; 12]));
        stream.push(0);
        assert_eq!(first(&stream), Frame::Message(&[7; 12]));
        assert_eq!(first(&[0, 0]), Frame::Violation);
        assert_eq!(first(&[0, 11, 1, 2, 3]), Frame::Violation);
        assert_eq!(first(&[0xff; 65_536]), Frame::Partial);
        assert_eq!(first(&[0xff; 65_537]), Frame::Message(&[0xff; 65_535]));
    }
}
