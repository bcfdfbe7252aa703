//! NOTIFY on the wire (RFC 1996 section 3).

use tenon_wire::message::header::{HEADER, flag};
use tenon_wire::message::{Header, Opcode, Rcode};
use tenon_wire::{NameRef, RrType};

/// A notice with identifier 0: the zone's SOA is the question and, as a hint of the serial, the answer (section 3.7).
#[must_use]
pub fn notice(zone: NameRef<'_>, soa_ttl: u32, soa: &[u8]) -> Vec<u8> {
    let flags = u16::from(Opcode::NOTIFY.0) << 11 | flag::AA;
    let mut message: Vec<u8> = [0, flags, 1, 1, 0, 0].into_iter().flat_map(u16::to_be_bytes).collect();
    let kind = [RrType::SOA.0.to_be_bytes(), [0, 1]].concat();
    message.extend_from_slice(zone.octets());
    message.extend_from_slice(&kind);
    message.extend_from_slice(&[0xc0, HEADER as u8]);
    message.extend_from_slice(&kind);
    message.extend_from_slice(&soa_ttl.to_be_bytes());
    message.extend_from_slice(&u16::try_from(soa.len()).unwrap_or(u16::MAX).to_be_bytes());
    message.extend_from_slice(soa);
    message
}

/// Gives a notice its identifier.
pub fn set_id(notice: &mut [u8], id: u16) {
    notice.iter_mut().zip(id.to_be_bytes()).for_each(|(place, octet)| *place = octet);
}

/// Reads the answer to a notice: its identifier, its response code, and the zone unless it left the question out, as
/// some do with errors. None for anything else.
#[must_use]
pub fn answer(message: &[u8]) -> Option<(u16, Rcode, Option<NameRef<'_>>)> {
    let (header, body) = Header::split_from(message)?;
    if !header.is_response() || header.opcode() != Opcode::NOTIFY {
        return None;
    }
    let rcode = Rcode(header.flags() & 15);
    let zone = match header.counts() {
        [1, ..] => {
            let (name, rest) = NameRef::split_from(body).ok()?;
            rest.starts_with(&RrType::SOA.0.to_be_bytes()).then_some(name)?
        }
        [0, ..] if rcode != Rcode::NOERROR => return Some((header.id(), rcode, None)),
        _ => return None,
    };
    Some((header.id(), rcode, Some(zone)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_proto::op::{Message, MessageType, OpCode};
    use tenon_wire::Name;

    fn example() -> Vec<u8> {
        let zone: Name = "example.com.".parse().unwrap();
        let mut soa = b"\x02ns\x00\x05admin\x00".to_vec();
        [7u32, 1, 2, 3, 4].iter().for_each(|number| soa.extend(number.to_be_bytes()));
        notice(zone.as_ref(), 300, &soa)
    }

    #[test]
    fn others_read_it() {
        let mut octets = example();
        set_id(&mut octets, 0x1234);
        let message = Message::from_vec(&octets).unwrap();
        assert_eq!((message.metadata.id, message.metadata.op_code), (0x1234, OpCode::Notify));
        assert_eq!(message.metadata.message_type, MessageType::Query);
        assert!(message.metadata.authoritative);
        assert_eq!(message.queries[0].to_string(), "example.com. IN SOA");
        assert_eq!(message.answers[0].to_string(), "example.com. 300 IN SOA ns. admin. 7 1 2 3 4");
    }

    #[test]
    fn only_answers_to_notices_count() {
        let mut octets = example();
        assert!(answer(&octets).is_none(), "a notice is no answer");
        octets[2] |= 0x80;
        octets[3] = 9;
        let (id, rcode, zone) = answer(&octets).unwrap();
        assert_eq!((id, rcode, zone.unwrap().to_string().as_str()), (0, Rcode(9), "example.com."));
        let mut query = octets.clone();
        query[2] = 0x80;
        assert!(answer(&query).is_none(), "an answer to a query");
        octets[5] = 0;
        assert_eq!(answer(&octets[..12]).unwrap(), (0, Rcode(9), None));
        octets[3] = 0;
        assert!(answer(&octets[..12]).is_none(), "no error and no question");
    }
}
