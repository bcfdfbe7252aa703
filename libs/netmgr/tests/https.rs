//! DNS over HTTPS: what is answered and how, many at a time, and clients that are slow, wrong or hostile.
// In a test a failed expectation is the failure.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use common::https::{Client, agree, eventually, get, post, together};
use common::tls::{BOTH, certificate, client, identity, serve_with, session};
use common::{ECHO, LONG, MUTE, WHERE, bound, closed, connect, counter, message, settings, until};
use data_encoding::BASE64URL_NOPAD;
use h2::Reason;
use http::{Method, Request};
use rustls::pki_types::CertificateDer;
use socket2::Type;
use tenon_netmgr::{InheritedSocket, Network, Protocol, Settings};
use tokio::io::AsyncWriteExt as _;

const SOON: Duration = Duration::from_millis(300);

fn serve(settings: &Settings) -> (Network, SocketAddr, CertificateDer<'static>) {
    serve_with(Protocol::Https, settings)
}

#[tokio::test(flavor = "current_thread")]
async fn both_methods_are_answered_and_told_how_long_it_holds() {
    let (network, server, trusted) = serve(&settings(1));
    let mut client = Client::connect(server, &trusted).await;
    let question = message(ECHO, 0, 40);
    for request in [get(&question), post(&question)] {
        let reply = client.ask(request).await.unwrap();
        assert_eq!((reply.status, &reply.content[..]), (200, &question[..]));
        assert_eq!(reply.header("content-type"), "application/dns-message");
        assert_eq!(reply.header("content-length"), "40");
        assert_eq!(reply.header("cache-control"), "max-age=165");
    }
    let (mut head, content) = get(&question);
    *head.method_mut() = Method::HEAD;
    let reply = client.ask((head, content)).await.unwrap();
    assert_eq!((reply.status, reply.content.len()), (200, 0));
    let reply = client.ask(post(&message(WHERE, 7, 12))).await.unwrap();
    assert!(String::from_utf8_lossy(&reply.content[12..]).ends_with(&server.to_string()));
    assert_eq!((counter(&network, "https4_received"), counter(&network, "https4_sent")), (4, 4));
    assert_eq!(counter(&network, "tcp4_active"), 1);
}

#[tokio::test(flavor = "current_thread")]
async fn what_cannot_be_answered_is_told_why() {
    let (network, server, trusted) = serve(&Settings { https_body_octets: 512, ..settings(1) });
    let mut client = Client::connect(server, &trusted).await;
    let mut status = async |method: &str, path: &str, kind: &str, content: &[u8]| {
        let request = Request::builder().method(method).uri(format!("https://dns.example{path}"));
        let request = request.header("content-type", kind).body(()).unwrap();
        let reply = client.ask((request, Some(Bytes::copy_from_slice(content)))).await.unwrap();
        (reply.status, reply.content.len(), reply.header("allow").to_owned())
    };
    let dns = "application/dns-message";
    let mute = BASE64URL_NOPAD.encode(&message(MUTE, 1, 12));
    let question = message(ECHO, 1, 12);
    for (method, path, kind, content, expected) in [
        ("POST", "/other", dns, &question[..], 404),
        ("POST", "/dns-query/more", dns, &question, 404),
        ("PUT", "/dns-query", dns, &question, 405),
        ("POST", "/dns-query", "text/plain", &question, 415),
        ("POST", "/dns-query", dns, &[0; 513], 413),
        ("POST", "/dns-query", dns, &[0; 11], 400),
        ("POST", "/dns-query", dns, &[], 400),
        ("GET", "/dns-query", dns, &[], 400),
        ("GET", "/dns-query?dns=%41", dns, &[], 400),
        ("GET", &format!("/dns-query?dns={mute}"), dns, &[], 400),
        ("POST", "/dns-query?dns=ignored", dns, &question, 200),
    ] {
        let (told, octets, allowed) = status(method, path, kind, content).await;
        assert_eq!((told, octets > 0), (expected, expected == 200), "{method} {path}");
        assert_eq!(!allowed.is_empty(), expected == 405);
    }
    for (name, count) in
        [("notfound", 2), ("badmethod", 1), ("badtype", 1), ("toolarge", 1), ("badrequest", 5)]
    {
        assert_eq!(counter(&network, &format!("https4_{name}")), count, "{name}");
    }
    network.apply(&Settings { https_path: "/elsewhere".to_owned(), ..settings(1) });
    assert_eq!(status("POST", "/elsewhere", dns, &question).await.0, 200);
    assert_eq!(status("POST", "/dns-query", dns, &question).await.0, 404);
}

#[tokio::test(flavor = "current_thread")]
async fn many_are_answered_at_a_time_and_long_ones_arrive_whole() {
    let (_network, server, trusted) = serve(&settings(2));
    let client = Client::connect(server, &trusted).await.requests();
    let replies = together(100, |number| {
        let mut client = client.clone();
        let (number, action) = (u16::try_from(number).unwrap(), if number % 10 == 0 { LONG } else { ECHO });
        async move { client.ask(post(&message(action, number, 300))).await.unwrap() }
    });
    for (number, reply) in (0_u16..).zip(replies.await) {
        assert_eq!(reply.status, 200);
        assert_eq!(reply.content[..2], number.to_be_bytes());
        assert_eq!(reply.content.len(), if number % 10 == 0 { 60_000 } else { 300 });
    }
}

#[tokio::test(flavor = "current_thread")]
async fn it_may_come_octet_by_octet_and_behind_a_proxy() {
    let (fd, server) = bound(Type::STREAM, "127.0.0.1:0");
    let own = certificate();
    let socket = InheritedSocket { name: "test".to_owned(), fd, protocol: Protocol::Https, proxied: true };
    let handler = |_| common::Obedient::default();
    let _network = Network::start(vec![socket], &settings(1), Some(identity(&own)), handler).unwrap();
    let mut stream = tokio::net::TcpStream::connect(server).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x02\x12\x34\x01\xbb";
    stream.write_all(header).await.unwrap();
    let mut client = Client::over(common::https::Dribble(stream), own.cert.der()).await;
    let reply = client.ask(post(&message(WHERE, 1, 12))).await.unwrap();
    assert_eq!(&reply.content[12..], b"192.0.2.1:4660 198.51.100.2:443");
}

#[test]
fn only_who_speaks_http_2_is_heard() {
    let (network, server, trusted) = serve(&Settings { tcp_initial_timeout: SOON, ..settings(1) });
    for protocol in ["dot", "http/1.1"] {
        assert!(session(&client(&trusted, BOTH, &[protocol]), server).is_err(), "{protocol}");
    }
    until("both are counted", || counter(&network, "tcp4_tlsfail") == 2);
    // Nothing, half of the beginning, and something else.
    let config = client(&trusted, BOTH, &["h2"]);
    let mut silent = session(&config, server).unwrap();
    let mut half = session(&config, server).unwrap();
    half.write_all(b"PRI * HTTP/2.0\r\n").unwrap();
    let mut other = session(&config, server).unwrap();
    other.write_all(b"GET /dns-query?dns=AAAA HTTP/1.1\r\nHost: dns.example\r\n\r\n").unwrap();
    for stream in [&mut silent, &mut half, &mut other] {
        let mut said = Vec::new();
        // The server's settings perhaps, and the end, in whatever way.
        let _ = stream.read_to_end(&mut said);
        assert!(said.len() < 200, "{}", said.len());
    }
    until("all are counted", || {
        counter(&network, "https4_protocolerror") + counter(&network, "tcp4_initialtimeout") == 3
    });
    assert!(closed(&mut connect(server)), "who does not come to a session");
    until("all have gone", || {
        counter(&network, "tcp4_open") == counter(&network, "tcp4_close") + network.workers() as u64
    });
}

#[tokio::test(flavor = "current_thread")]
async fn who_is_slow_is_parted_with_and_others_are_served() {
    let (network, server, trusted) = serve(&Settings { tcp_initial_timeout: SOON, ..settings(1) });
    // A head without an end, in frames that go on and on, and a message that does not become whole.
    let mut head = agree(server, &trusted).await;
    head.begin_with(&[0, 0, 1, 1, 0, 0, 0, 0, 1, 0x82]).await;
    let mut content = Client::connect(server, &trusted).await;
    let (request, _) = post(&message(ECHO, 1, 100));
    let (_reply, mut sending) = content.begin_sending(request).await;
    sending.send_data(Bytes::from_static(b"a few octets"), false).unwrap();
    head.until_end().await;
    content.until_end().await;
    eventually("both are counted", || counter(&network, "tcp4_initialtimeout") == 2).await;
    // Idle ones, after an answer.
    network.apply(&Settings { tcp_idle_timeout: SOON, ..settings(1) });
    let mut idle = Client::connect(server, &trusted).await;
    assert_eq!(idle.ask(post(&message(ECHO, 1, 100))).await.unwrap().status, 200);
    assert_eq!(idle.until_end().await, Some(Reason::NO_ERROR));
    eventually("it is counted", || counter(&network, "tcp4_idletimeout") == 1).await;
    eventually("all have gone", || counter(&network, "tcp4_active") == 0).await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_reader_who_never_reads_is_parted_with() {
    let (network, server, trusted) = serve(&Settings { tcp_write_timeout: SOON, ..settings(1) });
    // One gives no room in HTTP/2, the other none in TCP.
    let mut narrow = Client::narrow(server, &trusted).await;
    let _never = narrow.begin(post(&message(LONG, 1, 12))).await.unwrap();
    narrow.until_end().await;
    eventually("parted with", || counter(&network, "tcp4_writetimeout") == 1).await;
    let mut deaf = agree(server, &trusted).await;
    deaf.begin_with(&common::https::wide_open()).await;
    for number in 0..90 {
        deaf.send(&common::https::raw_get(1 + 2 * number, &message(LONG, 1, 12))).await;
    }
    eventually("parted with", || counter(&network, "tcp4_writetimeout") == 2).await;
    eventually("gone", || counter(&network, "tcp4_active") == 0).await;
}

#[tokio::test(flavor = "current_thread")]
async fn whoever_sends_much_that_leads_to_nothing_is_parted_with() {
    let (network, server, trusted) = serve(&settings(1));
    // Requests taken back at once, in one piece and one by one.
    let mut rapid = agree(server, &trusted).await;
    rapid.begin_with(&[]).await;
    let mut all = Vec::new();
    for number in 0..2000 {
        all.extend(common::https::raw_post(1 + 2 * number));
        all.extend(common::https::raw_reset(1 + 2 * number));
    }
    rapid.send(&all).await;
    assert_eq!(rapid.until_end().await, Some(Reason::ENHANCE_YOUR_CALM));
    eventually("counted", || counter(&network, "https4_flood") == 1).await;

    let mut patient = Client::connect(server, &trusted).await;
    let mut wrong = 0;
    while patient.ask(elsewhere()).await.is_ok() {
        wrong += 1;
        assert!(wrong < 100, "parted with before");
    }
    assert!((40..=51).contains(&wrong), "{wrong}");
    eventually("counted", || counter(&network, "https4_flood") == 2).await;

    // Heads without end.
    let mut endless = agree(server, &trusted).await;
    endless.begin_with(&[0, 0, 1, 1, 0, 0, 0, 0, 1, 0x82]).await;
    let more = [&[0, 0x3f, 0xff, 9, 0, 0, 0, 0, 1][..], &[0x82; 0x3fff]].concat();
    let begun = Instant::now();
    while endless.try_send(&more).await {
        assert!(begun.elapsed() < common::NEVER, "it takes it all");
    }
    eventually("gone", || counter(&network, "tcp4_active") == 0).await;
    let mut other = Client::connect(server, &trusted).await;
    assert_eq!(other.ask(post(&message(ECHO, 1, 100))).await.unwrap().status, 200);
}

fn elsewhere() -> (Request<()>, Option<Bytes>) {
    (Request::get("https://dns.example/favicon.ico").body(()).unwrap(), None)
}

#[tokio::test(flavor = "current_thread")]
async fn a_long_head_is_refused_and_the_connection_goes_on() {
    let (_network, server, trusted) = serve(&settings(1));
    let mut client = Client::connect(server, &trusted).await;
    let (mut head, content) = post(&message(ECHO, 1, 100));
    head.headers_mut().insert("x-long", "x".repeat(17_000).try_into().unwrap());
    assert_eq!(client.ask((head, content)).await.unwrap().status, 431);
    assert_eq!(client.ask(post(&message(ECHO, 1, 100))).await.unwrap().status, 200);
}

#[tokio::test(flavor = "current_thread")]
async fn a_stop_answers_what_was_read_and_tells_the_end() {
    let (network, server, trusted) = serve(&Settings { stop_grace: Duration::from_secs(60), ..settings(1) });
    let mut client = Client::connect(server, &trusted).await;
    assert_eq!(client.ask(post(&message(ECHO, 1, 100))).await.unwrap().status, 200);
    let begun = Instant::now();
    tokio::task::spawn_blocking(move || network.stop()).await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(30), "nobody was to be waited for");
    assert_eq!(client.until_end().await, Some(Reason::NO_ERROR));
}
