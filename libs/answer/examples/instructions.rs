//! Answers a fixed set of questions for callgrind: `packaging/instructions` counts the instructions of each.
//!
//! `instructions SET` prints how many questions were asked within `measured`; sets are listed by `instructions`.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::fmt::Write as _;
use std::hint::black_box;

use data_encoding::{BASE32HEX_NOPAD, BASE64};
use sha1::{Digest as _, Sha1};
use support::{Server, asker, query};
use tenon_answer::{Transport, respond};
use tenon_wire::{Name, RrType};

const QUESTIONS: usize = 20_000;
const HEAD: &str = "$TTL 3600\n@ SOA ns1 admin 1 7200 3600 1209600 300\n@ NS ns1\n@ NS ns2\nns1 A 192.0.2.1\nns2 A 192.0.2.2\n";

fn main() {
    let Some(set) = std::env::args().nth(1) else {
        println!("host delegations zones nsec3");
        return;
    };
    let mut number = Numbers(1);
    let (mut server, questions) = match set.as_str() {
        "host" => (serve(&[("example.com.".into(), host())]), questions(|| ask_host(&mut number, None))),
        "delegations" => {
            (serve(&[("test.".into(), delegations())]), questions(|| ask_delegation(&mut number)))
        }
        "zones" => (serve(&zones()), questions(|| ask_zone(&mut number))),
        "nsec3" => (
            serve(&[("example.com.".into(), signed(&host()))]),
            questions(|| ask_host(&mut number, Some(true))),
        ),
        other => panic!("no set is called {other}"),
    };
    // Once to warm up, so that what is done once for each page or buffer is not counted.
    measured(&mut server, &questions[..100]);
    counted(&mut server, &questions);
    println!("{}", questions.len());
}

/// What callgrind collects.
#[inline(never)]
fn counted(server: &mut Server, questions: &[Vec<u8>]) {
    measured(server, questions);
}

#[inline(never)]
fn measured(server: &mut Server, questions: &[Vec<u8>]) {
    let (mut response, asker) = ([0; 4096], asker(Transport::Udp));
    for question in questions {
        let Server { catalog, settings, scratch, .. } = server;
        black_box(respond(catalog, settings, &asker, question, &mut response, scratch));
    }
}

fn serve(zones: &[(String, String)]) -> Server {
    let zones: Vec<_> = zones.iter().map(|(origin, text)| (origin.as_str(), text.as_str())).collect();
    Server::new(&zones)
}

fn questions(mut one: impl FnMut() -> Vec<u8>) -> Vec<Vec<u8>> {
    (0..QUESTIONS).map(|_| one()).collect()
}

/// 5,000 names with addresses, a tenth of them aliases, and a wildcard for each ten.
fn host() -> String {
    let mut text = HEAD.to_owned();
    for name in 0..5000 {
        match name % 10 {
            9 => writeln!(text, "h{name} CNAME h{}", name - 1).unwrap(),
            _ => writeln!(text, "h{name} A 192.0.2.{}\nh{name} AAAA 2001:db8::{name:x}", name % 250).unwrap(),
        }
        if name % 10 == 0 {
            writeln!(text, "*.w{name} A 192.0.2.7").unwrap();
        }
    }
    text
}

/// Three of five exist, one of five is a wildcard's, one does not exist.
fn ask_host(number: &mut Numbers, edns: Option<bool>) -> Vec<u8> {
    let name = number.below(5000);
    let rrtype = if number.below(3) == 0 { RrType(28) } else { RrType(1) };
    match number.below(5) {
        0 => query(&format!("x{name}.w{}.example.com.", name - name % 10), rrtype, edns),
        1 => query(&format!("x{name}.example.com."), rrtype, edns),
        _ => query(&format!("h{name}.example.com."), rrtype, edns),
    }
}

/// 20,000 delegations, a third of them with glue.
fn delegations() -> String {
    let mut text = HEAD.to_owned();
    for name in 0..20_000 {
        if name % 3 == 0 {
            writeln!(text, "d{name} NS ns.d{name}\nns.d{name} A 192.0.2.9").unwrap();
        } else {
            writeln!(text, "d{name} NS ns1.provider.example.\nd{name} NS ns2.provider.example.").unwrap();
        }
    }
    text
}

fn ask_delegation(number: &mut Numbers) -> Vec<u8> {
    let name = number.below(20_000);
    match number.below(5) {
        0 => query(&format!("x{name}.test."), RrType(1), None),
        1 => query(&format!("d{name}.test."), RrType(43), None),
        _ => query(&format!("www.d{name}.test."), RrType(1), None),
    }
}

/// 2,000 zones of a few records.
fn zones() -> Vec<(String, String)> {
    let text = format!("{HEAD}@ MX 10 mail\nmail A 192.0.2.3\nwww CNAME @\n@ A 192.0.2.4\n@ TXT hello\n");
    (0..2000).map(|zone| (format!("z{zone}.example."), text.clone())).collect()
}

fn ask_zone(number: &mut Numbers) -> Vec<u8> {
    let zone = number.below(2000);
    match number.below(6) {
        0 => query(&format!("nx.z{zone}.example."), RrType(1), None),
        1 => query(&format!("z{zone}.example."), RrType(15), None),
        2 => query(&format!("mail.z{zone}.example."), RrType(1), None),
        _ => query(&format!("www.z{zone}.example."), RrType(1), None),
    }
}

/// A zone's text with an NSEC3 chain and signatures of the right size and no meaning.
fn signed(text: &str) -> String {
    let signature = BASE64.encode(&[7; 64]);
    let mut hashes: Vec<String> = text
        .lines()
        .filter_map(|line| line.split_whitespace().next().filter(|word| !word.starts_with('$')))
        .map(|owner| if owner == "@" { "example.com.".into() } else { format!("{owner}.example.com.") })
        .chain((0..5000).step_by(10).map(|name| format!("w{name}.example.com.")))
        .map(|owner| hash(&owner.parse().unwrap()))
        .collect();
    hashes.sort();
    hashes.dedup();
    let mut out = text.to_owned();
    let rrsig = |out: &mut String, owner: &str, covered: &str, labels: usize| {
        writeln!(out, "{owner} RRSIG {covered} 13 {labels} 3600 20300101000000 20200101000000 1 example.com. {signature}")
            .unwrap();
    };
    let mut last = (String::new(), String::new());
    for line in text.lines().filter(|line| !line.starts_with('$')) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let this = (words[0].to_owned(), words[1].to_owned());
        if this != last {
            let labels = if words[0] == "@" { 2 } else { 3 };
            rrsig(&mut out, words[0], words[1], labels);
            last = this;
        }
    }
    out.push_str("@ NSEC3PARAM 1 0 0 -\n");
    rrsig(&mut out, "@", "NSEC3PARAM", 2);
    for (position, hash) in hashes.iter().enumerate() {
        let next = &hashes[(position + 1) % hashes.len()];
        writeln!(out, "{hash} NSEC3 1 0 0 - {next} A AAAA RRSIG").unwrap();
        rrsig(&mut out, hash, "NSEC3", 3);
    }
    out
}

fn hash(name: &Name) -> String {
    BASE32HEX_NOPAD.encode(&Sha1::digest(name.octets().to_ascii_lowercase()))
}

/// The same numbers each time (a linear congruential generator).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}
