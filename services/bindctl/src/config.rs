//! `bindctl config`: the settings, through tenon-cfgmgr.

mod describe;
pub(crate) mod element;
pub(crate) mod place;
pub(crate) mod value;
mod verdict;

use serde_json::{Value, json};
use tenon_bus::{Cfgmgr1, Change, CommitOutcome};

use crate::command_line::ConfigCommand;
use crate::failure::Failure;
use crate::output::{Output, Tone, cell, date, toned};
use crate::session::Session;

pub(crate) async fn run(session: &mut Session, command: ConfigCommand) -> Result<(), Failure> {
    let cfgmgr = Cfgmgr1::new(&session.bus().await?);
    let output = session.output;
    match command {
        ConfigCommand::Show { path, candidate } => {
            let path = session.place.path(&path);
            show(output, &path, cfgmgr.get(&path, candidate).await?)
        }
        ConfigCommand::ShowJson { path, candidate } => {
            let value = cfgmgr.get(&session.place.path(&path), candidate).await?;
            Ok(output.document(&value)?)
        }
        ConfigCommand::Describe { path } => {
            describe::describe(output, &cfgmgr, &session.place.path(&path)).await
        }
        ConfigCommand::Go { path } => go(session, &cfgmgr, &path).await,
        ConfigCommand::Set { path, value } => {
            value::set(&cfgmgr, &session.place.path(&path), &value).await?;
            edited(output, &cfgmgr).await
        }
        ConfigCommand::Unset { path } => {
            cfgmgr.unset(&session.place.path(&path)).await?;
            edited(output, &cfgmgr).await
        }
        ConfigCommand::Add { path, element } => {
            element::add(&cfgmgr, &session.place.path(&path), element.as_deref()).await?;
            edited(output, &cfgmgr).await
        }
        ConfigCommand::Remove { path, element } => {
            element::remove(&cfgmgr, &session.place.path(&path), element.as_deref()).await?;
            edited(output, &cfgmgr).await
        }
        ConfigCommand::Diff { from: None, .. } => diff(output, &cfgmgr.diff().await?),
        ConfigCommand::Diff { from: Some(from), to } => {
            let to = match to {
                Some(to) => to,
                None => cfgmgr.state().await?.generation,
            };
            between(output, &cfgmgr.diff_generations(from, to).await?, from, to)
        }
        ConfigCommand::Commit { comment, confirm } => commit(output, &cfgmgr, &comment, confirm).await,
        ConfigCommand::Confirm => confirm(output, &cfgmgr).await,
        ConfigCommand::Rollback { generation, comment, confirm } => {
            let outcome = cfgmgr.rollback("", generation, &comment, confirm).await;
            let outcome = verdict::of(output, &cfgmgr, outcome).await?;
            told(output, &outcome, confirm)
        }
        ConfigCommand::Revert => {
            cfgmgr.revert().await?;
            edited(output, &cfgmgr).await
        }
        ConfigCommand::History { before, limit } => history(output, &cfgmgr, before, limit).await,
    }
}

/// Has the paths that follow begin somewhere else, where there is something.
async fn go(session: &mut Session, cfgmgr: &Cfgmgr1, path: &str) -> Result<(), Failure> {
    if !session.is_shell {
        return Err(Failure::refused(
            "`config go` is for the shell: what follows in it begins there",
            "`bindctl` without a command is the shell; elsewhere give whole paths",
        ));
    }
    let path = session.place.path(path);
    match cfgmgr.get(&path, true).await? {
        Value::Object(_) | Value::Array(_) => session.place.set(path),
        _ => {
            return Err(Failure::refused(
                format!("{path}: is an option, and nothing is below it"),
                "`config show` lists what there is",
            ));
        }
    }
    Ok(())
}

fn show(output: Output, path: &str, value: Value) -> Result<(), Failure> {
    if output.json {
        return Ok(output.document(&value)?);
    }
    let mut rows = Vec::new();
    flatten(path, &value, &mut rows);
    let rows = rows.into_iter().map(|(path, value)| vec![cell(path), cell(value)]).collect();
    Ok(output.table(&["OPTION", "VALUE"], rows)?)
}

/// One line for each option. Empty lists and maps are values too.
fn flatten(path: &str, value: &Value, rows: &mut Vec<(String, String)>) {
    let below = |word: &str| if path.is_empty() { word.to_owned() } else { format!("{path}/{word}") };
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (name, member) in members {
                flatten(&below(name), member, rows);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (index, item) in items.iter().enumerate() {
                flatten(&below(&index.to_string()), item, rows);
            }
        }
        value => rows.push((path.to_owned(), value.to_string())),
    }
}

/// Shows what there is to commit after an edit.
async fn edited(output: Output, cfgmgr: &Cfgmgr1) -> Result<(), Failure> {
    let changes = cfgmgr.diff().await?;
    diff(output, &changes)?;
    if !output.json {
        output.line(if changes.is_empty() {
            "nothing to commit"
        } else {
            "not in force yet: `bindctl config commit` puts it into force, `bindctl config revert` forgets it"
        })?;
    }
    Ok(())
}

fn diff(output: Output, changes: &[Change]) -> Result<(), Failure> {
    if output.json {
        return Ok(output.document(&json!({"changes": changes}))?);
    }
    if changes.is_empty() {
        return Ok(());
    }
    let text = |value: &Option<Value>| value.as_ref().map(Value::to_string).unwrap_or_default();
    let row = |change: &Change| {
        vec![cell(&change.path), toned(text(&change.now), Tone::Bad), toned(text(&change.then), Tone::Good)]
    };
    Ok(output.table(&["OPTION", "NOW", "THEN"], changes.iter().map(row).collect())?)
}

fn between(output: Output, changes: &[Change], from: u64, to: u64) -> Result<(), Failure> {
    if changes.is_empty() && !output.json {
        return Ok(output.line(&format!("generations {from} and {to} have the same settings"))?);
    }
    diff(output, changes)
}

async fn commit(output: Output, cfgmgr: &Cfgmgr1, comment: &str, confirm: u32) -> Result<(), Failure> {
    let changes = cfgmgr.diff().await?;
    let outcome = match confirm {
        0 => cfgmgr.commit(comment).await,
        seconds => cfgmgr.commit_to_confirm(comment, seconds).await,
    };
    let outcome = verdict::of(output, cfgmgr, outcome).await?;
    if changes.is_empty() && !output.json {
        return Ok(output.line(&format!("nothing to commit; generation {} is in force", outcome.generation))?);
    }
    told(output, &outcome, confirm)
}

fn told(output: Output, outcome: &CommitOutcome, confirm: u32) -> Result<(), Failure> {
    if output.json {
        return Ok(output.document(outcome)?);
    }
    verdict::table(output, &outcome.verdicts)?;
    for note in outcome.notes.iter().filter(|note| !verdict::shows(&outcome.verdicts, note)) {
        output.line(&format!("note: {note}"))?;
    }
    output.line(&format!("generation {} is in force", outcome.generation))?;
    if confirm > 0 {
        output.line(&format!(
            "and is taken back in {confirm} s unless you keep it: `bindctl config confirm`"
        ))?;
    }
    Ok(())
}

async fn confirm(output: Output, cfgmgr: &Cfgmgr1) -> Result<(), Failure> {
    let generation = cfgmgr.confirm("").await?;
    if output.json {
        return Ok(output.document(&json!({"generation": generation}))?);
    }
    Ok(output.line(&format!("generation {generation} stays in force"))?)
}

async fn history(output: Output, cfgmgr: &Cfgmgr1, before: u64, limit: u32) -> Result<(), Failure> {
    let entries = cfgmgr.history(before, limit).await?;
    if output.json {
        return Ok(output.document(&json!({"generations": entries}))?);
    }
    if entries.is_empty() {
        return Ok(output.line("nothing was committed yet; all options have their defaults")?);
    }
    let row = |entry: &tenon_bus::HistoryEntry| {
        vec![
            cell(entry.generation),
            cell(date(entry.committed_usec)),
            cell(&entry.author),
            cell(&entry.comment),
        ]
    };
    Ok(output.table(&["GENERATION", "COMMITTED", "AUTHOR", "COMMENT"], entries.iter().map(row).collect())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_become_one_line_for_each_option() {
        let mut rows = Vec::new();
        let settings = json!({"listen_on": [{"address": "::1", "port": 53}], "none": [], "workers": 0});
        flatten("auth", &settings, &mut rows);
        let rows: Vec<String> = rows.into_iter().map(|(path, value)| format!("{path} {value}")).collect();
        assert_eq!(
            rows,
            [
                "auth/listen_on/0/address \"::1\"",
                "auth/listen_on/0/port 53",
                "auth/none []",
                "auth/workers 0"
            ]
        );
    }
}
