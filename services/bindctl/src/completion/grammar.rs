//! What the grammar says of the next word.

use clap::{Arg, ArgAction, Command, ValueHint};

/// What a word is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Zone,
    Key,
    Component,
    Generation,
    /// Type of records.
    Type,
    /// Path of an option.
    Path,
    /// Value of the option before it.
    Value,
    /// Element of the list before it: one that is to be there, or one that is.
    Element {
        is_there: bool,
    },
    File,
    Nothing,
}

/// What the grammar offers after these words, and what kind of thing the next word is.
pub(super) fn next(grammar: &Command, before: &[&str], word: &str) -> (Vec<String>, Kind) {
    let mut command = grammar;
    let (mut given, mut awaited) = (0, None);
    for word in before {
        if awaited.take().is_some() {
            continue;
        }
        if let Some(long) = word.strip_prefix("--") {
            awaited = option(command, grammar, long).filter(|option| takes_value(option));
        } else if let Some(below) = command.find_subcommand(word) {
            (command, given) = (below, 0);
        } else if !word.starts_with('-') {
            given += 1;
        }
    }
    if let Some(option) = awaited {
        return (possible(option), kind(option, command));
    }
    if word.starts_with('-') {
        return (options(command, grammar), Kind::Nothing);
    }
    let mut offered: Vec<String> =
        command.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    if before.is_empty() {
        offered.push("exit".to_owned());
    }
    // The last one may take many words.
    let many = |argument: &&Arg| matches!(argument.get_action(), ArgAction::Append);
    let positional =
        command.get_positionals().nth(given).or_else(|| command.get_positionals().last().filter(many));
    let Some(positional) = positional else { return (offered, Kind::Nothing) };
    offered.extend(possible(positional));
    (offered, kind(positional, command))
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

fn kind(argument: &Arg, command: &Command) -> Kind {
    if matches!(argument.get_value_hint(), ValueHint::AnyPath | ValueHint::FilePath) {
        return Kind::File;
    }
    match argument.get_id().as_str() {
        "zone" | "zones" | "after" => Kind::Zone,
        "key" => Kind::Key,
        "component" => Kind::Component,
        "from" | "to" | "generation" | "before" => Kind::Generation,
        "rrtype" => Kind::Type,
        "path" => Kind::Path,
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
        next(&grammar, before, word)
    }

    #[test]
    fn the_grammar_says_what_comes_next() {
        for (before, kind) in [
            (&["zone", "show"][..], Kind::Zone),
            (&["zone", "load", "example.com"], Kind::File),
            (&["zone", "add", "--from"], Kind::File),
            (&["zone", "add", "a.example", "b.example"], Kind::Zone),
            (&["record", "show", "example.com", "www"], Kind::Type),
            (&["--json", "config", "set"], Kind::Path),
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
