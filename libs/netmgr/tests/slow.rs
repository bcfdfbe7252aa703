//! Who sends octet by octet and never comes to an end is parted with on every layer, however lively the sending looks;
//! on the same worker others are served meanwhile. (QUIC is in quic.rs, who never reads in tcp.rs, tls.rs and https.rs.)
// In a test a failed expectation is the failure.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use common::https::{raw_get, raw_post};
use common::tls::{BOTH, Session, certificate, client, identity, session};
use common::{ECHO, bound, connect, counter, framed, message, settings, until};
use rustls::pki_types::CertificateDer;
use socket2::Type;
use tenon_netmgr::{InheritedSocket, Network, Protocol, Settings};

const SOON: Duration = Duration::from_millis(300);

/// What a proxy says for itself.
const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
/// The same, with 2,048 octets that are still to come.
const ENDLESS: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\x08\0";
/// How a client of HTTP/2 begins, with empty settings.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// A stream as the server's side of a layer sees it.
enum Client {
    Plain(TcpStream),
    Encrypted(Box<Session>),
}

impl Client {
    fn write(&mut self, octets: &[u8]) -> std::io::Result<()> {
        match self {
            Self::Plain(stream) => stream.write_all(octets),
            Self::Encrypted(session) => session.write_all(octets).and_then(|()| session.flush()),
        }
    }

    fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(room),
            Self::Encrypted(session) => session.read(room),
        }
    }

    fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Encrypted(session) => &session.sock,
        }
    }
}

/// A server of one layer with one worker.
struct House {
    protocol: Protocol,
    proxied: bool,
    server: SocketAddr,
    trusted: CertificateDer<'static>,
    network: Network,
}

impl House {
    fn new(protocol: Protocol, proxied: bool, settings: &Settings) -> Self {
        let (fd, server) = bound(Type::STREAM, "127.0.0.1:0");
        let own = certificate();
        let socket = InheritedSocket { name: "test".to_owned(), fd, protocol, proxied };
        let handler = |_| common::Obedient::default();
        let network = Network::start(vec![socket], settings, Some(identity(&own)), handler).unwrap();
        Self { protocol, proxied, server, trusted: own.cert.der().clone(), network }
    }

    /// A client that has agreed on everything that comes before messages.
    fn client(&self) -> Client {
        let alpn = match self.protocol {
            Protocol::Https => "h2",
            Protocol::Tls => "dot",
            Protocol::Plain | Protocol::Quic => {
                let mut stream = connect(self.server);
                stream.write_all(if self.proxied { LOCAL } else { &[] }).unwrap();
                return Client::Plain(stream);
            }
        };
        Client::Encrypted(Box::new(session(&client(&self.trusted, BOTH, &[alpn]), self.server).unwrap()))
    }

    /// Whether somebody else is answered.
    fn serves(&self) -> bool {
        let question = message(ECHO, 7, 40);
        let mut client = self.client();
        match self.protocol {
            Protocol::Https => client.write(&[PREFACE, &raw_get(1, &question)].concat()).unwrap(),
            _ => client.write(&framed(&question)).unwrap(),
        }
        let (mut said, mut room) = (Vec::new(), [0; 4096]);
        loop {
            let octets = client.read(&mut room).unwrap();
            said.extend_from_slice(&room[..octets]);
            if said.windows(question.len()).any(|part| part == question) {
                return true;
            }
            assert!(octets > 0, "closed without an answer");
        }
    }

    /// Says something, and from there on one octet after the other, until it is parted with.
    fn wear_out(&self, mut client: Client, opening: &[u8], octets: impl Iterator<Item = u8>) {
        client.write(opening).unwrap();
        client.socket().set_read_timeout(Some(Duration::from_millis(10))).unwrap();
        let (mut served, mut ended) = (false, false);
        for octet in octets {
            let is_refused = client.write(&[octet]).is_err();
            ended = is_refused || ends(&mut client);
            if ended {
                break;
            }
            served = served || self.serves();
        }
        assert!(ended, "it took all of it");
        assert!(served, "nobody was served meanwhile");
    }

    fn count(&self, name: &str) -> u64 {
        counter(&self.network, &format!("tcp4_{name}"))
    }
}

/// Reads what there is; whether there will be no more.
fn ends(client: &mut Client) -> bool {
    let mut room = [0; 4096];
    loop {
        match client.read(&mut room) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => {
                use std::io::ErrorKind::{TimedOut, WouldBlock};
                return !matches!(error.kind(), WouldBlock | TimedOut);
            }
        }
    }
}

/// More than there is time for.
fn endlessly(octet: u8) -> impl Iterator<Item = u8> {
    std::iter::repeat_n(octet, 1_500)
}

fn hurried() -> Settings {
    Settings { tcp_initial_timeout: SOON, ..settings(1) }
}

#[test]
fn the_header_of_a_proxy() {
    let house = House::new(Protocol::Plain, true, &hurried());
    house.wear_out(Client::Plain(connect(house.server)), ENDLESS, endlessly(0));
    until("counted", || house.count("proxyfail") == 1);
}

#[test]
fn the_beginning_of_a_session() {
    let house = House::new(Protocol::Tls, false, &hurried());
    house.wear_out(Client::Plain(connect(house.server)), &[0x16, 3, 1, 0x20, 0], endlessly(1));
    until("counted", || house.count("tlstimeout") == 1);
}

#[test]
fn the_length_before_a_message() {
    for (protocol, proxied) in [(Protocol::Plain, false), (Protocol::Plain, true), (Protocol::Tls, false)] {
        let house = House::new(protocol, proxied, &hurried());
        // The first octet of the length is all that comes for a while.
        let mut client = house.client();
        client.write(&[0xff]).unwrap();
        assert!(house.serves());
        assert_eq!(client.read(&mut [0; 1]).unwrap_or(0), 0, "half a length is no message");
        until("counted", || house.count("initialtimeout") == 1);
        house.wear_out(house.client(), &[0xff], endlessly(0xff));
        until("counted", || house.count("initialtimeout") == 2);
    }
}

#[test]
fn a_further_message() {
    let house = House::new(Protocol::Plain, false, &Settings { tcp_idle_timeout: SOON, ..settings(1) });
    let mut client = house.client();
    let question = framed(&message(ECHO, 1, 40));
    client.write(&question).unwrap();
    assert_eq!(client.read(&mut [0; 100]).unwrap(), question.len());
    house.wear_out(client, &[0xff, 0xff], endlessly(1));
    // Of the others that were served meanwhile each closed by itself.
    until("counted", || house.count("idletimeout") == 1);
}

#[test]
fn the_beginning_of_http_2() {
    let house = House::new(Protocol::Https, false, &hurried());
    // After all but the last octet settings, which go on and on.
    let frame = [0, 0x3f, 0xfc, 4, 0, 0, 0, 0, 0];
    let octets = PREFACE[..24].iter().chain(&frame).copied().chain(endlessly(0));
    house.wear_out(house.client(), &[], octets);
    until("counted", || house.count("initialtimeout") == 1);
}

#[test]
fn the_head_of_a_request() {
    let house = House::new(Protocol::Https, false, &hurried());
    // A frame of 16,000 octets that does not end the head.
    let opening = [PREFACE, &[0, 0x3e, 0x80, 1, 0, 0, 0, 0, 1]].concat();
    house.wear_out(house.client(), &opening, endlessly(0x82));
    until("counted", || house.count("initialtimeout") == 1);
}

#[test]
fn the_content_of_a_request() {
    let house = House::new(Protocol::Https, false, &hurried());
    // Frames of one octet each, and one frame that takes its time.
    let opening = [PREFACE, &raw_post(1), &[0, 0x3e, 0x80, 0, 1, 0, 0, 0, 1]].concat();
    house.wear_out(house.client(), &opening, endlessly(0xa5));
    let opening = [PREFACE, &raw_post(1)].concat();
    let small = [0, 0, 1, 0, 0, 0, 0, 0, 1, 0xa5];
    house.wear_out(house.client(), &opening, small.into_iter().cycle().take(1_500));
    until("both are counted", || house.count("initialtimeout") == 2);
}
