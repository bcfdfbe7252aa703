//! A primary that answers as it is told: octet by octet, over real sockets.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tenon_wire::{Name, RrType};

/// What a primary does with a query over TCP: it is given the connection and the query's message.
pub(crate) type OverTcp = dyn Fn(&mut TcpStream, &[u8]) -> std::io::Result<()> + Send + Sync;
/// What it answers to a datagram: messages, each sent as a datagram.
pub(crate) type OverUdp = dyn Fn(&[u8]) -> Vec<Vec<u8>> + Send + Sync;

/// A primary; its sockets close when it is dropped and somebody asks once more.
pub(crate) struct Primary {
    pub(crate) address: SocketAddr,
    /// Connections taken.
    pub(crate) connections: Arc<AtomicU64>,
    /// Connections open now, and most at a time.
    pub(crate) open: Arc<Mutex<(u64, u64)>>,
}

impl Primary {
    /// A primary that does this over UDP and TCP, on one port.
    pub(crate) fn start(over_udp: Box<OverUdp>, over_tcp: Box<OverTcp>) -> Self {
        let (listener, socket) = loop {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            // The port is free for TCP; for UDP somebody else may have it.
            if let Ok(socket) = UdpSocket::bind(listener.local_addr().unwrap()) {
                break (listener, socket);
            }
        };
        let primary = Self {
            address: listener.local_addr().unwrap(),
            connections: Arc::default(),
            open: Arc::default(),
        };
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok((length, peer)) = socket.recv_from(&mut buffer) {
                for answer in over_udp(&buffer[..length]) {
                    let _ = socket.send_to(&answer, peer);
                }
            }
        });
        let (over_tcp, connections, open) =
            (Arc::new(over_tcp), Arc::clone(&primary.connections), Arc::clone(&primary.open));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                connections.fetch_add(1, Ordering::Relaxed);
                let (over_tcp, open) = (Arc::clone(&over_tcp), Arc::clone(&open));
                std::thread::spawn(move || {
                    {
                        let mut open = open.lock().unwrap();
                        *open = (open.0 + 1, open.1.max(open.0 + 1));
                    }
                    let _ = serve(stream, &**over_tcp);
                    open.lock().unwrap().0 -= 1;
                });
            }
        });
        primary
    }

    /// A primary that answers questions for the serial with this one, over both, and transfers as told.
    pub(crate) fn with_serial(
        serial: u32,
        axfr: impl Fn(&mut TcpStream, &Query) -> std::io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let over_tcp = move |stream: &mut TcpStream, message: &[u8]| {
            let query = Query::read(message);
            if query.rrtype == RrType::SOA {
                return send(stream, &query.answer(&[soa(&query.zone, serial)]));
            }
            axfr(stream, &query)
        };
        Self::start(Box::new(move |message| vec![answer_serial(message, serial)]), Box::new(over_tcp))
    }

    /// An honest primary of a zone of so many hosts.
    pub(crate) fn honest(serial: u32, hosts: u32) -> Self {
        Self::with_serial(serial, move |stream, query| {
            for message in transfer(query, serial, hosts) {
                send(stream, &message)?;
            }
            Ok(())
        })
    }
}

fn serve(mut stream: TcpStream, over_tcp: &OverTcp) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut message)?;
    over_tcp(&mut stream, &message)
}

/// A query as a primary sees it.
#[derive(Clone)]
pub(crate) struct Query {
    /// Its header and question.
    pub(crate) message: Vec<u8>,
    pub(crate) zone: Name,
    pub(crate) rrtype: RrType,
    /// The serial of who asks for differences.
    pub(crate) have: Option<u32>,
}

impl Query {
    pub(crate) fn read(message: &[u8]) -> Self {
        let (name, rest) = tenon_wire::NameRef::split_from(&message[12..]).unwrap();
        let rrtype = RrType(u16::from_be_bytes([rest[0], rest[1]]));
        let mut head = message[..message.len() - rest.len() + 4].to_vec();
        head[6..12].fill(0);
        let numbers = rest.get(4 + 14..4 + 18).filter(|_| message[9] == 1);
        let have = numbers.map(|serial| u32::from_be_bytes(serial.try_into().unwrap()));
        Self { message: head, zone: name.to_name(), rrtype, have }
    }

    /// An answer with these records in the answer section.
    pub(crate) fn answer(&self, records: &[Vec<u8>]) -> Vec<u8> {
        let mut message = self.message.clone();
        message[2] = 0x84;
        message[3] = 0;
        message[6..8].copy_from_slice(&(records.len() as u16).to_be_bytes());
        records.iter().for_each(|record| message.extend(record));
        message
    }

    /// An answer with a response code and nothing else.
    pub(crate) fn refuse(&self, rcode: u8) -> Vec<u8> {
        let mut message = self.answer(&[]);
        message[3] = rcode;
        message
    }
}

/// The answer to a question for a serial.
pub(crate) fn answer_serial(message: &[u8], serial: u32) -> Vec<u8> {
    let query = Query::read(message);
    query.answer(&[soa(&query.zone, serial)])
}

/// Sends a message with its length before it.
pub(crate) fn send(stream: &mut TcpStream, message: &[u8]) -> std::io::Result<()> {
    stream.write_all(&[&(message.len() as u16).to_be_bytes()[..], message].concat())
}

/// A record of class IN.
pub(crate) fn record(owner: &Name, rrtype: RrType, rdata: &[u8]) -> Vec<u8> {
    let mut octets = owner.octets().to_vec();
    octets.extend(rrtype.0.to_be_bytes());
    octets.extend([0, 1, 0, 0, 14, 16]);
    octets.extend((rdata.len() as u16).to_be_bytes());
    octets.extend(rdata);
    octets
}

pub(crate) fn soa(zone: &Name, serial: u32) -> Vec<u8> {
    let mut rdata = b"\x02ns\x00\x00".to_vec();
    [serial, 3600, 600, 86_400, 300].iter().for_each(|number| rdata.extend(number.to_be_bytes()));
    record(zone, RrType::SOA, &rdata)
}

pub(crate) fn ns(zone: &Name) -> Vec<u8> {
    record(zone, RrType::NS, b"\x02ns\x00")
}

/// The A record of a host of the zone.
pub(crate) fn host(zone: &Name, number: u32) -> Vec<u8> {
    let owner = Name::from_text(&format!("h{number}"), Some(zone.as_ref())).unwrap();
    record(&owner, RrType::A, &number.to_be_bytes())
}

/// A whole transfer, 100 records a message, hosts in no order.
pub(crate) fn transfer(query: &Query, serial: u32, hosts: u32) -> Vec<Vec<u8>> {
    let zone = &query.zone;
    let mut records = vec![soa(zone, serial)];
    records.extend((0..hosts).rev().map(|number| host(zone, number)));
    records.push(ns(zone));
    records.push(soa(zone, serial));
    records.chunks(100).map(|some| query.answer(some)).collect()
}

/// A transfer of differences: each step has a serial, hosts that go and hosts that come.
pub(crate) fn differences(query: &Query, steps: &[(u32, &[u32], &[u32])]) -> Vec<u8> {
    let (zone, mut at) = (&query.zone, query.have.unwrap());
    let newest = steps.last().unwrap().0;
    let mut records = vec![soa(zone, newest)];
    for (serial, gone, come) in steps {
        records.push(soa(zone, at));
        records.extend(gone.iter().map(|number| host(zone, *number)));
        records.push(soa(zone, *serial));
        records.extend(come.iter().map(|number| host(zone, *number)));
        at = *serial;
    }
    records.push(soa(zone, newest));
    query.answer(&records)
}
