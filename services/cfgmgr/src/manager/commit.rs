//! The two phases of a commit.
//!
//! First every owner concerned checks. Only when all have accepted is the generation stored, and from then on it is
//! the committed one, whatever dies. Then every owner is told to apply it. When one cannot, the settings before are
//! committed again *under a new number*, with the reason as comment, and applied: a number never means two things, so
//! that an owner which missed the turn back is found by its number.

use std::collections::BTreeMap;

use serde_json::Value;
use tenon_bus::Bus;
use tenon_service::authorise::Caller;
use tenon_service::committed::StoredGeneration;
use tenon_service::{document, now_usec};
use tracing::{error, info, warn};

use super::{Manager, held};
use crate::listen::differ;
use crate::messages;
use crate::option;
use crate::owners::Owners;
use crate::storage::{Candidate, StorageError};

/// Most characters of a comment.
const COMMENT: usize = 1000;

/// What a commit came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The generation in force.
    pub generation: u64,
    /// What owners amended, and what else is worth knowing.
    pub notes: Vec<String>,
    /// Components whose settings changed; none when there was nothing to change.
    pub components: Vec<String>,
}

/// Why a commit did not come into force.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// An owner said no; nothing changed.
    #[error("{0}")]
    Rejected(String),
    /// The options were committed with other values meanwhile; nothing changed.
    #[error(
        "{} changed since you edited: `bindctl config diff` shows the values now; set what you want again, or revert",
        .0.join(", ")
    )]
    Conflict(Vec<String>),
    /// Accepted and stored, but could not be put into force; the settings before are in force as a new generation.
    #[error("{reason}; generation {restored} has the settings of before")]
    ApplyFailed {
        /// Why.
        reason: String,
        /// The generation that has the settings of before.
        restored: u64,
    },
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

type Documents = BTreeMap<String, Value>;

impl Manager {
    /// Checks, stores and applies a user's candidate.
    pub async fn commit(&self, bus: &Bus, caller: &Caller, comment: &str) -> Result<Committed, CommitError> {
        let _committing = self.committing.lock().await;
        let committed = self.try_commit(bus, caller, comment).await;
        match &committed {
            Ok(Committed { generation, components, .. }) if !components.is_empty() => {
                self.statistics.commits.add();
                info!(
                    message_id = messages::COMMITTED,
                    generation,
                    author = %caller.name,
                    components = %components.join(","),
                    "generation {generation} of {} by {} is in force", components.join(", "), caller.name
                );
            }
            Ok(_) => {}
            Err(error) => {
                match error {
                    CommitError::Rejected(_) => self.statistics.rejected.add(),
                    CommitError::Conflict(_) => self.statistics.conflicts.add(),
                    CommitError::ApplyFailed { .. } => self.statistics.restored.add(),
                    CommitError::Storage(_) => {}
                }
                warn!(
                    message_id = messages::REFUSED,
                    author = %caller.name,
                    reason = %error,
                    "a commit by {} did not come into force: {error}", caller.name
                );
            }
        }
        committed
    }

    async fn try_commit(&self, bus: &Bus, caller: &Caller, comment: &str) -> Result<Committed, CommitError> {
        if comment.chars().count() > COMMENT {
            return Err(CommitError::Rejected(format!("the comment is longer than {COMMENT} characters")));
        }
        let before = self.committed();
        let candidate = self.storage.candidate(caller.uid)?;
        let owners = self.owners(bus);
        let (settings, notes) = self.check(&owners, &before, &candidate).await?;
        let components = changed(&before.settings, &settings);
        if components.is_empty() {
            self.drop_edits(caller.uid, &candidate)?;
            return Ok(Committed { generation: before.generation, notes, components });
        }
        let stored = self.store(settings, &caller.name, comment).await?;
        match self.put_into_force(&owners, &before, &stored).await {
            Ok(more) => {
                self.drop_edits(caller.uid, &candidate)?;
                let notes = notes.into_iter().chain(more).collect();
                Ok(Committed { generation: stored.generation, notes, components })
            }
            Err(reason) => {
                let restored = self.restore(&owners, &before, &stored, &reason).await?;
                Err(CommitError::ApplyFailed { reason, restored })
            }
        }
    }

    /// The settings that the candidate amounts to, as all owners concerned would have them, with their notes.
    async fn check(
        &self,
        owners: &Owners,
        before: &StoredGeneration,
        candidate: &Candidate,
    ) -> Result<(Documents, Vec<String>), CommitError> {
        let schemas = self.schemas();
        let now = schemas.complete(&before.settings);
        let conflicts = option::conflicts(candidate, &now);
        if !conflicts.is_empty() {
            return Err(CommitError::Conflict(conflicts));
        }
        let mut then = now.clone();
        option::lay(candidate, &schemas, &mut then);
        let mut settings = before.settings.clone();
        let mut notes = Vec::new();
        let limit = held(&self.settings).check_limit();
        for (component, value) in &then {
            let (Some(schema), Some(value)) = (schemas.get(component), value.as_object()) else { continue };
            if now.get(component).and_then(Value::as_object) == Some(value) {
                continue;
            }
            let proposed = Value::Object(document::differing(value, &schema.defaults()));
            let checked = owners.check(component, &proposed, limit).await;
            let checked = checked.map_err(|error| CommitError::Rejected(error.to_string()))?;
            notes.extend(checked.notes.into_iter().map(|note| format!("{component}: {note}")));
            settings.insert(component.clone(), checked.amended);
        }
        settings.retain(|_, document| document.as_object().is_none_or(|options| !options.is_empty()));
        Ok((settings, notes))
    }

    /// Makes settings the committed ones under a new number.
    async fn store(
        &self,
        settings: Documents,
        author: &str,
        comment: &str,
    ) -> Result<StoredGeneration, StorageError> {
        let generation = StoredGeneration {
            generation: self.storage.next_number()?,
            committed_usec: now_usec(),
            author: author.to_owned(),
            comment: comment.to_owned(),
            settings,
        };
        let (storage, to_store) = (self.storage.clone(), generation.clone());
        let keep = held(&self.settings).keep_generations;
        let stored = tokio::task::spawn_blocking(move || {
            storage.store(&to_store)?;
            if let Err(error) = storage.prune(keep as usize) {
                warn!("old generations cannot be removed: {error}, ignoring");
            }
            Ok(())
        });
        // A blocking task ends early only by panicking, and that is told by the process's panic message.
        stored.await.unwrap_or_else(|error| {
            Err(StorageError { path: "generations".into(), error: std::io::Error::other(error) })
        })?;
        *held(&self.committed) = generation.clone();
        Ok(generation)
    }

    /// Has PID 1 and all running owners put a stored generation into force. Notes, or the reason of the first failure.
    async fn put_into_force(
        &self,
        owners: &Owners,
        before: &StoredGeneration,
        stored: &StoredGeneration,
    ) -> Result<Vec<String>, String> {
        let notes = self.listen(before, stored).await?;
        for component in self.schemas().names() {
            let present = match owners.present(&component).await {
                // What is stored holds; owners are looked at again when the bus is back.
                Err(error) if error.is_bus_down() => break,
                present => present.map_err(|error| error.to_string())?,
            };
            for name in present {
                self.apply_to(owners, &name, &component, stored).await?;
            }
        }
        Ok(notes)
    }

    async fn listen(
        &self,
        before: &StoredGeneration,
        stored: &StoredGeneration,
    ) -> Result<Vec<String>, String> {
        let listen = &self.places.listen;
        let schemas = self.schemas();
        let tree = schemas.complete(&stored.settings);
        if !differ(&schemas.complete(&before.settings), &tree) {
            return Ok(Vec::new());
        }
        listen.write(stored.generation, &tree).map_err(|error| error.to_string())?;
        if !listen.is_served() {
            return Ok(vec![
                "the listen addresses are stored, but tenon-listen does not run here and nobody opens them"
                    .into(),
            ]);
        }
        let limit = held(&self.settings).listen_limit();
        listen.wait(stored.generation, limit).await?;
        Ok(Vec::new())
    }

    /// Commits and applies the settings of before again, under a new number.
    async fn restore(
        &self,
        owners: &Owners,
        before: &StoredGeneration,
        failed: &StoredGeneration,
        reason: &str,
    ) -> Result<u64, StorageError> {
        let comment = format!(
            "the settings of generation {}, because generation {} could not be applied: {reason}",
            before.generation, failed.generation
        );
        let comment: String = comment.chars().take(COMMENT).collect();
        let restored = self.store(before.settings.clone(), "tenon-cfgmgr", &comment).await?;
        if let Err(again) = self.put_into_force(owners, failed, &restored).await {
            error!(
                message_id = messages::RESTORED,
                generation = restored.generation,
                reason = %again,
                "the settings of before could not be applied everywhere either: {again}"
            );
        }
        warn!(
            message_id = messages::RESTORED,
            generation = restored.generation,
            reason = %reason,
            "generation {} could not be applied ({reason}); generation {} has the settings of generation {}",
            failed.generation,
            restored.generation,
            before.generation
        );
        Ok(restored.generation)
    }

    /// Forgets the edits that were committed, and keeps those the user made meanwhile.
    fn drop_edits(&self, uid: u32, done: &Candidate) -> Result<(), StorageError> {
        let _editing = held(&self.editing);
        let mut candidate = self.storage.candidate(uid)?;
        candidate.edits.retain(|path, edit| done.edits.get(path) != Some(edit));
        self.storage.put_candidate(uid, &candidate)
    }
}

/// Components whose stored settings differ.
fn changed(before: &Documents, after: &Documents) -> Vec<String> {
    let mut components: Vec<String> = before.keys().chain(after.keys()).cloned().collect();
    components.sort();
    components.dedup();
    components.retain(|component| before.get(component) != after.get(component));
    components
}
