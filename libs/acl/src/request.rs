//! What a list is asked about.

use std::net::{IpAddr, SocketAddr};

use tenon_handover::Transport;
use tenon_wire::Name;

use crate::transports;

/// What is known of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Request<'a> {
    /// Who asks.
    pub peer: SocketAddr,
    /// The address that was asked.
    pub local: SocketAddr,
    /// How the request came.
    pub transport: Transport,
    /// The key that signed it well; none when it is not signed.
    pub key: Option<&'a Name>,
    /// The name in the certificate that the client showed and that was found good; none without one.
    pub tls_name: Option<&'a str>,
}

/// A [`Request`] that owns its names, for who keeps it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OwnedRequest {
    /// Who asks.
    pub peer: SocketAddr,
    /// The address that was asked.
    pub local: SocketAddr,
    /// How the request came.
    pub transport: Transport,
    /// The key that signed it well.
    pub key: Option<Name>,
    /// The name in the client's certificate.
    pub tls_name: Option<String>,
}

impl OwnedRequest {
    /// What a list is asked about.
    #[must_use]
    pub fn as_request(&self) -> Request<'_> {
        let Self { peer, local, transport, .. } = *self;
        Request { peer, local, transport, key: self.key.as_ref(), tls_name: self.tls_name.as_deref() }
    }
}

/// A request that is made up to try a list, as texts: `peer` and `local` are addresses with or without a port
/// (`192.0.2.1`, `[2001:db8::1]:53`), `transport` is one of `udp`, `tcp`, `tls`, `https`, `quic`; an empty text means
/// 0.0.0.0, `tcp`, not signed, and no certificate.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RequestText {
    /// Who asks.
    pub peer: String,
    /// The address that was asked.
    pub local: String,
    /// Name of the key.
    pub key: String,
    /// How the request comes.
    pub transport: String,
    /// Name in the client's certificate.
    pub tls_name: String,
}

/// What of a made-up request makes no sense.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RequestTextError {
    /// An address.
    #[error("{0:?} is no address")]
    Address(String),
    /// A transport.
    #[error("{0:?} is none of udp, tcp, tls, https, quic")]
    Transport(String),
    /// The name of a key.
    #[error("{0:?} is no name of a key")]
    Key(String),
}

impl RequestText {
    /// Asks `what` about the request.
    ///
    /// # Errors
    /// [`RequestTextError`].
    pub fn with<T>(&self, what: impl FnOnce(&Request<'_>) -> T) -> Result<T, RequestTextError> {
        let key = match self.key.as_str() {
            "" => None,
            text => Some(text.parse::<Name>().map_err(|_| RequestTextError::Key(text.to_owned()))?),
        };
        let transport = match self.transport.as_str() {
            "" => Transport::Tcp,
            text => transports::by_name(text).ok_or_else(|| RequestTextError::Transport(text.to_owned()))?,
        };
        Ok(what(&Request {
            peer: address(&self.peer)?,
            local: address(&self.local)?,
            transport,
            key: key.as_ref(),
            tls_name: Some(self.tls_name.as_str()).filter(|name| !name.is_empty()),
        }))
    }
}

fn address(text: &str) -> Result<SocketAddr, RequestTextError> {
    if text.is_empty() {
        return Ok(SocketAddr::from(([0, 0, 0, 0], 0)));
    }
    let alone = || text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, 0));
    text.parse().or_else(|_| alone()).map_err(|_| RequestTextError::Address(text.to_owned()))
}
