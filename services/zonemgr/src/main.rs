//! `tenon-zonemgr`: keeps the time of secondary zones.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use listenfd::ListenFd;
use tenon_bus::names::{XFRIN, ZONEMGR};
use tenon_service::{BusEvent, CommonOptions, Daemon, Keys, Settings as _, committed, log};
use tenon_zonemgr::{Zonemgr, ZonemgrSettings, door, zonemgr::bus};

/// Keep the time of secondary zones: refresh, retry, expire, and NOTIFY
#[derive(Parser)]
#[command(name = "tenon-zonemgr", version)]
struct CommandLine {
    #[command(flatten)]
    common: CommonOptions,
    /// The store of secondary zones, where catalogs are read
    #[arg(long, value_name = "FILE", default_value = "/var/lib/tenon/secondary/zones.sqlite")]
    store: PathBuf,
    /// Where the state of secondary zones is kept
    #[arg(long, value_name = "DIRECTORY", default_value = "/var/lib/tenon/zonemgr")]
    state: PathBuf,
}

fn main() -> ExitCode {
    // Before anything else, since it changes the process's environment.
    let door = ListenFd::from_env().take_unix_listener(0).ok().flatten();
    let options = CommandLine::parse();
    if let Some(status) = options.common.answer::<ZonemgrSettings>() {
        return status;
    }
    log::start("tenon-zonemgr");
    let config = &options.common.config_dir;
    let committed = committed::read::<ZonemgrSettings>(config);
    let keys = Keys::open(&options.common.keys_dir, ZonemgrSettings::COMPONENT);
    let zonemgr = Zonemgr::open(&options.state, &options.store, config, keys, &committed);
    let (served, told, last) = (Arc::clone(&zonemgr), Arc::clone(&zonemgr), Arc::clone(&zonemgr));
    let status = Daemon::new(Arc::clone(&zonemgr), committed, ZONEMGR)
        .objects(move |builder| bus::register(&served, builder))
        .on_bus_event(move |event| match event {
            BusEvent::PeerAppeared(name) => told.peer_appeared(&name),
            BusEvent::PeerGone(name) => told.peer_gone(&name),
            BusEvent::Disconnected => told.peer_gone(XFRIN),
            BusEvent::Connected(bus) => told.connected(bus),
        })
        .run(|running| async move {
            tokio::join!(door::run(Arc::clone(&zonemgr), door), Arc::clone(&zonemgr).run(running.bus));
            Ok(())
        });
    last.finish();
    status
}
