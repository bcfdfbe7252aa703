//! What became of a stream of queries, as the `tenon-flood` program counted it.

use crate::Machine;
use serde::{Deserialize, Serialize};
use std::process::{Child, Stdio};

/// Counts of one run, each query in exactly one of answered, refused and lost.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Tally {
    /// Queries sent.
    pub sent: u64,
    /// Queries that got an answer with their ID and question, whatever the response code.
    pub answered: u64,
    /// Sends or reads refused because the port was closed (ICMP port unreachable).
    pub refused: u64,
    /// Queries without an answer.
    pub lost: u64,
    /// Answers that fit no query, or with a response code other than NOERROR.
    pub wrong: u64,
    /// Longest time without any answer while queries were open, in milliseconds.
    pub longest_silence_ms: u64,
}

/// A running stream of queries.
pub struct Flood(Child);

impl Machine {
    /// Starts `rate` queries a second for `seconds` seconds to `address`, from eight source ports.
    ///
    /// # Panics
    /// When the program cannot be started.
    #[must_use]
    pub fn flood(&self, address: &str, name: &str, rate: u32, seconds: u32) -> Flood {
        let program = std::env::var_os("TENON_FLOOD")
            .map_or_else(|| "/usr/libexec/tenon/tenon-flood".into(), std::path::PathBuf::from);
        let mut command = self.command(program);
        command.args([
            "--server",
            address,
            "--name",
            name,
            "--rate",
            &rate.to_string(),
            "--seconds",
            &seconds.to_string(),
        ]);
        Flood(command.stdout(Stdio::piped()).spawn().expect("tenon-flood"))
    }
}

impl Flood {
    /// Waits for the end of the stream.
    ///
    /// # Panics
    /// When the program failed.
    #[must_use]
    pub fn finish(self) -> Tally {
        let output = self.0.wait_with_output().expect("tenon-flood");
        serde_json::from_slice(&output.stdout).expect("a tally")
    }
}
