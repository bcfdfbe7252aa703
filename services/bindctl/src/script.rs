//! `bindctl execute`: commands of a file, or of a script that comes along.

use std::path::Path;

use tokio::runtime::Runtime;

use crate::command_line::ExecuteCommand;
use crate::failure::Failure;
use crate::session::Session;
use crate::shell::one_line;

/// What makes this an authoritative server.
const INIT_AUTHORITATIVE_SERVER: &str = include_str!("script/init_authoritative_server");

/// Runs the commands of a script until one fails, or shows them.
pub(crate) fn run(runtime: &Runtime, session: &mut Session, command: &ExecuteCommand) -> Result<(), Failure> {
    match command {
        ExecuteCommand::File { file, show } => {
            let text = if file == Path::new("-") {
                std::io::read_to_string(std::io::stdin())
            } else {
                std::fs::read_to_string(file)
            };
            let text =
                text.map_err(|error| Failure::Refused(format!("{}: {error}", file.display()), None))?;
            lines(runtime, session, (file, &text), show.is_some())
        }
        ExecuteCommand::InitAuthoritativeServer { show } => {
            let script = (Path::new("init_authoritative_server"), INIT_AUTHORITATIVE_SERVER);
            lines(runtime, session, script, show.is_some())
        }
    }
}

/// `script`: what it is called, and its text.
fn lines(runtime: &Runtime, session: &mut Session, script: (&Path, &str), show: bool) -> Result<(), Failure> {
    let was_shell = std::mem::replace(&mut session.is_shell, true);
    session.is_in_file = true;
    let outcome = each(runtime, session, script, show);
    session.is_in_file = false;
    session.is_shell = was_shell;
    outcome
}

fn each(
    runtime: &Runtime,
    session: &mut Session,
    (name, text): (&Path, &str),
    show: bool,
) -> Result<(), Failure> {
    let (mut verbose, mut done) = (false, 0_usize);
    for (number, line) in (1_usize..).zip(text.lines()) {
        let line = line.trim();
        let is_command = !line.is_empty() && !line.starts_with('#');
        if let Some(directive) = line.strip_prefix('!').filter(|_| !show) {
            verbose = directed(session, directive, number, verbose)?;
            continue;
        }
        if is_command && (show || verbose) {
            session.output.line(line)?;
        }
        if show || !is_command {
            continue;
        }
        match one_line(runtime, session, line) {
            Ok(true) => done = done.saturating_add(1),
            Ok(false) => break,
            Err(failure) => return Err(failure.after(name, number, done)),
        }
    }
    Ok(())
}

/// Does what a directive says; whether commands are shown from then on.
fn directed(session: &Session, directive: &str, number: usize, verbose: bool) -> Result<bool, Failure> {
    match directive.split_once(' ').map_or((directive, ""), |(word, rest)| (word, rest.trim())) {
        ("echo", text) => session.output.line(text).map(|()| verbose).map_err(Failure::from),
        ("verbose", "on") => Ok(true),
        ("verbose", "off") => Ok(false),
        _ => Err(Failure::refused(
            format!("line {number}: there is no directive !{directive}"),
            "there are `!echo TEXT`, `!verbose on` and `!verbose off`",
        )),
    }
}
