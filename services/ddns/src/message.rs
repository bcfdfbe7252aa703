//! An UPDATE message (RFC 2136 section 2), read.

use tenon_wire::message::{
    Edns, Header, Query, QueryError, Question, Rcode, ResponseReader, Scratch, Section,
};
use tenon_wire::{Class, Name, RrType};

/// A record of the prerequisite or the update section. What its class and its missing data mean, the section says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// Its owner.
    pub owner: Name,
    /// Its type.
    pub rrtype: RrType,
    /// Its class.
    pub class: Class,
    /// Its time to live in seconds.
    pub ttl: u32,
    /// Its data, names in it uncompressed; not checked.
    pub rdata: Vec<u8>,
}

/// What an answer takes over from the message.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The header.
    pub header: Header<'a>,
    /// The zone section, if it could be read.
    pub zone: Option<Question<'a>>,
    /// The OPT record, if there is one.
    pub edns: Option<Edns<'a>>,
}

/// A message that makes sense as far as its form goes.
#[derive(Clone, Debug)]
pub struct UpdateMessage<'a> {
    /// For the answer.
    pub asked: Asked<'a>,
    /// Name of the zone, as written.
    pub zone: Name,
    /// The prerequisites, in their order.
    pub prerequisites: Vec<Record>,
    /// The updates, in their order.
    pub updates: Vec<Record>,
}

/// Why a message makes no sense.
#[derive(Clone, Debug)]
pub struct BadMessage<'a> {
    /// For the answer; none when there is to be none.
    pub asked: Option<Asked<'a>>,
    /// What to answer.
    pub rcode: Rcode,
    /// What is wrong, for people.
    pub reason: &'static str,
}

impl<'a> UpdateMessage<'a> {
    /// Reads a message.
    ///
    /// # Errors
    /// [`BadMessage`].
    pub fn read(message: &'a [u8]) -> Result<Self, BadMessage<'a>> {
        let silence = |reason| BadMessage { asked: None, rcode: Rcode::FORMERR, reason };
        let Err(QueryError::Opcode { header, question, edns, whole }) = Query::read(message) else {
            return Err(silence("it is no update"));
        };
        let asked = Asked { header, zone: question, edns };
        let bad = |rcode, reason| BadMessage { asked: Some(asked), rcode, reason };
        if header.opcode() != tenon_wire::message::Opcode::UPDATE {
            return Err(silence("it is no update"));
        }
        let Some(zone) = question.filter(|_| whole) else {
            return Err(bad(Rcode::FORMERR, "it cannot be read, or has not one zone"));
        };
        if edns.is_some_and(|edns| edns.version > 0) {
            return Err(bad(Rcode::BADVERS, "an unknown version of EDNS"));
        }
        if zone.rrtype != RrType::SOA {
            return Err(bad(Rcode::FORMERR, "the type of the zone section is not SOA"));
        }
        if zone.class != Class::IN {
            return Err(bad(Rcode::NOTAUTH, "a class that is not served"));
        }
        let (prerequisites, updates) =
            sections(message).ok_or_else(|| bad(Rcode::FORMERR, "a record that cannot be read"))?;
        Ok(Self { asked, zone: zone.name.to_name(), prerequisites, updates })
    }
}

/// The records of the two sections; none when one cannot be read.
fn sections(message: &[u8]) -> Option<(Vec<Record>, Vec<Record>)> {
    let mut reader = ResponseReader::new(message)?;
    while reader.question().ok()?.is_some() {}
    let (mut prerequisites, mut updates, mut scratch) = (Vec::new(), Vec::new(), Scratch::default());
    while let Some(record) = reader.record(&mut scratch).ok()? {
        let section = match record.section {
            Section::Answer => &mut prerequisites,
            Section::Authority => &mut updates,
            Section::Additional => break,
        };
        section.push(Record {
            owner: record.owner.to_name(),
            rrtype: record.rrtype,
            class: record.class,
            ttl: record.ttl,
            rdata: record.rdata.to_vec(),
        });
    }
    Some((prerequisites, updates))
}
