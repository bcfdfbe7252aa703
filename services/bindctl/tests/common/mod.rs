//! bindctl as a process of its own, against the real configuration manager on a private bus.

#![allow(dead_code)] // each test file uses its part
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests fail like tests

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tenon_private_bus::PrivateBus;

/// Nothing here takes long; a test that waits this long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Bench {
    pub(crate) bus: PrivateBus,
    pub(crate) cfgmgr: Option<Child>,
}

pub(crate) struct Outcome {
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Outcome {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {} {}", self.out, self.err))
    }
}

fn cfgmgr_program() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let path = own.parent().and_then(Path::parent).unwrap().join("examples/cfgmgr_of_bindctl");
    assert!(path.exists(), "{} is not built; run `cargo test -p tenon-bindctl` as a whole", path.display());
    path
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self { bus: PrivateBus::start().unwrap(), cfgmgr: None }
    }

    pub(crate) fn with_cfgmgr() -> Self {
        let mut bench = Self::new();
        let place = |name: &str| bench.bus.directory().join(name);
        std::fs::create_dir(place("keys")).unwrap();
        let cfgmgr = Command::new(cfgmgr_program())
            .arg("--config-dir")
            .arg(place("config"))
            .arg("--schema-dir")
            .arg(place("schema"))
            .arg("--keys-dir")
            .arg(place("keys"))
            .env("DBUS_SYSTEM_BUS_ADDRESS", bench.bus.address())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        bench.cfgmgr = Some(cfgmgr);
        let began = Instant::now();
        while bench.run(&["config", "show"]).status != 0 {
            assert!(began.elapsed() < PATIENCE, "tenon-cfgmgr does not come");
            std::thread::sleep(Duration::from_millis(10));
        }
        bench
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bindctl"));
        command
            .arg("--state-dir")
            .arg(self.bus.directory())
            .args(arguments)
            .env("DBUS_SYSTEM_BUS_ADDRESS", self.bus.address())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Outcome {
        self.finish(self.command(arguments).spawn().unwrap())
    }

    pub(crate) fn script(&self, text: &str) -> Outcome {
        let mut process = self.command(&[]).stdin(Stdio::piped()).spawn().unwrap();
        process.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        self.finish(process)
    }

    pub(crate) fn finish(&self, process: Child) -> Outcome {
        let output = process.wait_with_output().unwrap();
        let text = |octets: Vec<u8>| String::from_utf8(octets).unwrap();
        Outcome { status: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if let Some(mut cfgmgr) = self.cfgmgr.take() {
            let _ = cfgmgr.kill();
            let _ = cfgmgr.wait();
        }
    }
}
