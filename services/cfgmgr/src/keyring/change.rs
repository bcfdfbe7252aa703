//! A change of one key that is under way. It is noted on the disk before it is made, so that a process which comes after a
//! dead one finishes it where its generation was committed, and takes it back where it was not.

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tenon_tsig::Key;
use tenon_wire::Name;
use zeroize::Zeroizing;

use super::keys_of;

/// A key that is put in, replaced or removed.
#[derive(Clone, Debug)]
pub struct KeyChange {
    /// The key's name.
    pub name: Name,
    /// What the settings say once it is made: since when its secret is this one. `None`: there is no such key.
    pub set_usec: Option<u64>,
    /// The key as it was.
    pub before: Option<Key>,
}

/// The note. No `Debug`: it has a secret.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Note {
    name: String,
    set_usec: Option<u64>,
    before: Option<Before>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Before {
    algorithm: String,
    /// Base64.
    secret: Zeroizing<String>,
}

impl KeyChange {
    /// Whether settings are those that come of it.
    #[must_use]
    pub fn is_made(&self, tree: &Map<String, Value>) -> bool {
        let entry = keys_of(tree).into_iter().find(|entry| entry.is(&self.name));
        entry.map(|entry| entry.set_usec) == self.set_usec
    }

    /// The one that was under way when a process died; `None` when none was.
    pub(super) fn read(path: &Path) -> io::Result<Option<Self>> {
        let octets = match fs::read(path) {
            Ok(octets) => Zeroizing::new(octets),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        // What the reader of JSON says could quote a secret.
        let odd = || io::Error::new(io::ErrorKind::InvalidData, "it is not what was written");
        let Note { name, set_usec, before } = serde_json::from_slice(&octets).map_err(|_| odd())?;
        let name: Name = name.parse().map_err(|_| odd())?;
        let key = |Before { algorithm, secret }: Before| {
            let algorithm = algorithm.parse().map_err(|_| odd())?;
            Key::from_base64(name.clone(), algorithm, &secret).map_err(|_| odd())
        };
        let before = before.map(key).transpose()?;
        Ok(Some(Self { name, set_usec, before }))
    }

    /// What the file of it holds.
    pub(super) fn to_file(&self) -> Zeroizing<Vec<u8>> {
        let before =
            |key: &Key| Before { algorithm: key.algorithm().to_string(), secret: key.secret_base64() };
        let note = Note {
            name: self.name.to_string(),
            set_usec: self.set_usec,
            before: self.before.as_ref().map(before),
        };
        // Longer than any secret: no copies are left behind by a buffer that grows.
        let mut octets = Zeroizing::new(Vec::with_capacity(8192));
        // Names, algorithms and base64 always have a form in JSON, and a vector takes all that is written.
        let _ = serde_json::to_writer(&mut *octets, &note);
        octets
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use tenon_tsig::Algorithm;

    #[test]
    fn a_note_is_read_as_it_was_written_and_settings_say_whether_it_is_made() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("note");
        assert!(KeyChange::read(&path).unwrap().is_none());
        let name: Name = "K.example.".parse().unwrap();
        let key = Key::new(name.clone(), Algorithm::HMAC_SHA256, b"secret").unwrap();
        let change = KeyChange { name, set_usec: Some(7), before: Some(key) };
        fs::write(&path, change.to_file()).unwrap();
        let read = KeyChange::read(&path).unwrap().unwrap();
        assert_eq!((&read.name, read.set_usec), (&change.name, Some(7)));
        let before = read.before.clone().unwrap();
        assert_eq!(
            (before.algorithm(), before.secret_base64().as_str()),
            (Algorithm::HMAC_SHA256, "c2VjcmV0")
        );
        let tree = |set_usec: u64| {
            let keys = json!([{"name": "k.example.", "algorithm": "hmac-sha256", "set_usec": set_usec}]);
            json!({"tsig_keys": {"keys": keys}}).as_object().unwrap().clone()
        };
        let removal = KeyChange { set_usec: None, ..read.clone() };
        assert_eq!([6, 7].map(|set_usec| read.is_made(&tree(set_usec))), [false, true]);
        assert!(!read.is_made(&Map::new()) && removal.is_made(&Map::new()) && !removal.is_made(&tree(7)));
        fs::write(&path, "{\"name\": \"x\", \"secret\": \"c2VjcmV0\"}").unwrap();
        assert_eq!(KeyChange::read(&path).unwrap_err().to_string(), "it is not what was written");
    }
}
