//! Names in record data that lead to addresses and more in the same zone.

use std::ops::Range;

use tenon_wire::NameRef;
use tenon_wire::RrType;
use tenon_wire::message::KeyedName;

use super::pending::Covered;
use crate::part::PartView;

/// Links from which on they are resolved by two threads.
const WORTH_A_THREAD: usize = 50_000;
/// Most links to names below one delegation that are compared with each of these.
const MOST_NEAR: usize = 16;

/// A reference to be filled in when its name is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    /// Where in the nodes it lies.
    pub(super) at: usize,
    /// Glue will do.
    pub(super) covered: bool,
    /// A type that is wanted besides addresses.
    pub(super) also: RrType,
}

/// References that are to be filled in. Those to names below their own delegation mostly are when these names come, which is
/// soon; the others are looked up when all names are known.
#[derive(Debug, Default)]
pub(super) struct Links {
    waiting: Vec<Waiting>,
    /// The last ones: those whose name is at or below the delegation that was met last.
    near: usize,
    names: Vec<u8>,
}

#[derive(Debug)]
struct Waiting {
    link: Link,
    /// The name among the names of all links.
    name: Range<usize>,
}

impl Links {
    /// Notes a link to `name`; `is_near`: it is at or below the delegation that holds the link.
    pub(super) fn add(&mut self, link: Link, name: &[u8], is_near: bool) {
        let start = self.names.len();
        self.names.extend_from_slice(name);
        self.waiting.push(Waiting { link, name: start..self.names.len() });
        // They are the last ones of all: others between them would have to be skipped.
        self.near = if is_near && self.near < MOST_NEAR { self.near + 1 } else { 0 };
    }

    /// What is below the last delegation is over.
    pub(super) fn leave_cut(&mut self) {
        self.near = 0;
    }

    /// A name below the last delegation came: links that lead to it are filled in.
    pub(super) fn meet(
        &mut self,
        owner: NameRef<'_>,
        reference: u32,
        rrsets: &[Covered<'_>],
        nodes: &mut [u8],
    ) {
        let mut at = self.waiting.len() - self.near.min(self.waiting.len());
        while let Some(Waiting { link, name }) = self.waiting.get(at) {
            if !self.names.get(name.clone()).is_some_and(|name| name.eq_ignore_ascii_case(owner.octets())) {
                at += 1;
                continue;
            }
            let is_wanted = |rrtype| matches!(rrtype, RrType::A | RrType::AAAA) || rrtype == link.also;
            if rrsets.iter().any(|rrset| is_wanted(rrset.rrtype) && !rrset.rdatas.is_empty()) {
                fill_in(nodes, link, reference);
            }
            self.waiting.remove(at);
            self.near = self.near.saturating_sub(1);
        }
    }

    /// The references of all links that are left; 0 where there is nothing.
    pub(super) fn resolve(&self, view: &PartView<'_>) -> Vec<u32> {
        let all = |links: &[Waiting]| -> Vec<u32> {
            let mut key = KeyedName::default();
            links.iter().map(|waiting| self.resolve_one(view, waiting, &mut key).unwrap_or(0)).collect()
        };
        if self.waiting.len() < WORTH_A_THREAD {
            return all(&self.waiting);
        }
        let (first, second) = self.waiting.split_at(self.waiting.len() / 2);
        std::thread::scope(|scope| {
            let other = scope.spawn(|| all(second));
            let mut resolved = all(first);
            match other.join() {
                Ok(rest) => resolved.extend(rest),
                Err(panic) => std::panic::resume_unwind(panic),
            }
            resolved
        })
    }

    fn resolve_one(
        &self,
        view: &PartView<'_>,
        Waiting { link, name }: &Waiting,
        key: &mut KeyedName,
    ) -> Option<u32> {
        key.set(NameRef::from_octets(self.names.get(name.clone())?).ok()?);
        let node = view.address_node(key, link.covered).ok().flatten()?;
        let has = |rrtype| node.rrset(rrtype).is_ok_and(|rrset| rrset.is_some());
        (has(RrType::A) || has(RrType::AAAA) || has(link.also)).then_some(node.reference().0)
    }

    /// Fills in what was found for those that are left.
    pub(super) fn fill_in(&self, resolved: &[u32], nodes: &mut [u8]) {
        for (waiting, reference) in self.waiting.iter().zip(resolved) {
            fill_in(nodes, &waiting.link, *reference);
        }
    }
}

fn fill_in(nodes: &mut [u8], link: &Link, reference: u32) {
    if let Some(place) = nodes.get_mut(link.at..).and_then(|rest| rest.first_chunk_mut()) {
        *place = reference.to_le_bytes();
    }
}
