//! The files of secrets: one with all of them, which only we can read, and one for each service that uses keys.
//!
//! ```text
//! keys/keys.json           all secrets (0600)
//! keys/change.json         the change of one of them that is under way (0600)
//! keys/COMPONENT/keys.json those that the component needs (0640); the directory's group is the component's
//! ```
//!
//! The directories come with the installation. The files of components follow from the first one and the settings, and
//! are made to agree with them at start and with every generation.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value};
use tenon_tsig::{Key, KeyRing};
use tenon_wire::Name;

use super::change::KeyChange;
use super::{keys_of, references};
use crate::storage::StorageError;

/// Name of each file.
const FILE: &str = "keys.json";
/// Name of the note of a change.
const CHANGE: &str = "change.json";
/// Services that check signatures of requests, whoever signed them.
const SERVERS: [&str; 4] = ["auth", "ddns", "xfrout", "zonemgr"];
/// The service that only signs: it has the keys that settings of these components name.
const CLIENT: &str = "xfrin";
const CLIENT_SETTINGS: [&str; 2] = ["xfrin/", "zonemgr/"];

/// The files below one directory.
#[derive(Debug)]
pub struct KeyFiles {
    directory: PathBuf,
    /// All secrets; held while the file is written.
    secrets: Mutex<KeyRing>,
    /// The change that is under way.
    change: Mutex<Option<KeyChange>>,
}

impl KeyFiles {
    /// Reads all secrets, and the change that a dead process left. There are none while there is no file.
    pub fn open(directory: &Path) -> Result<Self, StorageError> {
        let at = |name: &str| directory.join(name);
        let secrets = KeyRing::read(&at(FILE))
            .map_err(|error| StorageError { path: at(FILE), error: io::Error::other(error) })?;
        let change =
            KeyChange::read(&at(CHANGE)).map_err(|error| StorageError { path: at(CHANGE), error })?;
        Ok(Self { directory: directory.to_owned(), secrets: Mutex::new(secrets), change: Mutex::new(change) })
    }

    /// All secrets.
    pub fn secrets(&self) -> KeyRing {
        self.held().clone()
    }

    /// Notes that a key is about to be put in, replaced or removed. What it was is kept until [`Self::end`].
    pub fn begin(&self, name: &Name, set_usec: Option<u64>) -> Result<(), StorageError> {
        let before = self.held().get(name).map(|key| (**key).clone());
        let change = KeyChange { name: name.clone(), set_usec, before };
        replace(&self.directory.join(CHANGE), &change.to_file(), 0o600)?;
        *held(&self.change) = Some(change);
        Ok(())
    }

    /// Keeps a key.
    pub fn put(&self, key: Key) -> Result<(), StorageError> {
        self.edit(|secrets| drop(secrets.insert(key)))
    }

    /// Ends the change that is under way: finishes it where the committed settings are those that come of it, and takes it
    /// back where they are not.
    pub fn end(&self, committed: &Map<String, Value>) -> Result<(), StorageError> {
        let Some(change) = held(&self.change).clone() else { return Ok(()) };
        match (change.is_made(committed), change.set_usec, change.before.clone()) {
            (true, Some(_), _) | (false, None, _) => {}
            (false, Some(_), Some(before)) => self.put(before)?,
            (true, None, _) | (false, Some(_), None) => {
                self.edit(|secrets| drop(secrets.remove(change.name.as_ref())))?;
            }
        }
        let path = self.directory.join(CHANGE);
        remove(&path).map_err(|error| StorageError { path, error })?;
        *held(&self.change) = None;
        Ok(())
    }

    /// Forgets keys for good.
    pub fn forget(&self, names: &BTreeSet<Name>) -> Result<(), StorageError> {
        self.edit(|secrets| names.iter().for_each(|name| drop(secrets.remove(name.as_ref()))))
    }

    fn edit(&self, edit: impl FnOnce(&mut KeyRing)) -> Result<(), StorageError> {
        let mut held = self.held();
        let mut secrets = held.clone();
        edit(&mut secrets);
        self.write_all(&secrets)?;
        *held = secrets;
        Ok(())
    }

    /// The secrets that go with settings: while a key is being replaced, the one before where they do not say otherwise yet.
    fn secrets_for(&self, tree: &Map<String, Value>) -> KeyRing {
        let mut secrets = self.secrets();
        if let Some(change) = &*held(&self.change)
            && !change.is_made(tree)
            && let Some(before) = &change.before
        {
            secrets.insert(before.clone());
        }
        secrets
    }

    /// Makes the files of all components agree with the settings.
    pub fn distribute(&self, tree: &Map<String, Value>) -> Result<(), StorageError> {
        let secrets = self.secrets_for(tree);
        let names: BTreeSet<Name> = keys_of(tree).iter().filter_map(|key| key.name.parse().ok()).collect();
        let named: BTreeSet<Name> = references(tree)
            .into_iter()
            .filter(|reference| CLIENT_SETTINGS.iter().any(|part| reference.path.starts_with(part)))
            .filter_map(|reference| reference.key.parse().ok())
            .collect();
        for component in SERVERS {
            self.give(component, &secrets, &|name| names.contains(name))?;
        }
        self.give(CLIENT, &secrets, &|name| names.contains(name) && named.contains(name))
    }

    fn give(
        &self,
        component: &str,
        secrets: &KeyRing,
        wants: &dyn Fn(&Name) -> bool,
    ) -> Result<(), StorageError> {
        let ring: KeyRing = secrets.iter().filter(|key| wants(key.name())).cloned().collect();
        let path = self.directory.join(component).join(FILE);
        let content = ring.to_file();
        match fs::read(&path) {
            Ok(now) if now == *content => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound && ring.is_empty() => Ok(()),
            // A service that is not installed needs no keys.
            Err(_) if !self.directory.join(component).is_dir() => Ok(()),
            _ => replace(&path, &content, 0o640),
        }
    }

    fn write_all(&self, secrets: &KeyRing) -> Result<(), StorageError> {
        replace(&self.directory.join(FILE), &secrets.to_file(), 0o600)
    }

    fn held(&self) -> MutexGuard<'_, KeyRing> {
        held(&self.secrets)
    }
}

/// Changes are whole: they are one assignment.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes a file, durably; one that is not there is removed.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(()) => File::open(path.parent().unwrap_or(Path::new("/")))?.sync_all(),
    }
}

/// Puts a file in the place of another, durably: whoever reads sees the one or the other.
fn replace(path: &Path, content: &[u8], mode: u32) -> Result<(), StorageError> {
    let at = |error| StorageError { path: path.to_owned(), error };
    let fresh = path.with_file_name(format!(".{FILE}.new"));
    // What a dead process left may have another mode.
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(error)),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&fresh).map_err(at)?;
    file.write_all(content).and_then(|()| file.sync_all()).map_err(at)?;
    fs::rename(&fresh, path).map_err(at)?;
    let directory = path.parent().unwrap_or(Path::new("/"));
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::os::unix::fs::PermissionsExt as _;
    use tenon_tsig::Algorithm;

    fn key(name: &str) -> Key {
        Key::new(name.parse().unwrap(), Algorithm::HMAC_SHA256, b"secret").unwrap()
    }

    fn tree(keys: &[&str]) -> Map<String, Value> {
        let entry = |name: &&str| json!({"name": name, "algorithm": "hmac-sha256", "set_usec": 0});
        let keys: Vec<Value> = keys.iter().map(entry).collect();
        let tree = json!({"tsig_keys": {"keys": keys}, "zonemgr": {"x": [{"key": "b."}]},
            "xfrout": {"y": [{"key": "a."}]}});
        tree.as_object().unwrap().clone()
    }

    #[test]
    fn each_service_has_the_keys_that_it_needs() {
        let directory = tempfile::tempdir().unwrap();
        for component in ["auth", "xfrin", "xfrout"] {
            fs::create_dir(directory.path().join(component)).unwrap();
        }
        let files = KeyFiles::open(directory.path()).unwrap();
        files.distribute(&tree(&[])).unwrap();
        assert!(!directory.path().join("auth/keys.json").exists(), "no keys, no file");
        for name in ["a.", "b.", "c."] {
            files.put(key(name)).unwrap();
        }
        files.distribute(&tree(&["a.", "b."])).unwrap();
        let has = |component: &str| {
            let ring = KeyRing::read(&directory.path().join(component).join(FILE)).unwrap();
            let mut names: Vec<String> = ring.iter().map(|key| key.name().to_string()).collect();
            names.sort();
            names.join(" ")
        };
        assert_eq!((has("auth"), has("xfrout"), has("xfrin")), ("a. b.".into(), "a. b.".into(), "b.".into()));
        let mode =
            |path: &str| fs::metadata(directory.path().join(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("keys.json"), mode("auth/keys.json")), (0o600, 0o640));
        files.distribute(&tree(&[])).unwrap();
        assert_eq!(has("auth"), "");
    }

    #[test]
    fn a_change_is_finished_or_taken_back_by_whoever_comes_after() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("auth")).unwrap();
        let open = || KeyFiles::open(directory.path()).unwrap();
        let secret = |ring: &KeyRing, name: &str| ring.find(name).map(|key| key.secret_base64().to_string());
        let given = || KeyRing::read(&directory.path().join("auth").join(FILE)).unwrap();
        let other = || Key::new("a.".parse().unwrap(), Algorithm::HMAC_SHA256, b"other").unwrap();
        let committed = |set_usec: u64| {
            let keys = json!([{"name": "a.", "algorithm": "hmac-sha256", "set_usec": set_usec}]);
            json!({"tsig_keys": {"keys": keys}}).as_object().unwrap().clone()
        };
        let (first, second, name) = (committed(1), committed(2), "a.".parse().unwrap());
        open().put(key("a.")).unwrap();
        let (old, new) = (secret(&open().secrets(), "a."), Some("b3RoZXI=".to_owned()));
        for (then, expected) in [(&first, &old), (&second, &new), (&first, &old)] {
            let files = open();
            files.put(key("a.")).unwrap();
            files.begin(&name, Some(2)).unwrap();
            files.put(other()).unwrap();
            files.distribute(&first).unwrap();
            assert_eq!(secret(&given(), "a."), old, "not committed yet");
            let files = open();
            files.distribute(then).unwrap();
            assert_eq!(secret(&given(), "a."), *expected);
            files.end(then).unwrap();
            assert_eq!(secret(&open().secrets(), "a."), *expected);
            assert!(!directory.path().join(CHANGE).exists());
        }
        open().begin(&"b.".parse().unwrap(), Some(2)).unwrap();
        open().put(key("b.")).unwrap();
        open().end(&first).unwrap();
        assert_eq!(secret(&open().secrets(), "b."), None, "one that was not there is not there again");
        for (then, is_gone) in [(first, false), (Map::new(), true)] {
            open().begin(&name, None).unwrap();
            open().end(&then).unwrap();
            assert_eq!(secret(&open().secrets(), "a.").is_none(), is_gone);
        }
    }
}
