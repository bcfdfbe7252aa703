//! Where a daemon's events go: the journal with their fields, or standard error.
//!
//! Fields are written in lower case in the code and arrive in upper case in the journal, without prefix:
//! `info!(message_id = messages::LOADED, zone = %name, "zone {name} loaded")` gives `MESSAGE_ID=` and `ZONE=`.
//! The journal is used when the service manager connected standard error to it (`JOURNAL_STREAM`), so that a daemon
//! run by hand speaks to the person who ran it. `TENON_LOG` holds a filter such as `debug` or `tenon_auth=trace`.

use std::fmt;
use std::io;
use std::os::unix::fs::MetadataExt;

use tracing::field::Field;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Starts logging for the process. `identifier` is the program's name, such as `tenon-auth`.
/// A second call does nothing.
pub fn start(identifier: &str) {
    let filter = || EnvFilter::try_from_env("TENON_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let journal = standard_error_is_journal().then(tracing_journald::layer).and_then(Result::ok);
    let registry = tracing_subscriber::registry().with(filter());
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
