//! `org.tenon.Cfgmgr1`: the configuration manager.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use zbus::MatchRule;

use crate::bus::Feed;
use crate::names::{CFGMGR, CFGMGR_INTERFACE, CFGMGR_PATH};
use crate::peer::{AutoStart, Peer};
use crate::{Bus, BusError};

/// How long a commit may take: checks, storing, sockets and applying are each bounded by the service itself.
const COMMIT_LIMIT: Duration = Duration::from_secs(120);

/// How long an edit may take: polkit may ask the person for a password first.
const EDIT_LIMIT: Duration = Duration::from_secs(120);

/// The configuration manager. Its verbs start it when it is not running; [`Cfgmgr1::state`] does not, nor does anything
/// of [`Cfgmgr1::if_present`].
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
    /// The commit that waits for confirmation.
    #[serde(default)]
    pub unconfirmed: Unconfirmed,
}

/// A commit that waits for confirmation; all 0 when none does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(u64, u64, u64)")]
pub struct Unconfirmed {
    /// The generation that waits.
    pub generation: u64,
    /// The one whose settings come back unless it is confirmed.
    pub restores: u64,
    /// Until when, in microseconds since the epoch.
    pub until_usec: u64,
}

impl From<(u64, u64, u64)> for Unconfirmed {
    fn from((generation, restores, until_usec): (u64, u64, u64)) -> Self {
        Self { generation, restores, until_usec }
    }
}

/// An edit of [`Cfgmgr1::commit_edits`].
#[derive(Clone, Debug, PartialEq)]
pub struct Edit {
    /// Path of the option.
    pub path: String,
    /// The value to be; `None` takes the option back to its default, or an element out of its list.
    pub value: Option<Value>,
}

impl Edit {
    /// As the verbs take it.
    fn texts(&self) -> (String, String) {
        (self.path.clone(), self.value.as_ref().map(Value::to_string).unwrap_or_default())
    }
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
    /// What became of the settings of each component concerned; empty when that is not remembered any more.
    pub verdicts: Vec<Verdict>,
}

/// What became of the settings of a component that a commit concerned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// The component.
    pub component: String,
    /// What was said of them: "accepted", "amended" or "refused".
    pub said: String,
    /// Who said it: "service", "checker" (the service does not run) or "cfgmgr" (no process stands behind them).
    pub asked: String,
    /// What came of it: "applied", "restarted", "at-start", "failed" or "none".
    pub effect: String,
    /// What was amended, or why it was refused or failed, one sentence each.
    pub notes: Vec<String>,
}

type VerdictRow = (String, String, String, String, Vec<String>);

/// A TSIG key, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ListedKey {
    /// Its name.
    pub name: String,
    /// Its algorithm.
    pub algorithm: String,
    /// Since when the secret is this one, in microseconds since the epoch.
    pub set_usec: u64,
    /// Paths of the settings that name it.
    pub used_by: Vec<String>,
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

    /// The same, without starting it for any verb: it then fails with [`BusError::ServiceUnknown`].
    pub fn if_present(bus: &Bus) -> Self {
        let peer = Peer::new(bus, CFGMGR, CFGMGR_PATH, CFGMGR_INTERFACE, AutoStart::No);
        Self { peer: peer.clone(), looking: peer }
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
        self.peer.change_within(EDIT_LIMIT, "Set", &(path, value.to_string())).await
    }

    /// Takes an option back to its default in the caller's candidate; of a list element: removes it.
    pub async fn unset(&self, path: &str) -> Result<(), BusError> {
        self.peer.change_within(EDIT_LIMIT, "Unset", &(path,)).await
    }

    /// What the caller's candidate would change.
    pub async fn diff(&self) -> Result<Vec<Change>, BusError> {
        changes("Diff", self.peer.call("Diff", &()).await?)
    }

    /// What changes from one generation to another (0: all defaults). Fails with [`BusError::NoSuchGeneration`].
    pub async fn diff_generations(&self, from: u64, to: u64) -> Result<Vec<Change>, BusError> {
        changes("DiffGenerations", self.peer.call("DiffGenerations", &(from, to)).await?)
    }

    /// Forgets the caller's candidate.
    pub async fn revert(&self) -> Result<(), BusError> {
        self.peer.change_within(EDIT_LIMIT, "Revert", &()).await
    }

    /// Checks, stores and applies the caller's candidate. Fails with [`BusError::Rejected`], [`BusError::Conflict`] or
    /// [`BusError::ApplyFailed`]; after each of them the settings in force are those before.
    pub async fn commit(&self, comment: &str) -> Result<CommitOutcome, BusError> {
        let done = self.peer.change_within(COMMIT_LIMIT, "Commit", &(comment,)).await?;
        Ok(self.with_verdicts("", done).await)
    }

    /// The same, to be confirmed within `seconds` (1 to 86,400) or else taken back.
    pub async fn commit_to_confirm(&self, comment: &str, seconds: u32) -> Result<CommitOutcome, BusError> {
        let arguments = (comment, seconds);
        let done = self.peer.change_within(COMMIT_LIMIT, "CommitToConfirm", &arguments).await?;
        Ok(self.with_verdicts("", done).await)
    }

    /// Keeps what waits for confirmation; gives its generation. Fails with [`BusError::NothingToConfirm`]. `author` as of
    /// [`Cfgmgr1::commit_edits`].
    pub async fn confirm(&self, author: &str) -> Result<u64, BusError> {
        self.peer.change_within(EDIT_LIMIT, "Confirm", &(author,)).await
    }

    /// Commits edits that were made on generation `base` (0: the present one), all or none, without a candidate.
    /// `author` is "" for everybody but tenon-cmdctl. `seconds` as of [`Cfgmgr1::commit_to_confirm`], or 0.
    pub async fn commit_edits(
        &self,
        author: &str,
        base: u64,
        edits: &[Edit],
        comment: &str,
        seconds: u32,
    ) -> Result<CommitOutcome, BusError> {
        let edits: Vec<(String, String)> = edits.iter().map(Edit::texts).collect();
        let arguments = (author, base, edits, comment, seconds);
        let done = self.peer.change_within(COMMIT_LIMIT, "CommitEdits", &arguments).await?;
        Ok(self.with_verdicts(author, done).await)
    }

    /// The value below `path` as edits would have it that were made on generation `base` (0: the present one), and what they
    /// change. Fails with [`BusError::NoSuchOption`], [`BusError::InvalidValue`] and [`BusError::NoSuchGeneration`].
    pub async fn preview(
        &self,
        base: u64,
        edits: &[Edit],
        path: &str,
    ) -> Result<(Value, Vec<Change>), BusError> {
        let edits: Vec<(String, String)> = edits.iter().map(Edit::texts).collect();
        let (value, changed): (String, Vec<(String, String, String)>) =
            self.peer.call("Preview", &(base, edits, path)).await?;
        Ok((json("Preview", &value)?, changes("Preview", changed)?))
    }

    /// Commits the settings of generation `to` (0: all defaults) as a new one. Fails as [`Cfgmgr1::commit`] does, and
    /// with [`BusError::NoSuchGeneration`]. `author` as of [`Cfgmgr1::commit_edits`], `seconds` as of
    /// [`Cfgmgr1::commit_to_confirm`], or 0.
    pub async fn rollback(
        &self,
        author: &str,
        to: u64,
        comment: &str,
        seconds: u32,
    ) -> Result<CommitOutcome, BusError> {
        let arguments = (author, to, comment, seconds);
        let done = self.peer.change_within(COMMIT_LIMIT, "Rollback", &arguments).await?;
        Ok(self.with_verdicts(author, done).await)
    }

    /// What became of the settings of each component at the last commit of the caller that failed with `error`; empty when that
    /// is not remembered. `author` as of [`Cfgmgr1::commit_edits`].
    pub async fn verdicts_of_failure(&self, author: &str, error: &BusError) -> Vec<Verdict> {
        match self.verdicts(author, 0).await {
            Ok((reason, verdicts)) if reason == error.text() => verdicts,
            _ => Vec::new(),
        }
    }

    async fn with_verdicts(&self, author: &str, (generation, notes): (u64, Vec<String>)) -> CommitOutcome {
        let verdicts = self.verdicts(author, generation).await.map(|(_, verdicts)| verdicts);
        CommitOutcome { generation, notes, verdicts: verdicts.unwrap_or_default() }
    }

    async fn verdicts(&self, author: &str, generation: u64) -> Result<(String, Vec<Verdict>), BusError> {
        let (reason, rows): (String, Vec<VerdictRow>) =
            self.peer.call("Verdicts", &(author, generation)).await?;
        let verdict =
            |(component, said, asked, effect, notes)| Verdict { component, said, asked, effect, notes };
        Ok((reason, rows.into_iter().map(verdict).collect()))
    }

    /// Keeps a TSIG key, whose secret is in base64, and commits a generation that names it. Fails with
    /// [`BusError::InvalidValue`], and as [`Cfgmgr1::commit_edits`] does.
    pub async fn put_key(
        &self,
        name: &str,
        algorithm: &str,
        secret: &str,
    ) -> Result<CommitOutcome, BusError> {
        let arguments = (name, algorithm, secret);
        let done = self.peer.change_within(COMMIT_LIMIT, "PutKey", &arguments).await?;
        Ok(self.with_verdicts("", done).await)
    }

    /// Commits a generation without a key, and has its secret forgotten. Fails with [`BusError::Rejected`] while settings
    /// name the key.
    pub async fn remove_key(&self, name: &str) -> Result<CommitOutcome, BusError> {
        let done = self.peer.change_within(COMMIT_LIMIT, "RemoveKey", &(name,)).await?;
        Ok(self.with_verdicts("", done).await)
    }

    /// The keys in the committed settings.
    pub async fn keys(&self) -> Result<Vec<ListedKey>, BusError> {
        let keys: Vec<(String, String, u64, Vec<String>)> = self.peer.call("ListKeys", &()).await?;
        let key = |(name, algorithm, set_usec, used_by)| ListedKey { name, algorithm, set_usec, used_by };
        Ok(keys.into_iter().map(key).collect())
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

/// What is told of commits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum CommitEvent {
    /// A generation came into force.
    Committed {
        /// Its number.
        generation: u64,
        /// Whose settings changed.
        components: Vec<String>,
    },
    /// The listener was too slow and events were dropped.
    Lost,
}

/// A stream of commits; ends with the connection.
#[derive(Debug)]
pub struct CommitEvents {
    feed: Feed<CommitEvent>,
}

impl CommitEvents {
    /// The next event, or `None` when the connection is gone.
    pub async fn next(&mut self) -> Option<CommitEvent> {
        self.feed.next(CommitEvent::Lost).await
    }
}

impl Bus {
    /// Follows commits of settings from now on.
    pub async fn commit_events(&self) -> Result<CommitEvents, BusError> {
        let rule = MatchRule::builder()
            .msg_type(zbus::message::Type::Signal)
            .interface(CFGMGR_INTERFACE)
            .path(CFGMGR_PATH)
            .member("Committed")
            .build()?;
        let read = |message: &zbus::Message| {
            let (generation, components) = message.body().deserialize().ok()?;
            Some(CommitEvent::Committed { generation, components })
        };
        Ok(CommitEvents { feed: Feed::start(self.direct()?, vec![rule.into_owned()], read).await? })
    }
}

fn changes(method: &str, changes: Vec<(String, String, String)>) -> Result<Vec<Change>, BusError> {
    let value = |text: &str| if text.is_empty() { Ok(None) } else { json(method, text).map(Some) };
    let change = |(path, now, then): (String, String, String)| {
        Ok(Change { path, now: value(&now)?, then: value(&then)? })
    };
    changes.into_iter().map(change).collect()
}

fn json(method: &str, text: &str) -> Result<Value, BusError> {
    serde_json::from_str(text)
        .map_err(|error| BusError::Malformed(format!("{method} of {CFGMGR}: not JSON: {error}")))
}
