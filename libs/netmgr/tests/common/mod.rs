//! A network whose handler does what the message asks for.

// Each test binary uses its own part of this.
#![allow(dead_code)]

pub(crate) mod https;
pub(crate) mod quic;
pub(crate) mod tls;

use std::io::{ErrorKind, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};
use tenon_netmgr::{Handle, Handler, InheritedSocket, Network, Settings, Verdict};

/// Generous: reaching it means that something never happens.
pub(crate) const NEVER: Duration = Duration::from_secs(20);

/// Sends the message back.
pub(crate) const ECHO: u8 = 0;
/// No reply.
pub(crate) const MUTE: u8 = 1;
/// A reply of 60,000 octets that begins like the message.
pub(crate) const LONG: u8 = 2;
/// The message with peer and local address as text behind its header.
pub(crate) const WHERE: u8 = 3;

/// The message back, on a connection that is to be kept alive from there on.
pub(crate) const KEEP: u8 = 4;

#[derive(Default)]
pub(crate) struct Obedient {
    keeps: bool,
}

impl Handler for Obedient {
    fn answer(&mut self, from: &Handle, message: &[u8], out: &mut [u8]) -> Verdict {
        self.keeps = message[2] == KEEP;
        let length = match message[2] {
            MUTE => return Verdict::Silence,
            LONG => 60_000,
            WHERE => {
                let text = format!("{} {}", from.peer, from.local);
                out[12..12 + text.len()].copy_from_slice(text.as_bytes());
                12 + text.len()
            }
            _ => {
                out[..message.len()].copy_from_slice(message);
                return Verdict::Reply(message.len());
            }
        };
        out[..12].copy_from_slice(&message[..12]);
        Verdict::Reply(length)
    }

    fn freshness(&self, reply: &[u8]) -> Option<u32> {
        Some(reply[3].into())
    }

    fn trusts_proxy(&self, from: &Handle) -> bool {
        from.peer.ip() == Ipv4Addr::LOCALHOST
    }

    fn keeps_alive(&self) -> bool {
        self.keeps
    }
}

/// A message with a header's length that says what to do, and a number to tell it by.
pub(crate) fn message(action: u8, number: u16, length: usize) -> Vec<u8> {
    let mut message = vec![0xa5; length.max(12)];
    message[..2].copy_from_slice(&number.to_be_bytes());
    message[2] = action;
    message
}

pub(crate) fn framed(message: &[u8]) -> Vec<u8> {
    let mut out = u16::try_from(message.len()).unwrap().to_be_bytes().to_vec();
    out.extend(message);
    out
}

/// A bound socket as a service manager would make it; port 0 chooses one.
pub(crate) fn bound(kind: Type, address: &str) -> (OwnedFd, SocketAddr) {
    let address: SocketAddr = address.parse().unwrap();
    let protocol = if kind == Type::DGRAM { Protocol::UDP } else { Protocol::TCP };
    let socket = Socket::new(Domain::for_address(address), kind, Some(protocol)).unwrap();
    socket.set_reuse_port(true).unwrap();
    socket.set_reuse_address(true).unwrap();
    if address.is_ipv6() {
        socket.set_only_v6(true).unwrap();
    }
    socket.bind(&address.into()).unwrap();
    if kind == Type::STREAM {
        socket.listen(128).unwrap();
    }
    let local = socket.local_addr().unwrap().as_socket().unwrap();
    (socket.into(), local)
}

pub(crate) fn start(sockets: Vec<OwnedFd>, settings: &Settings) -> Network {
    Network::start(named(sockets), settings, None, |_| Obedient::default()).unwrap()
}

pub(crate) fn named(sockets: Vec<OwnedFd>) -> Vec<InheritedSocket> {
    let named = |(number, fd)| InheritedSocket {
        name: format!("test-{number}"),
        fd,
        protocol: tenon_netmgr::Protocol::Plain,
        proxied: false,
    };
    sockets.into_iter().enumerate().map(named).collect()
}

pub(crate) fn connect(server: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(server).unwrap();
    stream.set_read_timeout(Some(NEVER)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// The next message of a stream.
pub(crate) fn receive(stream: &mut impl Read) -> Vec<u8> {
    let mut prefix = [0; 2];
    stream.read_exact(&mut prefix).expect("a reply");
    let mut reply = vec![0; usize::from(u16::from_be_bytes(prefix))];
    stream.read_exact(&mut reply).expect("all of it");
    reply
}

/// Whether the server has closed: an end or a reset, but no data.
pub(crate) fn closed(stream: &mut TcpStream) -> bool {
    match stream.read(&mut [0; 1]) {
        Ok(octets) => octets == 0,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

pub(crate) fn settings(workers: usize) -> Settings {
    Settings { workers, ..Settings::default() }
}

pub(crate) fn counter(network: &Network, name: &str) -> u64 {
    let place = Network::counter_info().position(|info| info.name == name).expect("a known counter");
    network.counters()[place]
}

/// Waits until something becomes true.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + NEVER;
    while !holds() {
        assert!(Instant::now() < deadline, "never happened: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
