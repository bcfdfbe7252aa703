//! Workers and listeners start as one: when one of them cannot, none does, and the result names those that could not.
//!
//! One test alone in its process: the limit of descriptors is that of the process.
// In a test a failed expectation is the failure.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::io::Write;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::time::{Duration, Instant};

use common::{ECHO, bound, connect, framed, message, named, receive, settings, start};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, Socket, Type};
use tenon_netmgr::{Failure, Network, NetworkError};

const WORKERS: usize = 4;
const PATIENCE: Duration = Duration::from_secs(60);

/// Threads of this process that are workers.
fn workers() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.filter(|name| name.starts_with("net-")).count()
}

/// A thread that was joined is seen in /proc until the system is done with it.
fn no_worker_is_left() -> bool {
    let waiting = Instant::now();
    while workers() > 0 {
        if waiting.elapsed() > PATIENCE {
            return false;
        }
        std::thread::yield_now();
    }
    true
}

/// What starting comes to with room for so many descriptors.
fn start_within(room: u64, sockets: &[OwnedFd]) -> Result<Network, NetworkError> {
    let sockets = named(sockets.iter().map(|socket| socket.try_clone().unwrap()).collect());
    let before = getrlimit(Resource::Nofile);
    let next = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap().as_raw_fd();
    let current = Some(u64::try_from(next).unwrap() + room);
    setrlimit(Resource::Nofile, Rlimit { current, maximum: before.maximum }).unwrap();
    let outcome = Network::start(sockets, &settings(WORKERS), None, |_| common::Obedient::default());
    setrlimit(Resource::Nofile, before).unwrap();
    outcome
}

#[test]
fn all_workers_serve_or_none_does_and_the_result_names_who_cannot() {
    let (stream, server) = bound(Type::STREAM, "127.0.0.1:0");
    let (datagram, _) = bound(Type::DGRAM, "127.0.0.1:0");
    let sockets = vec![stream, datagram];
    // Each worker needs its two sockets and an event loop; with less and less room other steps of other workers fail.
    let mut kinds = [0; 3];
    for room in 0..100 {
        let error = match start_within(room, &sockets) {
            Ok(network) => {
                assert_eq!((network.workers(), workers()), (WORKERS, WORKERS));
                break;
            }
            Err(error) => error,
        };
        assert!(no_worker_is_left(), "{error}");
        match error {
            NetworkError::Duplicate { .. } => kinds[0] += 1,
            NetworkError::Workers(failures) => {
                let some = failures.len() < WORKERS;
                kinds[if some { 2 } else { 1 }] += 1;
                let mut numbers: Vec<_> = failures.iter().map(|failure| failure.worker).collect();
                numbers.dedup();
                assert!(numbers.is_sorted() && numbers.iter().all(|worker| *worker < WORKERS));
                let text = NetworkError::Workers(failures).to_string();
                assert_eq!(text.matches("network worker").count(), text.matches("; ").count() + 1, "{text}");
            }
            NetworkError::Socket(error) => panic!("{error}"),
        }
    }
    assert!(kinds[0] > 0 && kinds[2] > 0, "{kinds:?}");

    // Whoever bound the sockets has them still, with all that waits in them.
    let mut early = connect(server);
    early.write_all(&framed(&message(ECHO, 1, 40))).unwrap();
    let _network = start(sockets, &settings(WORKERS));
    assert_eq!(receive(&mut early), message(ECHO, 1, 40));
}

#[test]
fn a_socket_that_cannot_be_served_is_named_with_its_worker() {
    let failure = |worker, socket| Failure { worker, socket, source: std::io::ErrorKind::Unsupported.into() };
    let place = "192.0.2.1:53".parse().unwrap();
    let failures = vec![failure(1, None), failure(3, Some(("dns-tls".to_owned(), place)))];
    let text = NetworkError::Workers(failures).to_string();
    assert!(text.contains("worker 1 cannot start") && text.contains("worker 3"), "{text}");
    assert!(text.contains("\"dns-tls\" on 192.0.2.1:53"), "{text}");
}
