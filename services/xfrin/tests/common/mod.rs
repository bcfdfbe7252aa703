//! The service on a private bus, and primaries that do as a test says.

#![allow(dead_code, reason = "each test file uses a part")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail like tests"
)]

pub(crate) mod primary;

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;
use tenon_bus::names::XFRIN;
use tenon_bus::{Bus, JobStatus, Stats1, Xfrin1};
use tenon_datasrc::DataSource;
use tenon_datasrc::sqlite::{Access, SqliteSource};
use tenon_private_bus::{PrivateBus, Process};
use tenon_wire::Name;

/// Nothing here takes long; a test that waits this long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A bus, and the service on it with a store of its own.
pub(crate) struct Bench {
    pub(crate) daemon: PrivateBus,
    pub(crate) bus: Bus,
    pub(crate) xfrin: Xfrin1,
    pub(crate) process: Process,
}

impl Bench {
    /// The service with these settings.
    pub(crate) async fn start(settings: Value) -> Self {
        let daemon = PrivateBus::start().unwrap();
        fs::create_dir(daemon.directory().join("config")).unwrap();
        fs::create_dir(daemon.directory().join("secondary")).unwrap();
        let generation = serde_json::json!({
            "generation": 1, "committed_usec": 1, "author": "root", "comment": "", "settings": {"xfrin": settings},
        });
        fs::write(daemon.directory().join("config/current"), generation.to_string()).unwrap();
        let process = Self::spawn(&daemon);
        let bus = Bus::at(&daemon.address()).await.unwrap();
        daemon.wait_for(XFRIN, true).await;
        Self { xfrin: Xfrin1::new(&bus), bus, daemon, process }
    }

    fn spawn(daemon: &PrivateBus) -> Process {
        Process::start(
            Command::new(env!("CARGO_BIN_EXE_tenon-xfrin"))
                .arg("--config-dir")
                .arg(daemon.directory().join("config"))
                .arg("--store")
                .arg(daemon.directory().join("secondary/zones.sqlite"))
                .env("DBUS_SYSTEM_BUS_ADDRESS", daemon.address())
                .env("TENON_LOG", std::env::var("TENON_LOG").unwrap_or_else(|_| "off".to_owned())),
        )
    }

    /// Ends the service by a signal, and starts it again.
    pub(crate) async fn restart(&mut self, signal: Signal) -> ExitStatus {
        let status = self.end(signal).await;
        self.process = Self::spawn(&self.daemon);
        self.daemon.wait_for(XFRIN, true).await;
        status
    }

    /// Ends the service by a signal.
    pub(crate) async fn end(&mut self, signal: Signal) -> ExitStatus {
        let status = self.process.end(signal);
        self.daemon.wait_for(XFRIN, false).await;
        status
    }

    /// Has a zone refreshed and waits for the end.
    pub(crate) async fn refresh(&self, zone: &str, primaries: &[SocketAddr]) -> JobStatus {
        self.order(zone, primaries, false).await
    }

    /// As [`Self::refresh`], without asking for the serial if `force`.
    pub(crate) async fn order(&self, zone: &str, primaries: &[SocketAddr], force: bool) -> JobStatus {
        let job = self.xfrin.refresh(zone, primaries, force).await.unwrap();
        self.ended(job).await
    }

    pub(crate) async fn ended(&self, job: u64) -> JobStatus {
        tokio::time::timeout(PATIENCE, self.xfrin.jobs().wait(job)).await.expect("the job goes on").unwrap()
    }

    pub(crate) async fn counters(&self) -> BTreeMap<String, u64> {
        Stats1::new(&self.bus, XFRIN).counters().await.unwrap().into_iter().collect()
    }

    pub(crate) fn directory(&self) -> PathBuf {
        self.daemon.directory().join("secondary")
    }

    pub(crate) fn store(&self) -> SqliteSource {
        SqliteSource::open(&self.directory().join("zones.sqlite"), Access::ReadWrite).unwrap()
    }

    /// Serial of a stored zone.
    pub(crate) fn serial(&self, zone: &str) -> Option<u32> {
        let zone: Name = zone.parse().unwrap();
        self.store().zone(zone.as_ref()).unwrap().map(|entry| entry.serial)
    }

    /// The records of a stored zone as `owner ttl TYPE rdata`, sorted.
    pub(crate) fn records(&self, zone: &str) -> Vec<String> {
        let (source, zone): (_, Name) = (self.store(), zone.parse().unwrap());
        let entry = source.zone(zone.as_ref()).unwrap().expect("the zone is stored");
        let mut records = Vec::new();
        source
            .read(&entry, &mut |rrset| {
                for rdata in rrset.rdatas {
                    let data = tenon_wire::rdata::display(rrset.rrtype, rdata);
                    records.push(format!("{} {} {} {data}", rrset.owner, rrset.ttl, rrset.rrtype));
                }
                ControlFlow::Continue(())
            })
            .unwrap();
        records.sort();
        records
    }

    /// The store, to be looked at while it is written.
    pub(crate) fn watched(&self) -> rusqlite::Connection {
        let path = self.directory().join("zones.sqlite");
        let watched =
            rusqlite::Connection::open_with_flags(path, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        watched.busy_timeout(PATIENCE).unwrap();
        watched
    }

    /// How many versions have rows in the store.
    pub(crate) fn versions(&self) -> u64 {
        let path = self.directory().join("zones.sqlite");
        let began = Instant::now();
        loop {
            let mut command = Command::new("sqlite3");
            command.args(["-readonly", "-cmd", ".timeout 5000"]).arg(&path);
            let output = command
                .arg("SELECT count(*) FROM (SELECT base FROM rrsets UNION SELECT base FROM blocks)")
                .output()
                .unwrap();
            // Just after a kill the log may have to be recovered by somebody who may write.
            if let Ok(versions) = String::from_utf8_lossy(&output.stdout).trim().parse() {
                return versions;
            }
            assert!(began.elapsed() < PATIENCE, "{}", String::from_utf8_lossy(&output.stderr));
        }
    }
}

/// A member of a job's details as text.
pub(crate) fn text(status: &JobStatus, key: &str) -> String {
    match status.details.get(key) {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    }
}
