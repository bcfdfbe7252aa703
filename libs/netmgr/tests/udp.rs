//! Datagrams over real loopback sockets.
// In a test a failed expectation is the failure.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::collections::BTreeSet;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::OwnedFd;

use common::{ECHO, MUTE, NEVER, WHERE, bound, counter, message, settings, start, until};
use socket2::Type;

fn client(address: &str) -> UdpSocket {
    let client = UdpSocket::bind(address).unwrap();
    client.set_read_timeout(Some(NEVER)).unwrap();
    client
}

fn ask(client: &UdpSocket, server: SocketAddr, message: &[u8]) -> (Vec<u8>, SocketAddr) {
    client.send_to(message, server).unwrap();
    let mut reply = [0; 4096];
    let (length, from) = client.recv_from(&mut reply).expect("a reply");
    (reply[..length].to_vec(), from)
}

/// Sends `count` messages at once and checks that each is answered once.
fn burst(client: &UdpSocket, server: SocketAddr, count: u16) {
    for number in 0..count {
        client.send_to(&message(ECHO, number, 20 + usize::from(number)), server).unwrap();
    }
    let mut missing: BTreeSet<u16> = (0..count).collect();
    while !missing.is_empty() {
        let mut reply = [0; 4096];
        let (length, _) = client.recv_from(&mut reply).expect("a reply to each");
        let number = u16::from_be_bytes([reply[0], reply[1]]);
        assert_eq!(reply[..length], message(ECHO, number, 20 + usize::from(number)));
        assert!(missing.remove(&number), "{number} answered twice");
    }
}

#[test]
fn both_families_are_answered() {
    for (address, own) in [("127.0.0.1:0", "127.0.0.1:0"), ("[::1]:0", "[::1]:0")] {
        let (fd, server) = bound(Type::DGRAM, address);
        let network = start(vec![fd], &settings(1));
        let client = client(own);
        let (reply, from) = ask(&client, server, &message(WHERE, 7, 12));
        assert_eq!(from, server);
        let expected = format!("{} {server}", client.local_addr().unwrap());
        assert_eq!(String::from_utf8_lossy(&reply[12..]), expected);
        burst(&client, server, 200);
        let family = if server.is_ipv4() { "udp4" } else { "udp6" };
        assert_eq!(counter(&network, &format!("{family}_received")), 201);
        until("all replies counted", || counter(&network, &format!("{family}_sent")) == 201);
        assert_eq!(counter(&network, &format!("{family}_active")), 1);
    }
}

#[test]
fn one_socket_is_shared_by_all_workers() {
    let (fd, server) = bound(Type::DGRAM, "127.0.0.1:0");
    let network = start(vec![fd], &settings(3));
    assert_eq!(counter(&network, "udp4_active"), 3);
    let clients: Vec<_> = (0..8).map(|_| client("127.0.0.1:0")).collect();
    for _ in 0..5 {
        clients.iter().for_each(|client| burst(client, server, 40));
    }
    assert_eq!(counter(&network, "udp4_received"), 8 * 5 * 40);
}

#[test]
fn a_worker_serves_several_sockets_of_a_group() {
    let (first, server) = bound(Type::DGRAM, "127.0.0.1:0");
    let mut group: Vec<OwnedFd> = vec![first];
    group.extend((1..5).map(|_| bound(Type::DGRAM, &server.to_string()).0));
    let network = start(group, &settings(2));
    assert_eq!(counter(&network, "udp4_active"), 5);
    // The kernel chooses the socket by the source port: with 64 of them, each of 5 sockets gets some.
    for _ in 0..64 {
        burst(&client("127.0.0.1:0"), server, 3);
    }
    assert_eq!(counter(&network, "udp4_received"), 64 * 3);
}

#[test]
fn replies_leave_from_the_address_that_was_asked() {
    let (fd, local) = bound(Type::DGRAM, "0.0.0.0:0");
    let client = client("127.0.0.1:0");
    // More than there is room for: what the kernel says of that takes no room from the address.
    for _ in 0..1000 {
        client.send_to(&message(MUTE, 1, 1000), ("127.0.0.1", local.port())).unwrap();
    }
    let network = start(vec![fd], &settings(1));
    // More rounds than a batch has slots, so that each slot's control message is used again.
    for round in 0..40 {
        for asked in ["127.0.0.2", "127.0.0.1", "127.9.9.9"] {
            let server = SocketAddr::new(asked.parse().unwrap(), local.port());
            let (reply, from) = ask(&client, server, &message(WHERE, round, 12));
            assert_eq!(from, server);
            assert!(String::from_utf8_lossy(&reply[12..]).ends_with(&server.to_string()));
        }
    }
    // Several in one batch, to different addresses.
    let asked: Vec<SocketAddr> =
        (1..=30).map(|last| SocketAddr::from(([127, 0, 0, last], local.port()))).collect();
    for server in &asked {
        client.send_to(&message(ECHO, 0, 12), server).unwrap();
    }
    let mut reply = [0; 64];
    let answered: BTreeSet<_> = asked.iter().map(|_| client.recv_from(&mut reply).unwrap().1).collect();
    assert_eq!(answered, asked.into_iter().collect());
    until("all counted", || counter(&network, "udp4_sent") == 150);
}

#[test]
fn replies_on_an_ipv6_wildcard_leave_from_the_address_that_was_asked() {
    let (fd, local) = bound(Type::DGRAM, "[::]:0");
    let _network = start(vec![fd], &settings(1));
    let client = client("[::1]:0");
    for round in 0..40 {
        let server = SocketAddr::new("::1".parse().unwrap(), local.port());
        let (reply, from) = ask(&client, server, &message(WHERE, round, 12));
        assert_eq!(from, server);
        assert!(String::from_utf8_lossy(&reply[12..]).ends_with(&server.to_string()));
    }
}

#[test]
fn silence_and_oversize_get_no_reply() {
    let (fd, server) = bound(Type::DGRAM, "127.0.0.1:0");
    let network = start(vec![fd], &settings(1));
    let client = client("127.0.0.1:0");
    client.send_to(&message(MUTE, 1, 12), server).unwrap();
    client.send_to(&message(ECHO, 2, 4097), server).unwrap();
    let (reply, _) = ask(&client, server, &message(ECHO, 3, 4096));
    assert_eq!(reply, message(ECHO, 3, 4096));
    assert_eq!(counter(&network, "udp4_oversize"), 1);
    assert_eq!(counter(&network, "udp4_received"), 3);
}

#[test]
fn what_the_kernel_dropped_is_told_by_what_comes_later() {
    for (workers, address) in [(1, "127.0.0.1:0"), (3, "127.0.0.1:0")] {
        let (fd, server) = bound(Type::DGRAM, address);
        let (sent, client) = (2000, client("127.0.0.1:0"));
        for number in 0..sent {
            client.send_to(&message(MUTE, number, 1000), server).unwrap();
        }
        let network = start(vec![fd], &settings(workers));
        // Its answer comes behind all that waited.
        let mut asked = 1;
        ask(&client, server, &message(ECHO, 1, 12));
        let of = |name: &str| counter(&network, &format!("udp4_{name}"));
        until("all are told", || {
            for _ in 0..100 {
                ask(&client, server, &message(ECHO, 1, 12));
                asked += 1;
            }
            of("overflow") > 0 && of("overflow") + of("received") == sent as u64 + asked
        });
    }
}

#[test]
fn datagrams_wait_for_the_next_network_on_the_same_socket() {
    let (fd, server) = bound(Type::DGRAM, "127.0.0.1:0");
    let kept = fd.try_clone().unwrap();
    let network = start(vec![fd], &settings(2));
    let client = client("127.0.0.1:0");
    burst(&client, server, 10);
    network.stop();
    for number in 0..50 {
        client.send_to(&message(ECHO, number, 12), server).unwrap();
    }
    let _network = start(vec![kept], &settings(1));
    let mut reply = [0; 64];
    for _ in 0..50 {
        client.recv(&mut reply).expect("nothing lost");
    }
}

#[test]
fn replies_that_go_to_one_peer_in_one_piece_arrive_as_single_datagrams() {
    for (listen, own, asked) in [("127.0.0.1:0", "127.0.0.1:0", "udp4"), ("[::]:0", "[::1]:0", "udp6")] {
        let (fd, mut server) = bound(Type::DGRAM, listen);
        let client = client(own);
        server.set_ip(client.local_addr().unwrap().ip());
        let length = |number: u16| 40 + usize::from(number % 3) * 10;
        // They wait before anybody serves, so that one batch takes them all behind the first, which is taken by itself.
        client.send_to(&message(MUTE, 0, 12), server).unwrap();
        for number in 0..20 {
            client.send_to(&message(ECHO, number, length(number)), server).unwrap();
        }
        let network = start(vec![fd], &settings(1));
        let mut missing: BTreeSet<u16> = (0..20).collect();
        while !missing.is_empty() {
            let mut reply = [0; 4096];
            let (octets, _) = client.recv_from(&mut reply).expect("a reply to each");
            let number = u16::from_be_bytes([reply[0], reply[1]]);
            assert_eq!(reply[..octets], message(ECHO, number, length(number)));
            assert!(missing.remove(&number), "{number} answered twice");
        }
        until("all are counted", || counter(&network, &format!("{asked}_sent")) == 20);
        assert_eq!(counter(&network, &format!("{asked}_coupled")), 20, "{listen}");
    }
}
