//! What an idle connection costs in the memory of the server, for each transport: served once, now waiting for more.
//!
//! One test alone in its process: the allocator counts what the worker's thread has.
// In a test a failed expectation is the failure.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(unsafe_code)]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, Ordering};

use common::https::{Client, eventually, post};
use common::quic;
use common::tls::{BOTH, certificate, client, identity, session};
use common::{ECHO, bound, connect, framed, message, receive, settings};
use rcgen::{CertifiedKey, KeyPair};
use rustls::pki_types::CertificateDer;
use socket2::Type;
use tenon_netmgr::{InheritedSocket, Network, Protocol, Settings};

struct Counting;

/// Octets that workers have allocated and not freed.
static LIVE: AtomicI64 = AtomicI64::new(0);

thread_local! {
    /// This thread is a worker.
    static IS_WORKER: Cell<bool> = const { Cell::new(false) };
}

fn count(octets: usize, sign: i64) {
    if IS_WORKER.try_with(Cell::get).unwrap_or(false) {
        LIVE.fetch_add(sign * i64::try_from(octets).unwrap_or(0), Ordering::Relaxed);
    }
}

// SAFETY: everything is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 1);
        // SAFETY: the caller's promises are those of the allocator behind.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(layout.size(), -1);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Connections of each kind.
const COUNT: usize = 100;

fn serve(protocol: Protocol, own: &CertifiedKey<KeyPair>) -> (Network, SocketAddr) {
    let kind = if protocol == Protocol::Quic { Type::DGRAM } else { Type::STREAM };
    let (fd, server) = bound(kind, "127.0.0.1:0");
    let socket = InheritedSocket { name: "test".to_owned(), fd, protocol, proxied: false };
    let many = Settings {
        tcp_clients: 1000,
        tcp_clients_per_network: 1000,
        tcp_idle_timeout: common::NEVER * 10,
        ..settings(1)
    };
    let handler = |_| {
        IS_WORKER.set(true);
        common::Obedient::default()
    };
    (Network::start(vec![socket], &many, Some(identity(own)), handler).unwrap(), server)
}

#[tokio::test(flavor = "current_thread")]
async fn an_idle_connection_costs_little() {
    let own = certificate();
    let trusted = own.cert.der();
    for (protocol, most) in [
        (Protocol::Plain, 2_000),
        (Protocol::Tls, 24_000),
        (Protocol::Https, 80_000),
        (Protocol::Quic, 80_000),
    ] {
        let (network, server) = serve(protocol, &own);
        // What the first of all needs is not counted, as tables and buffers that others use again.
        let first = open(protocol, server, trusted, 10).await;
        let begin = LIVE.load(Ordering::Relaxed);
        let idle = open(protocol, server, trusted, COUNT).await;
        // What has to be written is written, and freed, sooner or later.
        let each = || (LIVE.load(Ordering::Relaxed) - begin) / i64::try_from(COUNT).unwrap();
        eventually("they cost little", || each() < most).await;
        println!("an idle connection costs {} octets: {protocol:?}", each());
        drop((first, idle));
        tokio::task::spawn_blocking(move || network.stop()).await.unwrap();
    }
}

/// Whatever keeps connections open.
type Held = Vec<Box<dyn std::any::Any>>;

async fn open(
    protocol: Protocol,
    server: SocketAddr,
    trusted: &CertificateDer<'static>,
    count: usize,
) -> Held {
    let question = message(ECHO, 0, 40);
    let mut held: Held = Vec::with_capacity(count);
    let config = client(trusted, BOTH, &["dot"]);
    for _ in 0..count {
        held.push(match protocol {
            Protocol::Plain => {
                let mut stream = connect(server);
                stream.write_all(&framed(&question)).unwrap();
                assert_eq!(receive(&mut stream), question);
                Box::new(stream)
            }
            Protocol::Tls => {
                let mut stream = session(&config, server).unwrap();
                stream.write_all(&framed(&question)).unwrap();
                assert_eq!(receive(&mut stream), question);
                Box::new(stream)
            }
            Protocol::Https => {
                let mut client = Client::connect(server, trusted).await;
                assert_eq!(client.ask(post(&question)).await.unwrap().content, question);
                Box::new(client)
            }
            Protocol::Quic => {
                let connected = quic::connect(server, trusted).await;
                assert_eq!(quic::ask(&connected.1, &question).await.unwrap(), question);
                Box::new(connected)
            }
        });
    }
    held
}
