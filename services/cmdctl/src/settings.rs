//! What an operator can set.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tenon_service::{Refusal, Settings};

/// Settings of the REST door.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CmdctlSettings {
    /// Addresses and ports to answer HTTPS on. An empty list: on none.
    #[schemars(length(max = 16))]
    pub listen_on: Vec<ListenOn>,
    /// The certificate with its chain, PEM. Made when it is not there; read again when it is replaced.
    pub certificate_file: PathBuf,
    /// The key of the certificate, PEM. It may be the same file.
    pub key_file: PathBuf,
    /// Certificates that vouch for those of clients, PEM; absent: certificates of clients do not count. Whom they vouch for
    /// comes in without password, as the account of the certificate's name: its first alternative name that is a domain
    /// name or mail address, or else its common name. Read again when it is replaced.
    pub client_ca_file: Option<PathBuf>,
    /// Most connections at a time; further ones wait in the system's queue.
    #[schemars(range(min = 1, max = 900))]
    pub connections: u32,
    /// Seconds that a connection may be open; a request that is being answered then is answered first.
    #[schemars(range(min = 1, max = 86_400))]
    pub connection_timeout_s: u32,
    /// Seconds within which a TLS handshake, a request's header and its body must each have come.
    #[schemars(range(min = 1, max = 3600))]
    pub read_timeout_s: u32,
    /// Seconds that answering one request may take.
    #[schemars(range(min = 1, max = 3600))]
    pub request_timeout_s: u32,
    /// Most octets of a request's line and header fields.
    #[schemars(range(min = 8192, max = 1_048_576))]
    pub header_octets: u32,
    /// Most octets of a request's body.
    #[schemars(range(min = 1024, max = 16_777_216))]
    pub body_octets: u32,
    /// Most octets of a zone's master file, or of a backup, that is sent.
    #[schemars(range(min = 1024, max = 1_000_000_000_000_u64))]
    pub zone_octets: u64,
    /// Clients that may follow events at a time; further ones are refused.
    #[schemars(range(min = 1, max = 500))]
    pub event_clients: u32,
    /// Wrong passwords that one address may send in a minute for one account; ten times as many for all accounts.
    #[schemars(range(min = 1, max = 1000))]
    pub failures_per_minute: u32,
}

/// Beside the control ports of other name servers (8952 NSD, 8953 Unbound), so that they can run on the same host.
pub type ListenOn = tenon_service::ListenOn<8951>;

impl Default for CmdctlSettings {
    fn default() -> Self {
        Self {
            listen_on: ListenOn::local(),
            certificate_file: "/var/lib/tenon/cmdctl/certificate.pem".into(),
            key_file: "/var/lib/tenon/cmdctl/key.pem".into(),
            client_ca_file: None,
            connections: 64,
            connection_timeout_s: 600,
            read_timeout_s: 10,
            // A commit may take 120 s: its checks, sockets and owners are each bounded.
            request_timeout_s: 130,
            header_octets: 16_384,
            body_octets: 1_048_576,
            zone_octets: 1 << 30,
            event_clients: 32,
            failures_per_minute: 10,
        }
    }
}

impl CmdctlSettings {
    /// Where to listen.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listen_on.iter().map(ListenOn::socket_address).collect()
    }

    /// How long a connection may be open.
    pub fn connection_limit(&self) -> Duration {
        Duration::from_secs(self.connection_timeout_s.into())
    }

    /// How long a client may take over each thing it sends.
    pub fn read_limit(&self) -> Duration {
        Duration::from_secs(self.read_timeout_s.into())
    }

    /// How long answering may take.
    pub fn request_limit(&self) -> Duration {
        Duration::from_secs(self.request_timeout_s.into())
    }
}

impl Settings for CmdctlSettings {
    const COMPONENT: &'static str = "cmdctl";

    fn check(mut self, notes: &mut Vec<String>) -> Result<Self, Refusal> {
        ListenOn::once(&mut self.listen_on, notes);
        let own = [("certificate_file", &self.certificate_file), ("key_file", &self.key_file)];
        let clients = self.client_ca_file.as_ref().map(|file| ("client_ca_file", file));
        for (option, path) in own.into_iter().chain(clients) {
            if !path.is_absolute() {
                return Err(Refusal::new(option, format!("{} does not begin with a slash", path.display())));
            }
        }
        for ListenOn { address, port } in &self.listen_on {
            if !address.is_loopback() {
                notes.push(format!(
                    "listen_on: {address} port {port} can be reached from elsewhere; whoever has an account can come \
                     in there"
                ));
            }
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn defaults_stand_and_other_addresses_are_noted() {
        let mut notes = Vec::new();
        assert_eq!(CmdctlSettings::default().check(&mut notes), Ok(CmdctlSettings::default()));
        assert!(notes.is_empty());
        let everywhere = ListenOn { address: Ipv4Addr::UNSPECIFIED.into(), port: 8951 };
        let settings =
            CmdctlSettings { listen_on: vec![everywhere, everywhere], ..CmdctlSettings::default() };
        assert_eq!(settings.check(&mut notes).unwrap().listen_on.len(), 1);
        assert_eq!(notes.len(), 2, "{notes:?}");
        let relative = CmdctlSettings { key_file: "key.pem".into(), ..CmdctlSettings::default() };
        assert_eq!(relative.check(&mut notes).unwrap_err().option, "key_file");
    }
}
