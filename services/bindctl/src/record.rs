//! `bindctl record`: records of primary zones, shown and changed through tenon-ddns.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};
use std::path::Path;

use serde_json::json;
use tenon_bus::{BusError, Ddns1, RecordEdit, ZoneDifference};
use tenon_wire::Name;

use crate::command_line::{ChangeOptions, RecordCommand};
use crate::failure::Failure;
use crate::output::cell;
use crate::session::Session;

pub(crate) async fn run(session: &mut Session, command: RecordCommand) -> Result<(), Failure> {
    match command {
        RecordCommand::Show { zone, owner, rrtype } => show(session, &zone, &owner, &rrtype).await,
        RecordCommand::Add { zone, owner, record, options } => {
            change(session, &zone, vec![edit("add", &owner, &record)], &options).await
        }
        RecordCommand::Set { zone, owner, record, options } => {
            change(session, &zone, vec![edit("set", &owner, &record)], &options).await
        }
        RecordCommand::Delete { zone, owner, record, options } => {
            change(session, &zone, vec![edit("delete", &owner, &record)], &options).await
        }
        RecordCommand::Apply { zone, file, options } => {
            let edits = read(&file)?;
            change(session, &zone, edits, &options).await
        }
    }
}

async fn show(session: &mut Session, zone: &str, owner: &str, rrtype: &str) -> Result<(), Failure> {
    let zone = zone_name(zone)?;
    let bus = session.bus().await?;
    let (serial, records) = Ddns1::new(&bus).records(&zone, owner, rrtype).await.map_err(explained)?;
    let output = session.output;
    if output.json {
        return Ok(output.document(&json!({"zone": zone, "serial": serial, "records": records}))?);
    }
    if records.is_empty() {
        return Ok(output.line(&format!("{owner} in {zone} (serial {serial}) has no such records"))?);
    }
    let row = |record: tenon_bus::ZoneRecord| {
        vec![cell(record.owner), cell(record.ttl), cell(record.rrtype), cell(record.data)]
    };
    Ok(output.table(&["OWNER", "TTL", "TYPE", "DATA"], records.into_iter().map(row).collect())?)
}

/// Shows what edits would do, asks on a terminal, and has them done as one.
async fn change(
    session: &mut Session,
    zone: &str,
    edits: Vec<RecordEdit>,
    options: &ChangeOptions,
) -> Result<(), Failure> {
    let zone = zone_name(zone)?;
    let bus = session.bus().await?;
    let (ddns, output) = (Ddns1::new(&bus), session.output);
    let preview = ddns.preview(&zone, &edits, options.if_serial).await.map_err(explained)?;
    let ZoneDifference { serial: serial_before, differences } = preview;
    if !output.json {
        for line in &differences {
            output.line(line)?;
        }
    }
    if differences.is_empty() {
        if output.json {
            let done = json!({"zone": zone, "serial_before": serial_before, "serial": serial_before, "differences": []});
            return Ok(output.document(&done)?);
        }
        return Ok(output.line(&format!("{zone} (serial {serial_before}): nothing to change"))?);
    }
    if !options.yes && !output.json && !agreed(&zone)? {
        return Ok(output.line("nothing was changed")?);
    }
    // What was shown is what is done, or nothing.
    let done = ddns.change(&zone, &edits, Some(serial_before)).await.map_err(explained)?;
    if output.json {
        let document = json!({"zone": zone, "serial_before": serial_before, "serial": done.serial,
            "differences": done.differences});
        return Ok(output.document(&document)?);
    }
    Ok(output.line(&format!("{zone}: serial {}", done.serial))?)
}

/// Asks a person; where there is none, who typed the command meant it.
fn agreed(zone: &str) -> Result<bool, Failure> {
    if !(io::stdin().is_terminal() && io::stdout().is_terminal()) {
        return Ok(true);
    }
    let mut out = io::stdout();
    write!(out, "Change {zone} like this? [y/N] ")?;
    out.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn edit(action: &str, owner: &str, record: &[String]) -> RecordEdit {
    let words: Vec<String> = record.iter().map(|word| as_written(word)).collect();
    let text = [&[owner.to_owned()], words.as_slice()].concat().join(" ");
    RecordEdit { action: action.to_owned(), text }
}

/// A word as it stands in a master file: the shell took quotes away that are needed there.
fn as_written(word: &str) -> String {
    let needs_quotes = word.is_empty() || word.contains([' ', '\t', ';', '(', ')']);
    if needs_quotes && !word.starts_with('"') {
        return format!("\"{}\"", word.replace('"', "\\\""));
    }
    word.to_owned()
}

/// Edits of a file: a line `add|set|delete OWNER ...` for each; blank lines and those that begin with `;` or `#` are
/// nothing.
fn read(file: &Path) -> Result<Vec<RecordEdit>, Failure> {
    let unreadable =
        |error: io::Error| Failure::refused(format!("{}: {error}", file.display()), "nothing was changed");
    let text = if file == Path::new("-") {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text).map_err(unreadable)?;
        text
    } else {
        std::fs::read_to_string(file).map_err(unreadable)?
    };
    parse(&text).map_err(|(line, reason)| {
        Failure::refused(
            format!("{}:{line}: {reason}", file.display()),
            "a line is such as `add www 300 A 192.0.2.1`, `set @ MX 10 mail`, `delete old`",
        )
    })
}

fn parse(text: &str) -> Result<Vec<RecordEdit>, (usize, &'static str)> {
    let mut edits = Vec::new();
    for (index, line) in text.lines().enumerate().map(|(index, line)| (index + 1, line.trim())) {
        if line.is_empty() || line.starts_with([';', '#']) {
            continue;
        }
        let (action, text) = line.split_once(char::is_whitespace).ok_or((index, "a name is missing"))?;
        if !matches!(action, "add" | "set" | "delete") {
            return Err((index, "it begins with neither add nor set nor delete"));
        }
        edits.push(RecordEdit { action: action.to_owned(), text: text.trim().to_owned() });
    }
    if edits.is_empty() { Err((1, "there are no edits")) } else { Ok(edits) }
}

fn zone_name(text: &str) -> Result<String, Failure> {
    let name = Name::from_text(text, Some(Name::root().as_ref())).map_err(|error| {
        Failure::refused(format!("{text}: {error}"), "a zone's name is such as example.com")
    })?;
    Ok(name.as_ref().to_lowercase().to_string())
}

/// Errors of edits have other ways out than those of settings.
fn explained(error: BusError) -> Failure {
    let what = error.to_string();
    match error {
        BusError::Conflict(_) => {
            Failure::refused(what, "nothing was changed; look again with `bindctl record show`, then decide")
        }
        BusError::Rejected(_) => Failure::refused(what, "nothing was changed"),
        BusError::NoSuchZone(_) => Failure::refused(
            what,
            "only primary zones can be edited; `bindctl zone list` lists all, `bindctl zone load` loads one",
        ),
        BusError::Busy(_) => Failure::refused(what, "nothing was changed; try again in a moment"),
        _ => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_shell_become_words_of_a_master_file() {
        let words = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let text = |list: &[&str]| edit("add", "www", &words(list)).text;
        assert_eq!(text(&["300", "A", "192.0.2.1"]), "www 300 A 192.0.2.1");
        assert_eq!(text(&["TXT", "v=spf1 -all", "", "a\"b;c"]), r#"www TXT "v=spf1 -all" "" "a\"b;c""#);
        assert_eq!(text(&["TXT", "\"as it is\""]), "www TXT \"as it is\"");
    }

    #[test]
    fn files_of_edits() {
        let edits = parse("# comment\n\nadd www A 192.0.2.1\n  delete  old \n").unwrap();
        assert_eq!((edits.len(), edits[1].action.as_str(), edits[1].text.as_str()), (2, "delete", "old"));
        assert_eq!(
            parse("add a A 192.0.2.1\nput b"),
            Err((2, "it begins with neither add nor set nor delete"))
        );
        assert_eq!(parse("delete"), Err((1, "a name is missing")));
        assert_eq!(parse("\n"), Err((1, "there are no edits")));
    }
}
