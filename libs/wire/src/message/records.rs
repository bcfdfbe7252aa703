//! The records of a response, one after the other, names written out (RFC 1035 section 4.1).

use super::decompress::decompress;
use super::header::{HEADER, Header};
use super::query::Question;
use super::writer::Section;
use crate::rdata::{RdataError, unpack};
use crate::{Class, NameError, NameRef, RrType};

/// Why a response cannot be read on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ReadError {
    /// The octets end inside the header, a question or a record.
    #[error("the message ends too early")]
    Short,
    /// Octets follow the last record.
    #[error("the message goes on behind its last record")]
    Trailing,
    /// A question that cannot be read.
    #[error("the question cannot be read")]
    Question,
    /// An owner name that cannot be read.
    #[error("owner name: {0}")]
    Owner(NameError),
    /// Record data that cannot be read.
    #[error("{rrtype} data: {error}")]
    Rdata {
        /// Type of the record.
        rrtype: RrType,
        /// What is wrong with its data.
        error: RdataError,
    },
}

/// A record of a response.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Record<'a> {
    /// Where in the response it stands.
    pub section: Section,
    /// Its owner, uncompressed.
    pub owner: NameRef<'a>,
    /// Its type.
    pub rrtype: RrType,
    /// Its class.
    pub class: Class,
    /// Its time to live as sent.
    pub ttl: u32,
    /// Its data, names in it uncompressed where a sender may compress them; not checked beyond that.
    pub rdata: &'a [u8],
}

/// Where a record is written out; used again for each.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    owner: Vec<u8>,
    rdata: Vec<u8>,
}

/// Reads a response from front to back.
#[derive(Clone, Debug)]
pub struct ResponseReader<'m> {
    message: &'m [u8],
    /// The header.
    pub header: Header<'m>,
    at: usize,
    questions: u16,
    left: [u16; 3],
}

impl<'m> ResponseReader<'m> {
    /// Reads the header; none when the message is shorter than that.
    #[must_use]
    pub fn new(message: &'m [u8]) -> Option<Self> {
        let (header, _) = Header::split_from(message)?;
        let [questions, answer, authority, additional] = header.counts();
        Some(Self { message, header, at: HEADER, questions, left: [answer, authority, additional] })
    }

    /// The next question; none when there is no further one. To be called until then before [`Self::record`].
    ///
    /// # Errors
    /// [`ReadError::Question`].
    pub fn question(&mut self) -> Result<Option<Question<'m>>, ReadError> {
        let Some(left) = self.questions.checked_sub(1) else { return Ok(None) };
        let body = self.message.get(self.at..).unwrap_or_default();
        let (question, _) = Question::split_from(body).ok_or(ReadError::Question)?;
        self.at += question.octets.len();
        self.questions = left;
        Ok(Some(question))
    }

    /// The next record, in whatever section; none behind the last.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn record<'s>(&mut self, scratch: &'s mut Scratch) -> Result<Option<Record<'s>>, ReadError> {
        let Some(section) = self.next_section() else {
            return if self.at == self.message.len() { Ok(None) } else { Err(ReadError::Trailing) };
        };
        scratch.owner.clear();
        scratch.rdata.clear();
        let head = decompress(self.message, self.at, &mut scratch.owner).map_err(ReadError::Owner)?;
        let rest = self.message.get(head..).ok_or(ReadError::Short)?;
        let (&[a, b, c, d, e, f, g, h, i, j], _) = rest.split_first_chunk().ok_or(ReadError::Short)?;
        let rrtype = RrType(u16::from_be_bytes([a, b]));
        let start = head + 10;
        let end = start + usize::from(u16::from_be_bytes([i, j]));
        if end > self.message.len() {
            return Err(ReadError::Short);
        }
        let class = Class(u16::from_be_bytes([c, d]));
        // In an update a type may stand for itself, without data (RFC 2136 sections 2.4 and 2.5).
        if start < end || !matches!(class, Class::ANY | Class::NONE) {
            unpack(rrtype, self.message, start, end, &mut scratch.rdata)
                .map_err(|error| ReadError::Rdata { rrtype, error })?;
        }
        self.at = end;
        Ok(Some(Record {
            section,
            owner: NameRef::from_octets(&scratch.owner).map_err(ReadError::Owner)?,
            rrtype,
            class,
            ttl: u32::from_be_bytes([e, f, g, h]),
            rdata: &scratch.rdata,
        }))
    }

    fn next_section(&mut self) -> Option<Section> {
        let sections = [Section::Answer, Section::Authority, Section::Additional];
        for (left, section) in self.left.iter_mut().zip(sections) {
            if let Some(fewer) = left.checked_sub(1) {
                *left = fewer;
                return Some(section);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RESPONSE: &[u8] = b"\x12\x34\x84\x00\x00\x01\x00\x02\x00\x00\x00\x01\
        \x07example\x00\x00\x06\x00\x01\
        \xc0\x0c\x00\x06\x00\x01\x00\x00\x0e\x10\x00\x1a\x02ns\xc0\x0c\x00\
        \x00\x00\x00\x07\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00\x03\x00\x00\x00\x04\
        \x03www\xc0\x0c\x00\x0f\x00\x01\x00\x00\x00\x3c\x00\x04\x00\x0a\xc0\x25\
        \x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00";

    #[test]
    fn records_are_written_out() {
        let mut reader = ResponseReader::new(RESPONSE).unwrap();
        let question = reader.question().unwrap().unwrap();
        assert_eq!((question.name.to_string().as_str(), question.rrtype), ("example.", RrType::SOA));
        assert!(reader.question().unwrap().is_none());
        let mut scratch = Scratch::default();
        let soa = reader.record(&mut scratch).unwrap().unwrap();
        assert_eq!((soa.owner.to_string().as_str(), soa.ttl), ("example.", 3600));
        assert!(soa.rdata.starts_with(b"\x02ns\x07example\x00\x00\x00\x00\x00\x07"));
        let mx = reader.record(&mut scratch).unwrap().unwrap();
        assert_eq!((mx.owner.to_string().as_str(), mx.rrtype), ("www.example.", RrType::MX));
        assert_eq!(mx.rdata, b"\x00\x0a\x02ns\x07example\x00");
        let opt = reader.record(&mut scratch).unwrap().unwrap();
        assert_eq!((opt.section, opt.rrtype), (Section::Additional, RrType::OPT));
        assert_eq!(reader.record(&mut scratch), Ok(None));
    }

    #[test]
    fn names_of_later_types_are_written_out_as_well() {
        let srv = b"\x00\x01\x00\x02\x00\x35\xc0\x0c";
        let head = b"\x00\x00\x84\x00\x00\x00\x00\x01\x00\x00\x00\x00\x01a\x00\x00\x21\x00\x01\x00\x00\x00\x00\x00\x08";
        let (message, mut scratch) = ([&head[..], srv].concat(), Scratch::default());
        let record = ResponseReader::new(&message).unwrap().record(&mut scratch).unwrap();
        assert_eq!(record.unwrap().rdata, b"\x00\x01\x00\x02\x00\x35\x01a\x00");
    }

    /// Everything, or the first thing that is wrong.
    fn read(message: &[u8]) -> Result<usize, ReadError> {
        let mut reader = ResponseReader::new(message).ok_or(ReadError::Short)?;
        while reader.question()?.is_some() {}
        let (mut scratch, mut count) = (Scratch::default(), 0);
        while reader.record(&mut scratch)?.is_some() {
            count += 1;
        }
        Ok(count)
    }

    #[test]
    fn every_cut_and_what_lies_behind_is_told() {
        assert_eq!(read(RESPONSE), Ok(3));
        for length in 0..RESPONSE.len() {
            assert!(read(&RESPONSE[..length]).is_err(), "{length}");
        }
        assert_eq!(read(&[RESPONSE, b"x"].concat()), Err(ReadError::Trailing));
    }

    #[test]
    fn pointers_lead_back_or_nowhere() {
        // An owner that points to itself, one that points ahead, and two that point to each other.
        for owner in [&b"\xc0\x0c"[..], b"\xc0\x0e", b"\xc0\xff", b"\x01a\xc0\x0c", b"\xc0\x0e\xc0\x0c"] {
            let head = b"\x00\x00\x84\x00\x00\x00\x00\x01\x00\x00\x00\x00";
            let message = [head, owner, &[0; 40]].concat();
            assert!(matches!(read(&message), Err(ReadError::Owner(_))), "{owner:?}");
        }
    }

    proptest! {
        #[test]
        fn any_change_is_read_without_panic(at in 0..RESPONSE.len(), to in any::<u8>(), length in 0..RESPONSE.len()) {
            let mut message = RESPONSE.to_vec();
            message[at] = to;
            let _ = read(&message);
            let _ = read(&message[..length]);
        }
    }
}
