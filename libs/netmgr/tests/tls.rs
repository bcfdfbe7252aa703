//! Encrypted streams: sessions of both versions, resumed ones, wrong ones and slow ones, and certificates replaced while
//! running.
// In a test a failed expectation is the failure.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use common::tls::{BOTH, Session, certificate, client, identity, serve_with, session, start_with};
use common::{ECHO, LONG, WHERE, bound, closed, connect, counter, framed, message, receive, settings, until};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConnection, HandshakeKind, StreamOwned};
use socket2::Type;
use tenon_netmgr::{
    ClientCertificates, Identity, IdentityError, InheritedSocket, Network, Protocol, Settings,
};

const SOON: Duration = Duration::from_millis(300);

fn start(settings: &Settings, identity: Option<Identity>) -> (Network, SocketAddr) {
    start_with(Protocol::Tls, settings, identity)
}

fn serve(settings: &Settings) -> (Network, SocketAddr, CertificateDer<'static>) {
    serve_with(Protocol::Tls, settings)
}

fn echoes(session: &mut Session) -> bool {
    session.write_all(&framed(&message(ECHO, 7, 100))).unwrap();
    receive(session) == message(ECHO, 7, 100)
}

#[test]
fn both_versions_are_spoken() {
    let (network, server, trusted) = serve(&settings(2));
    for versions in [[&TLS12], [&TLS13]] {
        let mut session = session(&client(&trusted, &versions, &["dot"]), server).unwrap();
        assert_eq!(session.conn.alpn_protocol(), Some(&b"dot"[..]));
        session.write_all(&framed(&message(WHERE, 1, 12))).unwrap();
        let local = session.sock.local_addr().unwrap();
        assert_eq!(String::from_utf8_lossy(&receive(&mut session)[12..]), format!("{local} {server}"));
        let count = 200;
        let many: Vec<u8> = (0..count).flat_map(|number| framed(&message(ECHO, number, 300))).collect();
        session.write_all(&many).unwrap();
        for number in 0..count {
            assert_eq!(receive(&mut session), message(ECHO, number, 300));
        }
    }
    assert_eq!(counter(&network, "tcp4_tlshandshake"), 2);
    assert_eq!(counter(&network, "tcp4_received"), 402);
}

#[test]
fn sessions_are_resumed_on_whichever_worker() {
    let (network, server, trusted) = serve(&settings(2));
    for versions in [[&TLS12], [&TLS13]] {
        let config = client(&trusted, &versions, &["dot"]);
        let before = counter(&network, "tcp4_tlsresumed");
        for number in 0..20 {
            let mut session = session(&config, server).unwrap();
            // Tickets of TLS 1.3 come with the first answer.
            assert!(echoes(&mut session));
            let resumed = session.conn.handshake_kind() == Some(HandshakeKind::Resumed);
            assert_eq!(resumed, number > 0, "connection {number}");
        }
        assert_eq!(counter(&network, "tcp4_tlsresumed"), before + 19);
    }
}

#[test]
fn another_protocol_is_refused_and_none_will_do() {
    let (network, server, trusted) = serve(&settings(1));
    assert!(session(&client(&trusted, BOTH, &["h2", "http/1.1"]), server).is_err());
    until("it is counted", || counter(&network, "tcp4_tlsfail") == 1);
    let mut without = session(&client(&trusted, BOTH, &[]), server).unwrap();
    assert!(echoes(&mut without));
    assert_eq!(without.conn.alpn_protocol(), None);
    let mut among_others = session(&client(&trusted, BOTH, &["h2", "dot"]), server).unwrap();
    assert!(echoes(&mut among_others));
}

#[test]
fn a_certificate_is_replaced_while_connections_go_on() {
    let (network, server) = start(&settings(1), None);
    assert!(closed(&mut connect(server)), "nothing to show yet");
    until("it is counted", || counter(&network, "tcp4_tlsnoidentity") == 1);
    let (one, two) = (certificate(), certificate());
    network.set_identity(identity(&one));
    let config = client(one.cert.der(), BOTH, &["dot"]);
    let mut first = session(&config, server).unwrap();
    assert!(echoes(&mut first));

    network.set_identity(identity(&two));
    assert!(session(&client(one.cert.der(), BOTH, &["dot"]), server).is_err(), "it is not shown any more");
    let mut second = session(&client(two.cert.der(), BOTH, &["dot"]), server).unwrap();
    assert!(echoes(&mut second) && echoes(&mut first));
}

#[test]
fn who_does_not_come_to_a_session_is_parted_with() {
    let (network, server, _) = serve(&Settings { tcp_initial_timeout: SOON, ..settings(1) });
    assert!(closed(&mut connect(server)), "who says nothing");
    until("it is counted", || counter(&network, "tcp4_tlstimeout") == 1);
    let mut dribbling = connect(server);
    dribbling.write_all(&[0x16, 3, 1, 2, 0]).unwrap();
    dribbling.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    until("closed for all the dribbling", || {
        let refused = dribbling.write_all(&[1]).is_err();
        refused || dribbling.read(&mut [0; 1]).is_ok_and(|octets| octets == 0)
    });
    let mut plain = connect(server);
    plain.write_all(&framed(&message(ECHO, 1, 40))).unwrap();
    let mut said = Vec::new();
    // An alert, and the end.
    let _ = plain.read_to_end(&mut said);
    assert!(said.len() < 20, "{said:?}");
    let half = connect(server);
    half.shutdown(Shutdown::Write).unwrap();
    until("all are counted", || {
        counter(&network, "tcp4_tlsfail") + counter(&network, "tcp4_tlstimeout") == 4
    });
    assert_eq!(counter(&network, "tcp4_active"), 0);
}

#[test]
fn after_the_session_the_usual_timeouts_hold_and_the_end_is_told() {
    let (network, server, trusted) = serve(&Settings { tcp_idle_timeout: SOON, ..settings(1) });
    let mut idle = session(&client(&trusted, BOTH, &["dot"]), server).unwrap();
    assert!(echoes(&mut idle));
    // Without a close_notify this would be an error.
    assert_eq!(idle.read(&mut [0; 1]).unwrap(), 0);
    assert_eq!(counter(&network, "tcp4_idletimeout"), 1);
    network.apply(&Settings { tcp_initial_timeout: SOON, ..settings(1) });
    let mut mute = session(&client(&trusted, BOTH, &["dot"]), server).unwrap();
    assert_eq!(mute.read(&mut [0; 1]).unwrap(), 0);
    assert_eq!(counter(&network, "tcp4_initialtimeout"), 1);
}

/// Writes octet by octet, each in a segment of its own.
struct Dribble(TcpStream);

impl Read for Dribble {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Dribble {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.0.write(&buffer[..1])
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[test]
fn it_may_come_octet_by_octet() {
    let (_network, server, trusted) = serve(&settings(1));
    let name = ServerName::try_from("dns.example").unwrap();
    let connection = ClientConnection::new(client(&trusted, BOTH, &["dot"]), name).unwrap();
    let mut session = StreamOwned::new(connection, Dribble(connect(server)));
    session.write_all(&framed(&message(ECHO, 3, 50))).unwrap();
    assert_eq!(receive(&mut session), message(ECHO, 3, 50));
}

#[test]
fn a_slow_reader_stops_the_server_and_gets_everything_in_the_end() {
    let (network, server, trusted) = serve(&settings(1));
    let mut slow = session(&client(&trusted, BOTH, &["dot"]), server).unwrap();
    let count = 300_u16;
    let questions: Vec<u8> = (0..count).flat_map(|number| framed(&message(LONG, number, 12))).collect();
    slow.write_all(&questions).unwrap();
    until("the server waits", || counter(&network, "tcp4_sendwait") > 0);
    let mut other = session(&client(&trusted, BOTH, &["dot"]), server).unwrap();
    assert!(echoes(&mut other), "others are served meanwhile");
    for number in 0..count {
        let reply = receive(&mut slow);
        assert_eq!((&reply[..2], reply.len()), (&number.to_be_bytes()[..], 60_000));
    }
    assert!(echoes(&mut slow));
}

#[test]
fn a_reader_who_never_reads_is_parted_with() {
    let (network, server, trusted) = serve(&Settings { tcp_write_timeout: SOON, ..settings(1) });
    let mut slow = session(&client(&trusted, BOTH, &["dot"]), server).unwrap();
    let question = framed(&message(LONG, 1, 12));
    slow.sock.set_nonblocking(true).unwrap();
    until("parted with", || {
        let written = slow.write_all(&question.repeat(10));
        assert!(written.is_ok() || written.is_err_and(|error| error.kind() != ErrorKind::InvalidData));
        counter(&network, "tcp4_writetimeout") == 1
    });
    until("gone", || counter(&network, "tcp4_active") == 0);
}

#[test]
fn what_is_no_identity_is_told_apart() {
    let (one, two) = (certificate(), certificate());
    let (certificates, key) = (one.cert.pem(), one.signing_key.serialize_pem());
    let from = |certificates: &str, key: &str| {
        Identity::from_pem(certificates.as_bytes(), key.as_bytes(), ClientCertificates::Ignored)
    };
    assert!(from(&certificates, &key).is_ok());
    assert!(matches!(from("", &key), Err(IdentityError::NoCertificate)));
    assert!(matches!(from(&certificates[..100], &key), Err(IdentityError::Certificate(_))));
    assert!(matches!(from(&certificates, ""), Err(IdentityError::Key(_))));
    assert!(matches!(from(&certificates, &certificates), Err(IdentityError::Key(_))));
    let other_key = two.signing_key.serialize_pem();
    assert!(matches!(from(&certificates, &other_key), Err(IdentityError::Unusable(_))));
}

#[test]
fn a_proxy_speaks_before_the_session() {
    let (fd, server) = bound(Type::STREAM, "127.0.0.1:0");
    let own = certificate();
    let socket = InheritedSocket { name: "test".to_owned(), fd, protocol: Protocol::Tls, proxied: true };
    let identity = Some(identity(&own));
    let _network =
        Network::start(vec![socket], &settings(1), identity, |_| common::Obedient::default()).unwrap();
    let mut stream = connect(server);
    stream
        .write_all(b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x02\x12\x34\0\x35")
        .unwrap();
    let name = ServerName::try_from("dns.example").unwrap();
    let config = client(own.cert.der(), BOTH, &["dot"]);
    let mut session = StreamOwned::new(ClientConnection::new(config, name).unwrap(), stream);
    session.write_all(&framed(&message(WHERE, 1, 12))).unwrap();
    assert_eq!(&receive(&mut session)[12..], b"192.0.2.1:4660 198.51.100.2:53");
}

#[test]
fn datagrams_cannot_be_encrypted() {
    let (fd, _) = bound(Type::DGRAM, "127.0.0.1:0");
    let socket = InheritedSocket { name: "wrong".to_owned(), fd, protocol: Protocol::Tls, proxied: false };
    let error =
        Network::start(vec![socket], &settings(1), None, |_| common::Obedient::default()).unwrap_err();
    assert!(error.to_string().contains("wrong"), "{error}");
}
