//! `tenon-loader`: loads zones that are sent over the bus.

use std::process::ExitCode;

fn main() -> ExitCode {
    tenon_loadzone::service::program::run()
}
