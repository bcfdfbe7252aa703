//! The program `tenon-loader`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use tenon_bus::names::LOADER;
use tenon_service::{CommonOptions, Daemon, committed, jobs, log};

use super::{LoadService, LoaderSettings, bus};

/// Load zones that others send into the store of primary zones
#[derive(Parser)]
#[command(name = "tenon-loader", version)]
struct CommandLine {
    #[command(flatten)]
    common: CommonOptions,
    /// The store of primary zones
    #[arg(long, value_name = "FILE", default_value = "/var/lib/tenon/primary/zones.sqlite")]
    store: PathBuf,
}

/// The whole of `main`.
pub fn run() -> ExitCode {
    let options = CommandLine::parse();
    if let Some(status) = options.common.answer::<LoaderSettings>() {
        return status;
    }
    log::start("tenon-loader");
    let committed = committed::read::<LoaderSettings>(&options.common.config_dir);
    let (service, news) = LoadService::new(&options.store, &committed.settings);
    let service = Arc::new(service);
    let (served, running) = (Arc::clone(&service), Arc::clone(&service));
    Daemon::new(service, committed, LOADER).objects(move |builder| bus::register(&served, builder)).run(
        |surroundings| async move {
            tokio::join!(running.run(surroundings.bus.clone()), jobs::bus::tell(surroundings.bus, news));
            Ok(())
        },
    )
}
