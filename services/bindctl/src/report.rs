//! `bindctl report`: what a bug report needs, as one text, without secrets.
//!
//! A part that cannot be had says why, and the rest is there all the same: reports are wanted when things are broken.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::process::Command;

use serde_json::{Map, Value, json};
use tenon_bus::{Bus, Cfgmgr1, Zonec1};

use crate::failure::Failure;
use crate::output::date;
use crate::pages::{self, PAGE};
use crate::session::Session;
use crate::{stats, status};

/// Generations told of.
const HISTORY: u32 = 20;
/// Zones in trouble that are named.
const TROUBLE: usize = 20;
/// Lines of the journal told of.
const LINES: &str = "200";
/// What stands for the journal of another machine.
const JOURNAL_AFAR: &str = "the REST door shows no journal; on the machine itself: journalctl --boot --unit 'tenon*' --priority warning";
/// What stands for a secret.
const LEFT_OUT: &str = "<left out>";
/// Words in the names of options that hold secrets.
const SECRET: [&str; 4] = ["secret", "password", "token", "key"];

pub(crate) async fn run(session: &mut Session) -> Result<(), Failure> {
    let mut parts = Map::new();
    let is_afar = session.remote.is_some();
    parts.insert("machine".into(), if is_afar { program().into() } else { machine() });
    parts.insert("status".into(), status::document(session).await);
    match session.try_bus().await {
        Ok(bus) => {
            parts.insert("settings".into(), settings(&bus).await);
            parts.insert("history".into(), history(&bus).await);
            parts.insert("zones".into(), zones(&bus).await);
            parts.insert("statistics".into(), stats::document(&bus).await);
        }
        Err(error) => {
            if !is_afar {
                parts.insert("settings".into(), settings_file(session));
            }
            parts.insert("bus".into(), error.to_string().into());
        }
    }
    parts.insert("journal".into(), if is_afar { JOURNAL_AFAR.into() } else { journal() });
    let output = session.output;
    if output.json {
        return Ok(output.document(&Value::Object(parts))?);
    }
    output.line(
        "What a bug report of Tenon needs. Secrets are left out; names of zones that have trouble, and addresses in the \
         journal, are not: look through it before you send it.",
    )?;
    for (name, part) in &parts {
        output.line(&format!("\n== {name}"))?;
        output.line(text(part).trim_end())?;
    }
    Ok(())
}

/// Text as it is, lists of text line by line, and everything else as JSON.
fn text(part: &Value) -> String {
    match part {
        Value::String(text) => text.clone(),
        Value::Array(items) if items.iter().all(Value::is_string) => {
            items.iter().filter_map(Value::as_str).fold(String::new(), |mut all, line| {
                let _ = writeln!(all, "{line}");
                all
            })
        }
        part => serde_json::to_string_pretty(part).unwrap_or_default(),
    }
}

fn program() -> String {
    format!("tenon {}", env!("CARGO_PKG_VERSION"))
}

fn machine() -> Value {
    let file = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let release = file("/etc/os-release");
    let system = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME=")).unwrap_or("unknown");
    let memory = file("/proc/meminfo").lines().next().unwrap_or_default().to_owned();
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    let systemd = said("systemctl", &["--version"]);
    json!([
        program(),
        format!("system {}", system.trim_matches('"')),
        format!("kernel {}", file("/proc/sys/kernel/osrelease").trim()),
        systemd.lines().next().unwrap_or("no systemd"),
        format!("processors {processors}"),
        memory,
    ])
}

async fn settings(bus: &Bus) -> Value {
    match Cfgmgr1::if_present(bus).get("", false).await {
        Ok(mut settings) => {
            redact(&mut settings);
            settings
        }
        Err(error) => error.to_string().into(),
    }
}

fn settings_file(session: &Session) -> Value {
    let path = session.state.join("config/current");
    let read = std::fs::read(&path).map_err(|error| error.to_string());
    let parsed = read.and_then(|text| serde_json::from_slice(&text).map_err(|error| error.to_string()));
    match parsed {
        Ok(mut settings) => {
            redact(&mut settings);
            settings
        }
        Err(error) => format!("{}: {error}", path.display()).into(),
    }
}

async fn history(bus: &Bus) -> Value {
    let line = |entry: tenon_bus::HistoryEntry| {
        format!("{} {} {} {}", entry.generation, date(entry.committed_usec), entry.author, entry.comment)
    };
    match Cfgmgr1::if_present(bus).history(0, HISTORY).await {
        Ok(entries) => entries.into_iter().map(line).collect(),
        Err(error) => error.to_string().into(),
    }
}

/// How many zones are in each state, and those that have trouble by name, as far as they are told of.
async fn zones(bus: &Bus) -> Value {
    let zonec = Zonec1::new(bus);
    let (mut states, mut trouble) = (BTreeMap::<String, u64>::new(), Vec::new());
    let fetch = async |after: &str| zonec.list_zones(after, PAGE).await;
    let listed = pages::each("", usize::MAX, fetch, |zone| {
        *states.entry(format!("{} {}", zone.storage, zone.state)).or_default() += 1;
        if zone.state == "failed" && trouble.len() < TROUBLE {
            trouble.push(zone.name);
        }
    });
    if let Err(error) = listed.await {
        return error.to_string().into();
    }
    json!({"states": states, "failed": trouble})
}

fn journal() -> Value {
    let arguments = ["--boot", "--no-pager", "--unit", "tenon*", "--priority", "warning", "--lines", LINES];
    said("journalctl", &arguments).lines().collect()
}

/// What a program prints, complaints included; why it could not be run otherwise.
fn said(program: &str, arguments: &[&str]) -> String {
    match Command::new(program).args(arguments).output() {
        Ok(output) => {
            let (out, err) =
                (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            format!("{out}{err}")
        }
        Err(error) => format!("{program}: {error}"),
    }
}

/// Takes the values of options out that hold secrets; names of files are none.
fn redact(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let secret = SECRET.iter().any(|word| name.contains(word)) && !name.ends_with("_file");
                let empty = member.as_array().is_some_and(Vec::is_empty) || member.is_null();
                if secret && !empty && !member.is_object() {
                    *member = LEFT_OUT.into();
                } else {
                    redact(member);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(redact),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_left_out_and_the_rest_is_there() {
        let mut settings = json!({
            "auth": {"workers": 4, "tsig_keys": ["a:c2VjcmV0"], "none_keys": []},
            "cmdctl": {"key_file": "/var/lib/key.pem"},
            "xfrin": {"zones": [{"name": "a.", "key": {"name": "k", "secret": "c2VjcmV0"}}]},
        });
        redact(&mut settings);
        let text = settings.to_string();
        assert!(!text.contains("c2VjcmV0"), "{text}");
        assert_eq!(settings["auth"], json!({"workers": 4, "tsig_keys": LEFT_OUT, "none_keys": []}));
        assert_eq!(settings["cmdctl"]["key_file"], "/var/lib/key.pem");
        assert_eq!(settings["xfrin"]["zones"][0]["key"]["name"], "k");
    }
}
