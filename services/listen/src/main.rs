//! `tenon-listen`: turns the committed `auth/listen_on` into socket units of PID 1.

use clap::Parser;
use std::path::PathBuf;
use std::process::ExitCode;
use tenon_listen::status::Status;
use tenon_listen::{change, messages};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Write the socket units of the committed listen addresses and put them into force.
#[derive(Parser)]
#[command(name = "tenon-listen", version)]
struct Arguments {
    /// Before auth starts, or after a committed change.
    #[arg(long, value_enum, default_value_t = When::Change)]
    at: When,
    /// The committed listen addresses.
    #[arg(long, default_value = "/var/lib/tenon/config/listen.json")]
    request: PathBuf,
    /// Where drop-ins are written.
    #[arg(long, default_value = "/run/systemd/system")]
    units: PathBuf,
    /// Where the outcome is written.
    #[arg(long, default_value = "/run/tenon/listen-status.json")]
    status: PathBuf,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum When {
    Boot,
    Change,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    start_log();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut status = match std::fs::create_dir_all(&arguments.units) {
        Ok(()) => run(&arguments, cores),
        Err(error) => {
            tracing::error!("{}: {error}", arguments.units.display());
            return ExitCode::FAILURE;
        }
    };
    status.sockets = change::open_sockets(&arguments.units).unwrap_or_default();
    if status.ok {
        tracing::info!(
            MESSAGE_ID = messages::LISTENING,
            GENERATION = status.generation,
            "listening: {}",
            status.sockets.join(" ")
        );
    } else {
        tracing::error!(
            MESSAGE_ID = messages::LISTEN_FAILED,
            GENERATION = status.generation,
            "addresses not in force: {}",
            status.reason
        );
    }
    match status.write(&arguments.status) {
        // A refused request is an outcome, not a failure of this unit: the old addresses are in force and cfgmgr is told.
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{}: {error}", arguments.status.display());
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments, cores: usize) -> Status {
    match arguments.at {
        When::Boot => change::run_before_auth(&arguments.request, &arguments.units, cores),
        When::Change => change::run(&arguments.request, &arguments.units, cores),
    }
}

fn start_log() {
    match tracing_journald::layer() {
        Ok(journal) => tracing_subscriber::registry().with(journal.with_field_prefix(None)).init(),
        Err(_) => tracing_subscriber::fmt().with_writer(std::io::stderr).without_time().init(),
    }
}
