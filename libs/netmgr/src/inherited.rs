//! Sockets that somebody else bound and passed on.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use socket2::{Domain, SockRef, Type};
use thiserror::Error;

/// A descriptor with the name it was passed under (`LISTEN_FDNAMES`).
#[derive(Debug)]
pub struct InheritedSocket {
    /// The name, such as that of its socket unit.
    pub name: String,
    /// The descriptor.
    pub fd: OwnedFd,
    /// What is spoken on it.
    pub protocol: Protocol,
    /// What comes begins with a header of the PROXY protocol, version 2.
    pub proxied: bool,
}

/// What is spoken on a socket; its kind has to suit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// DNS as such, in datagrams or streams.
    Plain,
    /// DNS in TLS, on a listening stream.
    Tls,
    /// DNS in HTTP/2 in TLS, on a listening stream.
    Https,
    /// DNS in QUIC, on a datagram socket without proxies: what they say before a datagram has no place in QUIC.
    Quic,
}

/// What a socket can be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SocketKind {
    /// Receives and sends datagrams.
    Udp,
    /// Accepts connections.
    Tcp,
    /// Accepts connections that speak TLS.
    Tls,
    /// Accepts connections that speak HTTP/2 in TLS.
    Https,
    /// Receives and sends datagrams of QUIC.
    Quic,
}

impl SocketKind {
    /// `udp`, `tcp`, `tls`, `https` or `quic`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Https => "https",
            Self::Quic => "quic",
        }
    }
}

/// A socket that was looked at and found usable.
#[derive(Debug)]
pub struct Listener {
    /// The name it was passed under.
    pub name: String,
    /// The address it is bound to.
    pub local: SocketAddr,
    /// What it is for.
    pub kind: SocketKind,
    /// Effective size of its receive buffer in octets, as the kernel tells it.
    pub receive_buffer: usize,
    /// Only proxies come to it.
    pub proxied: bool,
    pub(crate) fd: OwnedFd,
}

/// Why a socket that was passed on cannot be used.
#[derive(Debug, Error)]
pub enum SocketError {
    /// It is not an IPv4 or IPv6 socket, or its properties cannot be read.
    #[error("socket {name:?} (descriptor {fd}) is no Internet socket: {source}; check the socket unit")]
    Unreadable {
        /// The name it was passed under.
        name: String,
        /// Its number.
        fd: i32,
        /// What the kernel said.
        source: io::Error,
    },
    /// It is of a kind that carries no DNS, or not what its protocol needs, or a stream that does not listen.
    #[error(
        "socket {name:?} on {local} is neither a datagram socket nor a listening stream, or not the one that its \
         name says; the socket unit needs ListenDatagram= (UDP, QUIC) and ListenStream= (TCP, TLS, HTTPS) with Accept=no"
    )]
    Kind {
        /// The name it was passed under.
        name: String,
        /// The address it is bound to.
        local: SocketAddr,
    },
}

/// Looks at sockets from outside and sorts them by kind and address, keeping the order among equals.
///
/// # Errors
/// The first socket that cannot be used, by name.
pub fn sort_sockets(sockets: Vec<InheritedSocket>) -> Result<Vec<Listener>, SocketError> {
    let mut listeners = sockets.into_iter().map(examine).collect::<Result<Vec<_>, _>>()?;
    listeners.sort_by_key(|listener| (listener.kind, listener.local));
    Ok(listeners)
}

fn examine(socket: InheritedSocket) -> Result<Listener, SocketError> {
    let InheritedSocket { name, fd, protocol, proxied } = socket;
    let (local, kind, receive_buffer) = match properties(&SockRef::from(&fd)) {
        Ok(properties) => properties,
        Err(source) => {
            let fd = std::os::fd::AsRawFd::as_raw_fd(&fd);
            return Err(SocketError::Unreadable { name, fd, source });
        }
    };
    let kind = match (kind, protocol) {
        (Some(SocketKind::Tcp), Protocol::Tls) => Some(SocketKind::Tls),
        (Some(SocketKind::Tcp), Protocol::Https) => Some(SocketKind::Https),
        (Some(SocketKind::Udp), Protocol::Quic) if !proxied => Some(SocketKind::Quic),
        (kind, Protocol::Plain) => kind,
        _ => None,
    };
    match kind {
        Some(kind) => Ok(Listener { name, local, kind, receive_buffer, proxied, fd }),
        None => Err(SocketError::Kind { name, local }),
    }
}

fn properties(socket: &SockRef<'_>) -> io::Result<(SocketAddr, Option<SocketKind>, usize)> {
    let domain = socket.domain()?;
    let local = socket.local_addr()?.as_socket().filter(|_| domain == Domain::IPV4 || domain == Domain::IPV6);
    let local = local.ok_or_else(|| io::Error::other("its address family is neither IPv4 nor IPv6"))?;
    let kind = match socket.r#type()? {
        Type::DGRAM => Some(SocketKind::Udp),
        Type::STREAM if socket.is_listener()? => Some(SocketKind::Tcp),
        _ => None,
    };
    Ok((local, kind, socket.recv_buffer_size()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, UdpSocket};
    use std::os::unix::net::UnixDatagram;

    fn inherited(name: &str, fd: impl Into<OwnedFd>) -> InheritedSocket {
        InheritedSocket { name: name.to_owned(), fd: fd.into(), protocol: Protocol::Plain, proxied: false }
    }

    #[test]
    fn sorts_by_kind_then_address() {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = udp.local_addr().unwrap();
        let listeners = sort_sockets(vec![inherited("t", tcp), inherited("u", udp)]).unwrap();
        assert_eq!(listeners.iter().map(|l| l.name.as_str()).collect::<Vec<_>>(), ["u", "t"]);
        assert_eq!(listeners[0].local, address);
        assert!(listeners[0].receive_buffer > 0);
    }

    #[test]
    fn refuses_what_carries_no_dns() {
        let (unix, _other) = UnixDatagram::pair().unwrap();
        let error = sort_sockets(vec![inherited("hand-over", unix)]).unwrap_err().to_string();
        assert!(error.contains("hand-over"), "{error}");
        let stream = socket2::Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let error = sort_sockets(vec![inherited("mute", stream)]).unwrap_err();
        assert!(matches!(error, SocketError::Kind { .. }), "{error}");
    }
}
