//! Names in record data that lead to addresses and more in the same zone.

use std::ops::Range;

use tenon_wire::NameRef;
use tenon_wire::RrType;
use tenon_wire::message::KeyedName;

use crate::part::PartView;

/// A reference to be filled in when all names are known.
#[derive(Debug)]
pub(super) struct Link {
    /// Where in the nodes it lies.
    pub(super) at: usize,
    /// The name among the names of all links.
    pub(super) name: Range<usize>,
    /// Glue will do.
    pub(super) covered: bool,
    /// A type that is wanted besides addresses.
    pub(super) also: RrType,
}

/// Links from which on they are resolved by two threads.
const WORTH_A_THREAD: usize = 50_000;

/// The references of all links; 0 where there is nothing.
pub(super) fn resolve(view: &PartView<'_>, links: &[Link], names: &[u8]) -> Vec<u32> {
    let all = |links: &[Link]| -> Vec<u32> {
        let mut key = KeyedName::default();
        links.iter().map(|link| resolve_one(view, link, names, &mut key).unwrap_or(0)).collect()
    };
    if links.len() < WORTH_A_THREAD {
        return all(links);
    }
    let (first, second) = links.split_at(links.len() / 2);
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

fn resolve_one(view: &PartView<'_>, link: &Link, names: &[u8], key: &mut KeyedName) -> Option<u32> {
    key.set(NameRef::from_octets(&names[link.name.clone()]).ok()?);
    let node = view.address_node(key, link.covered).ok().flatten()?;
    let has = |rrtype| node.rrset(rrtype).is_ok_and(|rrset| rrset.is_some());
    (has(RrType::A) || has(RrType::AAAA) || has(link.also)).then_some(node.reference().0)
}
