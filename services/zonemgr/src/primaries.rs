//! The primaries of a zone. Most zones have the same ones, so each list is kept once.

use std::collections::HashSet;
use std::sync::Arc;

use crate::settings::Primary;

/// In the order of asking.
pub type Primaries = Arc<[Primary]>;

/// The different lists that there are.
#[derive(Debug, Default)]
pub struct Lists(HashSet<Primaries>);

impl Lists {
    /// The list with these primaries, which all who have the same ones share.
    pub fn share(&mut self, primaries: &[Primary]) -> Primaries {
        if let Some(known) = self.0.get(primaries) {
            return Arc::clone(known);
        }
        let new = Primaries::from(primaries);
        self.0.insert(Arc::clone(&new));
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_lists_are_one() {
        let primary = |port| Primary::plain([192, 0, 2, 1].into(), port);
        let mut lists = Lists::default();
        let one = lists.share(&[primary(53), primary(54)]);
        assert!(Arc::ptr_eq(&one, &lists.share(&[primary(53), primary(54)])));
        assert_ne!(one, lists.share(&[primary(54), primary(53)]), "the order counts");
    }
}
