//! Tests: the real configuration manager, built here so that `cargo test -p tenon-bindctl` has it.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    tenon_cfgmgr::run(tenon_cfgmgr::CommandLine::parse())
}
