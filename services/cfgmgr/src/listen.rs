//! The listen addresses: the one part of the settings that PID 1 puts into force.
//!
//! `listen.json` in the configuration directory is what `tenon-listen` reads; it reports in a status file. Where that
//! service never ran (no status file), nobody puts addresses into force, and a change is accepted with a note.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::time::Instant;

use crate::storage::StorageError;
use crate::storage::files::replace;

/// The component whose options these are.
pub const OWNER: &str = "auth";
/// Its options that sockets are made of.
const OPTIONS: [&str; 3] = ["listen_on", "udp_sockets", "instances"];
/// How often the status file is looked at while waiting.
const LOOK: Duration = Duration::from_millis(50);

/// The two files.
#[derive(Clone, Debug)]
pub struct Listen {
    /// What is to be listened on.
    pub request: PathBuf,
    /// What came of it.
    pub status: PathBuf,
}

#[derive(Deserialize)]
struct Status {
    generation: u64,
    ok: bool,
    #[serde(default)]
    reason: String,
}

impl Listen {
    /// The generation that the request file was written for; 0 when there is none, as its readers then take the
    /// defaults.
    pub fn requested(&self) -> u64 {
        let request = std::fs::read(&self.request).ok();
        let request: Option<Value> = request.and_then(|text| serde_json::from_slice(&text).ok());
        request.and_then(|request| request.get("generation")?.as_u64()).unwrap_or_default()
    }

    /// Writes the request for a generation; `owner`: all options of [`OWNER`], none when it is not installed.
    pub fn write(&self, generation: u64, owner: Option<&Value>) -> Result<(), StorageError> {
        let Some(mut wanted) = request(owner) else { return Ok(()) };
        wanted.insert("generation".into(), generation.into());
        replace(&self.request, &wanted)
    }

    /// Whether anybody puts addresses into force.
    pub fn is_served(&self) -> bool {
        self.status.exists()
    }

    /// Waits until the addresses of a generation are in force; fails with the reason why they are not.
    pub async fn wait(&self, generation: u64, limit: Duration) -> Result<(), String> {
        let until = Instant::now() + limit;
        loop {
            match self.read_status() {
                Some(status) if status.generation == generation && status.ok => return Ok(()),
                Some(status) if status.generation == generation => return Err(status.reason),
                _ if Instant::now() >= until => {
                    return Err(format!(
                        "tenon-listen did not report within {} ms; look at `systemctl status 'tenon-listen*'`",
                        limit.as_millis()
                    ));
                }
                _ => tokio::time::sleep(LOOK).await,
            }
        }
    }

    /// A file that is not there or not whole says nothing.
    fn read_status(&self) -> Option<Status> {
        serde_json::from_slice(&std::fs::read(&self.status).ok()?).ok()
    }
}

/// Whether two versions of all options of [`OWNER`] differ in what sockets are made of. A request that somebody wrote by
/// hand stays until a commit changes one of these options.
pub fn differ(before: Option<&Value>, after: Option<&Value>) -> bool {
    request(before) != request(after)
}

/// The options that sockets are made of; `None` when their owner is not installed.
fn request(owner: Option<&Value>) -> Option<Map<String, Value>> {
    let owner = owner?.as_object()?;
    let option = |name: &&str| Some(((*name).to_owned(), owner.get(*name)?.clone()));
    let request: Map<String, Value> = OPTIONS.iter().filter_map(option).collect();
    request.contains_key("listen_on").then_some(request)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn owner(port: u16) -> Value {
        json!({"listen_on": [{"address": "::1", "port": port}], "udp_sockets": 2, "workers": 4})
    }

    #[tokio::test]
    async fn requests_are_written_and_their_outcome_awaited() {
        let directory = tempfile::tempdir().unwrap();
        let listen =
            Listen { request: directory.path().join("listen.json"), status: directory.path().join("status") };
        assert!(!listen.is_served() && listen.requested() == 0);
        listen.write(7, Some(&owner(53))).unwrap();
        let written: Value = serde_json::from_slice(&std::fs::read(&listen.request).unwrap()).unwrap();
        assert_eq!(
            written,
            json!({"generation": 7, "listen_on": [{"address": "::1", "port": 53}], "udp_sockets": 2})
        );
        assert_eq!(listen.requested(), 7);
        let (here, there) = (owner(53), owner(54));
        assert!(differ(Some(&here), Some(&there)) && !differ(Some(&here), Some(&here)));

        let report = |text: &str| std::fs::write(&listen.status, text).unwrap();
        let limit = Duration::from_millis(200);
        report(r#"{"generation": 6, "ok": true}"#);
        assert!(listen.wait(7, limit).await.unwrap_err().contains("did not report"));
        report(r#"{"generation": 7, "ok": false, "reason": "in use"}"#);
        assert_eq!(listen.wait(7, limit).await, Err("in use".into()));
        report(r#"{"generation": 7, "ok": true, "reason": ""}"#);
        assert_eq!(listen.wait(7, limit).await, Ok(()));
    }

    #[test]
    fn without_auth_there_is_nothing_to_listen_on() {
        let directory = tempfile::tempdir().unwrap();
        let listen = Listen { request: directory.path().join("l"), status: directory.path().join("s") };
        assert!(!differ(None, None));
        listen.write(1, None).unwrap();
        assert!(!listen.request.exists());
    }
}
