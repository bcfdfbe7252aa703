//! How a primary is reached: from which address, and whether over TLS, and who it must be then.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use data_encoding::BASE64;
use rustls::pki_types::ServerName;
use tenon_wire::Name;
use tokio::net::{TcpSocket, UdpSocket};

use crate::primary::{Primary, PrimaryError};

/// A primary and the way to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Upstream {
    /// Where it is.
    pub primary: Primary,
    /// The way there.
    pub way: Way,
}

/// The way to a primary.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Way {
    /// The address to come from; none: as the system routes.
    pub source: Option<IpAddr>,
    /// Who it must prove to be over TLS (RFC 9103); none: no TLS.
    pub proof: Option<Proof>,
    /// Name of the key that questions to it are signed with and its answers have to be (TSIG); none: nothing is signed.
    pub key: Option<String>,
}

/// What makes a primary the one that is meant, over TLS.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Proof {
    /// This name in a certificate that the settings' authorities vouch for.
    Name(ServerName<'static>),
    /// A certificate with this key: SHA-256 of its public key (SPKI).
    Pin([u8; 32]),
}

/// Why options make no way.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WayError {
    /// The primary itself.
    #[error(transparent)]
    Primary(#[from] PrimaryError),
    /// An option that nobody knows.
    #[error("{0:?} is no option of a primary; there are source, tls_name, tls_pin and key")]
    Unknown(String),
    /// No address to come from.
    #[error("source: {0:?} is no address of the same family as the primary's")]
    Source(String),
    /// No name.
    #[error("tls_name: {0:?} is no name of a host")]
    Name(String),
    /// No pin.
    #[error("tls_pin: {0:?} is not the SHA-256 of a public key in base64 (44 characters)")]
    Pin(String),
    /// No name of a key.
    #[error("key: {0:?} is no domain name")]
    Key(String),
    /// Both.
    #[error("tls_name and tls_pin: one says who it is, not both")]
    Both,
}

impl Upstream {
    /// A primary without options.
    #[must_use]
    pub const fn plain(primary: Primary) -> Self {
        Self { primary, way: Way { source: None, proof: None, key: None } }
    }

    /// The primary at this address and port with these options, by name.
    ///
    /// # Errors
    /// See [`WayError`].
    pub fn read<'o>(
        address: &str,
        port: u16,
        options: impl IntoIterator<Item = (&'o str, &'o str)>,
    ) -> Result<Self, WayError> {
        let mut upstream = Self::plain(Primary::read(address, port)?);
        for (name, value) in options {
            let way = &mut upstream.way;
            let proof = match name {
                "source" => {
                    let source = value.parse().ok();
                    let is_same = |source: &IpAddr| source.is_ipv4() == upstream.primary.0.is_ipv4();
                    way.source =
                        Some(source.filter(is_same).ok_or_else(|| WayError::Source(value.to_owned()))?);
                    continue;
                }
                "key" => {
                    value.parse::<Name>().map_err(|_| WayError::Key(value.to_owned()))?;
                    way.key = Some(value.to_owned());
                    continue;
                }
                "tls_name" => {
                    let name = ServerName::try_from(value.to_owned());
                    Proof::Name(name.map_err(|_| WayError::Name(value.to_owned()))?)
                }
                "tls_pin" => {
                    let pin = BASE64.decode(value.as_bytes()).ok().and_then(|pin| pin.try_into().ok());
                    Proof::Pin(pin.ok_or_else(|| WayError::Pin(value.to_owned()))?)
                }
                _ => return Err(WayError::Unknown(name.to_owned())),
            };
            if way.proof.replace(proof).is_some() {
                return Err(WayError::Both);
            }
        }
        Ok(upstream)
    }

    /// A TCP socket with the source address, to be connected to the primary.
    ///
    /// # Errors
    /// What the system says.
    pub fn tcp(&self) -> io::Result<TcpSocket> {
        let socket = if self.primary.0.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        if let Some(source) = self.way.source {
            socket.bind((source, 0).into())?;
        }
        Ok(socket)
    }

    /// A UDP socket with the source address, to be connected to the primary: with a port of its own, which who would
    /// forge an answer must guess too.
    ///
    /// # Errors
    /// What the system says.
    pub async fn udp(&self) -> io::Result<UdpSocket> {
        let any: IpAddr = match self.primary.0 {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        UdpSocket::bind((self.way.source.unwrap_or(any), 0)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_make_a_way_or_say_why_not() {
        let read = |options: &[(&'static str, &'static str)]| {
            Upstream::read("192.0.2.1", 853, options.iter().copied()).map(|upstream| upstream.way)
        };
        assert_eq!(read(&[]), Ok(Way::default()));
        let pin = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        let way = read(&[("source", "192.0.2.9"), ("tls_pin", pin)]).unwrap();
        assert_eq!((way.source, way.proof), (Some([192, 0, 2, 9].into()), Some(Proof::Pin([0; 32]))));
        assert!(matches!(read(&[("tls_name", "ns1.example.com")]).unwrap().proof, Some(Proof::Name(_))));
        for (options, told) in [
            (&[("source", "::1")][..], "source"),
            (&[("tls_pin", "AAAA")], "tls_pin"),
            (&[("key", "a..b")], "key"),
            (&[("tls_name", "no name")], "tls_name"),
            (&[("tls_name", "a.test"), ("tls_pin", pin)], "not both"),
            (&[("colour", "red")], "no option"),
        ] {
            assert!(read(options).unwrap_err().to_string().contains(told), "{options:?}");
        }
    }
}
