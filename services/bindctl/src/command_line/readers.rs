//! The grammar of `bindctl readers`.

use clap::Subcommand;

/// Who may read what names zones and peers: lists of zones, their counters, settings, jobs, explanations, signals and files.
#[derive(Debug, Subcommand)]
pub enum ReadersCommand {
    /// Show who may
    Show,
    /// Let root, the group tenon and one more group read it, and nobody else. Everybody still sees which services run and
    /// their counters of all zones together. Pages of tenon-stats (/metrics, /json) leave zones out, since they have no password
    Restrict {
        /// The group [default: none besides tenon]
        group: Option<String>,
    },
    /// Let everybody read it again
    Everybody,
}
