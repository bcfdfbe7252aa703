//! What auth hands over: requests come whole to the service behind the door, and what the client gets in each case.

// Helpers of tests fail like tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::time::Duration;

use common::zones::{image, zone};
use common::{PATIENCE, bound, bound_both, client, question, until};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::{Value, json};
use socket2::Type;
use tenon_auth::{AuthSettings, CookieFile, Instance, Places};
use tenon_handover::{END, Kind, Request, Transport};
use tenon_image::{Manifest, ManifestZone};
use tenon_netmgr::InheritedSocket;
use tenon_netmgr::Protocol;
use tenon_service::Component as _;

const AXFR: u16 = 252;
const IXFR: u16 = 251;
const SOA: u16 = 6;
const NOERROR: u8 = 0;
const SERVFAIL: u8 = 2;
const NOTIMP: u8 = 4;
const REFUSED: u8 = 5;
const NOTAUTH: u8 = 9;

/// An instance that serves `example.` from the primary store and `copy.` from the secondary one.
struct House {
    instance: Arc<Instance>,
    server: SocketAddr,
    tls: SocketAddr,
    quic: SocketAddr,
    trusted: CertificateDer<'static>,
    scratch: tempfile::TempDir,
}

impl House {
    fn new(settings: Value) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let zone = |origin, storage: &str| ManifestZone {
            storage: storage.into(),
            ..zone(origin, 1, image(scratch.path(), origin, 1, [192, 0, 2, 1]), None)
        };
        let zones = vec![zone("copy.", "secondary"), zone("example.", "primary")];
        Manifest { generation: 1, zones }.write(scratch.path()).unwrap();
        let (listener, datagrams, server) = bound_both();
        let encrypted = bound(Type::STREAM, ([127, 0, 0, 1], 0).into());
        let tls = encrypted.local_addr().unwrap().as_socket().unwrap();
        let packets = bound(Type::DGRAM, ([127, 0, 0, 1], 0).into());
        let quic = packets.local_addr().unwrap().as_socket().unwrap();
        let named = |fd: socket2::Socket, protocol| InheritedSocket {
            name: "test".to_owned(),
            fd: fd.into(),
            protocol,
            proxied: false,
        };
        let sockets = [
            named(listener, Protocol::Plain),
            named(datagrams, Protocol::Plain),
            named(encrypted, Protocol::Tls),
            named(packets, Protocol::Quic),
        ];
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(vec!["dns.example".to_owned()]).unwrap();
        std::fs::write(scratch.path().join("certificate.pem"), cert.pem()).unwrap();
        std::fs::write(scratch.path().join("key.pem"), signing_key.serialize_pem()).unwrap();
        let settings: AuthSettings = serde_json::from_value(settings).unwrap();
        let directories = [(); 3].map(|()| scratch.path().to_owned());
        let [images, doors, secrets] = directories;
        let keys = secrets.join("keys");
        let places = Places { expiries: images.join("EXPIRIES"), images, doors, tls: secrets, keys };
        let cookies = CookieFile::new(&scratch.path().join("cookie-secrets")).unwrap();
        let instance = Instance::start(1, &places, cookies, sockets.into(), &settings).unwrap();
        Self { instance, server, tls, quic, trusted: cert.der().clone(), scratch }
    }

    fn door(&self, name: &str) -> UnixListener {
        UnixListener::bind(self.scratch.path().join(name)).unwrap()
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.server).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// A session over TLS in which the client names these protocols.
    fn encrypted(&self, alpn: &[&str]) -> StreamOwned<ClientConnection, TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(self.trusted.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        let name = ServerName::try_from("dns.example").unwrap();
        let stream = TcpStream::connect(self.tls).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), stream)
    }

    fn counts<const N: usize>(&self, names: [&str; N]) -> [u64; N] {
        let counters = self.instance.counters();
        names.map(|name| counters.iter().find(|(counter, _)| counter.name == name).unwrap().1)
    }
}

fn framed(message: &[u8]) -> Vec<u8> {
    [&u16::try_from(message.len()).unwrap().to_be_bytes(), message].concat()
}

fn receive(stream: &mut impl Read) -> Vec<u8> {
    let mut prefix = [0; 2];
    stream.read_exact(&mut prefix).expect("an answer");
    let mut message = vec![0; usize::from(u16::from_be_bytes(prefix))];
    stream.read_exact(&mut message).expect("all of it");
    message
}

fn ask(stream: &mut (impl Read + Write), query: &[u8]) -> Vec<u8> {
    stream.write_all(&framed(query)).unwrap();
    receive(stream)
}

fn ask_by_datagram(client: &UdpSocket, server: SocketAddr, query: &[u8]) -> Vec<u8> {
    client.send_to(query, server).unwrap();
    let mut message = vec![0; 4096];
    let length = client.recv(&mut message).expect("an answer");
    message.truncate(length);
    message
}

fn rcode(message: &[u8]) -> u8 {
    message[3] & 15
}

fn notify(number: u16, origin: &str) -> Vec<u8> {
    let mut message = question(number, origin, SOA);
    message[2] = 0x24;
    message
}

/// The next request behind a door, and the way back.
fn take(door: &UnixListener) -> (UnixStream, Request) {
    let (stream, _) = door.accept().unwrap();
    stream.set_nonblocking(true).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut stream = tokio::net::UnixStream::from_std(stream).unwrap();
        let request = tenon_handover::receive(&mut stream).await.unwrap();
        let stream = stream.into_std().unwrap();
        stream.set_nonblocking(false).unwrap();
        (stream, request)
    })
}

#[test]
fn a_transfer_is_answered_by_the_service_behind_the_door() {
    let house = House::new(json!({}));
    let door = house.door("xfrout.socket");
    let mut client = house.connect();
    for (number, (name, qtype)) in [("example.", AXFR), ("copy.", IXFR)].into_iter().enumerate() {
        let query = question(77, name, qtype);
        client.write_all(&framed(&query)).unwrap();
        let (mut taker, request) = take(&door);
        assert_eq!((request.kind, request.transport), (Kind::Transfer, Transport::Tcp));
        assert_eq!((request.peer, request.local), (client.local_addr().unwrap(), house.server));
        assert_eq!(request.message, query);
        // Whatever the service says goes to the client as it is.
        let messages = [vec![1; 100], vec![2; 65_535], vec![3; 12]];
        let answer = messages.clone();
        let writing = std::thread::spawn(move || {
            for message in answer {
                taker.write_all(&framed(&message)).unwrap();
            }
            taker.write_all(&END).unwrap();
        });
        for message in messages {
            assert_eq!(receive(&mut client), message);
        }
        writing.join().unwrap();
        assert_eq!(rcode(&ask(&mut client, &question(78, "www.example.", 1))), NOERROR);
        let done = number as u64 + 1;
        until("it is counted", || house.counts(["handed_over", "tcp4_relayed"]) == [done; 2]);
    }
    assert_eq!(house.counts(["transfer_requests", "answers", "unavailable", "opcode_query"]), [2, 2, 0, 4]);
}

#[test]
fn without_the_service_a_transfer_fails_and_says_so() {
    let house = House::new(json!({}));
    let mut client = house.connect();
    assert_eq!(rcode(&ask(&mut client, &question(1, "example.", AXFR))), SERVFAIL);
    assert_eq!(house.counts(["handed_over", "unavailable", "tcp4_relaynobody", "rcode_servfail"]), [1; 4]);

    let door = house.door("xfrout.socket");
    client.write_all(&framed(&question(2, "example.", AXFR))).unwrap();
    drop(take(&door));
    let reply = receive(&mut client);
    assert_eq!((reply[1], rcode(&reply)), (2, SERVFAIL), "the service ended without a word");
    assert_eq!(
        house.counts(["handed_over", "unavailable", "tcp4_relaybroken", "rcode_servfail"]),
        [2, 2, 1, 2]
    );
    assert_eq!(rcode(&ask(&mut client, &question(3, "www.example.", 1))), NOERROR);
}

#[test]
fn a_transfer_that_breaks_off_costs_the_connection() {
    let house = House::new(json!({}));
    let door = house.door("xfrout.socket");
    let mut client = house.connect();
    client.write_all(&framed(&question(1, "example.", AXFR))).unwrap();
    let (mut taker, _) = take(&door);
    taker.write_all(&framed(&[1; 100])).unwrap();
    assert_eq!(receive(&mut client), [1; 100]);
    drop(taker);
    assert_eq!(client.read(&mut [0; 1]).unwrap(), 0);
    until("it is counted", || house.counts(["tcp4_relaycut", "unavailable"]) == [1, 0]);
}

#[test]
fn over_tls_zones_go_to_who_agreed_on_dns() {
    let house = House::new(json!({}));
    let door = house.door("xfrout.socket");
    let mut unnamed = house.encrypted(&[]);
    assert_eq!(rcode(&ask(&mut unnamed, &question(1, "example.", AXFR))), REFUSED);
    assert_eq!(rcode(&ask(&mut unnamed, &question(2, "www.example.", 1))), NOERROR);
    let mut client = house.encrypted(&["dot"]);
    client.write_all(&framed(&question(3, "example.", AXFR))).unwrap();
    let (mut taker, request) = take(&door);
    assert_eq!((request.transport, request.local), (Transport::Tls, house.tls));
    let writing = std::thread::spawn(move || {
        for _ in 0..50 {
            taker.write_all(&framed(&[7; 60_000])).unwrap();
        }
        taker.write_all(&END).unwrap();
    });
    for _ in 0..50 {
        assert_eq!(receive(&mut client), [7; 60_000]);
    }
    writing.join().unwrap();
    assert_eq!(rcode(&ask(&mut client, &question(4, "www.example.", 1))), NOERROR);
}

#[tokio::test(flavor = "current_thread")]
async fn over_quic_zones_are_transferred_on_one_stream() {
    let house = House::new(json!({}));
    let door = house.door("xfrout.socket");
    let mut roots = RootCertStore::empty();
    roots.add(house.trusted.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder.with_protocol_versions(&[&rustls::version::TLS13]).unwrap();
    let mut tls = builder.with_root_certificates(roots).with_no_client_auth();
    tls.alpn_protocols = vec![b"doq".to_vec()];
    let tls = quinn::crypto::rustls::QuicClientConfig::try_from(tls).unwrap();
    let endpoint = quinn::Endpoint::client(([127, 0, 0, 1], 0).into()).unwrap();
    let config = quinn::ClientConfig::new(Arc::new(tls));
    let connection = endpoint.connect_with(config, house.quic, "dns.example").unwrap().await.unwrap();
    let begin = async || {
        let (mut send, receive) = connection.open_bi().await.unwrap();
        send.write_all(&framed(&question(0, "example.", AXFR))).await.unwrap();
        send.finish().unwrap();
        receive
    };
    let mut receive = begin().await;
    let taking = std::thread::spawn(move || {
        let (mut taker, request) = take(&door);
        for _ in 0..50 {
            taker.write_all(&framed(&[7; 60_000])).unwrap();
        }
        taker.write_all(&END).unwrap();
        // The next one breaks off in the middle.
        let (mut taker, _) = take(&door);
        taker.write_all(&framed(&[1; 100])).unwrap();
        request
    });
    let whole = receive.read_to_end(4_000_000).await.unwrap();
    assert!(whole == framed(&[7; 60_000]).repeat(50), "{} octets", whole.len());
    let broken = begin().await.read_to_end(1000).await.unwrap_err();
    assert!(broken.to_string().contains("reset"), "{broken}");
    let request = taking.join().unwrap();
    assert_eq!((request.transport, request.local), (Transport::Quic, house.quic));
    until("both are counted", || house.counts(["quic4_relayed", "quic4_relaycut"]) == [1, 1]);
}

#[test]
fn limits_of_transfers_are_settings() {
    let house = House::new(json!({"hand_overs_per_worker": 0}));
    let _door = house.door("xfrout.socket");
    assert_eq!(rcode(&ask(&mut house.connect(), &question(1, "example.", AXFR))), SERVFAIL);
    assert_eq!(house.counts(["tcp4_relayfull", "unavailable"]), [1; 2]);
    let settings = serde_json::from_value(json!({"hand_overs_per_worker": 9, "hand_over_timeout_ms": 1000}));
    house.instance.apply(2, &settings.unwrap()).unwrap();
    // Now it is handed over, and nobody answers.
    assert_eq!(rcode(&ask(&mut house.connect(), &question(1, "example.", AXFR))), SERVFAIL);
    assert_eq!(house.counts(["tcp4_relaytimeout", "unavailable"]), [1, 2]);
}

#[test]
fn what_auth_can_say_of_transfers_it_says() {
    let house = House::new(json!({}));
    let _door = house.door("xfrout.socket");
    let client = client();
    let datagram = |name, qtype| ask_by_datagram(&client, house.server, &question(5, name, qtype));
    let soa = datagram("example.", IXFR);
    assert_eq!((rcode(&soa), soa[2] & 4, soa[7]), (NOERROR, 4, 1), "the SOA alone (RFC 1995 section 2)");
    assert_eq!(rcode(&datagram("example.", AXFR)), NOTIMP);
    assert_eq!(rcode(&datagram("elsewhere.", IXFR)), NOTAUTH);
    assert_eq!(rcode(&ask(&mut house.connect(), &question(6, "www.example.", AXFR))), NOTAUTH);
    assert_eq!(house.counts(["handed_over", "transfer_requests", "rcode_notauth"]), [0, 4, 2]);
}

#[test]
fn a_notice_is_queued_and_then_answered() {
    let house = House::new(json!({}));
    let door = house.door("zonemgr.socket");
    let (client, mut stream) = (client(), house.connect());
    let reply = ask_by_datagram(&client, house.server, &notify(9, "COPY."));
    assert_eq!((reply[1], reply[2], rcode(&reply)), (9, 0xa4, NOERROR), "QR, NOTIFY, AA");
    assert_eq!(rcode(&ask(&mut stream, &notify(10, "copy."))), NOERROR);
    // Both wait behind the door, although nobody was there.
    for (number, transport) in [(9, Transport::Udp), (10, Transport::Tcp)] {
        let (_, request) = take(&door);
        assert_eq!((request.kind, request.transport), (Kind::Notify, transport));
        assert_eq!(request.message, notify(number, if number == 9 { "COPY." } else { "copy." }));
        let peer = if number == 9 { client.local_addr() } else { stream.local_addr() };
        assert_eq!((request.peer.port(), request.local), (peer.unwrap().port(), house.server));
    }
    for name in ["example.", "elsewhere.", "www.copy."] {
        assert_eq!(rcode(&ask_by_datagram(&client, house.server, &notify(11, name))), NOTAUTH, "{name}");
    }
    assert_eq!(house.counts(["notify_queued", "notify_lost", "opcode_notify"]), [2, 0, 5]);
}

#[test]
fn a_notice_that_nobody_takes_gets_no_answer() {
    let house = House::new(json!({}));
    let client = client();
    client.send_to(&notify(1, "copy."), house.server).unwrap();
    until("it is counted", || house.counts(["notify_lost", "dropped"]) == [1, 1]);
    // The next answer is that to the next question.
    assert_eq!(ask_by_datagram(&client, house.server, &question(2, "www.example.", 1))[1], 2);
    let mut stream = house.connect();
    stream.write_all(&framed(&notify(3, "copy."))).unwrap();
    assert_eq!(ask(&mut stream, &question(4, "www.example.", 1))[1], 4);
    assert_eq!(house.counts(["notify_lost", "notify_queued"]), [2, 0]);
}

#[test]
fn more_notices_than_a_second_has_get_no_answer() {
    let house = House::new(json!({"notices_per_second": 2}));
    let _door = house.door("zonemgr.socket");
    let client = client();
    until("some are left out", || {
        for number in 0..20 {
            client.send_to(&notify(number, "copy."), house.server).unwrap();
        }
        house.counts(["notify_limited"])[0] > 0
    });
    assert!(house.counts(["notify_queued"])[0] >= 2);
    client.send_to(&question(99, "www.example.", 1), house.server).unwrap();
    let mut reply = [0; 512];
    while client.recv(&mut reply).unwrap() == 0 || reply[1] != 99 {}
}

#[test]
fn who_may_send_notices_is_a_setting() {
    let rules = |action: &str| json!({"notify_acl": [{"action": action, "from": "127.0.0.1"}]});
    let house = House::new(rules("REJECT"));
    let door = house.door("zonemgr.socket");
    let client = client();
    let refused = ask_by_datagram(&client, house.server, &notify(1, "copy."));
    assert_eq!((refused[2], rcode(&refused)), (0xa0, REFUSED), "without AA");
    assert_eq!(house.counts(["notify_refused", "rcode_refused", "authoritative"]), [1, 1, 0]);

    let apply = |settings| house.instance.apply(2, &serde_json::from_value(settings).unwrap()).unwrap();
    apply(rules("DROP"));
    until("notices are dropped", || {
        client.send_to(&notify(2, "copy."), house.server).unwrap();
        let dropped = house.counts(["dropped"])[0] > 0;
        client.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        while client.recv(&mut [0; 512]).is_ok() {}
        dropped
    });
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    apply(rules("ACCEPT"));
    until("notices are taken", || {
        client.send_to(&notify(3, "copy."), house.server).unwrap();
        house.counts(["notify_queued"])[0] > 0
    });
    take(&door);
}

fn update(number: u16, zone: &str) -> Vec<u8> {
    let mut message = question(number, zone, SOA);
    message[2] = 0x28;
    message
}

#[test]
fn an_update_is_answered_by_the_service_behind_the_door() {
    let house = House::new(json!({}));
    let door = house.door("ddns.socket");
    let (client, mut stream) = (client(), house.connect());
    let answer = |number: u8| [&[0, number, 0xa8, 0][..], &[number; 30]].concat();
    client.send_to(&update(1, "example."), house.server).unwrap();
    let (mut taker, request) = take(&door);
    assert_eq!((request.kind, request.transport), (Kind::Update, Transport::Udp));
    assert_eq!((request.peer.port(), request.local), (client.local_addr().unwrap().port(), house.server));
    assert_eq!(request.message, update(1, "example."));
    // Queries on the same socket do not wait for it.
    assert_eq!(ask_by_datagram(&client, house.server, &question(2, "www.example.", 1))[1], 2);
    taker.write_all(&[framed(&answer(7)), END.to_vec()].concat()).unwrap();
    let mut reply = [0; 512];
    let (length, from) = client.recv_from(&mut reply).expect("an answer");
    assert_eq!((&reply[..length], from), (&answer(7)[..], house.server));

    stream.write_all(&framed(&update(3, "example."))).unwrap();
    let (mut taker, request) = take(&door);
    assert_eq!((request.kind, request.transport), (Kind::Update, Transport::Tcp));
    taker.write_all(&[framed(&answer(8)), END.to_vec()].concat()).unwrap();
    assert_eq!(receive(&mut stream), answer(8));
    until("both are counted", || {
        house.counts(["handed_over", "udp4_relayed", "tcp4_relayed", "opcode_update"]) == [2, 1, 1, 2]
    });
}

#[test]
fn without_the_service_an_update_fails_and_says_so() {
    let house = House::new(json!({}));
    let client = client();
    let ask = |number| ask_by_datagram(&client, house.server, &update(number, "example."));
    assert_eq!((ask(1)[1], rcode(&ask(1))), (1, SERVFAIL));
    until("it is counted", || house.counts(["udp4_relaynobody", "unavailable"]) == [2, 2]);

    let door = house.door("ddns.socket");
    client.send_to(&update(2, "example."), house.server).unwrap();
    drop(take(&door));
    let mut reply = [0; 512];
    client.recv(&mut reply).unwrap();
    assert_eq!((reply[1], rcode(&reply)), (2, SERVFAIL), "the service ended without a word");
    // What a service sends that is no answer for a datagram is not passed on.
    client.send_to(&update(3, "example."), house.server).unwrap();
    let (mut taker, _) = take(&door);
    taker.write_all(&framed(&[1; 5000])).unwrap();
    client.recv(&mut reply).unwrap();
    assert_eq!((reply[1], rcode(&reply)), (3, SERVFAIL));
    until("it is counted", || house.counts(["udp4_relaybroken", "udp4_relaying"]) == [2, 0]);
    assert_eq!(rcode(&ask_by_datagram(&client, house.server, &update(4, "copy."))), NOTIMP);
    assert_eq!(rcode(&ask_by_datagram(&client, house.server, &update(5, "elsewhere."))), NOTAUTH);
}

#[test]
fn updates_that_are_not_to_be_answered_are_not_and_their_number_is_bounded() {
    let house = House::new(json!({"hand_overs_of_datagrams": 1, "hand_over_timeout_ms": 3_600_000}));
    let door = house.door("ddns.socket");
    let client = client();
    client.send_to(&update(1, "example."), house.server).unwrap();
    let (mut first, _) = take(&door);
    until("a second one finds no place", || {
        // Workers have a bound each: sooner or later one has two.
        client.send_to(&update(2, "example."), house.server).unwrap();
        house.counts(["udp4_relayfull"])[0] > 0
    });
    first.write_all(&END).unwrap();
    until("the first is done with", || house.counts(["udp4_relayed"])[0] == 1);
    let mut reply = [0; 512];
    client.recv(&mut reply).unwrap();
    assert_eq!((reply[1], rcode(&reply)), (2, SERVFAIL), "to the first there was no answer");
}
