//! Nanoseconds a query over an image: `cargo run --release -p tenon-answer --example respond -- IMAGE_DIR QUERYFILE`.
//!
//! QUERYFILE has lines "name type"; with a third argument `compile=LIST` the image is made first from zone files, with
//! `do` the questions ask for DNSSEC.

mod common;

use std::collections::BTreeSet;
use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use tenon_answer::{AnswerSettings, Outcome, Scratch, Transport, respond};
use tenon_image::{Catalog, Manifest};
use tenon_wire::{Name, RrType};

use common::asker;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [directory, queries, rest @ ..] = arguments.as_slice() else {
        return Err("usage: respond IMAGE_DIR QUERYFILE [compile=LIST] [do]".into());
    };
    let directory = Path::new(directory);
    if let Some(list) = rest.iter().find_map(|word| word.strip_prefix("compile=")) {
        common::compile(Path::new(list), directory)?;
    }
    let dnssec = rest.iter().any(|word| word == "do");
    let messages: Vec<Vec<u8>> = std::fs::read_to_string(queries)?
        .lines()
        .map(|line| message(line, dnssec))
        .collect::<Result<_, _>>()?;
    let start = Instant::now();
    let manifest = Manifest::read(directory)?.ok_or("no manifest")?;
    let catalog = Catalog::open(directory, &manifest, None, &BTreeSet::new());
    println!("{} zones opened in {:?}", catalog.len(), start.elapsed());
    let (mut response, mut scratch, settings) = ([0; 65535], Scratch::new(), AnswerSettings::default());
    for round in ["cold", "warm", "warm", "warm"] {
        let (mut octets, mut rcodes) = (0, [0u64; 6]);
        let start = Instant::now();
        for query in &messages {
            let outcome =
                respond(&catalog, &settings, &asker(Transport::Udp), query, &mut response, &mut scratch);
            if let Outcome::Reply(length) | Outcome::HandOver(length) = outcome {
                octets += length;
            }
            rcodes[usize::from(scratch.facts().rcode).min(5)] += 1;
            black_box(&response);
        }
        let (took, count) = (start.elapsed(), messages.len());
        let each = took.as_nanos() as f64 / count as f64;
        println!("{round}: {each:.0} ns a query, {} octets an answer, rcodes {rcodes:?}", octets / count);
    }
    Ok(())
}

fn message(line: &str, dnssec: bool) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let (name, rrtype) = line.split_once(' ').ok_or("a line is not \"name type\"")?;
    let mut octets = vec![0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, u8::from(dnssec)];
    octets.extend_from_slice(name.parse::<Name>()?.octets());
    octets.extend_from_slice(&rrtype.parse::<RrType>()?.0.to_be_bytes());
    octets.extend_from_slice(&[0, 1]);
    if dnssec {
        octets.extend_from_slice(&[0, 0, 41, 4, 208, 0, 0, 0x80, 0, 0, 0]);
    }
    Ok(octets)
}
