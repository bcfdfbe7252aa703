//! What can be set for auth: `auth/...` in the committed settings.

mod effects;
mod listen_on;
#[cfg(test)]
mod tests;
mod tls_clients;

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tenon_acl::AccessList;
use tenon_answer::AnswerSettings;
use tenon_service::{Refusal, Settings};

pub use listen_on::{ListenOn, ListenTransport};
pub use tls_clients::TlsClients;

use crate::tap::TapSettings;

/// Octets of `https_path`.
const PATH_MAX: usize = 255;

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
    /// Count queries and answers of each zone, which `bindctl stats show --zones` shows and tenon-stats collects with
    /// stats/zones. Takes 64 octets of memory for each zone and worker. Counting begins anew when this is turned on.
    pub zone_statistics: bool,
    /// Keep note of the networks (the first 24 bits of an IPv4 address, the first 56 of an IPv6 address) that most messages
    /// come from, a hundred for each worker: `TopClients` of org.tenon.Auth1. Begins anew when this is turned on.
    pub top_clients: bool,
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

impl Default for AuthSettings {
    fn default() -> Self {
        let network = tenon_netmgr::Settings::default();
        let milliseconds = |time: Duration| u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
        let number = |number: u64| u16::try_from(number).unwrap_or(u16::MAX);
        let small = |value: u32| u16::try_from(value).unwrap_or(u16::MAX);
        let answer = AnswerSettings::default();
        Self {
            listen_on: ListenOn::this_machine().to_vec(),
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
            zone_statistics: false,
            top_clients: false,
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
        listen_on::check(&mut self.listen_on, &self.proxy_acl, notes)?;
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
