//! For tests: the real loader of zones that are sent.

use std::process::ExitCode;

fn main() -> ExitCode {
    tenon_loadzone::service::program::run()
}
