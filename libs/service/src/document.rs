//! Settings as documents: JSON in, checked settings out, and back to what is stored.
//!
//! A document holds only the options that differ from their defaults, so that a new version's new default reaches
//! everybody who never chose otherwise.

use serde_json::{Map, Value};

use crate::schema::Schema;
use crate::settings::{Refusal, Settings};

/// Settings that passed every check.
#[derive(Clone, Debug)]
pub struct Accepted<S> {
    /// The settings, amended where the owner saw fit.
    pub settings: S,
    /// One sentence for each amendment.
    pub notes: Vec<String>,
}

impl<S: Settings> Accepted<S> {
    /// The settings as a document to store.
    pub fn document(&self) -> Value {
        Value::Object(differing(complete(&self.settings), &complete(&S::default())))
    }
}

/// Checks a document by schema, by type and by the owner's rules, in this order. It is consumed: one that names 100,000
/// zones takes some 140 MB as a tree.
pub fn check<S: Settings>(document: Value) -> Result<Accepted<S>, Refusal> {
    Schema::of::<S>().check(&document)?;
    let mut whole = Value::Object(complete(&S::default()));
    overlay(&mut whole, document);
    let settings: S = serde_path_to_error::deserialize(whole)
        .map_err(|error| Refusal::new(option_path(error.path()), error.inner().to_string()))?;
    let mut notes = Vec::new();
    let settings = settings.check(&mut notes)?;
    Ok(Accepted { settings, notes })
}

/// The same for JSON text.
pub fn check_text<S: Settings>(text: &str) -> Result<Accepted<S>, Refusal> {
    let document = serde_json::from_str(text)
        .map_err(|error| Refusal::new("", format!("the settings are not JSON: {error}")))?;
    check(document)
}

/// All options with their values.
pub fn complete<S: Settings>(settings: &S) -> Map<String, Value> {
    match serde_json::to_value(settings) {
        Ok(Value::Object(options)) => options,
        // A settings type that does not serialise to an object has no options.
        _ => Map::new(),
    }
}

/// Lays `over` on `base`: objects member by member, everything else as a whole.
pub fn overlay(base: &mut Value, over: Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (key, value) in over {
                overlay(base.entry(key).or_insert(Value::Null), value);
            }
        }
        (base, over) => *base = over,
    }
}

/// The members of `values` that differ from `defaults`, the inverse of [`overlay`].
pub fn differing(values: Map<String, Value>, defaults: &Map<String, Value>) -> Map<String, Value> {
    let mut found = Map::new();
    for (key, value) in values {
        match (value, defaults.get(&key)) {
            (value, Some(default)) if value == *default => {}
            // Only where the default has every member can a difference be told member by member.
            (Value::Object(inner), Some(Value::Object(default))) if has_all(&inner, default) => {
                found.insert(key, Value::Object(differing(inner, default)));
            }
            (value, _) => {
                found.insert(key, value);
            }
        }
    }
    found
}

/// Overlaying cannot take members away, so a default's members must all be there.
fn has_all(values: &Map<String, Value>, defaults: &Map<String, Value>) -> bool {
    defaults.keys().all(|key| values.contains_key(key))
}

fn option_path(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let words = path.iter().filter_map(|segment| match segment {
        Segment::Seq { index } => Some(index.to_string()),
        Segment::Map { key } => Some(key.clone()),
        Segment::Enum { .. } | Segment::Unknown => None,
    });
    words.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};
    use serde_json::json;

    #[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
    #[serde(default, deny_unknown_fields)]
    struct Sample {
        address: std::net::IpAddr,
        workers: u16,
        nested: Nested,
    }

    #[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
    #[serde(default, deny_unknown_fields)]
    struct Nested {
        on: bool,
        depth: u8,
    }

    impl Default for Sample {
        fn default() -> Self {
            Self { address: [127, 0, 0, 1].into(), workers: 4, nested: Nested::default() }
        }
    }

    impl Settings for Sample {
        const COMPONENT: &'static str = "sample";
        fn check(mut self, notes: &mut Vec<String>) -> Result<Self, Refusal> {
            if self.workers == 13 {
                return Err(Refusal::new("workers", "13 brings bad luck"));
            }
            if self.workers > 64 {
                self.workers = 64;
                notes.push("workers: 64 are the most".into());
            }
            Ok(self)
        }
    }

    #[test]
    fn only_what_differs_is_stored() {
        let accepted = check::<Sample>(json!({"workers": 4, "nested": {"depth": 2}})).unwrap();
        assert_eq!(accepted.document(), json!({"nested": {"depth": 2}}));
        assert!(!accepted.settings.nested.on);
    }

    #[test]
    fn an_owner_amends_and_refuses() {
        let accepted = check::<Sample>(json!({"workers": 100})).unwrap();
        assert_eq!(accepted.document(), json!({"workers": 64}));
        assert_eq!(accepted.notes.len(), 1);
        assert_eq!(check::<Sample>(json!({"workers": 13})).unwrap_err().option, "workers");
    }

    #[test]
    fn a_type_refuses_what_no_schema_word_says() {
        let refusal = check::<Sample>(json!({"address": "300.1.1.1"})).unwrap_err();
        assert_eq!(refusal.option, "address");
        assert!(check_text::<Sample>("{").unwrap_err().reason.contains("not JSON"));
    }

    #[test]
    fn differing_is_the_inverse_of_overlay() {
        let default = json!({"a": {"x": 1, "y": 2}, "b": [1]});
        for value in
            [json!({"a": {"x": 1, "y": 3}, "b": []}), json!({"a": {"x": 1}, "b": [1]}), default.clone()]
        {
            let stored = differing(value.as_object().unwrap().clone(), default.as_object().unwrap());
            let mut whole = default.clone();
            overlay(&mut whole, Value::Object(stored));
            // A member that went away comes back as its default.
            if value.pointer("/a/y").is_some() {
                assert_eq!(whole, value);
            }
        }
    }
}
