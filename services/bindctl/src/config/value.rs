//! Values of options as people write them.

use serde_json::Value;
use tenon_bus::{BusError, Cfgmgr1};

use crate::failure::Failure;

/// A value is JSON where it reads as such, and plain text otherwise.
pub(super) fn read(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

/// Sets an option among the user's edits. Text that happens to read as a number or a flag is tried as text as well before
/// it is refused.
pub(super) async fn set(cfgmgr: &Cfgmgr1, path: &str, text: &str) -> Result<(), Failure> {
    let (value, plain) = (read(text), Value::String(text.to_owned()));
    match cfgmgr.set(path, &value).await {
        Err(BusError::InvalidValue(reason)) if value != plain => {
            if cfgmgr.set(path, &plain).await.is_err() {
                return Err(BusError::InvalidValue(reason).into());
            }
            Ok(())
        }
        outcome => Ok(outcome?),
    }
}

/// A path as the manager spells it: `a/list[2]/b` is `a/list/2/b`, and slashes at the ends are nothing.
pub(crate) fn path(text: &str) -> String {
    let text = text.trim_matches('/');
    let mut path = String::with_capacity(text.len());
    for part in text.split('/') {
        let (name, index) = match part.strip_suffix(']').and_then(|part| part.split_once('[')) {
            Some((name, index)) if !index.is_empty() && index.bytes().all(|digit| digit.is_ascii_digit()) => {
                (name, Some(index))
            }
            _ => (part, None),
        };
        for word in std::iter::once(name).chain(index) {
            if !path.is_empty() {
                path.push('/');
            }
            path.push_str(word);
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_may_stand_in_brackets() {
        assert_eq!(path("auth/listen_on[2]/port"), "auth/listen_on/2/port");
        assert_eq!(path("/auth/listen_on/2/"), "auth/listen_on/2");
        assert_eq!(path("a/odd[x]"), "a/odd[x]");
    }
}
