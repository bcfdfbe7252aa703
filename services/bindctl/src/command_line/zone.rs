//! The grammar of `bindctl zone`.

use std::path::PathBuf;

use clap::Subcommand;

const ADD_EXAMPLES: &str = "Examples:
  bindctl zone add example.com --primary 192.0.2.1 --primary 2001:db8::1
  bindctl zone add --from zones.txt --primary 192.0.2.1@5300 --no-wait";

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
