//! The outcome of a run, for cfgmgr, which waits for it, and for people.

use serde::Serialize;
use std::io;
use std::path::Path;

/// Written as JSON to `/run/tenon/listen-status.json`, whole or not at all.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Status {
    /// Configuration generation of the request this run was about; 0 for the defaults.
    pub generation: u64,
    /// True when every address of the request is being listened on.
    pub ok: bool,
    /// Why not; empty when all is well.
    pub reason: String,
    /// Socket units that are open after the run.
    pub sockets: Vec<String>,
}

impl Status {
    /// Replaces the status file.
    ///
    /// # Errors
    /// What the system says.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let partial = path.with_extension("partial");
        std::fs::write(&partial, serde_json::to_vec(self)?)?;
        std::fs::rename(&partial, path)
    }
}
