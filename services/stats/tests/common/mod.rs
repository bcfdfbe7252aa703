//! Processes of the tests: the collector, and daemons that it collects from.

#![allow(dead_code, reason = "each test file uses a part")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail like tests"
)]

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tenon_bus::{Bus, names};
use tenon_private_bus::PrivateBus;

/// Nothing here takes long; a test that waits this long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A process; killed when dropped.
pub(crate) struct Process(Child);

impl Process {
    pub(crate) fn send(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A bus with a collector on it that collects only when asked, and shows counters at `address`.
pub(crate) struct Bench {
    pub(crate) daemon: PrivateBus,
    pub(crate) bus: Bus,
    pub(crate) address: SocketAddr,
    _collector: Process,
}

impl Bench {
    pub(crate) async fn start() -> Self {
        let daemon = PrivateBus::start().unwrap();
        let address = free_address();
        let config = daemon.directory().join("config");
        std::fs::create_dir(&config).unwrap();
        let settings = format!(
            r#"{{"generation": 1, "committed_usec": 1, "author": "root", "comment": "", "settings": {{"stats":
                {{"poll_interval_s": 0, "listen_on": [{{"address": "127.0.0.1", "port": {}}}]}}}}}}"#,
            address.port()
        );
        std::fs::write(config.join("current"), settings).unwrap();
        let collector = Command::new(env!("CARGO_BIN_EXE_tenon-stats"))
            .arg("--config-dir")
            .arg(config)
            .env("DBUS_SYSTEM_BUS_ADDRESS", daemon.address())
            .env("TENON_LOG", "off")
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let bus = Bus::at(&daemon.address()).await.unwrap();
        let bench = Self { daemon, bus, address, _collector: Process(collector) };
        bench.wait_for(names::COLLECTOR, true).await;
        bench
    }

    /// A daemon with this bus name, whose counter `queries` has this value.
    pub(crate) async fn counting(&self, name: &str, value: u64) -> Process {
        let process = Command::new(example())
            .arg(name)
            .arg(value.to_string())
            .env("DBUS_SYSTEM_BUS_ADDRESS", self.daemon.address())
            .env("TENON_LOG", "off")
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        self.wait_for(name, true).await;
        Process(process)
    }

    pub(crate) async fn wait_for(&self, name: &str, present: bool) {
        let began = Instant::now();
        while self.bus.is_present(name).await.unwrap() != present {
            assert!(began.elapsed() < PATIENCE, "{name} present: not {present}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
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

/// A port of loopback that was free just now.
pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}

fn example() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test.parent().and_then(Path::parent).unwrap().join("examples/counting");
    assert!(path.exists(), "{} is not built; run `cargo test -p tenon-stats` as a whole", path.display());
    path
}
