//! A query, read in place.

use super::edns::Edns;
use super::header::{HEADER, Header, Opcode};
use crate::{Class, NameRef, RrType};

/// The question of a query.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Name asked for, as written by the client.
    pub name: NameRef<'a>,
    /// Type asked for.
    pub rrtype: RrType,
    /// Class asked for.
    pub class: Class,
    /// The whole question section, to be copied into the response.
    pub octets: &'a [u8],
}

/// A query that could be read.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// The header.
    pub header: Header<'a>,
    /// The one question.
    pub question: Question<'a>,
    /// The OPT record, if there is one.
    pub edns: Option<Edns<'a>>,
}

/// Why octets are not a query that can be answered.
#[derive(Clone, Copy, Debug)]
pub enum QueryError<'a> {
    /// Too short for a header, or a response: nothing is to be sent back.
    Ignore,
    /// Not a well-formed query; holds what could be read.
    Malformed {
        /// The header.
        header: Header<'a>,
        /// The question, if that much could be read.
        question: Option<Question<'a>>,
        /// The one OPT record, if everything around it could be read.
        edns: Option<Edns<'a>>,
    },
    /// An opcode other than QUERY.
    Opcode {
        /// The header.
        header: Header<'a>,
        /// The one question, if there is one and it could be read.
        question: Option<Question<'a>>,
        /// The OPT record, if there is one and the message could be read.
        edns: Option<Edns<'a>>,
        /// All of the message could be read.
        whole: bool,
    },
}

impl<'a> Query<'a> {
    /// Reads a message as a query.
    ///
    /// Strict as the peers are: exactly one question (RFC 9619), every record's length adds up, at most one OPT and only
    /// in the additional section (RFC 6891 section 6.1.1), nothing behind the last record.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub fn read(message: &'a [u8]) -> Result<Self, QueryError<'a>> {
        let (header, body) = Header::split_from(message).ok_or(QueryError::Ignore)?;
        if header.is_response() {
            return Err(QueryError::Ignore);
        }
        let [questions, answer, authority, additional] = header.counts();
        let others = u32::from(answer) + u32::from(authority);
        let (question, rest) = match questions {
            1 => Question::split_from(body).map_or((None, body), |(question, rest)| (Some(question), rest)),
            _ => (None, body),
        };
        let read_records = || {
            let start = HEADER + question.map_or(0, |question| question.octets.len());
            Records { message, at: start, edns: None }.read(others, additional)
        };
        // An OPT record behind questions that were not read would be found by guessing only.
        let readable = questions == 0 || question.is_some();
        let edns = |records: Option<Found<'a>>| records.filter(|_| readable).and_then(|found| found.edns);
        if header.opcode() != Opcode::QUERY {
            let records = read_records();
            let whole = records.as_ref().is_some_and(|found| found.whole);
            return Err(QueryError::Opcode { header, question, edns: edns(records), whole });
        }
        let Some(question) = question else {
            return Err(QueryError::Malformed { header, question: None, edns: edns(read_records()) });
        };
        if others == 0 && additional == 0 && rest.is_empty() {
            return Ok(Self { header, question, edns: None });
        }
        match read_records() {
            Some(Found { edns, whole: true }) => Ok(Self { header, question, edns }),
            found => Err(QueryError::Malformed { header, question: Some(question), edns: edns(found) }),
        }
    }
}

impl<'a> Question<'a> {
    /// Takes a question from the front of `body`; gives it and the octets behind it.
    pub(super) fn split_from(body: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (name, rest) = NameRef::split_from(body).ok()?;
        let (&[a, b, c, d], rest) = rest.split_first_chunk()?;
        let octets = body.get(..name.octets().len() + 4)?;
        let (rrtype, class) = (RrType(u16::from_be_bytes([a, b])), Class(u16::from_be_bytes([c, d])));
        Some((Self { name, rrtype, class, octets }, rest))
    }
}

/// Walks over the records behind the question.
struct Records<'a> {
    message: &'a [u8],
    at: usize,
    edns: Option<Edns<'a>>,
}

/// What the records behind the question came to.
struct Found<'a> {
    /// The OPT record, if any.
    edns: Option<Edns<'a>>,
    /// Nothing lies behind the last record.
    whole: bool,
}

impl<'a> Records<'a> {
    /// None when something is malformed.
    fn read(mut self, others: u32, additional: u16) -> Option<Found<'a>> {
        for _ in 0..others {
            self.record(false)?;
        }
        for _ in 0..additional {
            self.record(true)?;
        }
        Some(Found { edns: self.edns, whole: self.at == self.message.len() })
    }

    fn record(&mut self, additional: bool) -> Option<()> {
        let owner = self.at;
        self.skip_name()?;
        let root_owner = self.at == owner + 1;
        let (&[a, b, c, d, e, f, g, h, i, j], data) = self.message.get(self.at..)?.split_first_chunk()?;
        let length = u16::from_be_bytes([i, j]) as usize;
        let data = data.get(..length)?;
        self.at += 10 + length;
        if RrType(u16::from_be_bytes([a, b])) == RrType::OPT {
            if !additional || !root_owner || self.edns.is_some() {
                return None;
            }
            let (class, ttl) = (u16::from_be_bytes([c, d]), u32::from_be_bytes([e, f, g, h]));
            self.edns = Some(Edns::read(class, ttl, data)?);
        }
        Some(())
    }

    /// Steps over a name; a compression pointer ends it and must point backwards.
    fn skip_name(&mut self) -> Option<()> {
        let start = self.at;
        loop {
            let length = *self.message.get(self.at)? as usize;
            match length {
                0 => {
                    self.at += 1;
                    return Some(());
                }
                1..=63 => self.at += 1 + length,
                192.. => {
                    let target = (length & 63) << 8 | *self.message.get(self.at + 1)? as usize;
                    self.at += 2;
                    return (target >= HEADER && target < start).then_some(());
                }
                _ => return None,
            }
            if self.at - start >= crate::name::MAX_NAME {
                return None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const QUESTION: &[u8] = b"\x01a\x00\x00\x01\x00\x01";
    const OPT: &[u8] = b"\x00\x00\x29\x04\xd0\x00\x00\x80\x00\x00\x00";

    fn message(counts: [u8; 4], parts: &[&[u8]]) -> Vec<u8> {
        let mut octets = vec![0xab, 0xcd, 1, 0];
        counts.iter().for_each(|&count| octets.extend([0, count]));
        parts.iter().for_each(|part| octets.extend_from_slice(part));
        octets
    }

    fn malformed(message: &[u8]) -> bool {
        matches!(Query::read(message), Err(QueryError::Malformed { .. }))
    }

    #[test]
    fn plain_and_with_edns() {
        let plain = message([1, 0, 0, 0], &[QUESTION]);
        let query = Query::read(&plain).unwrap();
        assert_eq!((query.header.id(), query.question.rrtype, query.edns), (0xabcd, RrType::A, None));
        let record = b"\x00\x00\x01\x00\x01\x00\x00\x00\x00\x00\x04\x7f\x00\x00\x01";
        for parts in [[QUESTION, OPT, record], [QUESTION, record, OPT]] {
            let octets = message([1, 0, 0, 2], &parts);
            let edns = Query::read(&octets).unwrap().edns.unwrap();
            assert_eq!((edns.udp_payload_size, edns.version, edns.dnssec_ok), (1232, 0, true));
        }
    }

    #[test]
    fn bad_messages_are_malformed() {
        assert!(malformed(&message([0, 0, 0, 0], &[])), "no question");
        assert!(malformed(&message([2, 0, 0, 0], &[QUESTION, QUESTION])), "two questions");
        assert!(malformed(&message([1, 0, 0, 0], &[b"\xc0\x0c\x00\x01\x00\x01"])), "pointer as question");
        assert!(malformed(&message([1, 0, 0, 0], &[QUESTION, b"x"])), "trailing octet");
        assert!(malformed(&message([1, 0, 0, 1], &[QUESTION])), "record missing");
        assert!(malformed(&message([1, 0, 0, 2], &[QUESTION, OPT, OPT])), "two OPT");
        assert!(malformed(&message([1, 1, 0, 0], &[QUESTION, OPT])), "OPT as an answer");
        assert!(malformed(&message([1, 0, 0, 1], &[QUESTION, b"\x01a", OPT])), "OPT that is not at the root");
        assert!(malformed(&message(
            [1, 0, 0, 1],
            &[QUESTION, b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x03\x00\x03\x00"]
        )));
        assert!(
            malformed(&message(
                [1, 0, 0, 1],
                &[QUESTION, b"\xc0\x20\x00\x01\x00\x01\x00\x00\x00\x00\x00\x00"]
            )),
            "forward"
        );
    }

    #[test]
    fn responses_and_stubs_are_ignored() {
        assert!(matches!(Query::read(&[0; 11]), Err(QueryError::Ignore)));
        let mut response = message([1, 0, 0, 0], &[QUESTION]);
        response[2] |= 0x80;
        assert!(matches!(Query::read(&response), Err(QueryError::Ignore)));
    }

    #[test]
    fn other_opcodes_are_told_apart() {
        let mut notify = message([1, 0, 0, 0], &[QUESTION]);
        notify[2] = 0x20;
        assert!(
            matches!(Query::read(&notify), Err(QueryError::Opcode { header, question: Some(_), edns: None, whole: true }) if header.opcode() == Opcode::NOTIFY)
        );
    }

    #[test]
    fn errors_tell_of_the_opt_record_where_it_is_certain() {
        let edns_of = |octets: &[u8]| match Query::read(octets) {
            Err(QueryError::Malformed { edns, .. } | QueryError::Opcode { edns, .. }) => edns.is_some(),
            other => panic!("{other:?}"),
        };
        assert!(edns_of(&message([0, 0, 0, 1], &[OPT])), "no question");
        assert!(edns_of(&message([1, 0, 0, 1], &[QUESTION, OPT, b"x"])), "trailing octet");
        assert!(!edns_of(&message([2, 0, 0, 1], &[QUESTION, QUESTION, OPT])), "two questions");
        assert!(!edns_of(&message([1, 0, 0, 2], &[QUESTION, OPT, OPT])), "two OPT");
        assert!(!edns_of(&message([1, 0, 0, 2], &[QUESTION, OPT])), "a record missing");
        let mut status = message([1, 0, 0, 1], &[QUESTION, OPT]);
        status[2] = 0x10;
        assert!(edns_of(&status), "STATUS");
        status.pop();
        assert!(!edns_of(&status), "STATUS cut short");
    }

    proptest! {
        #[test]
        fn any_octets_are_read_without_panic(octets in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = Query::read(&octets);
        }

        #[test]
        fn what_hickory_can_write_we_can_read(labels in prop::collection::vec("[a-z]{1,9}", 1..6), code in 1u16..60) {
            use hickory_proto::{op, rr};
            let name = rr::Name::from_ascii(format!("{}.", labels.join("."))).unwrap();
            let mut theirs = op::Message::new(7, op::MessageType::Query, op::OpCode::Query);
            theirs.add_query(op::Query::query(name.clone(), rr::RecordType::from(code)));
            let octets = theirs.to_vec().unwrap();
            let ours = Query::read(&octets).unwrap();
            prop_assert_eq!(ours.question.name.to_string(), name.to_string());
            prop_assert_eq!(ours.question.rrtype.0, code);
        }
    }
}
