//! `tenon-ddns`: changes primary zones.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use listenfd::ListenFd;
use tenon_bus::names::DDNS;
use tenon_ddns::ddns::bus;
use tenon_ddns::{Ddns, DdnsSettings, messages};
use tenon_service::{CommonOptions, Daemon, Keys, Settings as _, committed, log};
use tracing::error;

/// Change primary zones: dynamic updates (RFC 2136), and edits over the bus
#[derive(Parser)]
#[command(name = "tenon-ddns", version)]
struct CommandLine {
    #[command(flatten)]
    common: CommonOptions,
    /// The store of primary zones
    #[arg(long, value_name = "FILE", default_value = "/var/lib/tenon/primary/zones.sqlite")]
    store: PathBuf,
}

fn main() -> ExitCode {
    // Before anything else: it takes the descriptor and the environment that tells of it.
    let door = ListenFd::from_env().take_unix_listener(0);
    let options = CommandLine::parse();
    if let Some(status) = options.common.answer::<DdnsSettings>() {
        return status;
    }
    log::start("tenon-ddns");
    let door = match door {
        Ok(Some(door)) => door,
        Ok(None) => return no_door("none was passed on"),
        Err(error) => return no_door(&error.to_string()),
    };
    let committed = committed::read::<DdnsSettings>(&options.common.config_dir);
    let keys = Keys::open(&options.common.keys_dir, DdnsSettings::COMPONENT);
    let ddns = Ddns::new(&options.store, keys, committed.settings.clone());
    let committer = match ddns.start() {
        Ok(committer) => committer,
        Err(error) => {
            error!("no thread for the store: {error}");
            return ExitCode::FAILURE;
        }
    };
    let (served, stopped) = (Arc::clone(&ddns), Arc::clone(&ddns));
    let status = Daemon::new(Arc::clone(&ddns), committed, DDNS)
        .objects(move |builder| bus::register(&served, builder))
        .ready_without_bus()
        .run(|running| async move { Ok(ddns.run(door, running.bus).await?) });
    stopped.stop();
    // It has nothing to tell but that it is done.
    let _done = committer.join();
    status
}

fn no_door(reason: &str) -> ExitCode {
    error!(
        message_id = messages::NO_DOOR,
        reason, "no socket to take updates from: {reason}; start tenon-ddns.socket"
    );
    ExitCode::FAILURE
}
