//! Where paths begin in the shell: `config go`.

use std::cell::RefCell;
use std::rc::Rc;

use super::value;

/// A path that others are taken from; at first that of all settings. Clones are the same place.
#[derive(Clone, Debug, Default)]
pub(crate) struct Place(Rc<RefCell<String>>);

impl Place {
    /// Has paths begin here from now on.
    pub(crate) fn set(&self, path: String) {
        *self.0.borrow_mut() = path;
    }

    /// It, as the manager spells it; "" for all settings.
    pub(crate) fn here(&self) -> String {
        self.0.borrow().clone()
    }

    /// A path as the manager spells it. One that begins with `/` counts from the top, `..` goes up.
    pub(crate) fn path(&self, text: &str) -> String {
        let here = if text.starts_with('/') { String::new() } else { self.here() };
        let mut words: Vec<&str> = here.split('/').filter(|word| !word.is_empty()).collect();
        let below = value::path(text);
        for word in below.split('/').filter(|word| !matches!(*word, "" | ".")) {
            match word {
                ".." => drop(words.pop()),
                word => words.push(word),
            }
        }
        words.join("/")
    }

    /// A path from the top as it is typed here; none when it is not below.
    pub(crate) fn typed(&self, path: &str) -> Option<String> {
        let here = self.here();
        if here.is_empty() {
            return Some(path.to_owned());
        }
        Some(path.strip_prefix(&here)?.strip_prefix('/')?.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_taken_from_where_one_is() {
        let place = Place::default();
        assert_eq!(
            (place.path("auth/listen_on[0]"), place.path("/auth/")),
            ("auth/listen_on/0".into(), "auth".into())
        );
        assert_eq!((place.path(""), place.path("..")), (String::new(), String::new()));
        place.clone().set("auth/listen_on".into());
        for (text, path) in [
            ("0/port", "auth/listen_on/0/port"),
            ("", "auth/listen_on"),
            (".", "auth/listen_on"),
            ("..", "auth"),
            ("../workers", "auth/workers"),
            ("/", ""),
            ("/zonec", "zonec"),
            ("../../..", ""),
        ] {
            assert_eq!(place.path(text), path, "{text}");
        }
        assert_eq!(place.typed("auth/listen_on/0").as_deref(), Some("0"));
        assert_eq!((place.typed("auth/workers"), place.typed("auth/listen_on")), (None, None));
    }
}
