//! What an option means and what may be its value, as its owner's schema says.

use serde_json::{Map, Value, json};
use tenon_bus::Cfgmgr1;
use tenon_service::Schema;

use crate::failure::Failure;
use crate::output::{Output, Tone, cell, toned};

/// Describes the option at a path, or lists what is below it.
pub(super) async fn describe(output: Output, cfgmgr: &Cfgmgr1, path: &str) -> Result<(), Failure> {
    let (component, below) = path.split_once('/').unwrap_or((path, ""));
    let schema = cfgmgr.schema(component).await?;
    let schema = Schema::parse(&schema.to_string()).map_err(|error| {
        Failure::Refused(format!("the schema of {component} cannot be read: {error}"), None)
    })?;
    let words: Vec<&str> = below.split('/').filter(|word| !word.is_empty()).collect();
    let part = schema.at(&words).ok_or_else(|| {
        Failure::refused(
            format!("{path}: there is no such option"),
            "`bindctl config show` lists all options",
        )
    })?;
    let default =
        words.iter().try_fold(&Value::Object(schema.defaults()), |value, word| value.get(word)).cloned();
    // What is not there has no value: an element that could be added, a member that nobody set.
    let now = cfgmgr.get(path, true).await.ok();
    if output.json {
        return Ok(output.document(&json!({"path": path, "default": default, "now": now, "schema": part}))?);
    }
    if let Some(text) = part.get("description").and_then(Value::as_str) {
        output.line(text)?;
    }
    for (what, text) in facts(part, default.as_ref(), now.as_ref(), path) {
        output.line(&format!("  {what:9}{text}"))?;
    }
    let members = members(part);
    if members.is_empty() {
        return Ok(());
    }
    let place = if is_list(part) { format!("{path}/0") } else { path.to_owned() };
    let row = |(name, member): (String, &Value)| {
        let text = member.get("description").and_then(Value::as_str).unwrap_or_default().replace('\n', " ");
        // The first sentence; the option itself has all of them.
        let first = text.split_once(". ").map_or(text.as_str(), |(first, _)| first).trim_end_matches('.');
        vec![cell(format!("{place}/{name}")), cell(kinds(member)), toned(first, Tone::Faint)]
    };
    Ok(output.table(&["OPTION", "TYPE", "MEANING"], members.into_iter().map(row).collect())?)
}

/// What there is to say of a value, in the order in which it is said.
fn facts(
    part: &Value,
    default: Option<&Value>,
    now: Option<&Value>,
    path: &str,
) -> Vec<(&'static str, String)> {
    let is_plain = |value: &&Value| !value.is_object();
    let text = |value: Option<&Value>| value.filter(is_plain).map(Value::to_string);
    let example = example(part, default, path);
    let facts = [
        ("type", Some(kinds(part)).filter(|kinds| !kinds.is_empty())),
        ("range", range(part)),
        ("values", Some(values(part).join(", ")).filter(|values| !values.is_empty())),
        ("default", text(default)),
        ("now", text(now)),
        ("example", example),
    ];
    facts.into_iter().filter_map(|(what, text)| Some((what, text?))).collect()
}

/// A part of a schema and the ones that it leaves the choice of.
fn branches(part: &Value) -> Vec<&Value> {
    let of = |word: &str| part.get(word).and_then(Value::as_array).into_iter().flatten();
    let chosen = ["anyOf", "oneOf", "allOf"].into_iter().flat_map(of).flat_map(branches);
    std::iter::once(part).chain(chosen).collect()
}

/// Names of types, without the one that says that there is no value.
fn kinds(part: &Value) -> String {
    let mut kinds: Vec<&str> = Vec::new();
    for branch in branches(part) {
        let named = match branch.get("type") {
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
            Some(Value::String(one)) => vec![one.as_str()],
            _ => Vec::new(),
        };
        kinds.extend(named.into_iter().filter(|kind| *kind != "null"));
    }
    kinds.dedup();
    kinds.join(" or ").replace("array", "list")
}

fn range(part: &Value) -> Option<String> {
    let bounds = [
        ("minimum", "maximum", ""),
        ("minItems", "maxItems", " elements"),
        ("minLength", "maxLength", " characters"),
    ];
    branches(part).into_iter().find_map(|branch| {
        bounds.into_iter().find_map(|(least, most, of)| {
            let (least, most) = (branch.get(least), branch.get(most));
            match (least, most) {
                (Some(least), Some(most)) => Some(format!("{least} to {most}{of}")),
                (Some(least), None) => Some(format!("{least}{of} or more")),
                (None, Some(most)) => Some(format!("{most}{of} at most")),
                (None, None) => None,
            }
        })
    })
}

/// The values that are listed one by one.
fn values(part: &Value) -> Vec<String> {
    let listed = |branch: &Value| {
        let several = branch.get("enum").and_then(Value::as_array).cloned().unwrap_or_default();
        several.into_iter().chain(branch.get("const").cloned()).filter(|value| !value.is_null())
    };
    let plain = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    branches(part).into_iter().flat_map(listed).map(plain).collect()
}

/// A command that sets it, or adds to it.
fn example(part: &Value, default: Option<&Value>, path: &str) -> Option<String> {
    if !path.contains('/') {
        return None;
    }
    if let Some(first) = values(part).into_iter().next() {
        return Some(format!("bindctl config set {path} {first}"));
    }
    match default {
        Some(Value::Array(items)) => {
            let item = items.first().cloned().or_else(|| made_up(part))?;
            Some(format!("bindctl config add {path} '{item}'"))
        }
        Some(Value::Bool(flag)) => Some(format!("bindctl config set {path} {}", !flag)),
        Some(value @ (Value::Number(_) | Value::String(_))) => {
            Some(format!("bindctl config set {path} {value}"))
        }
        _ => None,
    }
}

/// An element of a list with the members that it must have, as the schema gives examples or defaults for them.
fn made_up(part: &Value) -> Option<Value> {
    let items = branches(part).into_iter().find_map(|branch| branch.get("items"))?;
    let required = items.get("required").and_then(Value::as_array)?;
    let mut element = Map::new();
    for name in required.iter().filter_map(Value::as_str) {
        let member = items.get("properties").and_then(|members| members.get(name));
        let value = member.and_then(|member| values(member).into_iter().next());
        element.insert(name.to_owned(), value.unwrap_or_else(|| "...".to_owned()).into());
    }
    Some(Value::Object(element))
}

fn is_list(part: &Value) -> bool {
    branches(part).into_iter().any(|branch| branch.get("items").is_some())
}

/// Members of an object, or of the elements of a list.
fn members(part: &Value) -> Vec<(String, &Value)> {
    let of =
        |part| branches(part).into_iter().filter_map(|branch: &Value| branch.get("properties")?.as_object());
    let elements = branches(part).into_iter().filter_map(|branch| branch.get("items")).flat_map(of);
    let members = of(part).chain(elements).flatten();
    members.map(|(name, member)| (name.clone(), member)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_schema_says_is_told_in_words() {
        let said = |part: Value, default: Value| {
            let facts = facts(&part, Some(&default), None, "x/y");
            facts.into_iter().map(|(what, text)| format!("{what}: {text}")).collect::<Vec<_>>().join("; ")
        };
        assert_eq!(
            said(json!({"type": "integer", "minimum": 0, "maximum": 1000}), json!(4)),
            "type: integer; range: 0 to 1000; default: 4; example: bindctl config set x/y 4"
        );
        assert_eq!(
            said(json!({"anyOf": [{"type": "string", "enum": ["a", "b"]}, {"type": "null"}]}), Value::Null),
            "type: string; values: a, b; default: null; example: bindctl config set x/y a"
        );
        assert_eq!(
            said(json!({"type": "boolean"}), json!(true)),
            "type: boolean; default: true; example: bindctl config set x/y false"
        );
        let list = json!({"type": "array", "maxItems": 9, "items": {"properties": {"name": {"type": "string"}}, "required": ["name"]}});
        assert_eq!(
            said(list.clone(), json!([])),
            "type: list; range: 9 elements at most; default: []; example: bindctl config add x/y '{\"name\":\"...\"}'"
        );
        assert_eq!(members(&list).len(), 1);
    }
}
