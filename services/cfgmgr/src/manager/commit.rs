//! The two phases of a commit.
//!
//! First every owner concerned checks. Only when all have accepted is the generation stored, and from then on it is
//! the committed one, whatever dies. Then every owner is told to apply it. When one cannot, the settings before are
//! committed again *under a new number*, with the reason as comment, and applied: a number never means two things, so
//! that an owner which missed the turn back is found by its number.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};
use tenon_bus::Bus;
use tenon_service::committed::StoredGeneration;
use tenon_service::now_usec;
use tracing::{error, info, warn};

use super::verdict::{self, Effect, Tried, Verdict};
use super::{Manager, ManagerError, held};
use crate::listen;
use crate::messages;
use crate::option::{self, OptionError};
use crate::owners::Owners;
use crate::statistics::count;
use crate::storage::step::Step;
use crate::storage::{Candidate, Promise, StorageError};
use crate::virtual_module;

/// Most characters of a comment.
const COMMENT: usize = 1000;

/// What is to become the committed settings.
#[derive(Clone, Debug)]
pub enum Proposal {
    /// The candidate of a user.
    Candidate(u32),
    /// Edits that travel with the request, made on a generation (0: the present one): path, and the value or `None` for
    /// the default.
    Edits(u64, Vec<(String, Option<Value>)>),
    /// The settings of a generation.
    Generation(u64),
}

/// Who asks for a commit, and how.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The author for the history.
    pub author: String,
    /// What the author says of it.
    pub comment: String,
    /// Seconds within which it must be confirmed; 0 when it need not be.
    pub seconds: u32,
}

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
    /// Another commit waits for its confirmation; nothing changed.
    #[error(
        "generation {} by {}: `bindctl config confirm` keeps it, `bindctl config rollback {}` takes it back at once",
        .0.generation, .0.author, .0.restores
    )]
    Pending(Promise),
    /// An edit that travelled with the request is wrong, or the generation it is based on is not kept; nothing changed.
    #[error(transparent)]
    Proposal(ManagerError),
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

impl From<ManagerError> for CommitError {
    fn from(error: ManagerError) -> Self {
        match error {
            ManagerError::Storage(error) => Self::Storage(error),
            error => Self::Proposal(error),
        }
    }
}

pub(super) type Documents = BTreeMap<String, Value>;

impl Manager {
    /// Checks, stores and applies what is proposed.
    pub async fn commit(
        &self,
        bus: &Bus,
        proposal: Proposal,
        request: &Request,
    ) -> Result<Committed, CommitError> {
        let _committing = self.committing.lock().await;
        let mut verdicts = Vec::new();
        let committed = self.try_commit(bus, proposal, request, &mut verdicts).await;
        self.tell(&committed, &request.author);
        let (generation, reason) = match &committed {
            Ok(committed) => (committed.generation, String::new()),
            Err(error) => (0, error.to_string()),
        };
        held(&self.last_tried).remember(Tried {
            author: request.author.clone(),
            generation,
            reason,
            verdicts,
        });
        committed
    }

    fn tell(&self, committed: &Result<Committed, CommitError>, author: &str) {
        match committed {
            Ok(Committed { generation, components, .. }) if !components.is_empty() => {
                count(&self.statistics.commits);
                info!(
                    message_id = messages::COMMITTED,
                    generation,
                    author = %author,
                    components = %components.join(","),
                    "generation {generation} of {} by {author} is in force", components.join(", ")
                );
            }
            Ok(_) => {}
            Err(error) => {
                match error {
                    CommitError::Rejected(_) => count(&self.statistics.commits_rejected),
                    CommitError::Conflict(_) | CommitError::Pending(_) => {
                        count(&self.statistics.commits_in_conflict);
                    }
                    CommitError::ApplyFailed { .. } => count(&self.statistics.commits_restored),
                    CommitError::Storage(_) | CommitError::Proposal(_) => {}
                }
                warn!(
                    message_id = messages::REFUSED,
                    author = %author,
                    reason = %error,
                    "a commit by {author} did not come into force: {error}"
                );
            }
        }
    }

    async fn try_commit(
        &self,
        bus: &Bus,
        proposal: Proposal,
        request: &Request,
        verdicts: &mut Vec<Verdict>,
    ) -> Result<Committed, CommitError> {
        if request.comment.chars().count() > COMMENT {
            return Err(CommitError::Rejected(format!("the comment is longer than {COMMENT} characters")));
        }
        if let (Some(promise), Proposal::Candidate(_) | Proposal::Edits(..)) = (self.promise(), &proposal) {
            return Err(CommitError::Pending(promise));
        }
        let before = self.committed();
        let owners = self.owners(bus);
        let (user, generation) = match proposal {
            Proposal::Candidate(uid) => (Some(uid), None),
            Proposal::Generation(number) => (None, Some(number)),
            Proposal::Edits(..) => (None, None),
        };
        let candidate = self.candidate_of(proposal, &before)?;
        let then = self.proposed(generation, &candidate, &before)?;
        // What nobody keeps is not held on to either: it may be 100,000 zones.
        let done = user.map(|uid| (uid, candidate));
        let (settings, mut notes) = self.check(&owners, &before, then, verdicts).await?;
        let components = changed(&before.settings, &settings);
        if components.is_empty() {
            self.drop_edits(done.as_ref())?;
            return Ok(Committed { generation: before.generation, notes, components });
        }
        let stored = self.store(settings, request, Some(before.generation)).await?;
        match self.put_into_force(Some(&owners), &before, &stored, verdicts).await {
            Ok(more) => {
                self.drop_edits(done.as_ref())?;
                notes.extend(more);
                Ok(Committed { generation: stored.generation, notes, components })
            }
            Err(reason) => {
                let comment = format!(
                    "the settings of generation {}, because generation {} could not be applied: {reason}",
                    before.generation, stored.generation
                );
                let restored = self.restore(Some(&owners), &before, &stored, &comment, &reason).await?;
                for verdict in verdicts.iter_mut().filter(|verdict| verdict.effect != Effect::Failed) {
                    verdict.effect = Effect::None;
                }
                Err(CommitError::ApplyFailed { reason, restored })
            }
        }
    }

    /// The edits of a proposal; none where it is no edits that are proposed.
    pub(super) fn candidate_of(
        &self,
        proposal: Proposal,
        before: &StoredGeneration,
    ) -> Result<Candidate, ManagerError> {
        let schemas = self.schemas();
        let (tree, edits) = match proposal {
            Proposal::Candidate(uid) => return Ok(self.storage.candidate(uid)?),
            Proposal::Generation(_) => return Ok(Candidate::default()),
            Proposal::Edits(0, edits) => (schemas.complete(&before.settings), edits),
            Proposal::Edits(base, edits) => (schemas.complete(&self.generation(base)?.settings), edits),
        };
        let mut candidate = Candidate::default();
        for (path, value) in edits {
            match value {
                Some(value) => option::set(&mut candidate, &schemas, &tree, &path, value),
                None => option::unset(&mut candidate, &schemas, &tree, &path),
            }
            .inspect_err(|error| {
                if matches!(error, OptionError::Full(_)) {
                    count(&self.statistics.candidates_full);
                }
            })?;
        }
        Ok(candidate)
    }

    /// All settings as they are proposed to be: those of a generation, or the present ones with edits.
    fn proposed(
        &self,
        generation: Option<u64>,
        candidate: &Candidate,
        before: &StoredGeneration,
    ) -> Result<Map<String, Value>, CommitError> {
        let schemas = self.schemas();
        if let Some(number) = generation {
            return Ok(schemas.complete(&self.generation(number)?.settings));
        }
        let mut tree = schemas.complete(&before.settings);
        let conflicts = option::conflicts(candidate, &tree);
        if !conflicts.is_empty() {
            return Err(CommitError::Conflict(conflicts));
        }
        option::lay(candidate, &schemas, &mut tree);
        Ok(tree)
    }

    /// Makes settings the committed ones under a new number. `before`: the generation that comes back if this one must
    /// be confirmed and is not.
    async fn store(
        &self,
        settings: Documents,
        request: &Request,
        before: Option<u64>,
    ) -> Result<Arc<StoredGeneration>, StorageError> {
        let generation = Arc::new(StoredGeneration {
            generation: self.storage.next_number()?,
            committed_usec: now_usec(),
            author: request.author.clone(),
            comment: request.comment.clone(),
            settings,
        });
        let promise = before.and_then(|before| super::confirm::promise(&generation, before, request.seconds));
        let (storage, to_store, kept) = (self.storage.clone(), Arc::clone(&generation), promise.clone());
        let keep = held(&self.settings).keep_generations;
        let steps = self.places.steps.clone();
        let stored = tokio::task::spawn_blocking(move || {
            let cut = |error| StorageError { path: "generations".into(), error };
            steps.before(Step::KeepPromise).map_err(cut)?;
            // First the promise: a generation without it would stay for good.
            if kept.is_some() {
                storage.put_promise(kept.as_ref())?;
            }
            storage.store(&to_store)?;
            if kept.is_none() {
                storage.put_promise(None)?;
            }
            if let Err(error) = storage.prune(keep as usize) {
                warn!("old generations cannot be removed: {error}, ignoring");
            }
            Ok(())
        });
        // A blocking task ends early only by panicking, and that is told by the process's panic message.
        stored.await.unwrap_or_else(|error| {
            Err(StorageError { path: "generations".into(), error: std::io::Error::other(error) })
        })?;
        *held(&self.committed) = Arc::clone(&generation);
        self.wait_for_confirmation(promise);
        Ok(generation)
    }

    /// Has PID 1 and all running owners put a stored generation into force. Notes, or the reason of the first failure.
    async fn put_into_force(
        &self,
        owners: Option<&Owners>,
        before: &StoredGeneration,
        stored: &StoredGeneration,
        verdicts: &mut Vec<Verdict>,
    ) -> Result<Vec<String>, String> {
        self.before(Step::WriteListen)?;
        let (notes, restarted) = self.listen(before, stored).await.inspect_err(|reason| {
            verdict::note(verdicts, listen::OWNER, Effect::Failed, Some(reason));
        })?;
        self.before(Step::GiveKeys)?;
        // Owners read their keys when they are told of the generation.
        {
            let tree = self.schemas().complete(&stored.settings);
            self.keys.distribute(&tree).map_err(|error| error.to_string())?;
        }
        // Without a bus nobody can be told; what is stored holds, and owners are looked at again when the bus is back.
        let Some(owners) = owners else { return Ok(notes) };
        self.before(Step::TellOwners)?;
        for component in self.schemas().names() {
            let present = match owners.present(&component).await {
                // What is stored holds; owners are looked at again when the bus is back.
                Err(error) if error.is_bus_down() => break,
                present => present.map_err(|error| error.to_string())?,
            };
            let effect = match present.as_slice() {
                [] if virtual_module::find(&component).is_none() => Effect::AtStart,
                _ if restarted && component == listen::OWNER => Effect::Restarted,
                _ => Effect::Applied,
            };
            for name in present {
                self.apply_to(owners, &name, &component, stored).await.inspect_err(|reason| {
                    verdict::note(verdicts, &component, Effect::Failed, Some(reason));
                })?;
                self.before(Step::OwnerTold)?;
            }
            verdict::note(verdicts, &component, effect, None);
        }
        Ok(notes)
    }

    fn before(&self, step: Step) -> Result<(), String> {
        self.places.steps.before(step).map_err(|error| error.to_string())
    }

    /// Has PID 1 open the listen addresses if they changed. Notes, and whether who listens was restarted for that.
    async fn listen(
        &self,
        before: &StoredGeneration,
        stored: &StoredGeneration,
    ) -> Result<(Vec<String>, bool), String> {
        let schemas = self.schemas();
        let owner = |generation: &StoredGeneration| schemas.component(listen::OWNER, &generation.settings);
        let (then, now) = (owner(before), owner(stored));
        if !listen::differ(then.as_ref(), now.as_ref()) {
            return Ok((Vec::new(), false));
        }
        self.places.listen.write(stored.generation, now.as_ref()).map_err(|error| error.to_string())?;
        let listen = &self.places.listen;
        if !listen.is_served() {
            let unserved =
                "the listen addresses are stored, but tenon-listen does not run here and nobody opens them";
            return Ok((vec![unserved.to_owned()], false));
        }
        let limit = held(&self.settings).listen_limit();
        listen.wait(stored.generation, limit).await?;
        Ok((Vec::new(), true))
    }

    /// Commits and applies the settings of before again, under a new number.
    pub(super) async fn restore(
        &self,
        owners: Option<&Owners>,
        before: &StoredGeneration,
        failed: &StoredGeneration,
        comment: &str,
        reason: &str,
    ) -> Result<u64, StorageError> {
        let comment = comment.chars().take(COMMENT).collect();
        let request = Request { author: "tenon-cfgmgr".to_owned(), comment, seconds: 0 };
        let restored = self.store(before.settings.clone(), &request, None).await?;
        if let Err(again) = self.put_into_force(owners, failed, &restored, &mut Vec::new()).await {
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
            "generation {} is taken back ({reason}); generation {} has the settings of generation {}",
            failed.generation,
            restored.generation,
            before.generation
        );
        Ok(restored.generation)
    }

    /// Forgets the edits of a user that were committed, and keeps those the user made meanwhile.
    fn drop_edits(&self, done: Option<&(u32, Candidate)>) -> Result<(), StorageError> {
        let Some((uid, done)) = done else { return Ok(()) };
        let cut = |error| StorageError { path: "candidates".into(), error };
        self.places.steps.before(Step::DropEdits).map_err(cut)?;
        let _editing = held(&self.editing);
        let mut candidate = self.storage.candidate(*uid)?;
        candidate.edits.retain(|path, edit| done.edits.get(path) != Some(edit));
        self.storage.put_candidate(*uid, &candidate)
    }
}

/// Components whose stored settings differ.
pub(super) fn changed(before: &Documents, after: &Documents) -> Vec<String> {
    let mut components: Vec<String> = before.keys().chain(after.keys()).cloned().collect();
    components.sort();
    components.dedup();
    components.retain(|component| before.get(component) != after.get(component));
    components
}
