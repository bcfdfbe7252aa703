//! The files of secrets: one with all of them, which only we can read, and one for each service that uses keys.
//!
//! ```text
//! keys/keys.json           all secrets (0600)
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
use std::sync::{Mutex, PoisonError};

use serde_json::{Map, Value};
use tenon_tsig::{Key, KeyFileError, KeyRing};
use tenon_wire::Name;

use super::{keys_of, references};
use crate::storage::StorageError;

/// Name of each file.
const FILE: &str = "keys.json";
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
}

impl KeyFiles {
    /// Reads all secrets. There are none while there is no file.
    pub fn open(directory: &Path) -> Result<Self, KeyFileError> {
        let secrets = KeyRing::read(&directory.join(FILE))?;
        Ok(Self { directory: directory.to_owned(), secrets: Mutex::new(secrets) })
    }

    /// All secrets.
    pub fn secrets(&self) -> KeyRing {
        self.held().clone()
    }

    /// Keeps a key; gives the one it replaces.
    pub fn put(&self, key: Key) -> Result<Option<Key>, StorageError> {
        let mut held = self.held();
        let mut secrets = held.clone();
        let before = secrets.insert(key);
        self.write_all(&secrets)?;
        *held = secrets;
        Ok(before.map(|key| (*key).clone()))
    }

    /// Forgets a key.
    pub fn forget(&self, name: &Name) -> Result<(), StorageError> {
        let mut held = self.held();
        let mut secrets = held.clone();
        if secrets.remove(name.as_ref()).is_some() {
            self.write_all(&secrets)?;
            *held = secrets;
        }
        Ok(())
    }

    /// Makes the files of all components agree with the settings.
    pub fn distribute(&self, tree: &Map<String, Value>) -> Result<(), StorageError> {
        let secrets = self.secrets();
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

    /// Changes are whole: they are one assignment.
    fn held(&self) -> std::sync::MutexGuard<'_, KeyRing> {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner)
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
            assert!(files.put(key(name)).unwrap().is_none());
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
        files.forget(&"a.".parse().unwrap()).unwrap();
        assert!(files.put(key("b.")).unwrap().is_some());
        assert_eq!(KeyFiles::open(directory.path()).unwrap().secrets().len(), 2);
    }
}
