//! What an answer says, read by the `domain` crate, in a form in which answers can be compared.

use std::collections::BTreeSet;
use std::fmt;

use domain::base::iana::Rtype;
use domain::base::name::ParsedName;
use domain::base::{Message, ParsedRecord};
use domain::rdata::AllRecordData;

/// An answer without its number: names in lower case, records sorted.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Reading {
    /// Response code, extended where there is an OPT record.
    pub rcode: u16,
    /// Names of the flags that are set.
    pub flags: Vec<&'static str>,
    /// The OPT record's DO bit, if there is an OPT record.
    pub edns: Option<bool>,
    /// Answer section.
    pub answer: Vec<Line>,
    /// Authority section.
    pub authority: Vec<Line>,
    /// Additional section, less the OPT record.
    pub additional: Vec<Line>,
    /// Octets of the message.
    pub octets: usize,
}

/// One record.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Line {
    /// Owner.
    pub owner: String,
    /// Type.
    pub rrtype: String,
    /// TTL in seconds.
    pub ttl: u32,
    /// Data, as text.
    pub data: String,
    /// Names in the data that may lead to addresses.
    pub target: Option<String>,
}

impl Line {
    /// True for this type, and for signatures over it.
    #[must_use]
    pub fn is_about(&self, rrtype: &str) -> bool {
        self.rrtype == rrtype
            || self.rrtype == "RRSIG" && self.data.split(' ').next() == Some(&rrtype.to_lowercase())
    }
}

impl Reading {
    /// Reads a message; none when it is none.
    #[must_use]
    pub fn of(octets: &[u8]) -> Option<Self> {
        let message = Message::from_octets(octets).ok()?;
        let header = message.header();
        let flags = [
            (header.qr(), "QR"),
            (header.aa(), "AA"),
            (header.tc(), "TC"),
            (header.rd(), "RD"),
            (header.ra(), "RA"),
            (header.z(), "Z"),
            (header.ad(), "AD"),
            (header.cd(), "CD"),
        ];
        let mut reading = Self {
            rcode: header.rcode().to_int().into(),
            flags: flags.into_iter().filter(|(set, _)| *set).map(|(_, name)| name).collect(),
            octets: octets.len(),
            ..Self::default()
        };
        let (_, answer, authority, additional) = message.sections().ok()?;
        reading.answer = lines(answer)?;
        reading.authority = lines(authority)?;
        reading.additional = lines(additional)?;
        if let Some(opt) = message.opt() {
            reading.rcode = opt.rcode(header).to_int();
            reading.edns = Some(opt.dnssec_ok());
        }
        Some(reading)
    }

    /// Takes out what servers add as a courtesy where they please: the zone's name servers beside a positive answer, and
    /// addresses that nothing in the answer or the authority section leads to.
    pub fn leave_courtesies_out(&mut self) {
        if !self.answer.is_empty() {
            self.authority.retain(|line| !line.is_about("NS"));
        }
        let wanted: BTreeSet<&String> =
            self.answer.iter().chain(&self.authority).filter_map(|line| line.target.as_ref()).collect();
        self.additional.retain(|line| wanted.contains(&line.owner));
    }

    /// The kind of answer it is: code, and the types of each section.
    #[must_use]
    pub fn shape(&self) -> String {
        let mut text = format!("{}{}", self.rcode, if self.flags.contains(&"AA") { "AA" } else { "" });
        for (mark, section) in [('>', &self.answer), ('~', &self.authority), ('+', &self.additional)] {
            let types: BTreeSet<&str> =
                section.iter().map(|line| line.rrtype.as_str()).filter(|&rrtype| rrtype != "RRSIG").collect();
            for rrtype in types {
                text.push(mark);
                text.push_str(rrtype);
            }
        }
        text
    }

    /// True when the server had more to say than the datagram could take.
    #[must_use]
    pub fn is_truncated(&self) -> bool {
        self.flags.contains(&"TC")
    }
}

fn lines(section: domain::base::RecordSection<'_, &[u8]>) -> Option<Vec<Line>> {
    let mut lines = Vec::new();
    for record in section {
        let record = record.ok()?;
        if record.rtype() != Rtype::OPT {
            lines.push(line(&record)?);
        }
    }
    lines.sort();
    Some(lines)
}

fn line(record: &ParsedRecord<'_, &[u8]>) -> Option<Line> {
    let owner = record.owner().to_string().to_lowercase();
    let rrtype = record.rtype();
    let record = record.to_record::<AllRecordData<_, ParsedName<_>>>().ok()??;
    let data = record.data();
    let target = match data {
        AllRecordData::Ns(data) => Some(data.nsdname()),
        AllRecordData::Mx(data) => Some(data.exchange()),
        AllRecordData::Srv(data) => Some(data.target()),
        AllRecordData::Naptr(data) => Some(data.replacement()),
        AllRecordData::Svcb(data) => Some(data.target()),
        AllRecordData::Https(data) => Some(data.target()),
        _ => None,
    };
    Some(Line {
        target: target.map(|name| name.to_string().to_lowercase()),
        ttl: record.ttl().as_secs(),
        owner,
        rrtype: rrtype.to_string(),
        data: data.to_string().to_lowercase(),
    })
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let edns = match self.edns {
            None => "no OPT",
            Some(false) => "OPT",
            Some(true) => "OPT DO",
        };
        writeln!(f, "  rcode {} {} {edns}, {} octets", self.rcode, self.flags.join(" "), self.octets)?;
        for (mark, section) in [('>', &self.answer), ('~', &self.authority), ('+', &self.additional)] {
            for Line { owner, ttl, rrtype, data, .. } in section {
                writeln!(f, "  {mark} {owner} {ttl} {rrtype} {data}")?;
            }
        }
        Ok(())
    }
}
