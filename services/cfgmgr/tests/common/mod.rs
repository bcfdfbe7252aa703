//! A private bus, a configuration manager and owners, each a process of its own.

#![allow(dead_code)] // each test file uses its part
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests fail like tests

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use tenon_bus::{Bus, Cfgmgr1, Config1, ConfigState, LogControl1, names};
use tenon_cfgmgr::storage::step::Step;
use tenon_private_bus::{PrivateBus, Process};

/// Nothing here takes long; a test that waits this long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// All of it.
pub(crate) struct Bench {
    pub(crate) daemon: PrivateBus,
    pub(crate) bus: Bus,
    pub(crate) cfgmgr: Cfgmgr1,
}

pub(crate) fn fake_owner() -> PathBuf {
    example("fake_owner")
}

fn example(name: &str) -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let path = own.parent().and_then(Path::parent).unwrap().join("examples").join(name);
    assert!(path.exists(), "{} is not built; run `cargo test -p tenon-cfgmgr` as a whole", path.display());
    path
}

impl Bench {
    /// A bus, the shipped schema and the shipped program of the owner; nothing runs yet.
    pub(crate) async fn new() -> Self {
        let daemon = PrivateBus::start().unwrap();
        for name in ["schema", "libexec", "config", "keys", "keys/auth"] {
            std::fs::create_dir(daemon.directory().join(name)).unwrap();
        }
        let schema = Command::new(fake_owner()).arg("--print-schema").output().unwrap().stdout;
        std::fs::write(daemon.directory().join("schema/auth.json"), schema).unwrap();
        std::os::unix::fs::symlink(fake_owner(), daemon.directory().join("libexec/tenon-auth")).unwrap();
        let bus = Bus::at(&daemon.address()).await.unwrap();
        let cfgmgr = Cfgmgr1::new(&bus);
        Self { daemon, bus, cfgmgr }
    }

    pub(crate) fn place(&self, name: &str) -> PathBuf {
        self.daemon.directory().join(name)
    }

    pub(crate) async fn start_cfgmgr(&self) -> Process {
        self.start_cfgmgr_with(&[]).await
    }

    pub(crate) async fn start_cfgmgr_with(&self, more: &[&str]) -> Process {
        self.start_manager(env!("CARGO_BIN_EXE_tenon-cfgmgr").as_ref(), "", more).await
    }

    /// One that is killed before a step of a commit.
    pub(crate) async fn start_cfgmgr_to_die(&self, before: Step, more: &[&str]) -> Process {
        self.start_manager(&example("crashing_cfgmgr"), &format!("{before:?}"), more).await
    }

    async fn start_manager(&self, program: &Path, die_before: &str, more: &[&str]) -> Process {
        let arguments = [
            ("--config-dir", "config"),
            ("--schema-dir", "schema"),
            ("--libexec-dir", "libexec"),
            ("--listen-status", "status.json"),
            ("--keys-dir", "keys"),
        ];
        let arguments =
            arguments.into_iter().flat_map(|(name, value)| [name.into(), self.place(value).into_os_string()]);
        let arguments = arguments.chain(more.iter().map(|word| std::ffi::OsString::from(*word)));
        self.daemon.wait_for(names::CFGMGR, false).await;
        let process = self.start(program, arguments, die_before);
        self.daemon.wait_for(names::CFGMGR, true).await;
        process
    }

    pub(crate) async fn start_owner(&self, instance: u32, more: &[&str]) -> Process {
        let mut arguments = vec!["--config-dir".into(), self.place("config").into_os_string()];
        arguments.extend([format!("--instance={instance}").into()]);
        arguments.extend(more.iter().map(Into::into));
        self.daemon.wait_for(&names::auth(instance), false).await;
        let process = self.start(&fake_owner(), arguments, "");
        self.daemon.wait_for(&names::auth(instance), true).await;
        process
    }

    fn start<A: AsRef<OsStr>>(
        &self,
        program: &Path,
        arguments: impl IntoIterator<Item = A>,
        die_before: &str,
    ) -> Process {
        Process::start(
            Command::new(program)
                .args(arguments)
                .env("DBUS_SYSTEM_BUS_ADDRESS", self.daemon.address())
                .env("DIE_BEFORE", die_before),
        )
    }

    /// What an owner runs with.
    pub(crate) async fn owner(&self, instance: u32) -> ConfigState {
        Config1::new(&self.bus, &names::auth(instance)).state().await.unwrap()
    }

    /// Waits until an owner runs with a generation.
    pub(crate) async fn wait_for_generation(&self, instance: u32, generation: u64) {
        let began = Instant::now();
        while self.owner(instance).await.generation != generation {
            assert!(began.elapsed() < PATIENCE, "instance {instance} does not get generation {generation}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// How much an owner logs.
    pub(crate) async fn log_level(&self, instance: u32) -> String {
        LogControl1::new(&self.bus, &names::auth(instance)).level().await.unwrap()
    }

    /// The committed generation as daemons read it.
    pub(crate) fn stored(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.place("config/current")).unwrap()).unwrap()
    }
}
