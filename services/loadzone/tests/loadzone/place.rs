//! A directory with a store of its own, and the program run in it.

use std::io::Write;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use tenon_datasrc::sqlite::{Access, SqliteSource};
use tenon_datasrc::{DataSource, ZoneEntry};
use tenon_wire::{Name, rdata};

/// Five records in four RRsets, serial 7, on five lines.
pub(crate) const ZONE: &str = "\
@ 3600 SOA ns admin 7 7200 3600 1209600 300
@ NS ns
@ NS ns.example.net.
ns A 192.0.2.53
ns AAAA 2001:db8::53
";

/// See the module.
pub(crate) struct Place {
    directory: TempDir,
}

/// How a run of the program ended.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tenon-loadzone"));
        command
            .args(words)
            .current_dir(self.directory.path())
            .env("TENON_STORE", self.path("zones.sqlite"))
            .env("DBUS_SYSTEM_BUS_ADDRESS", format!("unix:path={}", self.path("no-bus").display()))
            .stdin(Stdio::null());
        command
    }

    /// Runs the program, without telling anybody over the bus.
    pub(crate) fn run(&self, words: &[&str]) -> Run {
        finish(
            self.command(words)
                .arg("--no-signal")
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap(),
        )
    }

    /// Runs the program as it is; there is no bus.
    pub(crate) fn run_telling(&self, words: &[&str]) -> Run {
        finish(self.command(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    }

    pub(crate) fn run_with_input(&self, words: &[&str], input: &str) -> Run {
        let mut command = self.command(words);
        let mut child = command
            .arg("--no-signal")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        finish(child)
    }

    pub(crate) fn source(&self) -> SqliteSource {
        SqliteSource::open(&self.path("zones.sqlite"), Access::ReadWrite).unwrap()
    }

    /// The zone as the store has it; none as well when there is no store.
    pub(crate) fn entry(&self, zone: &str) -> Option<ZoneEntry> {
        let zone: Name = zone.parse().unwrap();
        self.path("zones.sqlite").exists().then(|| self.source().zone(zone.as_ref()).unwrap()).flatten()
    }

    /// RRsets of a zone, `owner ttl type data | data`.
    pub(crate) fn read(&self, zone: &str) -> Vec<String> {
        let entry = self.entry(zone).unwrap();
        let mut lines = Vec::new();
        let visit = &mut |rrset: tenon_zone::RrsetRef<'_>| {
            let data: Vec<String> =
                rrset.rdatas.iter().map(|octets| rdata::display(rrset.rrtype, octets).to_string()).collect();
            lines.push(format!("{} {} {} {}", rrset.owner, rrset.ttl, rrset.rrtype, data.join(" | ")));
            ControlFlow::Continue(())
        };
        self.source().read(&entry, visit).unwrap();
        lines
    }
}

pub(crate) fn finish(child: Child) -> Run {
    let output = child.wait_with_output().unwrap();
    Run {
        status: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}
