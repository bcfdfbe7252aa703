//! The bus face of the manager: `org.tenon.Cfgmgr1`.

use std::sync::Arc;

use serde_json::Value;
use tenon_bus::names::CFGMGR_PATH;
use tenon_bus::server::{self, Error};
use tenon_bus::{Bus, BusError, ListedKey};
use tenon_service::authorise::{Action, Caller, authorise, caller};
use tenon_tsig::{Algorithm, Key, UnknownAlgorithm};
use tenon_wire::Name;
use zbus::Connection;
use zbus::message::Header;
use zbus::object_server::SignalEmitter;
use zeroize::Zeroizing;

use super::confirm::LONGEST;
use super::{
    Change, CommitError, Committed, ConfirmError, Manager, ManagerError, Proposal, Request, Verdict,
};
use crate::option::OptionError;

/// Most characters of the name of an account.
const AUTHOR: usize = 64;

/// The face.
pub struct ManagerFace {
    manager: Arc<Manager>,
}

impl ManagerFace {
    /// The face of a manager.
    pub fn new(manager: Arc<Manager>) -> Self {
        Self { manager }
    }

    /// Runs what reads and writes files on a thread that may block.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Manager) -> Result<T, ManagerError> + Send + 'static,
    ) -> Result<T, Error> {
        let manager = self.manager.clone();
        let done = tokio::task::spawn_blocking(move || work(&manager)).await;
        Ok(done.map_err(|error| Error::Failed(format!("the work broke off: {error}")))??)
    }

    async fn carry_out(
        &self,
        connection: &Connection,
        proposal: Proposal,
        request: Request,
    ) -> Result<(u64, Vec<String>), Error> {
        if request.seconds > LONGEST {
            return Err(Error::InvalidValue(format!("seconds: at most {LONGEST}")));
        }
        let (manager, bus) = (self.manager.clone(), server::bus(connection.clone()));
        self.finish(connection, async move { manager.commit(&bus, proposal, &request).await }).await
    }

    /// Sees a commit through and tells of it.
    async fn finish(
        &self,
        connection: &Connection,
        commit: impl Future<Output = Result<Committed, CommitError>> + Send + 'static,
    ) -> Result<(u64, Vec<String>), Error> {
        let before = self.manager.committed().generation;
        // A task of its own: a caller that goes away does not stop a commit half way.
        let commit = tokio::spawn(commit);
        let outcome =
            commit.await.map_err(|error| Error::Failed(format!("the commit broke off: {error}")))?;
        let emitter = SignalEmitter::new(connection, CFGMGR_PATH)?;
        if self.manager.committed().generation != before {
            self.generation_changed(&emitter).await?;
        }
        let committed = outcome?;
        if !committed.components.is_empty() {
            Self::committed(&emitter, committed.generation, committed.components).await?;
        }
        Ok((committed.generation, committed.notes))
    }

    /// The author for the history. tenon-cmdctl is believed, and everybody else is who the bus says.
    async fn author(
        &self,
        connection: &Connection,
        header: &Header<'_>,
        named: &str,
    ) -> Result<String, Error> {
        let user = caller(connection, header).await?.name;
        if user != self.manager.places().door_user {
            if named.is_empty() {
                return Ok(editor(connection, header).await?.name);
            }
            return Err(Error::AccessDenied(format!(
                "only {} may name an author; {user} is named by the bus",
                self.manager.places().door_user
            )));
        }
        named_author(&user, named)
    }

    /// Tells everybody on the bus that another generation is in force than before.
    pub(crate) async fn tell_generation(&self, bus: &Bus) -> Result<(), BusError> {
        let emitter = SignalEmitter::new(server::connection(bus)?, CFGMGR_PATH)?;
        self.generation_changed(&emitter).await?;
        let (generation, components) = (self.manager.committed().generation, self.manager.schemas().names());
        Ok(Self::committed(&emitter, generation, components).await?)
    }
}

/// An account of the door, as the history names it.
fn named_author(user: &str, named: &str) -> Result<String, Error> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '@');
    if named.is_empty() || named.len() > AUTHOR || !named.chars().all(plain) {
        return Err(Error::AccessDenied(format!(
            "{user} has to name the account that asks: at most {AUTHOR} letters, digits and . _ - @"
        )));
    }
    Ok(format!("cmdctl:{named}"))
}

/// Component, what was said, who said it, what came of it, notes.
type VerdictRow = (String, &'static str, &'static str, &'static str, Vec<String>);

fn verdict_row(verdict: Verdict) -> VerdictRow {
    let Verdict { component, said, asked, effect, notes } = verdict;
    (component, said.word(), asked.word(), effect.word(), notes)
}

fn texts((path, now, then): Change) -> (String, String, String) {
    let text = |value: Option<Value>| value.map(|value| value.to_string()).unwrap_or_default();
    (path, text(now), text(then))
}

fn edit((path, value): (String, String)) -> Result<(String, Option<Value>), Error> {
    if value.is_empty() {
        return Ok((path, None));
    }
    let value = serde_json::from_str(&value)
        .map_err(|error| Error::InvalidValue(format!("{path}: the value is not JSON: {error}")))?;
    Ok((path, Some(value)))
}

fn key_name(text: &str) -> Result<Name, Error> {
    text.parse().map_err(|error| Error::InvalidValue(format!("{text:?} is no name of a key: {error}")))
}

async fn editor(connection: &Connection, header: &Header<'_>) -> Result<Caller, Error> {
    authorise(connection, header, Action::ConfigCommit).await
}

#[zbus::interface(name = "org.tenon.Cfgmgr1", introspection_docs = false)]
impl ManagerFace {
    #[zbus(property)]
    fn generation(&self) -> u64 {
        self.manager.committed().generation
    }

    #[zbus(property(emits_changed_signal = "false"))]
    fn components(&self) -> Vec<String> {
        self.manager.schemas().names()
    }

    #[zbus(property(emits_changed_signal = "false"))]
    fn faults(&self) -> Vec<String> {
        self.manager.faults()
    }

    #[zbus(property(emits_changed_signal = "false"))]
    fn unconfirmed(&self) -> (u64, u64, u64) {
        let promise = self.manager.promise();
        promise.map(|promise| (promise.generation, promise.restores, promise.until_usec)).unwrap_or_default()
    }

    #[zbus(out_args("schema"))]
    async fn schema(&self, component: String) -> Result<String, Error> {
        let schemas = self.manager.schemas();
        let schema = schemas.get(&component).ok_or_else(|| {
            Error::NoSuchComponent(format!("{component}; there are {}", schemas.names().join(", ")))
        })?;
        Ok(schema.text())
    }

    #[zbus(out_args("value"))]
    async fn get(
        &self,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
        path: String,
        candidate: bool,
    ) -> Result<String, Error> {
        let uid = if candidate { Some(caller(connection, &header).await?.uid) } else { None };
        let value = self.blocking(move |manager| manager.get(&path, uid)).await?;
        Ok(value.to_string())
    }

    async fn set(
        &self,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
        path: String,
        value: String,
    ) -> Result<(), Error> {
        let editor = editor(connection, &header).await?;
        let value: Value = serde_json::from_str(&value)
            .map_err(|error| Error::InvalidValue(format!("{path}: the value is not JSON: {error}")))?;
        self.blocking(move |manager| manager.set(editor.uid, &path, value)).await
    }

    async fn unset(
        &self,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
        path: String,
    ) -> Result<(), Error> {
        let editor = editor(connection, &header).await?;
        self.blocking(move |manager| manager.unset(editor.uid, &path)).await
    }

    #[zbus(out_args("changes"))]
    async fn diff(
        &self,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<Vec<(String, String, String)>, Error> {
        let uid = caller(connection, &header).await?.uid;
        let changes = self.blocking(move |manager| manager.diff(uid)).await?;
        Ok(changes.into_iter().map(texts).collect())
    }

    async fn revert(
        &self,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        let editor = editor(connection, &header).await?;
        self.blocking(move |manager| manager.revert(editor.uid)).await
    }

    #[zbus(out_args("generation", "notes"))]
    async fn commit(
        &self,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
        comment: String,
    ) -> Result<(u64, Vec<String>), Error> {
        let editor = editor(connection, &header).await?;
        let request = Request { author: editor.name, comment, seconds: 0 };
        self.carry_out(connection, Proposal::Candidate(editor.uid), request).await
    }

    #[zbus(out_args("generation", "notes"))]
    async fn commit_to_confirm(
        &self,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
        comment: String,
        seconds: u32,
    ) -> Result<(u64, Vec<String>), Error> {
        let editor = editor(connection, &header).await?;
        if seconds == 0 {
            return Err(Error::InvalidValue("seconds: at least 1".into()));
        }
        let request = Request { author: editor.name, comment, seconds };
        self.carry_out(connection, Proposal::Candidate(editor.uid), request).await
    }

    #[zbus(out_args("generation"))]
    async fn confirm(
        &self,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
        author: String,
    ) -> Result<u64, Error> {
        let author = self.author(connection, &header, &author).await?;
        Ok(self.manager.confirm(&author).await?)
    }

    #[zbus(out_args("generation", "notes"))]
    #[allow(clippy::too_many_arguments, reason = "the interface has them")]
    async fn commit_edits(
        &self,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
        author: String,
        base: u64,
        edits: Vec<(String, String)>,
        comment: String,
        seconds: u32,
    ) -> Result<(u64, Vec<String>), Error> {
        let author = self.author(connection, &header, &author).await?;
        let edits = edits.into_iter().map(edit).collect::<Result<_, _>>()?;
        let request = Request { author, comment, seconds };
        self.carry_out(connection, Proposal::Edits(base, edits), request).await
    }

    #[zbus(out_args("generation", "notes"))]
    async fn rollback(
        &self,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
        author: String,
        to: u64,
        comment: String,
        seconds: u32,
    ) -> Result<(u64, Vec<String>), Error> {
        let author = self.author(connection, &header, &author).await?;
        let comment = if comment.is_empty() { format!("the settings of generation {to}") } else { comment };
        let request = Request { author, comment, seconds };
        self.carry_out(connection, Proposal::Generation(to), request).await
    }

    #[zbus(out_args("reason", "verdicts"))]
    async fn verdicts(
        &self,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
        author: String,
        generation: u64,
    ) -> Result<(String, Vec<VerdictRow>), Error> {
        let user = caller(connection, &header).await?.name;
        let author =
            if user == self.manager.places().door_user { named_author(&user, &author)? } else { user };
        let (reason, verdicts) = self.manager.verdicts(&author, generation);
        Ok((reason, verdicts.into_iter().map(verdict_row).collect()))
    }

    #[zbus(out_args("generation", "notes"))]
    async fn put_key(
        &self,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
        name: String,
        algorithm: String,
        secret: String,
    ) -> Result<(u64, Vec<String>), Error> {
        let author = authorise(connection, &header, Action::KeyEdit).await?.name;
        let secret = Zeroizing::new(secret);
        let invalid = |error: &dyn std::fmt::Display| Error::InvalidValue(error.to_string());
        let algorithm: Algorithm = algorithm.parse().map_err(|error: UnknownAlgorithm| invalid(&error))?;
        let key = Key::from_base64(key_name(&name)?, algorithm, &secret).map_err(|error| invalid(&error))?;
        let request = Request { author, comment: format!("key {} is set", key.name()), seconds: 0 };
        let (manager, bus) = (self.manager.clone(), server::bus(connection.clone()));
        self.finish(connection, async move { manager.put_key(&bus, key, request).await }).await
    }

    #[zbus(out_args("generation", "notes"))]
    async fn remove_key(
        &self,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
        name: String,
    ) -> Result<(u64, Vec<String>), Error> {
        let author = authorise(connection, &header, Action::KeyEdit).await?.name;
        let key = key_name(&name)?;
        let request = Request { author, comment: format!("key {key} is removed"), seconds: 0 };
        let (manager, bus) = (self.manager.clone(), server::bus(connection.clone()));
        self.finish(connection, async move { manager.remove_key(&bus, &key, request).await }).await
    }

    #[zbus(out_args("keys"))]
    fn list_keys(&self) -> Vec<(String, String, u64, Vec<String>)> {
        let row = |key: ListedKey| (key.name, key.algorithm, key.set_usec, key.used_by);
        self.manager.list_keys().into_iter().map(row).collect()
    }

    #[zbus(out_args("value", "changes"))]
    async fn preview(
        &self,
        base: u64,
        edits: Vec<(String, String)>,
        path: String,
    ) -> Result<(String, Vec<(String, String, String)>), Error> {
        let edits = edits.into_iter().map(edit).collect::<Result<_, _>>()?;
        let (value, changes) = self.blocking(move |manager| manager.preview(base, edits, &path)).await?;
        Ok((value.to_string(), changes.into_iter().map(texts).collect()))
    }

    #[zbus(out_args("changes"))]
    async fn diff_generations(&self, from: u64, to: u64) -> Result<Vec<(String, String, String)>, Error> {
        let changes = self.blocking(move |manager| manager.diff_generations(from, to)).await?;
        Ok(changes.into_iter().map(texts).collect())
    }

    #[zbus(out_args("generations"))]
    async fn history(&self, before: u64, limit: u32) -> Result<Vec<(u64, u64, String, String)>, Error> {
        let generations = self.blocking(move |manager| manager.history(before, limit)).await?;
        let entry = |stored: tenon_service::committed::StoredGeneration| {
            (stored.generation, stored.committed_usec, stored.author, stored.comment)
        };
        Ok(generations.into_iter().map(entry).collect())
    }

    #[zbus(signal)]
    async fn committed(
        emitter: &SignalEmitter<'_>,
        generation: u64,
        components: Vec<String>,
    ) -> zbus::Result<()>;
}

impl From<ManagerError> for Error {
    fn from(error: ManagerError) -> Self {
        match error {
            ManagerError::Option(OptionError::NoSuchOption(text)) => Self::NoSuchOption(text),
            ManagerError::Option(error) => Self::InvalidValue(error.to_string()),
            ManagerError::NoSuchGeneration(_) => Self::NoSuchGeneration(error.to_string()),
            ManagerError::Storage(error) => Self::Failed(error.to_string()),
        }
    }
}

impl From<CommitError> for Error {
    fn from(error: CommitError) -> Self {
        let text = error.to_string();
        match error {
            CommitError::Rejected(_) => Self::Rejected(text),
            CommitError::Conflict(_) => Self::Conflict(text),
            CommitError::ApplyFailed { .. } => Self::ApplyFailed(text),
            CommitError::Pending(_) => Self::ConfirmationPending(text),
            CommitError::Proposal(error) => error.into(),
            CommitError::Storage(_) => Self::Failed(text),
        }
    }
}

impl From<ConfirmError> for Error {
    fn from(error: ConfirmError) -> Self {
        let text = error.to_string();
        match error {
            ConfirmError::Nothing(_) => Self::NothingToConfirm(text),
            ConfirmError::Storage(_) => Self::Failed(text),
        }
    }
}
