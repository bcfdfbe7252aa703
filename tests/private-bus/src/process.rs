//! A program at work.

use std::os::fd::{AsFd, AsRawFd as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{Pid, Signal, kill_process};

use crate::PATIENCE;

/// A process that ends with its value, killed.
#[derive(Debug)]
pub struct Process(Child);

impl Process {
    /// Starts a program that reads nothing from the terminal.
    ///
    /// # Panics
    ///
    /// When there is no such program.
    pub fn start(command: &mut Command) -> Self {
        command.stdin(Stdio::null()).spawn().map_or_else(|error| panic!("{command:?}: {error}"), Self)
    }

    /// Starts a program with a listening socket, as PID 1 does (`sd_listen_fds(3)`).
    pub fn start_at(door: &impl AsFd, command: &Command) -> Self {
        let door = door.as_fd();
        // The shell knows the number of the process that the program will be.
        let script = "exec 3<&$DOOR; export LISTEN_PID=$$ LISTEN_FDS=1; exec \"$0\" \"$@\"";
        let mut shell = Command::new("bash");
        shell.args(["-c", script]).arg(command.get_program()).args(command.get_args());
        shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        shell.env("DOOR", door.as_raw_fd().to_string());
        fcntl_setfd(door, FdFlags::empty()).expect("an open socket");
        let started = Self::start(&mut shell);
        fcntl_setfd(door, FdFlags::CLOEXEC).expect("an open socket");
        started
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Sends it a signal.
    pub fn send(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).expect("the process is ours and not waited for");
    }

    /// Sends it a signal that it ends by, and waits for its end.
    pub fn end(&mut self, signal: Signal) -> ExitStatus {
        self.send(signal);
        self.0.wait().expect("the process is ours")
    }

    /// `kill -9`; nothing when it has ended.
    pub fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }

    /// How it has ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().expect("the process is ours")
    }

    /// Waits until it has ended by itself.
    pub async fn wait(&mut self) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.ended() {
                return status;
            }
            assert!(began.elapsed() < PATIENCE, "the process does not end");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl From<Child> for Process {
    fn from(child: Child) -> Self {
        Self(child)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
