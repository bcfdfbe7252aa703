//! The operator's command line.
//!
//! Reads everything over the bus, and where the bus is down what files tell (the committed settings and the manifest);
//! changes settings through tenon-cfgmgr and zones by running `tenon-loadzone`; with `--server` the same of another machine,
//! through its REST door ([`remote`]). Writes nothing of its own but the
//! shell's history and edits for other machines in the user's state directory, and, for root, who may read ([`readers`]); owns no
//! bus name. One noun of the grammar, one file.

mod account;
mod backup;
pub mod command_line;
pub mod completion;
mod config;
mod explain;
mod failure;
mod generate;
mod key;
mod log;
mod module;
mod output;
mod pages;
mod prompter;
mod readers;
mod record;
mod remote;
mod report;
mod script;
mod session;
mod shell;
mod stats;
mod status;
mod zone;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser as _;
use command_line::{Command, CommandLine};
use failure::Failure;
use output::Output;
use session::Session;

/// Runs the words of a command line, the program's name first, to their end.
pub fn run_words(words: Vec<String>) -> ExitCode {
    let as_json = words.iter().any(|word| word == "--json");
    match module::translated(words) {
        Ok(words) => run(CommandLine::parse_from(words)),
        Err(failure) => failure::report(Err(failure), as_json),
    }
}

/// Runs a command line to its end.
pub fn run(command_line: CommandLine) -> ExitCode {
    if let Some(what) = command_line.generate {
        return failure::report(generate::generate(what).map_err(Failure::from), false);
    }
    let output = Output::new(command_line.json);
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failure::report(Err(error.into()), output.json),
    };
    let remote = match remote::Remote::of(&command_line.server) {
        Ok(remote) => remote,
        Err(failure) => return failure::report(Err(failure), output.json),
    };
    let mut session = Session::new(output, command_line.state_dir, remote);
    let outcome = match command_line.command {
        Some(Command::Execute { command }) => script::run(&runtime, &mut session, &command),
        Some(command) => runtime.block_on(execute(&mut session, command)),
        None if std::io::stdin().is_terminal() => shell::interactive(&runtime, &mut session),
        None => shell::from_input(&runtime, &mut session),
    };
    failure::report(outcome, session.output.json)
}

async fn execute(session: &mut Session, command: Command) -> Result<(), Failure> {
    match command {
        Command::Status => status::show(session).await,
        Command::Zone { command } => zone::run(session, command).await,
        Command::Record { command } => record::run(session, command).await,
        Command::Config { command } => config::run(session, command).await,
        Command::Account { command } => account::run(session, command),
        Command::Readers { command } => readers::run(session, command).await,
        Command::Key { command } => key::run(session, command).await,
        Command::Explain { command } => explain::run(session, &command).await,
        Command::Log { command } => log::run(session, command).await,
        Command::Backup { file } => backup::make(session, &file).await,
        Command::Restore { file } => backup::restore(session, &file).await,
        Command::Report => report::run(session).await,
        // Its lines are commands, and each has the runtime for itself.
        Command::Execute { .. } => {
            Err(Failure::refused("a script runs no other script", "put the commands into one file"))
        }
        Command::Stats { command } => stats::run(session, command).await,
    }
}
