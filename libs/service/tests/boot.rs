//! The minimal daemon of the example as a process of its own, on a private bus.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests fail like tests

use std::io::Write;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;
use tenon_bus::{Bus, BusError, Config1, Stats1};
use tenon_private_bus::PrivateBus;

const NAME: &str = "org.tenon.Minimal1";
/// Nothing here takes long; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

fn program() -> PathBuf {
    let deps = std::env::current_exe().unwrap();
    let path = deps.parent().and_then(Path::parent).unwrap().join("examples/minimal");
    assert!(path.exists(), "{} is not built; run `cargo test -p tenon-service` as a whole", path.display());
    path
}

/// The daemon, with the messages it sends to its service manager.
struct Minimal {
    process: Child,
    notifications: UnixDatagram,
}

impl Minimal {
    fn start(address: &str, scratch: &Path) -> Self {
        // An hour: notifications that nobody reads would fill the socket and block the daemon.
        Self::start_watched(address, scratch, Duration::from_secs(3600))
    }

    fn start_watched(address: &str, scratch: &Path, watchdog: Duration) -> Self {
        let socket = scratch.join("notify");
        let _ = std::fs::remove_file(&socket);
        let notifications = UnixDatagram::bind(&socket).unwrap();
        notifications.set_read_timeout(Some(PATIENCE)).unwrap();
        let process = Command::new(program())
            .arg("--config-dir")
            .arg(scratch.join("config"))
            .env("DBUS_SYSTEM_BUS_ADDRESS", address)
            .env("NOTIFY_SOCKET", &socket)
            .env("WATCHDOG_USEC", watchdog.as_micros().to_string())
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { process, notifications }
    }

    /// Waits for a notification with this line.
    fn wait_for(&self, line: &str) {
        let mut buffer = [0; 4096];
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            let length = self.notifications.recv(&mut buffer).unwrap();
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if text.lines().any(|received| received == line) {
                return;
            }
        }
        panic!("no {line}");
    }

    fn terminate(&mut self) -> ExitStatus {
        let id = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
        self.process.wait().unwrap()
    }
}

impl Drop for Minimal {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn ready_watched_on_the_bus_and_stopped() {
    let daemon = PrivateBus::start().unwrap();
    let mut minimal =
        Minimal::start_watched(&daemon.address(), daemon.directory(), Duration::from_millis(200));
    minimal.wait_for("READY=1");
    minimal.wait_for("WATCHDOG=1");
    let bus = Bus::at(&daemon.address()).await.unwrap();
    let config = Config1::new(&bus, NAME);
    let state = config.state().await.unwrap();
    assert_eq!((state.component.as_str(), state.generation), ("minimal", 0));
    assert_eq!(state.settings, json!({"interval_ms": 1000}));
    let schema: serde_json::Value = serde_json::from_str(&state.schema).unwrap();
    assert_eq!(schema.pointer("/properties/interval_ms/maximum"), Some(&json!(60_000)));
    assert!(Stats1::new(&bus, NAME).state().await.unwrap().ready_usec > 0);
    assert!(minimal.terminate().success());
    minimal.wait_for("STOPPING=1");
}

#[tokio::test]
async fn settings_are_checked_amended_refused_and_applied() {
    let daemon = PrivateBus::start().unwrap();
    let minimal = Minimal::start(&daemon.address(), daemon.directory());
    minimal.wait_for("READY=1");
    let bus = Bus::at(&daemon.address()).await.unwrap();
    let config = Config1::new(&bus, NAME);

    let checked = config.check(&json!({"interval_ms": 3}), PATIENCE).await.unwrap();
    assert_eq!(checked.amended, json!({"interval_ms": 10}));
    assert_eq!(checked.notes.len(), 1);
    assert_eq!(config.check(&json!({"interval_ms": 1000}), PATIENCE).await.unwrap().amended, json!({}));
    for (document, reason) in [
        (json!({"interval_ms": 0}), "minimal/interval_ms: 0 is below the minimum, 1"),
        (json!({"interval_ms": 13}), "minimal/interval_ms: 13 brings bad luck"),
        (json!({"interval": 5}), "minimal/interval: there is no such option"),
    ] {
        assert_eq!(config.check(&document, PATIENCE).await, Err(BusError::Rejected(reason.into())));
    }
    assert_eq!(config.state().await.unwrap().generation, 0);

    config.apply(1, &json!({"interval_ms": 20}), PATIENCE).await.unwrap();
    let state = config.state().await.unwrap();
    assert_eq!((state.generation, state.settings), (1, json!({"interval_ms": 20})));
    // The same generation again does nothing, whatever comes with it.
    config.apply(1, &json!({"interval_ms": 500}), PATIENCE).await.unwrap();
    assert_eq!(config.state().await.unwrap().settings, json!({"interval_ms": 20}));
    let failed = config.apply(2, &json!({"interval_ms": 13}), PATIENCE).await.unwrap_err();
    assert!(matches!(failed, BusError::ApplyFailed(_)), "{failed:?}");
    assert_eq!(config.state().await.unwrap().generation, 1);
}

#[tokio::test]
async fn it_outlives_the_bus_and_comes_back() {
    let mut daemon = PrivateBus::start().unwrap();
    let address = daemon.address();
    daemon.stop().unwrap();
    // Started without a bus it is ready all the same.
    let mut minimal = Minimal::start(&address, daemon.directory());
    minimal.wait_for("READY=1");
    for _ in 0..2 {
        daemon.restart().unwrap();
        daemon.wait_for(NAME, true).await;
        let bus = Bus::at(&address).await.unwrap();
        assert_eq!(Config1::new(&bus, NAME).state().await.unwrap().component, "minimal");
        daemon.stop().unwrap();
    }
    assert!(minimal.process.try_wait().unwrap().is_none());
}

#[tokio::test]
async fn introspection_is_what_the_files_promise() {
    let daemon = PrivateBus::start().unwrap();
    let minimal = Minimal::start(&daemon.address(), daemon.directory());
    minimal.wait_for("READY=1");
    daemon.wait_for(NAME, true).await;
    assert_eq!(daemon.differences(NAME, "/org/tenon/Minimal1", &["Config1", "Stats1"]).await, [""; 0]);
}

#[test]
fn settings_are_checked_without_a_running_daemon() {
    let check = |document: &str| {
        let mut process = Command::new(program())
            .arg("--check-settings")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        process.stdin.take().unwrap().write_all(document.as_bytes()).unwrap();
        let output = process.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let (status, out, _) = check(r#"{"interval_ms": 3}"#);
    assert_eq!(status, Some(0));
    let out: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(out["amended"], json!({"interval_ms": 10}));
    let (status, out, reason) = check(r#"{"interval_ms": "x"}"#);
    assert_eq!((status, out.as_str()), (Some(1), ""));
    assert_eq!(reason, "minimal/interval_ms: \"x\" is not of type integer\n");
    let schema = Command::new(program()).arg("--print-schema").output().unwrap();
    assert!(schema.status.success() && schema.stdout.ends_with(b"}\n"));
}
