//! Where a service that binds its own sockets listens, as a setting.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An address and port to listen on; `PORT` is meant where none is said.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListenOn<const PORT: u16> {
    /// The address.
    pub address: IpAddr,
    /// The port; those below 1024 would need a privilege that this service does not have.
    #[serde(default = "usual::<PORT>")]
    #[schemars(range(min = 1024))]
    pub port: u16,
}

fn usual<const PORT: u16>() -> u16 {
    PORT
}

impl<const PORT: u16> ListenOn<PORT> {
    /// An address with the usual port.
    pub fn usual(address: impl Into<IpAddr>) -> Self {
        Self { address: address.into(), port: PORT }
    }

    /// The usual port on this host, for itself alone.
    #[must_use]
    pub fn local() -> Vec<Self> {
        vec![Self::usual(Ipv4Addr::LOCALHOST), Self::usual(Ipv6Addr::LOCALHOST)]
    }

    /// Both together.
    #[must_use]
    pub fn socket_address(&self) -> SocketAddr {
        SocketAddr::new(self.address, self.port)
    }

    /// Takes out of the option `listen_on` what is there twice, with a note of each.
    pub fn once(places: &mut Vec<Self>, notes: &mut Vec<String>) {
        let mut known = BTreeSet::new();
        places.retain(|place| {
            let new = known.insert(*place);
            if !new {
                notes.push(format!("listen_on: {} was there twice; once will do", place.socket_address()));
            }
            new
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_port_need_not_be_said_and_places_are_there_once() {
        let mut places: Vec<ListenOn<9153>> = serde_json::from_str(
            r#"[{"address": "127.0.0.1"}, {"address": "::1", "port": 9000}, {"address": "127.0.0.1", "port": 9153}]"#,
        )
        .unwrap();
        let mut notes = Vec::new();
        ListenOn::once(&mut places, &mut notes);
        let places: Vec<String> = places.iter().map(|place| place.socket_address().to_string()).collect();
        assert_eq!(places, ["127.0.0.1:9153", "[::1]:9000"]);
        assert_eq!(notes, ["listen_on: 127.0.0.1:9153 was there twice; once will do"]);
    }
}
