//! Answers of other processes, at each point of the contract that `libs/handover` states: a real door, a taker that does
//! what the test says, and real connections.
// In a test a failed expectation is the failure.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

use common::{
    ECHO, NEVER, Obedient, bound, closed, connect, counter, framed, message, named, receive, settings, until,
};
use socket2::{SockRef, Type};
use tenon_handover::{Door, END, Kind, Request, Transport};
use tenon_netmgr::{Handle, Handler, Network, RelayFailure, Settings, Verdict};

/// What the handler hands over.
const RELAY: u8 = 9;
const SOON: Duration = Duration::from_millis(300);

/// Hands over what is to be, and says "sorry" when that fails.
struct Giver(Door);

impl Handler for Giver {
    fn answer(&mut self, from: &Handle, message: &[u8], out: &mut [u8]) -> Verdict {
        if message[2] != RELAY {
            return Obedient::default().answer(from, message, out);
        }
        out[..2].copy_from_slice(&message[..2]);
        out[2..12].copy_from_slice(b"sorry.....");
        Verdict::HandOver(12)
    }

    fn hand_over(&mut self, from: &Handle, message: &[u8]) -> Option<UnixStream> {
        let (kind, transport, message) = (Kind::Transfer, Transport::Tcp, message.to_vec());
        let request =
            Request { kind, transport, peer: from.peer, local: from.local, tls_name: None, message };
        self.0.hand_over(&request).ok()
    }

    fn relay_failed(&mut self, from: &Handle, failure: RelayFailure, begun: bool) {
        assert!(from.peer.ip().is_loopback() && !(begun && failure == RelayFailure::Full));
    }
}

/// A server with the service behind its door, which does nothing by itself.
struct House {
    network: Network,
    server: SocketAddr,
    taker: UnixListener,
    _folder: tempfile::TempDir,
}

impl House {
    fn new(settings: &Settings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("door");
        let taker = UnixListener::bind(&path).unwrap();
        let (fd, server) = bound(Type::STREAM, "127.0.0.1:0");
        // Small, so that a reader who stops is felt soon.
        SockRef::from(&fd).set_send_buffer_size(64 << 10).unwrap();
        let door = Door::new(path);
        let network = Network::start(named(vec![fd]), settings, None, move |_| Giver(door.clone())).unwrap();
        Self { network, server, taker, _folder: folder }
    }

    /// Takes the next request; returns its message, too.
    fn take(&self) -> (UnixStream, Vec<u8>) {
        let (mut stream, _) = self.taker.accept().unwrap();
        stream.set_read_timeout(Some(NEVER)).unwrap();
        let mut length = [0; 4];
        stream.read_exact(&mut length).unwrap();
        let mut frame = vec![0; usize::try_from(u32::from_be_bytes(length)).unwrap()];
        stream.read_exact(&mut frame).unwrap();
        // Version, kind, transport, two addresses of 19 octets and the length of no name stand before it.
        let message = frame.split_off(3 + 2 * 19 + 1);
        (stream, message)
    }

    /// A client that has asked, and the taker of its request.
    fn asked(&self, number: u16) -> (TcpStream, UnixStream) {
        let mut client = connect(self.server);
        client.write_all(&framed(&message(RELAY, number, 40))).unwrap();
        let (taker, received) = self.take();
        assert_eq!(received, message(RELAY, number, 40), "as it was sent");
        (client, taker)
    }

    fn count(&self, name: &str) -> u64 {
        counter(&self.network, &format!("tcp4_{name}"))
    }
}

fn is_sorry(reply: &[u8], number: u16) -> bool {
    reply == [&number.to_be_bytes()[..], b"sorry....."].concat()
}

/// The connection still works.
fn echoes(client: &mut TcpStream) -> bool {
    client.write_all(&framed(&message(ECHO, 77, 12))).unwrap();
    receive(client) == message(ECHO, 77, 12)
}

/// Whether the giver has closed.
fn given_up(taker: &mut UnixStream) -> bool {
    match taker.read(&mut [0; 1]) {
        Ok(octets) => octets == 0,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

#[test]
fn an_answer_is_passed_on_and_the_connection_goes_on() {
    let house = House::new(&settings(2));
    let (mut client, mut taker) = house.asked(1);
    let messages: Vec<_> = [12, 65_535, 13, 40_000, 65_535].map(|length| message(ECHO, 1, length)).into();
    let writing = {
        let octets: Vec<u8> = messages.iter().flat_map(|message| framed(message)).collect();
        std::thread::spawn(move || {
            taker.write_all(&octets).unwrap();
            taker.write_all(&END).unwrap();
            given_up(&mut taker)
        })
    };
    for sent in &messages {
        assert_eq!(receive(&mut client), *sent);
    }
    assert!(writing.join().unwrap(), "the giver closes after the end");
    assert!(echoes(&mut client));
    assert_eq!([house.count("relayed"), house.count("relaying"), house.count("sent")], [1, 0, 6]);
}

#[test]
fn it_may_come_in_any_pieces() {
    let house = House::new(&settings(1));
    for size in [1, 2, 3, 13, 1000, 100_000] {
        let (mut client, mut taker) = house.asked(1);
        let count = if size == 1 { 20 } else { 5000 };
        let writing = std::thread::spawn(move || {
            let mut octets: Vec<u8> = (0..count)
                .flat_map(|number| framed(&message(ECHO, number, 12 + usize::from(number % 7))))
                .collect();
            octets.extend(END);
            for piece in octets.chunks(size) {
                taker.write_all(piece).unwrap();
            }
        });
        for number in 0..count {
            let reply = receive(&mut client);
            assert_eq!(reply, message(ECHO, number, 12 + usize::from(number % 7)), "in pieces of {size}");
        }
        writing.join().unwrap();
        assert!(echoes(&mut client));
    }
}

#[test]
fn a_long_answer_comes_through_octet_for_octet_whatever_the_pace() {
    let house = House::new(&settings(1));
    let (client, mut taker) = house.asked(1);
    let size = |number: u16| 12 + usize::from(number.wrapping_mul(40_503)) % 40_000;
    let count = 4000_u16;
    let writing = std::thread::spawn(move || {
        for number in 0..count {
            taker.write_all(&framed(&message(ECHO, number, size(number)))).unwrap();
        }
        taker.write_all(&END).unwrap();
    });
    let mut reader = std::io::BufReader::with_capacity(10_000, client);
    for number in 0..count {
        if number % 500 == 0 {
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(receive(&mut reader), message(ECHO, number, size(number)));
    }
    writing.join().unwrap();
}

#[test]
fn an_end_without_messages_is_silence() {
    let house = House::new(&settings(1));
    let (mut client, mut taker) = house.asked(1);
    taker.write_all(&END).unwrap();
    until("ended", || house.count("relayed") == 1);
    assert!(echoes(&mut client));
}

#[test]
fn a_taker_that_dies_before_the_first_whole_message_is_answered_for() {
    let house = House::new(&settings(1));
    for sent in [&[][..], &[0], &[0, 20, 1, 2, 3], &[0, 3, 1, 2, 3], &[0, 1]] {
        let broken = house.count("relaybroken");
        let (mut client, mut taker) = house.asked(5);
        taker.write_all(sent).unwrap();
        drop(taker);
        assert!(is_sorry(&receive(&mut client), 5), "after {sent:?}");
        assert!(echoes(&mut client), "and the connection goes on");
        assert_eq!(house.count("relaybroken"), broken + 1);
    }
    assert_eq!([house.count("relaycut"), house.count("relaying")], [0, 0]);
}

#[test]
fn a_taker_that_dies_later_costs_the_connection_and_no_part_is_passed_on() {
    let house = House::new(&settings(1));
    for (cut, rest) in [&[][..], &[0, 20, 1, 2, 3], &[0, 3]].into_iter().enumerate() {
        let (mut client, mut taker) = house.asked(5);
        taker.write_all(&framed(&message(ECHO, 5, 500))).unwrap();
        assert_eq!(receive(&mut client), message(ECHO, 5, 500));
        taker.write_all(rest).unwrap();
        drop(taker);
        assert!(closed(&mut client), "after {rest:?}");
        until("counted", || house.count("relaycut") == cut as u64 + 1);
    }
    assert_eq!([house.count("relayed"), house.count("relaying"), house.count("active")], [0, 0, 0]);
}

#[test]
fn what_comes_after_the_end_is_nobodys() {
    let house = House::new(&settings(1));
    let (mut client, mut taker) = house.asked(1);
    let octets = [&framed(&message(ECHO, 1, 12))[..], &END, &framed(&message(ECHO, 2, 12))].concat();
    taker.write_all(&octets).unwrap();
    assert_eq!(receive(&mut client), message(ECHO, 1, 12));
    assert!(echoes(&mut client));
    assert_eq!(house.count("relayed"), 1);
}

#[test]
fn a_client_that_goes_is_told_to_the_taker() {
    let house = House::new(&settings(1));
    let (mut client, mut taker) = house.asked(1);
    taker.write_all(&framed(&message(ECHO, 1, 12))).unwrap();
    receive(&mut client);
    drop(client);
    let long = framed(&message(ECHO, 1, 60_000));
    until("the taker's writes fail", || taker.write_all(&long).is_err());
    until("all is given back", || house.count("active") + house.count("relaying") == 0);
}

#[test]
fn a_client_that_closed_its_half_gets_the_whole_answer() {
    let house = House::new(&settings(1));
    let (mut client, mut taker) = house.asked(1);
    client.shutdown(Shutdown::Write).unwrap();
    for _ in 0..3 {
        taker.write_all(&framed(&message(ECHO, 1, 12))).unwrap();
        receive(&mut client);
    }
    taker.write_all(&END).unwrap();
    assert!(closed(&mut client));
    until("counted", || house.count("relayed") == 1);
}

#[test]
fn a_slow_client_stops_the_taker_and_gets_everything_in_the_end() {
    // The timeout for silence does not run while nobody can speak.
    let patient = Settings { relay_timeout: SOON, ..settings(1) };
    let house = House::new(&patient);
    let (mut client, mut taker) = house.asked(1);
    SockRef::from(&client).set_recv_buffer_size(64 << 10).unwrap();
    taker.set_nonblocking(true).unwrap();
    let long = framed(&message(ECHO, 1, 60_000));
    let (mut written, mut blocked) = (0, 0);
    until("the taker is blocked for good", || {
        match taker.write(&long[written % long.len()..]) {
            Ok(octets) => (written, blocked) = (written + octets, 0),
            Err(error) if error.kind() == ErrorKind::WouldBlock => blocked += 1,
            Err(error) => panic!("{error}"),
        }
        // Longer than silence is allowed, at five milliseconds a turn.
        blocked > 200
    });
    assert!(house.count("sendwait") > 0);
    assert!(written < 4 << 20, "{written} octets wait somewhere");
    let other = &mut connect(house.server);
    assert!(echoes(other), "others are served meanwhile");

    taker.set_nonblocking(false).unwrap();
    let writing = std::thread::spawn(move || {
        taker.write_all(&long[written % long.len()..]).unwrap();
        taker.write_all(&END).unwrap();
    });
    for _ in 0..=written / 60_002 {
        assert_eq!(receive(&mut client), message(ECHO, 1, 60_000));
    }
    writing.join().unwrap();
    assert!(echoes(&mut client));
}

#[test]
fn a_client_that_never_reads_is_parted_with() {
    let house = House::new(&Settings { tcp_write_timeout: SOON, ..settings(1) });
    let (client, mut taker) = house.asked(1);
    let long = framed(&message(ECHO, 1, 60_000));
    until("the taker's writes fail", || taker.write_all(&long).is_err());
    until("counted", || house.count("writetimeout") == 1);
    drop(client);
}

#[test]
fn other_queries_are_answered_in_between() {
    let house = House::new(&settings(1));
    let (mut client, mut taker) = house.asked(1);
    for _ in 0..3 {
        taker.write_all(&framed(&message(ECHO, 1, 300))).unwrap();
        assert_eq!(receive(&mut client), message(ECHO, 1, 300));
        // Part of the next message is there; what follows must not get into it.
        taker.write_all(&[0]).unwrap();
        assert!(echoes(&mut client));
        taker.write_all(&framed(&message(ECHO, 1, 40))[1..]).unwrap();
        assert_eq!(receive(&mut client), message(ECHO, 1, 40));
    }
    taker.write_all(&END).unwrap();
    assert!(echoes(&mut client));
}

#[test]
fn a_flood_of_queries_and_a_long_answer_do_not_starve_each_other() {
    let house = House::new(&settings(1));
    let (client, mut taker) = house.asked(1);
    let (queries, messages) = (20_000, 2000);
    let mut asking = client.try_clone().unwrap();
    let asking = std::thread::spawn(move || {
        let many: Vec<u8> = (0..100).flat_map(|_| framed(&message(ECHO, 2, 12))).collect();
        for _ in 0..queries / 100 {
            asking.write_all(&many).unwrap();
        }
    });
    let answering = std::thread::spawn(move || {
        for _ in 0..messages {
            taker.write_all(&framed(&message(ECHO, 1, 20_000))).unwrap();
        }
        taker.write_all(&END).unwrap();
    });
    let mut reader = std::io::BufReader::new(client);
    let (mut echoed, mut relayed) = (0, 0);
    while echoed < queries || relayed < messages {
        match receive(&mut reader).len() {
            12 => echoed += 1,
            20_000 => relayed += 1,
            other => panic!("a message of {other} octets"),
        }
    }
    asking.join().unwrap();
    answering.join().unwrap();
}

#[test]
fn two_answers_on_one_connection_come_as_they_are_ready() {
    let house = House::new(&settings(1));
    let mut client = connect(house.server);
    let both = [framed(&message(RELAY, 1, 12)), framed(&message(RELAY, 2, 12))].concat();
    client.write_all(&both).unwrap();
    let (mut one, first) = house.take();
    let (mut two, second) = house.take();
    assert_eq!((first, second), (message(RELAY, 1, 12), message(RELAY, 2, 12)));
    for _ in 0..3 {
        two.write_all(&framed(&message(ECHO, 2, 100))).unwrap();
        assert_eq!(receive(&mut client), message(ECHO, 2, 100));
        one.write_all(&framed(&message(ECHO, 1, 50))).unwrap();
        assert_eq!(receive(&mut client), message(ECHO, 1, 50));
    }
    two.write_all(&END).unwrap();
    until("the second ends first", || house.count("relayed") == 1);
    one.write_all(&framed(&message(ECHO, 1, 50))).unwrap();
    assert_eq!(receive(&mut client), message(ECHO, 1, 50));
    one.write_all(&END).unwrap();
    until("both have ended", || house.count("relayed") == 2);
    assert!(echoes(&mut client));
}

#[test]
fn beyond_its_share_a_connection_waits() {
    let house = House::new(&Settings { relays_per_connection: 2, ..settings(1) });
    let mut client = connect(house.server);
    let mut octets: Vec<u8> = (1..=3).flat_map(|number| framed(&message(RELAY, number, 12))).collect();
    octets.extend(framed(&message(ECHO, 4, 12)));
    client.write_all(&octets).unwrap();
    let (mut one, _) = house.take();
    let (two, _) = house.take();
    until("it waits", || house.count("relaywait") == 1);
    assert_eq!([house.count("relaying"), house.count("received")], [2, 2]);
    one.write_all(&[&framed(&message(ECHO, 1, 12))[..], &END].concat()).unwrap();
    assert_eq!(receive(&mut client), message(ECHO, 1, 12));
    let (mut three, received) = house.take();
    assert_eq!(received, message(RELAY, 3, 12));
    three.write_all(&END).unwrap();
    assert_eq!(receive(&mut client), message(ECHO, 4, 12));
    drop(two);
    assert!(is_sorry(&receive(&mut client), 2));
}

#[test]
fn beyond_its_share_a_worker_asks_nobody() {
    let house = House::new(&Settings { relays_per_worker: 1, ..settings(1) });
    let (mut client, mut taker) = house.asked(1);
    let mut other = connect(house.server);
    other.write_all(&framed(&message(RELAY, 2, 12))).unwrap();
    assert!(is_sorry(&receive(&mut other), 2));
    assert_eq!(house.count("relayfull"), 1);
    taker.write_all(&END).unwrap();
    until("the first has ended", || house.count("relaying") == 0);
    other.write_all(&framed(&message(RELAY, 3, 12))).unwrap();
    house.take();
    assert!(echoes(&mut client));
}

#[test]
fn without_a_door_the_client_is_told_at_once() {
    let house = House::new(&settings(1));
    std::fs::remove_file(house._folder.path().join("door")).unwrap();
    let mut client = connect(house.server);
    client.write_all(&framed(&message(RELAY, 6, 12))).unwrap();
    assert!(is_sorry(&receive(&mut client), 6));
    assert!(echoes(&mut client));
    assert_eq!(house.count("relaynobody"), 1);
}

#[test]
fn datagrams_are_not_handed_over() {
    let (fd, server) = bound(Type::DGRAM, "127.0.0.1:0");
    let door = Door::new("/nowhere");
    let _network = Network::start(named(vec![fd]), &settings(1), None, move |_| Giver(door.clone())).unwrap();
    let client = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_read_timeout(Some(NEVER)).unwrap();
    client.send_to(&message(RELAY, 6, 12), server).unwrap();
    let mut reply = [0; 100];
    let length = client.recv(&mut reply).unwrap();
    assert!(is_sorry(&reply[..length], 6));
}

#[test]
fn a_silent_taker_is_given_up() {
    let house = House::new(&Settings { relay_timeout: SOON, ..settings(1) });
    let (mut client, mut taker) = house.asked(1);
    assert!(is_sorry(&receive(&mut client), 1));
    assert!(given_up(&mut taker));
    assert!(echoes(&mut client));

    let (mut client, mut taker) = house.asked(2);
    taker.write_all(&framed(&message(ECHO, 2, 12))).unwrap();
    receive(&mut client);
    // A part now and then is no message.
    until("given up", || taker.write_all(&[9]).is_err());
    assert!(closed(&mut client));
    assert_eq!([house.count("relaytimeout"), house.count("relaycut")], [2, 1]);
}

#[test]
fn a_connection_that_waits_for_an_answer_is_not_idle() {
    let house = House::new(&Settings { tcp_initial_timeout: SOON, tcp_idle_timeout: SOON, ..settings(1) });
    let (mut client, mut taker) = house.asked(1);
    // Another, opened later, has had its time; and one more after it.
    for _ in 0..2 {
        assert!(closed(&mut connect(house.server)), "an idle one is closed");
    }
    taker.write_all(&[&framed(&message(ECHO, 1, 12))[..], &END].concat()).unwrap();
    assert_eq!(receive(&mut client), message(ECHO, 1, 12));
    assert!(closed(&mut client), "afterwards it is idle again");
    assert_eq!([house.count("idletimeout"), house.count("initialtimeout")], [1, 2]);
}

#[test]
fn stopping_lets_an_answer_become_whole() {
    let house = House::new(&Settings { stop_grace: NEVER, ..settings(1) });
    let mut idle = connect(house.server);
    assert!(echoes(&mut idle));
    let (mut client, mut taker) = house.asked(1);
    taker.write_all(&framed(&message(ECHO, 1, 12))).unwrap();
    receive(&mut client);
    std::thread::scope(|scope| {
        let stopping = scope.spawn(|| house.network.stop());
        assert!(closed(&mut idle), "who waits for nothing is let go at once");
        for _ in 0..100 {
            taker.write_all(&framed(&message(ECHO, 1, 12))).unwrap();
            receive(&mut client);
        }
        assert!(!stopping.is_finished());
        taker.write_all(&END).unwrap();
        assert!(closed(&mut client));
        stopping.join().unwrap();
    });
    assert_eq!(house.count("relayed"), 1);
}

#[test]
fn stopping_does_not_wait_for_ever() {
    let house = House::new(&Settings { stop_grace: SOON, ..settings(1) });
    let (mut client, mut taker) = house.asked(1);
    taker.write_all(&framed(&message(ECHO, 1, 12))).unwrap();
    receive(&mut client);
    house.network.stop();
    assert!(closed(&mut client));
    assert!(given_up(&mut taker));
}
