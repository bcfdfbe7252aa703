//! A primary, and the questions that it is asked.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use tenon_wire::message::header::HEADER;
use tenon_wire::message::{Opcode, Question, Rcode, ReadError, ResponseReader};
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

/// A question to a primary, and what an answer to it must look like.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'z> {
    /// Identifier of the message.
    pub id: u16,
    /// The zone.
    pub zone: NameRef<'z>,
    /// SOA or AXFR.
    pub rrtype: RrType,
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
        Self { id: random_id(), zone, rrtype }
    }

    /// The message.
    pub fn message(&self) -> Vec<u8> {
        let mut message = Vec::with_capacity(HEADER + self.zone.octets().len() + 4);
        message.extend(self.id.to_be_bytes());
        message.extend([0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        message.extend_from_slice(self.zone.octets());
        message.extend(self.rrtype.0.to_be_bytes());
        message.extend(Class::IN.0.to_be_bytes());
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

/// The response code of the header; its extension is not looked at, as nobody asked for EDNS.
pub fn rcode(reader: &ResponseReader<'_>) -> Rcode {
    Rcode(reader.header.flags() & 15)
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
        let asked = Asked { id: 0x1234, zone: zone.as_ref(), rrtype: RrType::SOA };
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
