//! Two octets of length, then the message (RFC 1035 section 4.2.2), in whatever pieces the stream delivers.

/// Shortest thing that can be a DNS message: its header.
const MESSAGE_MIN: usize = 12;
/// Longest message that two octets of length can announce.
pub(super) const MESSAGE_MAX: usize = 65_535;
/// Octets of the length itself.
pub(super) const PREFIX: usize = 2;

/// Ends an answer of another process: a message of length zero.
const END: [u8; PREFIX] = [0, 0];

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

/// What another process sent of its answer: whole messages at the start, each with its length.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// Octets of the whole messages and their lengths.
    pub(super) octets: usize,
    /// How many they are.
    pub(super) messages: usize,
    /// What stands behind them.
    pub(super) behind: Behind,
}

/// What stands behind the whole messages of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Behind {
    /// Nothing yet, or part of a message.
    More,
    /// A length of zero: the answer is whole.
    End,
    /// A length that no message has.
    Violation,
}

/// Finds the end of the whole messages.
pub(super) fn run(octets: &[u8]) -> Run {
    let mut run = Run { octets: 0, messages: 0, behind: Behind::More };
    let mut rest = octets;
    loop {
        match first(rest) {
            Frame::Message(message) => {
                run.messages += 1;
                run.octets += PREFIX + message.len();
                rest = rest.get(PREFIX + message.len()..).unwrap_or_default();
            }
            Frame::Partial => return run,
            Frame::Violation => {
                run.behind = if rest.starts_with(&END) { Behind::End } else { Behind::Violation };
                return run;
            }
        }
    }
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

    #[test]
    fn a_run_ends_at_a_part_at_the_end_or_at_nonsense() {
        let message = [&[0, 12][..], &[7; 12]].concat();
        let behind = |tail: &[u8]| run(&[&message, &message, tail].concat());
        for (tail, behind_it) in [
            (&[][..], Behind::More),
            (&[0], Behind::More),
            (&[0, 12, 1], Behind::More),
            (&[0, 0], Behind::End),
            (&[0, 0, 9], Behind::End),
            (&[0, 3], Behind::Violation),
        ] {
            assert_eq!(behind(tail), Run { octets: 28, messages: 2, behind: behind_it }, "{tail:?}");
        }
        assert_eq!(run(&[0, 0]), Run { octets: 0, messages: 0, behind: Behind::End });
    }
}
