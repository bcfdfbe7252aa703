//! In a steady state the workers allocate nothing, and an idle connection costs little.
//!
//! One test alone in its process: the allocator counts for all threads.
// In a test a failed expectation is the failure.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(unsafe_code)]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};

use common::{ECHO, NEVER, bound, counter, framed, message, settings, start};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::Type;
use tenon_netmgr::{Network, Settings};

struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
/// Octets allocated and not freed.
static LIVE: AtomicU64 = AtomicU64::new(0);

// SAFETY: everything is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        LIVE.fetch_add(layout.size() as u64, Ordering::Relaxed);
        // SAFETY: the caller's promises are those of the allocator behind.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size() as u64, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

#[test]
fn queries_allocate_nothing() {
    let (plain, udp) = bound(Type::DGRAM, "127.0.0.1:0");
    let (wildcard, any) = bound(Type::DGRAM, "0.0.0.0:0");
    let (listener, tcp) = bound(Type::STREAM, "127.0.0.1:0");
    let many = Settings { tcp_clients: 2000, tcp_clients_per_network: 2000, ..settings(2) };
    let network = start(vec![plain, wildcard, listener], &many);
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_read_timeout(Some(NEVER)).unwrap();
    let mut stream = TcpStream::connect(tcp).unwrap();
    stream.set_read_timeout(Some(NEVER)).unwrap();
    let asked = [udp, (std::net::Ipv4Addr::LOCALHOST, any.port()).into()];
    let datagram = message(ECHO, 1, 40);
    let merged: Vec<u8> = (0..20).flat_map(|_| framed(&datagram)).collect();
    let mut room = [0; 4096];

    let mut rounds = |count: usize| {
        for _ in 0..count {
            for server in &asked {
                for _ in 0..10 {
                    client.send_to(&datagram, server).unwrap();
                }
                for _ in 0..10 {
                    client.recv_from(&mut room).unwrap();
                }
            }
            stream.write_all(&merged).unwrap();
            stream.read_exact(&mut room[..merged.len()]).unwrap();
        }
    };
    rounds(100);
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    rounds(1000);
    let after = ALLOCATIONS.load(Ordering::Relaxed);
    assert_eq!(after - before, 0, "allocations during 40,000 queries");
    idle_connections(&network, tcp, &merged);
    // The counter itself works.
    drop(std::hint::black_box(Box::new(1_u64)));
    assert!(ALLOCATIONS.load(Ordering::Relaxed) > after);
}

/// Connections that have been served and now wait for more.
fn idle_connections(network: &Network, server: SocketAddr, queries: &[u8]) {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).unwrap();
    let count = 1000;
    let mut idle = Vec::with_capacity(count);
    let mut room = vec![0; queries.len()];
    let before = LIVE.load(Ordering::Relaxed);
    for _ in 0..count {
        let mut stream = TcpStream::connect(server).unwrap();
        stream.set_read_timeout(Some(NEVER)).unwrap();
        stream.write_all(queries).unwrap();
        stream.read_exact(&mut room).unwrap();
        idle.push(stream);
    }
    let each = LIVE.load(Ordering::Relaxed).saturating_sub(before) / count as u64;
    println!("an idle connection costs {each} octets");
    assert_eq!(counter(network, "tcp4_active"), count as u64 + 1);
    assert!(each < 2048, "{each} octets a connection");
}
