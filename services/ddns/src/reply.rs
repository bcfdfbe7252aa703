//! Answers: header, zone section, response code (RFC 2136 section 3.8).

use tenon_wire::message::edns::option;
use tenon_wire::message::{Rcode, ResponseWriter};

use crate::message::Asked;

/// Extended errors (RFC 8914 section 5.2).
pub mod extended {
    /// Not just now.
    pub const NOT_READY: u16 = 14;
    /// An access list has something against it.
    pub const PROHIBITED: u16 = 18;
    /// The zone's original is not here.
    pub const NOT_AUTHORITATIVE: u16 = 20;
}

/// The largest UDP message that we take, told in OPT records.
const UDP_PAYLOAD_SIZE: u16 = 1232;
/// Header, the longest zone section, an OPT record with an extended error.
const LONGEST: usize = 12 + 259 + 11 + 6;

/// An answer without signature. `extended` is told to who speaks EDNS.
#[must_use]
pub fn reply(asked: Asked<'_>, rcode: Rcode, extended: Option<u16>) -> Vec<u8> {
    let mut octets = vec![0; LONGEST];
    let Ok(mut writer) = ResponseWriter::new(&mut octets, LONGEST, asked.header, asked.zone.as_ref()) else {
        return Vec::new();
    };
    if let Some(edns) = asked.edns {
        // There is room for it: nothing but the question was written.
        let _room = writer.reserve_opt(UDP_PAYLOAD_SIZE, edns.dnssec_ok, 6);
    }
    let code = extended.map(u16::to_be_bytes);
    let options = code.iter().map(|code| (option::EXTENDED_ERROR, &code[..]));
    let length = writer.finish(rcode, options);
    octets.truncate(length);
    octets
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::UpdateMessage;
    use hickory_proto::op::{Message, ResponseCode};

    #[test]
    fn an_answer_is_read_by_others() {
        let update = b"\x12\x34\x28\x00\x00\x01\x00\x00\x00\x00\x00\x01\x07example\x00\x00\x06\x00\x01\
            \x00\x00\x29\x04\xd0\x00\x00\x80\x00\x00\x00";
        let asked = UpdateMessage::read(update).unwrap().asked;
        let octets = reply(asked, Rcode::REFUSED, Some(extended::PROHIBITED));
        let message = Message::from_vec(&octets).unwrap();
        assert_eq!((message.metadata.id, message.metadata.response_code), (0x1234, ResponseCode::Refused));
        assert_eq!((octets[2], message.queries.len()), (0xa8, 1));
        assert!(octets.ends_with(&[0, 15, 0, 2, 0, 18]));
        let without = UpdateMessage::read(&update[..25]).map(|_| ()).unwrap_err();
        assert_eq!(without.rcode, Rcode::FORMERR);
        assert_eq!(reply(without.asked.unwrap(), without.rcode, None)[3], 1);
    }
}
