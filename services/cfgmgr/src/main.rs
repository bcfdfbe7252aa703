//! Keeps the settings: numbered generations, checked by their owners.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    tenon_cfgmgr::run(tenon_cfgmgr::CommandLine::parse())
}
