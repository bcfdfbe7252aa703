//! Tests: the configuration manager, killed before the step of a commit that `DIE_BEFORE` names.

use std::process::ExitCode;

use clap::Parser;
use rustix::process::{Signal, getpid, kill_process};
use tenon_cfgmgr::storage::step::Steps;

fn main() -> ExitCode {
    let fatal = std::env::var("DIE_BEFORE").unwrap_or_default();
    let steps = Steps::asking(move |step| {
        if format!("{step:?}") == fatal {
            kill_process(getpid(), Signal::KILL)?;
        }
        Ok(())
    });
    tenon_cfgmgr::run_with(tenon_cfgmgr::CommandLine::parse(), steps)
}
