//! Names of keys and of certificates as terms.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use tenon_wire::Name;

use crate::prefix::OneOrMany;

/// Most names in one term.
const NAMES_MAX: usize = 256;

/// One or more names of keys; written as one text or as a list of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Keys(Vec<Name>);

/// One or more names of certificates; written as one text or as a list of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlsNames(Vec<String>);

impl Keys {
    /// The names.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Name> {
        self.0.iter()
    }

    pub(crate) fn contain(&self, key: Option<&Name>) -> bool {
        key.is_some_and(|key| self.0.contains(key))
    }
}

impl TlsNames {
    pub(crate) fn contain(&self, name: Option<&str>) -> bool {
        let matches = |wanted: &String, name: &str| match wanted.strip_prefix("*.") {
            Some(parent) => name.split_once('.').is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(parent)),
            None => wanted.eq_ignore_ascii_case(name),
        };
        name.is_some_and(|name| self.0.iter().any(|wanted| matches(wanted, name)))
    }
}

fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let texts = OneOrMany::deserialize(deserializer)?.into_vec();
    if texts.is_empty() || texts.len() > NAMES_MAX {
        return Err(de::Error::custom(format_args!("a list of names has 1 to {NAMES_MAX} of them")));
    }
    Ok(texts)
}

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = |text: &String| {
            let name = text.parse::<Name>();
            let wrong = |error| de::Error::custom(format_args!("{text:?} is no name of a key: {error}"));
            Ok(name.map_err(wrong)?.as_ref().to_lowercase())
        };
        texts(deserializer)?.iter().map(name).collect::<Result<_, _>>().map(Self)
    }
}

impl<'de> Deserialize<'de> for TlsNames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = |text: String| {
            let plain = text.strip_prefix("*.").unwrap_or(&text);
            let host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
            if plain.is_empty() || plain.len() > 253 || !plain.chars().all(host) {
                return Err(de::Error::custom(format_args!("{text:?} is no name that a certificate has")));
            }
            Ok(text)
        };
        texts(deserializer)?.into_iter().map(name).collect::<Result<_, _>>().map(Self)
    }
}

impl Serialize for Keys {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(Name::to_string))
    }
}

impl Serialize for TlsNames {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(&self.0)
    }
}

impl fmt::Display for Keys {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.0.iter().map(Name::to_string).collect();
        out.write_str(&names.join(", "))
    }
}

impl fmt::Display for TlsNames {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0.join(", "))
    }
}

fn schema() -> Schema {
    json_schema!({
        "type": ["string", "array"],
        "items": {"type": "string", "maxLength": 1023},
        "minItems": 1,
        "maxItems": NAMES_MAX,
    })
}

impl JsonSchema for Keys {
    fn schema_name() -> Cow<'static, str> {
        "Keys".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schema()
    }
}

impl JsonSchema for TlsNames {
    fn schema_name() -> Cow<'static, str> {
        "TlsNames".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schema()
    }
}
