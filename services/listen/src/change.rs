//! From the sockets there are to those that were committed, all or nothing.

use crate::layout::{Difference, Layout};
use crate::manager::{self, ManagerError};
use crate::request::{ListenRequest, RequestError};
use crate::status::Status;
use std::collections::BTreeSet;
use std::io;
use std::path::Path;

const PROBE_SOCKET: &str = "tenon-listen-probe.socket";
const PROBE_SERVICE: &str = "tenon-listen-probe.service";

/// Why the committed addresses are not in force.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The request itself is not usable.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// A drop-in could not be read or written.
    #[error("drop-ins in {directory}: {error}")]
    DropIns {
        /// Where.
        directory: String,
        /// What the system said.
        error: io::Error,
    },
    /// The service manager did not carry out an order.
    #[error(transparent)]
    Manager(#[from] ManagerError),
    /// An address could not be bound.
    #[error(
        "{unit}: {reason}. Another server may hold the address (`ss -lntup` shows which); a stub resolver on \
         127.0.0.53 keeps 0.0.0.0 port 53 from TCP: list the addresses one by one instead"
    )]
    Bind {
        /// The socket unit.
        unit: String,
        /// What PID 1 said.
        reason: String,
    },
}

/// Puts a committed change into force and tells the outcome; the sockets are as before when the outcome is not ok.
#[must_use]
pub fn run(request_file: &Path, units: &Path, cores: usize) -> Status {
    carry_out(request_file, cores, |wanted| put_into_force(wanted, units))
}

/// Opens what was committed while auth waits to be started, as at boot: nothing is restarted, and an address that
/// cannot be had does not keep the others closed.
#[must_use]
pub fn run_before_auth(request_file: &Path, units: &Path, cores: usize) -> Status {
    carry_out(request_file, cores, |wanted| open_all(wanted, units))
}

fn carry_out(file: &Path, cores: usize, how: impl FnOnce(&Layout) -> Result<(), ChangeError>) -> Status {
    match ListenRequest::read(file, cores) {
        Err(error) => failed(0, &error.into()),
        Ok(request) => match how(&Layout::of(&request)) {
            Ok(()) => Status {
                generation: request.generation,
                ok: true,
                reason: String::new(),
                sockets: Vec::new(),
            },
            Err(error) => failed(request.generation, &error),
        },
    }
}

fn failed(generation: u64, error: &ChangeError) -> Status {
    Status { generation, ok: false, reason: error.to_string(), sockets: Vec::new() }
}

fn put_into_force(wanted: &Layout, units: &Path) -> Result<(), ChangeError> {
    let present = read(units)?;
    let difference = present.difference(wanted);
    if present == *wanted {
        let _ = manager::start(wanted.sockets());
        return check(wanted);
    }
    probe(&present, wanted, &difference, units)?;
    switch(&present, wanted, &difference, units).inspect_err(|_| {
        let back = wanted.difference(&present);
        if let Err(error) = switch(wanted, &present, &back, units) {
            tracing::error!("going back to the earlier addresses: {error}");
        }
    })
}

fn open_all(wanted: &Layout, units: &Path) -> Result<(), ChangeError> {
    let present = read(units)?;
    let running = manager::active(present.services());
    if present != *wanted && running.is_empty() {
        let closed = present.difference(wanted).closed;
        write(wanted, units)?;
        manager::reload()?;
        manager::stop(closed.iter().map(String::as_str))?;
    }
    let _ = manager::start(wanted.sockets());
    check(wanted)
}

fn read(units: &Path) -> Result<Layout, ChangeError> {
    Layout::read(units)
        .map_err(|error| ChangeError::DropIns { directory: units.display().to_string(), error })
}

fn write(layout: &Layout, units: &Path) -> Result<(), ChangeError> {
    layout
        .write(units)
        .map_err(|error| ChangeError::DropIns { directory: units.display().to_string(), error })
}

/// Has PID 1 bind the new addresses once, in a unit that nothing depends on, before anything is changed.
///
/// An address that is open already, for another instance or with another number of sockets, is not tried: the probe
/// would join its group for a moment and take datagrams with it.
fn probe(
    present: &Layout,
    wanted: &Layout,
    difference: &Difference,
    units: &Path,
) -> Result<(), ChangeError> {
    let open: BTreeSet<&str> = present.sockets().flat_map(|unit| listen_lines(present, unit)).collect();
    for unit in &difference.opened {
        let listen: BTreeSet<&str> = listen_lines(wanted, unit).filter(|line| !open.contains(line)).collect();
        if listen.is_empty() {
            continue;
        }
        let listen = listen.into_iter().fold(String::new(), |lines, line| lines + line + "\n");
        let outcome = probe_one(&listen, unit, units);
        let _ = manager::stop([PROBE_SOCKET].into_iter());
        let _ = manager::forget_failure(PROBE_SOCKET);
        let _ = std::fs::remove_file(units.join(PROBE_SOCKET));
        let _ = std::fs::remove_file(units.join(PROBE_SERVICE));
        outcome?;
    }
    Ok(())
}

/// The addresses of a socket unit, as `ListenStream=` and `ListenDatagram=` lines.
fn listen_lines<'a>(layout: &'a Layout, unit: &str) -> impl Iterator<Item = &'a str> {
    let text = layout.text(unit).unwrap_or_default();
    text.lines().filter(|line| line.starts_with("Listen"))
}

fn probe_one(listen: &str, unit: &str, units: &Path) -> Result<(), ChangeError> {
    let socket = format!(
        "[Socket]\nBindIPv6Only=ipv6-only\nFreeBind=yes\nReusePort=yes\nTriggerLimitIntervalSec=0\n{listen}"
    );
    let in_units = |error| ChangeError::DropIns { directory: units.display().to_string(), error };
    std::fs::write(units.join(PROBE_SOCKET), socket).map_err(in_units)?;
    std::fs::write(units.join(PROBE_SERVICE), "[Service]\nType=oneshot\nExecStart=/bin/true\n")
        .map_err(in_units)?;
    manager::reload()?;
    manager::start([PROBE_SOCKET].into_iter()).map_err(|error| ChangeError::Bind {
        unit: unit.to_owned(),
        reason: manager::failure_reason(PROBE_SOCKET).unwrap_or_else(|| error.to_string()),
    })
}

/// Writes the units, reloads, and restarts auth once, which opens the new sockets.
fn switch(from: &Layout, to: &Layout, difference: &Difference, units: &Path) -> Result<(), ChangeError> {
    write(to, units)?;
    manager::reload()?;
    let running = manager::active(from.services());
    manager::stop(difference.closed.iter().chain(&difference.ended).map(String::as_str))?;
    if !running.is_empty() {
        manager::restart(to.services())?;
    }
    // Where auth is stopped the sockets open all the same; one that cannot is found by the check.
    let _ = manager::start(to.sockets());
    check(to)
}

fn check(wanted: &Layout) -> Result<(), ChangeError> {
    let open = manager::active(wanted.sockets());
    match wanted.sockets().find(|unit| !open.contains(*unit)) {
        None => Ok(()),
        Some(unit) => Err(ChangeError::Bind {
            unit: unit.to_owned(),
            reason: manager::failure_reason(unit).unwrap_or_else(|| "is not open".to_owned()),
        }),
    }
}

/// The socket units that are open now, for the status.
///
/// # Errors
/// What the system says of the drop-ins.
pub fn open_sockets(units: &Path) -> io::Result<Vec<String>> {
    Ok(manager::active(Layout::read(units)?.sockets()).into_iter().collect())
}
