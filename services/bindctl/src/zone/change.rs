//! Loading and removing: `tenon-loadzone` does it, bindctl waits until queries are answered accordingly.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tenon_bus::{Auth1, Bus, BusError, JobState, Jobs1, Zonec1, names};

use crate::failure::Failure;
use crate::remote::Remote;
use crate::session::{Session, auth_instances};

/// The program that writes to the store.
const LOADER: &str = "tenon-loadzone";
/// How often services are asked how far they are.
const LOOK: Duration = Duration::from_millis(50);

pub(super) async fn load(
    session: &mut Session,
    zone: &str,
    file: &Path,
    force: bool,
    wait: u64,
) -> Result<(), Failure> {
    match &session.remote {
        Some(remote) => send(session, remote, zone, file, force).await?,
        None => {
            let mut loader = loader(session);
            if force {
                loader.arg("--force");
            }
            run(loader.arg(zone).arg(file))?;
        }
    }
    if wait == 0 {
        return told(session, zone, "loaded", None);
    }
    let bus = session.bus().await.map_err(|failure| stored_but(zone, failure))?;
    let zonec = Zonec1::new(&bus);
    let until = Instant::now() + Duration::from_secs(wait);
    let serial = compiled(&zonec, zone, until).await?;
    if auth_instances(&bus).await?.is_empty() {
        return told(
            session,
            zone,
            "compiled, and no auth instance is on the bus to answer it,",
            Some(serial),
        );
    }
    while !answered(&bus, zone, |answered| answered == Some(serial)).await? {
        pause(zone, until).await?;
    }
    told(session, zone, "answered", Some(serial))
}

/// Has the loader of another machine load a file of this one.
async fn send(
    session: &Session,
    remote: &Remote,
    zone: &str,
    file: &Path,
    force: bool,
) -> Result<(), Failure> {
    let failed = |error| Failure::refused(format!("{}: {error}", file.display()), "name a master file");
    let content = if file == Path::new("-") { spooled() } else { File::open(file) }.map_err(failed)?;
    let page = format!("/v1/zones/{zone}?force={force}&wait_s=100");
    let mut body = remote.send("PUT", page, content).await?.done()?;
    // A large one is not over yet: its job is waited for as on the bus.
    if let ("waiting" | "running", Some(job)) =
        (word(&body, "outcome"), body.get("job").and_then(Value::as_u64))
    {
        let status = Jobs1::new(&remote.bus(), names::LOADER).wait(job).await?;
        if status.state != JobState::Done {
            return Err(Failure::refused(
                format!("{zone} was not loaded: {}", status.reason()),
                "what was answered before is answered still",
            ));
        }
        body = Value::Object(status.details);
    }
    if session.output.json {
        return Ok(());
    }
    for warning in body.get("warnings").and_then(Value::as_array).into_iter().flatten() {
        session.output.line(&format!("warning: {}", warning.as_str().unwrap_or_default()))?;
    }
    let number = |key: &str| body.get(key).map(Value::to_string).unwrap_or_default();
    let (outcome, serial, records) = (word(&body, "outcome"), number("serial"), number("records"));
    Ok(session.output.line(&format!("{zone} {outcome} serial {serial}: {records} records"))?)
}

fn word<'b>(body: &'b Value, key: &str) -> &'b str {
    body.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// Standard input as a file, whose length is known when it is sent.
fn spooled() -> std::io::Result<File> {
    let path = std::env::temp_dir().join(format!("bindctl-{}", std::process::id()));
    let mut file = File::options().read(true).write(true).create_new(true).open(&path)?;
    std::fs::remove_file(&path)?;
    std::io::copy(&mut std::io::stdin().lock(), &mut file)?;
    std::io::Seek::rewind(&mut file)?;
    Ok(file)
}

/// Waits until the stored version is compiled; gives its serial.
async fn compiled(zonec: &Zonec1, zone: &str, until: Instant) -> Result<u32, Failure> {
    loop {
        let stored = zonec.get_zone(zone).await.map_err(|error| stored_but(zone, error.into()))?;
        let serial = stored.stored_serial;
        match stored.state.as_str() {
            "ready" => return Ok(serial),
            "failed" => {
                return Err(Failure::refused(
                    format!(
                        "{zone} is stored with serial {serial}, but cannot be compiled: {}",
                        stored.reason
                    ),
                    "what was answered before is answered still",
                ));
            }
            _ => pause(zone, until).await?,
        }
    }
}

/// Writes a zone of the store as a master file.
pub(super) fn write(session: &Session, zone: &str, file: &Path) -> Result<(), Failure> {
    run(loader(session).arg("--export").arg(zone).arg(file).stdout(Stdio::inherit()))
}

pub(super) async fn remove(session: &mut Session, zone: &str, wait: u64) -> Result<(), Failure> {
    match &session.remote {
        Some(remote) => {
            remote.delete(format!("/v1/zones/{zone}")).await?.done()?;
        }
        None => run(loader(session).arg("--remove").arg(zone))?,
    }
    wait_until_gone(session, zone, wait).await
}

/// Waits until no auth instance answers a zone that was removed.
pub(super) async fn wait_until_gone(session: &mut Session, zone: &str, wait: u64) -> Result<(), Failure> {
    if wait == 0 {
        return told(session, zone, "removed", None);
    }
    let bus = session.bus().await?;
    let until = Instant::now() + Duration::from_secs(wait);
    while !answered(&bus, zone, |answered| answered.is_none()).await? {
        pause(zone, until).await?;
    }
    told(session, zone, "removed", None)
}

/// The loader beside this program, or from the search path; its progress and reasons go to the terminal.
fn loader(session: &Session) -> Command {
    let own = std::env::current_exe().ok().and_then(|own| Some(own.parent()?.join(LOADER)));
    let mut loader = Command::new(own.filter(|path| path.exists()).unwrap_or_else(|| PathBuf::from(LOADER)));
    if session.output.json {
        loader.arg("--quiet").stdout(Stdio::null());
    }
    loader
}

fn run(loader: &mut Command) -> Result<(), Failure> {
    match loader.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(Failure::Told),
        Err(error) => Err(Failure::refused(
            format!("cannot run {LOADER}: {error}"),
            "it belongs beside bindctl, or on the search path",
        )),
    }
}

fn told(session: &Session, zone: &str, state: &str, serial: Option<u32>) -> Result<(), Failure> {
    if session.output.json {
        return Ok(session.output.document(&json!({"zone": zone, "state": state, "serial": serial}))?);
    }
    let serial = serial.map(|serial| format!(" with serial {serial}")).unwrap_or_default();
    Ok(session.output.line(&format!("{zone} is {state}{serial}"))?)
}

/// The load itself worked; what follows it cannot be seen.
fn stored_but(zone: &str, failure: Failure) -> Failure {
    match failure {
        Failure::Unreachable(what, next) => Failure::Unreachable(
            format!("{zone} is stored, but whether it is answered cannot be told: {what}"),
            next,
        ),
        other => other,
    }
}

/// Whether every running auth instance answers as wanted; it is asked with the serial it answers with.
async fn answered(bus: &Bus, zone: &str, wanted: impl Fn(Option<u32>) -> bool) -> Result<bool, BusError> {
    for (_, instance) in auth_instances(bus).await? {
        let serial = match Auth1::new(bus, &instance).get_zone(zone).await {
            Ok(zone) => Some(zone.serial),
            Err(BusError::NoSuchZone(_)) => None,
            // It finds the manifest as it is when it starts.
            Err(BusError::ServiceUnknown(_)) => continue,
            Err(error) => return Err(error),
        };
        if !wanted(serial) {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn pause(zone: &str, until: Instant) -> Result<(), Failure> {
    if Instant::now() >= until {
        return Err(Failure::refused(
            format!("{zone} is stored, but not all auth instances answer accordingly yet"),
            format!("`bindctl zone show {zone}` shows how far it is; --wait waits longer"),
        ));
    }
    tokio::time::sleep(LOOK).await;
    Ok(())
}
