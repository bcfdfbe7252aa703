//! The grammar of `bindctl stats`.

use clap::Subcommand;

/// Everything that can be done with counters.
#[derive(Debug, Subcommand)]
pub enum StatsCommand {
    /// Show counters, those of several instances added up
    Show {
        /// Only this component, such as auth
        component: Option<String>,
    },
}
