//! `tenon-xfrin`: transfers zones in from their primaries.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use tenon_bus::names::XFRIN;
use tenon_service::{CommonOptions, Daemon, Keys, Settings as _, committed, jobs, log};
use tenon_xfrin::{Xfrin, XfrinSettings, xfrin::bus};

/// How long transfers may take to give up when the service stops.
const STOP_PATIENCE: Duration = Duration::from_secs(20);

/// Bring zones in from their primaries, when tenon-zonemgr says so
#[derive(Parser)]
#[command(name = "tenon-xfrin", version)]
struct CommandLine {
    #[command(flatten)]
    common: CommonOptions,
    /// The store of secondary zones
    #[arg(long, value_name = "FILE", default_value = "/var/lib/tenon/secondary/zones.sqlite")]
    store: PathBuf,
}

fn main() -> ExitCode {
    let options = CommandLine::parse();
    if let Some(status) = options.common.answer::<XfrinSettings>() {
        return status;
    }
    log::start("tenon-xfrin");
    let committed = committed::read::<XfrinSettings>(&options.common.config_dir);
    let (xfrin, news) = {
        let keys = Keys::open(&options.common.keys_dir, XfrinSettings::COMPONENT);
        Xfrin::new(&options.store, keys, &committed.settings)
    };
    let xfrin = Arc::new(xfrin);
    let (served, running) = (Arc::clone(&xfrin), Arc::clone(&xfrin));
    let status = Daemon::new(Arc::clone(&xfrin), committed, XFRIN)
        .objects(move |builder| bus::register(&served, builder))
        .run(|surroundings| async move {
            tokio::join!(running.run(surroundings.bus.clone()), jobs::bus::tell(surroundings.bus, news));
            Ok(())
        });
    xfrin.wait_for_threads(STOP_PATIENCE);
    status
}
