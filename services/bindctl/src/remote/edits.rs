//! Edits of another machine's settings that are not committed yet: kept here, by machine and account, until they are
//! committed as a whole or reverted. Each is tried there when it is made.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tenon_bus::{BusError, RelayedCall, RelayedReply};

use super::reply;

/// Makes a call there.
type Make<'m> = dyn Fn(&RelayedCall) -> Result<RelayedReply, BusError> + 'm;

/// The edits.
#[derive(Debug)]
pub(super) struct Edits {
    /// Where they are kept; nowhere without a home.
    file: Option<PathBuf>,
}

/// As they are kept.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Kept {
    /// The generation that the first was made on.
    base: u64,
    /// Path and value as JSON; "" for the default.
    edits: Vec<(String, String)>,
}

impl Edits {
    /// Those for a machine and an account.
    pub(super) fn of(url: &str, account: &str) -> Self {
        let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '@') { c } else { '_' };
        let name: String = format!("{url}-{account}").chars().map(plain).collect();
        Self { file: crate::shell::state_file(&format!("edits/{name}.json")) }
    }

    /// A call of tenon-cfgmgr there: verbs of the candidate are answered from here.
    pub(super) fn call(&mut self, call: &RelayedCall, make: &Make<'_>) -> Result<RelayedReply, BusError> {
        let text = |at: usize| call.arguments.get(at).and_then(Value::as_str).unwrap_or_default().to_owned();
        match call.member.as_str() {
            "Get" if call.arguments.get(1) == Some(&Value::Bool(true)) => {
                let (value, _) = preview(call, &self.read()?, &text(0), make)?;
                Ok(reply("s", [value]))
            }
            "Set" => self.add(call, text(0), text(1), make),
            "Unset" => self.add(call, text(0), String::new(), make),
            "Diff" => {
                let (_, changes) = preview(call, &self.read()?, "", make)?;
                Ok(reply("a(sss)", [changes]))
            }
            "Revert" => {
                self.write(&Kept::default())?;
                Ok(reply("", []))
            }
            "Commit" => self.commit(call, &text(0), &json!(0), make),
            "CommitToConfirm" => {
                self.commit(call, &text(0), call.arguments.get(1).unwrap_or(&Value::Null), make)
            }
            _ => make(call),
        }
    }

    fn add(
        &self,
        call: &RelayedCall,
        path: String,
        value: String,
        make: &Make<'_>,
    ) -> Result<RelayedReply, BusError> {
        let mut kept = self.read()?;
        if kept.edits.is_empty() {
            kept.base = generation(call, make)?;
        }
        kept.edits.push((path, value));
        // What will not do is refused now and not kept.
        preview(call, &kept, "", make)?;
        self.write(&kept)?;
        Ok(reply("", []))
    }

    fn commit(
        &self,
        call: &RelayedCall,
        comment: &str,
        seconds: &Value,
        make: &Make<'_>,
    ) -> Result<RelayedReply, BusError> {
        let kept = self.read()?;
        let arguments = vec![json!(""), json!(kept.base), json!(kept.edits), json!(comment), seconds.clone()];
        let committed = make(&other(call, "CommitEdits", "sta(ss)su", arguments))?;
        self.write(&Kept::default())?;
        Ok(committed)
    }

    fn read(&self) -> Result<Kept, BusError> {
        let Some(file) = &self.file else { return Ok(Kept::default()) };
        match std::fs::read(file) {
            Ok(text) => serde_json::from_slice(&text).map_err(|error| unusable(file, &error)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Kept::default()),
            Err(error) => Err(unusable(file, &error)),
        }
    }

    fn write(&self, kept: &Kept) -> Result<(), BusError> {
        let Some(file) = &self.file else {
            return Err(BusError::InvalidValue("there is no home directory to keep edits in".to_owned()));
        };
        let written = if kept.edits.is_empty() {
            match std::fs::remove_file(file) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            }
        } else {
            let folder = file.parent().unwrap_or(Path::new("/"));
            let fresh = file.with_extension("new");
            std::fs::create_dir_all(folder)
                .and_then(|()| std::fs::write(&fresh, json!(kept).to_string()))
                .and_then(|()| std::fs::rename(&fresh, file))
        };
        written.map_err(|error| unusable(file, &error))
    }
}

/// The value below a path with the edits, as JSON text, and what they change.
fn preview(call: &RelayedCall, kept: &Kept, path: &str, make: &Make<'_>) -> Result<(Value, Value), BusError> {
    let arguments = vec![json!(kept.base), json!(kept.edits), json!(path)];
    let told = make(&other(call, "Preview", "ta(ss)s", arguments))?;
    match <[Value; 2]>::try_from(told.values) {
        Ok([value, changes]) => Ok((value, changes)),
        Err(_) => Err(BusError::Malformed("Preview did not answer two values".to_owned())),
    }
}

fn generation(call: &RelayedCall, make: &Make<'_>) -> Result<u64, BusError> {
    let properties = RelayedCall {
        interface: "org.freedesktop.DBus.Properties".to_owned(),
        ..other(call, "GetAll", "s", vec![json!(call.interface)])
    };
    let state = make(&properties)?;
    let generation = state.values.first().and_then(|state| state.get("Generation")?.as_u64());
    generation.ok_or_else(|| BusError::Malformed("no generation is told".to_owned()))
}

fn other(call: &RelayedCall, member: &str, signature: &str, arguments: Vec<Value>) -> RelayedCall {
    RelayedCall { member: member.to_owned(), signature: signature.to_owned(), arguments, ..call.clone() }
}

fn unusable(file: &Path, error: &dyn std::fmt::Display) -> BusError {
    BusError::InvalidValue(format!("your edits are kept in {}: {error}", file.display()))
}
