//! The grammar of `bindctl stats`.

use clap::Subcommand;

/// Everything that can be done with counters.
#[derive(Debug, Subcommand)]
pub enum StatsCommand {
    /// Show counters, those of several instances added up
    Show {
        /// Only this component, such as auth
        component: Option<String>,
        /// What was counted of each zone, with auth/zone_statistics
        #[arg(long, conflicts_with_all = ["component", "zone"])]
        zones: bool,
        /// What was counted of this zone, with auth/zone_statistics
        #[arg(long, value_name = "NAME", conflicts_with = "component")]
        zone: Option<String>,
    },
    /// Show how long answers took since the instances of auth were started, by transport
    Times,
    /// Show the networks that most messages came from, with auth/top_clients
    Top {
        /// At most so many networks; 0 for all that are noted
        #[arg(long, value_name = "NUMBER", default_value_t = 20)]
        limit: usize,
    },
}
