//! Completion: commands and options of the grammar; zones, components and options of settings as the bus tells them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use clap::{Arg, Command, CommandFactory};
use rustyline::completion::{Completer, FilenameCompleter, Pair};
use rustyline::{Context, Helper, Highlighter, Hinter, Validator};

use serde_json::Value;
use tenon_bus::{Bus, Cfgmgr1, names};
use tokio::runtime::Runtime;

use crate::command_line::CommandLine;
use crate::zone;

/// How long an answer from the bus is good for.
const FRESH: Duration = Duration::from_secs(10);
/// How long a person at a keyboard waits for the bus.
const PATIENCE: Duration = Duration::from_millis(500);
/// Most zones offered.
const ZONES: u32 = 1000;

/// The shell's helper.
#[derive(Helper, Highlighter, Hinter, Validator)]
pub(super) struct Completion<'a> {
    runtime: &'a Runtime,
    grammar: Command,
    known: RefCell<Option<Known>>,
}

/// What the bus told, and when.
#[derive(Clone, Debug)]
struct Known {
    at: Instant,
    zones: Vec<String>,
    options: Vec<String>,
    components: Vec<String>,
    generations: Vec<String>,
    /// Options to what may be their value: that of now, and for a flag both.
    values: BTreeMap<String, Vec<String>>,
}

/// What a word is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Zone,
    Option,
    Component,
    Generation,
    Value,
    File,
    Nothing,
}

impl<'a> Completion<'a> {
    pub(super) fn new(runtime: &'a Runtime) -> Self {
        let mut grammar = CommandLine::command();
        grammar.build();
        Self { runtime, grammar, known: RefCell::new(None) }
    }

    fn known(&self) -> Known {
        let mut known = self.known.borrow_mut();
        match known.as_ref() {
            Some(known) if known.at.elapsed() < FRESH => known.clone(),
            _ => known.insert(self.runtime.block_on(ask())).clone(),
        }
    }

    fn candidates(&self, before: &[&str], word: &str) -> Vec<String> {
        let (mut offered, kind) = from_grammar(&self.grammar, before, word);
        match kind {
            Kind::Zone => offered.extend(self.known().zones),
            Kind::Option => offered.extend(self.known().options),
            Kind::Component => offered.extend(self.known().components),
            Kind::Generation => offered.extend(self.known().generations),
            Kind::Value => {
                let path = before.iter().rev().find(|word| !word.starts_with('-')).copied();
                offered
                    .extend(path.and_then(|path| self.known().values.get(path).cloned()).unwrap_or_default());
            }
            Kind::File | Kind::Nothing => {}
        }
        offered.retain(|candidate| candidate.starts_with(word));
        offered
    }
}

impl Completer for Completion<'_> {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        position: usize,
        context: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let line = line.get(..position).unwrap_or(line);
        let start = line.rfind(char::is_whitespace).map_or(0, |at| at + 1);
        let before: Vec<&str> = line.get(..start).unwrap_or_default().split_whitespace().collect();
        let word = line.get(start..).unwrap_or_default();
        if from_grammar(&self.grammar, &before, word).1 == Kind::File {
            return FilenameCompleter::new().complete(line, position, context);
        }
        let candidates = self.candidates(&before, word);
        // The only one is a whole word, and the next begins.
        let end = if candidates.len() == 1 { " " } else { "" };
        let pair = |text: String| Pair { replacement: format!("{text}{end}"), display: text };
        Ok((start, candidates.into_iter().map(pair).collect()))
    }
}

/// What the grammar offers after these words, and what kind of thing the next word is.
fn from_grammar(grammar: &Command, before: &[&str], word: &str) -> (Vec<String>, Kind) {
    let (command, given) =
        before.iter().fold((grammar, 0), |(command, given), word| match command.find_subcommand(word) {
            Some(below) => (below, 0),
            None if word.starts_with('-') => (command, given),
            None => (command, given + 1),
        });
    if word.starts_with('-') {
        let visible = command.get_arguments().filter(|argument| !argument.is_hide_set());
        let options = visible.filter_map(|argument| argument.get_long()).map(|long| format!("--{long}"));
        return (options.collect(), Kind::Nothing);
    }
    let mut offered: Vec<String> =
        command.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    if before.is_empty() {
        offered.push("exit".to_owned());
    }
    let next = command.get_positionals().nth(given);
    offered
        .extend(next.into_iter().flat_map(Arg::get_possible_values).map(|value| value.get_name().to_owned()));
    let kind = match next.map(|argument| argument.get_id().as_str()) {
        Some("zone") => Kind::Zone,
        Some("path") => Kind::Option,
        Some("component") => Kind::Component,
        Some("from" | "to" | "generation") => Kind::Generation,
        Some("value") => Kind::Value,
        Some("file") => Kind::File,
        _ => Kind::Nothing,
    };
    (offered, kind)
}

/// Asks the bus for all that may be completed; what does not answer soon offers nothing.
async fn ask() -> Known {
    let mut known = Known {
        at: Instant::now(),
        zones: Vec::new(),
        options: Vec::new(),
        components: Vec::new(),
        generations: Vec::new(),
        values: BTreeMap::new(),
    };
    let asked = tokio::time::timeout(PATIENCE, async {
        let Ok(bus) = Bus::system().await else { return };
        let present = bus.list_present(names::PREFIX).await.unwrap_or_default();
        known.components = present.iter().filter_map(|name| names::component(name)).collect();
        known.components.dedup();
        // Asking for settings would start a manager that an operator stopped.
        if present.iter().any(|name| name == names::CFGMGR) {
            let cfgmgr = Cfgmgr1::new(&bus);
            let settings = cfgmgr.get("", true).await.unwrap_or_default();
            paths("", &settings, &mut known.options);
            known.values = known.options.iter().filter_map(|path| values(path, &settings)).collect();
            let history = cfgmgr.history(0, 0).await.unwrap_or_default();
            known.generations = history.iter().map(|entry| entry.generation.to_string()).collect();
        }
        known.zones = zone::names(&bus, ZONES).await;
    });
    let _ = asked.await;
    known
}

/// Paths of all options, lists and elements of lists.
fn paths(path: &str, value: &Value, found: &mut Vec<String>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(members) => members.iter().map(|(name, member)| (name.clone(), member)).collect(),
        Value::Array(items) => {
            items.iter().enumerate().map(|(index, item)| (index.to_string(), item)).collect()
        }
        _ => Vec::new(),
    };
    for (word, child) in children {
        let below = if path.is_empty() { word } else { format!("{path}/{word}") };
        paths(&below, child, found);
        if below.contains('/') {
            found.push(below);
        }
    }
}

/// What may be the value of an option; nothing for what takes more than a word.
fn values(path: &str, settings: &Value) -> Option<(String, Vec<String>)> {
    let words = match settings.pointer(&format!("/{path}"))? {
        Value::Bool(_) => vec!["true".to_owned(), "false".to_owned()],
        Value::String(text) if !text.contains(char::is_whitespace) => vec![text.clone()],
        Value::Number(number) => vec![number.to_string()],
        _ => return None,
    };
    Some((path.to_owned(), words))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offered(before: &[&str], word: &str) -> (Vec<String>, Kind) {
        let mut grammar = CommandLine::command();
        grammar.build();
        from_grammar(&grammar, before, word)
    }

    #[test]
    fn the_grammar_says_what_comes_next() {
        assert!(offered(&[], "").0.contains(&"zone".to_owned()));
        assert!(offered(&["zone"], "").0.contains(&"load".to_owned()));
        assert_eq!(offered(&["zone", "show"], "").1, Kind::Zone);
        assert_eq!(offered(&["zone", "load", "example.com"], "").1, Kind::File);
        assert_eq!(offered(&["--json", "config", "set"], "auth").1, Kind::Option);
        assert_eq!(offered(&["config", "set", "auth/workers"], "").1, Kind::Value);
        assert_eq!(offered(&["config", "set", "auth/workers", "1"], "").1, Kind::Nothing);
        assert_eq!(offered(&["config", "diff", "1"], "").1, Kind::Generation);
        assert_eq!(offered(&["config", "rollback"], "").1, Kind::Generation);
        assert_eq!(offered(&["log", "level"], "").1, Kind::Component);
        assert!(offered(&["log", "level", "auth"], "").0.contains(&"debug".to_owned()));
        assert_eq!(offered(&["stats", "show"], "").1, Kind::Component);
        assert!(offered(&["config", "commit"], "--").0.contains(&"--comment".to_owned()));
        assert!(!offered(&[], "--").0.contains(&"--generate".to_owned()));
    }

    #[test]
    fn flags_have_two_values_and_words_the_one_of_now() {
        let settings = serde_json::json!({"auth": {"on": true, "workers": 2, "listen": [{"port": 1}]}});
        let found = |path: &str| values(path, &settings).map(|(_, values)| values.join(" "));
        assert_eq!(found("auth/on").as_deref(), Some("true false"));
        assert_eq!(found("auth/workers").as_deref(), Some("2"));
        assert_eq!(found("auth/listen/0/port").as_deref(), Some("1"));
        assert_eq!(found("auth/listen"), None);
    }

    #[test]
    fn paths_of_options_and_elements() {
        let mut found = Vec::new();
        paths("", &serde_json::json!({"auth": {"listen": [{"port": 1}], "workers": 2}}), &mut found);
        assert_eq!(found, ["auth/listen/0/port", "auth/listen/0", "auth/listen", "auth/workers"]);
    }
}
