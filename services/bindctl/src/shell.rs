//! The shell: commands line by line, with history and completion on a terminal.

mod helper;

use std::io::BufRead;
use std::path::PathBuf;

use clap::Parser;
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{CompletionType, Config, Editor};
use tokio::runtime::Runtime;

use crate::command_line::{Command, CommandLine};
use crate::completion::Completion;
use crate::execute;
use crate::failure::{Failure, tell};
use crate::module;
use crate::script;
use crate::session::Session;
use helper::ShellHelper;

const PROMPT: &str = "bindctl> ";
/// Most lines that the history remembers.
const HISTORY: usize = 1000;

/// Reads commands from a terminal until `exit` or the end of input. A command that fails is told and forgotten.
pub(crate) fn interactive(runtime: &Runtime, session: &mut Session) -> Result<(), Failure> {
    let failed =
        |error: ReadlineError| Failure::Refused(format!("the terminal cannot be used: {error}"), None);
    let config = Config::builder()
        .completion_type(CompletionType::List)
        .max_history_size(HISTORY)
        .and_then(|config| config.history_ignore_dups(true))
        .map_err(failed)?
        .build();
    let mut editor: Editor<ShellHelper<'_>, FileHistory> = Editor::with_config(config).map_err(failed)?;
    let bus = runtime.block_on(session.try_bus());
    session.is_shell = true;
    let state = session.remote.is_none().then(|| session.state.clone());
    editor.set_helper(Some(ShellHelper(Completion::new(runtime, bus, state).at(session.place.clone()))));
    let history = history_file();
    if let Some(path) = &history {
        // The first time there is none.
        let _ = editor.load_history(path);
    }
    session.output.line("Tab completes, `help` explains, `exit` or Ctrl-D leaves.")?;
    loop {
        let prompt = match session.place.here() {
            top if top.is_empty() => PROMPT.to_owned(),
            place => format!("bindctl {place}> "),
        };
        match editor.readline(&prompt) {
            Ok(line) => {
                let _ = editor.add_history_entry(line.as_str());
                match one_line(runtime, session, &line) {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(failure) => tell(&failure, session.output.json),
                }
            }
            Err(ReadlineError::Interrupted) => {}
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(failed(error)),
        }
    }
    if let Some(path) = &history {
        let saved = path.parent().map_or(Ok(()), std::fs::create_dir_all).map(|()| editor.save_history(path));
        if !matches!(saved, Ok(Ok(()))) {
            tell(&Failure::Refused(format!("the history cannot be kept in {}", path.display()), None), false);
        }
    }
    Ok(())
}

/// Reads commands from standard input until one fails or the input ends. Empty lines and lines that begin with `#`
/// are passed over.
pub(crate) fn from_input(runtime: &Runtime, session: &mut Session) -> Result<(), Failure> {
    session.is_shell = true;
    for line in std::io::stdin().lock().lines() {
        if !one_line(runtime, session, &line?)? {
            break;
        }
    }
    Ok(())
}

/// Runs one line; `false` when it asks to leave.
pub(crate) fn one_line(runtime: &Runtime, session: &mut Session, line: &str) -> Result<bool, Failure> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(true);
    }
    if matches!(line, "exit" | "quit") {
        return Ok(false);
    }
    let Some(words) = shlex::split(line) else {
        return Err(Failure::Refused(format!("{line}: a quote is open"), None));
    };
    let words = module::translated(std::iter::once("bindctl".to_owned()).chain(words).collect())?;
    match CommandLine::try_parse_from(words) {
        Ok(CommandLine { command: Some(Command::Execute { command }), .. }) if !session.is_in_file => {
            script::run(runtime, session, &command).map(|()| true)
        }
        Ok(CommandLine { command: Some(command), json, .. }) => {
            let before = session.output.json;
            session.output.json |= json;
            let outcome = runtime.block_on(execute(session, command));
            session.output.json = before;
            outcome.map(|()| true)
        }
        Ok(_) => Ok(true),
        Err(explanation) if !explanation.use_stderr() => {
            session.output.line(&explanation.to_string())?;
            Ok(true)
        }
        Err(explanation) => Err(Failure::Refused(
            explanation.to_string().trim_start_matches("error: ").trim().to_owned(),
            None,
        )),
    }
}

fn history_file() -> Option<PathBuf> {
    state_file("history")
}

/// A file of ours in the user's state directory; none without a home.
pub(crate) fn state_file(name: &str) -> Option<PathBuf> {
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".local/state"));
    Some(state.or_else(home)?.join("bindctl").join(name))
}
