//! The grammar, from which help, manual page, completions and the shell's own completion come.

mod account;
mod config;
mod explain;
mod key;
mod log;
mod readers;
mod record;
mod stats;
mod zone;

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

pub use account::AccountCommand;
pub use config::ConfigCommand;
pub use explain::{ExplainCommand, MadeUp};
pub use key::KeyCommand;
pub use log::LogCommand;
pub use readers::ReadersCommand;
pub use record::{ChangeOptions, RecordCommand};
pub use stats::StatsCommand;
pub use zone::ZoneCommand;

const EXIT_STATUS: &str = "Exit status:
  0  done
  1  refused or failed; nothing changed unless the message says so
  2  the command line is wrong
  3  the bus, or the service that would have to do it, cannot be reached";

const EXPLAIN_EXAMPLES: &str = "Examples:
  bindctl explain query www.example.com AAAA
  bindctl explain transfer example.com --peer 192.0.2.1 --key transfer.example.com
  bindctl explain query-acl --peer 2001:db8::1 --transport udp";

/// Look at and change the Tenon name server
///
/// Without a command: a shell on a terminal; otherwise commands are read from standard input, one on each line, until
/// one fails.
#[derive(Debug, Parser)]
#[command(name = "bindctl", version, after_help = EXIT_STATUS)]
pub struct CommandLine {
    /// Print JSON with stable keys
    #[arg(long, global = true)]
    pub json: bool,
    /// Another machine, whose REST door all commands go through, and how to come in there
    #[command(flatten)]
    pub server: ServerOptions,
    /// Where Tenon keeps its state
    #[arg(long, global = true, hide = true, value_name = "DIRECTORY", default_value = "/var/lib/tenon")]
    pub state_dir: PathBuf,
    /// Write a manual page or shell completions to standard output
    #[arg(long, value_enum, hide = true)]
    pub generate: Option<Generate>,
    /// What to do
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Another machine; these options stand before the command.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Another machine")]
pub struct ServerOptions {
    /// Its REST door, such as https://ns1.example:8951
    #[arg(long, value_name = "URL", env = "BINDCTL_SERVER")]
    pub server: Option<String>,
    /// The account there; its password is asked for
    #[arg(long, value_name = "NAME")]
    pub account: Option<String>,
    /// Read a token of an account from a file
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Read the account's password from a file
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
    /// Show a certificate that the server's settings vouch for (cmdctl/client_ca_file); a file with it and its key, PEM
    #[arg(long, value_name = "FILE")]
    pub identity: Option<PathBuf>,
    /// The server's certificate, or one that vouches for it, PEM [default: those of the system]
    #[arg(long, value_name = "FILE")]
    pub certificate: Option<PathBuf>,
}

/// What can be made from this definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Generate {
    /// Manual page in roff
    Man,
    /// Completions for bash
    Bash,
    /// Completions for zsh
    Zsh,
    /// Completions for fish
    Fish,
}

/// Everything that can be done.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show what runs, since when, and what is wrong
    Status,
    /// List, show, load and remove zones
    Zone {
        /// What to do with zones
        #[command(subcommand)]
        command: ZoneCommand,
    },
    /// Show and change records of primary zones
    Record {
        /// What to do with records
        #[command(subcommand)]
        command: RecordCommand,
    },
    /// Show and change settings
    Config {
        /// What to do with settings
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// List, add and remove accounts of the REST door
    Account {
        /// What to do with accounts
        #[command(subcommand)]
        command: AccountCommand,
    },
    /// Show and change which users may read what names zones and peers
    Readers {
        /// What to do with readers
        #[command(subcommand)]
        command: ReadersCommand,
    },
    /// List, add and remove keys (TSIG)
    Key {
        /// What to do with keys
        #[command(subcommand)]
        command: KeyCommand,
    },
    /// Show why a query is answered as it is, or whether an access list would let a request through
    #[command(after_help = EXPLAIN_EXAMPLES)]
    Explain {
        /// What to explain
        #[command(subcommand)]
        command: ExplainCommand,
    },
    /// Show and change how much services log
    Log {
        /// What to do with logging
        #[command(subcommand)]
        command: LogCommand,
    },
    /// Write the primary zones and the settings into one new file, a tar; without keys, certificates and accounts, which
    /// are secrets, and without secondary zones, which come again from their primaries
    Backup {
        /// The file; it must not be there yet
        file: PathBuf,
    },
    /// Restore settings and zones from a backup, after all of it was checked; zones that are not in it stay. Keys that the
    /// settings name must be there before: `bindctl key add`
    Restore {
        /// The backup
        file: PathBuf,
    },
    /// Print what a bug report needs, without secrets
    Report,
    /// Run commands from a file, or a ready script
    Execute {
        /// Where they come from
        #[command(subcommand)]
        command: ExecuteCommand,
    },
    /// Show counters
    Stats {
        /// What to do with counters
        #[command(subcommand)]
        command: StatsCommand,
    },
}

/// What can be run.
#[derive(Debug, Subcommand)]
pub enum ExecuteCommand {
    /// The commands of a file, one on each line, until one fails. Lines that begin with # are passed over; `!echo TEXT` says
    /// something, `!verbose on` has each command shown before it is run, `!verbose off` no more
    File {
        /// The file; - for standard input
        file: PathBuf,
        /// Show the commands and run none
        #[arg(value_parser = ["show"], value_name = "show")]
        show: Option<String>,
    },
    /// What makes this an authoritative server that others can ask: edits for `config commit`, and what to do next
    #[command(name = "init_authoritative_server")]
    InitAuthoritativeServer {
        /// Show the commands and run none
        #[arg(value_parser = ["show"], value_name = "show")]
        show: Option<String>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_grammar_is_sound() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn values_may_begin_with_a_hyphen_and_json_may_stand_anywhere() {
        let parsed =
            CommandLine::try_parse_from(["bindctl", "config", "set", "a/b", "-1", "--json"]).unwrap();
        assert!(parsed.json);
        let Some(Command::Config { command: ConfigCommand::Set { value, .. } }) = parsed.command else {
            panic!("not a set");
        };
        assert_eq!(value, "-1");
    }
}
