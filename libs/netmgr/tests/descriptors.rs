//! With no descriptor left, connections wait instead of being lost or keeping a worker busy.
//!
//! One test alone in its process: the limit is that of the process.

// In a test a failed expectation is the failure.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::fd::AsRawFd;

use common::{ECHO, NEVER, bound, counter, framed, message, settings, start, until};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, Socket, Type};

#[test]
fn accepting_goes_on_when_there_are_descriptors_again() {
    let (fd, server) = bound(Type::STREAM, "127.0.0.1:0");
    let network = start(vec![fd], &settings(1));
    let client = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let before = getrlimit(Resource::Nofile);
    // The next descriptor would have this number, and is not allowed any more.
    let next = client.try_clone().unwrap().as_raw_fd();
    let none_left = Rlimit { current: Some(u64::try_from(next).unwrap()), maximum: before.maximum };
    setrlimit(Resource::Nofile, none_left).unwrap();
    client.connect(&server.into()).expect("the kernel takes it into its queue");
    until("accepting fails", || counter(&network, "tcp4_acceptfail") > 0);
    setrlimit(Resource::Nofile, before).unwrap();

    let mut stream = TcpStream::from(client);
    stream.set_read_timeout(Some(NEVER)).unwrap();
    let sent = framed(&message(ECHO, 1, 12));
    stream.write_all(&sent).unwrap();
    let mut reply = vec![0; sent.len()];
    stream.read_exact(&mut reply).expect("an answer in the end");
    assert_eq!(reply, sent);
}
