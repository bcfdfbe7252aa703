//! The first phase of a commit: every owner concerned is asked, and each has its say even if another refused.

use serde_json::{Map, Value};
use tenon_service::committed::StoredGeneration;
use tenon_service::document;

use super::commit::{CommitError, Documents, changed};
use super::verdict::{Effect, Said, Verdict};
use super::{Manager, held};
use crate::owners::{Answer, Asked, Owners};
use crate::virtual_module::{VIRTUAL_MODULES, Whole};

impl Manager {
    /// The settings as all owners concerned would have them, with their notes. `verdicts`: what each said, also when
    /// this fails.
    pub(super) async fn check(
        &self,
        owners: &Owners,
        before: &StoredGeneration,
        then: Map<String, Value>,
        verdicts: &mut Vec<Verdict>,
    ) -> Result<(Documents, Vec<String>), CommitError> {
        let schemas = self.schemas();
        let mut settings = before.settings.clone();
        let mut notes = Vec::new();
        let limit = held(&self.settings).check_limit();
        for (component, value) in then {
            if schemas.component(&component, &before.settings).as_ref() == Some(&value) {
                continue;
            }
            let (Some(schema), Value::Object(value)) = (schemas.get(&component), value) else { continue };
            let proposed = Value::Object(document::differing(value, &schema.defaults()));
            let answer = owners.check(&component, proposed, limit).await;
            verdicts.push(verdict(&component, &answer));
            if let Ok(checked) = answer.outcome {
                notes.extend(checked.notes.into_iter().map(|note| format!("{component}: {note}")));
                settings.insert(component, checked.amended);
            }
        }
        none_refused(verdicts)?;
        settings.retain(|_, document| document.as_object().is_none_or(|options| !options.is_empty()));
        self.check_whole(before, &settings, verdicts)?;
        Ok((settings, notes))
    }

    /// Whether the settings of all fit together.
    fn check_whole(
        &self,
        before: &StoredGeneration,
        settings: &Documents,
        verdicts: &mut Vec<Verdict>,
    ) -> Result<(), CommitError> {
        let (tree, secrets) = (self.schemas().complete(settings), self.keys.secrets());
        let whole = Whole { tree: &tree, secrets: &secrets };
        let changed = changed(&before.settings, settings);
        for module in VIRTUAL_MODULES {
            if changed.iter().any(|component| (module.concerns)(component))
                && let Err(reason) = (module.fits)(&whole)
            {
                verdicts.retain(|verdict| verdict.component != module.component);
                verdicts.push(refusal(module.component, Asked::Cfgmgr, reason));
            }
        }
        none_refused(verdicts)
    }
}

fn verdict(component: &str, answer: &Answer) -> Verdict {
    match &answer.outcome {
        Err(error) => refusal(component, answer.asked, error.to_string()),
        Ok(checked) => Verdict {
            component: component.to_owned(),
            // Owners note what they amend; names and defaults spelled in another way are the same settings.
            said: if checked.notes.is_empty() { Said::Accepted } else { Said::Amended },
            asked: answer.asked,
            effect: Effect::None,
            notes: checked.notes.clone(),
        },
    }
}

fn refusal(component: &str, asked: Asked, reason: String) -> Verdict {
    let component = component.to_owned();
    Verdict { component, said: Said::Refused, asked, effect: Effect::None, notes: vec![reason] }
}

fn none_refused(verdicts: &[Verdict]) -> Result<(), CommitError> {
    let refused = verdicts.iter().filter(|verdict| verdict.said == Said::Refused);
    let reasons: Vec<&str> = refused.flat_map(|verdict| &verdict.notes).map(String::as_str).collect();
    if reasons.is_empty() { Ok(()) } else { Err(CommitError::Rejected(reasons.join("; "))) }
}
