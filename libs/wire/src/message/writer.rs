//! Appending a response to the caller's octets.

use super::edns::{DNSSEC_OK, OPT_RECORD, OPTION_HEAD, flags_kept, option};
use super::header::{HEADER, Header, Rcode, flag};
use super::keyed::KeyedName;
use super::query::Question;
use crate::name::MAX_LABELS;

/// What is to be written does not fit below the limit; nothing of it was counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("response is full")]
pub struct Full;

/// Sections of a response behind the question.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Section {
    /// Answer.
    Answer = 0,
    /// Authority.
    Authority = 1,
    /// Additional.
    Additional = 2,
}

/// Highest offset that a compression pointer reaches (RFC 1035 section 4.1.4).
pub const MAX_POINTER: usize = 0x3fff;

/// Where in the response each suffix of a name can be pointed at, by the number of its labels.
#[derive(Clone, Debug)]
pub struct NamePlaces([u16; MAX_LABELS + 1]);

impl Default for NamePlaces {
    fn default() -> Self {
        Self([0; MAX_LABELS + 1])
    }
}

impl NamePlaces {
    /// The places of a name written without compression at `offset`.
    pub fn set_written(&mut self, name: &KeyedName, offset: usize) {
        for (labels, place) in self.0.iter_mut().enumerate().take(name.labels() + 1).skip(1) {
            *place = (offset + name.start(labels)) as u16;
        }
    }

    /// The place of the suffix with so many labels; at least 1, as nobody points to the root.
    #[must_use]
    pub fn get(&self, labels: usize) -> Option<u16> {
        self.0.get(labels).copied().filter(|&place| place as usize >= HEADER && place as usize <= MAX_POINTER)
    }

    /// Notes the place of one suffix.
    pub fn set(&mut self, labels: usize, offset: usize) {
        if let Some(place) = self.0.get_mut(labels) {
            *place = u16::try_from(offset).unwrap_or(0);
        }
    }
}

/// A response under construction.
#[derive(Debug)]
pub struct ResponseWriter<'b> {
    buffer: &'b mut [u8],
    at: usize,
    limit: usize,
    flags: u16,
    counts: [u16; 3],
    edns: Option<OptRecord>,
}

#[derive(Clone, Copy, Debug)]
struct OptRecord {
    udp_payload_size: u16,
    dnssec_ok: bool,
    /// Octets kept for options.
    options: usize,
    /// The whole message is made a multiple of so many octets; 0 for as it comes.
    block: usize,
}

/// A point to return to when an RRset does not fit.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    at: usize,
    counts: [u16; 3],
}

impl<'b> ResponseWriter<'b> {
    /// Starts the response to `header` with the question copied, at most `limit` octets long.
    ///
    /// # Errors
    /// [`Full`] when not even header and question fit.
    pub fn new(
        buffer: &'b mut [u8],
        limit: usize,
        header: Header<'_>,
        question: Option<&Question<'_>>,
    ) -> Result<Self, Full> {
        let limit = limit.min(buffer.len());
        let mut writer = Self {
            buffer,
            at: HEADER,
            limit,
            flags: flag::QR | flags_kept(header.flags()),
            counts: [0; 3],
            edns: None,
        };
        let [a, b] = header.id().to_be_bytes();
        let questions = u8::from(question.is_some());
        let start = writer.buffer.get_mut(..HEADER).ok_or(Full)?;
        start.copy_from_slice(&[a, b, 0, 0, 0, questions, 0, 0, 0, 0, 0, 0]);
        writer.put(question.map_or(&[], |question| question.octets))?;
        Ok(writer)
    }

    /// Octets written so far.
    #[must_use]
    pub const fn position(&self) -> usize {
        self.at
    }

    /// Appends octets.
    ///
    /// # Errors
    /// [`Full`].
    #[inline]
    pub fn put(&mut self, octets: &[u8]) -> Result<(), Full> {
        let end = self.at + octets.len();
        if end > self.limit {
            return Err(Full);
        }
        self.buffer.get_mut(self.at..end).ok_or(Full)?.copy_from_slice(octets);
        self.at = end;
        Ok(())
    }

    /// Overwrites two octets written before with a compression pointer.
    ///
    /// # Errors
    /// [`Full`] when `at` was not written yet or `target` is out of a pointer's reach.
    #[inline]
    pub fn point(&mut self, at: usize, target: usize) -> Result<(), Full> {
        if target > MAX_POINTER || at + 2 > self.at {
            return Err(Full);
        }
        let pointer = (0xc000 | target as u16).to_be_bytes();
        self.buffer.get_mut(at..at + 2).ok_or(Full)?.copy_from_slice(&pointer);
        Ok(())
    }

    /// Overwrites two octets written before.
    pub fn overwrite(&mut self, at: usize, value: u16) {
        if let Some(place) = self.buffer.get_mut(at..at + 2) {
            place.copy_from_slice(&value.to_be_bytes());
        }
    }

    /// What was written from `at` on.
    #[must_use]
    pub fn written(&self, at: usize) -> &[u8] {
        self.buffer.get(at..self.at).unwrap_or(&[])
    }

    /// Counts records as written to a section.
    pub fn count(&mut self, section: Section, records: u16) {
        let [answer, authority, additional] = &mut self.counts;
        let count = match section {
            Section::Answer => answer,
            Section::Authority => authority,
            Section::Additional => additional,
        };
        *count = count.saturating_add(records);
    }

    /// The point reached.
    #[must_use]
    pub const fn mark(&self) -> Mark {
        Mark { at: self.at, counts: self.counts }
    }

    /// Takes everything back that was written since.
    pub fn rewind(&mut self, mark: Mark) {
        self.at = mark.at;
        self.counts = mark.counts;
    }

    /// Sets bits of the flags word.
    pub fn set_flags(&mut self, bits: u16) {
        self.flags |= bits;
    }

    /// True when all of these bits of the flags word are set.
    #[must_use]
    pub const fn has_flags(&self, bits: u16) -> bool {
        self.flags & bits == bits
    }

    /// Clears bits of the flags word.
    pub fn clear_flags(&mut self, bits: u16) {
        self.flags &= !bits;
    }

    /// Keeps room for an OPT record, which [`Self::finish`] writes, and so many octets of options.
    ///
    /// # Errors
    /// [`Full`].
    pub fn reserve_opt(
        &mut self,
        udp_payload_size: u16,
        dnssec_ok: bool,
        options: usize,
    ) -> Result<(), Full> {
        let room = OPT_RECORD + options;
        let limit = self.limit.checked_sub(room).filter(|&limit| limit >= self.at).ok_or(Full)?;
        self.limit = limit;
        self.edns = Some(OptRecord { udp_payload_size, dnssec_ok, options, block: 0 });
        Ok(())
    }

    /// Completes header and OPT record; gives the length of the response.
    ///
    /// Without an OPT record only the lower four bits of `rcode` can be told, and no option. Options are code and data;
    /// those for which there is neither room left nor kept are left out.
    #[must_use]
    pub fn finish<'o>(mut self, rcode: Rcode, options: impl IntoIterator<Item = (u16, &'o [u8])>) -> usize {
        if let Some(opt) = self.edns {
            self.limit += OPT_RECORD + opt.options;
            if self.opt(opt, rcode, options).is_ok() {
                self.count(Section::Additional, 1);
            }
        }
        self.overwrite(2, self.flags | rcode.0 & 15);
        let [answer, authority, additional] = self.counts;
        self.overwrite(6, answer);
        self.overwrite(8, authority);
        self.overwrite(10, additional);
        self.at
    }

    /// Has the response padded to a multiple of so many octets (RFC 7830), as far as the limit allows. Does nothing
    /// without an OPT record.
    pub fn pad_to(&mut self, block: usize) {
        if let Some(opt) = &mut self.edns {
            opt.block = block;
        }
    }

    fn opt<'o>(
        &mut self,
        opt: OptRecord,
        rcode: Rcode,
        options: impl IntoIterator<Item = (u16, &'o [u8])>,
    ) -> Result<(), Full> {
        let [a, b] = opt.udp_payload_size.to_be_bytes();
        let [c, d] = if opt.dnssec_ok { DNSSEC_OK } else { 0 }.to_be_bytes();
        self.put(&[0, 0, 41, a, b, (rcode.0 >> 4) as u8, 0, c, d, 0, 0])?;
        let start = self.at;
        for (code, data) in options {
            let ([a, b], Ok(length)) = (code.to_be_bytes(), u16::try_from(data.len())) else { continue };
            let [c, d] = length.to_be_bytes();
            if self.at + OPTION_HEAD + data.len() <= self.limit {
                self.put(&[a, b, c, d])?;
                self.put(data)?;
            }
        }
        self.pad(opt.block);
        self.overwrite(start - 2, (self.at - start) as u16);
        Ok(())
    }

    fn pad(&mut self, block: usize) {
        let bare = self.at + OPTION_HEAD;
        let whole = bare.checked_next_multiple_of(block).unwrap_or(bare).min(self.limit);
        let ([a, b], Some(zeros)) = (option::PADDING.to_be_bytes(), whole.checked_sub(bare)) else { return };
        let [c, d] = (zeros as u16).to_be_bytes();
        if block > 0
            && self.put(&[a, b, c, d]).is_ok()
            && let Some(space) = self.buffer.get_mut(self.at..whole)
        {
            space.fill(0);
            self.at = whole;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Query;

    const QUERY: &[u8] = b"\x12\x34\x01\x10\x00\x01\x00\x00\x00\x00\x00\x00\x01A\x00\x00\x01\x00\x01";

    #[test]
    fn header_question_and_opt() {
        let query = Query::read(QUERY).unwrap();
        let mut buffer = [0xee; 64];
        let mut writer = ResponseWriter::new(&mut buffer, 512, query.header, Some(&query.question)).unwrap();
        writer.reserve_opt(1232, true, 0).unwrap();
        writer.set_flags(flag::AA);
        let length = writer.finish(Rcode::BADVERS, []);
        let wanted = b"\x12\x34\x85\x10\x00\x01\x00\x00\x00\x00\x00\x01\x01A\x00\x00\x01\x00\x01\
            \x00\x00\x29\x04\xd0\x01\x00\x80\x00\x00\x00";
        assert_eq!(&buffer[..length], wanted);
    }

    #[test]
    fn the_limit_holds_and_the_opt_record_always_fits() {
        let query = Query::read(QUERY).unwrap();
        let mut buffer = [0; 64];
        let mut writer = ResponseWriter::new(&mut buffer, 40, query.header, Some(&query.question)).unwrap();
        writer.reserve_opt(512, false, 0).unwrap();
        let mark = writer.mark();
        writer.put(&[1; 10]).unwrap();
        assert_eq!(writer.put(&[1]), Err(Full));
        writer.rewind(mark);
        assert_eq!(writer.finish(Rcode::NOERROR, []), QUERY.len() + OPT_RECORD);
    }

    #[test]
    fn options_take_the_room_kept_for_them_and_what_is_left() {
        let query = Query::read(QUERY).unwrap();
        let mut buffer = [0; 64];
        let mut writer = ResponseWriter::new(&mut buffer, 43, query.header, Some(&query.question)).unwrap();
        writer.reserve_opt(512, false, 6).unwrap();
        assert_eq!(writer.put(&[1; 8]), Err(Full));
        writer.put(&[1; 3]).unwrap();
        let length = writer.finish(Rcode::NOERROR, [(3, &b"ab"[..]), (15, b"c")]);
        assert_eq!(length, QUERY.len() + 3 + OPT_RECORD + 6, "the second does not fit");
        assert_eq!(&buffer[length - 8..length], b"\x00\x06\x00\x03\x00\x02ab");
    }
}
