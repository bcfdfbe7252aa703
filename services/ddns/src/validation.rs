//! Whether the zone can be served after a transaction, said as its client is told.

use crate::draft::Draft;
use crate::transaction::{Refusal, RefusalKind};
use crate::update::INVALID;

/// Looks at what a transaction made.
///
/// # Errors
/// The first thing that is wrong.
pub fn check(draft: &mut Draft<'_, '_>) -> Result<(), Refusal> {
    let found = draft.check()?;
    let reason = match (found.errors.first(), found.hides) {
        (Some(problem), _) => problem.to_string(),
        (None, Some(name)) => format!("{name} DNAME: there are names below it, which it would hide"),
        (None, None) => return Ok(()),
    };
    Err(Refusal::new(RefusalKind::Invalid, INVALID, reason))
}
