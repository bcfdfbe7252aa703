//! The grammar of `bindctl config`.

use clap::Subcommand;

const ADD_EXAMPLES: &str = "Examples:
  bindctl config add logging/loggers '{\"component\": \"auth\", \"severity\": \"debug\"}'
  bindctl config add auth/listen_on '{\"address\": \"192.0.2.1\"}'";

const REMOVE_EXAMPLES: &str = "Examples:
  bindctl config remove auth/listen_on/1
  bindctl config remove auth/listen_on 192.0.2.1
  bindctl config remove logging/loggers auth";

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
    /// Show settings as JSON
    #[command(name = "show_json", visible_alias = "show-json")]
    ShowJson {
        /// Only options below this path
        #[arg(default_value = "")]
        path: String,
        /// With your edits that are not committed yet
        #[arg(long)]
        candidate: bool,
    },
    /// Say what an option means, what may be its value, its default, and how it is set; of a component or a list, what is
    /// below it
    Describe {
        /// The path
        path: String,
    },
    /// In the shell: take paths from here on, such as auth/listen_on; `..` for the one above, / for all settings
    Go {
        /// The path; one that begins with / counts from the top
        path: String,
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
    /// Add an element to a list among your edits
    #[command(after_help = ADD_EXAMPLES)]
    Add {
        /// The path of the list
        path: String,
        /// The element, as JSON or as plain text; without one, as the defaults have it
        #[arg(allow_hyphen_values = true)]
        element: Option<String>,
    },
    /// Remove an element of a list among your edits
    #[command(after_help = REMOVE_EXAMPLES)]
    Remove {
        /// The path of the element, or of the list
        path: String,
        /// Of a list: the element itself, or what it is named by, such as a zone or an address
        #[arg(allow_hyphen_values = true)]
        element: Option<String>,
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
