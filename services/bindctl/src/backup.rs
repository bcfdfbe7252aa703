//! `bindctl backup` and `bindctl restore`: zones and settings as one file, of this machine or another.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};
use tenon_backup::{Backup, BackupError, Contents, RestoreError};
use tenon_image::{Catalog, Manifest};

use crate::failure::Failure;
use crate::session::Session;

pub(crate) async fn make(session: &mut Session, path: &Path) -> Result<(), Failure> {
    match &session.remote {
        Some(remote) => remote.fetch("/v1/backup".to_owned(), path.to_owned()).await?,
        None => write(session, path)?,
    }
    // What was written is read again, whoever wrote it.
    let backup = File::open(path).map_err(BackupError::from).and_then(Backup::read);
    let contents = backup.map_err(|error| at(path, &error))?.contents;
    told(session, path, &contents)
}

fn told(session: &Session, path: &Path, contents: &Contents) -> Result<(), Failure> {
    let output = session.output;
    if output.json {
        return Ok(output.document(contents)?);
    }
    let (zones, generation) = (contents.zones.len(), contents.generation);
    Ok(output.line(&format!(
        "{}: {zones} zones and the settings of generation {generation}; not in it: keys, certificates and accounts, and \
         secondary zones, which come again from their primaries",
        path.display()
    ))?)
}

/// Of this machine: from files, with neither bus nor services.
fn write(session: &Session, path: &Path) -> Result<(), Failure> {
    let images = session.state.join("images");
    let refused = |what: String| Failure::refused(what, "`bindctl status` shows more");
    let manifest = Manifest::read(&images).map_err(|error| refused(format!("the manifest: {error}")))?;
    let catalog = Catalog::open(&images, &manifest.unwrap_or_default(), None, &BTreeSet::new());
    let (generation, settings) = settings(&session.state.join("config/current")).map_err(refused)?;
    let made = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
    let file = create(path).map_err(|error| at(path, &error))?;
    let mut out = BufWriter::new(file);
    let made = u64::try_from(made).unwrap_or(u64::MAX);
    let written = tenon_backup::write(&mut out, &catalog, generation, &settings, made);
    let synced = written
        .map_err(|error| error.to_string())
        .and_then(|_| out.flush().and_then(|()| out.get_ref().sync_all()).map_err(|error| error.to_string()));
    synced.map_err(|reason| {
        // Half a backup is none.
        let _ = std::fs::remove_file(path);
        at(path, &reason)
    })
}

/// Number and settings of the committed generation.
fn settings(current: &Path) -> Result<(u64, std::collections::BTreeMap<String, Value>), String> {
    let text = match std::fs::read(current) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Default::default()),
        Err(error) => return Err(format!("{}: {error}", current.display())),
    };
    let stored: Map<String, Value> =
        serde_json::from_slice(&text).map_err(|error| format!("{}: {error}", current.display()))?;
    let settings = stored.get("settings").and_then(Value::as_object).cloned().unwrap_or_default();
    let generation = stored.get("generation").and_then(Value::as_u64).unwrap_or_default();
    Ok((generation, settings.into_iter().collect()))
}

pub(crate) async fn restore(session: &mut Session, path: &Path) -> Result<(), Failure> {
    let file = File::open(path).map_err(|error| at(path, &error))?;
    let restored = match &session.remote {
        Some(remote) => remote.send("POST", "/v1/restore".to_owned(), file).await?.done()?,
        None => {
            let backup = Backup::read(file).map_err(|error| at(path, &error))?;
            let bus = session.bus().await?;
            let restored = tenon_backup::restore(&bus, &backup, "", &spool).await.map_err(of_restore)?;
            json!(restored)
        }
    };
    let output = session.output;
    if output.json {
        return Ok(output.document(&restored)?);
    }
    for note in restored.get("notes").and_then(Value::as_array).into_iter().flatten() {
        output.line(&format!("note: {}", note.as_str().unwrap_or_default()))?;
    }
    let number = |key: &str| restored.get(key).and_then(Value::as_u64).unwrap_or_default();
    let (generation, loaded, unchanged) = (number("generation"), number("loaded"), number("unchanged"));
    Ok(output.line(&format!(
        "generation {generation} is in force; {loaded} zones loaded, {unchanged} were there as in the backup"
    ))?)
}

fn of_restore(error: RestoreError) -> Failure {
    match error {
        RestoreError::Bus(error) => error.into(),
        RestoreError::Refused(problems) => Failure::refused(
            format!("nothing is changed:\n  {}", problems.join("\n  ")),
            "what is missing here can be added first: services, keys that settings name",
        ),
        other => Failure::Refused(other.to_string(), None),
    }
}

/// A file without a name.
fn spool() -> std::io::Result<File> {
    let path = std::env::temp_dir().join(format!(".bindctl-{}", std::process::id()));
    let file = File::options().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

/// A new file that its owner alone can read; one that is there is not touched.
pub(crate) fn create(path: &Path) -> std::io::Result<File> {
    File::options().write(true).create_new(true).mode(0o600).open(path)
}

fn at(path: &Path, reason: &dyn std::fmt::Display) -> Failure {
    Failure::Refused(format!("{}: {reason}", path.display()), None)
}
