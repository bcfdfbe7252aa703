//! What became of each component's settings at a commit.

use serde_json::json;
use tenon_bus::{BusError, Cfgmgr1, CommitOutcome, Verdict};

use crate::failure::Failure;
use crate::output::{Cell, Output, Tone, cell, toned};

/// The outcome of a commit; of a failed one what each owner said is shown first.
pub(super) async fn of(
    output: Output,
    cfgmgr: &Cfgmgr1,
    outcome: Result<CommitOutcome, BusError>,
) -> Result<CommitOutcome, Failure> {
    let error = match outcome {
        Ok(outcome) => return Ok(outcome),
        Err(error) => error,
    };
    let verdicts = cfgmgr.verdicts_of_failure("", &error).await;
    if output.json && !verdicts.is_empty() {
        output.document(&json!({"verdicts": verdicts}))?;
    } else {
        table(output, &verdicts)?;
    }
    Err(error.into())
}

/// One line for each component.
pub(super) fn table(output: Output, verdicts: &[Verdict]) -> Result<(), Failure> {
    if verdicts.is_empty() {
        return Ok(());
    }
    Ok(output.table(&["COMPONENT", "VERDICT", "NOW"], verdicts.iter().map(row).collect())?)
}

fn row(verdict: &Verdict) -> Vec<Cell> {
    let notes = verdict.notes.join("; ");
    let by = if verdict.asked == "checker" { " by the checker it shipped" } else { "" };
    let (why, tone) = match verdict.said.as_str() {
        "accepted" => (String::new(), Tone::Good),
        "refused" => (format!(": {notes}"), Tone::Bad),
        _ => (format!(": {notes}"), Tone::Plain),
    };
    let now = match verdict.effect.as_str() {
        "applied" => "in force".to_owned(),
        "restarted" => "restarted, in force".to_owned(),
        "at-start" => "not running; in force when it starts".to_owned(),
        "failed" if verdict.said == "accepted" => format!("failed: {notes}"),
        "failed" => "failed".to_owned(),
        _ => "as before".to_owned(),
    };
    vec![cell(&verdict.component), toned(format!("{}{by}{why}", verdict.said), tone), cell(now)]
}

/// Whether a note stands in the table already.
pub(super) fn shows(verdicts: &[Verdict], note: &str) -> bool {
    verdicts.iter().any(|verdict| {
        verdict.said == "amended"
            && verdict.notes.iter().any(|shown| note == format!("{}: {shown}", verdict.component))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_notes_of_amended_settings_stand_in_the_table() {
        let verdict = |said: &str| Verdict {
            component: "auth".into(),
            said: said.into(),
            asked: "service".into(),
            effect: "applied".into(),
            notes: vec!["workers: brought down to 64".into()],
        };
        let note = "auth: workers: brought down to 64";
        assert!(shows(&[verdict("amended")], note));
        assert!(!shows(&[verdict("accepted")], note) && !shows(&[verdict("amended")], "else"));
    }
}
