//! Options by path, and the edits that users make to them.
//!
//! An edit is kept for the smallest thing that is stored as a whole: a plain option, or a whole list or map. Setting
//! `auth/listen_on/0/port` therefore edits `auth/listen_on`, and two users who edit two elements of one list are in
//! conflict, as they should be.

use serde_json::{Map, Value};
use tenon_service::{Refusal, Schema};

use crate::schemas::Schemas;
use crate::storage::{Candidate, Edit};

/// Most edits in one candidate.
const EDITS: usize = 1000;
/// Most octets of one value: enough for a list of some 200,000 secondary zones.
const VALUE_LIMIT: usize = 32 << 20;

/// Why an option cannot be edited or read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OptionError {
    /// There is no option of that path.
    #[error("{0}")]
    NoSuchOption(String),
    /// The value does not fit.
    #[error("{0}")]
    InvalidValue(Refusal),
    /// The candidate is at its bound.
    #[error("{0}")]
    Full(String),
}

/// An option that can be edited, found by its path.
struct Place<'a> {
    component: &'a str,
    schema: &'a Schema,
    /// Option names down to what is stored as a whole.
    whole: Vec<&'a str>,
    /// Indices and keys within that.
    inside: Vec<&'a str>,
}

/// The value at `path` ("" for all) in a tree of components.
pub fn get(tree: &Map<String, Value>, path: &str) -> Result<Value, OptionError> {
    let mut words = split(path);
    let Some(component) = words.next() else { return Ok(Value::Object(tree.clone())) };
    let found = words.try_fold(tree.get(component), |value, word| Some(child(value?, word))).flatten();
    found.cloned().ok_or_else(|| no_such(path))
}

/// Sets an option in a candidate; `committed` is the tree of what is committed.
pub fn set(
    candidate: &mut Candidate,
    schemas: &Schemas,
    committed: &Map<String, Value>,
    path: &str,
    value: Value,
) -> Result<(), OptionError> {
    if value.to_string().len() > VALUE_LIMIT {
        return Err(OptionError::Full(format!("{path}: values have at most {VALUE_LIMIT} octets")));
    }
    let place = find(schemas, path)?;
    place.check(&[place.whole.as_slice(), place.inside.as_slice()].concat(), &value)?;
    let whole = if place.inside.is_empty() {
        value
    } else {
        let mut whole = place.value(candidate, committed);
        put(&mut whole, &place.inside, value).ok_or_else(|| outside(path))?;
        place.check(&place.whole, &whole)?;
        whole
    };
    place.edit(candidate, committed, Some(whole))
}

/// Takes an option back to its default in a candidate, or takes an element out of a list or map.
pub fn unset(
    candidate: &mut Candidate,
    schemas: &Schemas,
    committed: &Map<String, Value>,
    path: &str,
) -> Result<(), OptionError> {
    let place = find(schemas, path)?;
    if place.inside.is_empty() {
        return place.edit(candidate, committed, None);
    }
    let mut whole = place.value(candidate, committed);
    take(&mut whole, &place.inside).ok_or_else(|| outside(path))?;
    place.check(&place.whole, &whole)?;
    place.edit(candidate, committed, Some(whole))
}

/// Lays a candidate's edits on a tree of components.
pub fn lay(candidate: &Candidate, schemas: &Schemas, tree: &mut Map<String, Value>) {
    for (path, edit) in &candidate.edits {
        let Ok(place) = find(schemas, path) else { continue };
        let mut words = vec![place.component];
        words.extend(&place.whole);
        let mut root = Value::Object(std::mem::take(tree));
        match edit.value.clone().or_else(|| place.default()) {
            Some(value) => drop(put(&mut root, &words, value)),
            // An option that is absent by default.
            None => drop(take(&mut root, &words)),
        }
        if let Value::Object(members) = root {
            *tree = members;
        }
    }
}

/// The paths of edits whose option is committed with another value than when it was edited.
pub fn conflicts(candidate: &Candidate, committed: &Map<String, Value>) -> Vec<String> {
    let in_conflict = |(path, edit): (&String, &Edit)| {
        let now = committed_value(committed, path);
        let wanted = edit.value.as_ref();
        (now != edit.was && Some(&now) != wanted).then(|| path.clone())
    };
    candidate.edits.iter().filter_map(in_conflict).collect()
}

/// What differs between two trees: path, value in the one, value in the other. Lists count as a whole.
pub fn differences(
    path: &str,
    from: Option<&Value>,
    to: Option<&Value>,
    found: &mut Vec<(String, Option<Value>, Option<Value>)>,
) {
    let empty = Map::new();
    let members = |value: Option<&Value>| value.is_none_or(Value::is_object);
    if (from.is_none() && to.is_none()) || !members(from) || !members(to) {
        if from != to {
            found.push((path.to_owned(), from.cloned(), to.cloned()));
        }
        return;
    }
    let from = from.and_then(Value::as_object).unwrap_or(&empty);
    let to = to.and_then(Value::as_object).unwrap_or(&empty);
    let only_there = to.keys().filter(|name| !from.contains_key(*name));
    for name in from.keys().chain(only_there) {
        let below = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
        differences(&below, from.get(name), to.get(name), found);
    }
}

fn find<'a>(schemas: &'a Schemas, path: &'a str) -> Result<Place<'a>, OptionError> {
    let mut words = split(path);
    let component = words.next().unwrap_or_default();
    let schema = schemas.get(component).ok_or_else(|| {
        let known = schemas.names().join(", ");
        OptionError::NoSuchOption(format!("{path}: there is no component \"{component}\"; there are {known}"))
    })?;
    let words: Vec<&str> = words.collect();
    if words.is_empty() {
        return Err(OptionError::NoSuchOption(format!("{path}: name an option, such as {path}/...")));
    }
    if schema.at(&words).is_none() {
        return Err(no_such(path));
    }
    // What has named members is stored member by member; everything else as a whole.
    let length = (1..=words.len())
        .find(|length| {
            let part = words.get(..*length).and_then(|words| schema.at(words));
            part.is_none_or(|part| part.get("properties").is_none())
        })
        .unwrap_or(words.len());
    let (whole, inside) = words.split_at(length);
    Ok(Place { component, schema, whole: whole.to_vec(), inside: inside.to_vec() })
}

impl Place<'_> {
    fn path(&self) -> String {
        format!("{}/{}", self.component, self.whole.join("/"))
    }

    fn default(&self) -> Option<Value> {
        let defaults = Value::Object(self.schema.defaults());
        self.whole.iter().try_fold(&defaults, |value, word| child(value, word)).cloned()
    }

    /// The value as a whole: as edited, or as committed.
    fn value(&self, candidate: &Candidate, committed: &Map<String, Value>) -> Value {
        match candidate.edits.get(&self.path()) {
            Some(Edit { value: Some(value), .. }) => value.clone(),
            Some(Edit { value: None, .. }) => self.default().unwrap_or(Value::Null),
            None => committed_value(committed, &self.path()),
        }
    }

    fn check(&self, words: &[&str], value: &Value) -> Result<(), OptionError> {
        let checked = self.schema.check_at(words, value);
        checked.map_err(|refusal| OptionError::InvalidValue(refusal.below(self.component)))
    }

    fn edit(
        &self,
        candidate: &mut Candidate,
        committed: &Map<String, Value>,
        value: Option<Value>,
    ) -> Result<(), OptionError> {
        let path = self.path();
        let was = committed_value(committed, &path);
        candidate.edits.remove(&path);
        let is_committed = match &value {
            Some(value) => *value == was,
            None => self.default().unwrap_or(Value::Null) == was,
        };
        if is_committed {
            return Ok(());
        }
        if candidate.edits.len() >= EDITS {
            return Err(OptionError::Full(format!(
                "at most {EDITS} edits in one commit; commit these first"
            )));
        }
        candidate.edits.insert(path, Edit { was, value });
        Ok(())
    }
}

/// What is committed of an option that the schema knows; null for one that is absent by default and not set.
fn committed_value(committed: &Map<String, Value>, path: &str) -> Value {
    get(committed, path).unwrap_or(Value::Null)
}

fn split(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|word| !word.is_empty())
}

fn child<'a>(value: &'a Value, word: &str) -> Option<&'a Value> {
    match value {
        Value::Object(members) => members.get(word),
        Value::Array(items) => items.get(word.parse::<usize>().ok()?),
        _ => None,
    }
}

/// Puts a value in place below `root`. The element after a list's last one is added; others must be there.
fn put(root: &mut Value, words: &[&str], value: Value) -> Option<()> {
    let Some((word, rest)) = words.split_first() else {
        *root = value;
        return Some(());
    };
    match root {
        Value::Object(members) => put(members.entry(*word).or_insert(Value::Null), rest, value),
        Value::Array(items) => {
            let index: usize = word.parse().ok()?;
            if index == items.len() {
                items.push(Value::Null);
            }
            put(items.get_mut(index)?, rest, value)
        }
        // Members of something that was nothing: an element being added field by field.
        Value::Null if word.parse::<usize>().is_err() => {
            *root = Value::Object(Map::new());
            put(root, words, value)
        }
        _ => None,
    }
}

fn take(root: &mut Value, words: &[&str]) -> Option<()> {
    let (word, rest) = words.split_first()?;
    match root {
        Value::Object(members) if rest.is_empty() => members.remove(*word).map(drop),
        Value::Object(members) => take(members.get_mut(*word)?, rest),
        Value::Array(items) => {
            let index: usize = word.parse().ok()?;
            if rest.is_empty() {
                return (index < items.len()).then(|| drop(items.remove(index)));
            }
            take(items.get_mut(index)?, rest)
        }
        _ => None,
    }
}

fn no_such(path: &str) -> OptionError {
    OptionError::NoSuchOption(format!("{path}: there is no such option"))
}

fn outside(path: &str) -> OptionError {
    OptionError::NoSuchOption(format!("{path}: there is no such element"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn schemas() -> (tempfile::TempDir, Schemas) {
        let directory = tempfile::tempdir().unwrap();
        let schema = json!({
        "type": "object", "default": {"workers": 0, "listen": [{"address": "::1", "port": 53}], "deep": {"a": 1, "b": 2}},
        "properties": {
            "workers": {"type": "integer", "minimum": 0, "maximum": 64},
            "listen": {"type": "array", "maxItems": 2, "items": {"type": "object", "required": ["address"],
                "properties": {"address": {"type": "string"}, "port": {"type": "integer", "maximum": 65535}}}},
            "deep": {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}},
            "name": {"type": "string"}
        }});
        std::fs::write(directory.path().join("auth.json"), schema.to_string()).unwrap();
        let schemas = Schemas::read(directory.path());
        (directory, schemas)
    }

    struct Bench {
        _directory: tempfile::TempDir,
        schemas: Schemas,
        committed: Map<String, Value>,
        candidate: Candidate,
    }

    impl Bench {
        fn new() -> Self {
            let (directory, schemas) = schemas();
            let committed = schemas.complete(&[].into());
            Self { _directory: directory, schemas, committed, candidate: Candidate::default() }
        }

        fn set(&mut self, path: &str, value: Value) -> Result<(), OptionError> {
            set(&mut self.candidate, &self.schemas, &self.committed, path, value)
        }

        fn unset(&mut self, path: &str) -> Result<(), OptionError> {
            unset(&mut self.candidate, &self.schemas, &self.committed, path)
        }

        fn then(&self, path: &str) -> Value {
            let mut tree = self.committed.clone();
            lay(&self.candidate, &self.schemas, &mut tree);
            get(&tree, path).unwrap()
        }
    }

    #[test]
    fn options_elements_and_members_are_set() {
        let mut bench = Bench::new();
        bench.set("auth/workers", json!(4)).unwrap();
        bench.set("auth/listen/0/port", json!(5300)).unwrap();
        bench.set("auth/listen/1", json!({"address": "192.0.2.1"})).unwrap();
        bench.set("auth/deep/b", json!(7)).unwrap();
        assert_eq!(bench.then("auth/workers"), json!(4));
        assert_eq!(
            bench.then("auth/listen"),
            json!([{"address": "::1", "port": 5300}, {"address": "192.0.2.1"}])
        );
        assert_eq!(bench.then("auth/deep"), json!({"a": 1, "b": 7}));
        let paths: Vec<&String> = bench.candidate.edits.keys().collect();
        assert_eq!(paths, ["auth/deep/b", "auth/listen", "auth/workers"]);
    }

    #[test]
    fn what_does_not_fit_is_refused_with_its_path() {
        let mut bench = Bench::new();
        for (path, value, reason) in [
            ("auth/workers", json!(65), "auth/workers: 65 is above the maximum, 64"),
            ("auth/listen/0/port", json!("x"), "auth/listen/0/port: \"x\" is not of type integer"),
            ("auth/listen/1", json!({}), "auth/listen/1: \"address\" is missing"),
            ("auth/wrkers", json!(1), "auth/wrkers: there is no such option"),
            ("auth/listen/7", json!({"address": ""}), "auth/listen/7: there is no such element"),
            (
                "nobody/x",
                json!(1),
                "nobody/x: there is no component \"nobody\"; there are auth, cfgmgr, data_sources, logging, tsig_keys",
            ),
            ("auth", json!({}), "auth: name an option, such as auth/..."),
        ] {
            assert_eq!(bench.set(path, value).unwrap_err().to_string(), reason);
        }
        bench.set("auth/listen/1", json!({"address": "a"})).unwrap();
        assert!(bench.set("auth/listen/2", json!({"address": "b"})).is_err(), "more than maxItems");
        assert_eq!(bench.candidate.edits.len(), 1);
    }

    #[test]
    fn unset_goes_back_to_the_default_and_takes_elements_out() {
        let mut bench = Bench::new();
        bench.set("auth/workers", json!(4)).unwrap();
        bench.unset("auth/workers").unwrap();
        assert!(bench.candidate.edits.is_empty());
        bench.unset("auth/listen/0").unwrap();
        assert_eq!(bench.then("auth/listen"), json!([]));
        assert!(bench.unset("auth/listen/0").is_err());
    }

    #[test]
    fn an_option_that_is_absent_by_default_is_set_and_goes_again() {
        let mut bench = Bench::new();
        bench.unset("auth/name").unwrap();
        assert!(bench.candidate.edits.is_empty(), "it is absent already");
        bench.set("auth/name", json!("ns1")).unwrap();
        assert_eq!(bench.then("auth/name"), json!("ns1"));
        let set = bench.schemas.complete(&[("auth".to_owned(), json!({"name": "other"}))].into());
        assert_eq!(conflicts(&bench.candidate, &set), ["auth/name"]);
        let mut candidate = Candidate::default();
        unset(&mut candidate, &bench.schemas, &set, "auth/name").unwrap();
        let mut tree = set;
        lay(&candidate, &bench.schemas, &mut tree);
        assert!(get(&tree, "auth/name").is_err(), "{tree:?}");
        assert!(bench.set("auth/name", json!(7)).is_err());
    }

    #[test]
    fn differences_name_options_and_take_lists_as_a_whole() {
        let from = json!({"auth": {"workers": 1, "listen": [1], "deep": {"a": 1, "b": 2}, "gone": 7}});
        let to = json!({"auth": {"workers": 1, "listen": [1, 2], "deep": {"a": 1, "b": 3}}, "new": {"x": 1}});
        let mut found = Vec::new();
        differences("", Some(&from), Some(&to), &mut found);
        found.sort_by(|a, b| a.0.cmp(&b.0));
        let expected = [
            ("auth/deep/b", Some(json!(2)), Some(json!(3))),
            ("auth/gone", Some(json!(7)), None),
            ("auth/listen", Some(json!([1])), Some(json!([1, 2]))),
            ("new/x", None, Some(json!(1))),
        ];
        assert_eq!(found, expected.map(|(path, from, to)| (path.to_owned(), from, to)));
    }

    #[test]
    fn only_another_value_of_the_same_option_is_a_conflict() {
        let mut bench = Bench::new();
        bench.set("auth/workers", json!(4)).unwrap();
        let after = |document: Value| bench.schemas.complete(&[("auth".to_owned(), document)].into());
        assert!(conflicts(&bench.candidate, &after(json!({"deep": {"a": 9}}))).is_empty());
        assert!(conflicts(&bench.candidate, &after(json!({"workers": 4}))).is_empty());
        assert_eq!(conflicts(&bench.candidate, &after(json!({"workers": 5}))), ["auth/workers"]);
    }
}
