//! The sockets that PID 1 passes on (sd_listen_fds(3)).

use std::io;
use std::os::fd::OwnedFd;
use std::process::ExitCode;
use std::time::Duration;

use listenfd::ListenFd;
use tenon_netmgr::{InheritedSocket, Protocol};
use tracing::error;

use crate::messages;

/// How the names of sockets begin by what is spoken on them, as `tenon-listen` writes them (`FileDescriptorName=`); on
/// those of any other name plain DNS.
const PROTOCOLS: [(&str, Protocol); 3] =
    [("dns-tls", Protocol::Tls), ("dns-https", Protocol::Https), ("dns-quic", Protocol::Quic)];

/// How those end that are for proxies.
const PROXY: &str = "-proxy";

/// Takes the sockets over. To be called before anything else and before any thread starts, since it changes the
/// process's environment.
///
/// # Errors
/// Something was passed on that is no Internet socket; the text says which descriptor.
pub fn inherited() -> io::Result<Vec<InheritedSocket>> {
    let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut names = names.split(':').filter(|name| !name.is_empty());
    let mut passed = ListenFd::from_env();
    let mut sockets = Vec::with_capacity(passed.len());
    for index in 0..passed.len() {
        let name = names.next().map_or_else(|| format!("socket-{index}"), str::to_owned);
        let fd = take(&mut passed, index).map_err(|error| {
            io::Error::new(error.kind(), format!("socket {name:?}, number {index}: {error}"))
        })?;
        let (protocol, proxied) = (protocol(&name), name.ends_with(PROXY));
        sockets.extend(fd.map(|fd| InheritedSocket { name, fd, protocol, proxied }));
    }
    Ok(sockets)
}

fn protocol(name: &str) -> Protocol {
    let known = PROTOCOLS.into_iter().find(|(beginning, _)| name.starts_with(beginning));
    known.map_or(Protocol::Plain, |(_, protocol)| protocol)
}

/// Takes one socket over, whichever kind it is; a failed attempt leaves it in its place.
fn take(passed: &mut ListenFd, index: usize) -> io::Result<Option<OwnedFd>> {
    match passed.take_udp_socket(index) {
        Ok(socket) => Ok(socket.map(OwnedFd::from)),
        Err(_) => Ok(passed.take_tcp_listener(index)?.map(OwnedFd::from)),
    }
}

/// How long a process that cannot serve stays before it ends: its unit starts the next at once, which will find the same.
const PAUSE: Duration = Duration::from_secs(1);

/// Tells why there is nothing to serve, as the program's last words.
#[must_use]
pub fn unusable(reason: &str) -> ExitCode {
    error!(message_id = messages::SOCKETS_UNUSABLE, reason = %reason, "cannot answer queries: {reason}");
    std::thread::sleep(PAUSE);
    ExitCode::FAILURE
}
