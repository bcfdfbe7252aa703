//! Where responses end among the octets that HTTP/2 writes, so that each ends a record of TLS.
//!
//! A client may show what it reads record by record. One that is much used, dnsperf (2.10 and before), takes a single
//! response out of each and forgets the others.

/// Octets of the head of a frame (RFC 9113 section 4.1).
const HEAD: usize = 9;
/// Kinds of frames that may end a stream: DATA and HEADERS.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
/// The flag that says so.
const END_STREAM: u8 = 1;

/// How far the frames written so far go.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Frames {
    head: [u8; HEAD],
    /// Octets of the head that are known.
    known: usize,
    /// Octets of the frame's content that are still to come, once the head is known.
    left: usize,
}

impl Frames {
    /// How many of the octets that come next may be written as one: up to the first end of a response, or all.
    pub(super) fn one_response(mut self, octets: &[u8]) -> usize {
        self.walk(octets).unwrap_or(octets.len())
    }

    /// Takes note of octets that were written.
    pub(super) fn written(&mut self, mut octets: &[u8]) {
        while let Some(end) = self.walk(octets) {
            octets = octets.get(end..).unwrap_or_default();
        }
    }

    /// Goes on to the first end of a response, if there is one; how many octets that took.
    fn walk(&mut self, octets: &[u8]) -> Option<usize> {
        let mut rest = octets;
        while !rest.is_empty() {
            if let Some(place) = self.head.get_mut(self.known..).filter(|place| !place.is_empty()) {
                let taken = place.len().min(rest.len());
                let (now, later) = rest.split_at_checked(taken)?;
                place.get_mut(..taken)?.copy_from_slice(now);
                self.known += taken;
                rest = later;
                if self.known < HEAD {
                    return None;
                }
                let [high, middle, low, ..] = self.head;
                self.left = u32::from_be_bytes([0, high, middle, low]) as usize;
            }
            let taken = self.left.min(rest.len());
            self.left -= taken;
            rest = rest.get(taken..).unwrap_or_default();
            if self.left > 0 {
                return None;
            }
            self.known = 0;
            let [_, _, _, kind, flags, ..] = self.head;
            if matches!(kind, DATA | HEADERS) && flags & END_STREAM != 0 {
                return Some(octets.len() - rest.len());
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, content: usize) -> Vec<u8> {
        let mut frame = vec![0, 0, u8::try_from(content).unwrap(), kind, flags, 0, 0, 0, 1];
        frame.resize(HEAD + content, 0xff);
        frame
    }

    #[test]
    fn a_write_ends_with_a_response_however_the_octets_come() {
        // Settings, head and content of a response, one without content, and a frame that ends none.
        let parts = [frame(4, 1, 0), frame(1, 4, 30), frame(0, 1, 50), frame(1, 5, 20), frame(8, 1, 4)];
        let all = parts.concat();
        let ends = [parts[..3].concat().len(), parts[..4].concat().len()];
        for step in 1..=all.len() {
            let (mut frames, mut place, mut pieces) = (Frames::default(), 0, Vec::new());
            while place < all.len() {
                let offered = &all[place..all.len().min(place + step)];
                let length = frames.one_response(offered);
                frames.written(&offered[..length]);
                place += length;
                pieces.push(place);
            }
            assert!(ends.iter().all(|end| pieces.contains(end)), "{step}: {pieces:?}");
            assert!(step < all.len() || pieces == [ends[0], ends[1], all.len()]);
        }
    }
}
