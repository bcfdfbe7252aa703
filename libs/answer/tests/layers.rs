//! A zone answered from a base and layers answers as the same zone compiled whole.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use data_encoding::BASE32HEX_NOPAD;
use proptest::prelude::*;
use sha1::{Digest as _, Sha1};
use support::{Server, query, rrsets};
use tenon_answer::Transport;
use tenon_image::{BuildError, ChangedZone, ImageBuilder};
use tenon_wire::{Name, NameRef, RrType};
use tenon_zone::Rrset;

const ORIGIN: &str = "test.";
const HEAD: &str = "@ 60 SOA ns admin 1 2 3 4 30\n@ 60 NS ns.a\n";

/// How a generated zone denies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Denial {
    None,
    Nsec,
    Nsec3,
}

/// Owners below the zone's name with the text of one record each.
type Records = BTreeSet<(String, String)>;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn layers_answer_as_a_whole(
        denial in prop_oneof![Just(Denial::None), Just(Denial::Nsec), Just(Denial::Nsec3)],
        versions in prop::collection::vec(records(), 2..4),
    ) {
        let versions: Vec<Vec<Rrset>> = versions.iter().map(|records| zone(records, denial)).collect();
        let last = versions.last().unwrap();
        let mut whole = Server::of_files(ORIGIN, |directory| {
            let mut builder = ImageBuilder::create(directory, "whole").unwrap();
            add_whole(&mut builder, last);
            vec![builder.finish().unwrap()]
        });
        let mut layered = Server::of_files(ORIGIN, |directory| {
            let mut builder = ImageBuilder::create(directory, "base").unwrap();
            add_whole(&mut builder, &versions[0]);
            let mut files = vec![builder.finish().unwrap()];
            for (number, pair) in versions.windows(2).enumerate() {
                let mut builder = ImageBuilder::create_layer(directory, &format!("layer{number}")).unwrap();
                add_changes(&mut builder, &pair[0], &pair[1]);
                files.push(builder.finish().unwrap());
            }
            files
        });
        for question in questions(&versions) {
            for rrtype in [1, 2, 5, 6, 15, 16, 33, 35, 39, 43, 47, 64, 65, 255].map(RrType) {
                for edns in [None, Some(true)] {
                    let query = query(&question, rrtype, edns);
                    let wanted = whole.raw(Transport::Tcp, &query);
                    let told = layered.raw(Transport::Tcp, &query);
                    prop_assert_eq!(told, wanted, "{} {:?} {:?}", question, rrtype, edns);
                }
            }
        }
    }
}

fn owner() -> impl Strategy<Value = String> {
    let label = prop_oneof![Just("a"), Just("b"), Just("*")];
    prop::collection::vec(label, 1..4).prop_map(|labels| labels.join("."))
}

fn records() -> impl Strategy<Value = Records> {
    let data = prop_oneof![
        4 => (1u8..4).prop_map(|host| format!("A 192.0.2.{host}")),
        2 => Just("TXT x".to_owned()),
        2 => owner().prop_map(|target| format!("NS {target}")),
        2 => owner().prop_map(|target| format!("MX 5 {target}")),
        1 => owner().prop_map(|target| format!("SRV 0 0 53 {target}")),
        1 => owner().prop_map(|target| format!("NAPTR 1 1 \"s\" \"\" \"\" {target}")),
        1 => (0u8..2, owner()).prop_map(|(priority, target)| format!("SVCB {priority} {target}")),
        1 => (0u8..2).prop_map(|priority| format!("HTTPS {priority} .")),
        1 => owner().prop_map(|target| format!("CNAME {target}")),
        1 => owner().prop_map(|target| format!("DNAME {target}")),
    ];
    prop::collection::btree_set((owner(), data), 0..10)
}

/// A whole zone: what may not stand together is left out, denial and signatures are added.
fn zone(records: &Records, denial: Denial) -> Vec<Rrset> {
    let mut by_owner: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (owner, data) in records {
        let at = by_owner.entry(owner).or_default();
        let alone = |data: &str| data.starts_with("CNAME");
        let single = |data: &str| alone(data) || data.starts_with("DNAME");
        let clashes = at.iter().any(|other| alone(other) || single(data) && other.starts_with("DNAME"));
        if !clashes && (at.is_empty() || !alone(data)) {
            at.push(data);
        }
    }
    // The loader refuses what a DNAME hides.
    let renamed: Vec<String> = by_owner
        .iter()
        .filter(|(_, all)| all.iter().any(|data| data.starts_with("DNAME")))
        .map(|(owner, _)| format!(".{owner}"))
        .collect();
    by_owner.retain(|owner, _| !renamed.iter().any(|above| owner.ends_with(above.as_str())));
    let mut text = HEAD.to_owned();
    for (owner, data) in by_owner.iter().flat_map(|(owner, all)| all.iter().map(move |data| (owner, data))) {
        writeln!(text, "{owner} 60 {data}").unwrap();
    }
    let origin: Name = ORIGIN.parse().unwrap();
    let plain = rrsets(&origin, &text);
    match denial {
        Denial::None => plain,
        Denial::Nsec => signed(&origin, text + &nsec(&plain)),
        Denial::Nsec3 => signed(&origin, text + &nsec3(&plain)),
    }
}

/// Names with authoritative data or a delegation, that is: not below one.
fn visible(rrsets: &[Rrset]) -> BTreeSet<Name> {
    let is_cut = |rrset: &&Rrset| {
        rrset.rrtype == RrType::NS && rrset.owner.to_string() != ORIGIN || rrset.rrtype == RrType::DNAME
    };
    let cuts: Vec<&Name> = rrsets.iter().filter(is_cut).map(|rrset| &rrset.owner).collect();
    let hidden =
        |name: &Name| cuts.iter().any(|cut| name != *cut && name.as_ref().is_at_or_below(cut.as_ref()));
    rrsets.iter().map(|rrset| rrset.owner.clone()).filter(|name| !hidden(name)).collect()
}

fn nsec(rrsets: &[Rrset]) -> String {
    let names: Vec<Name> = visible(rrsets).into_iter().collect();
    let next = |at: usize| &names[(at + 1) % names.len()];
    names.iter().enumerate().map(|(at, name)| format!("{name} 60 NSEC {} RRSIG NSEC\n", next(at))).collect()
}

fn nsec3(rrsets: &[Rrset]) -> String {
    let mut hashes = BTreeSet::new();
    for name in visible(rrsets) {
        // Names between that one and the zone's have their own.
        for up in 0..name.as_ref().label_count() {
            let above = name.as_ref().skip_labels(up).unwrap().to_lowercase();
            hashes.insert(BASE32HEX_NOPAD.encode(&Sha1::digest(above.octets())));
        }
    }
    let hashes: Vec<String> = hashes.into_iter().collect();
    let next = |at: usize| &hashes[(at + 1) % hashes.len()];
    let chain =
        hashes.iter().enumerate().map(|(at, hash)| format!("{hash} 60 NSEC3 1 0 0 - {} A\n", next(at)));
    chain.collect::<String>() + "@ 60 NSEC3PARAM 1 0 0 -\n"
}

/// With signatures of no meaning over everything.
fn signed(origin: &Name, mut text: String) -> Vec<Rrset> {
    for rrset in rrsets(origin, &text) {
        let labels = rrset.owner.as_ref().label_count();
        writeln!(
            text,
            "{} 60 RRSIG {} 13 {labels} 60 20300101000000 20200101000000 1 {ORIGIN} AAAA",
            rrset.owner, rrset.rrtype
        )
        .unwrap();
    }
    rrsets(origin, &text)
}

fn add_whole(builder: &mut ImageBuilder, rrsets: &[Rrset]) {
    builder.begin_zone(ORIGIN.parse::<Name>().unwrap().as_ref(), 1, 1).unwrap();
    rrsets.iter().for_each(|rrset| builder.add(rrset.as_ref()).unwrap());
    builder.end_zone().unwrap();
}

fn add_changes(builder: &mut ImageBuilder, before: &[Rrset], after: &[Rrset]) {
    let origin: Name = ORIGIN.parse().unwrap();
    builder.begin_zone(origin.as_ref(), 2, 2).unwrap();
    let gone = before.iter().filter(|rrset| !after.contains(rrset));
    let came = after.iter().filter(|rrset| !before.contains(rrset));
    let owners: BTreeSet<Name> = gone.chain(came).map(|rrset| rrset.owner.clone()).collect();
    builder.restate(origin.as_ref(), &owners, &mut After(after)).unwrap();
    builder.end_zone().unwrap();
}

struct After<'a>(&'a [Rrset]);

impl ChangedZone for After<'_> {
    type Error = BuildError;

    fn rrsets_of(&mut self, owners: &[NameRef<'_>]) -> Result<Vec<Vec<Rrset>>, BuildError> {
        let of = |owner| self.0.iter().filter(|rrset| rrset.owner.as_ref() == owner).cloned().collect();
        Ok(owners.iter().copied().map(of).collect())
    }

    fn has_names_below(&mut self, owner: NameRef<'_>) -> Result<bool, BuildError> {
        let below = |name: NameRef<'_>| name != owner && name.is_at_or_below(owner);
        Ok(self.0.iter().any(|rrset| below(rrset.owner.as_ref())))
    }
}

/// Every owner of any version, and names above, below and beside them.
fn questions(versions: &[Vec<Rrset>]) -> BTreeSet<String> {
    let owners =
        versions.iter().flatten().filter(|rrset| rrset.rrtype != RrType(50)).map(|rrset| &rrset.owner);
    let mut all = BTreeSet::new();
    for owner in owners {
        for up in 0..=owner.as_ref().label_count() - 1 {
            let name = owner.as_ref().skip_labels(up).unwrap().to_string();
            all.insert(format!("a.{name}"));
            all.insert(format!("z.{name}"));
            all.insert(name);
        }
    }
    all
}
