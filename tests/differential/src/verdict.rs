//! Who stands alone.

use crate::reading::Reading;

/// The peers, in the order of their answers.
pub const PEERS: [&str; 3] = ["knot", "nsd", "bind"];

/// What four answers to one question come to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Tenon answers as at least two peers do.
    Agreement,
    /// At least two peers agree, and Tenon answers otherwise.
    Alone,
    /// Each peer answers in its own way, and Tenon as one of them.
    WithOne,
    /// Each of the four answers in its own way.
    NobodyAgrees,
    /// Fewer than two peers serve the zone.
    NoPeers,
}

/// True when two answers say the same; their lengths may differ.
#[must_use]
pub fn same(a: &Reading, b: &Reading) -> bool {
    (a.rcode, &a.flags, a.edns) == (b.rcode, &b.flags, b.edns)
        && (&a.answer, &a.authority, &a.additional) == (&b.answer, &b.authority, &b.additional)
}

/// The answer that two peers agree on.
#[must_use]
pub fn majority(peers: [Option<&Reading>; 3]) -> Option<&Reading> {
    let [a, b, c] = peers;
    [(a, b), (a, c), (b, c)].into_iter().find_map(|pair| match pair {
        (Some(one), Some(other)) if same(one, other) => Some(one),
        _ => None,
    })
}

/// Compares Tenon's answer with those of the peers; a peer that is none does not count.
#[must_use]
pub fn judge(tenon: Option<&Reading>, peers: [Option<&Reading>; 3]) -> Verdict {
    if peers.iter().flatten().count() < 2 {
        return Verdict::NoPeers;
    }
    let is_like = |peer: &&Reading| tenon.is_some_and(|tenon| same(tenon, peer));
    let friends = peers.into_iter().flatten().filter(is_like).count();
    match (friends, majority(peers)) {
        (2.., _) => Verdict::Agreement,
        (_, Some(_)) => Verdict::Alone,
        (1, None) => Verdict::WithOne,
        (_, None) => Verdict::NobodyAgrees,
    }
}
