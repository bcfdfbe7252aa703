//! From datagram to answer nothing is allocated: not in the network, not by the handler, not by the answer library.
//!
//! One test alone in its process: the allocator counts for all threads.
// Helpers of tests fail like tests.
#![allow(unsafe_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};

use common::zones::publish;
use common::{PATIENCE, bound, bound_both, client, mixed_queries, until};
use socket2::Type;
use tenon_auth::{AuthSettings, CookieFile, Instance, Places};
use tenon_netmgr::InheritedSocket;

struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: everything is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promises are those of the allocator behind.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Questions that are counted.
const DATAGRAMS: usize = 1_000_000;
const STREAMED: usize = 200_000;
/// Questions under way.
const AT_ONCE: usize = 40;

#[test]
fn answering_allocates_nothing() {
    let directory = tempfile::tempdir().unwrap();
    publish(directory.path(), 1, "example.", [192, 0, 2, 1]);
    let (listener, datagrams, server) = bound_both();
    let named = |fd: socket2::Socket| InheritedSocket {
        name: "test".to_owned(),
        fd: fd.into(),
        protocol: tenon_netmgr::Protocol::Plain,
        proxied: false,
    };
    let sockets = vec![named(listener), named(datagrams), named(bound(Type::DGRAM, server))];
    let [images, doors, tls] = [(); 3].map(|()| directory.path().to_owned());
    let keys = images.with_file_name("keys");
    let places = Places { expiries: images.join("EXPIRIES"), images, doors, tls, keys };
    let cookies = CookieFile::new(&directory.path().join("cookie-secrets")).unwrap();
    // The connection waits while datagrams are asked, on a busy machine for minutes; some of the queries ask to keep it
    // alive.
    let settings = AuthSettings {
        tcp_idle_timeout_ms: 600_000,
        tcp_keepalive_timeout_ms: 600_000,
        tcp_initial_timeout_ms: 120_000,
        zone_statistics: true,
        ..AuthSettings::default()
    };
    let instance = Instance::start(1, &places, cookies, sockets, &settings).unwrap();
    until("the idle pass is over", || instance.zones().figures().inspections > 0);

    let queries = mixed_queries();
    let mut asker = Asker::new(server, &queries);
    asker.datagrams(&queries, 2_000);
    asker.stream(2_000);
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    asker.datagrams(&queries, DATAGRAMS);
    asker.stream(STREAMED);
    let found = ALLOCATIONS.load(Ordering::Relaxed) - before;
    println!("{DATAGRAMS} questions as datagrams, {STREAMED} over TCP: {found} allocations");
    assert_eq!(found, 0);
}

/// A client that allocates nothing itself.
struct Asker {
    datagrams: UdpSocket,
    stream: TcpStream,
    /// As many queries as go out at a time, each with its length before it.
    framed: Vec<u8>,
    room: Vec<u8>,
}

impl Asker {
    fn new(server: SocketAddr, queries: &[Vec<u8>]) -> Self {
        let datagrams = client();
        datagrams.connect(server).unwrap();
        let stream = TcpStream::connect(server).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        let mut framed = Vec::new();
        for query in queries.iter().cycle().take(AT_ONCE) {
            framed.extend(u16::try_from(query.len()).unwrap().to_be_bytes());
            framed.extend(query);
        }
        Self { datagrams, stream, framed, room: vec![0; 65535] }
    }

    fn datagrams(&mut self, queries: &[Vec<u8>], count: usize) {
        let mut queries = queries.iter().cycle();
        for _ in 0..count / AT_ONCE {
            for query in queries.by_ref().take(AT_ONCE) {
                self.datagrams.send(query).unwrap();
            }
            for _ in 0..AT_ONCE {
                self.datagrams.recv(&mut self.room).unwrap();
            }
        }
    }

    fn stream(&mut self, count: usize) {
        for _ in 0..count / AT_ONCE {
            self.stream.write_all(&self.framed).unwrap();
            for _ in 0..AT_ONCE {
                self.stream.read_exact(&mut self.room[..2]).unwrap();
                let length = usize::from(u16::from_be_bytes([self.room[0], self.room[1]]));
                self.stream.read_exact(&mut self.room[..length]).unwrap();
            }
        }
    }
}
