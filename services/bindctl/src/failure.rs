//! How commands fail, and what the operator is told to do next.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use serde_json::json;
use tenon_bus::BusError;
use tenon_service::readers;

use crate::readers::audience;

/// Why a command did not do what was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Refused or failed: what, and what to do next.
    Refused(String, Option<String>),
    /// The bus or the service is not there: what, and what to do next.
    Unreachable(String, Option<String>),
    /// The output cannot be written.
    Output(io::Error),
    /// A program that was run has said why already.
    Told,
}

impl Failure {
    pub(crate) fn refused(what: impl Into<String>, next: impl Into<String>) -> Self {
        Self::Refused(what.into(), Some(next.into()))
    }

    pub(crate) fn unreachable(what: impl Into<String>, next: impl Into<String>) -> Self {
        Self::Unreachable(what.into(), Some(next.into()))
    }

    /// The same, of a line of a file, with what is done already.
    pub(crate) fn after(self, file: &Path, line: usize, done: usize) -> Self {
        let place = |what: String| format!("{}, line {line}: {what}", file.display());
        let warned = |next: Option<String>| match (next, done) {
            (next, 0) => next,
            (next, done) => {
                let warning = format!("{done} commands before it are done, and nothing takes them back");
                Some(next.map_or_else(|| warning.clone(), |next| format!("{next}\n  {warning}")))
            }
        };
        match self {
            Self::Refused(what, next) => Self::Refused(place(what), warned(next)),
            Self::Unreachable(what, next) => Self::Unreachable(place(what), warned(next)),
            other => other,
        }
    }

    fn status(&self) -> u8 {
        match self {
            Self::Refused(..) | Self::Output(_) | Self::Told => 1,
            Self::Unreachable(..) => 3,
        }
    }

    fn text(&self) -> (String, Option<String>) {
        match self {
            Self::Refused(what, next) | Self::Unreachable(what, next) => (what.clone(), next.clone()),
            Self::Output(error) => (format!("cannot write: {error}"), None),
            Self::Told => (String::new(), None),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl From<BusError> for Failure {
    fn from(error: BusError) -> Self {
        let what = error.to_string();
        match error {
            BusError::NotReachable(_) | BusError::Disconnected(_) => Self::unreachable(
                what,
                "`systemctl status dbus.socket dbus.service` says why; names are answered all the same, and \
                 `bindctl status` shows what can be known without the bus",
            ),
            BusError::ServiceUnknown(_) => Self::unreachable(
                what,
                "`bindctl status` shows what runs; `systemctl start tenon.target` starts all",
            ),
            BusError::NoReply(_) => Self::unreachable(
                what,
                "`bindctl status` and `journalctl -b -u 'tenon-*'` show what it is doing",
            ),
            // The bus itself refuses: dbus-daemon and dbus-broker in their words.
            BusError::AccessDenied(text)
                if readers::are_restricted()
                    && (text.starts_with("Rejected ") || text.starts_with("Sender is")) =>
            {
                Self::refused(
                    format!(
                        "what names zones and peers is read by {} alone",
                        audience(readers::group().as_deref())
                    ),
                    "use sudo, or have yourself added to such a group and log in again",
                )
            }
            BusError::AccessDenied(_) => Self::refused(
                what,
                format!(
                    "use sudo, or have yourself added to the group: `usermod -aG tenon {}`, then log in again",
                    std::env::var("USER").unwrap_or_else(|_| "USER".into())
                ),
            ),
            BusError::NoSuchOption(_) | BusError::NoSuchComponent(_) => {
                Self::refused(what, "`bindctl config show` lists all options")
            }
            BusError::NoSuchCounter(_) => Self::refused(what, "`bindctl stats show` lists all counters"),
            BusError::NoSuchZone(_) => Self::refused(what, "`bindctl zone list` lists all zones"),
            BusError::Rejected(_) => Self::refused(
                what,
                "nothing changed; `bindctl config set` mends the value, `bindctl config revert` drops all edits",
            ),
            BusError::Conflict(_) => Self::refused(what, "`bindctl config diff` shows your edits"),
            BusError::ApplyFailed(_) => {
                Self::refused(what, "your edits are kept: mend the reason and `bindctl config commit` again")
            }
            BusError::NoSuchGeneration(_) => {
                Self::refused(what, "`bindctl config history` lists what is kept")
            }
            BusError::NothingToConfirm(_) => Self::refused(
                what,
                "what is in force stays; if it was taken back, `bindctl config history` says when",
            ),
            BusError::ConfirmationPending(_) => Self::refused(what, "nothing changed; your edits are kept"),
            BusError::Busy(_) => {
                Self::refused(what, "try again when that is done; `bindctl status` shows it")
            }
            BusError::InvalidValue(_)
            | BusError::NoSuchJob(_)
            | BusError::Malformed(_)
            | BusError::Other { .. } => Self::Refused(what, None),
        }
    }
}

/// Tells of a failure and gives the exit status. Whoever closed the pipe has read enough: that is success.
pub(crate) fn report(outcome: Result<(), Failure>, as_json: bool) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(failure) => {
            tell(&failure, as_json);
            ExitCode::from(failure.status())
        }
    }
}

/// Writes what went wrong to standard error.
pub(crate) fn tell(failure: &Failure, as_json: bool) {
    let (what, next) = failure.text();
    let text = match (as_json, next) {
        _ if what.is_empty() => return,
        (true, next) => json!({"error": what, "next": next}).to_string(),
        (false, Some(next)) => format!("bindctl: {what}\n  {next}"),
        (false, None) => format!("bindctl: {what}"),
    };
    let _ = writeln!(io::stderr(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_tell_a_refusal_from_an_absence() {
        assert_eq!(Failure::from(BusError::Rejected(String::new())).status(), 1);
        assert_eq!(Failure::from(BusError::AccessDenied(String::new())).status(), 1);
        assert_eq!(Failure::from(BusError::ServiceUnknown(String::new())).status(), 3);
        assert_eq!(Failure::from(BusError::NotReachable(String::new())).status(), 3);
    }

    #[test]
    fn a_broken_pipe_is_success() {
        let broken = Failure::Output(io::ErrorKind::BrokenPipe.into());
        assert_eq!(format!("{:?}", report(Err(broken), false)), format!("{:?}", ExitCode::SUCCESS));
    }
}
