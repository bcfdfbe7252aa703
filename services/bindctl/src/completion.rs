//! Completion: commands and options of the grammar; zones, keys, components, options of settings and their values as the bus
//! tells them. The shell of bindctl uses it, and bash, zsh and fish do by `bindctl --complete`.

mod grammar;
mod known;
mod scripts;
mod settings;

use clap::{Command, CommandFactory};
use serde_json::Value;
use tenon_bus::{Bus, BusError};
use tokio::runtime::Runtime;

use crate::command_line::CommandLine;
use grammar::Kind;
use known::{Known, Question};
pub(crate) use scripts::script;

/// Types of records that people type.
const TYPES: [&str; 17] = [
    "A", "AAAA", "CAA", "CNAME", "DNAME", "DS", "HTTPS", "LOC", "MX", "NAPTR", "NS", "PTR", "SOA", "SRV",
    "SSHFP", "TLSA", "TXT",
];
/// The word that asks for completions, before all others.
const ASKED: &str = "--complete";
/// What stands for names of files, which the asking shell knows better.
const FILES: &str = ":files";

/// What may come next.
pub(crate) struct Offered {
    pub(crate) words: Vec<String>,
    /// Names of files may.
    pub(crate) files: bool,
}

/// Knows what may come next.
pub(crate) struct Completion<'a> {
    runtime: &'a Runtime,
    grammar: Command,
    known: Known,
}

impl<'a> Completion<'a> {
    /// Asks this bus, or nobody where there is a reason not to.
    pub(crate) fn new(runtime: &'a Runtime, bus: Result<Bus, BusError>) -> Self {
        let mut grammar = CommandLine::command();
        grammar.build();
        Self { runtime, grammar, known: Known::new(bus.ok()) }
    }

    /// Whether names of files may come.
    pub(crate) fn is_file(&self, before: &[&str], word: &str) -> bool {
        grammar::next(&self.grammar, before, word).1 == Kind::File
    }

    /// What may stand for `word` after these words.
    pub(crate) fn offer(&self, before: &[&str], word: &str) -> Offered {
        let (mut words, kind) = grammar::next(&self.grammar, before, word);
        // The path whose value or element comes is the last plain word.
        let path = || before.iter().rev().find(|word| !word.starts_with('-')).copied().unwrap_or_default();
        words.extend(match kind {
            Kind::Zone => self.texts(Question::Zones),
            Kind::Component => self.texts(Question::Components),
            Kind::Generation => self.texts(Question::Generations),
            Kind::Key => self.texts(Question::Keys),
            Kind::Path => settings::paths(&self.ask(Question::Settings)),
            Kind::Value => self.values(path()),
            Kind::Element { is_there: false } => self.values(&format!("{}/0", path())),
            Kind::Element { is_there: true } => settings::elements(&self.ask(Question::Settings), path()),
            Kind::Type => TYPES.map(str::to_owned).to_vec(),
            Kind::File | Kind::Nothing => Vec::new(),
        });
        words.retain(|candidate| candidate.starts_with(word));
        words.sort();
        words.dedup();
        Offered { words, files: kind == Kind::File }
    }

    /// What may be the value at a path.
    fn values(&self, path: &str) -> Vec<String> {
        let component = path.split('/').next().unwrap_or_default();
        let schema = self.ask(Question::Schema(component.to_owned()));
        let mut found =
            settings::values(schema.as_str().unwrap_or_default(), &self.ask(Question::Settings), path);
        match settings::refers_to(path) {
            Some(Kind::Key) => found.extend(self.texts(Question::Keys)),
            Some(Kind::Zone) => found.extend(self.texts(Question::Zones)),
            Some(Kind::Component) => found.extend(self.texts(Question::Components)),
            _ => {}
        }
        found
    }

    fn texts(&self, question: Question) -> Vec<String> {
        let answer = self.ask(question);
        answer.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    }

    fn ask(&self, question: Question) -> Value {
        self.known.ask(self.runtime, question)
    }
}

/// The words of a command line that another shell completes: those before the cursor and the one at it.
pub fn asked(mut arguments: impl Iterator<Item = String>) -> Option<Vec<String>> {
    arguments.next();
    arguments.next().filter(|word| word == ASKED)?;
    Some(arguments.skip_while(|word| word == "--").collect())
}

/// Prints what may come, a line for each; nothing when there is nobody to ask.
pub fn answer(words: &[String]) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
    let (word, before) = words.split_last().map_or(("", &[][..]), |(word, before)| (word.as_str(), before));
    let before: Vec<&str> = before.iter().map(String::as_str).collect();
    // What another machine has would take a password.
    let is_afar = std::env::var_os("BINDCTL_SERVER").is_some()
        || before.iter().any(|word| word.starts_with("--server"));
    let bus = if is_afar {
        Err(BusError::NotReachable("another machine".to_owned()))
    } else {
        runtime.block_on(Bus::system())
    };
    let offered = Completion::new(&runtime, bus).offer(&before, word);
    let lines = offered.files.then(|| FILES.to_owned()).into_iter().chain(offered.words);
    let text = lines.fold(String::new(), |text, line| text + &line + "\n");
    // Whoever asked may have gone.
    let _ = std::io::Write::write_all(&mut std::io::stdout(), text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_shells_ask_with_the_words_so_far() {
        let asked = |words: &[&str]| asked(words.iter().map(|word| (*word).to_owned()));
        assert_eq!(
            asked(&["bindctl", "--complete", "--", "zone", ""]),
            Some(vec!["zone".into(), String::new()])
        );
        assert_eq!(asked(&["bindctl", "zone", "list"]), None);
        assert_eq!(asked(&["bindctl"]), None);
    }
}
