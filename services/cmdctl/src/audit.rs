//! What accounts changed, or were refused to: every attempt is counted and logged.

use tracing::{info, warn};

use crate::gate::Visitor;
use crate::messages;
use crate::problem::Problem;
use crate::statistics::{Statistics, count};

/// What somebody asked for.
#[derive(Clone, Copy, Debug)]
pub struct Deed<'a> {
    /// What is done, as a word.
    pub verb: &'a str,
    /// To what: options, records, a generation; empty for a zone as a whole.
    pub to: &'a str,
    /// The zone; empty when it is of none.
    pub zone: &'a str,
}

/// Notes what became of it.
pub fn note<T>(statistics: &Statistics, who: &Visitor, deed: Deed<'_>, outcome: &Result<T, Problem>) {
    let Visitor { account, peer, .. } = who;
    let Deed { verb, to, zone } = deed;
    let what = [verb, zone, to].into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    match outcome {
        Ok(_) => {
            count(&statistics.changes);
            info!(
                message_id = messages::AUDIT,
                account = %account, peer = %peer, verb, options = to, zone, outcome = "done",
                "{what} by {account} from {peer}: done"
            );
        }
        Err(problem) => {
            count(&statistics.changes_refused);
            let reason = problem.detail();
            warn!(
                message_id = messages::AUDIT,
                account = %account, peer = %peer, verb, options = to, zone, outcome = reason,
                "{what} by {account} from {peer} refused: {reason}"
            );
        }
    }
}
