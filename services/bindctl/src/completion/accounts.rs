//! Accounts of the REST door, their tokens, and what they may do.

use serde_json::Value;

/// What an account may do.
const VERBS: [&str; 5] = ["commit", "control", "read", "record", "zone"];

/// Names of the accounts in what `account list` says.
pub(super) fn names(listed: &Value) -> Vec<String> {
    texts(listed.get("accounts"), "name")
}

/// The tokens of an account, as `account list` calls them.
pub(super) fn tokens(listed: &Value, account: &str) -> Vec<String> {
    let accounts = listed.get("accounts").and_then(Value::as_array).into_iter().flatten();
    let named = accounts.filter(|one| one.get("name").and_then(Value::as_str) == Some(account));
    named.flat_map(|account| texts(account.get("tokens"), "id")).collect()
}

/// What may be a scope that begins with `word`: a verb, or a verb and a zone.
pub(super) fn scopes(word: &str, zones: impl FnOnce() -> Vec<String>) -> Vec<String> {
    match word.split_once(':') {
        Some((verb, zone)) => {
            let below = if zone.starts_with('.') { "." } else { "" };
            zones().iter().map(|zone| format!("{verb}:{below}{zone}")).collect()
        }
        None => VERBS.map(str::to_owned).to_vec(),
    }
}

fn texts(list: Option<&Value>, member: &str) -> Vec<String> {
    let items = list.and_then(Value::as_array).into_iter().flatten();
    items.filter_map(|item| item.get(member)?.as_str()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_tokens_and_scopes() {
        let listed = json!({"accounts": [
            {"name": "alice", "tokens": [{"id": "0a"}, {"id": "0b"}]}, {"name": "bob", "tokens": []}]});
        assert_eq!(names(&listed), ["alice", "bob"]);
        assert_eq!(tokens(&listed, "alice"), ["0a", "0b"]);
        assert_eq!((tokens(&listed, "carol"), names(&Value::Null)), (Vec::new(), Vec::new()));
        let zones = || vec!["a.".to_owned()];
        assert_eq!(scopes("zo", zones), VERBS);
        assert_eq!(
            (scopes("zone:", zones), scopes("zone:.", zones)),
            (vec!["zone:a.".to_owned()], vec!["zone:.a.".to_owned()])
        );
    }
}
