//! One rule: what is done with whom.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::names::{Keys, TlsNames};
use crate::prefix::Prefixes;
use crate::request::Request;
use crate::term::{Parts, Terms, terms};
use crate::transports::Transports;

/// What is done with a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Action {
    /// It is served.
    Accept,
    /// It is answered with REFUSED.
    Reject,
    /// It is not answered at all.
    Drop,
}

impl Action {
    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accept => "ACCEPT",
            Self::Reject => "REJECT",
            Self::Drop => "DROP",
        }
    }
}

terms! {
    /// One rule: an action and the terms that must all match.
    pub struct Rule {
        /// ACCEPT: serve it; REJECT: answer REFUSED; DROP: do not answer.
        pub action: Action,
    }
}

impl Rule {
    /// A rule that matches everybody.
    #[must_use]
    pub const fn everybody(action: Action) -> Self {
        Self {
            action,
            from: None,
            local: None,
            transport: None,
            key: None,
            tls_name: None,
            not: None,
            any: None,
            all: None,
        }
    }

    /// Whether all terms match.
    #[must_use]
    pub fn matches(&self, request: &Request<'_>) -> bool {
        self.parts().match_all(request)
    }
}
