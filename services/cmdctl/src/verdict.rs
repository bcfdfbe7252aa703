//! What became of the settings of a component that a commit concerned.

use serde::Serialize;
use tenon_bus::Verdict;
use utoipa::ToSchema;

/// One component's part of a commit.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ComponentVerdict {
    /// The component.
    #[schema(example = "auth")]
    component: String,
    /// What was said of its settings: "accepted", "amended" or "refused".
    #[schema(example = "amended")]
    said: String,
    /// Who said it: "service", "checker" (it does not run, and the checker that it shipped did) or "cfgmgr" (no process stands
    /// behind it).
    #[schema(example = "service")]
    asked: String,
    /// What came of it: "applied", "restarted" (in force since the service was restarted), "at-start" (it does not run, and
    /// starts with them), "failed" or "none" (nothing changed).
    #[schema(example = "applied")]
    effect: String,
    /// What was amended, or why it was refused or failed, one sentence each.
    #[schema(example = json!(["workers: brought down to 64"]))]
    notes: Vec<String>,
}

/// Those of a commit. In a box of their own where few have any.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Verdicts(pub(crate) Vec<ComponentVerdict>);

impl From<Verdict> for ComponentVerdict {
    fn from(verdict: Verdict) -> Self {
        let Verdict { component, said, asked, effect, notes } = verdict;
        Self { component, said, asked, effect, notes }
    }
}
