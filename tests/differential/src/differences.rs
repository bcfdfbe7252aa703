//! The rows of `docs/differences.md`, each as a predicate over a question and its answers.

use tenon_wire::{Name, RrType};

use crate::Question;
use crate::reading::{Line, Reading};
use crate::verdict::same;

/// A question that Tenon answers otherwise than peers who agree with each other.
pub struct Difference<'a> {
    /// What was asked.
    pub question: &'a Question,
    /// What Tenon answers.
    pub tenon: &'a Reading,
    /// What Knot, NSD and BIND answer; none where they do not serve the zone.
    pub peers: [Option<&'a Reading>; 3],
    /// What two of them agree on.
    pub majority: &'a Reading,
    /// The zone that a question is for.
    pub zone_of: &'a dyn Fn(&Name, RrType) -> Option<&'a Name>,
}

/// Name and predicate of each row.
type Row = (&'static str, fn(&Difference<'_>) -> bool);

const ROWS: [Row; 5] = [
    ("any", is_any),
    ("empty wildcard", is_empty_wildcard),
    ("closest encloser", is_closest_encloser),
    ("no record twice", is_without_repetition),
    ("alias into another zone", is_alias_into_another_zone),
];

impl Difference<'_> {
    /// The row that explains why Tenon answers otherwise; none if none does.
    #[must_use]
    pub fn row(&self) -> Option<&'static str> {
        ROWS.iter().find(|(_, holds)| holds(self)).map(|(name, _)| *name)
    }

    /// True when nothing but these sections differs.
    fn heads_agree(&self) -> bool {
        (self.tenon.rcode, &self.tenon.flags, self.tenon.edns)
            == (self.majority.rcode, &self.majority.flags, self.majority.edns)
    }
}

/// Everything at the name, where two send one RRset.
fn is_any(difference: &Difference<'_>) -> bool {
    difference.question.rrtype == RrType::ANY
        && difference.heads_agree()
        && contains(&difference.tenon.answer, &difference.majority.answer)
}

/// The proof that a wildcard has no data because names are below it.
fn is_empty_wildcard(difference: &Difference<'_>) -> bool {
    let Difference { tenon, majority, .. } = difference;
    let more: Vec<&Line> = tenon.authority.iter().filter(|line| !majority.authority.contains(line)).collect();
    difference.heads_agree()
        && tenon.answer == majority.answer
        && tenon.additional == majority.additional
        && contains(&tenon.authority, &majority.authority)
        && more.iter().all(|line| line.is_about("NSEC"))
        && more.iter().any(|line| line.rrtype == "NSEC" && line.data.contains(".*."))
}

/// The hashed proof of the closest encloser beside that of a wildcard without the type; BIND has it as well.
fn is_closest_encloser(difference: &Difference<'_>) -> bool {
    let Difference { tenon, majority, peers, .. } = difference;
    let more = tenon.authority.iter().filter(|line| !majority.authority.contains(line));
    let hashed: Vec<&Line> = more.clone().filter(|line| line.rrtype == "NSEC3").collect();
    difference.heads_agree()
        && tenon.answer == majority.answer
        && contains(&tenon.authority, &majority.authority)
        && hashed.len() == 1
        && more.clone().all(|line| line.is_about("NSEC3"))
        && peers[2].is_none_or(|bind| same(bind, tenon))
}

/// The same records, each once.
fn is_without_repetition(difference: &Difference<'_>) -> bool {
    let once = |lines: &[Line]| {
        let mut lines = lines.to_vec();
        lines.dedup();
        lines
    };
    let Difference { tenon, majority, .. } = difference;
    difference.heads_agree()
        && tenon.answer == once(&majority.answer)
        && tenon.authority == once(&majority.authority)
        && tenon.additional == once(&majority.additional)
}

/// Two end where an alias leads out of the zone; Tenon looks into the zone it leads to.
fn is_alias_into_another_zone(difference: &Difference<'_>) -> bool {
    let Difference { question, tenon, majority, zone_of, .. } = difference;
    let first = zone_of(&question.name, question.rrtype);
    let leads_away = tenon.answer.iter().filter(|line| line.rrtype == "CNAME").any(|line| {
        line.data.parse::<Name>().is_ok_and(|target| {
            let zone = zone_of(&target, question.rrtype);
            zone.is_some() && zone != first
        })
    });
    leads_away && contains(&tenon.answer, &majority.answer)
}

fn contains(all: &[Line], some: &[Line]) -> bool {
    some.iter().all(|line| all.contains(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_documented() {
        let text = include_str!("../../../docs/differences.md");
        for (name, _) in ROWS {
            assert!(text.contains(&format!("\n| {name} |")), "{name}");
        }
        let answers = text.split("## Zones").next().unwrap_or_default();
        let named = answers.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| |"));
        assert_eq!(named.count(), ROWS.len() + 1, "rows that the comparison does not know");
    }
}
