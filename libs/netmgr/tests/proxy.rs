//! Sockets for proxies: for whom they speak, who may, and what is no proxy.
// In a test a failed expectation is the failure.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use common::{
    ECHO, NEVER, WHERE, bound, closed, connect, counter, framed, message, receive, settings, until,
};
use socket2::{Domain, Socket, Type};
use tenon_netmgr::{InheritedSocket, Network, Settings};

const SOON: Duration = Duration::from_millis(300);

/// 192.0.2.1 port 4660 to 198.51.100.2 port 53.
const HEADER: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x02\x12\x34\0\x35";
const SPOKEN_FOR: &str = "192.0.2.1:4660 198.51.100.2:53";
/// The proxy itself.
const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
/// Nobody that this one trusts.
const STRANGER: [u8; 4] = [127, 9, 9, 9];

fn serve(kind: Type, settings: &Settings) -> (Network, SocketAddr) {
    let (fd, server) = bound(kind, "127.0.0.1:0");
    let socket = InheritedSocket {
        name: "test".to_owned(),
        fd,
        protocol: tenon_netmgr::Protocol::Plain,
        proxied: true,
    };
    (Network::start(vec![socket], settings, None, |_| common::Obedient::default()).unwrap(), server)
}

fn text(reply: &[u8]) -> String {
    String::from_utf8_lossy(&reply[12..]).into_owned()
}

#[test]
fn a_stream_is_whose_the_proxy_says() {
    let (network, server) = serve(Type::STREAM, &settings(1));
    let whole = [HEADER, &framed(&message(WHERE, 1, 12))].concat();
    for size in [1, 7, 1000] {
        let mut proxy = connect(server);
        for piece in whole.chunks(size) {
            proxy.write_all(piece).unwrap();
        }
        assert_eq!(text(&receive(&mut proxy)), SPOKEN_FOR);
        proxy.write_all(&framed(&message(ECHO, 2, 30))).unwrap();
        assert_eq!(receive(&mut proxy), message(ECHO, 2, 30), "one header a connection");
    }
    let mut proxy = connect(server);
    proxy.write_all(&[LOCAL, &framed(&message(WHERE, 1, 12))].concat()).unwrap();
    let expected = format!("{} {server}", proxy.local_addr().unwrap());
    assert_eq!(text(&receive(&mut proxy)), expected);
    drop(proxy);
    until("all are gone", || counter(&network, "tcp4_active") == 0);
}

#[test]
fn who_is_no_proxy_is_parted_with() {
    let (network, server) = serve(Type::STREAM, &Settings { tcp_initial_timeout: SOON, ..settings(1) });
    let stranger = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    stranger.bind(&SocketAddr::from((STRANGER, 0)).into()).unwrap();
    stranger.connect(&server.into()).unwrap();
    assert!(closed(&mut TcpStream::from(stranger)));
    until("it is counted", || counter(&network, "tcp4_proxyrefused") == 1);
    let mut client = connect(server);
    client.write_all(&framed(&message(ECHO, 1, 12))).unwrap();
    client.write_all(&[0; 12]).unwrap();
    assert!(closed(&mut client), "a query is no header");
    let mut dribbling = connect(server);
    dribbling.write_all(&HEADER[..20]).unwrap();
    assert!(closed(&mut dribbling), "nor is half a header");
    until("they are counted", || counter(&network, "tcp4_proxyfail") == 2);
    assert_eq!(counter(&network, "tcp4_received"), 0);
}

#[test]
fn the_share_of_a_network_is_that_of_whom_the_proxy_speaks_for() {
    let (network, server) = serve(Type::STREAM, &Settings { tcp_clients_per_network: 1, ..settings(1) });
    let open = |header: &[u8]| {
        let mut proxy = connect(server);
        proxy.write_all(&[header, &framed(&message(ECHO, 1, 12))].concat()).unwrap();
        proxy
    };
    let mut other = HEADER.to_vec();
    other[18] = 77;
    let (mut one, mut two) = (open(HEADER), open(&other));
    assert_eq!((receive(&mut one), receive(&mut two)), (message(ECHO, 1, 12), message(ECHO, 1, 12)));
    let mut three = open(HEADER);
    let mut said = Vec::new();
    // The end, or a reset because of the query that nobody read.
    let _ = three.read_to_end(&mut said);
    assert!(said.is_empty());
    until("it is counted", || counter(&network, "tcp4_networkfull") == 1);
}

#[test]
fn a_datagram_is_whose_the_proxy_says_and_the_reply_goes_to_the_proxy() {
    let (network, server) = serve(Type::DGRAM, &settings(1));
    let proxy = UdpSocket::bind("127.0.0.1:0").unwrap();
    proxy.set_read_timeout(Some(NEVER)).unwrap();
    let stranger = UdpSocket::bind(SocketAddr::from((STRANGER, 0))).unwrap();
    stranger.send_to(&[HEADER, &message(ECHO, 1, 12)].concat(), server).unwrap();
    proxy.send_to(&message(ECHO, 2, 12), server).unwrap();
    proxy.send_to(&[HEADER, &message(WHERE, 3, 12)].concat(), server).unwrap();
    proxy.send_to(&[LOCAL, &message(WHERE, 4, 12)].concat(), server).unwrap();
    let mut replies = Vec::new();
    for _ in 0..2 {
        let mut reply = [0; 200];
        let length = proxy.recv(&mut reply).unwrap();
        replies.push((reply[1], text(&reply[..length])));
    }
    replies.sort();
    let own = format!("{} {server}", proxy.local_addr().unwrap());
    assert_eq!(replies, [(3, SPOKEN_FOR.to_owned()), (4, own)]);
    assert_eq!([counter(&network, "udp4_proxyrefused"), counter(&network, "udp4_proxyfail")], [1, 1]);
}
