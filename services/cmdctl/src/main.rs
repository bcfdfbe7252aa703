//! `tenon-cmdctl`: the REST door.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use tenon_bus::names::{CMDCTL, CMDCTL_PATH};
use tenon_cmdctl::api::Places;
use tenon_cmdctl::door::bus::DoorFace;
use tenon_cmdctl::tool::AccountOptions;
use tenon_cmdctl::{CmdctlSettings, Door, api};
use tenon_service::{CommonOptions, Daemon, committed, log};

/// Show and change the Tenon name server over HTTPS
#[derive(Parser)]
#[command(name = "tenon-cmdctl", version)]
struct CommandLine {
    #[command(flatten)]
    common: CommonOptions,
    #[command(flatten)]
    accounts: AccountOptions,
    /// Directory of the accounts
    #[arg(long, value_name = "DIRECTORY", default_value = "/var/lib/tenon/cmdctl")]
    state_dir: PathBuf,
    /// Directory of the zone images
    #[arg(long, value_name = "DIRECTORY", default_value = "/var/lib/tenon/images")]
    image_dir: PathBuf,
    /// Print the OpenAPI document and exit
    #[arg(long)]
    print_openapi: bool,
}

fn main() -> ExitCode {
    let command_line = CommandLine::parse();
    let options = command_line.common;
    if let Some(status) = options.answer::<CmdctlSettings>() {
        return status;
    }
    if let Some(status) = command_line.accounts.answer(&command_line.state_dir) {
        return status;
    }
    if command_line.print_openapi {
        let document = api::document().unwrap_or_default();
        return match std::io::stdout().write_all(document.as_bytes()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        };
    }
    log::start("tenon-cmdctl");
    let committed = committed::read::<CmdctlSettings>(&options.config_dir);
    let places =
        Places { spool: command_line.state_dir, images: command_line.image_dir, config: options.config_dir };
    let door = match Door::new(&committed.settings, places) {
        Ok(door) => Arc::new(door),
        Err(reason) => {
            tracing::error!(message_id = tenon_service::messages::FAILED, reason = %reason, "ending: {reason}");
            return ExitCode::FAILURE;
        }
    };
    let served = door.clone();
    Daemon::new(door.clone(), committed, CMDCTL)
        .objects(move |builder| builder.serve_at(CMDCTL_PATH, DoorFace::new(served.clone())))
        .run(|running| async move {
            door.run(running.bus).await;
            Ok(())
        })
}
