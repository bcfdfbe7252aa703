//! DNS over QUIC: what is answered, many at a time, and clients that are slow, wrong or hostile.
// In a test a failed expectation is the failure.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::future::Future as _;
use std::net::{SocketAddr, UdpSocket};
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use common::https::{eventually, together};
use common::quic::{ask, closed, config, connect, connect_with, exchange};
use common::tls::{certificate, identity, serve_with, start_with};
use common::{ECHO, KEEP, LONG, MUTE, WHERE, bound, counter, framed, message, settings};
use rustls::pki_types::CertificateDer;
use socket2::Type;
use tenon_netmgr::{InheritedSocket, Network, Protocol, Settings};

const SOON: Duration = Duration::from_millis(300);

fn serve(settings: &Settings) -> (Network, SocketAddr, CertificateDer<'static>) {
    serve_with(Protocol::Quic, settings)
}

#[tokio::test(flavor = "current_thread")]
async fn each_message_has_a_stream() {
    let (network, server, trusted) = serve(&settings(1));
    let (_endpoint, connection) = connect(server, &trusted).await;
    let reply = ask(&connection, &message(WHERE, 0, 12)).await.unwrap();
    let text = String::from_utf8_lossy(&reply[12..]).into_owned();
    assert!(text.starts_with("127.0.0.1:") && text.ends_with(&server.to_string()), "{text}");
    let replies = together(100, |number| {
        let (connection, action) = (connection.clone(), if number % 10 == 0 { LONG } else { ECHO });
        async move { ask(&connection, &message(action, 0, 300)).await.unwrap().len() }
    });
    for (number, length) in replies.await.into_iter().enumerate() {
        assert_eq!(length, if number % 10 == 0 { 60_000 } else { 300 });
    }
    let of = |name: &str| counter(&network, &format!("quic4_{name}"));
    assert_eq!([of("handshake"), of("received"), of("sent"), of("active")], [1, 101, 101, 1]);
    connection.close(0_u32.into(), b"");
    eventually("it has gone", || of("active") == 0 && of("close") == 1).await;
}

#[tokio::test(flavor = "current_thread")]
async fn who_breaks_the_rules_is_told_so() {
    let (network, server, trusted) = serve(&settings(1));
    let question = message(ECHO, 0, 20);
    let two = [framed(&question), framed(&question)].concat();
    for (wrong, octets) in [
        ("a number", framed(&message(ECHO, 1, 20))),
        ("no message", Vec::new()),
        ("half a length", vec![0]),
        ("half a message", framed(&question)[..10].to_vec()),
        ("less than a header", framed(&question[..11])),
        ("two messages", two),
        ("a keepalive", framed(&message(KEEP, 0, 20))),
        ("no end of it", vec![0; 70_000]),
    ] {
        let (_endpoint, connection) = connect(server, &trusted).await;
        assert_eq!(exchange(&connection, &octets).await, None, "{wrong}");
        assert_eq!(closed(&connection).await, 2_u32.into(), "{wrong}");
    }
    let (_endpoint, connection) = connect(server, &trusted).await;
    assert_eq!(ask(&connection, &message(MUTE, 0, 20)).await, None, "nothing is said to that");
    assert!(ask(&connection, &question).await.is_some(), "and the connection goes on");
    // What the server allows it has told long since: no streams of one direction.
    assert!(pin!(connection.open_uni()).poll(&mut Context::from_waker(Waker::noop())).is_pending());
    eventually("counted", || counter(&network, "quic4_protocolerror") == 8).await;
}

#[tokio::test(flavor = "current_thread")]
async fn only_who_speaks_dns_and_trusts_the_certificate_gets_a_session() {
    let (network, server, trusted) = serve(&settings(1));
    for wrong in [&["h3"][..], &[]] {
        assert!(connect_with(server, config(&trusted, wrong, None)).await.is_err(), "{wrong:?}");
    }
    eventually("both are counted", || {
        counter(&network, "quic4_acceptfail") + counter(&network, "quic4_handshakefail") == 2
    })
    .await;
    let other = certificate();
    assert!(connect_with(server, config(other.cert.der(), &["doq"], None)).await.is_err());
    connect(server, &trusted).await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_certificate_comes_later_and_is_replaced() {
    let (network, server) = start_with(Protocol::Quic, &settings(2), None);
    let (one, two) = (certificate(), certificate());
    network.set_identity(identity(&one));
    let (_endpoint, first) = connect(server, one.cert.der()).await;
    assert!(ask(&first, &message(ECHO, 0, 20)).await.is_some());
    network.set_identity(identity(&two));
    let begun = Instant::now();
    while connect_with(server, config(two.cert.der(), &["doq"], None)).await.is_err() {
        assert!(begun.elapsed() < common::NEVER, "the new one is never shown");
    }
    assert!(ask(&first, &message(ECHO, 0, 20)).await.is_some(), "connections go on");
}

#[tokio::test(flavor = "current_thread")]
async fn who_may_be_forged_proves_his_address_first() {
    let (network, server, trusted) = serve(&Settings { quic_unproven: 0, ..settings(1) });
    let (_endpoint, connection) = connect(server, &trusted).await;
    assert!(ask(&connection, &message(ECHO, 0, 20)).await.is_some());
    assert_eq!(counter(&network, "quic4_retry"), 1);
    network.apply(&settings(1));
    connect(server, &trusted).await;
    assert_eq!(counter(&network, "quic4_retry"), 1, "not before it is needed");
}

#[tokio::test(flavor = "current_thread")]
async fn connections_are_part_of_the_quota() {
    let (network, server, trusted) = serve(&Settings { tcp_clients: 2, ..settings(1) });
    let one = connect(server, &trusted).await;
    let _two = connect(server, &trusted).await;
    assert!(connect_with(server, config(&trusted, &["doq"], None)).await.is_err());
    assert_eq!(counter(&network, "quic4_quotafull"), 1);
    one.1.close(0_u32.into(), b"");
    eventually("there is room again", || counter(&network, "quic4_active") == 1).await;
    network.apply(&Settings { tcp_clients_per_network: 1, ..settings(1) });
    assert!(connect_with(server, config(&trusted, &["doq"], None)).await.is_err());
    assert_eq!(counter(&network, "quic4_networkfull"), 1);
}

#[tokio::test(flavor = "current_thread")]
async fn who_is_slow_is_parted_with() {
    let (network, server, trusted) = serve(&Settings { tcp_initial_timeout: SOON, ..settings(1) });
    let of = |name: &str| counter(&network, &format!("quic4_{name}"));
    // One asks nothing, one not to the end.
    let (_endpoint, mute) = connect(server, &trusted).await;
    let (_endpoint, slow) = connect(server, &trusted).await;
    let (mut send, _receive) = slow.open_bi().await.unwrap();
    send.write_all(&[0, 12, 0]).await.unwrap();
    for connection in [&mute, &slow] {
        assert_eq!(closed(connection).await, 0_u32.into());
    }
    eventually("both are counted", || of("initialtimeout") == 2).await;
    // One goes on octet by octet; others are served meanwhile.
    let (_endpoint, dribbling) = connect(server, &trusted).await;
    let (mut send, _receive) = dribbling.open_bi().await.unwrap();
    let mut octets = 0;
    while send.write_all(&[0xff]).await.is_ok() {
        let (_endpoint, other) = connect(server, &trusted).await;
        assert!(ask(&other, &message(ECHO, 0, 20)).await.is_some());
        octets += 1;
        assert!(octets < 10_000, "it takes it all");
    }
    assert!(octets > 0, "parted with at once");
    eventually("it is counted", || of("initialtimeout") == 3).await;
    // One opens a connection and says no more: the first packet of a client, once.
    half_open(server);
    eventually("it is counted", || of("handshaketimeout") == 1).await;

    network.apply(&Settings { tcp_idle_timeout: SOON, ..settings(1) });
    let (_endpoint, idle) = connect(server, &trusted).await;
    assert!(ask(&idle, &message(ECHO, 0, 20)).await.is_some());
    assert_eq!(closed(&idle).await, 0_u32.into());
    eventually("it is counted", || of("idletimeout") == 1).await;

    network.apply(&Settings { tcp_write_timeout: SOON, ..settings(1) });
    let (_endpoint, deaf) = connect(server, &trusted).await;
    let mut unread = Vec::new();
    for _ in 0..90 {
        let (mut send, receive) = deaf.open_bi().await.unwrap();
        send.write_all(&framed(&message(LONG, 0, 12))).await.unwrap();
        send.finish().unwrap();
        unread.push(receive);
    }
    closed(&deaf).await;
    eventually("it is counted", || of("writetimeout") == 1).await;
    eventually("all have gone", || of("active") == 0).await;
}

/// Passes on the first packet of a client and nothing else.
fn half_open(server: SocketAddr) {
    let between = UdpSocket::bind("127.0.0.1:0").unwrap();
    between.set_read_timeout(Some(common::NEVER)).unwrap();
    let address = between.local_addr().unwrap();
    let trusted = certificate().cert.der().clone();
    let (passed, until_passed) = tokio::sync::oneshot::channel();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                tokio::select! {
                    connected = connect_with(address, config(&trusted, &["doq"], None)) => drop(connected.unwrap_err()),
                    passed = until_passed => passed.unwrap(),
                }
            });
        });
        let mut room = [0; 2048];
        let (octets, _) = between.recv_from(&mut room).unwrap();
        between.send_to(&room[..octets], server).unwrap();
        passed.send(()).unwrap();
    });
}

#[tokio::test(flavor = "current_thread")]
async fn whoever_sends_much_that_leads_to_nothing_is_parted_with() {
    let (network, server, trusted) = serve(&settings(1));
    let (_endpoint, rapid) = connect(server, &trusted).await;
    let mut begun = 0;
    while let Ok((mut send, _receive)) = rapid.open_bi().await {
        // What was begun is taken back.
        let _ended = send.write_all(&[0]).await;
        let _ended = send.reset(3_u32.into());
        begun += 1;
        assert!(begun < 100_000, "parted with before");
    }
    assert_eq!(closed(&rapid).await, 4_u32.into());

    let (_endpoint, heavy) = connect(server, &trusted).await;
    let mut open = Vec::new();
    for _ in 0..20 {
        let Ok((mut send, receive)) = heavy.open_bi().await else { break };
        if send.write_all(&framed(&[0; 60_000])[..50_000]).await.is_err() {
            break;
        }
        open.push((send, receive));
    }
    assert_eq!(closed(&heavy).await, 4_u32.into());
    eventually("counted", || counter(&network, "quic4_flood") == 2).await;

    // Datagrams that are no QUIC, or not of this version.
    let noise = UdpSocket::bind("127.0.0.1:0").unwrap();
    for length in 0..1400 {
        noise.send_to(&vec![u8::try_from(length % 256).unwrap(); length], server).unwrap();
    }
    let (_endpoint, other) = connect(server, &trusted).await;
    assert!(ask(&other, &message(ECHO, 0, 20)).await.is_some());
}

#[tokio::test(flavor = "current_thread")]
async fn each_socket_has_one_worker_and_a_stop_tells_the_end() {
    let own = certificate();
    let (first, server) = bound(Type::DGRAM, "127.0.0.1:0");
    let (second, _) = bound(Type::DGRAM, &server.to_string());
    let socket =
        |fd| InheritedSocket { name: "test".to_owned(), fd, protocol: Protocol::Quic, proxied: false };
    let settings = Settings { stop_grace: Duration::from_secs(60), ..settings(3) };
    let handler = |_| common::Obedient::default();
    let network =
        Network::start(vec![socket(first), socket(second)], &settings, Some(identity(&own)), handler)
            .unwrap();
    assert_eq!(counter(&network, "quic4_open"), 2);
    let mut connections = Vec::new();
    for _ in 0..20 {
        connections.push(connect(server, own.cert.der()).await);
    }
    for (_, connection) in &connections {
        assert!(ask(connection, &message(ECHO, 0, 20)).await.is_some());
    }
    let begun = Instant::now();
    tokio::task::spawn_blocking(move || network.stop()).await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(30), "nobody was to be waited for");
    for (_, connection) in &connections {
        assert_eq!(closed(connection).await, 0_u32.into());
    }
}

#[test]
fn neither_streams_nor_proxies() {
    for (kind, proxied) in [(Type::STREAM, false), (Type::DGRAM, true)] {
        let (fd, _) = bound(kind, "127.0.0.1:0");
        let socket = InheritedSocket { name: "wrong".to_owned(), fd, protocol: Protocol::Quic, proxied };
        let handler = |_| common::Obedient::default();
        let error = Network::start(vec![socket], &settings(1), None, handler).unwrap_err();
        assert!(error.to_string().contains("wrong"), "{error}");
    }
}
