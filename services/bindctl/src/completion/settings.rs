//! Paths of options, and what may be their values.

use serde_json::Value;
use tenon_service::Schema;

use super::Kind;
use crate::config::{element, value};

/// Paths of all options, lists and elements of lists.
pub(super) fn paths(settings: &Value) -> Vec<String> {
    let mut found = Vec::new();
    collect("", settings, &mut found);
    found
}

fn collect(path: &str, value: &Value, found: &mut Vec<String>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(members) => members.iter().map(|(name, member)| (name.clone(), member)).collect(),
        Value::Array(items) => {
            items.iter().enumerate().map(|(index, item)| (index.to_string(), item)).collect()
        }
        _ => Vec::new(),
    };
    for (word, child) in children {
        let below = if path.is_empty() { word } else { format!("{path}/{word}") };
        collect(&below, child, found);
        if below.contains('/') {
            found.push(below);
        }
    }
}

/// Paths of members of objects in `component` that the schema knows and nobody has set, and of the element behind the last
/// one of each list.
pub(super) fn unset(schema: &str, settings: &Value, component: &str) -> Vec<String> {
    let mut found = Vec::new();
    if let (Ok(schema), Some(now)) = (Schema::parse(schema), settings.get(component)) {
        collect_unset(&schema, &mut Vec::new(), now, &mut found);
    }
    found.into_iter().map(|path| format!("{component}/{path}")).collect()
}

fn collect_unset(schema: &Schema, at: &mut Vec<String>, value: &Value, found: &mut Vec<String>) {
    let words: Vec<&str> = at.iter().map(String::as_str).collect();
    let below = |word: &str| words.iter().chain([&word]).copied().collect::<Vec<_>>().join("/");
    let children: Vec<(String, &Value)> = match value {
        Value::Object(members) => {
            let known = schema.at(&words).map(members_of).unwrap_or_default();
            found.extend(
                known.into_iter().filter(|name| !members.contains_key(name)).map(|name| below(&name)),
            );
            members.iter().map(|(name, member)| (name.clone(), member)).collect()
        }
        Value::Array(items) => {
            found.push(below(&items.len().to_string()));
            (0..).zip(items).map(|(index, item): (usize, _)| (index.to_string(), item)).collect()
        }
        _ => return,
    };
    for (word, child) in children {
        at.push(word);
        collect_unset(schema, at, child, found);
        at.pop();
    }
}

/// Names of members that a part of a schema knows.
fn members_of(part: &Value) -> Vec<String> {
    let own =
        part.get("properties").and_then(Value::as_object).into_iter().flatten().map(|(name, _)| name.clone());
    let branches =
        ["anyOf", "oneOf", "allOf"].into_iter().filter_map(|word| part.get(word)?.as_array()).flatten();
    own.chain(branches.flat_map(members_of)).collect()
}

/// These paths, with indices in brackets as far as `word` has them so.
pub(super) fn written_as(word: &str, paths: Vec<String>) -> Vec<String> {
    let Some((typed, _)) = word.rsplit_once(']') else { return paths };
    let typed = format!("{typed}]");
    let plain = value::path(&typed);
    let rest = |path: String| Some(format!("{typed}{}", path.strip_prefix(&plain)?));
    paths.into_iter().filter_map(rest).collect()
}

/// What may be the value at a path: what the schema lists, and the value of now if it is one word.
pub(super) fn values(schema: &str, settings: &Value, path: &str) -> Vec<String> {
    let words: Vec<&str> = path.split('/').skip(1).collect();
    let mut found = Vec::new();
    if let Ok(schema) = Schema::parse(schema)
        && let Some(part) = schema.at(&words)
    {
        listed(part, &mut found);
    }
    match settings.pointer(&format!("/{path}")) {
        Some(Value::String(text)) if !text.contains(char::is_whitespace) => found.push(text.clone()),
        Some(Value::Number(number)) => found.push(number.to_string()),
        _ => {}
    }
    found
}

/// The values that a part of a schema lists.
fn listed(part: &Value, found: &mut Vec<String>) {
    let constant = part.get("const").into_iter();
    for value in part.get("enum").and_then(Value::as_array).into_iter().flatten().chain(constant) {
        found.extend(value.as_str().map(str::to_owned));
    }
    if part.get("type").is_some_and(|kind| kind == "boolean") {
        found.extend(["true", "false"].map(str::to_owned));
    }
    for word in ["anyOf", "oneOf", "allOf"] {
        for branch in part.get(word).and_then(Value::as_array).into_iter().flatten() {
            listed(branch, found);
        }
    }
}

/// What the elements of a list are named by, or are.
pub(super) fn elements(settings: &Value, path: &str) -> Vec<String> {
    let list = settings.pointer(&format!("/{path}")).and_then(Value::as_array);
    list.map(|items| element::names(items)).unwrap_or_default()
}

/// What the value at a path names, by the option's name.
pub(super) fn refers_to(path: &str) -> Option<Kind> {
    let mut words = path.rsplit('/').filter(|word| word.parse::<usize>().is_err());
    match (words.next()?, words.next().unwrap_or_default()) {
        ("key", _) => Some(Kind::Key),
        ("component", _) => Some(Kind::Component),
        ("zone", _) | ("name", "zones" | "secondary_zones" | "catalogs") => Some(Kind::Zone),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn enumerations_flags_and_the_value_of_now() {
        let schema = json!({"properties": {
            "on": {"type": "boolean"}, "workers": {"type": "integer"}, "words": {"items": {"enum": ["a", "b"]}},
            "serial": {"oneOf": [{"const": "increment"}, {"const": "unixtime"}, {"type": "null"}]}}});
        let settings = json!({"x": {"on": true, "workers": 2, "words": ["a"], "serial": "increment"}});
        let found = |path: &str| values(&schema.to_string(), &settings, path).join(" ");
        assert_eq!(found("x/on"), "true false");
        assert_eq!(found("x/workers"), "2");
        assert_eq!(found("x/serial"), "increment unixtime increment");
        assert_eq!(found("x/words/7"), "a b");
        assert_eq!((found("x/words"), found("x/none")), (String::new(), String::new()));
    }

    #[test]
    fn members_that_nobody_has_set_and_the_next_element() {
        let schema = json!({"properties": {"zones": {"items": {"properties": {
            "name": {}, "file": {}, "primaries": {"items": {"anyOf": [{"properties": {"address": {}, "key": {}}}]}}}}}}});
        let settings = json!({"x": {"zones": [{"name": "a.", "primaries": [{"address": "::1"}]}]}, "y": {}});
        let found = unset(&schema.to_string(), &settings, "x");
        assert_eq!(
            found,
            ["x/zones/1", "x/zones/0/file", "x/zones/0/primaries/1", "x/zones/0/primaries/0/key"]
        );
        assert_eq!(
            written_as("x/zones[0]/pri", found),
            ["x/zones[0]/file", "x/zones[0]/primaries/1", "x/zones[0]/primaries/0/key"]
        );
        assert_eq!(unset("", &settings, "x"), [""; 0]);
        assert_eq!(unset(&schema.to_string(), &settings, "z"), [""; 0]);
    }

    #[test]
    fn paths_of_options_and_elements_and_what_they_name() {
        let settings = json!({"auth": {"listen": [{"address": "::1"}], "workers": 2}});
        assert_eq!(
            paths(&settings),
            ["auth/listen/0/address", "auth/listen/0", "auth/listen", "auth/workers"]
        );
        assert_eq!(elements(&settings, "auth/listen"), ["::1"]);
        for (path, kind) in [
            ("xfrout/transfer_acl/0/key", Some(Kind::Key)),
            ("xfrout/transfer_acl/0/key/1", Some(Kind::Key)),
            ("logging/loggers/0/component", Some(Kind::Component)),
            ("zonemgr/secondary_zones/3/name", Some(Kind::Zone)),
            ("tsig_keys/keys/0/name", None),
            ("auth/workers", None),
        ] {
            assert_eq!(refers_to(path), kind, "{path}");
        }
    }
}
