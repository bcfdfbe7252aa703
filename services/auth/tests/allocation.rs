//! From datagram to answer nothing is allocated: not in the network, not by the handler, not by the answer library.
//!
//! One test alone in its process: the allocator counts for all threads.
// Helpers of tests fail like tests.
#![allow(unsafe_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};

use common::zones::publish;
use common::{PATIENCE, bound, client, question, until};
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

#[test]
fn answering_allocates_nothing() {
    let directory = tempfile::tempdir().unwrap();
    publish(directory.path(), 1, "example.", [192, 0, 2, 1]);
    let listener = bound(Type::STREAM, ([127, 0, 0, 1], 0).into());
    let server = listener.local_addr().unwrap().as_socket().unwrap();
    let named = |fd: socket2::Socket| InheritedSocket {
        name: "test".to_owned(),
        fd: fd.into(),
        tls: false,
        proxied: false,
    };
    let sockets = vec![named(listener), named(bound(Type::DGRAM, server)), named(bound(Type::DGRAM, server))];
    let [images, doors, tls] = [(); 3].map(|()| directory.path().to_owned());
    let places = Places { images, doors, tls };
    let cookies = CookieFile::new(&directory.path().join("cookie-secrets")).unwrap();
    let instance = Instance::start(1, &places, cookies, sockets, &AuthSettings::default()).unwrap();
    until("the idle pass is over", || instance.zones().figures().inspections > 0);

    let client = client();
    let mut stream = TcpStream::connect(server).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let asked = ["www.example.", "nothing.example.", "example.", "www.elsewhere."];
    let queries = asked.map(|name| {
        let query = question(1, name, 1);
        let mut framed = u16::try_from(query.len()).unwrap().to_be_bytes().to_vec();
        framed.extend(&query);
        (query, framed)
    });
    let mut room = [0; 4096];
    let mut rounds = |count: usize| {
        for _ in 0..count {
            for (query, framed) in &queries {
                client.send_to(query, server).unwrap();
                client.recv(&mut room).unwrap();
                stream.write_all(framed).unwrap();
                stream.read_exact(&mut room[..2]).unwrap();
                let length = usize::from(u16::from_be_bytes([room[0], room[1]]));
                stream.read_exact(&mut room[..length]).unwrap();
            }
        }
    };
    rounds(100);
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    rounds(1000);
    assert_eq!(ALLOCATIONS.load(Ordering::Relaxed) - before, 0, "allocations during 8,000 queries");
}
