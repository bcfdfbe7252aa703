//! The settings, what is committed of them and what users are about to change.

pub mod bus;
mod check;
mod commit;
mod confirm;
mod keys;
mod verdict;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value};
use tenon_bus::{Bus, BusError, Config1};
use tenon_service::committed::StoredGeneration;
use tenon_service::{Component, CounterDefinition, Refusal};
use tracing::{error, info, warn};

use crate::keyring::files::KeyFiles;
use crate::listen::{self, Listen};
use crate::messages;
use crate::option::{self, OptionError};
use crate::owners::Owners;
use crate::schemas::Schemas;
use crate::settings::CfgmgrSettings;
use crate::statistics::{Statistics, count};
use crate::storage::step::Steps;
use crate::storage::{Candidate, Storage, StorageError};

pub use commit::{CommitError, Committed, Proposal, Request};
pub use confirm::ConfirmError;
use confirm::Pending;
use verdict::LastTried;
pub use verdict::{Effect, Said, Verdict};

/// Most generations told of in one answer.
const HISTORY: u32 = 100;

/// Where things are.
#[derive(Clone, Debug)]
pub struct Places {
    /// Shipped schemas.
    pub schemas: PathBuf,
    /// Daemons, for their checkers.
    pub libexec: PathBuf,
    /// The listen addresses.
    pub listen: Listen,
    /// The user who is believed when it names the author of a change.
    pub door_user: String,
    /// The directory of TSIG keys.
    pub keys: PathBuf,
    /// Is asked before each step of a commit.
    pub steps: Steps,
}

/// The manager.
pub struct Manager {
    storage: Arc<dyn Storage>,
    places: Places,
    settings: Mutex<CfgmgrSettings>,
    statistics: Statistics,
    committed: Mutex<Arc<StoredGeneration>>,
    /// Owners that do not run with the committed settings, and why.
    faults: Mutex<BTreeMap<String, String>>,
    /// The commit that waits for confirmation.
    pending: Mutex<Option<Pending>>,
    /// Told when that changes.
    promised: tokio::sync::Notify,
    last_tried: Mutex<LastTried>,
    /// Held while a candidate is read, changed and written.
    editing: Mutex<()>,
    /// The secrets of TSIG keys.
    keys: KeyFiles,
    /// Held while the key ring is changed.
    changing_keys: tokio::sync::Mutex<()>,
    /// Held over a whole commit, and while an owner that came late is given the settings.
    committing: tokio::sync::Mutex<()>,
}

/// One difference that a commit would make: path, value now, value then.
pub type Change = (String, Option<Value>, Option<Value>);

/// Why a request was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum ManagerError {
    /// The option or its value is wrong.
    #[error(transparent)]
    Option(#[from] OptionError),
    /// No such generation is kept.
    #[error("{0} is not kept: `bindctl config history` lists those that are")]
    NoSuchGeneration(u64),
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl Manager {
    /// A manager over a store. Brings the listen request up to what is committed.
    pub fn new(
        storage: Arc<dyn Storage>,
        places: Places,
        settings: CfgmgrSettings,
    ) -> Result<Self, StorageError> {
        let committed = storage.current()?;
        let keys = KeyFiles::open(&places.keys)?;
        let pending = Pending::found(storage.as_ref(), committed.generation)?;
        let manager = Self {
            storage,
            places,
            settings: Mutex::new(settings),
            statistics: Statistics::default(),
            committed: Mutex::new(Arc::new(committed)),
            faults: Mutex::default(),
            pending: Mutex::new(pending),
            promised: tokio::sync::Notify::new(),
            last_tried: Mutex::default(),
            editing: Mutex::default(),
            keys,
            changing_keys: tokio::sync::Mutex::default(),
            committing: tokio::sync::Mutex::default(),
        };
        manager.write_missed_request()?;
        manager.give_keys();
        manager.forget_unnamed_keys();
        Ok(manager)
    }

    /// Ends a change of a key that a dead process left, and makes the files of keys agree with what is committed.
    fn give_keys(&self) {
        let tree = self.schemas().complete(&self.committed().settings);
        if let Err(error) = self.keys.end(&tree).and_then(|()| self.keys.distribute(&tree)) {
            error!(
                message_id = messages::KEYS_NOT_GIVEN,
                reason = %error,
                "the files of TSIG keys cannot be written: {error}"
            );
        }
    }

    /// Writes the listen request of a commit that a dead process did not come to write.
    fn write_missed_request(&self) -> Result<(), StorageError> {
        let requested = self.places.listen.requested();
        let committed = self.committed();
        let newer = self.storage.history(requested.saturating_add(1), 1)?;
        let then = match newer.first() {
            Some(stored) if stored.generation == requested => stored.settings.clone(),
            _ => BTreeMap::new(),
        };
        let schemas = self.schemas();
        let owner = |settings| schemas.component(listen::OWNER, settings);
        let (then, now) = (owner(&then), owner(&committed.settings));
        if committed.generation > requested && listen::differ(then.as_ref(), now.as_ref()) {
            self.places.listen.write(committed.generation, now.as_ref())?;
        }
        Ok(())
    }

    /// The committed generation.
    pub fn committed(&self) -> Arc<StoredGeneration> {
        Arc::clone(&held(&self.committed))
    }

    pub(crate) fn places(&self) -> &Places {
        &self.places
    }

    /// The shipped schemas, as they are now.
    pub fn schemas(&self) -> Schemas {
        Schemas::read(&self.places.schemas)
    }

    /// Owners that do not run with the committed settings, one sentence each.
    pub fn faults(&self) -> Vec<String> {
        held(&self.faults).iter().map(|(name, reason)| format!("{name}: {reason}")).collect()
    }

    /// Values below a path, with the edits of a user if one is named.
    pub fn get(&self, path: &str, edited_by: Option<u32>) -> Result<Value, ManagerError> {
        let schemas = self.schemas();
        let mut tree = schemas.complete(&self.committed().settings);
        if let Some(uid) = edited_by {
            option::lay(&self.storage.candidate(uid)?, &schemas, &mut tree);
        }
        Ok(option::get(&tree, path)?)
    }

    /// Sets an option in a user's candidate.
    pub fn set(&self, uid: u32, path: &str, value: Value) -> Result<(), ManagerError> {
        self.edit(uid, |candidate, schemas, tree| option::set(candidate, schemas, tree, path, value))
    }

    /// Takes an option back to its default in a user's candidate.
    pub fn unset(&self, uid: u32, path: &str) -> Result<(), ManagerError> {
        self.edit(uid, |candidate, schemas, tree| option::unset(candidate, schemas, tree, path))
    }

    fn edit(
        &self,
        uid: u32,
        change: impl FnOnce(&mut Candidate, &Schemas, &Map<String, Value>) -> Result<(), OptionError>,
    ) -> Result<(), ManagerError> {
        let schemas = self.schemas();
        let _editing = held(&self.editing);
        let tree = schemas.complete(&self.committed().settings);
        let mut candidate = self.storage.candidate(uid)?;
        change(&mut candidate, &schemas, &tree).inspect_err(|error| {
            if matches!(error, OptionError::Full(_)) {
                count(&self.statistics.candidates_full);
            }
        })?;
        Ok(self.storage.put_candidate(uid, &candidate)?)
    }

    /// Why the newest commit of an author with this generation did not come into force (empty when it did; 0: one that did
    /// not), and what became of each component's settings. Commits long ago are forgotten.
    pub fn verdicts(&self, author: &str, generation: u64) -> (String, Vec<Verdict>) {
        let last = held(&self.last_tried);
        let tried = last.find(author, generation);
        tried.map(|tried| (tried.reason.clone(), tried.verdicts.clone())).unwrap_or_default()
    }

    /// What a user's candidate would change.
    pub fn diff(&self, uid: u32) -> Result<Vec<Change>, ManagerError> {
        Ok(self.laid(&self.storage.candidate(uid)?).1)
    }

    /// The value below a path as edits would have it that were made on generation `base` (0: the present one), and what
    /// they would change. Nothing is kept, and no owner is asked.
    pub fn preview(
        &self,
        base: u64,
        edits: Vec<(String, Option<Value>)>,
        path: &str,
    ) -> Result<(Value, Vec<Change>), ManagerError> {
        let candidate = self.candidate_of(Proposal::Edits(base, edits), &self.committed())?;
        let (then, changes) = self.laid(&candidate);
        Ok((option::get(&then, path)?, changes))
    }

    /// The settings with edits laid on, and what these change.
    fn laid(&self, candidate: &Candidate) -> (Map<String, Value>, Vec<Change>) {
        let schemas = self.schemas();
        let now = schemas.complete(&self.committed().settings);
        let mut then = now.clone();
        option::lay(candidate, &schemas, &mut then);
        let change = |path: &String| {
            let (now, then) = (option::get(&now, path).ok(), option::get(&then, path).ok());
            (now != then).then(|| (path.clone(), now, then))
        };
        let changes = candidate.edits.keys().filter_map(change).collect();
        (then, changes)
    }

    /// Forgets a user's candidate.
    pub fn revert(&self, uid: u32) -> Result<(), ManagerError> {
        let _editing = held(&self.editing);
        Ok(self.storage.put_candidate(uid, &Candidate::default())?)
    }

    /// Generations older than `before` (0: from the newest), at most `limit` (0: as many as are told of at once).
    pub fn history(&self, before: u64, limit: u32) -> Result<Vec<StoredGeneration>, ManagerError> {
        let limit = if limit == 0 { HISTORY } else { limit.min(HISTORY) };
        Ok(self.storage.history(before, limit as usize)?)
    }

    /// A generation as it is kept; 0 is that of the defaults.
    fn generation(&self, number: u64) -> Result<StoredGeneration, ManagerError> {
        if number == 0 {
            return Ok(StoredGeneration::default());
        }
        self.storage.generation(number)?.ok_or(ManagerError::NoSuchGeneration(number))
    }

    /// What changes from one generation to another.
    pub fn diff_generations(&self, from: u64, to: u64) -> Result<Vec<Change>, ManagerError> {
        let schemas = self.schemas();
        let tree = |number| Ok::<_, ManagerError>(schemas.complete(&self.generation(number)?.settings));
        let (from, to) = (Value::Object(tree(from)?), Value::Object(tree(to)?));
        let mut changes = Vec::new();
        option::differences("", Some(&from), Some(&to), &mut changes);
        Ok(changes)
    }

    /// Gives an owner that (re)appeared the committed settings if it runs with others.
    pub async fn catch_up(&self, bus: &Bus, name: &str) {
        let _committing = self.committing.lock().await;
        let state = match Config1::new(bus, name).state().await {
            Ok(state) => state,
            // Not an owner of settings, or gone again: it reads the files when it comes.
            Err(BusError::ServiceUnknown(_) | BusError::Other { .. }) => return,
            Err(error) => return self.remember_fault(name, &error.to_string()),
        };
        let committed = self.committed();
        if state.generation == committed.generation {
            held(&self.faults).remove(name);
            return;
        }
        let owners = self.owners(bus);
        if self.apply_to(&owners, name, &state.component, &committed).await.is_ok() {
            count(&self.statistics.owners_caught_up);
            info!(
                message_id = messages::OWNER_CAUGHT_UP,
                owner = %name,
                generation = committed.generation,
                "{name} ran with generation {} and was given generation {}", state.generation, committed.generation
            );
        }
    }

    /// Forgets what was wrong with an owner that stopped: it reads the files when it starts.
    pub fn forget(&self, name: &str) {
        held(&self.faults).remove(name);
    }

    fn owners(&self, bus: &Bus) -> Owners {
        Owners { bus: bus.clone(), libexec: self.places.libexec.clone() }
    }

    async fn apply_to(
        &self,
        owners: &Owners,
        name: &str,
        component: &str,
        generation: &StoredGeneration,
    ) -> Result<(), String> {
        let empty = Value::Object(Map::new());
        let document = generation.settings.get(component).unwrap_or(&empty);
        let limit = held(&self.settings).apply_limit();
        match owners.apply(name, generation.generation, document, limit).await {
            // It reads the files when it starts.
            Ok(()) | Err(crate::owners::OwnerError::Gone) => {
                held(&self.faults).remove(name);
                Ok(())
            }
            Err(error) => {
                let reason = error.to_string();
                count(&self.statistics.apply_failures);
                self.remember_fault(name, &reason);
                Err(reason)
            }
        }
    }

    fn remember_fault(&self, name: &str, reason: &str) {
        warn!(
            message_id = messages::OWNER_BEHIND,
            owner = %name,
            reason = %reason,
            "{name} does not run with the committed settings: {reason}"
        );
        held(&self.faults).insert(name.to_owned(), reason.to_owned());
    }
}

impl Component for Manager {
    type Settings = CfgmgrSettings;

    fn apply(&self, _: u64, settings: &CfgmgrSettings) -> Result<(), Refusal> {
        *held(&self.settings) = settings.clone();
        Ok(())
    }

    fn counters(&self) -> Vec<(&'static CounterDefinition, u64)> {
        self.statistics.values()
    }
}

/// What a panicking holder left is whole: every change under these locks is one assignment or one file.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned: PoisonError<_>| {
        error!("a thread died while it held a lock; going on with what it left");
        poisoned.into_inner()
    })
}
