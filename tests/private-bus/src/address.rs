//! Addresses that a program of a test can listen on, and nobody else gets.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
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

/// Where a server of somebody else can listen over UDP and TCP: a port of loopback below those that the kernel picks for
/// others, and another one for each call and each of some hundred processes. One that somebody has is passed over.
pub fn own_address() -> SocketAddr {
    static CALLS: AtomicU16 = AtomicU16::new(0);
    // Sixteen ports in turn from a place that follows from the process's number, from 20,000 up to 29,999.
    let first = 20_000 + u16::try_from(std::process::id() % 625).unwrap_or_default() * 16;
    loop {
        let port = first + CALLS.fetch_add(1, Ordering::Relaxed) % 16;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if UdpSocket::bind(address).is_ok() && TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn each_server_gets_another_port_that_nobody_has() {
        let (first, second) = (own_address(), own_address());
        assert_ne!(first, second);
        let _server = (UdpSocket::bind(first).unwrap(), TcpListener::bind(first).unwrap());
        assert!((0..16).all(|_| own_address() != first));
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
