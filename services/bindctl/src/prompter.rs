//! polkit's agent on this terminal, which asks for a password where polkit wants one, as with `systemctl`.

use std::io::{self, IsTerminal, Read};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use tenon_bus::Prompt;

/// polkit's own. Where polkit is not installed, nobody is asked.
const PROGRAM: &str = "pkttyagent";

/// Runs the agent from the first call that changes something to the end of bindctl.
#[derive(Debug, Default)]
pub(crate) struct Prompter {
    agent: Mutex<Agent>,
}

#[derive(Debug, Default)]
enum Agent {
    #[default]
    NotTried,
    /// Nobody can be asked, or need be.
    None,
    Running(Child),
}

impl Prompt for Prompter {
    fn is_ready(&self) -> bool {
        let mut agent = self.agent.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*agent, Agent::NotTried) {
            *agent = if is_of_use() { start().map_or(Agent::None, Agent::Running) } else { Agent::None };
        }
        matches!(*agent, Agent::Running(_))
    }
}

impl Drop for Prompter {
    fn drop(&mut self) {
        let agent = self.agent.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Agent::Running(agent) = agent {
            // Errors: it ended by itself.
            let _ended = agent.kill().and_then(|()| agent.wait());
        }
    }
}

/// root is never asked, and without a terminal there is nobody.
fn is_of_use() -> bool {
    !rustix::process::geteuid().is_root() && io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Returns when polkit knows it, or when it gave up. It asks on the terminal itself, so its output is free to tell that: it is
/// closed then. Rejected: `--fallback`, which polkit passes over where no login manager knows the session.
fn start() -> io::Result<Child> {
    let mut agent = Command::new(PROGRAM)
        .args(["--notify-fd", "1"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    if let Some(mut told) = agent.stdout.take() {
        told.read_to_end(&mut Vec::new())?;
    }
    Ok(agent)
}
