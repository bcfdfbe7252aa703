//! What the grammar says of the next word.

use clap::{Arg, ArgAction, Command, ValueHint};

/// What a word is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Zone,
    Key,
    Component,
    Generation,
    /// An account that is there.
    Account,
    /// A token of the account before it.
    Token,
    /// What an account may do.
    Scope,
    /// Algorithm of keys.
    Algorithm,
    /// Type of records.
    Type,
    /// A word of a record, behind zone and owner.
    Record {
        /// Which of them, from 0.
        place: usize,
        /// It is one of the records that are there.
        is_there: bool,
    },
    /// Path of an option that is there, or of one that can be set.
    Path {
        is_there: bool,
    },
    /// Value of the option before it.
    Value,
    /// Element of the list before it: one that is to be there, or one that is.
    Element {
        is_there: bool,
    },
    File,
    Nothing,
}

/// What may come next.
#[derive(Debug)]
pub(super) struct Next<'w> {
    /// What the grammar offers.
    pub(super) words: Vec<String>,
    /// What kind of thing the next word is.
    pub(super) kind: Kind,
    /// The words before it that the command takes in their places.
    pub(super) given: Vec<&'w str>,
}

/// What the grammar says of the word after these.
pub(super) fn next<'w>(grammar: &Command, before: &[&'w str], word: &str) -> Next<'w> {
    let mut command = grammar;
    let (mut given, mut awaited) = (Vec::new(), None);
    for word in before {
        if awaited.take().is_some() {
            continue;
        }
        if let Some(long) = word.strip_prefix("--") {
            awaited = option(command, grammar, long).filter(|option| takes_value(option));
        } else if let Some(below) = command.find_subcommand(word) {
            command = below;
            given.clear();
        } else if !word.starts_with('-') {
            given.push(*word);
        }
    }
    if let Some(option) = awaited {
        return Next { words: possible(option), kind: kind(option, command, 0), given };
    }
    if word.starts_with('-') {
        return Next { words: options(command, grammar), kind: Kind::Nothing, given };
    }
    let mut offered: Vec<String> =
        command.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    if before.is_empty() {
        offered.push("exit".to_owned());
    }
    // The last one may take many words.
    let many = |argument: &&Arg| matches!(argument.get_action(), ArgAction::Append);
    let places = command.get_positionals().count();
    let positional =
        command.get_positionals().nth(given.len()).or_else(|| command.get_positionals().last().filter(many));
    let Some(positional) = positional else { return Next { words: offered, kind: Kind::Nothing, given } };
    offered.extend(possible(positional));
    let place = (given.len() + 1).saturating_sub(places);
    Next { words: offered, kind: kind(positional, command, place), given }
}

fn option<'c>(command: &'c Command, grammar: &'c Command, long: &str) -> Option<&'c Arg> {
    // `--option=value` is one word and waits for nothing.
    let of =
        |command: &'c Command| command.get_arguments().find(|argument| argument.get_long() == Some(long));
    of(command).or_else(|| of(grammar))
}

fn options(command: &Command, grammar: &Command) -> Vec<String> {
    let visible = command.get_arguments().filter(|argument| !argument.is_hide_set());
    let everywhere =
        grammar.get_arguments().filter(|argument| argument.is_global_set() && !argument.is_hide_set());
    visible.chain(everywhere).filter_map(Arg::get_long).map(|long| format!("--{long}")).collect()
}

fn takes_value(argument: &Arg) -> bool {
    matches!(argument.get_action(), ArgAction::Set | ArgAction::Append)
}

fn possible(argument: &Arg) -> Vec<String> {
    // Flags have values that nobody writes.
    let values = if takes_value(argument) { argument.get_possible_values() } else { Vec::new() };
    values.iter().filter(|value| !value.is_hide_set()).map(|value| value.get_name().to_owned()).collect()
}

/// `place`: which of the words of an argument that takes many.
fn kind(argument: &Arg, command: &Command, place: usize) -> Kind {
    if matches!(argument.get_value_hint(), ValueHint::AnyPath | ValueHint::FilePath) {
        return Kind::File;
    }
    match argument.get_id().as_str() {
        "zone" | "zones" | "after" => Kind::Zone,
        "key" => Kind::Key,
        "component" => Kind::Component,
        "from" | "to" | "generation" | "before" => Kind::Generation,
        "existing_account" => Kind::Account,
        "existing_token" => Kind::Token,
        "scope" => Kind::Scope,
        "algorithm" => Kind::Algorithm,
        "rrtype" => Kind::Type,
        "record" => Kind::Record { place, is_there: command.get_name() == "delete" },
        "path" => Kind::Path { is_there: !matches!(command.get_name(), "set" | "describe") },
        "value" => Kind::Value,
        "element" => Kind::Element { is_there: command.get_name() == "remove" },
        _ => Kind::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command_line::CommandLine;
    use clap::CommandFactory;

    fn offered(before: &[&str], word: &str) -> (Vec<String>, Kind) {
        let mut grammar = CommandLine::command();
        grammar.build();
        let next = next(&grammar, before, word);
        (next.words, next.kind)
    }

    #[test]
    fn the_grammar_says_what_comes_next() {
        for (before, kind) in [
            (&["zone", "show"][..], Kind::Zone),
            (&["zone", "load", "example.com"], Kind::File),
            (&["zone", "add", "--from"], Kind::File),
            (&["zone", "add", "a.example", "b.example"], Kind::Zone),
            (&["record", "show", "example.com", "www"], Kind::Type),
            (&["--json", "config", "set"], Kind::Path { is_there: false }),
            (&["config", "show"], Kind::Path { is_there: true }),
            (&["config", "set", "auth/workers"], Kind::Value),
            (&["config", "set", "auth/workers", "1"], Kind::Nothing),
            (&["config", "add", "logging/loggers"], Kind::Element { is_there: false }),
            (&["config", "remove", "logging/loggers"], Kind::Element { is_there: true }),
            (&["config", "diff", "1"], Kind::Generation),
            (&["config", "rollback"], Kind::Generation),
            (&["config", "history", "--before"], Kind::Generation),
            (&["log", "level"], Kind::Component),
            (&["stats", "show"], Kind::Component),
            (&["key", "remove"], Kind::Key),
            (&["explain", "transfer", "--key"], Kind::Key),
            (&["explain", "transfer", "--peer", "::1", "--key", "k."], Kind::Zone),
            (&["config", "commit", "--comment"], Kind::Nothing),
            (&["record", "add", "example.com", "www"], Kind::Record { place: 0, is_there: false }),
            (&["record", "delete", "--yes", "a.", "www", "A"], Kind::Record { place: 1, is_there: true }),
            (&["record", "add", "a.", "www", "60", "MX", "10"], Kind::Record { place: 3, is_there: false }),
            (&["key", "add", "k.", "--algorithm"], Kind::Algorithm),
            (&["account", "remove"], Kind::Account),
            (&["account", "revoke", "alice"], Kind::Token),
            (&["account", "add", "bob", "--scope"], Kind::Scope),
            (&["account", "scopes", "bob", "read"], Kind::Scope),
            (&["account", "add"], Kind::Nothing),
        ] {
            assert_eq!(offered(before, "").1, kind, "{before:?}");
        }
        for (before, word, among) in [
            (&[][..], "", "zone"),
            (&["zone"], "", "load"),
            (&["log", "level", "auth"], "", "debug"),
            (&["explain", "query-acl", "--transport"], "", "quic"),
            (&["config", "commit"], "--", "--comment"),
            (&["config", "commit"], "--", "--json"),
        ] {
            assert!(offered(before, word).0.contains(&among.to_owned()), "{before:?} {among}");
        }
        assert!(!offered(&[], "--").0.contains(&"--generate".to_owned()));
    }
}
