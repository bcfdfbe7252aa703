//! References between names of a zone: name servers without address, and names that point to aliases.
//!
//! A referred name may come before or after who refers to it, so what is known of names is kept until the end: not the
//! names, but a hash of each, up to a bound. Two names with one hash could at worst hide or cause a warning.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};

use tenon_wire::{Name, NameRef, RrType};

use super::problem::{Problem, ProblemKind};

/// Most names of which something is remembered: about 100 MB.
const MOST_NAMES: usize = 4 << 20;
/// Most references that are remembered until the end.
const MOST_REFERENCES: usize = 1 << 18;

pub(super) const ADDRESS: u8 = 1;
pub(super) const ALIAS: u8 = 2;
pub(super) const CUT: u8 = 4;
/// The name has a wildcard as a child.
const WILDCARD: u8 = 8;

/// What is known of names, and who refers to which.
#[derive(Default)]
pub(super) struct References {
    hasher: RandomState,
    known: HashMap<u64, u8, BuildHasherDefault<Hashed>>,
    /// The first reference to each name, by type of the record.
    wanted: HashMap<(u64, RrType), Reference>,
    is_partial: bool,
    /// At which delegation we are, and its name servers at or below itself with whether they have an address.
    glue: Vec<Glue>,
}

/// Hashes what is a hash already, made with a secret.
#[derive(Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
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

struct Glue {
    target: Name,
    has_address: bool,
}

impl References {
    /// Notes what a name has.
    pub(super) fn note(&mut self, owner: NameRef<'_>, what: u8) {
        if what & ADDRESS != 0 {
            for glue in self.glue.iter_mut().filter(|glue| glue.target.as_ref() == owner) {
                glue.has_address = true;
            }
        }
        self.remember(owner, what);
        if owner.is_wildcard()
            && let Some(parent) = owner.parent()
        {
            self.remember(parent, WILDCARD);
        }
    }

    fn remember(&mut self, name: NameRef<'_>, what: u8) {
        let hash = self.hasher.hash_one(name);
        if self.known.len() < MOST_NAMES {
            *self.known.entry(hash).or_default() |= what;
        } else {
            self.is_partial = true;
        }
    }

    /// Notes a reference to a name in the zone; `cut` is the delegation that refers, if it is one.
    pub(super) fn refer(&mut self, owner: NameRef<'_>, rrtype: RrType, target: NameRef<'_>, is_cut: bool) {
        if is_cut && target.is_at_or_below(owner) {
            // The delegation's own addresses come before its NS records.
            let has_address = self.known_of(target) & ADDRESS != 0;
            self.glue.push(Glue { target: target.to_name(), has_address });
            return;
        }
        let number = self.wanted.len();
        if number >= MOST_REFERENCES {
            self.is_partial = true;
            return;
        }
        let key = (self.hasher.hash_one(target), rrtype);
        self.wanted.entry(key).or_insert_with(|| Reference {
            owner: owner.to_name(),
            target: target.to_name(),
            number,
        });
    }

    /// The delegation and everything below it is over.
    pub(super) fn leave_cut(&mut self, cut: NameRef<'_>, report: &mut dyn FnMut(Problem)) {
        for glue in self.glue.drain(..).filter(|glue| !glue.has_address) {
            let what = ProblemKind::NoGlue { target: glue.target };
            report(Problem { owner: cut.to_name(), rrtype: Some(RrType::NS), what });
        }
    }

    /// Looks at all references, in the order in which they were met.
    pub(super) fn finish(self, origin: NameRef<'_>, report: &mut dyn FnMut(Problem)) {
        if self.is_partial {
            report(Problem { owner: origin.to_name(), rrtype: None, what: ProblemKind::NotAllFollowed });
        }
        let mut references: Vec<_> = self.wanted.iter().collect();
        references.sort_by_key(|(_, reference)| reference.number);
        for ((_, rrtype), Reference { owner, target, .. }) in references {
            if let Some(what) = self.judge(origin, *rrtype, target) {
                report(Problem { owner: owner.clone(), rrtype: Some(*rrtype), what });
            }
        }
    }

    fn judge(&self, origin: NameRef<'_>, rrtype: RrType, target: &Name) -> Option<ProblemKind> {
        let known = self.known_of(target.as_ref());
        if known & ALIAS != 0 {
            return Some(ProblemKind::TargetIsAlias { target: target.clone() });
        }
        let is_missing = rrtype == RrType::NS
            && known & ADDRESS == 0
            && !self.is_partial
            && !self.is_answered_elsewhere(origin, target.as_ref());
        is_missing.then(|| ProblemKind::NoAddress { target: target.clone() })
    }

    /// Whether the name is delegated away or a wildcard may answer for it.
    fn is_answered_elsewhere(&self, origin: NameRef<'_>, target: NameRef<'_>) -> bool {
        let mut name = target;
        while name != origin {
            if self.known_of(name) & CUT != 0 {
                return true;
            }
            let Some(parent) = name.parent() else { return false };
            name = parent;
            if self.known_of(name) & WILDCARD != 0 {
                return true;
            }
        }
        false
    }

    fn known_of(&self, name: NameRef<'_>) -> u8 {
        self.known.get(&self.hasher.hash_one(name)).copied().unwrap_or_default()
    }
}
