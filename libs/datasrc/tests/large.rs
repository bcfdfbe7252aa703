//! A zone that is large enough to be stored in blocks, changed at random: each version is what a plain map says it is, as long
//! as it is read.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::collections::BTreeMap;

use common::{hosts, name, read, rrset, soa, store};
use tenon_datasrc::sqlite::{Access, SqliteSource};
use tenon_datasrc::{DataSource, JournalCoverage, JournalEvent, Lease, ZoneEntry};
use tenon_wire::{Name, RrType};
use tenon_zone::{RdataList, Rrset, RrsetRef};

const HOSTS: u32 = 12_000;
const CHANGES: u32 = 40;
const TYPES: [RrType; 3] = [RrType::A, RrType::TXT, RrType::AAAA];

type Model = BTreeMap<(Name, u16), Rrset>;

/// Numbers that are the same each time (SplitMix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % most
    }
}

fn model(rrsets: Vec<Rrset>) -> Model {
    rrsets.into_iter().map(|rrset| ((rrset.owner.clone(), rrset.rrtype.0), rrset)).collect()
}

/// Most names are in the blocks, some between them, some behind.
fn some_owner(dice: &mut Dice) -> String {
    match dice.below(10) {
        0 => "@".to_owned(),
        1 => format!("h{:07}x.deep", dice.below(50)),
        2 => format!("zz{:03}", dice.below(200)),
        3 => format!("below.h{:07}", dice.below(u64::from(HOSTS))),
        _ => format!("h{:07}", dice.below(u64::from(HOSTS))),
    }
}

fn change(
    source: &SqliteSource,
    origin: &Name,
    model: &mut Model,
    serial: u32,
    dice: &mut Dice,
) -> ZoneEntry {
    let mut change = source.change(origin.as_ref()).unwrap();
    let mut changed = Model::new();
    let mut note = |one: Rrset| changed.insert((one.owner.clone(), one.rrtype.0), one);
    note(rrset(origin, "@", RrType::SOA, 300, &[&soa(serial)]));
    for _ in 0..=dice.below(400) {
        let rrtype = TYPES[dice.below(3) as usize];
        let new = dice.below(256) as u8;
        let mut one = rrset(origin, &some_owner(dice), rrtype, 300, &[&[new; 4]]);
        if dice.below(2) == 0 {
            one.rdatas.clear();
        }
        note(one);
    }
    for (place, rrset) in changed {
        let before = model.get(&place).map(Rrset::as_ref);
        let after = (!rrset.rdatas.is_empty()).then(|| rrset.as_ref());
        change.replace(before, after).unwrap();
        if rrset.rdatas.is_empty() { drop(model.remove(&place)) } else { drop(model.insert(place, rrset)) }
    }
    change.commit().unwrap()
}

fn must_be(source: &SqliteSource, entry: &ZoneEntry, model: &Model) {
    let found = read(source, entry).unwrap();
    assert!(found.iter().eq(model.values()), "version {}", entry.version);
    assert_eq!(entry.rrsets, model.len() as u64);
}

fn look_up(source: &SqliteSource, entry: &ZoneEntry, model: &Model, dice: &mut Dice) {
    for _ in 0..50 {
        let owner = Name::from_text(&some_owner(dice), Some(entry.origin.as_ref())).unwrap();
        let mut found = Vec::new();
        source.rrsets_at(entry, owner.as_ref(), &mut |rrset| found.push(rrset.to_rrset())).unwrap();
        let wanted = model.range((owner.clone(), 0)..=(owner.clone(), u16::MAX)).map(|(_, rrset)| rrset);
        assert!(found.iter().eq(wanted), "{owner}");
        let mut behind = model.range((owner.clone(), u16::MAX)..).map(|((name, _), _)| name);
        let is_below = behind.next().is_some_and(|next| next.as_ref().is_at_or_below(owner.as_ref()));
        assert_eq!(source.has_names_below(entry, owner.as_ref()).unwrap(), is_below, "{owner}");
    }
    look_up_many(source, entry, model, dice);
}

/// Names in order, which share what is read, and some out of it.
fn look_up_many(source: &SqliteSource, entry: &ZoneEntry, model: &Model, dice: &mut Dice) {
    let every = 1 + dice.below(100) as usize;
    let mut owners: Vec<&Name> = model.keys().map(|(owner, _)| owner).step_by(every).collect();
    owners.dedup();
    let middle = owners.len() / 2;
    owners.rotate_left(middle);
    let names: Vec<_> = owners.iter().map(|owner| owner.as_ref()).collect();
    let mut found = Vec::new();
    source.rrsets_of(entry, &names, &mut |rrset| found.push(rrset.to_rrset())).unwrap();
    let of = |owner: &&Name| model.range(((*owner).clone(), 0)..=((*owner).clone(), u16::MAX));
    assert!(found.iter().eq(owners.iter().flat_map(of).map(|(_, rrset)| rrset)));
}

#[test]
fn each_version_is_what_was_said() {
    let directory = tempfile::tempdir().unwrap();
    let source = SqliteSource::open(&directory.path().join("zones.sqlite"), Access::Create).unwrap();
    let (origin, mut dice) = (name("example."), Dice(7));
    let first = hosts(&origin, 1, HOSTS);
    let entry = store(&source, &origin, &first).unwrap();
    let mut model = model(first.clone());
    must_be(&source, &entry, &model);
    let mut held: Vec<(Lease, ZoneEntry, Model)> = Vec::new();
    for serial in 2..2 + CHANGES {
        let entry = change(&source, &origin, &mut model, serial, &mut dice);
        look_up(&source, &entry, &model, &mut dice);
        if dice.below(4) == 0 {
            held.push((source.lease(&entry).unwrap(), entry.clone(), model.clone()));
        }
        if dice.below(8) == 0 && !held.is_empty() {
            let (lease, entry, model) = held.remove(dice.below(held.len() as u64) as usize);
            must_be(&source, &entry, &model);
            drop(lease);
            source.clear_leftovers().unwrap();
        }
        if serial % 10 == 0 {
            must_be(&source, &entry, &model);
        }
    }
    for (_, entry, model) in &held {
        must_be(&source, entry, model);
    }
    drop(held);
    source.clear_leftovers().unwrap();
    let entry = common::current(&source, origin.as_ref());
    must_be(&source, &entry, &model);
    // Written anew as a whole: the journal has the way back to what was there first.
    let mut last = first.clone();
    let soa_at = last.iter().position(|rrset| rrset.rrtype == RrType::SOA).unwrap();
    last[soa_at] = rrset(&origin, "@", RrType::SOA, 300, &[&soa(100)]);
    let after = store(&source, &origin, &last).unwrap();
    source.clear_leftovers().unwrap();
    let mut wanted = self::model(last);
    must_be(&source, &after, &wanted);
    let covered = source.journal(origin.as_ref(), entry.serial, &mut |event| {
        let take = |model: &mut Model, rrset: RrsetRef<'_>, is_back: bool| merge(model, rrset, is_back);
        match event {
            JournalEvent::Deleted(rrset) => take(&mut wanted, rrset, true),
            JournalEvent::Added(rrset) => take(&mut wanted, rrset, false),
            _ => {}
        }
        std::ops::ControlFlow::Continue(())
    });
    assert_eq!(covered.unwrap(), JournalCoverage::Complete { steps: 1 });
    assert!(wanted.values().eq(model.values()), "taking the step back leads to the version before");
}

/// Takes a difference back: what went comes, what came goes.
fn merge(model: &mut Model, rrset: RrsetRef<'_>, comes: bool) {
    let place = (rrset.owner.to_name(), rrset.rrtype.0);
    let now = model.get(&place).map(|rrset| rrset.rdatas.clone()).unwrap_or_default();
    let mut rdatas: Vec<Vec<u8>> = RdataList::from_packed(&now).iter().map(<[u8]>::to_vec).collect();
    for rdata in rrset.rdatas.iter() {
        rdatas.retain(|other| other != rdata);
        if comes {
            rdatas.push(rdata.to_vec());
        }
    }
    rdatas.sort();
    let packed: Vec<u8> =
        rdatas.iter().flat_map(|rdata| [&(rdata.len() as u16).to_be_bytes()[..], rdata].concat()).collect();
    if packed.is_empty() {
        model.remove(&place);
    } else {
        model.insert(place, Rrset { rdatas: packed, ..rrset.to_rrset() });
    }
}
