//! Small zones over a tiny alphabet, in which everything meets everything: the shapes that newcomers get wrong.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use fastrand::Rng;

/// Labels of owners and targets.
const LABELS: [&str; 3] = ["a", "b", "*"];
/// Labels of questions: one more, which no zone has.
pub const ASKED: [&str; 4] = ["a", "b", "*", "c"];

/// Names of up to `depth` labels, as text that ends before the zone's name.
#[must_use]
pub fn names(depth: usize) -> Vec<String> {
    let mut names = vec![String::new()];
    let mut last = names.clone();
    for _ in 0..depth {
        last = last.iter().flat_map(|name| ASKED.map(|label| format!("{label}.{name}"))).collect();
        names.extend(last.iter().cloned());
    }
    names
}

/// A few zones that lead to each other: a name, how the zone denies, and its text.
#[must_use]
pub fn zones(number: usize, random: &mut Rng) -> Vec<(String, String, String)> {
    let origin = format!("z{number}.test.");
    let other = format!("z{}.test.", random.usize(..number + 1));
    let mut zones = vec![zone(&origin, &other, random)];
    // Sometimes the child of a delegation is served as well.
    if random.u8(..4) == 0 {
        let child = format!("{}.{origin}", ["a", "b", "a.a", "b.a"][random.usize(..4)]);
        zones.push(zone(&child, &origin, random));
    }
    zones
}

fn zone(origin: &str, other: &str, random: &mut Rng) -> (String, String, String) {
    let mut owners: BTreeMap<String, BTreeMap<&str, Vec<String>>> = BTreeMap::new();
    for _ in 0..random.usize(2..11) {
        let rrtype = *random
            .choice(&["A", "A", "AAAA", "NS", "NS", "CNAME", "CNAME", "DNAME", "DNAME", "TXT", "MX"])
            .unwrap();
        let owner = match (rrtype, owner(random)) {
            ("DNAME", _) if random.u8(..6) == 0 => String::new(),
            // BIND does not take delegations by wildcards; few zones shall do without it.
            ("NS", owner) if owner.starts_with('*') && random.u8(..8) > 0 => format!("a{}", &owner[1..]),
            (_, owner) => owner,
        };
        let data = data(rrtype, origin, other, random);
        owners.entry(owner).or_default().entry(rrtype).or_default().push(data);
    }
    settle(&mut owners);
    let denial = match random.u8(..8) {
        0..3 => String::new(),
        3..5 => "nsec".to_owned(),
        5 => "nsec3 0 -".to_owned(),
        6 => "nsec3 1 ab".to_owned(),
        _ => "nsec3 0 - optout".to_owned(),
    };
    let mut text = "$TTL 300\n@ SOA ns admin 1 2 3 4 60\n@ NS ns.outside.invalid.\n".to_owned();
    if !denial.is_empty() {
        text += "@ DNSKEY 257 3 13 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==\n";
    }
    for (owner, types) in owners {
        let owner = if owner.is_empty() { "@" } else { &owner };
        for (rrtype, records) in types {
            for data in records {
                let _ = writeln!(text, "{owner} {rrtype} {data}");
            }
            if rrtype == "NS" && !denial.is_empty() && random.bool() {
                let _ = writeln!(text, "{owner} DS 1 13 2 {}", "00".repeat(32));
            }
        }
    }
    (origin.to_owned(), denial, text)
}

/// One to three labels, without a dot at the end.
fn owner(random: &mut Rng) -> String {
    let labels: Vec<&str> = (0..random.usize(1..4)).map(|_| LABELS[random.usize(..3)]).collect();
    labels.join(".")
}

fn data(rrtype: &str, origin: &str, other: &str, random: &mut Rng) -> String {
    let target = match random.u8(..10) {
        0 => "ns.outside.invalid.".to_owned(),
        1 => format!("{}.{other}", owner(random)),
        2 => origin.to_owned(),
        _ => format!("{}.{origin}", owner(random)),
    };
    match rrtype {
        "A" => format!("192.0.2.{}", random.u8(1..5)),
        "AAAA" => format!("2001:db8::{}", random.u8(1..5)),
        "TXT" => format!("\"{}\"", random.u8(..)),
        "MX" => format!("10 {target}"),
        _ => target,
    }
}

/// Leaves out what no server takes: company of CNAMEs, several CNAMEs or DNAMEs, DNAMEs at delegations, names below
/// DNAMEs.
fn settle(owners: &mut BTreeMap<String, BTreeMap<&str, Vec<String>>>) {
    for types in owners.values_mut() {
        for rrtype in ["CNAME", "DNAME"] {
            if let Some(records) = types.get_mut(rrtype) {
                records.truncate(1);
            }
        }
        if types.contains_key("CNAME") {
            types.retain(|&rrtype, _| rrtype == "CNAME");
        }
        if types.contains_key("NS") {
            types.remove("DNAME");
        }
        types.values_mut().for_each(|records| {
            records.sort();
            records.dedup();
        });
    }
    if let Some(types) = owners.get_mut("") {
        types.remove("CNAME");
    }
    let dnames: Vec<String> = owners
        .iter()
        .filter(|(_, types)| types.contains_key("DNAME"))
        .map(|(owner, _)| owner.clone())
        .collect();
    let is_below = |owner: &str, dname: &str| {
        owner != dname && (dname.is_empty() || owner.ends_with(&format!(".{dname}")))
    };
    owners.retain(|owner, _| !dnames.iter().any(|dname| is_below(owner, dname)));
}
