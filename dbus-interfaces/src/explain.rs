//! `org.tenon.Explain1`: the access lists of a service, tried dry.

use serde::Serialize;

use crate::names::{self, EXPLAIN_INTERFACE};
use crate::peer::{AutoStart, Peer};
use crate::{Bus, BusError};

/// The access lists of a service.
#[derive(Clone, Debug)]
pub struct Explain1 {
    peer: Peer,
}

/// A request that is made up; empty texts as the interface says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MadeUpRequest {
    /// Who asks.
    pub peer: String,
    /// The address that is asked.
    pub local: String,
    /// The key that signs it.
    pub key: String,
    /// How it comes.
    pub transport: String,
    /// The name in the client's certificate.
    pub tls_name: String,
}

/// What a list says, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// `ACCEPT`, `REJECT` or `DROP`.
    pub action: String,
    /// The rule that decides, such as `xfrout/transfer_acl/2`.
    pub rule: String,
    /// The rules that are looked at, in order.
    pub trace: Vec<ExplainedRule>,
}

/// A rule that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExplainedRule {
    /// What it would do.
    pub action: String,
    /// Whether it matches.
    pub matched: bool,
    /// A line for each of its terms.
    pub terms: Vec<String>,
}

impl Explain1 {
    /// The lists of the service that owns a bus name.
    #[must_use]
    pub fn new(bus: &Bus, name: &str) -> Self {
        Self { peer: Peer::new(bus, name, &names::path(name), EXPLAIN_INTERFACE, AutoStart::No) }
    }

    /// What the list `list` that guards `zone` ("" for that of all zones) says of a request. Fails with
    /// [`BusError::NoSuchOption`] or [`BusError::InvalidValue`].
    pub async fn explain(
        &self,
        list: &str,
        zone: &str,
        request: &MadeUpRequest,
    ) -> Result<Explanation, BusError> {
        type Rule = (String, bool, Vec<String>);
        let MadeUpRequest { peer, local, key, transport, tls_name } = request;
        let arguments = (list, zone, peer, local, key, transport, tls_name);
        let (action, rule, trace): (String, String, Vec<Rule>) =
            self.peer.call("Explain", &arguments).await?;
        let explained = |(action, matched, terms)| ExplainedRule { action, matched, terms };
        Ok(Explanation { action, rule, trace: trace.into_iter().map(explained).collect() })
    }
}
