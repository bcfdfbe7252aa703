//! Elements of lists: added and removed among the edits of a user.

use serde_json::{Map, Value};
use tenon_bus::Cfgmgr1;

use super::value;
use crate::failure::Failure;

/// Members that elements of lists are named by, the first that is there.
const NAMING: [&str; 5] = ["name", "zone", "component", "address", "key"];

/// Adds an element behind the last one of a list.
pub(super) async fn add(cfgmgr: &Cfgmgr1, path: &str, text: Option<&str>) -> Result<(), Failure> {
    let path = format!("{path}/{}", list(cfgmgr, path).await?.len());
    match text {
        Some(text) => value::set(cfgmgr, &path, text).await,
        // What has to be said is missing then, and the refusal names it.
        None => Ok(cfgmgr.set(&path, &Value::Object(Map::new())).await?),
    }
}

/// Removes the element at a path, or the one of the list there that is found by its value or name.
pub(super) async fn remove(cfgmgr: &Cfgmgr1, path: &str, text: Option<&str>) -> Result<(), Failure> {
    let element = match text {
        Some(text) => format!("{path}/{}", the_one(&list(cfgmgr, path).await?, path, text)?),
        None => {
            let outer = path.rsplit_once('/').map_or("", |(outer, _)| outer);
            list(cfgmgr, outer).await?;
            path.to_owned()
        }
    };
    Ok(cfgmgr.unset(&element).await?)
}

/// The elements of a list, with the user's edits.
async fn list(cfgmgr: &Cfgmgr1, path: &str) -> Result<Vec<Value>, Failure> {
    match cfgmgr.get(path, true).await? {
        Value::Array(items) => Ok(items),
        _ => Err(Failure::refused(
            format!("{path}: is no list"),
            "`bindctl config set` and `unset` are for plain options; `bindctl config add --help` has examples",
        )),
    }
}

/// What elements of a list are named by; those that are plain, by themselves.
pub(crate) fn names(items: &[Value]) -> Vec<String> {
    let plain = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let named = |item: &Value| match item {
        Value::Object(members) => NAMING.iter().find_map(|name| plain(members.get(*name)?)),
        item => plain(item),
    };
    items.iter().filter_map(named).collect()
}

/// The index of the only element that is this, or is named so; names of zones and keys with or without the final dot.
fn the_one(items: &[Value], path: &str, text: &str) -> Result<usize, Failure> {
    let wanted = value::read(text);
    let bare = |name: &str| name.trim_end_matches('.').to_ascii_lowercase();
    let is = |item: &Value| {
        *item == wanted || names(std::slice::from_ref(item)).iter().any(|name| bare(name) == bare(text))
    };
    let found: Vec<usize> =
        items.iter().enumerate().filter(|(_, item)| is(item)).map(|(index, _)| index).collect();
    match found.as_slice() {
        [only] => Ok(*only),
        [] => Err(absent(path, text)),
        several => {
            let several: Vec<String> = several.iter().map(|index| format!("{path}/{index}")).collect();
            Err(Failure::refused(
                format!("{path}: {text} are several: {}", several.join(", ")),
                "`bindctl config remove PATH` with one of these removes it",
            ))
        }
    }
}

fn absent(path: &str, text: &str) -> Failure {
    Failure::refused(
        format!("{path}: there is no {text}"),
        format!("`bindctl config show --candidate {path}` lists what there is"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn elements_are_found_by_value_and_by_name() {
        let items = json!([{"address": "::1", "port": 53}, {"address": "192.0.2.1"}, {"name": "Example.com."}, 7, "a"]);
        let items = items.as_array().unwrap();
        for (text, index) in [
            ("::1", 0),
            (r#"{"address": "192.0.2.1"}"#, 1),
            ("example.COM", 2),
            ("7", 3),
            ("a", 4),
            ("\"a\"", 4),
        ] {
            assert_eq!(the_one(items, "x/y", text).ok(), Some(index), "{text}");
        }
        assert_eq!(names(items), ["::1", "192.0.2.1", "Example.com.", "7", "a"]);
        let refused = |items: &Value, text: &str| match the_one(items.as_array().unwrap(), "x/y", text) {
            Err(Failure::Refused(what, _)) => what,
            other => panic!("{other:?}"),
        };
        assert_eq!(refused(&json!([]), "b"), "x/y: there is no b");
        assert_eq!(refused(&json!(["a", "b", "a"]), "a"), "x/y: a are several: x/y/0, x/y/2");
    }
}
