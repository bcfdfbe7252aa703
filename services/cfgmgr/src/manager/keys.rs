//! Changing the key ring: secrets go to their files first, then a generation names them.

use tenon_bus::{Bus, ListedKey};
use tenon_service::now_usec;
use tenon_tsig::{Algorithm, Key};
use tenon_wire::Name;
use tracing::{info, warn};

use super::{CommitError, Committed, Manager, Proposal, Request};
use crate::keyring::{self, KeyEntry, keys_of, references};
use crate::messages;
use crate::storage::StorageError;

/// The option that names the keys.
const KEYS: &str = "tsig_keys/keys";

impl Manager {
    /// Keeps a key and commits a generation that names it.
    pub async fn put_key(&self, bus: &Bus, key: Key, request: Request) -> Result<Committed, CommitError> {
        let _changing = self.changing_keys.lock().await;
        let (name, algorithm) = (key.name().clone(), key.algorithm());
        let notes = notes(&key);
        let before = self.keys.put(key)?;
        let keys = keyring::with(self.committed_keys(), &name, algorithm, now_usec());
        match self.commit_keys(bus, keys, request).await {
            Ok(mut committed) => {
                committed.notes.extend(notes);
                info!(
                    message_id = messages::KEY_CHANGED,
                    key = %name,
                    "key {name} ({algorithm}) is kept and given to the services"
                );
                Ok(committed)
            }
            Err(error) => {
                self.put_back(&name, before)?;
                Err(error)
            }
        }
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
            return Err(CommitError::Rejected(format!("there is no key {name}")));
        };
        let committed = self.commit_keys(bus, keys, request).await?;
        self.keys.forget(name)?;
        info!(message_id = messages::KEY_CHANGED, key = %name, "key {name} is removed");
        Ok(committed)
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
        self.commit(bus, &proposal, &request).await
    }

    /// Keeps what was kept before a key that no generation names.
    fn put_back(&self, name: &Name, before: Option<Key>) -> Result<(), StorageError> {
        match before {
            Some(key) => self.keys.put(key).map(drop)?,
            None => self.keys.forget(name)?,
        }
        let tree = self.schemas().complete(&self.committed().settings);
        self.keys.distribute(&tree).inspect_err(|error| {
            warn!(
                message_id = messages::KEYS_NOT_GIVEN,
                reason = %error,
                "the files of TSIG keys cannot be written: {error}"
            );
        })
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
