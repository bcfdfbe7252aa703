//! The way back, over the bus: everything is checked by its owner before anything is touched.

use std::fs::File;
use std::io::Seek;

use serde::Serialize;
use serde_json::Value;
use tenon_bus::{Bus, BusError, Cfgmgr1, Edit, Expect, JobState, Loader1};

use crate::archive::{Backup, BackupError};

/// What was restored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Restored {
    /// The generation of settings in force.
    pub generation: u64,
    /// What owners amended of the settings.
    pub notes: Vec<String>,
    /// How many zones were loaded.
    pub loaded: usize,
    /// How many were there as they are in the backup.
    pub unchanged: usize,
}

/// Why a backup was not restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// It would not do; nothing was touched.
    #[error("nothing is changed: {}", .0.join("; "))]
    Refused(Vec<String>),
    /// It was begun, and some of it is done.
    #[error("the settings are restored (generation {generation}) and {loaded} zones; then: {reason}")]
    Halfway {
        /// The generation of settings in force.
        generation: u64,
        /// How many zones are as in the backup.
        loaded: usize,
        /// Why no more.
        reason: String,
    },
    /// A service is not there, or the settings were refused by their owners; nothing was touched.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// The file.
    #[error(transparent)]
    Backup(#[from] BackupError),
}

/// Restores settings and zones. Zones that are not in the backup stay, options that are not go back to their defaults.
/// `author` as of [`Cfgmgr1::commit_edits`]; `spool` makes files for the zones on their way.
///
/// # Errors
/// See [`RestoreError`].
pub async fn restore(
    bus: &Bus,
    backup: &Backup,
    author: &str,
    spool: &(dyn Fn() -> std::io::Result<File> + Sync),
) -> Result<Restored, RestoreError> {
    let (cfgmgr, loader) = (Cfgmgr1::new(bus), Loader1::new(bus));
    let mut problems = Vec::new();
    let edits = edits(&cfgmgr, backup, &mut problems).await?;
    if let Err(error) = cfgmgr.preview(0, &edits, "").await {
        problems.push(format!("settings: {error}"));
    }
    for (number, zone) in backup.contents.zones.iter().enumerate() {
        let job = loader.check(&zone.name, &zone_file(backup, number, spool)?).await?;
        let checked = loader.jobs().wait(job).await?;
        if checked.state != JobState::Done {
            problems.push(format!("zone {}: {}", zone.name, checked.reason()));
        }
    }
    if !problems.is_empty() {
        return Err(RestoreError::Refused(problems));
    }
    let comment = format!("restored from the backup of generation {}", backup.contents.generation);
    let committed = cfgmgr.commit_edits(author, 0, &edits, &comment, 0).await?;
    let mut restored =
        Restored { generation: committed.generation, notes: committed.notes, loaded: 0, unchanged: 0 };
    for (number, zone) in backup.contents.zones.iter().enumerate() {
        let halfway = |reason: String| RestoreError::Halfway {
            generation: committed.generation,
            loaded: number,
            reason: format!("zone {}: {reason}", zone.name),
        };
        let file = zone_file(backup, number, spool).map_err(|error| halfway(error.to_string()))?;
        let job = loader.load(&zone.name, &file, true, Expect::Anything).await;
        let loaded = match job {
            Ok(job) => loader.jobs().wait(job).await,
            Err(error) => Err(error),
        };
        let loaded = loaded.map_err(|error| halfway(error.to_string()))?;
        match (loaded.state, loaded.details.get("outcome").and_then(Value::as_str)) {
            (JobState::Done, Some("unchanged")) => restored.unchanged += 1,
            (JobState::Done, _) => restored.loaded += 1,
            _ => return Err(halfway(loaded.reason().to_owned())),
        }
    }
    Ok(restored)
}

/// The edits that make the settings those of the backup.
async fn edits(cfgmgr: &Cfgmgr1, backup: &Backup, problems: &mut Vec<String>) -> Result<Vec<Edit>, BusError> {
    let now = cfgmgr.get("", false).await?;
    let mut edits = Vec::new();
    for (component, options) in now.as_object().into_iter().flatten() {
        let saved = backup.settings.get(component);
        for (option, value) in options.as_object().into_iter().flatten() {
            let wanted = saved.and_then(|saved| saved.get(option));
            if wanted != Some(value) {
                edits.push(Edit { path: format!("{component}/{option}"), value: wanted.cloned() });
            }
        }
    }
    for (component, options) in &backup.settings {
        let there = now.get(component).and_then(Value::as_object);
        let Some(there) = there else {
            problems.push(format!("settings: there is no component {component} here"));
            continue;
        };
        // Options that are absent by default.
        for (option, value) in options.iter().filter(|(option, _)| !there.contains_key(*option)) {
            edits.push(Edit { path: format!("{component}/{option}"), value: Some(value.clone()) });
        }
    }
    Ok(edits)
}

fn zone_file(
    backup: &Backup,
    number: usize,
    spool: &(dyn Fn() -> std::io::Result<File> + Sync),
) -> Result<File, BackupError> {
    let mut file = spool()?;
    backup.copy_zone(number, &mut file)?;
    file.rewind()?;
    Ok(file)
}
