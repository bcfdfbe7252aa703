//! Where queries come: the entries of `auth/listen_on`.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tenon_acl::AccessList;
use tenon_service::Refusal;

/// The port of DNS (RFC 1035 section 4.2).
const DNS: u16 = 53;

/// The port of DNS over TLS (RFC 7858 section 3.1).
const DNS_OVER_TLS: u16 = 853;

/// The port of DNS over QUIC (RFC 9250 section 4.1.1), of datagrams.
const DNS_OVER_QUIC: u16 = 853;

/// The port of HTTPS (RFC 8484 section 8.1 leaves it to the URI).
const HTTPS: u16 = 443;

/// Most addresses that `listen_on` may hold.
const ADDRESSES_MAX: usize = 256;

/// An address and port to answer on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(from = "WrittenListenOn")]
pub struct ListenOn {
    /// An IPv4 or IPv6 address. 0.0.0.0 and :: stand for all addresses of the family.
    pub address: IpAddr,
    /// The port.
    pub port: u16,
    /// How queries come; UDP and TCP when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transport: Option<ListenTransport>,
    /// Only proxies come, and say for whom they speak (PROXY protocol, version 2).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub proxy: bool,
}

/// How queries come to an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ListenTransport {
    /// Datagrams only.
    Udp,
    /// Plain streams only.
    Tcp,
    /// Streams in TLS, with the certificate in /var/lib/tenon/auth.
    Tls,
    /// HTTP/2 in TLS, with the same certificate.
    Https,
    /// QUIC, with the same certificate.
    Quic,
}

/// Checks all entries; doubled ones are left out, with a note.
///
/// # Errors
/// The first that will not do.
pub(super) fn check(
    places: &mut Vec<ListenOn>,
    proxies: &AccessList,
    notes: &mut Vec<String>,
) -> Result<(), Refusal> {
    if places.is_empty() {
        let reason = "without an address nothing would be answered; to stop answering stop tenon.target";
        return Err(Refusal::new("listen_on", reason));
    }
    let mut known = BTreeSet::new();
    places.retain(|place| {
        let new = known.insert(place.clone());
        if !new {
            let ListenOn { address, port, .. } = place;
            notes.push(format!("listen_on: {address} port {port} was there twice; once will do"));
        }
        new
    });
    if places.len() > ADDRESSES_MAX {
        return Err(Refusal::new("listen_on", format!("at most {ADDRESSES_MAX} addresses")));
    }
    for (index, place) in places.iter().enumerate() {
        place.check(index)?;
    }
    if places.iter().any(|place| place.proxy) && proxies.rules().is_empty() {
        let note = "listen_on: nobody is answered on addresses with `proxy` until proxy_acl accepts somebody";
        notes.push(note.to_owned());
    }
    for (index, place) in places.iter().enumerate() {
        if places.iter().take(index).any(|earlier| place.collides_with(earlier)) {
            let ListenOn { address, port, .. } = place;
            let reason = format!("{address} port {port} stands there already in another way");
            return Err(Refusal::new(format!("listen_on/{index}"), reason));
        }
    }
    Ok(())
}

impl ListenOn {
    /// Where only programs of this machine ask.
    pub(super) fn this_machine() -> [Self; 2] {
        let local = |address| Self { address, port: DNS, transport: None, proxy: false };
        [local(IpAddr::V4(Ipv4Addr::LOCALHOST)), local(IpAddr::V6(Ipv6Addr::LOCALHOST))]
    }

    /// Whether datagrams come, and whether streams do.
    const fn takes(&self) -> [bool; 2] {
        match self.transport {
            None => [true, true],
            Some(ListenTransport::Udp | ListenTransport::Quic) => [true, false],
            Some(ListenTransport::Tcp | ListenTransport::Tls | ListenTransport::Https) => [false, true],
        }
    }

    /// Looks at it alone; `index` is its place in the list.
    fn check(&self, index: usize) -> Result<(), Refusal> {
        if self.address.is_multicast() {
            let option = format!("listen_on/{index}/address");
            return Err(Refusal::new(option, "a multicast address; queries are asked of one server"));
        }
        if self.proxy && self.transport == Some(ListenTransport::Quic) {
            let reason = "what a proxy says before a datagram has no place in QUIC";
            return Err(Refusal::new(format!("listen_on/{index}/proxy"), reason));
        }
        Ok(())
    }

    fn collides_with(&self, other: &Self) -> bool {
        let ([datagrams, streams], [others_datagrams, others_streams]) = (self.takes(), other.takes());
        (self.address, self.port) == (other.address, other.port)
            && (datagrams && others_datagrams || streams && others_streams)
    }
}

/// As people write it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WrittenListenOn {
    /// An IPv4 or IPv6 address. 0.0.0.0 and :: stand for all addresses of the family.
    address: IpAddr,
    /// The port; when absent 853 for TLS and QUIC, 443 for HTTPS, otherwise 53.
    #[serde(default)]
    #[schemars(range(min = 1))]
    port: Option<u16>,
    /// How queries come: `udp`, `tcp`, or with the certificate in /var/lib/tenon/auth `tls`, `https` or `quic`; UDP and TCP
    /// when absent.
    #[serde(default)]
    transport: Option<ListenTransport>,
    /// Only the proxies that proxy_acl accepts come, and say for whom they speak (PROXY protocol, version 2).
    #[serde(default)]
    proxy: bool,
}

impl From<WrittenListenOn> for ListenOn {
    fn from(WrittenListenOn { address, port, transport, proxy }: WrittenListenOn) -> Self {
        let usual = match transport {
            None | Some(ListenTransport::Udp | ListenTransport::Tcp) => DNS,
            Some(ListenTransport::Tls) => DNS_OVER_TLS,
            Some(ListenTransport::Https) => HTTPS,
            Some(ListenTransport::Quic) => DNS_OVER_QUIC,
        };
        Self { address, port: port.unwrap_or(usual), transport, proxy }
    }
}
