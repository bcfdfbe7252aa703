//! `tenon-stats`: collects the counters of all services.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use tenon_bus::names::{COLLECTOR, COLLECTOR_PATH};
use tenon_service::{BusEvent, CommonOptions, Daemon, committed, log};
use tenon_stats::collector::bus::CollectorFace;
use tenon_stats::{Stats, StatsSettings};

/// Collect the counters of all services and show them over HTTP on loopback
#[derive(Parser)]
#[command(name = "tenon-stats", version)]
struct CommandLine {
    #[command(flatten)]
    common: CommonOptions,
}

fn main() -> ExitCode {
    let options = CommandLine::parse().common;
    if let Some(status) = options.answer::<StatsSettings>() {
        return status;
    }
    log::start("tenon-stats");
    let committed = committed::read::<StatsSettings>(&options.config_dir);
    let stats = Arc::new(Stats::new(&committed.settings));
    let (served, told) = (Arc::clone(&stats), Arc::clone(&stats));
    Daemon::new(Arc::clone(&stats), committed, COLLECTOR)
        .objects(move |builder| builder.serve_at(COLLECTOR_PATH, CollectorFace::new(Arc::clone(&served))))
        .on_bus_event(move |event| match event {
            BusEvent::Connected(_) => told.collector.look_again(),
            BusEvent::PeerGone(name) => told.collector.forget(&name),
            BusEvent::PeerAppeared(_) | BusEvent::Disconnected => {}
        })
        .run(|running| async move {
            stats.run(running.bus).await;
            Ok(())
        })
}
