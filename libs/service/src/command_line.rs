//! The part of the command line that every daemon shares.

use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::json;

use crate::committed::FILE_LIMIT;
use crate::document;
use crate::schema::Schema;
use crate::settings::Settings;

/// Options of every daemon; flatten into its own `clap` definition.
#[derive(Clone, Debug, clap::Args)]
pub struct CommonOptions {
    /// Directory of the committed settings
    #[arg(long, value_name = "DIRECTORY", default_value = "/var/lib/tenon/config")]
    pub config_dir: PathBuf,
    /// Directory of the TSIG keys, one below it for each component that has any
    #[arg(long, value_name = "DIRECTORY", default_value = "/var/lib/tenon/keys")]
    pub keys_dir: PathBuf,
    /// Print the JSON Schema of this component's settings and exit
    #[arg(long)]
    print_schema: bool,
    /// Check settings read from standard input (a JSON object of the options that differ from their defaults), print
    /// them as they would be stored, and exit; status 1 and the reason when they will not do
    #[arg(long, conflicts_with = "print_schema")]
    check_settings: bool,
}

impl CommonOptions {
    /// Does what `--print-schema` or `--check-settings` asks for; `None` when the daemon is to run.
    pub fn answer<S: Settings>(&self) -> Option<ExitCode> {
        if self.print_schema {
            return Some(say(&Schema::of::<S>().text()));
        }
        self.check_settings.then(check_settings::<S>)
    }
}

fn check_settings<S: Settings>() -> ExitCode {
    let mut text = String::new();
    if let Err(error) = io::stdin().take(FILE_LIMIT).read_to_string(&mut text) {
        return refuse(&format!("cannot read the settings: {error}"));
    }
    match document::check_text::<S>(&text) {
        Ok(accepted) => {
            say(&format!("{}\n", json!({"amended": accepted.document(), "notes": accepted.notes})))
        }
        Err(refusal) => refuse(&refusal.below(S::COMPONENT).to_string()),
    }
}

fn say(text: &str) -> ExitCode {
    match io::stdout().write_all(text.as_bytes()) {
        // Whoever closed the pipe has read enough.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => refuse(&error.to_string()),
        _ => ExitCode::SUCCESS,
    }
}

fn refuse(reason: &str) -> ExitCode {
    let _ = writeln!(io::stderr(), "{reason}");
    ExitCode::FAILURE
}
