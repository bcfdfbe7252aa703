//! Tenon as it is: loader, compiler and server as processes of their own.

use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::io::{FdFlags, fcntl_setfd};
use socket2::{Domain, Protocol, Socket, Type};

use crate::cookie::SECRET;
use crate::process::Process;
use crate::world::Zone;

const PATIENCE: Duration = Duration::from_secs(60);

/// Loads and compiles the zones, and starts the server on them. Tells what the loader refused, by zone.
#[must_use]
pub fn start(zones: &[Zone], directory: &Path) -> (Process, String) {
    let directory = directory.join("tenon");
    for place in ["", "images", "config", "config/generations", "primary"] {
        std::fs::create_dir(directory.join(place)).unwrap();
    }
    let refused = load(zones, &directory);
    compile(&directory);
    (serve(&directory), refused)
}

/// A program of the stage; TENON_STAGE is what `make stage` wrote.
fn program(name: &str) -> PathBuf {
    let stage = std::env::var_os("TENON_STAGE").expect("TENON_STAGE: the directory that `make stage` wrote");
    let path = PathBuf::from(stage).join("usr").join(name);
    assert!(path.exists(), "{} is not there; make stage", path.display());
    path
}

fn load(zones: &[Zone], directory: &Path) -> String {
    let mut list = String::new();
    for zone in zones {
        list += &format!("{} {}\n", zone.origin, zone.file.display());
    }
    let path = directory.join("list");
    std::fs::write(&path, list).unwrap();
    let output = Command::new(program("bin/tenon-loadzone"))
        .args(["--no-signal", "--quiet", "--store"])
        .arg(directory.join("primary/zones.sqlite"))
        .arg("--list")
        .arg(&path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(matches!(output.status.code(), Some(0 | 1)), "tenon-loadzone: {}\n{said}", output.status);
    said
}

/// Runs the compiler until the manifest names as many zones as the store has.
fn compile(directory: &Path) {
    let mut command = Command::new(program("libexec/tenon/tenon-zonec"));
    command
        .arg("--config-dir")
        .arg(directory.join("config"))
        .arg("--images")
        .arg(directory.join("images"))
        .arg("--primary")
        .arg(directory.join("primary/zones.sqlite"))
        .env("DBUS_SYSTEM_BUS_ADDRESS", format!("unix:path={}", directory.join("no-bus").display()));
    let mut process = Process::start("zonec", SocketAddr::from(([127, 0, 0, 1], 0)), &mut command, directory);
    let began = Instant::now();
    let (mut size, mut calm) = (0, 0);
    while calm < 20 {
        process.must_run();
        assert!(began.elapsed() < PATIENCE, "no images:\n{}", process.said());
        std::thread::sleep(Duration::from_millis(50));
        let now = std::fs::metadata(directory.join("images/MANIFEST")).map_or(0, |file| file.len());
        calm = if now > 0 && now == size { calm + 1 } else { 0 };
        size = now;
    }
}

fn serve(directory: &Path) -> Process {
    settings(directory);
    let secrets = directory.join("cookie-secrets");
    std::fs::write(&secrets, format!("{SECRET}\n")).unwrap();
    let listener = bound(Type::STREAM, SocketAddr::from(([127, 0, 0, 1], 0)));
    let address = listener.local_addr().unwrap().as_socket().unwrap();
    let sockets: [OwnedFd; 2] = [bound(Type::DGRAM, address).into(), listener.into()];
    let notify = directory.join("notify");
    let notifications = UnixDatagram::bind(&notify).unwrap();
    notifications.set_read_timeout(Some(PATIENCE)).unwrap();
    // The shell puts the descriptors where a service manager would, by way of numbers that none of them has.
    let mut script = String::new();
    for (index, socket) in sockets.iter().enumerate() {
        fcntl_setfd(socket, FdFlags::empty()).unwrap();
        script += &format!("exec {}<&{}; ", 500 + index, socket.as_raw_fd());
    }
    for index in 0..sockets.len() {
        script += &format!("exec {}<&{}; ", 3 + index, 500 + index);
    }
    script += "exec \"$0\" \"$@\"";
    let mut command = Command::new("bash");
    command
        .args(["-c", &script])
        .arg(program("libexec/tenon/tenon-auth"))
        .arg("--config-dir")
        .arg(directory.join("config"))
        .arg("--images")
        .arg(directory.join("images"))
        .arg("--cookie-secrets")
        .arg(&secrets)
        .env("LISTEN_FDS", sockets.len().to_string())
        .env("LISTEN_FDNAMES", "test:test")
        .env("DBUS_SYSTEM_BUS_ADDRESS", format!("unix:path={}", directory.join("no-bus").display()))
        .env("NOTIFY_SOCKET", &notify);
    let process = Process::start("tenon", address, &mut command, directory);
    let mut buffer = [0; 4096];
    loop {
        let length = notifications.recv(&mut buffer).expect("READY=1");
        if String::from_utf8_lossy(&buffer[..length]).lines().any(|line| line == "READY=1") {
            return process;
        }
    }
}

/// Answers to ANY are whole, as those of BIND and NSD are.
fn settings(directory: &Path) {
    let document = r#"{"generation":1,"committed_usec":1,"author":"test","comment":"","settings":{"auth":{"minimal_any":false,"workers":1}}}"#;
    let config = directory.join("config");
    std::fs::write(config.join("generations/00000001.json"), document).unwrap();
    std::os::unix::fs::symlink("generations/00000001.json", config.join("current")).unwrap();
}

fn bound(kind: Type, address: SocketAddr) -> Socket {
    let protocol = if kind == Type::DGRAM { Protocol::UDP } else { Protocol::TCP };
    let socket = Socket::new(Domain::for_address(address), kind, Some(protocol)).unwrap();
    socket.set_reuse_port(true).unwrap();
    socket.bind(&address.into()).unwrap();
    if kind == Type::STREAM {
        socket.listen(128).unwrap();
    }
    socket
}
