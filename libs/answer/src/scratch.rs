//! Room to work in, one per worker, so that answering allocates nothing.

use crate::facts::Facts;

/// Reused from query to query; holds the facts about the last one.
#[derive(Debug, Default)]
pub struct Scratch {
    pub(crate) facts: Facts,
}

impl Scratch {
    /// Fresh room.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// About the query that was answered last.
    #[must_use]
    pub const fn facts(&self) -> &Facts {
        &self.facts
    }
}
