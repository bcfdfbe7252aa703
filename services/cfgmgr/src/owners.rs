//! The owners of settings: daemons on the bus, or the checker that a stopped one shipped.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use tenon_bus::{Bus, BusError, Checked, Config1, names};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::virtual_module;

/// How to reach owners.
#[derive(Clone, Debug)]
pub struct Owners {
    /// The bus they are on.
    pub bus: Bus,
    /// Where daemons are installed.
    pub libexec: PathBuf,
}

/// Why an owner did not do what it was asked.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum OwnerError {
    /// It is not there, or no longer.
    #[error("is not running")]
    Gone,
    /// It says no, or says nothing in time; the text names the option.
    #[error("{0}")]
    Refused(String),
}

/// Who was asked whether settings are fine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The owner, which runs.
    Service,
    /// The checker that it shipped, since it does not run.
    Checker,
    /// This process: no other stands behind a virtual module.
    Cfgmgr,
}

/// What was said of settings, and by whom.
#[derive(Debug)]
pub struct Answer {
    /// Who said it.
    pub asked: Asked,
    /// The settings as they are to be, or why not.
    pub outcome: Result<Checked, OwnerError>,
}

#[derive(Deserialize)]
struct CheckerReply {
    amended: Value,
    notes: Vec<String>,
}

impl Owners {
    /// Bus names of the running owners of a component's settings; several for a component with instances.
    pub async fn present(&self, component: &str) -> Result<Vec<String>, BusError> {
        let present = self.bus.list_present(names::PREFIX).await?;
        Ok(present.into_iter().filter(|name| names::component(name).as_deref() == Some(component)).collect())
    }

    /// Has every running owner of a component check settings, one after the other, each what the one before made of
    /// it; or has the shipped checker do it when none runs.
    pub async fn check(&self, component: &str, document: Value, limit: Duration) -> Answer {
        if let Some(module) = virtual_module::find(component) {
            let outcome = (module.check)(&document).map_err(OwnerError::Refused);
            return Answer { asked: Asked::Cfgmgr, outcome };
        }
        match self.ask_services(component, document, limit).await {
            Ok((unasked, false)) => {
                let outcome = self.run_checker(component, &unasked.amended, limit).await;
                Answer { asked: Asked::Checker, outcome }
            }
            outcome => Answer { asked: Asked::Service, outcome: outcome.map(|(checked, _)| checked) },
        }
    }

    /// What they made of it, and whether any runs at all.
    async fn ask_services(
        &self,
        component: &str,
        document: Value,
        limit: Duration,
    ) -> Result<(Checked, bool), OwnerError> {
        let present = self.present(component).await.map_err(|error| refused(component, &error))?;
        let mut checked = Checked { amended: document, notes: Vec::new() };
        let mut asked = false;
        for name in present {
            match Config1::new(&self.bus, &name).check(&checked.amended, limit).await {
                // It stopped meanwhile.
                Err(BusError::ServiceUnknown(_)) => {}
                Err(BusError::Rejected(reason)) => return Err(OwnerError::Refused(reason)),
                Err(error) => return Err(refused(&name, &error)),
                Ok(Checked { amended, notes }) => {
                    asked = true;
                    checked.amended = amended;
                    for note in notes {
                        if !checked.notes.contains(&note) {
                            checked.notes.push(note);
                        }
                    }
                }
            }
        }
        Ok((checked, asked))
    }

    /// Has one running owner put settings into force.
    pub async fn apply(
        &self,
        name: &str,
        generation: u64,
        document: &Value,
        limit: Duration,
    ) -> Result<(), OwnerError> {
        match Config1::new(&self.bus, name).apply(generation, document, limit).await {
            Ok(()) => Ok(()),
            Err(BusError::ServiceUnknown(_)) => Err(OwnerError::Gone),
            // Without the bus nobody can be told; it is made up for when the owner is seen again.
            Err(error) if error.is_bus_down() => Err(OwnerError::Gone),
            Err(BusError::ApplyFailed(reason)) => Err(OwnerError::Refused(reason)),
            Err(error) => Err(refused(name, &error)),
        }
    }

    async fn run_checker(
        &self,
        component: &str,
        document: &Value,
        limit: Duration,
    ) -> Result<Checked, OwnerError> {
        let program = self.libexec.join(format!("tenon-{component}"));
        let cannot = |error: &dyn std::fmt::Display| {
            OwnerError::Refused(format!(
                "{component} is not running, and its checker {} cannot be used: {error}",
                program.display()
            ))
        };
        let mut checker = Command::new(&program)
            .arg("--check-settings")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| cannot(&error))?;
        let input = checker.stdin.take();
        let text = document.to_string();
        let conversation = async {
            if let Some(mut input) = input {
                // A checker that has seen enough may close its end.
                let _ = input.write_all(text.as_bytes()).await;
            }
            checker.wait_with_output().await
        };
        let output = match tokio::time::timeout(limit, conversation).await {
            Ok(output) => output.map_err(|error| cannot(&error))?,
            Err(_) => return Err(cannot(&format!("no answer within {} ms", limit.as_millis()))),
        };
        if !output.status.success() {
            let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            let silent = reason.is_empty();
            return Err(if silent { cannot(&output.status) } else { OwnerError::Refused(reason) });
        }
        let reply: CheckerReply = serde_json::from_slice(&output.stdout).map_err(|error| cannot(&error))?;
        Ok(Checked { amended: reply.amended, notes: reply.notes })
    }
}

fn refused(who: &str, error: &BusError) -> OwnerError {
    OwnerError::Refused(format!("{who}: {error}"))
}
