//! Counts, and the cases that somebody has to look at.

use std::collections::BTreeMap;
use std::fmt;

use crate::verdict::Verdict;

/// Cases kept of each shape.
const KEPT: usize = 2;

/// How many there were of each shape of answers, and some of them.
pub type Cases = BTreeMap<String, (u64, Vec<String>)>;

/// One question that was asked of all.
pub struct Case<'a> {
    /// What the answers came to.
    pub verdict: Verdict,
    /// The row of `docs/differences.md` that says why Tenon answers otherwise.
    pub known: Option<&'static str>,
    /// What the answers look like, for counting.
    pub shape: &'a dyn Fn() -> String,
    /// All four answers, as text.
    pub describe: &'a dyn Fn() -> String,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Report {
    /// Questions asked of all four.
    pub asked: u64,
    /// Tenon answered as at least two peers.
    pub agreed: u64,
    /// The peers do not agree with each other, and Tenon answered as one of them.
    pub with_one: u64,
    /// No two of the four agree.
    pub nobody: u64,
    /// Answers that somebody truncated; they were asked again over TCP.
    pub truncated: u64,
    /// Fewer than two peers had the zone.
    pub without_peers: u64,
    /// Differences by the row of `docs/differences.md`.
    pub known: BTreeMap<&'static str, u64>,
    /// Tenon stands alone, and no row says why.
    pub alone: u64,
    /// Some of these with all answers, by what the answers look like.
    pub alone_cases: Cases,
    /// Some of the cases in which nobody agrees.
    pub nobody_cases: Cases,
}

impl Report {
    pub(crate) fn note(&mut self, case: &Case<'_>) {
        self.asked += 1;
        match (case.verdict, case.known) {
            (Verdict::Agreement, _) => self.agreed += 1,
            (Verdict::NoPeers, _) => self.without_peers += 1,
            (Verdict::Alone | Verdict::NobodyAgrees, Some(row)) => *self.known.entry(row).or_default() += 1,
            (Verdict::Alone, None) => {
                self.alone += 1;
                keep(&mut self.alone_cases, case);
            }
            (Verdict::WithOne, _) => self.with_one += 1,
            (Verdict::NobodyAgrees, None) => {
                self.nobody += 1;
                keep(&mut self.nobody_cases, case);
            }
        }
    }

    pub(crate) fn truncated(&mut self, _by_tenon: bool) {
        self.truncated += 1;
    }
}

fn keep(cases: &mut Cases, case: &Case<'_>) {
    let (count, kept) = cases.entry((case.shape)()).or_default();
    *count += 1;
    if kept.len() < KEPT {
        kept.push((case.describe)());
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} questions compared, {} truncated ones asked again over TCP",
            self.asked, self.truncated
        )?;
        writeln!(f, "{} answered as at least two of Knot, NSD and BIND", self.agreed)?;
        writeln!(f, "{} answered as one of them, who differ from each other", self.with_one)?;
        for (row, count) in &self.known {
            writeln!(f, "{count} answered otherwise, as docs/differences.md says: {row}")?;
        }
        writeln!(
            f,
            "{} with no two of the four alike, {} served by fewer than two peers",
            self.nobody, self.without_peers
        )?;
        write!(f, "{} in which Tenon stands alone", self.alone)
    }
}
