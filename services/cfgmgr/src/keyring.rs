//! The key ring: names and algorithms of TSIG keys in the settings, their secrets in files.
//!
//! Settings of other components name keys; a commit that would leave a name without a key is rejected.

pub mod change;
pub mod files;

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tenon_service::committed::StoredGeneration;
use tenon_service::{Refusal, Settings};
use tenon_tsig::{Algorithm, KeyRing};
use tenon_wire::Name;

/// Components whose settings name keys by a member `key`.
const REFERRING: [&str; 5] = ["auth", "ddns", "xfrin", "xfrout", "zonemgr"];

/// The TSIG keys. Keys are added and removed with `bindctl key`, which keeps their secrets where nobody can read them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TsigKeysSettings {
    /// The keys, without their secrets.
    #[schemars(length(max = 10_000))]
    pub keys: Vec<KeyEntry>,
}

/// A key, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyEntry {
    /// Its name, a domain name that both ends know it by.
    #[schemars(length(min = 1, max = 1023))]
    pub name: String,
    /// Its algorithm, such as `hmac-sha256`.
    #[schemars(length(max = 32))]
    pub algorithm: String,
    /// Since when its secret is this one, in microseconds since the epoch.
    #[serde(default)]
    pub set_usec: u64,
}

impl KeyEntry {
    fn is(&self, name: &Name) -> bool {
        self.name.parse::<Name>().is_ok_and(|own| own == *name)
    }
}

impl Settings for TsigKeysSettings {
    const COMPONENT: &'static str = "tsig_keys";

    fn check(mut self, _: &mut Vec<String>) -> Result<Self, Refusal> {
        let mut known = BTreeSet::new();
        for (index, key) in self.keys.iter_mut().enumerate() {
            let option = |member: &str| format!("keys/{index}/{member}");
            let name: Name = key.name.parse().map_err(|error| {
                Refusal::new(option("name"), format!("{:?} is no domain name: {error}", key.name))
            })?;
            let algorithm: Algorithm =
                key.algorithm.parse().map_err(|error: tenon_tsig::UnknownAlgorithm| {
                    Refusal::new(option("algorithm"), error.to_string())
                })?;
            let name = name.as_ref().to_lowercase();
            (key.name, key.algorithm) = (name.to_string(), algorithm.to_string());
            if !known.insert(name) {
                return Err(Refusal::new(option("name"), format!("there is another key {}", key.name)));
            }
        }
        Ok(self)
    }
}

/// The keys in a tree of all settings.
#[must_use]
pub fn keys_of(tree: &Map<String, Value>) -> Vec<KeyEntry> {
    keys_in(tree.get(TsigKeysSettings::COMPONENT))
}

/// The keys in the settings of this module; none where it has none.
fn keys_in(module: Option<&Value>) -> Vec<KeyEntry> {
    let keys = module.and_then(|module| module.get("keys"));
    keys.and_then(|keys| Vec::deserialize(keys).ok()).unwrap_or_default()
}

/// The names of the keys in the settings of a generation.
#[must_use]
pub fn named_by(generation: &StoredGeneration) -> BTreeSet<Name> {
    let keys = keys_in(generation.settings.get(TsigKeysSettings::COMPONENT));
    keys.into_iter().filter_map(|key| key.name.parse().ok()).collect()
}

/// The same keys with one of them put in, or replaced.
#[must_use]
pub fn with(mut keys: Vec<KeyEntry>, name: &Name, algorithm: Algorithm, set_usec: u64) -> Vec<KeyEntry> {
    let entry = KeyEntry { name: name.to_string(), algorithm: algorithm.to_string(), set_usec };
    match keys.iter_mut().find(|key| key.is(name)) {
        Some(found) => *found = entry,
        None => keys.push(entry),
    }
    keys
}

/// The same keys without one of them; none when there is no such key.
#[must_use]
pub fn without(mut keys: Vec<KeyEntry>, name: &Name) -> Option<Vec<KeyEntry>> {
    let place = keys.iter().position(|key| key.is(name))?;
    keys.remove(place);
    Some(keys)
}

/// Whether settings as a whole go together with the secrets that are there: each key has a secret, and each name a key.
/// Fails with the reason, which names the option.
pub fn check(tree: &Map<String, Value>, secrets: &KeyRing) -> Result<(), String> {
    let mut names = BTreeSet::new();
    for (index, key) in keys_of(tree).into_iter().enumerate() {
        let held = secrets.find(&key.name).filter(|held| held.algorithm().to_string() == key.algorithm);
        let Some(held) = held else {
            return Err(format!(
                "tsig_keys/keys/{index}: there is no secret for key {} with {}; `bindctl key add` takes key and secret \
                 together",
                key.name, key.algorithm
            ));
        };
        names.insert(held.name().clone());
    }
    for Reference { path, key } in references(tree) {
        let known = key.parse::<Name>().is_ok_and(|name| names.contains(&name));
        if !known {
            return Err(format!("{path}: there is no key {key:?}; `bindctl key list` lists those there are"));
        }
    }
    Ok(())
}

/// A setting that names a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Path of the setting.
    pub path: String,
    /// The name as written.
    pub key: String,
}

impl Reference {
    /// Whether it names this key.
    #[must_use]
    pub fn is(&self, name: &Name) -> bool {
        self.key.parse::<Name>().is_ok_and(|own| own == *name)
    }
}

/// All settings that name keys.
#[must_use]
pub fn references(tree: &Map<String, Value>) -> Vec<Reference> {
    let mut found = Vec::new();
    for component in REFERRING {
        if let Some(settings) = tree.get(component) {
            collect(component, settings, &mut found);
        }
    }
    found
}

fn collect(path: &str, value: &Value, found: &mut Vec<Reference>) {
    match value {
        Value::Object(members) => {
            for (member, value) in members {
                let path = format!("{path}/{member}");
                if member == "key" {
                    found.extend(
                        named(value).map(|key| Reference { path: path.clone(), key: key.to_owned() }),
                    );
                } else {
                    collect(&path, value, found);
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate().filter(|(_, item)| item.is_object()) {
                collect(&format!("{path}/{index}"), item, found);
            }
        }
        _ => {}
    }
}

/// A name alone, or each of a list.
fn named(value: &Value) -> impl Iterator<Item = &str> {
    let many = value.as_array().into_iter().flatten().filter_map(Value::as_str);
    value.as_str().into_iter().chain(many)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use tenon_tsig::Key;

    fn tree(document: Value) -> Map<String, Value> {
        document.as_object().unwrap().clone()
    }

    fn ring(names: &[&str]) -> KeyRing {
        let key = |name: &&str| Key::new(name.parse().unwrap(), Algorithm::HMAC_SHA256, b"s").unwrap();
        names.iter().map(key).collect()
    }

    fn settings(keys: &[&str], rest: Value) -> Map<String, Value> {
        let entry = |name: &&str| json!({"name": name, "algorithm": "hmac-sha256", "set_usec": 1});
        let mut tree = tree(rest);
        tree.insert("tsig_keys".into(), json!({"keys": keys.iter().map(entry).collect::<Vec<_>>()}));
        tree
    }

    #[test]
    fn names_need_keys_and_keys_need_secrets() {
        let acl = json!([{"action": "ACCEPT", "NOT": {"key": ["a.", "B."]}}]);
        let zones = json!([{"name": "key", "primaries": [{"address": "::1", "key": "c"}]}]);
        let rest = json!({"xfrout": {"transfer_acl": acl}, "zonemgr": {"secondary_zones": zones}, "other": {"key": "x."}});
        let check =
            |keys: &[&str], secrets: &[&str]| super::check(&settings(keys, rest.clone()), &ring(secrets));
        assert_eq!(check(&["a.", "b.", "c."], &["a.", "b.", "c.", "d."]), Ok(()));
        let lacks_secret = check(&["a.", "b.", "c."], &["a.", "c."]).unwrap_err();
        assert!(
            lacks_secret.starts_with("tsig_keys/keys/1: there is no secret for key b."),
            "{lacks_secret}"
        );
        let lacks_key = check(&["a.", "c."], &["a.", "b.", "c."]).unwrap_err();
        assert!(
            lacks_key.starts_with("xfrout/transfer_acl/0/NOT/key: there is no key \"B.\""),
            "{lacks_key}"
        );
        let lacks_key = check(&["a.", "b."], &["a.", "b."]).unwrap_err();
        assert!(lacks_key.starts_with("zonemgr/secondary_zones/0/primaries/0/key:"), "{lacks_key}");
        let named: Vec<String> = references(&settings(&[], rest)).into_iter().map(|one| one.key).collect();
        assert_eq!(named, ["a.", "B.", "c"]);
    }

    #[test]
    fn keys_are_put_replaced_and_removed() {
        let name: Name = "K.example.".parse().unwrap();
        let keys = with(Vec::new(), &name, Algorithm::HMAC_MD5, 1);
        let keys = with(keys, &"k.example.".parse().unwrap(), Algorithm::HMAC_SHA256, 2);
        assert_eq!(keys.len(), 1);
        assert_eq!((keys[0].algorithm.as_str(), keys[0].set_usec), ("hmac-sha256", 2));
        assert_eq!(without(keys.clone(), &name), Some(Vec::new()));
        assert_eq!(without(keys, &"other.".parse().unwrap()), None);
    }

    #[test]
    fn entries_are_written_in_one_way() {
        let entry = |name: &str, algorithm: &str| KeyEntry {
            name: name.into(),
            algorithm: algorithm.into(),
            set_usec: 0,
        };
        let check = |keys| TsigKeysSettings { keys }.check(&mut Vec::new());
        let good = check(vec![entry("A.Example", "HMAC-MD5.SIG-ALG.REG.INT")]).unwrap();
        assert_eq!(good.keys, [entry("a.example.", "hmac-md5")]);
        let twice = check(vec![entry("a", "hmac-sha1"), entry("A.", "hmac-sha1")]).unwrap_err();
        assert_eq!(twice.option, "keys/1/name");
        assert_eq!(check(vec![entry("a", "sha1")]).unwrap_err().option, "keys/0/algorithm");
        assert_eq!(check(vec![entry("a..", "hmac-sha1")]).unwrap_err().option, "keys/0/name");
    }
}
