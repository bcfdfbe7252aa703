//! The keys that a process has, and the file that they come from.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tenon_wire::{Name, NameError, NameRef};
use zeroize::Zeroizing;

use crate::algorithm::UnknownAlgorithm;
use crate::key::{Key, KeyError};

/// Most octets of a key file: some ten thousand keys.
const FILE_MAX: u64 = 16 << 20;

/// Keys by their names.
#[derive(Clone, Debug, Default)]
pub struct KeyRing {
    keys: HashMap<Name, Arc<Key>>,
}

/// Why a key file cannot be used. Secrets are never part of it.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It cannot be read.
    #[error("{path} cannot be read: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is larger than any that was written.
    #[error("{0} is larger than {FILE_MAX} octets")]
    TooLarge(PathBuf),
    /// It is not what was written.
    #[error("{path} is not a file of keys (line {line}, column {column})")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
    /// One of its keys does not do.
    #[error("{path}: key {key:?}: {problem}")]
    Key {
        /// The file.
        path: PathBuf,
        /// The name of the key as written.
        key: String,
        /// What is wrong with it.
        problem: EntryError,
    },
}

/// What is wrong with a key of a file.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum EntryError {
    /// Its name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Its algorithm.
    #[error(transparent)]
    Algorithm(#[from] UnknownAlgorithm),
    /// Its secret.
    #[error(transparent)]
    Secret(#[from] KeyError),
    /// There is another one of that name.
    #[error("there is another one of that name")]
    Twice,
}

/// The file. No `Debug`: it has the secrets.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    keys: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    algorithm: String,
    /// Base64.
    secret: Zeroizing<String>,
}

impl KeyRing {
    /// The keys of a file; none when there is no such file, since nobody was given any.
    ///
    /// # Errors
    /// See [`KeyFileError`].
    pub fn read(path: &Path) -> Result<Self, KeyFileError> {
        let unreadable = |source| KeyFileError::Unreadable { path: path.to_owned(), source };
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(unreadable(error)),
        };
        let length = file.metadata().map_err(unreadable)?.len();
        if length > FILE_MAX {
            return Err(KeyFileError::TooLarge(path.to_owned()));
        }
        // As large as it will be: no copies of secrets are left behind by a buffer that grows.
        let mut octets = Zeroizing::new(Vec::with_capacity(usize::try_from(length).unwrap_or(0) + 1));
        file.take(FILE_MAX).read_to_end(&mut octets).map_err(unreadable)?;
        Self::parse(path, &octets)
    }

    fn parse(path: &Path, octets: &[u8]) -> Result<Self, KeyFileError> {
        let document: Document = serde_json::from_slice(octets).map_err(|error| KeyFileError::Malformed {
            path: path.to_owned(),
            line: error.line(),
            column: error.column(),
        })?;
        let mut ring = Self::default();
        for Entry { name, algorithm, secret } in document.keys {
            ring.take_in(&name, &algorithm, &secret).map_err(|problem| KeyFileError::Key {
                path: path.to_owned(),
                key: name.clone(),
                problem,
            })?;
        }
        Ok(ring)
    }

    fn take_in(&mut self, name: &str, algorithm: &str, secret: &str) -> Result<(), EntryError> {
        let key = Key::from_base64(name.parse()?, algorithm.parse()?, secret)?;
        if self.insert(key).is_some() { Err(EntryError::Twice) } else { Ok(()) }
    }

    /// What the file of these keys holds, sorted by name.
    #[must_use]
    pub fn to_file(&self) -> Zeroizing<Vec<u8>> {
        let mut keys: Vec<_> = self.iter().collect();
        keys.sort_by(|a, b| a.name().cmp(b.name()));
        let entry = |key: &Key| Entry {
            name: key.name().to_string(),
            algorithm: key.algorithm().to_string(),
            secret: key.secret_base64(),
        };
        let document = Document { keys: keys.into_iter().map(entry).collect() };
        let mut octets = Zeroizing::new(Vec::with_capacity(256 + document.keys.len() * 2048));
        // Names, algorithms and base64 always have a form in JSON, and a vector takes all that is written.
        let _ = serde_json::to_writer_pretty(&mut *octets, &document);
        octets
    }

    /// The key of a name; case does not matter.
    #[must_use]
    pub fn get(&self, name: &Name) -> Option<&Arc<Key>> {
        self.keys.get(name)
    }

    /// The key of a name as settings write it, with or without the final dot.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Arc<Key>> {
        self.get(&name.parse().ok()?)
    }

    /// Takes a key in; gives the one of the same name that it replaces.
    pub fn insert(&mut self, key: Key) -> Option<Arc<Key>> {
        self.keys.insert(key.name().clone(), Arc::new(key))
    }

    /// Takes a key out.
    pub fn remove(&mut self, name: NameRef<'_>) -> Option<Arc<Key>> {
        self.keys.remove(&name.to_name())
    }

    /// All keys, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Key> {
        self.keys.values().map(|key| &**key)
    }

    /// True when there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }
}

impl FromIterator<Key> for KeyRing {
    fn from_iter<I: IntoIterator<Item = Key>>(keys: I) -> Self {
        let mut ring = Self::default();
        keys.into_iter().for_each(|key| drop(ring.insert(key)));
        ring
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::algorithm::Algorithm;

    fn parse(text: &str) -> Result<KeyRing, KeyFileError> {
        KeyRing::parse(Path::new("keys.json"), text.as_bytes())
    }

    #[test]
    fn a_ring_comes_back_from_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.json");
        assert!(KeyRing::read(&path).unwrap().is_empty(), "nobody was given any");
        let key = |name: &str, algorithm, secret: &[u8]| {
            Key::new(name.parse().unwrap(), algorithm, secret).unwrap()
        };
        let ring: KeyRing =
            [key("b.", Algorithm::HMAC_MD5, b"1"), key("a.", Algorithm::HMAC_SHA512, &[7; 64])]
                .into_iter()
                .collect();
        std::fs::write(&path, &*ring.to_file()).unwrap();
        let again = KeyRing::read(&path).unwrap();
        assert_eq!(again.len(), 2);
        let found = again.find("A").unwrap();
        assert_eq!(found.algorithm(), Algorithm::HMAC_SHA512);
        assert_eq!(found.secret_base64(), ring.find("a.").unwrap().secret_base64());
        assert_eq!(again.to_file(), ring.to_file());
        assert!(again.find("c.").is_none());
    }

    #[test]
    fn what_is_wrong_is_told_without_secrets() {
        let told = |text: &str| parse(text).unwrap_err().to_string();
        let entry = |name: &str, algorithm: &str, secret: &str| {
            format!("{{\"name\": \"{name}\", \"algorithm\": \"{algorithm}\", \"secret\": \"{secret}\"}}")
        };
        let file = |entries: &[String]| format!("{{\"keys\": [{}]}}", entries.join(","));
        let good = entry("a.", "hmac-sha256", "c2VjcmV0");
        assert_eq!(parse(&file(std::slice::from_ref(&good))).unwrap().len(), 1);
        assert!(
            told(&file(&[good.clone(), entry("A", "hmac-md5", "AAAA")])).contains("another one of that name")
        );
        assert!(told(&file(&[entry("a.", "hmac", "c2VjcmV0")])).contains("\"hmac\" is no algorithm"));
        assert!(told(&file(&[entry("a..", "hmac-md5", "c2VjcmV0")])).contains("key \"a..\""));
        assert!(told("{\"keys\": [{\"secret\": \"c2VjcmV0\" 5").contains("line 1"));
        for text in
            [file(&[entry("a.", "hmac-md5", "c2VjcmV0!")]), format!("{{\"keys\": [\"c2VjcmV0\", {good}]}}")]
        {
            assert!(!told(&text).contains("c2VjcmV0"), "{}", told(&text));
        }
    }
}
