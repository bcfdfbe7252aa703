//! Commands of BIND 10's modules, `Module command`, in our words.
//!
//! Modules are written as BIND 10 wrote them, with a capital letter, which no command of ours has.

use crate::failure::Failure;

/// What becomes of a module's command.
#[derive(Clone, Copy)]
enum Ours {
    /// These words, and behind them the argument of this name or the first one, if there is one.
    Words(&'static [&'static str], &'static str),
    /// It is done in another way.
    Otherwise(&'static str),
}
use Ours::{Otherwise, Words};

const STOP: Ours =
    Otherwise("`systemctl stop tenon-NAME` stops a service, `systemctl stop tenon.target` all of them");

/// Module, command, what it is here.
const COMMANDS: &[(&str, &str, Ours)] = &[
    ("Init", "show_processes", Words(&["status"], "")),
    ("Init", "ping", Words(&["status"], "")),
    ("Init", "shutdown", Otherwise("`systemctl stop tenon.target` stops all services")),
    ("Auth", "loadzone", Otherwise("zones are answered once they are loaded: `bindctl zone load NAME FILE`")),
    ("Auth", "getstats", Words(&["stats", "show", "auth"], "")),
    ("Auth", "shutdown", STOP),
    ("Xfrin", "retransfer", Words(&["zone", "retransfer"], "zone_name")),
    ("Xfrin", "refresh", Words(&["zone", "refresh"], "zone_name")),
    ("Xfrin", "shutdown", STOP),
    ("Xfrout", "notify", Words(&["zone", "notify"], "zone_name")),
    ("Xfrout", "shutdown", STOP),
    ("Zonemgr", "shutdown", STOP),
    ("DDNS", "shutdown", STOP),
    ("Stats", "show", Words(&["stats", "show"], "owner")),
    ("Stats", "showschema", Words(&["--json", "stats", "show"], "owner")),
    ("Stats", "status", Words(&["status"], "")),
    ("Stats", "shutdown", STOP),
    ("StatsHttpd", "status", Words(&["status"], "")),
    ("Cmdctl", "shutdown", STOP),
    ("Memmgr", "shutdown", STOP),
    (
        "Msgq",
        "members",
        Otherwise(
            "`busctl list` shows who is on the bus, `busctl tree org.tenon.Auth1.Instance1` what it serves",
        ),
    ),
    ("tsig_keys", "show", Words(&["key", "list"], "")),
];

/// Options before the command that are followed by a value.
const VALUED: [&str; 7] = [
    "--server",
    "--account",
    "--token-file",
    "--password-file",
    "--identity",
    "--certificate",
    "--state-dir",
];

/// Words of a command line, in which a command of a module is put into our words.
pub(crate) fn translated(words: Vec<String>) -> Result<Vec<String>, Failure> {
    let Some(at) = command_at(&words) else { return Ok(words) };
    let (before, rest) = words.split_at(at);
    let [module, rest @ ..] = rest else { return Ok(words) };
    // Modules that tests or users gave other names know nothing of this list.
    let of_module: Vec<_> = COMMANDS.iter().filter(|(name, ..)| name == module).collect();
    if of_module.is_empty() {
        return Ok(words);
    }
    let names = || of_module.iter().map(|(_, command, _)| *command).collect::<Vec<_>>().join(", ");
    let command = rest.first().map(String::as_str).unwrap_or_default();
    let Some((_, _, ours)) = of_module.iter().find(|(_, name, _)| *name == command) else {
        return Err(Failure::refused(
            format!("{module} of BIND 10 has the commands {}", names()),
            "`bindctl help` lists the commands of Tenon, which do all of that and more",
        ));
    };
    match ours {
        Words(ours, name) => {
            let argument = argument(rest.get(1..).unwrap_or_default(), name);
            let ours = ours.iter().map(|word| (*word).to_owned());
            Ok(before.iter().cloned().chain(ours).chain(argument).collect())
        }
        Otherwise(how) => {
            Err(Failure::refused(format!("{module} {command} is done in another way here"), *how))
        }
    }
}

/// Where the command stands, behind the options.
fn command_at(words: &[String]) -> Option<usize> {
    let mut at = 1;
    loop {
        let word = words.get(at)?;
        if !word.starts_with('-') {
            return Some(at);
        }
        at += if VALUED.contains(&word.as_str()) { 2 } else { 1 };
    }
}

/// The argument of a name, or the first one that has none.
fn argument(words: &[String], name: &str) -> Option<String> {
    if name.is_empty() {
        return None;
    }
    let named = words.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    let value = named.or_else(|| words.iter().map(String::as_str).find(|word| !word.contains('=')))?;
    // `Stats show Auth` means what we call auth.
    Some(if name == "owner" { value.to_ascii_lowercase() } else { value.trim_matches('"').to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command_line::CommandLine;
    use clap::Parser;

    fn said(line: &str) -> Result<String, String> {
        let words = ["bindctl"].into_iter().chain(line.split(' ')).map(str::to_owned).collect();
        match translated(words) {
            Ok(words) => Ok(words[1..].join(" ")),
            Err(Failure::Refused(what, next)) => Err(format!("{what}: {}", next.unwrap_or_default())),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn commands_of_modules_are_ours_in_other_words() {
        for (theirs, ours) in [
            ("Xfrin retransfer zone_name=\"example.com\" master=192.0.2.1", "zone retransfer example.com"),
            ("--json Xfrout notify example.com", "--json zone notify example.com"),
            ("--server https://a Stats show Auth", "--server https://a stats show auth"),
            ("Init show_processes", "status"),
            ("zone show Auth", "zone show Auth"),
            ("Nobody show", "Nobody show"),
        ] {
            assert_eq!(said(theirs).as_deref(), Ok(ours), "{theirs}");
        }
        assert!(said("Auth shutdown").unwrap_err().contains("systemctl stop"));
        assert!(
            said("Xfrin help")
                .unwrap_err()
                .starts_with("Xfrin of BIND 10 has the commands retransfer, refresh")
        );
        assert!(said("Init").is_err());
    }

    #[test]
    fn what_is_put_into_our_words_is_in_our_grammar() {
        for (module, command, ours) in COMMANDS {
            if let Words(..) = ours {
                let line = said(&format!("{module} {command} example.com")).unwrap();
                let parsed = CommandLine::try_parse_from(["bindctl"].into_iter().chain(line.split(' ')));
                assert!(parsed.is_ok(), "{module} {command}: {line}");
            }
        }
    }
}
