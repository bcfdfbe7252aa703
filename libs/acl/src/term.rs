//! Terms: what must hold of a request.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tenon_wire::Name;

use crate::names::{Keys, TlsNames};
use crate::prefix::Prefixes;
use crate::request::Request;
use crate::transports::Transports;

/// Deepest nesting of NOT, ANY and ALL.
const DEPTH: usize = 4;
/// Most groups of terms in NOT, ANY and ALL of one rule.
pub(crate) const GROUPS: usize = 64;

/// A struct of these fields and all terms. (serde can neither flatten a struct nor refuse unknown fields of one that is
/// flattened, and unknown terms must be refused.)
macro_rules! terms {
    ($(#[$doc:meta])* pub struct $name:ident { $($(#[$field_doc:meta])* pub $field:ident: $kind:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $kind,)*
            /// Addresses and networks that the request may come from, such as "192.0.2.0/24"; from anywhere when absent.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub from: Option<Prefixes>,
            /// Own addresses and networks that may have been asked; any when absent.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub local: Option<Prefixes>,
            /// How the request may have come: "udp", "tcp", "tls", "https", "quic"; in any way when absent.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub transport: Option<Transports>,
            /// Names of the keys of which one must have signed the request (TSIG); signed or not when absent.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub key: Option<Keys>,
            /// Names of which the client must have shown one in a certificate (mutual TLS); "*.example.com" stands for
            /// one more label. Any or no certificate when absent.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub tls_name: Option<TlsNames>,
            /// Terms that must not all match.
            #[serde(default, rename = "NOT", skip_serializing_if = "Option::is_none")]
            #[schemars(with = "Option<serde_json::Map<String, serde_json::Value>>")]
            pub not: Option<Box<Terms>>,
            /// Groups of terms of which at least one must match.
            #[serde(default, rename = "ANY", skip_serializing_if = "Option::is_none")]
            #[schemars(with = "Option<Vec<serde_json::Map<String, serde_json::Value>>>")]
            pub any: Option<Vec<Terms>>,
            /// Groups of terms that must all match.
            #[serde(default, rename = "ALL", skip_serializing_if = "Option::is_none")]
            #[schemars(with = "Option<Vec<serde_json::Map<String, serde_json::Value>>>")]
            pub all: Option<Vec<Terms>>,
        }

        impl $name {
            pub(crate) fn parts(&self) -> Parts<'_> {
                Parts {
                    from: self.from.as_ref(),
                    local: self.local.as_ref(),
                    transport: self.transport.as_ref(),
                    key: self.key.as_ref(),
                    tls_name: self.tls_name.as_ref(),
                    not: self.not.as_deref(),
                    any: self.any.as_deref(),
                    all: self.all.as_deref(),
                }
            }
        }
    };
}
pub(crate) use terms;

terms! {
    /// Terms that must all match.
    pub struct Terms {}
}

/// The terms of a rule or a group.
#[derive(Clone, Copy)]
pub(crate) struct Parts<'a> {
    pub(crate) from: Option<&'a Prefixes>,
    pub(crate) local: Option<&'a Prefixes>,
    pub(crate) transport: Option<&'a Transports>,
    pub(crate) key: Option<&'a Keys>,
    pub(crate) tls_name: Option<&'a TlsNames>,
    pub(crate) not: Option<&'a Terms>,
    pub(crate) any: Option<&'a [Terms]>,
    pub(crate) all: Option<&'a [Terms]>,
}

impl<'a> Parts<'a> {
    pub(crate) fn match_all(self, request: &Request<'_>) -> bool {
        let matches = |terms: &Terms| terms.parts().match_all(request);
        self.from.is_none_or(|from| from.contain(request.peer.ip()))
            && self.local.is_none_or(|local| local.contain(request.local.ip()))
            && self.transport.is_none_or(|ways| ways.contain(request.transport))
            && self.key.is_none_or(|keys| keys.contain(request.key))
            && self.tls_name.is_none_or(|names| names.contain(request.tls_name))
            && self.not.is_none_or(|terms| !matches(terms))
            && self.any.is_none_or(|groups| groups.iter().any(matches))
            && self.all.is_none_or(|groups| groups.iter().all(matches))
    }

    fn groups(self) -> impl Iterator<Item = &'a Terms> {
        let groups = |groups: Option<&'a [Terms]>| groups.into_iter().flatten();
        self.not.into_iter().chain(groups(self.any)).chain(groups(self.all))
    }

    /// What is wrong with the nesting.
    pub(crate) fn check(self) -> Result<(), String> {
        if self.any.is_some_and(<[Terms]>::is_empty) {
            return Err("ANY without groups matches nobody; leave it out".to_owned());
        }
        if self.all.is_some_and(<[Terms]>::is_empty) {
            return Err("ALL without groups says nothing; leave it out".to_owned());
        }
        match self.count(DEPTH) {
            None => Err(format!("NOT, ANY and ALL are nested at most {DEPTH} deep")),
            Some(count) if count > GROUPS => {
                Err(format!("a rule has at most {GROUPS} groups of terms in NOT, ANY and ALL, not {count}"))
            }
            Some(_) => self.groups().try_for_each(|terms| terms.parts().check()),
        }
    }

    /// Groups in it; none when they are nested deeper than that.
    fn count(self, depth: usize) -> Option<usize> {
        self.groups().try_fold(0, |count: usize, terms| {
            Some(count.saturating_add(1).saturating_add(terms.parts().count(depth.checked_sub(1)?)?))
        })
    }

    /// The keys that are named in it.
    pub(crate) fn keys(self) -> Vec<&'a Name> {
        let own = self.key.into_iter().flat_map(Keys::iter);
        own.chain(self.groups().flat_map(|terms| terms.parts().keys())).collect()
    }
}
