//! Orders to the service manager.
//!
//! Through `systemctl`, which reaches PID 1 over its private socket also where no bus is running, as early in boot.

use std::collections::BTreeSet;
use std::process::{Command, Output};

/// An order that the service manager did not carry out.
#[derive(Debug, thiserror::Error)]
#[error("systemctl {order}: {reason}")]
pub struct ManagerError {
    order: String,
    reason: String,
}

/// Has PID 1 read its units again.
///
/// # Errors
/// See [`ManagerError`].
pub fn reload() -> Result<(), ManagerError> {
    order("daemon-reload", std::iter::empty())
}

/// Starts units and waits until they run or failed.
///
/// # Errors
/// See [`ManagerError`]; some of the units may run.
pub fn start<'a>(units: impl Iterator<Item = &'a str>) -> Result<(), ManagerError> {
    order("start", units)
}

/// Stops units and waits until they are gone.
///
/// # Errors
/// See [`ManagerError`].
pub fn stop<'a>(units: impl Iterator<Item = &'a str>) -> Result<(), ManagerError> {
    order("stop", units)
}

/// Restarts units, which also starts what they want, and waits until they are ready.
///
/// # Errors
/// See [`ManagerError`].
pub fn restart<'a>(units: impl Iterator<Item = &'a str>) -> Result<(), ManagerError> {
    order("restart", units)
}

/// Takes a unit off the list of failed ones.
///
/// # Errors
/// See [`ManagerError`]; a unit that is not loaded is one.
pub fn forget_failure(unit: &str) -> Result<(), ManagerError> {
    order("reset-failed", std::iter::once(unit))
}

/// Those of `units` that are active or about to be.
#[must_use]
pub fn active<'a>(units: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    units.filter(|unit| is_active(unit)).map(str::to_owned).collect()
}

fn is_active(unit: &str) -> bool {
    let output = systemctl(&["is-active", unit]);
    output.is_ok_and(|o| matches!(o.stdout.trim_ascii(), b"active" | b"activating" | b"reloading"))
}

/// What PID 1 last logged about a unit that failed, if it can be found out.
#[must_use]
pub fn failure_reason(unit: &str) -> Option<String> {
    // What PID 1 just said may not have reached the journal's file yet.
    let _ = Command::new("journalctl").arg("--sync").output();
    let output = Command::new("journalctl")
        .args(["--no-pager", "-o", "cat", "-n", "20", "-r", &format!("UNIT={unit}")])
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let prefix = format!("{unit}: Failed to ");
    let failures: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix(&prefix)).collect();
    // PID 1 binds in a child, which alone knows the error; what PID 1 says of it afterwards is less.
    let best = failures.iter().find(|rest| rest.starts_with("create ")).or(failures.first())?;
    Some(format!("failed to {best}"))
}

fn order<'a>(verb: &'a str, units: impl Iterator<Item = &'a str>) -> Result<(), ManagerError> {
    let mut arguments = vec![verb];
    arguments.extend(units);
    if arguments.len() == 1 && verb != "daemon-reload" {
        return Ok(());
    }
    let failed = |reason: String| ManagerError { order: arguments.join(" "), reason };
    let output = systemctl(&arguments).map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    Err(failed(String::from_utf8_lossy(output.stderr.trim_ascii()).replace('\n', " ")))
}

fn systemctl(arguments: &[&str]) -> std::io::Result<Output> {
    Command::new("systemctl").args(["--no-pager", "--no-ask-password"]).args(arguments).output()
}
