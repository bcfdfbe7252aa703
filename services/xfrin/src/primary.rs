//! A primary, and the questions that it is asked.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use tenon_tsig::{AnswerCheck, Key, TsigError, sign_request};
use tenon_wire::message::edns::option;
use tenon_wire::message::header::HEADER;
use tenon_wire::message::{Opcode, Question, Rcode, ReadError, Record, ResponseReader, Section};
use tenon_wire::rdata::Soa;
use tenon_wire::{Class, NameRef, RrType};

/// Where a zone comes from.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Primary(pub SocketAddr);

/// Written as `192.0.2.1@53`, as the settings and other name servers write it.
impl fmt::Display for Primary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.0.ip(), self.0.port())
    }
}

/// Why a text and a port are no primary.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrimaryError {
    /// No address.
    #[error("{0:?} is no IPv4 or IPv6 address")]
    Address(String),
    /// An address that nobody has.
    #[error("{0} is not the address of a host")]
    NoHost(IpAddr),
    /// Port 0.
    #[error("port 0 cannot be connected to")]
    Port,
}

impl Primary {
    /// The primary at this address and port.
    ///
    /// # Errors
    /// See [`PrimaryError`].
    pub fn read(address: &str, port: u16) -> Result<Self, PrimaryError> {
        let ip: IpAddr = address.parse().map_err(|_| PrimaryError::Address(address.to_owned()))?;
        let is_broadcast = matches!(ip, IpAddr::V4(ip) if ip.is_broadcast());
        if ip.is_unspecified() || ip.is_multicast() || is_broadcast {
            return Err(PrimaryError::NoHost(ip));
        }
        if port == 0 { Err(PrimaryError::Port) } else { Ok(Self(SocketAddr::new(ip, port))) }
    }
}

/// An OPT record for datagrams of 1232 octets with an empty EXPIRE option (RFC 7314 section 3.1).
const OPT_WITH_EXPIRE: [u8; 15] = [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 4, 0, 9, 0, 0];

/// A question to a primary, and what an answer to it must look like.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'z> {
    /// Identifier of the message.
    pub id: u16,
    /// The zone.
    pub zone: NameRef<'z>,
    /// SOA, AXFR or IXFR.
    pub rrtype: RrType,
    /// The numbers of the SOA that is stored, in an IXFR question.
    pub have: Option<Soa>,
    /// It asks, by EDNS, for how long the zone may still be answered.
    pub edns: bool,
    /// The key that it is signed with, and its answer too.
    pub key: Option<&'z Key>,
}

/// Why a message is no answer to the question.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NoAnswer {
    /// Shorter than a header.
    #[error("a message of {0} octets, shorter than a header")]
    Header(usize),
    /// A query.
    #[error("a query where a response was expected")]
    Query,
    /// Another identifier.
    #[error("a response with identifier {got} to the query with identifier {wanted}")]
    Id {
        /// Ours.
        wanted: u16,
        /// Theirs.
        got: u16,
    },
    /// Another kind of message.
    #[error("a response with opcode {0}")]
    Opcode(u8),
    /// Another question, or several.
    #[error("a response to another question")]
    Question,
    /// A message that cannot be read.
    #[error("a malformed response: {0}")]
    Malformed(ReadError),
}

impl<'z> Asked<'z> {
    /// A question with an identifier that cannot be guessed.
    pub fn new(zone: NameRef<'z>, rrtype: RrType) -> Self {
        Self { id: random_id(), zone, rrtype, have: None, edns: true, key: None }
    }

    /// The same without EDNS, which some do not know.
    #[must_use]
    pub const fn without_edns(self) -> Self {
        Self { edns: false, ..self }
    }

    /// The same, signed with a key.
    #[must_use]
    pub const fn signed_with(self, key: Option<&'z Key>) -> Self {
        Self { key, ..self }
    }

    /// The message, signed if it is to be, and what its answer is then held against.
    ///
    /// # Errors
    /// The message has no room for a signature, which none is long enough for.
    pub fn signed(&self) -> Result<(Vec<u8>, Option<AnswerCheck>), TsigError> {
        let mut message = self.message();
        let Some(key) = self.key else { return Ok((message, None)) };
        let check = sign_request(&mut message, key, tenon_tsig::now())
            .map_err(|_| TsigError::Malformed("the question has no room for a signature"))?;
        Ok((message, Some(check)))
    }

    /// The same question with another identifier.
    #[must_use]
    pub fn anew(&self) -> Self {
        Self { id: random_id(), ..*self }
    }

    /// A question for what changed since the version that is stored (RFC 1995 section 3).
    pub fn for_changes(zone: NameRef<'z>, have: Soa) -> Self {
        Self { have: Some(have), ..Self::new(zone, RrType::IXFR) }
    }

    /// The message.
    pub fn message(&self) -> Vec<u8> {
        let mut message = Vec::with_capacity(HEADER + self.zone.octets().len() + 4);
        message.extend(self.id.to_be_bytes());
        message.extend([0, 0, 0, 1, 0, 0, 0, self.have.is_some().into(), 0, self.edns.into()]);
        message.extend_from_slice(self.zone.octets());
        message.extend(self.rrtype.0.to_be_bytes());
        message.extend(Class::IN.0.to_be_bytes());
        if let Some(soa) = self.have {
            push_soa(&mut message, soa);
        }
        if self.edns {
            message.extend_from_slice(&OPT_WITH_EXPIRE);
        }
        message
    }

    /// Reads the head of an answer, up to the first record. A question is there once and the same, or, with
    /// `may_lack_question`, not there (RFC 5936 section 2.2.2: in the messages of a transfer behind the first).
    ///
    /// # Errors
    /// See [`NoAnswer`].
    pub fn answer<'m>(
        &self,
        message: &'m [u8],
        may_lack_question: bool,
    ) -> Result<ResponseReader<'m>, NoAnswer> {
        let mut reader = ResponseReader::new(message).ok_or(NoAnswer::Header(message.len()))?;
        let header = reader.header;
        if !header.is_response() {
            return Err(NoAnswer::Query);
        }
        if header.id() != self.id {
            return Err(NoAnswer::Id { wanted: self.id, got: header.id() });
        }
        if header.opcode() != Opcode::QUERY {
            return Err(NoAnswer::Opcode(header.opcode().0));
        }
        let [questions, ..] = header.counts();
        let is_error = rcode(&reader) != Rcode::NOERROR;
        match reader.question().map_err(NoAnswer::Malformed)? {
            Some(question) if questions == 1 && self.is_mine(&question) => Ok(reader),
            // Servers that did not understand us send the header alone.
            None if may_lack_question || is_error => Ok(reader),
            _ => Err(NoAnswer::Question),
        }
    }

    fn is_mine(&self, question: &Question<'_>) -> bool {
        question.name == self.zone && question.rrtype == self.rrtype && question.class == Class::IN
    }
}

/// The response code of the header; its extension is not looked at, as nothing is asked for that it tells of.
pub fn rcode(reader: &ResponseReader<'_>) -> Rcode {
    Rcode(reader.header.flags() & 15)
}

/// What the EXPIRE option of a response says (RFC 7314): for how many seconds the zone may still be answered.
pub fn expire_option(record: &Record<'_>) -> Option<u32> {
    let mut options = record.rdata;
    if record.section != Section::Additional || record.rrtype != RrType::OPT {
        return None;
    }
    loop {
        let (&[a, b, c, d], rest) = options.split_first_chunk::<4>()?;
        let (data, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([c, d])))?;
        if u16::from_be_bytes([a, b]) == option::EXPIRE {
            return data.try_into().ok().map(u32::from_be_bytes);
        }
        options = rest;
    }
}

/// The SOA record of the question's name; its names, which nobody looks at, are the root.
fn push_soa(message: &mut Vec<u8>, soa: Soa) {
    message.extend([0xc0, HEADER as u8]);
    message.extend(RrType::SOA.0.to_be_bytes());
    message.extend(Class::IN.0.to_be_bytes());
    message.extend([0, 0, 0, 0, 0, 22, 0, 0]);
    for number in [soa.serial, soa.refresh, soa.retry, soa.expire, soa.minimum] {
        message.extend(number.to_be_bytes());
    }
}

fn random_id() -> u16 {
    let mut octets = [0; 2];
    // Fails only where the kernel has no random numbers at all, and then a guessable one is the least trouble.
    let _ = rustix::rand::getrandom(&mut octets, rustix::rand::GetRandomFlags::empty());
    u16::from_be_bytes(octets)
}

#[cfg(test)]
mod tests {
    use tenon_wire::Name;

    use super::*;

    #[test]
    fn addresses_of_nobody_are_refused() {
        assert_eq!(Primary::read("192.0.2.1", 53).unwrap().to_string(), "192.0.2.1@53");
        assert_eq!(Primary::read("2001:db8::1", 5300).unwrap().to_string(), "2001:db8::1@5300");
        for (address, port) in [("x", 53), ("0.0.0.0", 53), ("::", 53), ("224.0.0.1", 53), ("192.0.2.1", 0)] {
            assert!(Primary::read(address, port).is_err(), "{address} {port}");
        }
    }

    #[test]
    fn an_answer_is_to_the_question() {
        let zone: Name = "Example.".parse().unwrap();
        let asked = Asked {
            id: 0x1234,
            zone: zone.as_ref(),
            rrtype: RrType::SOA,
            have: None,
            edns: false,
            key: None,
        };
        let mut answer = asked.message();
        assert_eq!(asked.answer(&answer, false).err(), Some(NoAnswer::Query));
        answer[2] = 0x84;
        assert!(asked.answer(&answer, false).is_ok());
        answer[13] = b'e';
        assert!(asked.answer(&answer, false).is_ok(), "case does not count");
        answer[13] = b'x';
        assert_eq!(asked.answer(&answer, false).err(), Some(NoAnswer::Question));
        answer[0] = 0;
        assert_eq!(asked.answer(&answer, false).err(), Some(NoAnswer::Id { wanted: 0x1234, got: 0x34 }));
        assert_eq!(asked.answer(&answer[..5], false).err(), Some(NoAnswer::Header(5)));
        let head = b"\x12\x34\x84\x00\0\0\0\0\0\0\0\0";
        assert_eq!(asked.answer(head, false).err(), Some(NoAnswer::Question));
        assert!(asked.answer(head, true).is_ok());
        assert!(asked.answer(b"\x12\x34\x80\x05\0\0\0\0\0\0\0\0", false).is_ok(), "REFUSED needs none");
    }
}
