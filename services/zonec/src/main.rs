//! `tenon-zonec`: compiles committed zones into images.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use tenon_bus::names::ZONEC;
use tenon_service::{BusEvent, CommonOptions, Daemon, committed, log};
use tenon_zonec::{StorePlace, Zonec, ZonecSettings, reconcile, zonec::bus};

/// Compile committed zones into the images that tenon-auth answers from
#[derive(Parser)]
#[command(name = "tenon-zonec", version)]
struct CommandLine {
    #[command(flatten)]
    common: CommonOptions,
    /// Directory of the zone images and their manifest
    #[arg(long, value_name = "DIRECTORY", default_value = "/var/lib/tenon/images")]
    images: PathBuf,
    /// The store of primary zones
    #[arg(long, value_name = "FILE", default_value = "/var/lib/tenon/primary/zones.sqlite")]
    primary: PathBuf,
    /// The store of secondary zones
    #[arg(long, value_name = "FILE", default_value = "/var/lib/tenon/secondary/zones.sqlite")]
    secondary: PathBuf,
    /// The zone manager's list of secondary zones that are not to be answered
    #[arg(long, value_name = "FILE", default_value = "/var/lib/tenon/zonemgr/UNAVAILABLE")]
    unavailable: PathBuf,
}

fn main() -> ExitCode {
    let options = CommandLine::parse();
    if let Some(status) = options.common.answer::<ZonecSettings>() {
        return status;
    }
    log::start("tenon-zonec");
    let committed = committed::read::<ZonecSettings>(&options.common.config_dir);
    let places = vec![StorePlace::primary(&options.primary), StorePlace::secondary(&options.secondary)];
    let (zonec, news) =
        Zonec::start(&options.images, places, &options.unavailable, committed.settings.clone());
    for (name, work) in [("reconcile", reconcile::run as fn(&Arc<Zonec>)), ("beside", reconcile::run_beside)]
    {
        let zonec = Arc::clone(&zonec);
        if let Err(error) = std::thread::Builder::new().name(name.into()).spawn(move || work(&zonec)) {
            tracing::error!("cannot start a thread: {error}");
            return ExitCode::FAILURE;
        }
    }
    let (served, listening, watched) = (Arc::clone(&zonec), Arc::clone(&zonec), Arc::clone(&zonec));
    Daemon::new(zonec, committed, ZONEC)
        .objects(move |builder| bus::register(&served, builder))
        .on_bus_event(move |event| match event {
            BusEvent::Connected(bus) => drop(tokio::spawn(bus::listen(Arc::clone(&listening), bus))),
            BusEvent::PeerAppeared(_) | BusEvent::PeerGone(_) | BusEvent::Disconnected => {}
        })
        .alive(move || watched.is_alive())
        .run(|running| async move {
            bus::tell(running.bus, news).await;
            Ok(())
        })
}
