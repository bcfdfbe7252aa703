//! The committed listen addresses, as read from a file that is not trusted.

use serde::Deserialize;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

/// Most addresses that are served.
pub const MAX_ADDRESSES: usize = 256;
/// Most UDP sockets for one address.
pub const MAX_UDP_SOCKETS: usize = 64;
/// Most instances of tenon-auth.
pub const MAX_INSTANCES: u8 = 8;
/// The port of DNS (RFC 1035 section 4.2).
const DNS: u16 = 53;
/// The port of DNS over TLS (RFC 7858 section 3.1) and over QUIC (RFC 9250 section 4.1.1).
const DNS_OVER_TLS: u16 = 853;
/// The port of HTTPS.
const HTTPS: u16 = 443;
/// A larger file is not read.
const MAX_FILE: u64 = 1 << 20;

/// What is to be listened on, every value within its bounds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListenRequest {
    /// Configuration generation that the addresses were committed in; 0 for the defaults.
    pub generation: u64,
    /// UDP sockets for each address and instance, 1 to [`MAX_UDP_SOCKETS`].
    pub udp_sockets: usize,
    /// Instances of tenon-auth, 1 to [`MAX_INSTANCES`].
    pub instances: u8,
    /// Addresses in the order of the setting, no two equal.
    pub addresses: Vec<Place>,
}

/// An address and how queries come to it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Place {
    /// The address and port.
    pub address: SocketAddr,
    /// UDP and TCP when absent.
    pub transport: Option<Transport>,
    /// Only proxies come, who say for whom they speak.
    pub proxy: bool,
}

/// One way for queries to come.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// Plain streams.
    Tcp,
    /// Streams in TLS.
    Tls,
    /// HTTP/2 in TLS.
    Https,
    /// QUIC, in datagrams.
    Quic,
}

impl Transport {
    /// The port when none is given.
    const fn port(self) -> u16 {
        match self {
            Self::Udp | Self::Tcp => DNS,
            Self::Tls | Self::Quic => DNS_OVER_TLS,
            Self::Https => HTTPS,
        }
    }
}

impl Place {
    /// Datagrams come.
    #[must_use]
    pub const fn takes_datagrams(&self) -> bool {
        matches!(self.transport, None | Some(Transport::Udp | Transport::Quic))
    }

    /// Streams come.
    #[must_use]
    pub const fn takes_streams(&self) -> bool {
        !matches!(self.transport, Some(Transport::Udp | Transport::Quic))
    }
}

/// Why the file is not a usable request.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The file is there but cannot be read.
    #[error("{path}: {error}")]
    Unreadable {
        /// The file.
        path: String,
        /// What the system said.
        error: std::io::Error,
    },
    /// The file is larger than anything cfgmgr writes.
    #[error("{path}: larger than {MAX_FILE} octets; write it anew by committing auth/listen_on")]
    TooLarge {
        /// The file.
        path: String,
    },
    /// The file is not the expected JSON.
    #[error("{path}: {error}; write it anew by committing auth/listen_on")]
    Malformed {
        /// The file.
        path: String,
        /// What does not fit.
        error: serde_json::Error,
    },
    /// A value is out of bounds.
    #[error("listen_on: {0}")]
    OutOfBounds(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    generation: u64,
    #[serde(default)]
    udp_sockets: usize,
    #[serde(default = "one")]
    instances: u8,
    listen_on: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    address: IpAddr,
    #[serde(default)]
    port: Option<u16>,
    #[serde(default)]
    transport: Option<Transport>,
    #[serde(default)]
    proxy: bool,
}

impl Entry {
    fn place(&self) -> Place {
        let usual = self.transport.map_or(DNS, Transport::port);
        let address = SocketAddr::new(self.address, self.port.unwrap_or(usual));
        Place { address, transport: self.transport, proxy: self.proxy }
    }
}

const fn one() -> u8 {
    1
}

impl ListenRequest {
    /// Reads the request; a missing file means the defaults: port 53 of both loopback addresses.
    ///
    /// # Errors
    /// See [`RequestError`]. `cores` is what 0 UDP sockets stand for.
    pub fn read(path: &Path, cores: usize) -> Result<Self, RequestError> {
        let name = path.display().to_string();
        let text = match std::fs::metadata(path) {
            Ok(found) if found.len() > MAX_FILE => return Err(RequestError::TooLarge { path: name }),
            Ok(_) => {
                std::fs::read(path).map_err(|error| RequestError::Unreadable { path: name.clone(), error })?
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::defaults(cores)),
            Err(error) => return Err(RequestError::Unreadable { path: name, error }),
        };
        let file: File =
            serde_json::from_slice(&text).map_err(|error| RequestError::Malformed { path: name, error })?;
        Self::from_file(&file, cores)
    }

    fn defaults(cores: usize) -> Self {
        let both = [(Ipv4Addr::LOCALHOST, DNS).into(), (Ipv6Addr::LOCALHOST, DNS).into()];
        let addresses = both.map(|address| Place { address, transport: None, proxy: false }).into();
        Self { generation: 0, udp_sockets: cores.clamp(1, MAX_UDP_SOCKETS), instances: 1, addresses }
    }

    fn from_file(file: &File, cores: usize) -> Result<Self, RequestError> {
        let udp_sockets =
            if file.udp_sockets == 0 { cores.clamp(1, MAX_UDP_SOCKETS) } else { file.udp_sockets };
        let addresses: Vec<Place> = file.listen_on.iter().map(Entry::place).collect();
        let refuse = |what: String| Err(RequestError::OutOfBounds(what));
        if udp_sockets > MAX_UDP_SOCKETS {
            return refuse(format!("{udp_sockets} UDP sockets for an address; at most {MAX_UDP_SOCKETS}"));
        }
        if file.instances == 0 || file.instances > MAX_INSTANCES {
            return refuse(format!("{} instances; 1 to {MAX_INSTANCES}", file.instances));
        }
        if addresses.is_empty() || addresses.len() > MAX_ADDRESSES {
            return refuse(format!("{} addresses; 1 to {MAX_ADDRESSES}", addresses.len()));
        }
        let mut seen = BTreeSet::new();
        for place in &addresses {
            let address = place.address;
            if address.port() == 0 {
                return refuse(format!("{} port 0; a port is 1 to 65535", address.ip()));
            }
            let is_new = (!place.takes_datagrams() || seen.insert((address, false)))
                && (!place.takes_streams() || seen.insert((address, true)));
            if address.ip().is_multicast() || !is_new {
                return refuse(format!("{address} is multicast or stands there twice"));
            }
        }
        Ok(Self { generation: file.generation, udp_sockets, instances: file.instances, addresses })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ListenRequest, RequestError> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("listen.json");
        std::fs::write(&path, text).unwrap();
        ListenRequest::read(&path, 4)
    }

    fn place(address: &str, transport: Option<Transport>) -> Place {
        Place { address: address.parse().unwrap(), transport, proxy: false }
    }

    #[test]
    fn transports_have_their_ports_and_may_share_an_address() {
        let text = r#"{"generation":7,"listen_on":[{"address":"::1","transport":"tls"},{"address":"::1"},
                       {"address":"::1","port":9853,"transport":"udp"},
                       {"address":"::1","transport":"https"},{"address":"::1","transport":"quic"}]}"#;
        let places = read(text).unwrap().addresses;
        let wanted = [
            place("[::1]:853", Some(Transport::Tls)),
            place("[::1]:53", None),
            place("[::1]:9853", Some(Transport::Udp)),
            place("[::1]:443", Some(Transport::Https)),
            place("[::1]:853", Some(Transport::Quic)),
        ];
        assert_eq!(places, wanted);
        for other in [r#","transport":"tcp""#, ""] {
            let text = format!(
                r#"{{"generation":7,"listen_on":[{{"address":"::1","port":5,"transport":"tls"}},
                   {{"address":"::1","port":5{other}}}]}}"#
            );
            assert!(read(&text).unwrap_err().to_string().contains("twice"), "{other}");
        }
    }

    #[test]
    fn a_missing_file_means_both_loopback_addresses() {
        let request = ListenRequest::read(Path::new("/nonexistent/listen.json"), 2).unwrap();
        assert_eq!(request.addresses, [place("127.0.0.1:53", None), place("[::1]:53", None)]);
        assert_eq!((request.generation, request.udp_sockets, request.instances), (0, 2, 1));
    }

    #[test]
    fn a_full_request_is_read() {
        let text = r#"{"generation":7,"udp_sockets":3,"instances":2,"listen_on":[{"address":"192.0.2.1","port":5300}]}"#;
        let request = read(text).unwrap();
        assert_eq!(request.addresses, [place("192.0.2.1:5300", None)]);
        assert_eq!((request.generation, request.udp_sockets, request.instances), (7, 3, 2));
    }

    #[test]
    fn what_is_out_of_bounds_is_refused_with_the_reason() {
        for (listen_on, part) in [
            (r"[]", "0 addresses"),
            (r#"[{"address":"192.0.2.1","port":0}]"#, "port 0"),
            (r#"[{"address":"192.0.2.1"},{"address":"192.0.2.1"}]"#, "twice"),
            (r#"[{"address":"224.0.0.1"}]"#, "multicast"),
        ] {
            let error = read(&format!(r#"{{"generation":1,"listen_on":{listen_on}}}"#)).unwrap_err();
            assert!(error.to_string().contains(part), "{error}");
        }
        let error = read(r#"{"generation":1,"udp_sockets":65,"listen_on":[{"address":"::1"}]}"#).unwrap_err();
        assert!(error.to_string().contains("65 UDP sockets"), "{error}");
    }

    #[test]
    fn what_could_smuggle_unit_text_is_refused() {
        for text in [
            r#"{"generation":1,"listen_on":[{"address":"::1\nExecStart=/bin/sh"}]}"#,
            r#"{"generation":1,"listen_on":[{"address":"%h"}]}"#,
            r#"{"generation":1,"listen_on":[{"address":"::1","service":"x"}]}"#,
            "[]",
            "",
        ] {
            assert!(matches!(read(text), Err(RequestError::Malformed { .. })), "{text}");
        }
    }
}
