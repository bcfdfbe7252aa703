//! The way to the services that take what auth does not answer itself.

use std::os::unix::net::UnixStream;
use std::path::Path;

use tenon_answer::facts::HandOver;
use tenon_handover::{Door, HandOverError, Kind, Request, Transport};
use tenon_netmgr::Handle;
use tenon_wire::Name;

/// The doors, whose sockets belong to PID 1: a service that is not running is started by whoever comes.
#[derive(Debug, Clone)]
pub struct Doors {
    transfers: Door,
    notices: Door,
    updates: Door,
}

impl Doors {
    /// Those in a directory: `xfrout.socket`, `zonemgr.socket` and `ddns.socket`.
    #[must_use]
    pub fn in_directory(directory: &Path) -> Self {
        let door = |name| Door::new(directory.join(name));
        Self {
            transfers: door("xfrout.socket"),
            notices: door("zonemgr.socket"),
            updates: door("ddns.socket"),
        }
    }

    /// Hands a message over; never waits. The answer, if there will be one, comes from the stream.
    pub(crate) fn hand_over(
        &self,
        what: HandOver,
        from: &Handle,
        message: &[u8],
    ) -> Result<UnixStream, HandOverError> {
        let (door, kind) = match what {
            HandOver::Transfer => (&self.transfers, Kind::Transfer),
            HandOver::Notify => (&self.notices, Kind::Notify),
            HandOver::Update => (&self.updates, Kind::Update),
        };
        let Handle { peer, local, .. } = *from;
        let (transport, tls_name) = (transport(from), from.tls_name.as_deref().map(str::to_owned));
        door.hand_over(&Request { kind, transport, peer, local, tls_name, message: message.to_vec() })
    }
}

/// How the message came, as other services call it.
pub(crate) const fn transport(from: &Handle) -> Transport {
    match from.transport {
        tenon_netmgr::Transport::Udp => Transport::Udp,
        tenon_netmgr::Transport::Tcp => Transport::Tcp,
        tenon_netmgr::Transport::Tls => Transport::Tls,
        tenon_netmgr::Transport::Https => Transport::Https,
        tenon_netmgr::Transport::Quic => Transport::Quic,
    }
}

/// What access lists are asked about.
pub(crate) fn access<'a>(from: &'a Handle, key: Option<&'a Name>) -> tenon_acl::Request<'a> {
    let Handle { peer, local, .. } = *from;
    tenon_acl::Request { peer, local, transport: transport(from), key, tls_name: from.tls_name.as_deref() }
}
