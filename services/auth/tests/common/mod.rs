//! Questions, sockets kept outside, and the server as a process of its own.

// Each test binary uses its own part of this, and helpers of tests fail like tests.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub(crate) mod zones;

use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{Pid, Signal, kill_process};
use socket2::{Domain, Protocol, Socket, Type};
use tenon_private_bus::PrivateBus;
use tenon_wire::Name;

/// Nothing here takes long; a test that waits this long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until something becomes true.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "never happened: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A query without EDNS.
pub(crate) fn question(number: u16, name: &str, qtype: u16) -> Vec<u8> {
    let mut query = number.to_be_bytes().to_vec();
    query.extend([0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    query.extend(name.parse::<Name>().unwrap().octets());
    query.extend(qtype.to_be_bytes());
    query.extend([0, 1]);
    query
}

/// Queries of many kinds that all get an answer: data, none, no zone, EDNS with and without options, cookies good and
/// bad, class CH, other opcodes, and some that cannot be read.
pub(crate) fn mixed_queries() -> Vec<Vec<u8>> {
    let names = ["www.example.", "nothing.example.", "example.", "ns.example.", "www.elsewhere.", "."];
    let mut queries = Vec::new();
    for name in names {
        for qtype in [1, 2, 6, 16, 28, 43, 46, 255, 65280] {
            queries.push(question(queries.len() as u16, name, qtype));
            for (flags, options) in [
                (0, &[][..]),
                (0x80, &[]),
                (0x80, &[0, 3, 0, 0, 0, 11, 0, 0, 0, 19, 0, 0, 0, 9, 0, 0]),
                (0, &[0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8]),
                (0, &[0, 10, 0, 24, 1, 2, 3, 4, 5, 6, 7, 8, 1, 0, 0, 0, 9, 9, 9, 9, 1, 2, 3, 4, 5, 6, 7, 8]),
                (0, &[0, 10, 0, 3, 1, 2, 3]),
            ] {
                let mut query = question(queries.len() as u16, name, qtype);
                query[11] = 1;
                query.extend([0, 0, 41, 4, 208, 0, 0, flags, 0, 0, options.len() as u8]);
                query.extend(options);
                queries.push(query);
            }
        }
    }
    let mut chaos = question(1, "version.bind.", 16);
    *chaos.last_mut().unwrap() = 3;
    let mut status = question(2, "example.", 6);
    status[2] = 0x10;
    let mut broken = question(3, "example.", 6);
    broken.push(7);
    queries.extend([chaos, status, broken]);
    queries
}

/// What a test wants to know of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) number: u16,
    pub(crate) rcode: u8,
    /// The last octets, which are the address when there is nothing behind it.
    pub(crate) address: [u8; 4],
    pub(crate) records: u16,
}

impl Answer {
    pub(crate) fn read(message: &[u8]) -> Self {
        Self {
            number: u16::from_be_bytes([message[0], message[1]]),
            rcode: message[3] & 15,
            records: u16::from_be_bytes([message[6], message[7]]),
            address: message[message.len() - 4..].try_into().unwrap(),
        }
    }
}

pub(crate) fn client() -> UdpSocket {
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client
}

pub(crate) fn ask(client: &UdpSocket, server: SocketAddr, name: &str) -> Answer {
    client.send_to(&question(1, name, 1), server).unwrap();
    let mut message = [0; 4096];
    let length = client.recv(&mut message).expect("an answer");
    Answer::read(&message[..length])
}

/// Sockets as PID 1 would hold them, with the directories that the server reads.
pub(crate) struct House {
    scratch: tempfile::TempDir,
    pub(crate) address: SocketAddr,
    sockets: Vec<OwnedFd>,
    /// Where the bus is, or is not.
    bus: String,
}

impl House {
    /// With `udp` datagram sockets in one group and one listener.
    pub(crate) fn new(udp: usize) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let bus = format!("unix:path={}", scratch.path().join("no-bus").display());
        for directory in ["images", "config"] {
            std::fs::create_dir(scratch.path().join(directory)).unwrap();
        }
        let (listener, datagrams, address) = bound_both();
        let others = (1..udp).map(|_| bound(Type::DGRAM, address));
        let mut sockets: Vec<OwnedFd> = [datagrams].into_iter().chain(others).map(OwnedFd::from).collect();
        sockets.push(listener.into());
        Self { scratch, address, sockets, bus }
    }

    /// The same, with a bus.
    pub(crate) fn on_bus(daemon: &PrivateBus, udp: usize) -> Self {
        Self { bus: daemon.address(), ..Self::new(udp) }
    }

    pub(crate) fn images(&self) -> PathBuf {
        self.scratch.path().join("images")
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.scratch.path().join("config")
    }

    /// Where the directories of TSIG keys are.
    pub(crate) fn keys(&self) -> PathBuf {
        self.scratch.path().join("keys")
    }

    /// Starts the server on the sockets, as PID 1 does, and does not wait for it.
    pub(crate) fn start(&self) -> Server {
        let notify = self.scratch.path().join("notify");
        let _ = std::fs::remove_file(&notify);
        let notifications = UnixDatagram::bind(&notify).unwrap();
        notifications.set_read_timeout(Some(PATIENCE)).unwrap();
        // The shell puts the descriptors where a service manager would, by way of numbers that none of them has.
        let mut script = String::new();
        for (index, socket) in self.sockets.iter().enumerate() {
            fcntl_setfd(socket, FdFlags::empty()).unwrap();
            script += &format!("exec {}<&{}; ", 500 + index, socket.as_raw_fd());
        }
        for index in 0..self.sockets.len() {
            script += &format!("exec {}<&{}; ", 3 + index, 500 + index);
        }
        script += "exec \"$0\" \"$@\"";
        let names: Vec<_> = self.sockets.iter().map(|_| "test").collect();
        let process = Command::new("bash")
            .args(["-c", &script, env!("CARGO_BIN_EXE_tenon-auth"), "--instance", "7"])
            .arg("--config-dir")
            .arg(self.config())
            .arg("--keys-dir")
            .arg(self.keys())
            .arg("--images")
            .arg(self.images())
            .env("LISTEN_FDS", self.sockets.len().to_string())
            .env("LISTEN_FDNAMES", names.join(":"))
            .env("DBUS_SYSTEM_BUS_ADDRESS", &self.bus)
            .env("NOTIFY_SOCKET", &notify)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Server { process, notifications }
    }

    /// Starts the server and waits until it says that it is ready.
    pub(crate) fn start_ready(&self) -> Server {
        let server = self.start();
        server.wait_for("READY=1");
        server
    }
}

/// A listener and a socket of datagrams at the same port, which both had free.
pub(crate) fn bound_both() -> (Socket, Socket, SocketAddr) {
    loop {
        let listener = bound(Type::STREAM, SocketAddr::from(([127, 0, 0, 1], 0)));
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        match try_bound(Type::DGRAM, address) {
            Ok(datagrams) => return (listener, datagrams, address),
            // A client of another test has it.
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse),
        }
    }
}

/// A bound socket as a service manager would make it.
pub(crate) fn bound(kind: Type, address: SocketAddr) -> Socket {
    try_bound(kind, address).unwrap()
}

fn try_bound(kind: Type, address: SocketAddr) -> std::io::Result<Socket> {
    let protocol = if kind == Type::DGRAM { Protocol::UDP } else { Protocol::TCP };
    let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
    socket.set_reuse_port(true)?;
    socket.bind(&address.into())?;
    if kind == Type::STREAM {
        socket.listen(128)?;
    }
    Ok(socket)
}

/// A running server.
pub(crate) struct Server {
    process: Child,
    notifications: UnixDatagram,
}

impl Server {
    /// Number of the process.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn wait_for(&self, line: &str) {
        let mut buffer = [0; 4096];
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            let length = self.notifications.recv(&mut buffer).expect("a notification");
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if text.lines().any(|received| received == line) {
                return;
            }
        }
        panic!("no {line}");
    }

    pub(crate) fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    pub(crate) fn terminate(mut self) -> ExitStatus {
        kill_process(Pid::from_child(&self.process), Signal::TERM).unwrap();
        self.process.wait().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
