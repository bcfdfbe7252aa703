//! For tests: the real command line.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    tenon_bindctl::run(tenon_bindctl::command_line::CommandLine::parse())
}
