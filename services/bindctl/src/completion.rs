//! Completion: commands and options of the grammar; zones, records, keys, components, options of settings and their values as
//! the bus tells them, accounts as their file does. The shell of bindctl uses it, and bash, zsh and fish do by `bindctl --complete`.

mod accounts;
mod grammar;
mod known;
mod records;
mod scripts;
mod settings;

use std::path::PathBuf;

use clap::{Command, CommandFactory};
use serde_json::Value;
use tenon_bus::{Bus, BusError};
use tokio::runtime::Runtime;

use crate::command_line::CommandLine;
use crate::config::place::Place;
use grammar::{Kind, Next};
use known::{Known, Question};
pub(crate) use scripts::script;

/// Algorithms of keys (RFC 8945 section 6), without shortened codes.
const ALGORITHMS: [&str; 6] =
    ["hmac-md5", "hmac-sha1", "hmac-sha224", "hmac-sha256", "hmac-sha384", "hmac-sha512"];
/// The word that asks for completions, before all others.
const ASKED: &str = "--complete";
/// Where Tenon keeps its state unless the words say otherwise.
const STATE: &str = "/var/lib/tenon";
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
    place: Place,
}

impl<'a> Completion<'a> {
    /// Asks this bus, or nobody where there is a reason not to. `state`: where Tenon keeps its state, on this machine.
    pub(crate) fn new(runtime: &'a Runtime, bus: Result<Bus, BusError>, state: Option<PathBuf>) -> Self {
        let mut grammar = CommandLine::command();
        grammar.build();
        Self { runtime, grammar, known: Known::new(bus.ok(), state), place: Place::default() }
    }

    /// The same where paths begin at a place.
    pub(crate) fn at(self, place: Place) -> Self {
        Self { place, ..self }
    }

    /// Whether names of files may come.
    pub(crate) fn is_file(&self, before: &[&str], word: &str) -> bool {
        grammar::next(&self.grammar, before, word).kind == Kind::File
    }

    /// What may stand for `word` after these words.
    pub(crate) fn offer(&self, before: &[&str], word: &str) -> Offered {
        let Next { mut words, kind, given } = grammar::next(&self.grammar, before, word);
        // The path whose value or element comes is the last plain word.
        let last = || given.last().copied().unwrap_or_default();
        let path = || self.place.path(last());
        words.extend(match kind {
            Kind::Zone => self.texts(Question::Zones),
            Kind::Component => self.texts(Question::Components),
            Kind::Generation => self.texts(Question::Generations),
            Kind::Key => self.texts(Question::Keys),
            Kind::Account => accounts::names(&self.ask(Question::Accounts)),
            Kind::Token => accounts::tokens(&self.ask(Question::Accounts), last()),
            Kind::Scope => accounts::scopes(word, || self.texts(Question::Zones)),
            Kind::Algorithm => ALGORITHMS.map(str::to_owned).to_vec(),
            Kind::Path { is_there } => self.paths(word, is_there),
            Kind::Value => self.values(&path()),
            Kind::Element { is_there: false } => self.values(&format!("{}/0", path())),
            Kind::Element { is_there: true } => settings::elements(&self.ask(Question::Settings), &path()),
            Kind::Type => records::TYPES.map(str::to_owned).to_vec(),
            Kind::Record { place, is_there: false } => {
                records::types_after(given.last().filter(|_| place > 0))
            }
            Kind::Record { place, is_there: true } => self.records(place, &given),
            Kind::File | Kind::Nothing => Vec::new(),
        });
        words.retain(|candidate| candidate.starts_with(word));
        words.sort();
        words.dedup();
        Offered { words, files: kind == Kind::File }
    }

    /// Paths that begin with `word`, in its way to write indices.
    fn paths(&self, word: &str, is_there: bool) -> Vec<String> {
        let settings = self.ask(Question::Settings);
        let mut found = settings::paths(&settings);
        // Members that nobody has set yet; the schema is asked for once the component is known.
        let whole = self.place.path(word);
        if let Some(component) =
            whole.split('/').next().filter(|_| !is_there && (whole.contains('/') || word.ends_with('/')))
        {
            let schema = self.ask(Question::Schema(component.to_owned()));
            found.extend(settings::unset(schema.as_str().unwrap_or_default(), &settings, component));
        }
        if !word.starts_with('/') {
            found = found.iter().filter_map(|path| self.place.typed(path)).collect();
        }
        settings::written_as(word, found)
    }

    /// What may be the word of a record that is there: its type, then its data.
    fn records(&self, place: usize, given: &[&str]) -> Vec<String> {
        let [zone, owner, rest @ ..] = given else { return Vec::new() };
        let (zone, owner) = ((*zone).to_owned(), (*owner).to_owned());
        let there = self.ask(Question::Records { zone, owner });
        match (place, rest) {
            (0, _) => records::types_of(&there),
            (1, [rrtype, ..]) => records::data_of(&there, rrtype),
            _ => Vec::new(),
        }
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
    let state = before.iter().rposition(|word| *word == "--state-dir").and_then(|at| before.get(at + 1));
    let state = (!is_afar).then(|| PathBuf::from(state.unwrap_or(&STATE)));
    let offered = Completion::new(&runtime, bus, state).offer(&before, word);
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
