//! The smallest daemon: one setting, one counter, one page.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use clap::Parser;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tenon_service::{
    CommonOptions, Component, CounterDefinition, CounterKind, Daemon, Refusal, Settings, committed, log,
};

/// Adds one now and then
#[derive(Parser)]
#[command(name = "tenon-minimal", version)]
struct CommandLine {
    #[command(flatten)]
    common: CommonOptions,
}

/// The settings.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct MinimalSettings {
    /// Milliseconds between two additions.
    #[schemars(range(min = 1, max = 60_000))]
    interval_ms: u64,
}

impl Default for MinimalSettings {
    fn default() -> Self {
        Self { interval_ms: 1000 }
    }
}

impl Settings for MinimalSettings {
    const COMPONENT: &'static str = "minimal";

    fn check(mut self, notes: &mut Vec<String>) -> Result<Self, Refusal> {
        if self.interval_ms == 13 {
            return Err(Refusal::new("interval_ms", "13 brings bad luck"));
        }
        if self.interval_ms < 10 {
            self.interval_ms = 10;
            notes.push("interval_ms: raised to 10, the shortest that a timer keeps".into());
        }
        Ok(self)
    }
}

const ADDITIONS: CounterDefinition =
    CounterDefinition { name: "additions", kind: CounterKind::Counter, text: "How often one was added." };

struct Adder {
    interval_ms: AtomicU64,
    additions: AtomicU64,
}

impl Component for Adder {
    type Settings = MinimalSettings;

    fn apply(&self, _: u64, settings: &MinimalSettings) -> Result<(), Refusal> {
        self.interval_ms.store(settings.interval_ms, Ordering::Relaxed);
        Ok(())
    }

    fn counters(&self) -> Vec<(&'static CounterDefinition, u64)> {
        vec![(&ADDITIONS, self.additions.load(Ordering::Relaxed))]
    }
}

fn main() -> ExitCode {
    let options = CommandLine::parse().common;
    if let Some(status) = options.answer::<MinimalSettings>() {
        return status;
    }
    log::start("tenon-minimal");
    let committed = committed::read::<MinimalSettings>(&options.config_dir);
    let adder =
        Arc::new(Adder { interval_ms: committed.settings.interval_ms.into(), additions: AtomicU64::new(0) });
    Daemon::new(adder.clone(), committed, "org.tenon.Minimal1").run(|_| async move {
        loop {
            let pause = adder.interval_ms.load(Ordering::Relaxed);
            tokio::time::sleep(std::time::Duration::from_millis(pause)).await;
            adder.additions.fetch_add(1, Ordering::Relaxed);
        }
    })
}
