//! Tests: a daemon that plays tenon-auth as far as settings go, built with the real service library.
//!
//! It amends `workers` above 64 to 64, refuses 13, accepts 66 but cannot apply it, takes for ever to apply 77, dies of
//! applying 78, and kills another when it is asked to check 79.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use clap::Parser;
use rustix::process::{Pid, Signal, kill_process};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tenon_service::{CommonOptions, Component, CounterDefinition, Daemon, Refusal, Settings, committed, log};

#[derive(Parser)]
#[command(args_override_self = true)]
struct CommandLine {
    #[command(flatten)]
    common: CommonOptions,
    #[arg(long, default_value_t = 1)]
    instance: u32,
    /// Cannot apply 65 workers either
    #[arg(long)]
    weak: bool,
    /// Whom to kill
    #[arg(long, default_value_t = 0)]
    victim: i32,
}

static VICTIM: AtomicI32 = AtomicI32::new(0);

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct FakeSettings {
    /// How many workers.
    #[schemars(range(max = 1000))]
    workers: u32,
    /// Where to listen.
    listen_on: Vec<Listen>,
    /// Sockets for each address.
    udp_sockets: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Listen {
    address: std::net::IpAddr,
    #[serde(default = "dns_port")]
    port: u16,
}

fn dns_port() -> u16 {
    53
}

impl Default for FakeSettings {
    fn default() -> Self {
        let listen_on = vec![Listen { address: [127, 0, 0, 1].into(), port: 53 }];
        Self { workers: 2, listen_on, udp_sockets: 0 }
    }
}

impl Settings for FakeSettings {
    const COMPONENT: &'static str = "auth";

    fn check(mut self, notes: &mut Vec<String>) -> Result<Self, Refusal> {
        if self.workers == 13 {
            return Err(Refusal::new("workers", "13 brings bad luck"));
        }
        let victim = Pid::from_raw(VICTIM.load(Ordering::Relaxed));
        if let Some(victim) = victim.filter(|_| self.workers == 79) {
            let _ = kill_process(victim, Signal::KILL);
        }
        if self.workers > 100 {
            self.workers = 64;
            notes.push("workers: brought down to 64".into());
        }
        Ok(self)
    }
}

struct Fake {
    weak: bool,
}

impl Component for Fake {
    type Settings = FakeSettings;

    fn apply(&self, _: u64, settings: &FakeSettings) -> Result<(), Refusal> {
        match settings.workers {
            66 => Err(Refusal::new("workers", "66 are too many for me")),
            65 if self.weak => Err(Refusal::new("workers", "65 are too many for the weak")),
            77 => loop {
                std::thread::park();
            },
            78 => {
                let _ = kill_process(rustix::process::getpid(), Signal::KILL);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn counters(&self) -> Vec<(&'static CounterDefinition, u64)> {
        Vec::new()
    }
}

fn main() -> ExitCode {
    let command_line = CommandLine::parse();
    if let Some(status) = command_line.common.answer::<FakeSettings>() {
        return status;
    }
    log::start("tenon-fake");
    VICTIM.store(command_line.victim, Ordering::Relaxed);
    let committed = committed::read::<FakeSettings>(&command_line.common.config_dir);
    let name = tenon_bus::names::auth(command_line.instance);
    Daemon::new(Arc::new(Fake { weak: command_line.weak }), committed, name).run(|_| std::future::pending())
}
