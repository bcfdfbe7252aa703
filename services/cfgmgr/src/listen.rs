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
use crate::storage::directory::replace;

/// The component whose options these are.
const OWNER: &str = "auth";
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
    /// Whether the request file says something else than the settings in `tree`. A file that is not there says
    /// `defaults`.
    pub fn differs(&self, tree: &Map<String, Value>, defaults: &Map<String, Value>) -> bool {
        let Some(wanted) = request(tree) else { return false };
        match std::fs::read(&self.request) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                request(defaults).as_ref() != Some(&wanted)
            }
            Err(_) => true,
            Ok(text) => match serde_json::from_slice::<Map<String, Value>>(&text) {
                Err(_) => true,
                Ok(mut written) => {
                    written.remove("generation");
                    written != wanted
                }
            },
        }
    }

    /// Writes the request for a generation.
    pub fn write(&self, generation: u64, tree: &Map<String, Value>) -> Result<(), StorageError> {
        let Some(mut wanted) = request(tree) else { return Ok(()) };
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

/// The options that sockets are made of; `None` when their owner is not installed.
fn request(tree: &Map<String, Value>) -> Option<Map<String, Value>> {
    let owner = tree.get(OWNER)?.as_object()?;
    let option = |name: &&str| Some(((*name).to_owned(), owner.get(*name)?.clone()));
    let request: Map<String, Value> = OPTIONS.iter().filter_map(option).collect();
    request.contains_key("listen_on").then_some(request)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn tree(port: u16) -> Map<String, Value> {
        let settings = json!({"auth": {"listen_on": [{"address": "::1", "port": port}], "udp_sockets": 2, "workers": 4}});
        settings.as_object().unwrap().clone()
    }

    #[tokio::test]
    async fn requests_are_written_and_their_outcome_awaited() {
        let directory = tempfile::tempdir().unwrap();
        let listen =
            Listen { request: directory.path().join("listen.json"), status: directory.path().join("status") };
        assert!(listen.differs(&tree(54), &tree(53)) && !listen.is_served());
        assert!(!listen.differs(&tree(53), &tree(53)));
        listen.write(7, &tree(53)).unwrap();
        let written: Value = serde_json::from_slice(&std::fs::read(&listen.request).unwrap()).unwrap();
        assert_eq!(
            written,
            json!({"generation": 7, "listen_on": [{"address": "::1", "port": 53}], "udp_sockets": 2})
        );
        assert!(!listen.differs(&tree(53), &tree(1)) && listen.differs(&tree(54), &tree(54)));

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
        assert!(!listen.differs(&Map::new(), &Map::new()));
        listen.write(1, &Map::new()).unwrap();
        assert!(!listen.request.exists());
    }
}
