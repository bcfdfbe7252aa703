//! One rule, and what it is asked about.

use std::borrow::Cow;
use std::net::SocketAddr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de};
use tenon_handover::Transport;

use crate::prefix::{OneOrMany, Prefixes};

/// What is known of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Request {
    /// Who asks.
    pub peer: SocketAddr,
    /// The address that was asked.
    pub local: SocketAddr,
    /// How the request came.
    pub transport: Transport,
}

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

/// One rule: an action and the terms that must all match.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// ACCEPT: serve it; REJECT: answer REFUSED; DROP: do not answer.
    pub action: Action,
    /// Addresses and networks that the request may come from, such as "192.0.2.0/24"; from anywhere when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Prefixes>,
    /// Own addresses and networks that may have been asked; any when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local: Option<Prefixes>,
    /// How the request may have come: "udp", "tcp", "tls", "https", "quic"; in any way when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transport: Option<Transports>,
}

impl Rule {
    /// A rule that matches everybody.
    #[must_use]
    pub const fn everybody(action: Action) -> Self {
        Self { action, from: None, local: None, transport: None }
    }

    /// Whether all terms match.
    #[must_use]
    pub fn matches(&self, request: &Request) -> bool {
        self.from.as_ref().is_none_or(|from| from.contain(request.peer.ip()))
            && self.local.as_ref().is_none_or(|local| local.contain(request.local.ip()))
            && self.transport.as_ref().is_none_or(|ways| ways.contain(request.transport))
    }
}

/// A transport by its name in documents.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum TransportTerm {
    Udp,
    Tcp,
    Tls,
    Https,
    Quic,
}

const TRANSPORTS: [(&str, TransportTerm); 5] = [
    ("udp", TransportTerm::Udp),
    ("tcp", TransportTerm::Tcp),
    ("tls", TransportTerm::Tls),
    ("https", TransportTerm::Https),
    ("quic", TransportTerm::Quic),
];

impl From<Transport> for TransportTerm {
    fn from(transport: Transport) -> Self {
        match transport {
            Transport::Udp => Self::Udp,
            Transport::Tcp => Self::Tcp,
            Transport::Tls => Self::Tls,
            Transport::Https => Self::Https,
            Transport::Quic => Self::Quic,
        }
    }
}

/// One or more transports; written as one text or as a list of them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Transports(Vec<TransportTerm>);

impl Transports {
    fn contain(&self, transport: Transport) -> bool {
        self.0.contains(&transport.into())
    }
}

impl<'de> Deserialize<'de> for Transports {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let texts = OneOrMany::deserialize(deserializer)?.into_vec();
        if texts.is_empty() {
            return Err(de::Error::custom("an empty list matches nothing; leave the term out to match all"));
        }
        let term = |text: &String| {
            let known = TRANSPORTS.iter().find(|(name, _)| name == text);
            known.map(|(_, term)| *term).ok_or_else(|| {
                de::Error::custom(format_args!(
                    "{text:?} is none of \"udp\", \"tcp\", \"tls\", \"https\", \"quic\""
                ))
            })
        };
        texts.iter().map(term).collect::<Result<_, _>>().map(Self)
    }
}

impl JsonSchema for Transports {
    fn schema_name() -> Cow<'static, str> {
        "Transports".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<&str> = TRANSPORTS.iter().map(|(name, _)| *name).collect();
        json_schema!({
            "type": ["string", "array"],
            "items": {"type": "string", "enum": names},
            "minItems": 1,
            "maxItems": TRANSPORTS.len(),
        })
    }
}
