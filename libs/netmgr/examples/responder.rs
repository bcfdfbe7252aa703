//! The least a responder on this library costs: every query gets one fixed A record, no lookup.
//!
//! `responder ADDRESS:PORT [WORKERS]` binds its own sockets, unlike a service, so that it can be measured beside the
//! kernel floor of a plain C program.

use std::error::Error;
use std::net::SocketAddr;

use socket2::{Domain, Protocol, Socket, Type};
use tenon_netmgr::{Handle, Handler, InheritedSocket, Network, Settings, Verdict};

/// Owner by pointer to the question, A, IN, 300 seconds, 198.51.100.7.
const RECORD: [u8; 16] = [0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4, 198, 51, 100, 7];

struct Fixed;

impl Handler for Fixed {
    fn answer(&mut self, _: &Handle, message: &[u8], out: &mut [u8]) -> Verdict {
        let mut end = 12;
        while let Some(&length) = message.get(end).filter(|length| **length != 0) {
            end += usize::from(length) + 1;
        }
        let Some(question) = message.get(..end + 5) else { return Verdict::Silence };
        let length = question.len() + RECORD.len();
        let Some(reply) = out.get_mut(..length) else { return Verdict::Silence };
        let (head, tail) = reply.split_at_mut(question.len());
        head.copy_from_slice(question);
        tail.copy_from_slice(&RECORD);
        for (at, value) in [(2, 0x84), (7, 1), (11, 0)] {
            if let Some(octet) = head.get_mut(at) {
                *octet = value;
            }
        }
        Verdict::Reply(length)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let address: SocketAddr = arguments.next().ok_or("usage: responder ADDRESS:PORT [WORKERS]")?.parse()?;
    let workers = arguments.next().map_or(Ok(1), |text| text.parse())?;
    let mut sockets = Vec::new();
    for _ in 0..workers {
        sockets.push(bound(Type::DGRAM, address)?);
    }
    sockets.push(bound(Type::STREAM, address)?);
    let settings = Settings { workers, ..Settings::default() };
    let _network = Network::start(sockets, &settings, None, |_| Fixed)?;
    loop {
        std::thread::park();
    }
}

fn bound(kind: Type, address: SocketAddr) -> std::io::Result<InheritedSocket> {
    let protocol = if kind == Type::DGRAM { Protocol::UDP } else { Protocol::TCP };
    let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
    socket.set_reuse_port(true)?;
    socket.set_reuse_address(true)?;
    socket.set_recv_buffer_size(4 << 20)?;
    socket.bind(&address.into())?;
    if kind == Type::STREAM {
        socket.listen(512)?;
    }
    Ok(InheritedSocket {
        name: "own".to_owned(),
        fd: socket.into(),
        protocol: tenon_netmgr::Protocol::Plain,
        proxied: false,
    })
}
