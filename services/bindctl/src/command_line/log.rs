//! The grammar of `bindctl log`.

use clap::Subcommand;

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
