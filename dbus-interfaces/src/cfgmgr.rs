//! `org.tenon.Cfgmgr1`: the configuration manager.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::names::{CFGMGR, CFGMGR_INTERFACE, CFGMGR_PATH};
use crate::peer::{AutoStart, Peer};
use crate::{Bus, BusError};

/// How long a commit may take: checks, storing, sockets and applying are each bounded by the service itself.
const COMMIT_LIMIT: Duration = Duration::from_secs(120);

/// How long an edit may take: polkit may ask the person for a password first.
const EDIT_LIMIT: Duration = Duration::from_secs(120);

/// The configuration manager. Its verbs start it when it is not running; [`Cfgmgr1::state`] does not.
#[derive(Clone, Debug)]
pub struct Cfgmgr1 {
    peer: Peer,
    looking: Peer,
}

/// What the configuration manager says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all(deserialize = "PascalCase"))]
pub struct CfgmgrState {
    /// The committed generation; 0 while none was ever committed.
    pub generation: u64,
    /// Components whose settings can be edited.
    pub components: Vec<String>,
    /// Owners that do not run with the committed settings and why, one sentence each.
    pub faults: Vec<String>,
}

/// One difference between what is committed and a candidate.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// Path of the option, such as `auth/listen_on/0/address`.
    pub path: String,
    /// The value now; `None` where there is none.
    pub now: Option<Value>,
    /// The value after a commit; `None` where there will be none.
    pub then: Option<Value>,
}

/// What a commit came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CommitOutcome {
    /// The new generation, or the present one when there was nothing to change.
    pub generation: u64,
    /// What owners amended, for people.
    pub notes: Vec<String>,
}

/// One committed generation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HistoryEntry {
    /// Its number.
    pub generation: u64,
    /// When, in microseconds since the epoch.
    pub committed_usec: u64,
    /// Who: a user name, or a number where the user has no name.
    pub author: String,
    /// What the author said of it.
    pub comment: String,
}

impl Cfgmgr1 {
    /// The configuration manager of this bus.
    pub fn new(bus: &Bus) -> Self {
        let peer = |start| Peer::new(bus, CFGMGR, CFGMGR_PATH, CFGMGR_INTERFACE, start);
        Self { peer: peer(AutoStart::Yes), looking: peer(AutoStart::No) }
    }

    /// All properties, without starting the service.
    pub async fn state(&self) -> Result<CfgmgrState, BusError> {
        self.looking.properties().await
    }

    /// JSON Schema of a component's settings. Fails with [`BusError::NoSuchComponent`].
    pub async fn schema(&self, component: &str) -> Result<Value, BusError> {
        let text: String = self.peer.call("Schema", &(component,)).await?;
        json("Schema", &text)
    }

    /// Values below `path` ("" for all) with defaults filled in; with `candidate`, including the caller's edits.
    /// Fails with [`BusError::NoSuchOption`].
    pub async fn get(&self, path: &str, candidate: bool) -> Result<Value, BusError> {
        let text: String = self.peer.call("Get", &(path, candidate)).await?;
        json("Get", &text)
    }

    /// Sets an option in the caller's candidate. Fails with [`BusError::NoSuchOption`] or [`BusError::InvalidValue`].
    pub async fn set(&self, path: &str, value: &Value) -> Result<(), BusError> {
        self.peer.call_within(EDIT_LIMIT, "Set", &(path, value.to_string())).await
    }

    /// Takes an option back to its default in the caller's candidate; of a list element: removes it.
    pub async fn unset(&self, path: &str) -> Result<(), BusError> {
        self.peer.call_within(EDIT_LIMIT, "Unset", &(path,)).await
    }

    /// What the caller's candidate would change.
    pub async fn diff(&self) -> Result<Vec<Change>, BusError> {
        let changes: Vec<(String, String, String)> = self.peer.call("Diff", &()).await?;
        let value = |text: &str| if text.is_empty() { Ok(None) } else { json("Diff", text).map(Some) };
        let change = |(path, now, then): (String, String, String)| {
            Ok(Change { path, now: value(&now)?, then: value(&then)? })
        };
        changes.into_iter().map(change).collect()
    }

    /// Forgets the caller's candidate.
    pub async fn revert(&self) -> Result<(), BusError> {
        self.peer.call_within(EDIT_LIMIT, "Revert", &()).await
    }

    /// Checks, stores and applies the caller's candidate. Fails with [`BusError::Rejected`], [`BusError::Conflict`] or
    /// [`BusError::ApplyFailed`]; after each of them the settings in force are those before.
    pub async fn commit(&self, comment: &str) -> Result<CommitOutcome, BusError> {
        let (generation, notes) = self.peer.call_within(COMMIT_LIMIT, "Commit", &(comment,)).await?;
        Ok(CommitOutcome { generation, notes })
    }

    /// Generations from the newest back, older than `before` (0: from the newest), at most `limit` (0: 100).
    pub async fn history(&self, before: u64, limit: u32) -> Result<Vec<HistoryEntry>, BusError> {
        let entries: Vec<(u64, u64, String, String)> = self.peer.call("History", &(before, limit)).await?;
        let entry = |(generation, committed_usec, author, comment)| HistoryEntry {
            generation,
            committed_usec,
            author,
            comment,
        };
        Ok(entries.into_iter().map(entry).collect())
    }
}

fn json(method: &str, text: &str) -> Result<Value, BusError> {
    serde_json::from_str(text)
        .map_err(|error| BusError::Malformed(format!("{method} of {CFGMGR}: not JSON: {error}")))
}
