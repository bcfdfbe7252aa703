//! What an answer is to be, compared with what hickory-proto reads in it.

use std::fmt::Write as _;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{RData, Record};
use tenon_wire::message::Rcode;
use tenon_wire::rdata::{display, parse_line};
use tenon_wire::{Name, RrType};

/// The lines of one answer.
#[derive(Default)]
pub(crate) struct Expected {
    /// Response code and flags.
    head: String,
    records: [Vec<Pattern>; 3],
    /// Codes of extended errors.
    errors: Vec<u16>,
    nsid: Option<String>,
    /// Code and octets in hex of other options, in their order.
    options: Vec<(u16, String)>,
}

/// A record that is wanted.
struct Pattern {
    line: String,
    head: Head,
    data: Data,
}

/// Owner as hickory-proto shows it, TTL and type.
type Head = (String, u32, RrType);

enum Data {
    /// `...`
    Any,
    /// Signatures over this type.
    Covers(RrType),
    /// Octets, or what hickory-proto shows where it knows the type.
    Exactly(String),
}

impl Expected {
    pub(crate) fn line(&mut self, line: &str, number: usize) {
        let (mark, rest) = line.split_once(' ').unwrap_or((line, ""));
        match mark {
            ">" => self.records[0].push(Pattern::read(rest, number)),
            "~" => self.records[1].push(Pattern::read(rest, number)),
            "+" => self.records[2].push(Pattern::read(rest, number)),
            "ede" => self.errors.push(rest.parse().unwrap()),
            "nsid" => self.nsid = Some(rest.to_owned()),
            "option" => {
                let (code, hex) = rest.split_once(' ').unwrap_or((rest, ""));
                self.options.push((code.parse().unwrap(), hex.to_owned()));
            }
            _ if self.head.is_empty() => line.trim_end().clone_into(&mut self.head),
            _ => panic!("line {number}: neither a record (>, ~, +) nor ede nor nsid"),
        }
    }

    /// None when the answer is as wanted.
    pub(crate) fn difference(&self, message: &Message) -> Option<String> {
        let mut text = String::new();
        let came = head(message);
        if came != self.head {
            let _ = writeln!(text, "{} was wanted", self.head);
        }
        for (patterns, (mark, section)) in self.records.iter().zip(sections(message)) {
            let mut left: Vec<&Record> = section.iter().collect();
            for pattern in patterns {
                match left.iter().position(|record| pattern.matches(record)) {
                    Some(at) => drop(left.remove(at)),
                    None => writeln!(text, "missing {mark} {}", pattern.line).unwrap(),
                }
            }
            left.iter().for_each(|record| writeln!(text, "too much {mark} {}", show(record)).unwrap());
        }
        let found = Options::of(message);
        if (&found.errors, &found.nsid, &found.others) != (&self.errors, &self.nsid, &self.options) {
            let _ = writeln!(text, "{found:?}");
        }
        (!text.is_empty()).then_some(text)
    }
}

impl Pattern {
    fn read(line: &str, number: usize) -> Self {
        let mut words = line.splitn(4, ' ');
        let mut word = || words.next().unwrap_or_else(|| panic!("line {number}: OWNER TTL TYPE DATA"));
        let (owner, ttl, rrtype): (Name, u32, RrType) =
            (word().parse().unwrap(), word().parse().unwrap(), word().parse().unwrap());
        let text = words.next().unwrap_or("");
        let data = match text.parse() {
            _ if text == "..." => Data::Any,
            Ok(covered) if rrtype == RrType::RRSIG => Data::Covers(covered),
            _ => {
                let rdata = parse_line(rrtype, text, None);
                let rdata = rdata.unwrap_or_else(|error| panic!("line {number}: {error}"));
                let record = through_hickory(&owner, rrtype, &rdata);
                Data::Exactly(data_of(&record))
            }
        };
        let owner = through_hickory(&owner, RrType::NULL, &[0]).name.to_string();
        Self { line: line.to_owned(), head: (owner, ttl, rrtype), data }
    }

    fn matches(&self, record: &Record) -> bool {
        let text = data_of(record);
        head_of(record) == self.head
            && match &self.data {
                Data::Any => true,
                Data::Covers(covered) => text.split(' ').next() == Some(&covered.to_string()),
                Data::Exactly(wanted) => text == *wanted,
            }
    }
}

/// A record written without any compression and read by hickory-proto.
fn through_hickory(owner: &Name, rrtype: RrType, rdata: &[u8]) -> Record {
    let mut octets = vec![0, 0, 0x80, 0, 0, 0, 0, 1, 0, 0, 0, 0];
    octets.extend_from_slice(owner.octets());
    octets.extend_from_slice(&rrtype.0.to_be_bytes());
    octets.extend_from_slice(&[0, 1, 0, 0, 0, 0]);
    octets.extend_from_slice(&u16::try_from(rdata.len()).unwrap().to_be_bytes());
    octets.extend_from_slice(rdata);
    Message::from_vec(&octets).unwrap().answers.remove(0)
}

fn head_of(record: &Record) -> Head {
    (record.name.to_string(), record.ttl, RrType(record.record_type().into()))
}

/// Data as text; of types that hickory-proto does not know it gives the octets.
fn data_of(record: &Record) -> String {
    match &record.data {
        RData::Unknown { rdata, .. } => {
            display(RrType(record.record_type().into()), &rdata.anything).to_string()
        }
        known => known.to_string(),
    }
}

fn sections(message: &Message) -> [(char, &[Record]); 3] {
    [('>', &message.answers), ('~', &message.authorities), ('+', &message.additionals)]
}

fn head(message: &Message) -> String {
    let metadata = &message.metadata;
    let low = u16::from(ResponseCode::from(0, metadata.response_code.low()));
    let high = message.edns.as_ref().map_or(0, |edns| u16::from(edns.rcode_high()) << 4);
    let mut text = Rcode(low | high).to_string();
    for (set, name) in [
        (metadata.authoritative, " AA"),
        (metadata.truncation, " TC"),
        (metadata.recursion_desired, " RD"),
        (metadata.checking_disabled, " CD"),
        (metadata.authentic_data, " AD"),
        (metadata.recursion_available, " RA"),
    ] {
        text.push_str(if set { name } else { "" });
    }
    text
}

fn show(record: &Record) -> String {
    let (owner, ttl, rrtype) = head_of(record);
    format!("{owner} {ttl} {rrtype} {}", data_of(record))
}

/// The answer as a person reads it.
pub(crate) fn seen(message: &Message) -> String {
    let mut text = head(message);
    for (mark, section) in sections(message) {
        section.iter().for_each(|record| write!(text, "\n{mark} {}", show(record)).unwrap());
    }
    text
}

/// What the OPT record says.
#[derive(Debug, Default)]
struct Options {
    /// Codes of extended errors.
    errors: Vec<u16>,
    /// The server's name.
    nsid: Option<String>,
    /// Code and octets in hex.
    others: Vec<(u16, String)>,
}

impl Options {
    fn of(message: &Message) -> Self {
        let mut options = Self::default();
        for (code, option) in message.edns.iter().flat_map(|edns| edns.options().as_ref().iter()) {
            let data = Vec::<u8>::try_from(option).unwrap();
            match u16::from(*code) {
                15 => options.errors.push(u16::from_be_bytes([data[0], data[1]])),
                3 => options.nsid = Some(String::from_utf8(data).unwrap()),
                other => {
                    let hex = data.iter().fold(String::new(), |hex, octet| hex + &format!("{octet:02x}"));
                    options.others.push((other, hex));
                }
            }
        }
        options
    }
}
