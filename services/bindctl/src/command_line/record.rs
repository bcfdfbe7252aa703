//! The grammar of `bindctl record`.

use std::path::PathBuf;

use clap::Subcommand;

const RECORD_EXAMPLES: &str = "Examples:
  bindctl record add --yes example.com www 300 A 192.0.2.1
  bindctl record add example.com _acme-challenge TXT \"some text\"
  printf 'set www A 192.0.2.7\\ndelete old\\n' | bindctl record apply example.com - --if-serial 7";

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
