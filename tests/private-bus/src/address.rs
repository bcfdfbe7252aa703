//! Addresses that a program of a test can listen on, and nobody else gets.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU16, Ordering};

use socket2::{Domain, Socket, Type};

/// A TCP port of loopback, kept by a socket that is bound to it and does not listen: the kernel gives it to nobody who asks
/// for any port, and a program that asks for this one gets it, since both sockets may share it (`SO_REUSEADDR`).
#[derive(Debug)]
pub struct KeptAddress {
    address: SocketAddr,
    _socket: Socket,
}

impl KeptAddress {
    /// A port that nobody has.
    pub fn new() -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
        let address = socket.local_addr()?.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(Self { address, _socket: socket })
    }

    /// Where to listen.
    pub fn get(&self) -> SocketAddr {
        self.address
    }
}

/// Where a server of somebody else can listen over UDP and TCP: an address of loopback that belongs to this process, and
/// a port below those that the kernel picks for others. Who asks it without naming a source comes from 127.0.0.1.
pub fn own_address() -> SocketAddr {
    static PORT: AtomicU16 = AtomicU16::new(5300);
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    // Process numbers have 22 bits at most; 127.0 is everybody's.
    let address = Ipv4Addr::new(127, 64 + high % 64, middle, low);
    (address, PORT.fetch_add(1, Ordering::Relaxed)).into()
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream, UdpSocket};

    use super::*;

    #[test]
    fn each_server_gets_another_address_and_sees_its_clients_at_the_common_one() {
        let (first, second) = (own_address(), own_address());
        assert_ne!(first, second);
        let (server, _listener) = (UdpSocket::bind(first).unwrap(), TcpListener::bind(first).unwrap());
        let client = UdpSocket::bind("0.0.0.0:0").unwrap();
        client.send_to(b"?", first).unwrap();
        assert_eq!(server.recv_from(&mut [0; 1]).unwrap().1.ip(), Ipv4Addr::LOCALHOST);
    }

    #[test]
    fn who_names_it_gets_it_again_and_again_and_who_asks_for_any_does_not() {
        let kept = KeptAddress::new().unwrap();
        assert!(TcpStream::connect(kept.get()).is_err(), "nobody listens yet");
        for _ in 0..2 {
            let listener = TcpListener::bind(kept.get()).unwrap();
            let client = TcpStream::connect(kept.get()).unwrap();
            drop((listener.accept().unwrap(), client));
        }
        let others: Vec<_> = (0..1000).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        assert!(others.iter().all(|other| other.local_addr().unwrap() != kept.get()));
    }
}
