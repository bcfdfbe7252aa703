//! How a request came, as a term.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de};
use tenon_handover::Transport;

use crate::prefix::OneOrMany;

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

/// The name of a transport in documents.
pub(crate) fn name(transport: Transport) -> &'static str {
    let term = transport.into();
    TRANSPORTS.iter().find(|(_, known)| *known == term).map_or("", |(name, _)| name)
}

/// The transport of a name.
pub(crate) fn by_name(name: &str) -> Option<Transport> {
    let all = [Transport::Udp, Transport::Tcp, Transport::Tls, Transport::Https, Transport::Quic];
    all.into_iter().find(|transport| self::name(*transport) == name)
}

impl fmt::Display for Transports {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = TRANSPORTS.iter().filter(|(_, term)| self.0.contains(term));
        let names: Vec<&str> = known.map(|(name, _)| *name).collect();
        out.write_str(&names.join(", "))
    }
}

impl Transports {
    pub(crate) fn contain(&self, transport: Transport) -> bool {
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
