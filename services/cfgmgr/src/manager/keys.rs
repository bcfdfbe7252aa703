//! Changing the key ring: secrets go to their files first, then a generation names them.

use std::collections::BTreeSet;
use std::sync::Arc;

use tenon_bus::{Bus, ListedKey};
use tenon_service::now_usec;
use tenon_tsig::{Algorithm, Key};
use tenon_wire::Name;
use tracing::{info, warn};

use super::{CommitError, Committed, Manager, Proposal, Request};
use crate::keyring::{self, KeyEntry, keys_of, named_by, references};
use crate::messages;
use crate::storage::StorageError;
use crate::storage::step::Step;

/// The option that names the keys.
const KEYS: &str = "tsig_keys/keys";

impl Manager {
    /// Keeps a key and commits a generation that names it.
    pub async fn put_key(&self, bus: &Bus, key: Key, request: Request) -> Result<Committed, CommitError> {
        let _changing = self.changing_keys.lock().await;
        let (name, algorithm) = (key.name().clone(), key.algorithm());
        let notes = notes(&key);
        let outcome = self.try_put_key(bus, key, request).await;
        self.end_key_change()?;
        let mut committed = outcome?;
        committed.notes.extend(notes);
        info!(
            message_id = messages::KEY_CHANGED,
            key = %name,
            "key {name} ({algorithm}) is kept and given to the services"
        );
        Ok(committed)
    }

    async fn try_put_key(&self, bus: &Bus, key: Key, request: Request) -> Result<Committed, CommitError> {
        let (name, keys) = (key.name().clone(), self.committed_keys());
        // Another time than that of the secret before, by which the settings tell the two apart.
        let latest = keys.iter().map(|entry| entry.set_usec).max().unwrap_or_default();
        let set_usec = now_usec().max(latest.saturating_add(1));
        let keys = keyring::with(keys, &name, key.algorithm(), set_usec);
        self.before_key(Step::NoteKey)?;
        self.keys.begin(&name, Some(set_usec))?;
        self.before_key(Step::KeepKey)?;
        self.keys.put(key)?;
        self.commit_keys(bus, keys, request).await
    }

    /// Forgets the secrets that no kept generation names, so that no roll back can bring them back: those whose last one was
    /// removed, and what a process left that died, or was of an older version. None while a generation may be unread, which
    /// somebody may repair.
    pub(super) fn forget_unnamed_keys(&self) {
        let unnamed = match self.unnamed_keys() {
            Ok(unnamed) if unnamed.is_empty() => return,
            unnamed => unnamed,
        };
        match unnamed.and_then(|unnamed| self.keys.forget(&unnamed).map(|()| unnamed)) {
            Ok(unnamed) => {
                let keys = unnamed.iter().map(Name::to_string).collect::<Vec<_>>().join(" ");
                info!(
                    message_id = messages::KEYS_FORGOTTEN,
                    keys = %keys,
                    "the secrets of keys that no generation names are forgotten: {keys}"
                );
            }
            Err(error) => warn!("secrets that no generation names cannot be forgotten: {error}"),
        }
    }

    fn unnamed_keys(&self) -> Result<BTreeSet<Name>, StorageError> {
        let newest = self.storage.next_number()?.saturating_sub(1);
        if newest != self.committed().generation {
            return Ok(BTreeSet::new());
        }
        let mut unnamed: BTreeSet<Name> = self.keys.secrets().iter().map(|key| key.name().clone()).collect();
        let mut next = Some(self.committed());
        // Mostly the committed generation names all there are, and no other has to be read.
        while let Some(generation) = next.take_if(|_| !unnamed.is_empty()) {
            unnamed = &unnamed - &named_by(&generation);
            next = self.storage.history(generation.generation, 1)?.pop().map(Arc::new);
        }
        Ok(unnamed)
    }

    /// Commits a generation without a key, then forgets its secret.
    pub async fn remove_key(
        &self,
        bus: &Bus,
        name: &Name,
        request: Request,
    ) -> Result<Committed, CommitError> {
        let _changing = self.changing_keys.lock().await;
        let Some(keys) = keyring::without(self.committed_keys(), name) else {
            return self.forget_key(name);
        };
        self.before_key(Step::NoteKey)?;
        self.keys.begin(name, None)?;
        let outcome = self.commit_keys(bus, keys, request).await;
        self.end_key_change()?;
        let committed = outcome?;
        info!(message_id = messages::KEY_CHANGED, key = %name, "key {name} is removed");
        Ok(committed)
    }

    /// Forgets the secret of a key that the committed settings do not name, and older ones may.
    fn forget_key(&self, name: &Name) -> Result<Committed, CommitError> {
        if self.keys.secrets().get(name).is_none() {
            return Err(CommitError::Rejected(format!("there is no key {name}")));
        }
        self.keys.forget(&BTreeSet::from([name.clone()]))?;
        info!(message_id = messages::KEYS_FORGOTTEN, keys = %name, "the secret of key {name} is forgotten");
        let note = format!("the settings do not name {name}; its secret, for a roll back, is forgotten");
        Ok(Committed { generation: self.committed().generation, notes: vec![note], components: Vec::new() })
    }

    fn before_key(&self, step: Step) -> Result<(), StorageError> {
        self.places.steps.before(step).map_err(|error| StorageError { path: self.places.keys.clone(), error })
    }

    /// Finishes the change of a key, or takes it back where no generation came of it.
    fn end_key_change(&self) -> Result<(), StorageError> {
        self.before_key(Step::EndKeyChange)?;
        let tree = self.schemas().complete(&self.committed().settings);
        self.keys.end(&tree).and_then(|()| self.keys.distribute(&tree)).inspect_err(|error| {
            warn!(
                message_id = messages::KEYS_NOT_GIVEN,
                reason = %error,
                "the files of TSIG keys cannot be written: {error}"
            );
        })
    }

    /// The keys in the committed settings, and who names them.
    pub fn list_keys(&self) -> Vec<ListedKey> {
        let tree = self.schemas().complete(&self.committed().settings);
        let references = references(&tree);
        let users = |name: &Name| {
            let naming = references.iter().filter(|reference| reference.is(name));
            naming.map(|reference| reference.path.clone()).collect()
        };
        let listed = |KeyEntry { name, algorithm, set_usec }| {
            let used_by = name.parse().map(|name| users(&name)).unwrap_or_default();
            ListedKey { name, algorithm, set_usec, used_by }
        };
        keys_of(&tree).into_iter().map(listed).collect()
    }

    fn committed_keys(&self) -> Vec<KeyEntry> {
        keys_of(&self.schemas().complete(&self.committed().settings))
    }

    async fn commit_keys(
        &self,
        bus: &Bus,
        keys: Vec<KeyEntry>,
        request: Request,
    ) -> Result<Committed, CommitError> {
        let value = serde_json::to_value(keys).map_err(|error| CommitError::Rejected(error.to_string()))?;
        let proposal = Proposal::Edits(0, vec![(KEYS.to_owned(), Some(value))]);
        self.commit(bus, proposal, &request).await
    }
}

/// What is worth knowing of a key.
fn notes(key: &Key) -> Vec<String> {
    let mut notes = Vec::new();
    let algorithm = key.algorithm();
    if key.is_short() {
        notes.push(format!(
            "the secret of {} is shorter than {} octets, the length of the hash, which makes it easier to guess",
            key.name(),
            algorithm.secret_octets()
        ));
    }
    if [Algorithm::HMAC_MD5, Algorithm::HMAC_SHA1].map(Algorithm::base_name).contains(&algorithm.base_name())
    {
        notes.push(format!(
            "{algorithm} is for old peers only (RFC 8945 section 6); hmac-sha256 is known to all others"
        ));
    }
    notes
}
