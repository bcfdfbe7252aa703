//! The bus face of the manager: `org.tenon.Cfgmgr1`.

use std::sync::Arc;

use serde_json::Value;
use tenon_bus::server::{self, Error};
use tenon_service::authorise::{Action, Caller, authorise, caller};
use zbus::Connection;
use zbus::message::Header;
use zbus::object_server::SignalEmitter;

use super::{CommitError, Manager, ManagerError};
use crate::option::OptionError;

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
        self.blocking(move |manager| manager.set(editor.uid, &path, &value)).await
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
        let text = |value: Option<Value>| value.map(|value| value.to_string()).unwrap_or_default();
        Ok(changes.into_iter().map(|(path, now, then)| (path, text(now), text(then))).collect())
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
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
        comment: String,
    ) -> Result<(u64, Vec<String>), Error> {
        let editor = editor(connection, &header).await?;
        let bus = server::bus(connection.clone());
        let before = self.manager.committed().generation;
        // A task of its own: a caller that goes away does not stop a commit half way.
        let manager = self.manager.clone();
        let commit = tokio::spawn(async move { manager.commit(&bus, &editor, &comment).await });
        let outcome =
            commit.await.map_err(|error| Error::Failed(format!("the commit broke off: {error}")))?;
        if self.manager.committed().generation != before {
            self.generation_changed(&emitter).await?;
        }
        let committed = outcome?;
        if !committed.components.is_empty() {
            Self::committed(&emitter, committed.generation, committed.components).await?;
        }
        Ok((committed.generation, committed.notes))
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
            CommitError::Storage(_) => Self::Failed(text),
        }
    }
}
