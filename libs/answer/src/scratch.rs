//! Room to work in, one per worker, so that answering allocates nothing.

use tenon_wire::message::{KeyedName, NamePlaces};

use crate::facts::Facts;

/// Reused from query to query; holds the facts about the last one.
#[derive(Debug, Default)]
pub struct Scratch {
    pub(crate) facts: Facts,
    /// The name that is being looked up: the question's, then that of each alias.
    pub(crate) name: KeyedName,
    /// Where its suffixes lie in the response.
    pub(crate) places: NamePlaces,
    /// A name met on the way: a name server's, or one in a proof.
    pub(crate) other: KeyedName,
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
