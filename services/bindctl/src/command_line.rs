//! The grammar, from which help, manual page, completions and the shell's own completion come.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

const EXIT_STATUS: &str = "Exit status:
  0  done
  1  refused or failed; nothing changed unless the message says so
  2  the command line is wrong
  3  the bus, or the service that would have to do it, cannot be reached";

const ADD_EXAMPLES: &str = "Examples:
  bindctl zone add example.com --primary 192.0.2.1 --primary 2001:db8::1
  bindctl zone add --from zones.txt --primary 192.0.2.1@5300 --no-wait";

const RECORD_EXAMPLES: &str = "Examples:
  bindctl record add --yes example.com www 300 A 192.0.2.1
  bindctl record add example.com _acme-challenge TXT \"some text\"
  printf 'set www A 192.0.2.7\\ndelete old\\n' | bindctl record apply example.com - --if-serial 7";

const KEY_EXAMPLES: &str = "Examples:
  bindctl key add transfer.example.com
  bindctl key add old.example.com --algorithm hmac-md5 --secret-file secret.txt
  bindctl config set xfrout/transfer_acl '[{\"action\": \"ACCEPT\", \"key\": \"transfer.example.com\"}]'";

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
    /// Write the zones and the settings into one new file, a tar; without keys, certificates and accounts
    Backup {
        /// The file; it must not be there yet
        file: PathBuf,
    },
    /// Restore settings and zones from a backup, after all of it was checked; zones that are not in it stay
    Restore {
        /// The backup
        file: PathBuf,
    },
    /// Print what a bug report needs, without secrets
    Report,
    /// Show counters
    Stats {
        /// What to do with counters
        #[command(subcommand)]
        command: StatsCommand,
    },
}

/// Everything that can be done with zones.
#[derive(Debug, Subcommand)]
pub enum ZoneCommand {
    /// List zones: what is stored, what is compiled, what is answered
    List {
        /// Only zones after this name, in canonical order
        #[arg(long, value_name = "ZONE", default_value = "")]
        after: String,
        /// At most so many zones; 0 for all
        #[arg(long, value_name = "NUMBER", default_value_t = 0)]
        limit: usize,
    },
    /// Show one zone
    Show {
        /// The zone's name
        zone: String,
    },
    /// Load a zone from a master file with tenon-loadzone, and wait until it is answered
    Load {
        /// The zone's name
        zone: String,
        /// The master file (RFC 1035); - for standard input
        file: PathBuf,
        /// Load it even if its serial goes back
        #[arg(long)]
        force: bool,
        /// Seconds to wait until every running auth instance answers with it; 0 to not wait
        #[arg(long, value_name = "SECONDS", default_value_t = 120)]
        wait: u64,
    },
    /// Write a primary zone as a master file that reads back to the same zone
    Write {
        /// The zone's name
        zone: String,
        /// The file; - for standard output
        #[arg(default_value = "-")]
        file: PathBuf,
    },
    /// Have zones from other servers (secondary zones), and wait until they are answered
    #[command(after_help = ADD_EXAMPLES)]
    Add {
        /// Names of the zones
        #[arg(required_unless_present = "from")]
        zones: Vec<String>,
        /// Read more names from a file, separated by blanks or line ends; # begins a comment; - for standard input
        #[arg(long, value_name = "FILE")]
        from: Option<PathBuf>,
        /// A server to have them from, such as 192.0.2.1 or 2001:db8::1@5300; several are asked in this order
        #[arg(long, value_name = "ADDRESS[@PORT]", required = true)]
        primary: Vec<String>,
        /// The key (TSIG) that all of these servers know us by; `bindctl key add` makes keys
        #[arg(long, value_name = "NAME")]
        key: Option<String>,
        /// Seconds to wait until every running auth instance answers them; 0 to not wait
        #[arg(long, value_name = "SECONDS", default_value_t = 120)]
        wait: u64,
        /// Do not wait
        #[arg(long, conflicts_with = "wait")]
        no_wait: bool,
    },
    /// Remove a zone and wait until it is no longer answered: a primary one from the store with tenon-loadzone, a
    /// secondary one from the settings
    Remove {
        /// The zone's name
        zone: String,
        /// Seconds to wait until no running auth instance answers it; 0 to not wait
        #[arg(long, value_name = "SECONDS", default_value_t = 120)]
        wait: u64,
    },
    /// Tell the servers of a zone its serial now (NOTIFY), whether they know it or not
    Notify {
        /// The zone's name
        zone: String,
    },
    /// Ask the primaries of a secondary zone now whether they have a newer version
    Refresh {
        /// The zone's name
        zone: String,
        /// Seconds to wait for the outcome; 0 to not wait
        #[arg(long, value_name = "SECONDS", default_value_t = 120)]
        wait: u64,
    },
    /// Transfer a secondary zone now, whatever its serial
    Retransfer {
        /// The zone's name
        zone: String,
        /// Seconds to wait for the outcome; 0 to not wait
        #[arg(long, value_name = "SECONDS", default_value_t = 14400)]
        wait: u64,
    },
}

/// Everything that can be done with records of primary zones. What a change would do is shown first, and on a terminal
/// asked.
#[derive(Debug, Subcommand)]
pub enum RecordCommand {
    /// Show the records of a name
    Show {
        /// The zone's name
        zone: String,
        /// The name, relative to the zone unless it ends in a dot
        #[arg(default_value = "@")]
        owner: String,
        /// Only records of this type
        #[arg(value_name = "TYPE", default_value = "")]
        rrtype: String,
    },
    /// Add a record
    #[command(after_help = RECORD_EXAMPLES)]
    Add {
        /// The zone's name
        zone: String,
        /// The record's name, relative to the zone unless it ends in a dot; @ for the zone itself
        owner: String,
        /// Its TTL (without one that of its RRset, or of the SOA record), type and data
        #[arg(value_name = "[TTL] TYPE DATA", required = true, num_args = 2..)]
        record: Vec<String>,
        /// How it is done
        #[command(flatten)]
        options: ChangeOptions,
    },
    /// Put a record in the place of all records of its name and type
    Set {
        /// The zone's name
        zone: String,
        /// The record's name
        owner: String,
        /// As with add
        #[arg(value_name = "[TTL] TYPE DATA", required = true, num_args = 2..)]
        record: Vec<String>,
        /// How it is done
        #[command(flatten)]
        options: ChangeOptions,
    },
    /// Delete a record, all records of a name and type, or all of a name
    Delete {
        /// The zone's name
        zone: String,
        /// The name
        owner: String,
        /// Only records of this type, or only the one with this data
        #[arg(value_name = "TYPE DATA", num_args = 0..)]
        record: Vec<String>,
        /// How it is done
        #[command(flatten)]
        options: ChangeOptions,
    },
    /// Make many changes as one: a line `add|set|delete OWNER ...` for each
    Apply {
        /// The zone's name
        zone: String,
        /// The file with the lines; - for standard input
        file: PathBuf,
        /// How it is done
        #[command(flatten)]
        options: ChangeOptions,
    },
}

/// How a zone is changed.
#[derive(Debug, clap::Args)]
pub struct ChangeOptions {
    /// Only if the zone has this serial
    #[arg(long, value_name = "SERIAL")]
    pub if_serial: Option<u32>,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

/// Everything that can be done with settings. Options are named by paths such as auth/listen_on/0/port.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Show the committed settings
    Show {
        /// Only options below this path
        #[arg(default_value = "")]
        path: String,
        /// With your edits that are not committed yet
        #[arg(long)]
        candidate: bool,
    },
    /// Set an option among your edits; commit puts them into force
    Set {
        /// The option's path
        path: String,
        /// The value, as JSON or as plain text
        #[arg(allow_hyphen_values = true)]
        value: String,
    },
    /// Take an option back to its default among your edits; of a list, take an element out
    Unset {
        /// The option's path
        path: String,
    },
    /// Show what your edits would change, or what changed from one generation to another
    Diff {
        /// The one generation; 0 for the defaults
        #[arg(value_name = "GENERATION")]
        from: Option<u64>,
        /// The other generation [default: the one in force]
        #[arg(value_name = "GENERATION")]
        to: Option<u64>,
    },
    /// Have the owners check your edits, store them as a new generation, put it into force
    Commit {
        /// What to remember of it in the history
        #[arg(long, short = 'm', value_name = "TEXT", default_value = "")]
        comment: String,
        /// Take it back by itself unless `bindctl config confirm` comes within so many seconds
        #[arg(long, value_name = "SECONDS", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=86_400))]
        confirm: u32,
    },
    /// Keep what was committed with --confirm
    Confirm,
    /// Commit the settings of an older generation again, as a new one
    Rollback {
        /// The generation; 0 for the defaults
        generation: u64,
        /// What to remember of it in the history
        #[arg(long, short = 'm', value_name = "TEXT", default_value = "")]
        comment: String,
        /// Take it back by itself unless `bindctl config confirm` comes within so many seconds
        #[arg(long, value_name = "SECONDS", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=86_400))]
        confirm: u32,
    },
    /// Forget your edits
    Revert,
    /// List committed generations, the newest first
    History {
        /// Only generations before this one; 0 for all
        #[arg(long, value_name = "GENERATION", default_value_t = 0)]
        before: u64,
        /// At most so many
        #[arg(long, value_name = "NUMBER", default_value_t = 20)]
        limit: u32,
    },
}

/// Everything that can be done with accounts of the REST door. They are in a file that root and tenon-cmdctl can read.
#[derive(Debug, Subcommand)]
pub enum AccountCommand {
    /// Add an account and print its password
    Add {
        /// The account's name
        name: String,
        /// It may look and not change
        #[arg(long)]
        read_only: bool,
        /// What it may do: read, commit, zone, record, control; zone:example.com for one zone, zone:.example.com for it and
        /// all below [default: everything]
        #[arg(long, value_name = "SCOPE", conflicts_with = "read_only")]
        scope: Vec<String>,
        /// Days that it is good for; 0 for ever
        #[arg(long, value_name = "DAYS", default_value_t = 0)]
        days: u32,
        /// Read the password from standard input instead of making one
        #[arg(long)]
        password_stdin: bool,
    },
    /// Give an account other scopes
    Scopes {
        /// The account's name
        name: String,
        /// What it may do from now on, as of `account add`
        #[arg(required = true)]
        scope: Vec<String>,
    },
    /// Remove an account with its tokens
    Remove {
        /// The account's name
        name: String,
    },
    /// Make a token for an account and print it; programs use it instead of the password
    Token {
        /// The account's name
        name: String,
        /// What it may do of what the account may, as of `account add` [default: all of that]
        #[arg(long, value_name = "SCOPE")]
        scope: Vec<String>,
        /// Days that it is good for; 0 for ever
        #[arg(long, value_name = "DAYS", default_value_t = 90)]
        days: u32,
    },
    /// Take a token away from an account
    Revoke {
        /// The account's name
        name: String,
        /// The token's identifier, as `account list` shows it
        token: String,
    },
    /// List accounts with what they may do
    List,
}

/// Everything that can be done with keys. Their secrets are shown once, when they are made, and never again.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Add a key, or give a key another secret, and tell every service
    #[command(after_help = KEY_EXAMPLES)]
    Add {
        /// The key's name, a domain name that both ends use
        name: String,
        /// hmac-sha256, hmac-sha384, hmac-sha512, hmac-sha224, hmac-sha1 or hmac-md5, with the bits of a shortened code
        /// behind it if wanted: hmac-sha256-128
        #[arg(long, value_name = "ALGORITHM", default_value = "hmac-sha256")]
        algorithm: String,
        /// Read the secret in base64 from a file; - for standard input
        #[arg(long, value_name = "FILE", conflicts_with = "generate")]
        secret_file: Option<PathBuf>,
        /// Make a secret and print lines for other servers; so it is without --secret-file
        #[arg(long)]
        generate: bool,
    },
    /// Remove a key that no setting names
    Remove {
        /// The key's name
        name: String,
    },
    /// List keys with the settings that name them
    List,
}

/// Everything that can be explained.
#[derive(Debug, Subcommand)]
pub enum ExplainCommand {
    /// The way to the answer of a query: zone, version and files, name or wildcard, aliases
    Query {
        /// The name asked for
        name: String,
        /// The type asked for
        #[arg(value_name = "TYPE", default_value = "A")]
        rrtype: String,
    },
    /// Who may have a zone: xfrout/transfer_acl
    Transfer(MadeUp),
    /// Who may send NOTIFY: auth/notify_acl
    Notify(MadeUp),
    /// Who may change a zone: ddns/update_acl
    Update(MadeUp),
    /// Who may ask queries: auth/query_acl
    QueryAcl(MadeUp),
}

/// The request that an access list is asked about.
#[derive(Debug, clap::Args)]
pub struct MadeUp {
    /// The zone; for queries and notices any
    #[arg(default_value = "")]
    pub zone: String,
    /// Who asks: an address
    #[arg(long, value_name = "ADDRESS")]
    pub peer: String,
    /// The address that is asked
    #[arg(long, value_name = "ADDRESS", default_value = "")]
    pub local: String,
    /// The key that signs the request
    #[arg(long, value_name = "NAME", default_value = "")]
    pub key: String,
    /// How the request comes
    #[arg(long, default_value = "tcp", value_parser = ["udp", "tcp", "tls", "https", "quic"])]
    pub transport: String,
    /// The name in the client's certificate
    #[arg(long, value_name = "NAME", default_value = "")]
    pub tls_name: String,
}

/// Everything that can be done with logging.
#[derive(Debug, Subcommand)]
pub enum LogCommand {
    /// Show how much services log, or change it until they are restarted
    Level {
        /// Only this component, such as auth
        component: Option<String>,
        /// How much from now on: err, warning, notice, info or debug
        #[arg(value_parser = ["err", "warning", "notice", "info", "debug"])]
        level: Option<String>,
    },
}

/// Everything that can be done with counters.
#[derive(Debug, Subcommand)]
pub enum StatsCommand {
    /// Show counters, those of several instances added up
    Show {
        /// Only this component, such as auth
        component: Option<String>,
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
