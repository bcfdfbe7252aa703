//! Where a daemon's events go: the journal with their fields, or standard error.
//!
//! Fields are written in lower case in the code and arrive in upper case in the journal, without prefix:
//! `info!(message_id = messages::LOADED, zone = %name, "zone {name} loaded")` gives `MESSAGE_ID=` and `ZONE=`.
//! The journal is used when the service manager connected standard error to it (`JOURNAL_STREAM`), so that a daemon
//! run by hand speaks to the person who ran it. `TENON_LOG` holds a filter such as `debug` or `tenon_auth=trace`.
//!
//! How much is logged is a setting (`logging/loggers`), unless `TENON_LOG` says it, and can be changed while the daemon
//! runs, in the words of syslog, over the bus: systemd's own interface `org.freedesktop.LogControl1`. That holds until the
//! process ends or the setting changes.

use std::fmt;
use std::io;
use std::os::unix::fs::MetadataExt;

use std::sync::{Mutex, OnceLock, PoisonError};

use tracing::field::Field;
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, reload};

use crate::logging::Severity;

/// The words of syslog for how much is logged, from the least on, each with its filter. At `debug` only Tenon itself is
/// loud: what libraries say would drown it, and their talk about the bus would make more talk.
const LEVELS: [(&str, &str); 5] = [
    ("err", "error"),
    ("warning", "warn"),
    ("notice", "info"),
    ("info", "info"),
    ("debug", "info,tenon=debug"),
];

static CONTROL: OnceLock<Control> = OnceLock::new();

struct Control {
    identifier: String,
    target: &'static str,
    filter: reload::Handle<EnvFilter, Registry>,
    level: Mutex<String>,
    /// What the settings said last; nobody's business where `TENON_LOG` says how much is logged.
    followed: Mutex<Severity>,
    is_told: bool,
}

/// Why the level was not changed.
#[derive(Debug, thiserror::Error)]
pub enum LevelError {
    /// No such word.
    #[error("\"{0}\" is no level; there are err, warning, notice, info and debug")]
    Unknown(String),
    /// Logging was never started, or has ended.
    #[error("this process does not log")]
    Off,
}

/// How much is logged: a word of syslog, or what `TENON_LOG` said.
pub fn level() -> String {
    let level = CONTROL.get().map(|control| &control.level);
    level.map(|level| level.lock().unwrap_or_else(PoisonError::into_inner).clone()).unwrap_or_default()
}

/// Logs so much from now on, until the process ends.
pub fn set_level(word: &str) -> Result<(), LevelError> {
    let filter = LEVELS.iter().find(|(known, _)| *known == word).map(|(_, filter)| *filter);
    let filter = filter.ok_or_else(|| LevelError::Unknown(word.to_owned()))?;
    let control = CONTROL.get().ok_or(LevelError::Off)?;
    control.filter.reload(EnvFilter::new(filter)).map_err(|_| LevelError::Off)?;
    *control.level.lock().unwrap_or_else(PoisonError::into_inner) = word.to_owned();
    Ok(())
}

/// Logs as much as the settings say. What somebody set over the bus meanwhile holds until they say something else.
pub(crate) fn follow(severity: Severity) {
    let Some(control) = CONTROL.get().filter(|control| !control.is_told) else { return };
    let mut followed = control.followed.lock().unwrap_or_else(PoisonError::into_inner);
    // Its words are those of the levels, and a process that has ended logging has ended.
    if *followed != severity && set_level(severity.word()).is_ok() {
        *followed = severity;
    }
}

/// Where events go: `journal` or `console`.
pub(crate) fn target() -> &'static str {
    CONTROL.get().map(|control| control.target).unwrap_or_default()
}

/// The program's name in the journal.
pub(crate) fn identifier() -> String {
    CONTROL.get().map(|control| control.identifier.clone()).unwrap_or_default()
}

/// Starts logging for the process. `identifier` is the program's name, such as `tenon-auth`.
/// A second call does nothing.
pub fn start(identifier: &str) {
    let wanted = EnvFilter::try_from_env("TENON_LOG").ok();
    let is_told = wanted.is_some();
    let level = wanted.as_ref().map_or_else(|| "info".to_owned(), ToString::to_string);
    let (filter, handle) = reload::Layer::new(wanted.unwrap_or_else(|| EnvFilter::new("info")));
    let journal = standard_error_is_journal().then(tracing_journald::layer).and_then(Result::ok);
    let registry = tracing_subscriber::registry().with(filter);
    let target = if journal.is_some() { "journal" } else { "console" };
    let control = Control {
        identifier: identifier.to_owned(),
        target,
        filter: handle,
        level: Mutex::new(level),
        followed: Mutex::default(),
        is_told,
    };
    // As below, the first call's choice holds.
    let _ = CONTROL.set(control);
    // Only a second call can fail here, and the first one's choice holds.
    let _ = match journal {
        Some(layer) => registry
            .with(layer.with_field_prefix(None).with_syslog_identifier(identifier.to_owned()))
            .try_init(),
        None => registry
            .with(
                tracing_subscriber::fmt::layer()
                    .with_writer(io::stderr)
                    .with_ansi(false)
                    .with_target(false)
                    .fmt_fields(debug_fn(write_field)),
            )
            .try_init(),
    };
}

/// Message, then fields as `name=value`; the message's number is for the journal alone.
fn write_field(writer: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug) -> fmt::Result {
    match field.name() {
        "message" => write!(writer, "{value:?}"),
        "message_id" => Ok(()),
        name => write!(writer, " {name}={value:?}"),
    }
}

/// Whether `JOURNAL_STREAM` names the file that standard error is: device and inode with a colon between.
fn standard_error_is_journal() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else { return false };
    let Ok(error) = std::fs::metadata("/proc/self/fd/2") else { return false };
    stream == format!("{}:{}", error.dev(), error.ino())
}
