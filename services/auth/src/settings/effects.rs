//! What of the settings each part of auth depends on.

use std::time::Duration;

use tenon_acl::AccessList;
use tenon_answer::AnswerSettings;

use super::AuthSettings;
use crate::zones::Access;

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
            top_clients: self.top_clients,
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
