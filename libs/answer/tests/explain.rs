//! The way to an answer, told step by step.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail like tests")]

mod support;

use support::Server;
use tenon_answer::explain::explain;
use tenon_wire::{Name, RrType};

const ZONE: &str = "
$TTL 60
@ SOA ns h 7 1 1 1 1
@ NS ns
ns A 192.0.2.1
www CNAME far.away
far.away A 192.0.2.2
out CNAME www.elsewhere.
loop CNAME pool
pool CNAME loop
*.wild TXT \"any\"
sub NS ns.sub
ns.sub A 192.0.2.3
old DNAME new
a.new A 192.0.2.4
";

fn told(name: &str, qtype: RrType) -> String {
    let server = Server::new(&[("example.", ZONE)]);
    let steps = explain(&server.catalog, name.parse::<Name>().unwrap().as_ref(), qtype);
    assert!(!steps.is_empty());
    steps.join("\n")
}

#[test]
fn each_way_ends_with_what_decided() {
    for (name, qtype, parts) in [
        ("a.b.", RrType::A, &["no zone here is at or above a.b.: REFUSED"][..]),
        (
            "ns.example.",
            RrType::A,
            &["zone example. (primary, serial 1 from zones.image)", "ns.example. has A", "A is there"],
        ),
        ("ns.example.", RrType::MX, &["MX is not there: no data"]),
        ("away.example.", RrType::A, &["exists only because of names below it"]),
        ("www.example.", RrType::A, &["an alias to far.away.example.", "A is there"]),
        ("out.example.", RrType::A, &["the answer ends with the alias"]),
        ("loop.example.", RrType::A, &["a loop"]),
        (
            "x.y.wild.example.",
            RrType::TXT,
            &["closest name above it that does is wild.example.", "*.wild.example. has TXT"],
        ),
        ("no.example.", RrType::A, &["there is no *.example.: NXDOMAIN"]),
        ("a.sub.example.", RrType::A, &["sub.example. is delegated"]),
        ("sub.example.", RrType::DS, &["DS is not there"]),
        ("a.old.example.", RrType::A, &["a.old.example. becomes a.new.example.", "A is there"]),
    ] {
        let told = told(name, qtype);
        for part in parts {
            assert!(told.contains(part), "{name}: {told}");
        }
    }
    let long = format!(
        "{}.old.example.",
        ["a".repeat(60), "b".repeat(60), "c".repeat(60), "d".repeat(55)].join(".")
    );
    assert!(told(&long, RrType::A).contains("becomes"));
}
