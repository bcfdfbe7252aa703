//! What an account or token may do, and with which zones.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// Look at everything that is shown.
    Read,
    /// Commit settings.
    Commit,
    /// Create, replace and remove zones.
    Zone,
    /// Change records of zones.
    Record,
    /// Have services do something now: look at primaries, tell secondaries, log more.
    Control,
}

const VERBS: [(Verb, &str); 5] = [
    (Verb::Read, "read"),
    (Verb::Commit, "commit"),
    (Verb::Zone, "zone"),
    (Verb::Record, "record"),
    (Verb::Control, "control"),
];

/// A verb, for all zones or some. As text: `read`, `record:example.com` (that zone) or `zone:.example.com` (that zone and
/// every one below it).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Scope {
    /// What.
    pub verb: Verb,
    zones: Option<Zones>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Zones {
    /// In lower case with the final dot.
    name: String,
    below: bool,
}

/// It is no scope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no scope: read, commit, zone, record or control, and for single zones zone:example.com or, with all below, zone:.example.com"
)]
pub struct ScopeError(String);

impl Scope {
    /// A verb for all zones.
    pub const fn all(verb: Verb) -> Self {
        Self { verb, zones: None }
    }

    /// Every verb, for all zones.
    pub fn everything() -> Vec<Self> {
        VERBS.iter().map(|(verb, _)| Self::all(*verb)).collect()
    }

    /// Whether this allows a verb, for a zone (in lower case with the final dot) or for what is of no zone.
    pub fn allows(&self, verb: Verb, zone: Option<&str>) -> bool {
        self.verb == verb && self.zones.as_ref().is_none_or(|zones| zone.is_some_and(|zone| zones.hold(zone)))
    }
}

impl Zones {
    fn hold(&self, zone: &str) -> bool {
        let under = || zone.strip_suffix(&self.name).is_some_and(|head| head.ends_with('.'));
        zone == self.name || self.below && (self.name == "." || under())
    }
}

impl Verb {
    /// The word for it.
    pub fn word(self) -> &'static str {
        VERBS.iter().find(|(verb, _)| *verb == self).map_or("", |(_, word)| word)
    }
}

impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        let wrong = || ScopeError(text.to_owned());
        let (word, zone) = text.split_once(':').map_or((text, None), |(word, zone)| (word, Some(zone)));
        let verb = VERBS.iter().find(|(_, known)| *known == word).map(|(verb, _)| *verb).ok_or_else(wrong)?;
        // Settings are of no zone.
        if zone.is_some_and(str::is_empty) || zone.is_some() && verb == Verb::Commit {
            return Err(wrong());
        }
        let zones = zone.map(|zone| {
            let rest = zone.strip_prefix('.').filter(|rest| !rest.is_empty());
            let name = rest.unwrap_or(zone).trim_end_matches('.').to_ascii_lowercase() + ".";
            Zones { name, below: rest.is_some() }
        });
        Ok(Self { verb, zones })
    }
}

impl TryFrom<String> for Scope {
    type Error = ScopeError;

    fn try_from(text: String) -> Result<Self, ScopeError> {
        text.parse()
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.verb.word())?;
        match &self.zones {
            None => Ok(()),
            Some(Zones { name, below }) => write!(f, ":{}{name}", if *below { "." } else { "" }),
        }
    }
}

impl From<Scope> for String {
    fn from(scope: Scope) -> Self {
        scope.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_for_all_zones_one_or_a_tree() {
        let scope = |text: &str| text.parse::<Scope>().unwrap();
        assert!(scope("record").allows(Verb::Record, Some("a.example.")));
        assert!(scope("read").allows(Verb::Read, None));
        assert!(!scope("read").allows(Verb::Record, None));
        let one = scope("record:Example.COM");
        assert!(one.allows(Verb::Record, Some("example.com.")) && !one.allows(Verb::Record, None));
        assert!(!one.allows(Verb::Record, Some("a.example.com.")));
        let tree = scope("zone:.example.com.");
        assert!(tree.allows(Verb::Zone, Some("example.com.")));
        assert!(tree.allows(Verb::Zone, Some("a.b.example.com.")));
        assert!(!tree.allows(Verb::Zone, Some("notexample.com.")));
        assert_eq!(
            (one.to_string(), tree.to_string()),
            ("record:example.com.".into(), "zone:.example.com.".into())
        );
        for text in [one.to_string(), tree.to_string()] {
            assert_eq!(scope(&text).to_string(), text);
        }
        for wrong in ["", "all", "record:", "commit:example.com", "Read"] {
            assert!(wrong.parse::<Scope>().is_err(), "{wrong}");
        }
    }
}
