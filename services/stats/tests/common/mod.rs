//! Processes of the tests: the collector, and daemons that it collects from.

#![allow(dead_code, reason = "each test file uses a part")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail like tests"
)]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tenon_bus::{Bus, names};
use tenon_private_bus::{KeptAddress, PrivateBus, Process};

/// Nothing here takes long; a test that waits this long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A bus with a collector on it that collects only when asked, and shows counters at `address`.
pub(crate) struct Bench {
    pub(crate) daemon: PrivateBus,
    pub(crate) bus: Bus,
    pub(crate) address: SocketAddr,
    _kept: KeptAddress,
    _collector: Process,
}

impl Bench {
    pub(crate) async fn start() -> Self {
        let daemon = PrivateBus::start().unwrap();
        let kept = KeptAddress::new().unwrap();
        let config = daemon.directory().join("config");
        std::fs::create_dir(&config).unwrap();
        let settings = format!(
            r#"{{"generation": 1, "committed_usec": 1, "author": "root", "comment": "", "settings": {{"stats":
                {{"poll_interval_s": 0, "listen_on": [{{"address": "127.0.0.1", "port": {}}}]}}}}}}"#,
            kept.get().port()
        );
        std::fs::write(config.join("current"), settings).unwrap();
        let _collector = Process::start(
            Command::new(env!("CARGO_BIN_EXE_tenon-stats"))
                .arg("--config-dir")
                .arg(config)
                .env("DBUS_SYSTEM_BUS_ADDRESS", daemon.address())
                .env("TENON_LOG", "off"),
        );
        let bus = Bus::at(&daemon.address()).await.unwrap();
        daemon.wait_for(names::COLLECTOR, true).await;
        Self { daemon, bus, address: kept.get(), _kept: kept, _collector }
    }

    /// A daemon with this bus name, whose counter `queries` has this value.
    pub(crate) async fn counting(&self, name: &str, value: u64) -> Process {
        let process = Process::start(
            Command::new(example())
                .arg(name)
                .arg(value.to_string())
                .env("DBUS_SYSTEM_BUS_ADDRESS", self.daemon.address())
                .env("TENON_LOG", "off"),
        );
        self.daemon.wait_for(name, true).await;
        process
    }

    /// What curl prints with these arguments for this path: the body and, in a line of its own, the status.
    pub(crate) fn curl(&self, path: &str, arguments: &[&str]) -> String {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--noproxy", "*", "--max-time", "60", "--write-out", "\n%{http_code}"]);
        curl.args(arguments).arg(format!("http://{}{path}", self.address));
        let output = curl.output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }
}

fn example() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test.parent().and_then(Path::parent).unwrap().join("examples/counting");
    assert!(path.exists(), "{} is not built; run `cargo test -p tenon-stats` as a whole", path.display());
    path
}
