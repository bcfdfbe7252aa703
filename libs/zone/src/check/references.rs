//! References between names of a zone: name servers without address, and names that point to aliases.
//!
//! A referred name may come before or after who refers to it, so what names have is kept until the end: not the names, but a
//! hash of each, up to a bound, one behind the other. Only then is it known which of them are referred to, and the rest is
//! passed over: so what most zones have most of, delegations and their glue, costs no search. Two names with one hash could at
//! worst hide or cause a warning.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};

use tenon_wire::{Name, NameRef, NameRoom, RrType};

use super::problem::{Problem, ProblemKind};

/// Most names of which something is remembered, eight octets each.
const MOST_NAMES: usize = 12 << 20;
/// Most names that are referred to, those above them counted.
const MOST_KNOWN: usize = 4 << 20;
/// Most references that are remembered until the end.
const MOST_REFERENCES: usize = 1 << 18;

/// Room for name servers below a delegation that is kept for the next one.
const MOST_GLUE: usize = 64;

pub(super) const ADDRESS: u8 = 1;
pub(super) const ALIAS: u8 = 2;
pub(super) const CUT: u8 = 4;
/// The name has a wildcard as a child.
const WILDCARD: u8 = 8;
const EVERYTHING: u64 = 15;

/// What is known of names, and who refers to which.
#[derive(Default)]
pub(super) struct References {
    hasher: RandomState,
    /// Hashes of names, the lowest bits of each replaced by what the name has; a name may be there several times.
    seen: Vec<u64>,
    /// The first reference to each name, by type of the record.
    wanted: HashMap<(u64, RrType), Reference>,
    is_partial: bool,
    /// Name servers at or below the delegation where we are, with whether they have an address; the rest is room for more.
    glue: Vec<Glue>,
    /// How many there are.
    glued: usize,
}

/// What is known of names, by their hashes.
type Known = HashMap<u64, u8, BuildHasherDefault<Hashed>>;

/// Hashes what is a hash already, made with a secret.
#[derive(Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        // Tables use the lowest bits, too.
        self.0.rotate_right(EVERYTHING.count_ones())
    }

    fn write(&mut self, octets: &[u8]) {
        self.0 = octets.iter().fold(self.0, |hash, octet| hash.rotate_left(8) ^ u64::from(*octet));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

struct Reference {
    owner: Name,
    target: Name,
    number: usize,
}

#[derive(Default)]
struct Glue {
    target: NameRoom,
    has_address: bool,
}

impl References {
    /// Notes that a name below or at the delegation where we are has an address. Nobody else asks for it: of a name that is
    /// delegated away no address is missed.
    pub(super) fn note_glue(&mut self, owner: NameRef<'_>) {
        for glue in self.glue.iter_mut().take(self.glued).filter(|glue| glue.target.as_ref() == owner) {
            glue.has_address = true;
        }
    }

    /// Notes what a name has.
    pub(super) fn note(&mut self, owner: NameRef<'_>, what: u8) {
        self.remember(owner, what);
        if owner.is_wildcard()
            && let Some(parent) = owner.parent()
        {
            self.remember(parent, WILDCARD);
        }
    }

    fn remember(&mut self, name: NameRef<'_>, what: u8) {
        let hash = self.hash(name);
        if let Some(last) = self.seen.last_mut().filter(|last| **last & !EVERYTHING == hash) {
            *last |= u64::from(what);
        } else if self.seen.len() < MOST_NAMES {
            self.seen.push(hash | u64::from(what));
        } else {
            self.is_partial = true;
        }
    }

    fn hash(&self, name: NameRef<'_>) -> u64 {
        self.hasher.hash_one(name) & !EVERYTHING
    }

    /// Notes a name server at or below the delegation where we are, and whether it has an address already.
    pub(super) fn refer_to_glue(&mut self, target: NameRef<'_>, has_address: bool) {
        if self.glued == self.glue.len() {
            self.glue.push(Glue::default());
        }
        if let Some(glue) = self.glue.get_mut(self.glued) {
            glue.target.set(target);
            glue.has_address = has_address;
            self.glued += 1;
        }
    }

    /// Notes a reference to another name in the zone.
    pub(super) fn refer(&mut self, owner: NameRef<'_>, rrtype: RrType, target: NameRef<'_>) {
        let number = self.wanted.len();
        if number >= MOST_REFERENCES {
            self.is_partial = true;
            return;
        }
        let key = (self.hash(target), rrtype);
        self.wanted.entry(key).or_insert_with(|| Reference {
            owner: owner.to_name(),
            target: target.to_name(),
            number,
        });
    }

    /// The delegation and everything below it is over.
    pub(super) fn leave_cut(&mut self, cut: NameRef<'_>, report: &mut dyn FnMut(Problem)) {
        for glue in self.glue.iter().take(self.glued).filter(|glue| !glue.has_address) {
            let what = ProblemKind::NoGlue { target: glue.target.as_ref().to_name() };
            report(Problem { owner: cut.to_name(), rrtype: Some(RrType::NS), what });
        }
        self.glue.truncate(MOST_GLUE);
        self.glued = 0;
    }

    /// Looks at all references, in the order in which they were met.
    pub(super) fn finish(mut self, origin: NameRef<'_>, report: &mut dyn FnMut(Problem)) {
        let known = self.known(origin);
        self.is_partial |= known.len() >= MOST_KNOWN;
        if self.is_partial {
            report(Problem { owner: origin.to_name(), rrtype: None, what: ProblemKind::NotAllFollowed });
        }
        let mut references: Vec<_> = self.wanted.iter().collect();
        references.sort_by_key(|(_, reference)| reference.number);
        for ((_, rrtype), Reference { owner, target, .. }) in references {
            if let Some(what) = self.judge(&known, origin, *rrtype, target) {
                report(Problem { owner: owner.clone(), rrtype: Some(*rrtype), what });
            }
        }
    }

    /// What the names that somebody refers to have, and those above them.
    fn known(&self, origin: NameRef<'_>) -> Known {
        let mut known = Known::default();
        for Reference { target, .. } in self.wanted.values() {
            let mut name = Some(target.as_ref());
            while let Some(here) = name.filter(|_| known.len() < MOST_KNOWN) {
                known.insert(self.hash(here), 0);
                name = if here == origin { None } else { here.parent() };
            }
        }
        for seen in &self.seen {
            if let Some(what) = known.get_mut(&(seen & !EVERYTHING)) {
                *what |= (seen & EVERYTHING) as u8;
            }
        }
        known
    }

    fn judge(
        &self,
        known: &Known,
        origin: NameRef<'_>,
        rrtype: RrType,
        target: &Name,
    ) -> Option<ProblemKind> {
        let has = |name: NameRef<'_>, what| known.get(&self.hash(name)).is_some_and(|had| had & what != 0);
        if has(target.as_ref(), ALIAS) {
            return Some(ProblemKind::TargetIsAlias { target: target.clone() });
        }
        let is_missing = rrtype == RrType::NS
            && !has(target.as_ref(), ADDRESS)
            && !self.is_partial
            && !is_answered_elsewhere(&has, origin, target.as_ref());
        is_missing.then(|| ProblemKind::NoAddress { target: target.clone() })
    }
}

/// Whether the name is delegated away or a wildcard may answer for it.
fn is_answered_elsewhere(
    has: &impl Fn(NameRef<'_>, u8) -> bool,
    origin: NameRef<'_>,
    target: NameRef<'_>,
) -> bool {
    let mut name = target;
    while name != origin {
        if has(name, CUT) {
            return true;
        }
        let Some(parent) = name.parent() else { return false };
        name = parent;
        if has(name, WILDCARD) {
            return true;
        }
    }
    false
}
