//! Answers of one message that say why there is no transfer.

use tenon_tsig::Session;
use tenon_wire::message::edns::{DNSSEC_OK, flags_kept, option};
use tenon_wire::message::header::flag;
use tenon_wire::message::{Edns, Header, Question, Rcode};

/// Octets of the length before a message.
const LENGTH: usize = 2;
/// The largest UDP query that we take, told in OPT records.
const UDP_PAYLOAD_SIZE: u16 = 1232;

/// What an answer takes over from its query.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The header.
    pub header: Header<'a>,
    /// The question, if it could be read.
    pub question: Option<Question<'a>>,
    /// The OPT record, if there was one.
    pub edns: Option<Edns<'a>>,
}

/// A refusal, its length before it. `extended` is an extended error (RFC 8914), told to who speaks EDNS.
#[must_use]
pub fn refusal(asked: Asked<'_>, rcode: Rcode, extended: Option<u16>) -> Vec<u8> {
    let flags = flag::QR | flags_kept(asked.header.flags()) | rcode.0 & 15;
    let additional = u16::from(asked.edns.is_some());
    let words = [0, asked.header.id(), flags, u16::from(asked.question.is_some()), 0, 0, additional];
    let mut message: Vec<u8> = words.into_iter().flat_map(u16::to_be_bytes).collect();
    message.extend_from_slice(asked.question.map_or(&[], |question| question.octets));
    if let Some(edns) = asked.edns {
        push_opt(&mut message, edns, rcode, extended);
    }
    set_length(&mut message);
    message
}

/// Signs a message that has its length before it (RFC 8945 section 5.3). One that has no room for a signature stays
/// without, and the client will not believe it.
#[must_use]
pub fn signed(mut framed: Vec<u8>, session: Option<&mut Session>) -> Vec<u8> {
    let Some(session) = session else { return framed };
    let mut message = framed.split_off(LENGTH.min(framed.len()));
    let _ = session.sign(&mut message, tenon_tsig::now());
    framed.append(&mut message);
    set_length(&mut framed);
    framed
}

/// A message with its length before it.
#[must_use]
pub fn framed(message: &[u8]) -> Vec<u8> {
    let mut framed = [&[0; LENGTH], message].concat();
    set_length(&mut framed);
    framed
}

fn set_length(framed: &mut [u8]) {
    let length = u16::try_from(framed.len().saturating_sub(LENGTH)).unwrap_or(u16::MAX).to_be_bytes();
    framed.iter_mut().zip(length).for_each(|(place, octet)| *place = octet);
}

fn push_opt(message: &mut Vec<u8>, edns: Edns<'_>, rcode: Rcode, extended: Option<u16>) {
    message.extend_from_slice(&[0, 0, 41]);
    message.extend_from_slice(&UDP_PAYLOAD_SIZE.to_be_bytes());
    message.extend_from_slice(&[(rcode.0 >> 4) as u8, 0]);
    message.extend_from_slice(&if edns.dnssec_ok { DNSSEC_OK } else { 0 }.to_be_bytes());
    let Some(code) = extended else { return message.extend_from_slice(&[0, 0]) };
    for word in [6, option::EXTENDED_ERROR, 2, code] {
        message.extend_from_slice(&word.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_proto::op::{Message, ResponseCode};
    use tenon_wire::message::Query;

    const QUESTION: &[u8] =
        b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x01\x07example\x00\x00\xfc\x00\x01\
        \x00\x00\x29\x04\xd0\x00\x00\x80\x00\x00\x00";

    fn asked(query: &[u8]) -> Asked<'_> {
        let query = Query::read(query).unwrap();
        Asked { header: query.header, question: Some(query.question), edns: query.edns }
    }

    #[test]
    fn a_refusal_is_read_by_others() {
        let octets = refusal(asked(QUESTION), Rcode::REFUSED, Some(18));
        assert_eq!(usize::from(u16::from_be_bytes([octets[0], octets[1]])), octets.len() - 2);
        let message = Message::from_vec(&octets[2..]).unwrap();
        assert_eq!(message.metadata.id, 0x1234);
        assert_eq!(message.metadata.response_code, ResponseCode::Refused);
        assert!(message.metadata.recursion_desired && !message.metadata.authoritative);
        assert_eq!(message.queries.len(), 1);
        assert!(octets.windows(6).any(|octets| octets == [0, 15, 0, 2, 0, 18]));
        let bad_version = refusal(asked(QUESTION), Rcode::BADVERS, None);
        let rcode = Message::from_vec(&bad_version[2..]).unwrap().metadata.response_code;
        assert_eq!(u16::from(rcode), 16);
    }
}
