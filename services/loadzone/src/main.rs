//! Loads master files into the data source.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use tenon_loadzone::command_line::{Arguments, generate};
use tenon_loadzone::outcome::Exit;
use tenon_loadzone::run;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(what) = arguments.generate {
        return match generate(what) {
            Ok(()) => Exit::Done.into(),
            Err(error) => {
                let _ = writeln!(std::io::stderr(), "tenon-loadzone: {error}");
                Exit::Usage.into()
            }
        };
    }
    match run::run(&arguments) {
        Ok(exit) => exit.into(),
        Err(message) => {
            let _ = writeln!(std::io::stderr(), "tenon-loadzone: {message}");
            Exit::Usage.into()
        }
    }
}
