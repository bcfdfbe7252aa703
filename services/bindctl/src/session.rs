//! What commands share: where to write, and the bus once it was needed.

use std::path::PathBuf;
use std::sync::Arc;

use tenon_bus::{Bus, BusError, Prompt, names};

use crate::config::place::Place;
use crate::failure::Failure;
use crate::output::Output;
use crate::prompter::Prompter;
use crate::remote::Remote;

/// One run of bindctl.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) output: Output,
    /// Where Tenon keeps its state, for what can be known without the bus.
    pub(crate) state: PathBuf,
    /// Another machine than this.
    pub(crate) remote: Option<Remote>,
    /// Where paths of settings begin.
    pub(crate) place: Place,
    /// Commands come one after the other, on a terminal or from a file.
    pub(crate) is_shell: bool,
    /// They come from a file that a command named.
    pub(crate) is_in_file: bool,
    bus: Option<Bus>,
    prompter: Arc<dyn Prompt>,
}

impl Session {
    pub(crate) fn new(output: Output, state: PathBuf, remote: Option<Remote>) -> Self {
        let bus = remote.as_ref().map(Remote::bus);
        Self {
            output,
            state,
            remote,
            place: Place::default(),
            is_shell: false,
            is_in_file: false,
            bus,
            prompter: Arc::new(Prompter::default()),
        }
    }

    /// Refuses what can be done on the machine itself only, and says why.
    pub(crate) fn only_here(&self, what: &str, why: &str) -> Result<(), Failure> {
        if self.remote.is_none() {
            return Ok(());
        }
        Err(Failure::refused(
            format!("{what} on the machine itself only: {why}"),
            "log in there, and leave out --server",
        ))
    }

    /// The bus, connected to when first asked for and again when the connection broke.
    pub(crate) async fn bus(&mut self) -> Result<Bus, Failure> {
        Ok(self.try_bus().await?)
    }

    /// The same, with the reason why not.
    pub(crate) async fn try_bus(&mut self) -> Result<Bus, BusError> {
        match &self.bus {
            Some(bus) if !bus.is_closed() => Ok(bus.clone()),
            _ => {
                let bus = Bus::system().await?.with_prompt(Arc::clone(&self.prompter));
                self.bus = Some(bus.clone());
                Ok(bus)
            }
        }
    }
}

/// Bus names of the auth instances that run, by number.
pub(crate) async fn auth_instances(bus: &Bus) -> Result<Vec<(u32, String)>, BusError> {
    let present = bus.list_present(names::AUTH_PREFIX).await?;
    let numbered = |name: String| Some((names::auth_instance(&name)?, name));
    let mut instances: Vec<(u32, String)> = present.into_iter().filter_map(numbered).collect();
    instances.sort_unstable();
    Ok(instances)
}
