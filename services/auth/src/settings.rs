//! What can be set for auth: `auth/...` in the committed settings.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tenon_acl::AccessList;
use tenon_answer::AnswerSettings;
use tenon_service::{Refusal, Settings};

use crate::tap::TapSettings;
use crate::zones::Access;

/// The port of DNS (RFC 1035 section 4.2).
const DNS: u16 = 53;

/// The port of DNS over TLS (RFC 7858 section 3.1).
const DNS_OVER_TLS: u16 = 853;

/// The port of DNS over QUIC (RFC 9250 section 4.1.1), of datagrams.
const DNS_OVER_QUIC: u16 = 853;

/// The port of HTTPS (RFC 8484 section 8.1 leaves it to the URI).
const HTTPS: u16 = 443;

/// Octets of `https_path`.
const PATH_MAX: usize = 255;

/// Most addresses that `listen_on` may hold.
const ADDRESSES_MAX: usize = 256;

/// Octets of a name of this server that leave room for an answer.
const NSID_MAX: usize = 128;

/// Octets of a string in a TXT record (RFC 1035 section 3.3).
const STRING_MAX: usize = 255;

/// How queries are received and answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AuthSettings {
    /// Addresses and ports to answer on, over UDP and TCP unless a transport is given. A change restarts the server once;
    /// the sockets of the addresses that stay are kept open meanwhile, and nothing sent to them is lost.
    pub listen_on: Vec<ListenOn>,
    /// Threads that answer; 0 means one per processor. Takes effect when the server is started the next time.
    #[schemars(range(max = 1024))]
    pub workers: u16,
    /// Instances of the server, each a process of its own on the same addresses: `tenon-auth@1`, `tenon-auth@2` and so
    /// on. With two, one that crashes leaves the other answering. A change restarts the server once.
    #[schemars(range(min = 1, max = 8))]
    pub instances: u8,
    /// Datagram sockets for each address and instance; 0 means one per processor. With fewer than workers, several
    /// share one. A change restarts the server once and opens the sockets anew, which loses what waits in them.
    #[schemars(range(max = 64))]
    pub udp_sockets: u16,
    /// Largest UDP answer in octets, and the size that clients are told they may send. 1232 fits every path of today
    /// without fragments.
    #[schemars(range(min = 512, max = 4096))]
    pub udp_payload_size: u16,
    /// Leave out of an answer what a client does not need: name servers of the zone and their addresses beside a
    /// positive answer.
    pub minimal_responses: bool,
    /// Answer questions for all types of a name (ANY) over UDP with one of them, so that they do not pay as a way to
    /// flood others. Over TCP the answer is whole.
    pub minimal_any: bool,
    /// Give clients that speak of DNS cookies one of this server's, so that neither side can be fooled by forged
    /// addresses. Servers that share an address need the same secrets: `/var/lib/tenon/auth/cookie-secrets`, one of 32
    /// hexadecimal digits a line; the first makes cookies, all are good, so that secrets can be changed one server after
    /// the other. The file is read at start and with every change of a setting; without it each process makes up its own.
    pub cookies: bool,
    /// Answer over UDP only to clients that do not speak of cookies at all or have a good one of this server; others get
    /// one with the code BADCOOKIE and ask again. For times of floods with forged addresses.
    pub require_cookies: bool,
    /// Name of this server for clients that ask for it with each query (NSID); empty for none.
    #[schemars(length(max = 128))]
    pub nsid: String,
    /// Answer to the questions `version.bind` and `version.server`; empty to refuse them.
    #[schemars(length(max = 255))]
    pub version: String,
    /// Answer to the questions `hostname.bind` and `id.server`; empty to refuse them.
    #[schemars(length(max = 255))]
    pub identity: String,
    /// Answer to the question `authors.bind`; empty to refuse it.
    #[schemars(length(max = 255))]
    pub authors: String,
    /// Connections that may be open at a time, over TCP, TLS, HTTPS and QUIC together. Further ones wait in the system's queue
    /// until one ends; over QUIC they are refused.
    #[schemars(range(min = 1, max = 60_000))]
    pub tcp_clients: u32,
    /// The same from one network: the first 24 bits of an IPv4 address, the first 56 of
    /// an IPv6 address. Further ones are closed at once.
    #[schemars(range(min = 1, max = 60_000))]
    pub tcp_clients_per_network: u32,
    /// Milliseconds that a new connection may take to send its first whole query.
    #[schemars(range(min = 250, max = 120_000))]
    pub tcp_initial_timeout_ms: u32,
    /// Milliseconds that a connection may stay open without a further whole query.
    #[schemars(range(min = 250, max = 600_000))]
    pub tcp_idle_timeout_ms: u32,
    /// The same for connections whose clients ask to be told (EDNS option edns-tcp-keepalive, RFC 7828).
    #[schemars(range(min = 250, max = 6_553_500))]
    pub tcp_keepalive_timeout_ms: u32,
    /// Milliseconds, in steps of 100, that such clients are told; 0 tells them nothing. Best not above
    /// tcp_keepalive_timeout_ms.
    #[schemars(range(max = 6_553_500))]
    pub tcp_advertised_timeout_ms: u32,
    /// Milliseconds that a client may take to accept answers that wait for it.
    #[schemars(range(min = 250, max = 120_000))]
    pub tcp_write_timeout_ms: u32,
    /// Where DNS is asked for on addresses of listen_on with the transport `https`: the path of the URI.
    #[schemars(length(min = 1, max = 255))]
    pub https_path: String,
    /// Requests that one connection over HTTPS may have under way at a time; its client is told.
    #[schemars(range(min = 1, max = 1000))]
    pub https_streams: u16,
    /// Longest header of a request over HTTPS, in octets. Longer ones are answered 431.
    #[schemars(range(min = 1024, max = 65_535))]
    pub https_header_octets: u16,
    /// Longest DNS message in a request over HTTPS, in octets. Longer ones are answered 413.
    #[schemars(range(min = 512, max = 65_535))]
    pub https_body_octets: u16,
    /// Queries that one connection over QUIC may have under way at a time; its client is told.
    #[schemars(range(min = 1, max = 1000))]
    pub quic_streams: u16,
    /// Connections over QUIC that each worker agrees on at a time with clients whose address may be forged; further clients
    /// have to prove theirs first, which takes them one more way there and back (Retry). With 0 all have to.
    #[schemars(range(max = 60_000))]
    pub quic_unproven: u16,
    /// Requests without use (another path, no DNS message, taken back before the answer) that a connection over HTTPS or
    /// QUIC may send in a row. With one more it is closed.
    #[schemars(range(max = 10_000))]
    pub useless_requests: u16,
    /// Certificates of clients over TLS and QUIC: `ignored`; `optional`, which gives a client that shows a good one a name
    /// for access lists (tls_name); or `required`. Good is what an authority in /var/lib/tenon/auth/client-ca.pem vouches
    /// for. A change holds for new connections.
    pub tls_clients: TlsClients,
    /// Who may ask queries; transfers, notices and updates have lists of their own. The first rule that matches decides,
    /// and who matches none is answered REFUSED. Everybody from the start, which costs nothing.
    pub query_acl: AccessList,
    /// Who may tell by NOTIFY that a secondary zone has a new version. What is told is taken as a hint: tenon-zonemgr
    /// asks the zone's primaries, whoever told. A rule's action is ACCEPT, REJECT or DROP; the first rule that matches
    /// decides, and who matches none is rejected.
    pub notify_acl: AccessList,
    /// Notices that each worker takes within a second; further ones get no answer, and their senders try again.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub notices_per_second: u32,
    /// Proxies that may speak for others: on addresses of listen_on with `proxy` nobody else is answered. Nobody, unless
    /// a rule accepts.
    pub proxy_acl: AccessList,
    /// Who is shown what is asked and answered: dnstap and the query log. Answers are not later for it; what cannot be
    /// shown in time is counted and gone.
    pub tap: TapSettings,
    /// Transfers and updates that one connection may have under way at a time. With so many, further queries on it wait.
    #[schemars(range(min = 1, max = 1000))]
    pub hand_overs_per_connection: u16,
    /// Transfers and updates that each worker may have under way at a time, over all its connections. Further ones are answered
    /// SERVFAIL; how many are served at a time is the business of xfrout/transfers_out, which is best set below this.
    #[schemars(range(max = 10_000))]
    pub hand_overs_per_worker: u16,
    /// Updates that came as datagrams and that each worker may have under way at a time. Further ones are answered
    /// SERVFAIL.
    #[schemars(range(max = 10_000))]
    pub hand_overs_of_datagrams: u16,
    /// Milliseconds that tenon-ddns may take for its answer, and that tenon-xfrout may let pass between two messages of a transfer while the client waits for one.
    #[schemars(range(min = 1000, max = 3_600_000))]
    pub hand_over_timeout_ms: u32,
}

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

/// What is made of certificates of clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TlsClients {
    /// Clients are not asked for one.
    #[default]
    Ignored,
    /// A client may show one; a bad one ends its connection.
    Optional,
    /// A client has to show one.
    Required,
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

impl ListenOn {
    /// Whether datagrams come, and whether streams do.
    const fn takes(&self) -> [bool; 2] {
        match self.transport {
            None => [true, true],
            Some(ListenTransport::Udp | ListenTransport::Quic) => [true, false],
            Some(ListenTransport::Tcp | ListenTransport::Tls | ListenTransport::Https) => [false, true],
        }
    }

    fn collides_with(&self, other: &Self) -> bool {
        let ([datagrams, streams], [others_datagrams, others_streams]) = (self.takes(), other.takes());
        (self.address, self.port) == (other.address, other.port)
            && (datagrams && others_datagrams || streams && others_streams)
    }
}

impl Default for AuthSettings {
    fn default() -> Self {
        let local = |address| ListenOn { address, port: DNS, transport: None, proxy: false };
        let network = tenon_netmgr::Settings::default();
        let milliseconds = |time: Duration| u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
        let number = |number: u64| u16::try_from(number).unwrap_or(u16::MAX);
        let small = |value: u32| u16::try_from(value).unwrap_or(u16::MAX);
        let answer = AnswerSettings::default();
        Self {
            listen_on: vec![
                local(std::net::Ipv4Addr::LOCALHOST.into()),
                local(std::net::Ipv6Addr::LOCALHOST.into()),
            ],
            workers: 0,
            instances: 1,
            udp_sockets: 0,
            udp_payload_size: answer.udp_payload_size,
            minimal_responses: answer.minimal_responses,
            minimal_any: answer.minimal_any,
            cookies: true,
            require_cookies: answer.require_cookies,
            nsid: answer.nsid,
            version: answer.version,
            identity: answer.identity,
            authors: answer.authors,
            tcp_clients: u32::try_from(network.tcp_clients).unwrap_or(u32::MAX),
            tcp_initial_timeout_ms: milliseconds(network.tcp_initial_timeout),
            tcp_clients_per_network: u32::try_from(network.tcp_clients_per_network).unwrap_or(u32::MAX),
            tcp_idle_timeout_ms: milliseconds(network.tcp_idle_timeout),
            tcp_keepalive_timeout_ms: milliseconds(network.tcp_keepalive_timeout),
            tcp_advertised_timeout_ms: milliseconds(network.tcp_keepalive_timeout),
            tcp_write_timeout_ms: milliseconds(network.tcp_write_timeout),
            https_path: network.https_path,
            https_streams: small(network.https_streams),
            https_header_octets: small(network.https_header_octets),
            https_body_octets: small(network.https_body_octets),
            quic_streams: small(network.quic_streams),
            quic_unproven: small(network.quic_unproven),
            useless_requests: small(network.useless_requests),
            tls_clients: TlsClients::default(),
            query_acl: AccessList::everybody(),
            notify_acl: AccessList::everybody(),
            notices_per_second: 1000,
            proxy_acl: AccessList::nobody(),
            tap: TapSettings::default(),
            hand_overs_per_connection: number(network.relays_per_connection),
            hand_overs_per_worker: number(network.relays_per_worker),
            hand_overs_of_datagrams: number(network.datagram_relays_per_worker),
            hand_over_timeout_ms: milliseconds(network.relay_timeout),
        }
    }
}

impl Settings for AuthSettings {
    const COMPONENT: &'static str = "auth";

    fn check(mut self, notes: &mut Vec<String>) -> Result<Self, Refusal> {
        if self.listen_on.is_empty() {
            let reason = "without an address nothing would be answered; to stop answering stop tenon.target";
            return Err(Refusal::new("listen_on", reason));
        }
        let texts = [
            ("nsid", &self.nsid, NSID_MAX),
            ("version", &self.version, STRING_MAX),
            ("identity", &self.identity, STRING_MAX),
            ("authors", &self.authors, STRING_MAX),
        ];
        for (option, text, most) in texts {
            if text.len() > most {
                let reason = format!("{} octets in UTF-8; at most {most} can be sent", text.len());
                return Err(Refusal::new(option, reason));
            }
        }
        check_path(&self.https_path)?;
        let mut known = BTreeSet::new();
        self.listen_on.retain(|place| {
            let new = known.insert(place.clone());
            if !new {
                let ListenOn { address, port, .. } = place;
                notes.push(format!("listen_on: {address} port {port} was there twice; once will do"));
            }
            new
        });
        if self.listen_on.len() > ADDRESSES_MAX {
            return Err(Refusal::new("listen_on", format!("at most {ADDRESSES_MAX} addresses")));
        }
        for (index, ListenOn { address, proxy, transport, .. }) in self.listen_on.iter().enumerate() {
            if address.is_multicast() {
                let option = format!("listen_on/{index}/address");
                return Err(Refusal::new(option, "a multicast address; queries are asked of one server"));
            }
            if *proxy && *transport == Some(ListenTransport::Quic) {
                let reason = "what a proxy says before a datagram has no place in QUIC";
                return Err(Refusal::new(format!("listen_on/{index}/proxy"), reason));
            }
        }
        if self.listen_on.iter().any(|place| place.proxy) && self.proxy_acl.rules().is_empty() {
            notes.push(
                "listen_on: nobody is answered on addresses with `proxy` until proxy_acl accepts somebody"
                    .to_owned(),
            );
        }
        for (index, place) in self.listen_on.iter().enumerate() {
            if self.listen_on.iter().take(index).any(|earlier| place.collides_with(earlier)) {
                let ListenOn { address, port, .. } = place;
                let reason = format!("{address} port {port} stands there already in another way");
                return Err(Refusal::new(format!("listen_on/{index}"), reason));
            }
        }
        Ok(self)
    }
}

/// A path as it stands in a URI (RFC 3986 section 3.3), with nothing to be escaped.
fn check_path(path: &str) -> Result<(), Refusal> {
    let plain = |octet: u8| octet.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@".contains(&octet);
    if path.starts_with('/') && path.len() <= PATH_MAX && path.bytes().all(plain) {
        return Ok(());
    }
    let reason =
        "begins with a slash, is at most 255 octets, and has no characters that a path has to escape";
    Err(Refusal::new("https_path", reason))
}

impl AuthSettings {
    /// What the workers' answers depend on, less the secrets of cookies, which are no setting.
    #[must_use]
    pub fn answer(&self) -> AnswerSettings {
        AnswerSettings {
            udp_payload_size: self.udp_payload_size,
            minimal_responses: self.minimal_responses,
            minimal_any: self.minimal_any,
            tcp_keepalive: u16::try_from(self.tcp_advertised_timeout_ms / 100).unwrap_or(u16::MAX),
            cookie_secrets: None,
            require_cookies: self.require_cookies,
            nsid: self.nsid.clone(),
            version: self.version.clone(),
            identity: self.identity.clone(),
            authors: self.authors.clone(),
            ..AnswerSettings::default()
        }
    }

    /// Who may do what beyond asking.
    #[must_use]
    pub fn access(&self) -> Access {
        Access {
            query_acl: (self.query_acl != AccessList::everybody()).then(|| self.query_acl.clone()),
            notify_acl: self.notify_acl.clone(),
            notices_per_second: self.notices_per_second,
            proxy_acl: self.proxy_acl.clone(),
        }
    }

    /// What the network depends on.
    #[must_use]
    pub fn network(&self) -> tenon_netmgr::Settings {
        let milliseconds = |value: u32| Duration::from_millis(value.into());
        tenon_netmgr::Settings {
            workers: self.workers.into(),
            tcp_clients: self.tcp_clients.into(),
            tcp_initial_timeout: milliseconds(self.tcp_initial_timeout_ms),
            tcp_clients_per_network: self.tcp_clients_per_network.into(),
            tcp_idle_timeout: milliseconds(self.tcp_idle_timeout_ms),
            tcp_keepalive_timeout: milliseconds(self.tcp_keepalive_timeout_ms),
            tcp_write_timeout: milliseconds(self.tcp_write_timeout_ms),
            https_path: self.https_path.clone(),
            https_streams: self.https_streams.into(),
            https_header_octets: self.https_header_octets.into(),
            https_body_octets: self.https_body_octets.into(),
            quic_streams: self.quic_streams.into(),
            quic_unproven: self.quic_unproven.into(),
            useless_requests: self.useless_requests.into(),
            relays_per_connection: self.hand_overs_per_connection.into(),
            relays_per_worker: self.hand_overs_per_worker.into(),
            datagram_relays_per_worker: self.hand_overs_of_datagrams.into(),
            relay_timeout: milliseconds(self.hand_over_timeout_ms),
            ..tenon_netmgr::Settings::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use tenon_service::document::check;

    fn checked(document: serde_json::Value) -> Result<(AuthSettings, Vec<String>), String> {
        let accepted = check::<AuthSettings>(&document).map_err(|refusal| refusal.to_string())?;
        Ok((accepted.settings, accepted.notes))
    }

    #[test]
    fn the_defaults_are_accepted_as_they_are() {
        let (settings, notes) = checked(json!({})).unwrap();
        assert_eq!((settings, notes.len()), (AuthSettings::default(), 0));
        assert_eq!(AuthSettings::default().tcp_clients, 150);
    }

    #[test]
    fn clients_are_told_a_timeout_in_tenths_of_a_second() {
        let (settings, _) = checked(json!({"tcp_advertised_timeout_ms": 12_345})).unwrap();
        assert_eq!(settings.answer().tcp_keepalive, 123);
    }

    #[test]
    fn doubled_addresses_are_amended() {
        let place = json!({"address": "192.0.2.1"});
        let (settings, notes) = checked(json!({"listen_on": [place, place]})).unwrap();
        let address = "192.0.2.1".parse().unwrap();
        assert_eq!(settings.listen_on, [ListenOn { address, port: 53, transport: None, proxy: false }]);
        assert_eq!(notes.len(), 1);
    }

    #[test]
    fn a_transport_has_its_port_and_may_share_an_address() {
        let place = |transport: &str| json!({"address": "192.0.2.1", "transport": transport});
        let (settings, _) =
            checked(json!({"listen_on": [place("udp"), place("tcp"), place("tls"), place("https"), place("quic"), {"address": "::1"}]}))
                .unwrap();
        let written = serde_json::to_value(&settings.listen_on).unwrap();
        assert_eq!(
            written,
            json!([
                {"address": "192.0.2.1", "port": 53, "transport": "udp"},
                {"address": "192.0.2.1", "port": 53, "transport": "tcp"},
                {"address": "192.0.2.1", "port": 853, "transport": "tls"},
                {"address": "192.0.2.1", "port": 443, "transport": "https"},
                {"address": "192.0.2.1", "port": 853, "transport": "quic"},
                {"address": "::1", "port": 53},
            ])
        );
        let proxied = json!({"listen_on": [{"address": "::1", "port": 9, "proxy": true}]});
        let (settings, notes) = checked(proxied.clone()).unwrap();
        assert_eq!(
            (serde_json::to_value(&settings.listen_on).unwrap(), notes.len()),
            (proxied["listen_on"].clone(), 1)
        );
        for other in
            [json!({"address": "192.0.2.1"}), json!({"address": "192.0.2.1", "port": 53, "transport": "tls"})]
        {
            let refusal = checked(json!({"listen_on": [place("tcp"), other]})).unwrap_err();
            assert!(refusal.contains("listen_on/1"), "{refusal}");
        }
    }

    #[test]
    fn what_will_not_do_is_refused_by_name() {
        for (document, option) in [
            (json!({"listen_on": []}), "listen_on"),
            (json!({"listen_on": [{"address": "224.0.0.1"}]}), "listen_on/0/address"),
            (json!({"listen_on": [{"address": "example.com"}]}), "listen_on"),
            (json!({"listen_on": [{"address": "::1", "port": 0}]}), "port"),
            (json!({"listen_on": [{"address": "::1", "transport": "carrier pigeon"}]}), "transport"),
            (json!({"listen_on": [{"address": "::1", "wings": 2}]}), "wings"),
            (json!({"udp_payload_size": 511}), "udp_payload_size"),
            (json!({"tcp_clients": 0}), "tcp_clients"),
            (json!({"version": "x".repeat(256)}), "version"),
            (json!({"identity": "ä".repeat(128)}), "identity"),
            (json!({"nsid": "x".repeat(129)}), "nsid"),
            (json!({"tcp_idle_timeout_ms": 1}), "tcp_idle_timeout_ms"),
            (json!({"notify_acl": [{"action": "ACCEPT", "from": "example.com"}]}), "notify_acl"),
            (
                json!({"listen_on": [{"address": "::1", "transport": "quic", "proxy": true}]}),
                "listen_on/0/proxy",
            ),
            (json!({"https_path": "dns-query"}), "https_path"),
            (json!({"https_path": "/dns query"}), "https_path"),
            (json!({"https_streams": 0}), "https_streams"),
            (json!({"tls_clients": "some"}), "tls_clients"),
            (json!({"hand_overs_per_connection": 0}), "hand_overs_per_connection"),
            (json!({"no_such_thing": 1}), "no_such_thing"),
        ] {
            let refusal = checked(document.clone()).unwrap_err();
            assert!(refusal.contains(option), "{document}: {refusal}");
        }
    }
}
