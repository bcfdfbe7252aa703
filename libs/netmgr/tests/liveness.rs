//! What the outside can tell about workers that turn, stick or fall.
// In a test a failed expectation is the failure.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::net::UdpSocket;
use std::sync::mpsc;

use common::{bound, settings, until};
use socket2::Type;
use tenon_netmgr::{Handle, Handler, InheritedSocket, Network, Settings, Verdict};

/// Waits when told to, and panics when told to.
struct Fragile(mpsc::Receiver<()>);

impl Handler for Fragile {
    fn answer(&mut self, _: &Handle, message: &[u8], out: &mut [u8]) -> Verdict {
        match message {
            b"stick" => self.0.recv().unwrap_or_default(),
            b"fall" => panic!("as told"),
            _ => {}
        }
        out[0] = b'!';
        Verdict::Reply(1)
    }
}

fn serve() -> (Network, UdpSocket, mpsc::Sender<()>) {
    let (fd, server) = bound(Type::DGRAM, "127.0.0.1:0");
    let (release, wait) = mpsc::channel();
    let wait = std::sync::Mutex::new(Some(wait));
    let sockets = vec![InheritedSocket {
        name: "test".to_owned(),
        fd,
        protocol: tenon_netmgr::Protocol::Plain,
        proxied: false,
    }];
    let one = Settings { workers: 1, ..settings(1) };
    let network =
        Network::start(sockets, &one, None, move |_| Fragile(wait.lock().unwrap().take().unwrap())).unwrap();
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.connect(server).unwrap();
    client.set_read_timeout(Some(common::NEVER)).unwrap();
    (network, client, release)
}

#[test]
fn a_stuck_worker_does_not_beat() {
    let (network, client, release) = serve();
    let mut pulse = network.pulse();
    assert!(pulse.all_beat(), "at the start it gets the benefit of the doubt");
    client.send(b"stick").unwrap();
    until("it sticks", || !pulse.all_beat());
    release.send(()).unwrap();
    client.recv(&mut [0; 1]).expect("answered in the end");
    until("it beats again", || pulse.all_beat());
}

#[tokio::test(flavor = "current_thread")]
async fn a_fallen_worker_is_told() {
    let (network, client, _release) = serve();
    let fallen = network.fallen();
    client.send(b"fall").unwrap();
    tokio::time::timeout(common::NEVER, fallen).await.expect("it is told");
}

#[test]
fn sockets_of_no_use_are_refused_as_a_whole() {
    let (fd, _) = bound(Type::DGRAM, "127.0.0.1:0");
    let (unix, _other) = std::os::unix::net::UnixDatagram::pair().unwrap();
    let sockets = vec![
        InheritedSocket {
            name: "good".to_owned(),
            fd,
            protocol: tenon_netmgr::Protocol::Plain,
            proxied: false,
        },
        InheritedSocket {
            name: "bad".to_owned(),
            fd: unix.into(),
            protocol: tenon_netmgr::Protocol::Plain,
            proxied: false,
        },
    ];
    let error = Network::start(sockets, &settings(1), None, |_| common::Obedient::default()).unwrap_err();
    assert!(error.to_string().contains("bad"), "{error}");
}
