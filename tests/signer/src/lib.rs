//! Makes a zone look signed: denial records as they must be, signatures that sign nothing.

// Helpers of tests fail like tests.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::ops::ControlFlow;

use sha1::{Digest, Sha1};
use tenon_datasrc::master::{Item, Limits, read_text};
use tenon_wire::rdata::display;
use tenon_wire::{Name, NameRef, RrType};

/// How a zone proves that something does not exist.
pub enum Denial {
    /// It is not signed.
    None,
    /// `nsec`
    Nsec,
    /// `nsec3 ITERATIONS SALT [optout]`, the salt in hex or `-`
    Nsec3 {
        /// Further rounds of hashing.
        iterations: u16,
        /// In hex, `-` for none.
        salt: String,
        /// Unsigned delegations have no records, and all records the flag.
        opt_out: bool,
        /// Iterations and salt of a second chain of which there is one record, as while a zone changes its salt.
        besides: Option<(u16, String)>,
    },
}

type Nodes = BTreeMap<Name, BTreeSet<RrType>>;

const TIMES: &str = "20400101000000 20200101000000 1";

impl Denial {
    /// Reads the words behind the name of a zone in a scenario (docs/scenarios.md).
    #[must_use]
    pub fn read(words: &str) -> Self {
        match words.split_whitespace().collect::<Vec<_>>()[..] {
            [] => Self::None,
            ["nsec"] => Self::Nsec,
            ["nsec3", iterations, salt, ref rest @ ..] => Self::Nsec3 {
                iterations: iterations.parse().unwrap(),
                salt: salt.to_owned(),
                opt_out: *rest == ["optout"],
                besides: match *rest {
                    ["besides", iterations, salt] => Some((iterations.parse().unwrap(), salt.to_owned())),
                    _ => None,
                },
            },
            _ => panic!("{words}: nsec, or nsec3 ITERATIONS SALT [optout | besides ITERATIONS SALT]"),
        }
    }

    /// The whole text of the zone, signed.
    #[must_use]
    pub fn sign(&self, origin: &str, text: &str) -> String {
        if matches!(self, Self::None) {
            return text.to_owned();
        }
        let origin: Name = origin.parse().unwrap();
        let (mut lines, mut ttls, mut nodes) = (String::new(), BTreeMap::new(), Nodes::new());
        read_text(text.as_bytes(), origin.as_ref(), &Limits::default(), |item| {
            let Item::Record(record) = item else { panic!("{item:?}") };
            let (owner, rrtype) = (record.owner.to_name(), record.rrtype);
            let data = display(rrtype, record.rdata).to_string();
            writeln!(lines, "{owner} {} {rrtype} {data}", record.ttl).unwrap();
            ttls.insert((owner.clone(), rrtype), record.ttl);
            nodes.entry(owner).or_default().insert(rrtype);
            ControlFlow::Continue(())
        });
        let mut known = authoritative(&nodes, &origin);
        for (name, types) in &mut known {
            let is_cut = is_cut(&nodes, name, &origin);
            types.retain(|&rrtype| !is_cut || matches!(rrtype, RrType::NS | RrType::DS));
            for &rrtype in types.iter().filter(|&&rrtype| !is_cut || rrtype == RrType::DS) {
                lines.push_str(&signature(name, ttls[&(name.clone(), rrtype)], rrtype, &origin));
            }
            if !is_cut || types.contains(&RrType::DS) {
                types.insert(RrType::RRSIG);
            }
        }
        match self {
            Self::None => {}
            Self::Nsec => nsec(&mut lines, &known, &origin),
            Self::Nsec3 { iterations, salt, opt_out, besides } => {
                if let Some((iterations, salt)) = besides {
                    let (label, owner) = hashed(&origin, &origin, *iterations, salt);
                    writeln!(lines, "{origin} 0 NSEC3PARAM 1 0 {iterations} {salt}").unwrap();
                    let types = "NS SOA RRSIG DNSKEY NSEC3PARAM";
                    writeln!(lines, "{owner} 60 NSEC3 1 0 {iterations} {salt} {label} {types}").unwrap();
                    lines.push_str(&signature(&owner, 60, RrType::NSEC3, &origin));
                }
                nsec3(&mut lines, known, &origin, *iterations, salt, *opt_out);
            }
        }
        lines
    }
}

fn is_cut(nodes: &Nodes, name: &Name, origin: &Name) -> bool {
    name != origin && nodes.get(name).is_some_and(|types| types.contains(&RrType::NS))
}

/// The names that no delegation and no DNAME above hides.
fn authoritative(nodes: &Nodes, origin: &Name) -> Nodes {
    let hides = |name: NameRef<'_>| {
        let name = name.to_name();
        is_cut(nodes, &name, origin) || nodes.get(&name).is_some_and(|types| types.contains(&RrType::DNAME))
    };
    let is_hidden = |name: &Name| {
        std::iter::successors(name.as_ref().parent(), |above| above.parent())
            .take_while(|above| above.is_at_or_below(origin.as_ref()))
            .any(hides)
    };
    nodes
        .iter()
        .filter(|(name, _)| !is_hidden(name))
        .map(|(name, types)| (name.clone(), types.clone()))
        .collect()
}

fn signature(owner: &Name, ttl: u32, covered: RrType, origin: &Name) -> String {
    let labels = owner.as_ref().label_count() - usize::from(owner.as_ref().is_wildcard());
    format!("{owner} {ttl} RRSIG {covered} 8 {labels} {ttl} {TIMES} {origin} AAAA\n")
}

fn bitmap(types: &BTreeSet<RrType>) -> String {
    types.iter().map(|rrtype| format!(" {rrtype}")).collect()
}

fn nsec(lines: &mut String, nodes: &Nodes, origin: &Name) {
    let names: Vec<&Name> = nodes.keys().collect();
    for (index, (name, types)) in nodes.iter().enumerate() {
        let next = names[(index + 1) % names.len()];
        let mut types = types.clone();
        types.extend([RrType::NSEC, RrType::RRSIG]);
        writeln!(lines, "{name} 60 NSEC {next}{}", bitmap(&types)).unwrap();
        lines.push_str(&signature(name, 60, RrType::NSEC, origin));
    }
}

fn nsec3(lines: &mut String, mut nodes: Nodes, origin: &Name, iterations: u16, salt: &str, opt_out: bool) {
    if opt_out {
        nodes.retain(|_, types| !(types.contains(&RrType::NS) && types.len() == 1));
    }
    writeln!(lines, "{origin} 0 NSEC3PARAM 1 0 {iterations} {salt}").unwrap();
    lines.push_str(&signature(origin, 0, RrType::NSEC3PARAM, origin));
    nodes.get_mut(origin).unwrap().insert(RrType::NSEC3PARAM);
    let empty: Vec<Name> = nodes
        .keys()
        .flat_map(|name| std::iter::successors(name.as_ref().parent(), |above| above.parent()))
        .filter(|above| above.is_at_or_below(origin.as_ref()))
        .map(NameRef::to_name)
        .collect();
    for name in empty {
        nodes.entry(name).or_default();
    }
    let known: BTreeMap<String, (Name, &BTreeSet<RrType>)> = nodes
        .iter()
        .map(|(name, types)| {
            let (label, owner) = hashed(name, origin, iterations, salt);
            (label, (owner, types))
        })
        .collect();
    let labels: Vec<&String> = known.keys().collect();
    for (index, (owner, types)) in known.values().enumerate() {
        let next = labels[(index + 1) % labels.len()];
        let flags = u8::from(opt_out);
        writeln!(lines, "{owner} 60 NSEC3 1 {flags} {iterations} {salt} {next}{}", bitmap(types)).unwrap();
        lines.push_str(&signature(owner, 60, RrType::NSEC3, origin));
    }
}

/// Hash of a name, and the owner of its NSEC3 record; the salt in hex or `-`.
fn hashed(name: &Name, origin: &Name, iterations: u16, salt: &str) -> (String, Name) {
    let octets = |at: usize| u8::from_str_radix(&salt[at * 2..at * 2 + 2], 16).unwrap();
    let salt: Vec<u8> = if salt == "-" { Vec::new() } else { (0..salt.len() / 2).map(octets).collect() };
    let label = hash(name, iterations, &salt);
    let owner = if origin.as_ref().is_root() { format!("{label}.") } else { format!("{label}.{origin}") };
    (label, owner.parse().unwrap())
}

/// Hash of a name as a label in base32hex (RFC 5155 sections 3.3 and 5).
fn hash(name: &Name, iterations: u16, salt: &[u8]) -> String {
    let lower = name.octets().to_ascii_lowercase();
    let mut digest = Sha1::new().chain_update(lower).chain_update(salt).finalize();
    for _ in 0..iterations {
        digest = Sha1::new().chain_update(digest).chain_update(salt).finalize();
    }
    const DIGITS: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";
    let groups =
        digest.chunks(5).map(|five| five.iter().fold(0u64, |bits, &octet| bits << 8 | u64::from(octet)));
    let digits =
        groups.flat_map(|bits| (0..8).rev().map(move |group| DIGITS[(bits >> (group * 5)) as usize & 31]));
    digits.map(char::from).collect()
}
