//! A component's JSON Schema, and the check of values against it.
//!
//! The schema is generated from the settings type, shipped as a file and shown on the bus, so that ranges have one
//! definition. The check knows what such schemas contain: types, `properties`, `required`, `additionalProperties`,
//! `items`, `minItems`, `maxItems`, `uniqueItems`, `minimum`, `maximum`, `minLength`, `maxLength`, `enum`, `const`,
//! `anyOf`, `oneOf`, `allOf` and local `$ref`. Other words (`format`, `description`) say nothing to it: the settings
//! type itself has the last word. A struct's unknown members are always refused.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use crate::settings::{Refusal, Settings};

/// How deep a value may nest; deeper ones are refused.
const DEPTH: usize = 32;

/// The schema of one component's settings.
#[derive(Clone, Debug, PartialEq)]
pub struct Schema {
    root: Value,
}

impl Schema {
    /// The schema of a settings type. Its root carries all defaults under `default`.
    pub fn of<S: Settings>() -> Self {
        let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
        let mut root = settings.into_generator().into_root_schema_for::<S>().to_value();
        if let (Some(root), Ok(default)) = (root.as_object_mut(), serde_json::to_value(S::default())) {
            root.insert("default".into(), default);
            root.insert("title".into(), S::COMPONENT.into());
        }
        Self { root }
    }

    /// Reads a shipped schema.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        Ok(Self { root: serde_json::from_str(text)? })
    }

    /// The schema as JSON text for people: indented, with a final newline.
    pub fn text(&self) -> String {
        format!("{:#}\n", self.root)
    }

    /// All options with their defaults.
    pub fn defaults(&self) -> Map<String, Value> {
        self.root.get("default").and_then(Value::as_object).cloned().unwrap_or_default()
    }

    /// Checks a settings document, in which every option may be absent.
    pub fn check(&self, document: &Value) -> Result<(), Refusal> {
        self.check_at(&[], document)
    }

    /// Checks a value for the option at `path`.
    pub fn check_at(&self, path: &[&str], value: &Value) -> Result<(), Refusal> {
        let Some(part) = self.at(path) else {
            return Err(Refusal::new(path.join("/"), "there is no such option"));
        };
        let mut walk =
            Walk { root: &self.root, path: path.iter().map(|word| Cow::Borrowed(*word)).collect() };
        walk.value(part, value, DEPTH)
    }

    /// The part of the schema for the option at `path`: option names, list indices, keys of maps.
    pub fn at(&self, path: &[&str]) -> Option<&Value> {
        path.iter().try_fold(&self.root, |part, word| step(&self.root, part, word))
    }

    /// Whether the option at `path` is an element of a list.
    pub fn is_element(&self, path: &[&str]) -> bool {
        let Some((_, parent)) = path.split_last() else { return false };
        let mut branches = Vec::new();
        if let Some(part) = self.at(parent) {
            branches_of(&self.root, part, &mut branches);
        }
        branches.iter().any(|branch| branch.get("items").is_some())
    }
}

fn step<'a>(root: &'a Value, part: &'a Value, word: &str) -> Option<&'a Value> {
    let mut branches = Vec::new();
    branches_of(root, part, &mut branches);
    branches.into_iter().find_map(|branch| {
        if let Some(member) = branch.get("properties").and_then(|members| members.get(word)) {
            return Some(member);
        }
        if word.parse::<usize>().is_ok() && branch.get("items").is_some() {
            return branch.get("items");
        }
        branch.get("additionalProperties").filter(|rest| rest.is_object())
    })
}

/// A part of the schema with references followed and alternatives laid open.
fn branches_of<'a>(root: &'a Value, part: &'a Value, found: &mut Vec<&'a Value>) {
    let part = follow(root, part);
    if found.len() >= DEPTH {
        return;
    }
    found.push(part);
    for word in ["anyOf", "oneOf", "allOf"] {
        for branch in part.get(word).and_then(Value::as_array).into_iter().flatten() {
            branches_of(root, branch, found);
        }
    }
}

fn follow<'a>(root: &'a Value, part: &'a Value) -> &'a Value {
    let target = part.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix('#'));
    target.and_then(|pointer| root.pointer(pointer)).unwrap_or(part)
}

struct Walk<'a> {
    root: &'a Value,
    path: Vec<Cow<'a, str>>,
}

impl<'a> Walk<'a> {
    fn value(&mut self, part: &'a Value, value: &'a Value, depth: usize) -> Result<(), Refusal> {
        let part = follow(self.root, part);
        let Some(depth) = depth.checked_sub(1) else {
            return Err(self.refuse("nested too deep"));
        };
        self.alternatives(part, value, depth)?;
        self.kind(part, value)?;
        match value {
            Value::Number(_) => self.number(part, value),
            Value::String(text) => self.text(part, text),
            Value::Array(items) => self.list(part, items, depth),
            Value::Object(members) => self.object(part, members, depth),
            Value::Null | Value::Bool(_) => Ok(()),
        }
    }

    fn alternatives(&mut self, part: &'a Value, value: &'a Value, depth: usize) -> Result<(), Refusal> {
        for branch in part.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            self.value(branch, value, depth)?;
        }
        let branches = part.get("anyOf").or_else(|| part.get("oneOf")).and_then(Value::as_array);
        let Some(branches) = branches else { return Ok(()) };
        let mut refusals = Vec::new();
        for branch in branches {
            let length = self.path.len();
            match self.value(branch, value, depth) {
                Ok(()) => return Ok(()),
                Err(refusal) => refusals.push((branch, refusal)),
            }
            self.path.truncate(length);
        }
        // Of "this or nothing", why it is not this is what helps.
        let is_null = |branch: &Value| branch.get("type").and_then(Value::as_str) == Some("null");
        let mut telling: Vec<Refusal> =
            refusals.into_iter().filter(|(branch, _)| !is_null(branch)).map(|(_, refusal)| refusal).collect();
        match (telling.pop(), telling.is_empty()) {
            (Some(only), true) => Err(only),
            _ => {
                let words: Vec<String> =
                    branches.iter().filter_map(|branch| branch.get("const")).map(Value::to_string).collect();
                let allowed =
                    if words.is_empty() { String::new() } else { format!(": {}", words.join(", ")) };
                Err(self.refuse(&format!("{value} is none of what is allowed{allowed}")))
            }
        }
    }

    fn kind(&self, part: &Value, value: &Value) -> Result<(), Refusal> {
        let fits = |kind: &Value| match kind.as_str() {
            Some("null") => value.is_null(),
            Some("boolean") => value.is_boolean(),
            Some("integer") => value.is_i64() || value.is_u64(),
            Some("number") => value.is_number(),
            Some("string") => value.is_string(),
            Some("array") => value.is_array(),
            Some("object") => value.is_object(),
            _ => true,
        };
        let (fitting, wanted) = match part.get("type") {
            None => (true, String::new()),
            Some(Value::Array(kinds)) => {
                let words: Vec<&str> = kinds.iter().filter_map(Value::as_str).collect();
                (kinds.iter().any(fits), words.join(" or "))
            }
            Some(kind) => (fits(kind), kind.as_str().unwrap_or_default().to_owned()),
        };
        if !fitting {
            return Err(self.refuse(&format!("{value} is not of type {wanted}")));
        }
        if let Some(only) = part.get("const").filter(|only| *only != value) {
            return Err(self.refuse(&format!("{value} is not {only}")));
        }
        match part.get("enum").and_then(Value::as_array) {
            Some(allowed) if !allowed.contains(value) => {
                let words: Vec<String> = allowed.iter().map(Value::to_string).collect();
                Err(self.refuse(&format!("{value} is not one of {}", words.join(", "))))
            }
            _ => Ok(()),
        }
    }

    fn number(&self, part: &Value, value: &Value) -> Result<(), Refusal> {
        let minimum = part.get("minimum").filter(|limit| below(value, limit));
        let maximum = part.get("maximum").filter(|limit| below(limit, value));
        match (minimum, maximum) {
            (Some(limit), _) => Err(self.refuse(&format!("{value} is below the minimum, {limit}"))),
            (_, Some(limit)) => Err(self.refuse(&format!("{value} is above the maximum, {limit}"))),
            (None, None) => Ok(()),
        }
    }

    fn text(&self, part: &Value, text: &str) -> Result<(), Refusal> {
        self.size(part, text.chars().count(), "minLength", "maxLength", "characters")
    }

    fn list(&mut self, part: &'a Value, items: &'a [Value], depth: usize) -> Result<(), Refusal> {
        self.size(part, items.len(), "minItems", "maxItems", "elements")?;
        for (index, item) in items.iter().enumerate() {
            self.path.push(index.to_string().into());
            if part.get("uniqueItems") == Some(&Value::Bool(true))
                && items.iter().take(index).any(|earlier| earlier == item)
            {
                return Err(self.refuse(&format!("{item} is there twice")));
            }
            if let Some(schema) = part.get("items") {
                self.value(schema, item, depth)?;
            }
            self.path.pop();
        }
        Ok(())
    }

    fn object(
        &mut self,
        part: &'a Value,
        members: &'a Map<String, Value>,
        depth: usize,
    ) -> Result<(), Refusal> {
        let properties = part.get("properties").and_then(Value::as_object);
        let rest = part.get("additionalProperties");
        for (key, member) in members {
            self.path.push(key.as_str().into());
            match (properties.and_then(|properties| properties.get(key)), rest) {
                (Some(schema), _) => self.value(schema, member, depth)?,
                (None, Some(schema)) if schema.is_object() => self.value(schema, member, depth)?,
                (None, Some(Value::Bool(true))) => {}
                (None, None) if properties.is_none() => {}
                (None, _) => return Err(self.refuse("there is no such option")),
            }
            self.path.pop();
        }
        let required = part.get("required").and_then(Value::as_array).into_iter().flatten();
        match required.filter_map(Value::as_str).find(|key| !members.contains_key(*key)) {
            Some(key) => Err(self.refuse(&format!("\"{key}\" is missing"))),
            None => Ok(()),
        }
    }

    fn size(
        &self,
        part: &Value,
        size: usize,
        minimum: &str,
        maximum: &str,
        what: &str,
    ) -> Result<(), Refusal> {
        let limit = |word| part.get(word).and_then(Value::as_u64);
        let size = size as u64;
        match (limit(minimum), limit(maximum)) {
            (Some(limit), _) if size < limit => {
                Err(self.refuse(&format!("{size} {what} are fewer than the minimum, {limit}")))
            }
            (_, Some(limit)) if size > limit => {
                Err(self.refuse(&format!("{size} {what} are more than the maximum, {limit}")))
            }
            _ => Ok(()),
        }
    }

    fn refuse(&self, reason: &str) -> Refusal {
        Refusal::new(self.path.join("/"), reason)
    }
}

/// Is `a` less than `b`? Exact for integers.
fn below(a: &Value, b: &Value) -> bool {
    let integer = |value: &Value| {
        value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from)).or_else(|| {
            // schemars writes some limits of integers as fractions without a fraction.
            value
                .as_f64()
                .filter(|float| float.fract() == 0.0 && float.abs() < 1e15)
                .map(|float| float as i128)
        })
    };
    match (integer(a), integer(b)) {
        (Some(a), Some(b)) => a < b,
        _ => a.as_f64() < b.as_f64(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};
    use serde_json::json;

    #[derive(Clone, Default, Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "lowercase")]
    enum Mode {
        #[default]
        Plain,
        Fancy,
    }

    #[derive(Clone, Serialize, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct Listen {
        address: std::net::IpAddr,
        #[serde(default)]
        port: u16,
    }

    #[derive(Clone, Default, Serialize, Deserialize, JsonSchema)]
    #[serde(default, deny_unknown_fields)]
    struct Sample {
        #[schemars(range(min = 512, max = 4096))]
        size: u16,
        #[schemars(length(max = 2))]
        listen: Vec<Listen>,
        mode: Mode,
        limit: Option<u32>,
        names: std::collections::BTreeMap<String, u8>,
    }

    impl Settings for Sample {
        const COMPONENT: &'static str = "sample";
        fn check(self, _: &mut Vec<String>) -> Result<Self, Refusal> {
            Ok(self)
        }
    }

    fn refusal(document: &Value) -> String {
        Schema::of::<Sample>().check(document).map_or_else(|refusal| refusal.to_string(), |()| "ok".into())
    }

    #[test]
    fn documents_that_fit() {
        assert_eq!(refusal(&json!({})), "ok");
        assert_eq!(
            refusal(&json!({"size": 512, "mode": "fancy", "limit": null, "names": {"a": 1},
                "listen": [{"address": "::1"}, {"address": "::1", "port": 53}]})),
            "ok"
        );
    }

    #[test]
    fn refusals_name_the_option_and_the_reason() {
        assert_eq!(refusal(&json!({"size": 100})), "size: 100 is below the minimum, 512");
        assert_eq!(refusal(&json!({"size": 5000})), "size: 5000 is above the maximum, 4096");
        assert_eq!(refusal(&json!({"size": "x"})), "size: \"x\" is not of type integer");
        assert_eq!(refusal(&json!({"sise": 1})), "sise: there is no such option");
        assert_eq!(
            refusal(&json!({"listen": [{"address": "::1", "prt": 1}]})),
            "listen/0/prt: there is no such option"
        );
        assert_eq!(refusal(&json!({"listen": [{}]})), "listen/0: \"address\" is missing");
        let many = json!({"listen": [{"address": "::1"}, {"address": "::1"}, {"address": "::1"}]});
        assert_eq!(refusal(&many), "listen: 3 elements are more than the maximum, 2");
        assert_eq!(refusal(&json!({"mode": "odd"})), "mode: \"odd\" is not one of \"plain\", \"fancy\"");
        assert_eq!(refusal(&json!({"limit": -1})), "limit: -1 is below the minimum, 0");
        assert_eq!(refusal(&json!({"names": {"a": 300}})), "names/a: 300 is above the maximum, 255");
        assert_eq!(refusal(&json!(5)), "5 is not of type object");
    }

    #[test]
    fn deep_nesting_is_refused_not_followed() {
        let mut value = json!(1);
        for _ in 0..200 {
            value = json!([value]);
        }
        let schema = Schema {
            root: json!({"$defs": {"list": {"items": {"$ref": "#/$defs/list"}}}, "$ref": "#/$defs/list"}),
        };
        assert!(schema.check(&value).unwrap_err().reason.contains("too deep"));
    }

    #[test]
    fn parts_are_found_by_path() {
        let schema = Schema::of::<Sample>();
        assert!(schema.at(&["listen", "0", "port"]).is_some());
        assert!(schema.at(&["names", "any"]).is_some());
        assert!(schema.at(&["nope"]).is_none());
        assert!(schema.at(&["size", "0"]).is_none());
        assert!(schema.is_element(&["listen", "3"]));
        assert!(!schema.is_element(&["listen"]));
        assert!(schema.check_at(&["listen", "0", "port"], &json!(70000)).is_err());
        assert_eq!(schema.defaults().get("size"), Some(&json!(0)));
    }
}
