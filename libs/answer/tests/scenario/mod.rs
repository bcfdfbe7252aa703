//! Reads and runs a conversation written as text (docs/scenarios.md).
#![allow(clippy::unwrap_used, clippy::panic)]

mod expected;

use hickory_proto::op::Message;
use tenon_answer::{AnswerSettings, CookieSecrets, Transport};
use tenon_test_signer::Denial;
use tenon_wire::{Name, RrType};

use crate::support::Server;
use expected::{Expected, seen};

/// Zones, and questions with the answers that are wanted.
pub(crate) struct Scenario {
    zones: Vec<(String, String)>,
    settings: AnswerSettings,
    questions: Vec<Question>,
}

struct Question {
    line: usize,
    text: String,
    expected: Expected,
    settings: AnswerSettings,
}

/// What a run came to.
pub(crate) struct Outcome {
    pub(crate) asked: usize,
    /// A description of each question that was answered otherwise than wanted.
    pub(crate) wrong: Vec<String>,
}

/// Which block the lines belong to.
enum Block {
    None,
    Zone(Denial),
    Question,
}

impl Scenario {
    pub(crate) fn read(text: &str) -> Self {
        let mut scenario =
            Self { zones: Vec::new(), settings: AnswerSettings::default(), questions: Vec::new() };
        let mut block = Block::None;
        for (line, number) in text.lines().zip(1..) {
            if let Some(directive) = line.strip_prefix('.') {
                scenario.close(&block);
                block = scenario.directive(directive, number);
                continue;
            }
            match block {
                Block::None => assert!(is_empty(line), "line {number}: outside of a block"),
                Block::Zone(_) => scenario.zones.last_mut().unwrap().1.extend([line, "\n"]),
                Block::Question if is_empty(line) => {}
                Block::Question => scenario.questions.last_mut().unwrap().expected.line(line, number),
            }
        }
        scenario.close(&block);
        scenario
    }

    fn directive(&mut self, directive: &str, line: usize) -> Block {
        let (verb, rest) = directive.split_once(' ').unwrap_or((directive, ""));
        match verb {
            "zone" => {
                let (origin, words) = rest.split_once(' ').unwrap_or((rest, ""));
                self.zones.push((origin.to_owned(), String::new()));
                Block::Zone(Denial::read(words))
            }
            "set" => {
                self.set(rest, line);
                Block::None
            }
            "ask" => {
                let (text, expected) = (rest.to_owned(), Expected::default());
                self.questions.push(Question { line, text, expected, settings: self.settings.clone() });
                Block::Question
            }
            _ => panic!("line {line}: .{verb} is no directive"),
        }
    }

    fn close(&mut self, block: &Block) {
        if let Block::Zone(denial) = block {
            let (origin, text) = self.zones.last_mut().unwrap();
            *text = denial.sign(origin, text);
        }
    }

    fn set(&mut self, words: &str, line: usize) {
        let (name, value) = words.split_once(' ').unwrap_or((words, ""));
        let value_of_switch = || value.parse().unwrap();
        match name {
            "minimal_responses" => self.settings.minimal_responses = value_of_switch(),
            "minimal_any" => self.settings.minimal_any = value_of_switch(),
            "udp_payload_size" => self.settings.udp_payload_size = value.parse().unwrap(),
            "nsid" => value.clone_into(&mut self.settings.nsid),
            "version" => value.clone_into(&mut self.settings.version),
            "identity" => value.clone_into(&mut self.settings.identity),
            "require_cookies" => self.settings.require_cookies = value_of_switch(),
            "cookie_secrets" => {
                let mut secrets = value.split(' ').map(|secret| octets(secret).try_into().unwrap());
                let current = secrets.next().unwrap();
                self.settings.cookie_secrets = Some(CookieSecrets { current, others: secrets.collect() });
            }
            _ => panic!("line {line}: no setting {name}"),
        }
    }

    pub(crate) fn run(&self) -> Outcome {
        let zones: Vec<(&str, &str)> =
            self.zones.iter().map(|(o, text)| (o.as_str(), text.as_str())).collect();
        let mut server = Server::new(&zones);
        let mut wrong = Vec::new();
        for question in &self.questions {
            server.settings = question.settings.clone();
            let (transport, query) = message(&question.text);
            let reply = server.raw(transport, &query).unwrap();
            let message = Message::from_vec(&reply).unwrap();
            let with_edns = query[11] == 1;
            assert_eq!(message.edns.is_some(), with_edns, "line {}: OPT record", question.line);
            if let Some(difference) = question.expected.difference(&message) {
                let Question { line, text, .. } = question;
                wrong.push(format!("line {line}: {text}\n{difference}came\n{}\n", seen(&message)));
            }
        }
        Outcome { asked: self.questions.len(), wrong }
    }
}

fn is_empty(line: &str) -> bool {
    line.trim().is_empty() || line.starts_with(';')
}

/// Octets written in hex.
fn octets(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).unwrap()).collect()
}

/// The query that `NAME TYPE [CLASS] [do] [noedns] [tcp] [cd] [rd] [nsid] [option=CODE:HEX] [size=N]` describes.
fn message(text: &str) -> (Transport, Vec<u8>) {
    let mut words = text.split_whitespace();
    let (name, rrtype) = (words.next().unwrap(), words.next().unwrap());
    let (mut flags, mut class, mut size, mut edns) = (0u16, 1u8, 1232u16, true);
    let (mut dnssec, mut transport, mut options) = (0, Transport::Udp, Vec::new());
    for word in words {
        match word {
            "do" => dnssec = 0x80,
            "noedns" => edns = false,
            "tcp" => transport = Transport::Tcp,
            "rd" => flags |= 0x0100,
            "cd" => flags |= 0x0010,
            "CH" => class = 3,
            "HS" => class = 4,
            "nsid" => options.extend([0, 3, 0, 0]),
            _ if word.starts_with("option=") => {
                let (code, data) = word["option=".len()..].split_once(':').unwrap();
                let data = octets(data);
                options.extend(code.parse::<u16>().unwrap().to_be_bytes());
                options.extend((data.len() as u16).to_be_bytes());
                options.extend(data);
            }
            _ => {
                let number = word.strip_prefix("size=").unwrap_or_else(|| panic!("{text}: {word}"));
                size = number.parse().unwrap();
            }
        }
    }
    let ([a, b], [c, d]) = (flags.to_be_bytes(), size.to_be_bytes());
    let mut octets = vec![0x12, 0x34, a, b, 0, 1, 0, 0, 0, 0, 0, u8::from(edns)];
    octets.extend_from_slice(name.parse::<Name>().unwrap().octets());
    octets.extend_from_slice(&rrtype.parse::<RrType>().unwrap().0.to_be_bytes());
    octets.extend_from_slice(&[0, class]);
    if edns {
        octets.extend_from_slice(&[0, 0, 41, c, d, 0, 0, dnssec, 0, 0, options.len() as u8]);
        octets.extend_from_slice(&options);
    }
    (transport, octets)
}
