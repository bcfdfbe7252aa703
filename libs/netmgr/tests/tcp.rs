//! Connections over real loopback sockets. Timeouts are set small and awaited long, so that no test depends on speed.
// In a test a failed expectation is the failure.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::time::Duration;

use common::{
    ECHO, KEEP, LONG, MUTE, WHERE, bound, closed, connect, counter, framed, message, receive, settings,
    start, until,
};
use socket2::{Domain, Socket, Type};
use tenon_netmgr::{Network, Settings};

const SOON: Duration = Duration::from_millis(300);

fn serve(settings: &Settings) -> (Network, SocketAddr) {
    let (fd, server) = bound(Type::STREAM, "127.0.0.1:0");
    (start(vec![fd], settings), server)
}

#[test]
fn both_families_are_answered() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let (fd, server) = bound(Type::STREAM, address);
        let _network = start(vec![fd], &settings(2));
        let mut stream = connect(server);
        stream.write_all(&framed(&message(WHERE, 1, 12))).unwrap();
        let expected = format!("{} {server}", stream.local_addr().unwrap());
        assert_eq!(String::from_utf8_lossy(&receive(&mut stream)[12..]), expected);
    }
}

#[test]
fn a_wildcard_listener_tells_the_address_that_was_asked() {
    let (fd, local) = bound(Type::STREAM, "0.0.0.0:0");
    let _network = start(vec![fd], &settings(1));
    let server = SocketAddr::from(([127, 0, 0, 2], local.port()));
    let mut stream = connect(server);
    stream.write_all(&framed(&message(WHERE, 1, 12))).unwrap();
    assert!(String::from_utf8_lossy(&receive(&mut stream)[12..]).ends_with(&server.to_string()));
}

#[test]
fn messages_may_come_octet_by_octet() {
    let (_network, server) = serve(&settings(1));
    let mut stream = connect(server);
    let sent = message(ECHO, 1, 30);
    for octet in framed(&sent) {
        stream.write_all(&[octet]).unwrap();
    }
    assert_eq!(receive(&mut stream), sent);
}

#[test]
fn messages_may_be_merged_and_cut_anywhere() {
    let (network, server) = serve(&settings(1));
    let messages: Vec<_> =
        (0..50).map(|number| message(ECHO, number, 12 + usize::from(number) * 3)).collect();
    let octets: Vec<u8> = messages.iter().flat_map(|message| framed(message)).collect();
    for size in [1, 2, 3, 13, 100, 1000, octets.len()] {
        let mut stream = connect(server);
        for piece in octets.chunks(size) {
            stream.write_all(piece).unwrap();
        }
        for sent in &messages {
            assert_eq!(receive(&mut stream), *sent, "in pieces of {size}");
        }
    }
    assert_eq!(counter(&network, "tcp4_received"), 7 * 50);
}

#[test]
fn the_longest_messages_pass() {
    let (_network, server) = serve(&settings(1));
    let mut stream = connect(server);
    let sent = message(ECHO, 1, 65_535);
    let mut twice = framed(&sent);
    twice.extend(framed(&sent));
    twice.extend(framed(&message(ECHO, 2, 12)));
    let mut writer = stream.try_clone().unwrap();
    let writing = std::thread::spawn(move || writer.write_all(&twice).unwrap());
    assert_eq!(receive(&mut stream), sent);
    assert_eq!(receive(&mut stream), sent);
    assert_eq!(receive(&mut stream), message(ECHO, 2, 12));
    writing.join().unwrap();
}

#[test]
fn silence_keeps_the_connection() {
    let (_network, server) = serve(&settings(1));
    let mut stream = connect(server);
    stream.write_all(&framed(&message(MUTE, 1, 12))).unwrap();
    stream.write_all(&framed(&message(ECHO, 2, 12))).unwrap();
    assert_eq!(receive(&mut stream), message(ECHO, 2, 12));
}

#[test]
fn a_closed_half_still_gets_its_answers() {
    let (_network, server) = serve(&settings(1));
    let mut stream = connect(server);
    // More than the kernel holds for a reader that has not begun, so that answers are pending at the end of input.
    let count = 200;
    for number in 0..count {
        stream.write_all(&framed(&message(LONG, number, 12))).unwrap();
    }
    stream.shutdown(Shutdown::Write).unwrap();
    for number in 0..count {
        let reply = receive(&mut stream);
        assert_eq!((&reply[..2], reply.len()), (&number.to_be_bytes()[..], 60_000));
    }
    assert!(closed(&mut stream));
}

#[test]
fn impossible_lengths_close_after_what_was_sound() {
    for length in [0_u16, 11] {
        let (network, server) = serve(&settings(1));
        let mut stream = connect(server);
        let mut octets = framed(&message(ECHO, 1, 12));
        octets.extend(length.to_be_bytes());
        stream.write_all(&octets).unwrap();
        assert_eq!(receive(&mut stream), message(ECHO, 1, 12));
        assert!(closed(&mut stream));
        until("counted", || counter(&network, "tcp4_framing") == 1);
        until("gone", || counter(&network, "tcp4_active") == 0);
    }
}

#[test]
fn beyond_the_quota_connections_wait_in_the_kernel() {
    let quota = Settings { tcp_clients: 2, ..settings(2) };
    let (network, server) = serve(&quota);
    let mut held: Vec<_> = (0..2).map(|_| connect(server)).collect();
    for stream in &mut held {
        stream.write_all(&framed(&message(ECHO, 1, 12))).unwrap();
        receive(stream);
    }
    let mut waiting = connect(server);
    waiting.write_all(&framed(&message(ECHO, 2, 12))).unwrap();
    until("the pause is counted", || counter(&network, "tcp4_quotawait") > 0);
    assert_eq!(counter(&network, "tcp4_accept"), 2);
    assert_eq!(counter(&network, "tcp4_clients"), 2);
    drop(held.pop());
    assert_eq!(receive(&mut waiting), message(ECHO, 2, 12));

    // A higher quota lets the next one in while all others stay.
    let mut next = connect(server);
    next.write_all(&framed(&message(ECHO, 3, 12))).unwrap();
    network.apply(&Settings { tcp_clients: 3, ..quota });
    assert_eq!(receive(&mut next), message(ECHO, 3, 12));
    assert_eq!(counter(&network, "tcp4_clients"), 3);
}

#[test]
fn an_idle_connection_is_closed_by_a_timeout_set_later() {
    let (network, server) = serve(&settings(1));
    let mut stream = connect(server);
    stream.write_all(&framed(&message(ECHO, 1, 12))).unwrap();
    receive(&mut stream);
    network.apply(&Settings { tcp_idle_timeout: SOON, ..settings(1) });
    assert!(closed(&mut stream));
    until("counted", || counter(&network, "tcp4_idletimeout") == 1);
    assert_eq!(counter(&network, "tcp4_initialtimeout"), 0);
}

#[test]
fn a_connection_may_be_kept_alive_for_longer() {
    let (network, server) = serve(&Settings { tcp_idle_timeout: SOON, ..settings(1) });
    let mut kept = connect(server);
    // An ordinary query changes nothing about it.
    for action in [KEEP, ECHO, ECHO] {
        kept.write_all(&framed(&message(action, 1, 12))).unwrap();
        receive(&mut kept);
        // One that was asked on later has had its time.
        let mut other = connect(server);
        other.write_all(&framed(&message(ECHO, 2, 12))).unwrap();
        receive(&mut other);
        assert!(closed(&mut other));
    }
    kept.write_all(&framed(&message(ECHO, 3, 12))).unwrap();
    receive(&mut kept);
    network.apply(&Settings { tcp_keepalive_timeout: SOON, ..settings(1) });
    assert!(closed(&mut kept));
    until("all are counted", || counter(&network, "tcp4_idletimeout") == 4);
}

#[test]
fn a_network_gets_no_more_than_its_share() {
    let share = Settings { tcp_clients_per_network: 2, ..settings(2) };
    let (network, server) = serve(&share);
    let mut held: Vec<_> = (0..2).map(|_| connect(server)).collect();
    for stream in &mut held {
        stream.write_all(&framed(&message(ECHO, 1, 12))).unwrap();
        receive(stream);
    }
    assert!(closed(&mut connect(server)));
    assert_eq!(counter(&network, "tcp4_networkfull"), 1);
    // Another network still has its own.
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 9, 9, 9], 0)).into()).unwrap();
    socket.connect(&server.into()).unwrap();
    let mut other = std::net::TcpStream::from(socket);
    other.write_all(&framed(&message(ECHO, 2, 12))).unwrap();
    assert_eq!(receive(&mut other), message(ECHO, 2, 12));

    network.apply(&Settings { tcp_clients_per_network: 3, ..share });
    let mut third = connect(server);
    third.write_all(&framed(&message(ECHO, 3, 12))).unwrap();
    assert_eq!(receive(&mut third), message(ECHO, 3, 12));
}

#[test]
fn dribbling_does_not_prolong_the_wait_for_the_first_message() {
    let (network, server) = serve(&Settings { tcp_initial_timeout: SOON, ..settings(1) });
    let mut stream = connect(server);
    stream.write_all(&[0xff, 0xff]).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    until("closed for all the dribbling", || {
        let refused = stream.write_all(&[1]).is_err();
        refused || stream.read(&mut [0; 1]).is_ok_and(|octets| octets == 0)
    });
    until("counted", || counter(&network, "tcp4_initialtimeout") == 1);
}

#[test]
fn a_slow_reader_is_not_read_from_and_parted_with() {
    let patient = settings(1);
    let (network, server) = serve(&patient);
    let mut stream = connect(server);
    stream.set_nonblocking(true).unwrap();
    // Ask for long replies and read none until the server, too, stops reading.
    let question = framed(&message(LONG, 1, 12));
    until("the server stops reading", || {
        let mut blocked = false;
        for _ in 0..10_000 {
            blocked |= stream.write(&question).is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
        }
        blocked && counter(&network, "tcp4_sendwait") > 0
    });
    let received = counter(&network, "tcp4_received");
    // Other connections are served meanwhile.
    let mut other = connect(server);
    other.write_all(&framed(&message(ECHO, 2, 12))).unwrap();
    receive(&mut other);
    assert_eq!(counter(&network, "tcp4_received"), received + 1);
    network.apply(&Settings { tcp_write_timeout: SOON, ..patient });
    until("parted with", || counter(&network, "tcp4_writetimeout") == 1);
    until("gone", || counter(&network, "tcp4_active") == 1);
}

#[test]
fn a_slow_reader_that_reads_in_the_end_gets_everything() {
    let (network, server) = serve(&settings(1));
    let mut stream = connect(server);
    let mut writer = stream.try_clone().unwrap();
    let count = 300;
    let writing = std::thread::spawn(move || {
        for number in 0..count {
            writer.write_all(&framed(&message(LONG, number, 12))).unwrap();
        }
    });
    until("the server waits", || counter(&network, "tcp4_sendwait") > 0);
    for number in 0..count {
        let reply = receive(&mut stream);
        assert_eq!((&reply[..2], reply.len()), (&number.to_be_bytes()[..], 60_000));
    }
    writing.join().unwrap();
}

#[test]
fn stopping_answers_what_was_sent_and_closes() {
    let (network, server) = serve(&settings(2));
    let mut streams: Vec<_> = (0..5).map(|_| connect(server)).collect();
    for stream in &mut streams {
        stream.write_all(&framed(&message(ECHO, 1, 12))).unwrap();
        receive(stream);
        stream.write_all(&framed(&message(ECHO, 2, 12))).unwrap();
    }
    network.stop();
    for stream in &mut streams {
        assert_eq!(receive(stream), message(ECHO, 2, 12));
        assert!(closed(stream));
    }
}

#[test]
fn listeners_of_a_group_are_shared_out() {
    let (first, server) = bound(Type::STREAM, "127.0.0.1:0");
    let (second, _) = bound(Type::STREAM, &server.to_string());
    let network = start(vec![first, second], &settings(2));
    for number in 0..40 {
        let mut stream = connect(server);
        stream.write_all(&framed(&message(ECHO, number, 12))).unwrap();
        assert_eq!(receive(&mut stream), message(ECHO, number, 12));
    }
    assert_eq!(counter(&network, "tcp4_accept"), 40);
}
