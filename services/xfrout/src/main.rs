//! `tenon-xfrout`: gives zones to secondaries and tells them of changes.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use listenfd::ListenFd;
use tenon_bus::names::XFROUT;
use tenon_image::ExpiryFile;
use tenon_service::{BusEvent, CommonOptions, Daemon, Keys, Settings as _, committed, log};
use tenon_xfrout::stores::Stores;
use tenon_xfrout::xfrout::bus;
use tenon_xfrout::{Xfrout, XfroutSettings, messages};
use tokio::net::UnixListener;
use tracing::error;

/// Give zones to secondaries (AXFR, IXFR) and tell them of changes (NOTIFY)
#[derive(Parser)]
#[command(name = "tenon-xfrout", version)]
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
    /// File that says how long secondary zones may still be answered
    #[arg(long, value_name = "FILE", default_value = "/var/lib/tenon/zonemgr/EXPIRIES")]
    expiries: PathBuf,
    /// Directory to keep in who was told
    #[arg(long, value_name = "DIRECTORY", default_value = "/var/lib/tenon/xfrout")]
    state: PathBuf,
}

fn main() -> ExitCode {
    // Before anything else: it takes the descriptor and the environment that tells of it.
    let door = ListenFd::from_env().take_unix_listener(0);
    let options = CommandLine::parse();
    if let Some(status) = options.common.answer::<XfroutSettings>() {
        return status;
    }
    log::start("tenon-xfrout");
    let door = match door {
        Ok(Some(door)) => door,
        Ok(None) => return no_door("none was passed on"),
        Err(error) => return no_door(&error.to_string()),
    };
    let committed = committed::read::<XfroutSettings>(&options.common.config_dir);
    let expiries = Arc::new(ExpiryFile::new(&options.expiries));
    let stores = Stores::new(options.primary, options.secondary, expiries);
    let (xfrout, ended) = {
        let keys = Keys::open(&options.common.keys_dir, XfroutSettings::COMPONENT);
        Xfrout::new(&options.images, stores, &options.state, keys, committed.settings.clone())
    };
    let (served, told) = (Arc::clone(&xfrout), Arc::clone(&xfrout.notifier));
    let notifier = Arc::clone(&xfrout.notifier);
    let status = Daemon::new(Arc::clone(&xfrout), committed, XFROUT)
        .objects(move |builder| bus::register(&served, builder))
        .on_bus_event(move |event| match event {
            BusEvent::Connected(bus) => drop(tokio::spawn(bus::listen(Arc::clone(&told), bus))),
            BusEvent::PeerAppeared(_) => told.look(),
            BusEvent::PeerGone(_) | BusEvent::Disconnected => {}
        })
        .ready_without_bus()
        .run(|running| async move {
            door.set_nonblocking(true)?;
            xfrout.run(UnixListener::from_std(door)?, running.bus, ended).await;
            Ok(())
        });
    notifier.save();
    status
}

fn no_door(reason: &str) -> ExitCode {
    error!(
        message_id = messages::NO_DOOR,
        reason, "no socket to take requests from: {reason}; start tenon-xfrout.socket"
    );
    ExitCode::FAILURE
}
