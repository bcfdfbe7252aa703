//! What became of the settings of each component that a commit concerned: what its owner said, and whether they are in force.

use std::collections::VecDeque;

use crate::owners::Asked;

/// Most commits whose verdicts are remembered.
const KEPT: usize = 256;

/// What an owner said of its settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// They are fine as they are.
    Accepted,
    /// They are fine as it changed them.
    Amended,
    /// They are not.
    Refused,
}

/// How far they got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing changed.
    None,
    /// They are in force.
    Applied,
    /// They are in force since the service was restarted.
    Restarted,
    /// The service does not run, and starts with them.
    AtStart,
    /// They could not be put into force.
    Failed,
}

/// One component's part of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The component.
    pub component: String,
    /// What its owner said.
    pub said: Said,
    /// Who that was.
    pub asked: Asked,
    /// What came of it.
    pub effect: Effect,
    /// What was amended, or why it was refused or failed, one sentence each.
    pub notes: Vec<String>,
}

/// A commit that was tried.
#[derive(Clone, Debug)]
pub(super) struct Tried {
    pub(super) author: String,
    /// The generation in force by it; 0 when it did not come into force.
    pub(super) generation: u64,
    /// Why it did not; empty when it did.
    pub(super) reason: String,
    pub(super) verdicts: Vec<Verdict>,
}

/// The last commits that were tried.
#[derive(Debug, Default)]
pub(super) struct LastTried(VecDeque<Tried>);

impl LastTried {
    pub(super) fn remember(&mut self, tried: Tried) {
        if self.0.len() >= KEPT {
            self.0.pop_front();
        }
        self.0.push_back(tried);
    }

    /// The newest of an author that came to this generation; 0: that did not come into force.
    pub(super) fn find(&self, author: &str, generation: u64) -> Option<&Tried> {
        self.0.iter().rev().find(|tried| tried.author == author && tried.generation == generation)
    }
}

impl Said {
    /// The word for it on the bus.
    pub fn word(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Amended => "amended",
            Self::Refused => "refused",
        }
    }
}

impl Effect {
    /// The word for it on the bus.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Applied => "applied",
            Self::Restarted => "restarted",
            Self::AtStart => "at-start",
            Self::Failed => "failed",
        }
    }
}

impl Asked {
    /// The word for it on the bus.
    pub fn word(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Checker => "checker",
            Self::Cfgmgr => "cfgmgr",
        }
    }
}

/// Writes down how far the settings of a component got; of one that the commit did not concern, only a failure.
pub(super) fn note(verdicts: &mut Vec<Verdict>, component: &str, effect: Effect, why: Option<&str>) {
    let notes = why.map(str::to_owned);
    match verdicts.iter_mut().find(|verdict| verdict.component == component) {
        Some(verdict) => {
            verdict.effect = effect;
            verdict.notes.extend(notes);
        }
        None if effect == Effect::Failed => verdicts.push(Verdict {
            component: component.to_owned(),
            said: Said::Accepted,
            asked: Asked::Service,
            effect,
            notes: notes.into_iter().collect(),
        }),
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(author: &str, generation: u64) -> Tried {
        Tried { author: author.into(), generation, reason: String::new(), verdicts: Vec::new() }
    }

    #[test]
    fn the_newest_of_an_author_is_found_and_old_ones_are_forgotten() {
        let mut last = LastTried::default();
        last.remember(Tried { reason: "first".into(), ..tried("ann", 0) });
        last.remember(Tried { reason: "second".into(), ..tried("ann", 0) });
        assert_eq!(last.find("ann", 0).map(|tried| tried.reason.as_str()), Some("second"));
        assert!(last.find("bob", 0).is_none() && last.find("ann", 1).is_none());
        for generation in 1..=KEPT as u64 {
            last.remember(tried("bob", generation));
        }
        assert!(last.find("ann", 0).is_none() && last.find("bob", 1).is_some());
    }

    #[test]
    fn a_failure_elsewhere_is_a_line_of_its_own() {
        let mut verdicts = Vec::new();
        note(&mut verdicts, "auth", Effect::Applied, None);
        assert!(verdicts.is_empty());
        note(&mut verdicts, "auth", Effect::Failed, Some("no"));
        note(&mut verdicts, "auth", Effect::None, None);
        assert_eq!((verdicts.len(), verdicts[0].effect, verdicts[0].notes.len()), (1, Effect::None, 1));
    }
}
