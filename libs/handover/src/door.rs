//! The giver's side: a request goes through the door without anybody waiting.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use rustix::net::{AddressFamily, SendFlags, SocketAddrUnix, SocketFlags, SocketType};
use thiserror::Error;

use crate::Request;

/// The way to a service, by the path of its socket.
#[derive(Debug, Clone)]
pub struct Door {
    path: PathBuf,
}

/// Why a request was not handed over.
#[derive(Debug, Error)]
pub enum HandOverError {
    /// Too many wait behind the door already; try again later.
    #[error("too many requests wait at {0}")]
    Full(PathBuf),
    /// There is no door, or it may not be used.
    #[error("{path} cannot be reached: {source}; is its socket unit started?")]
    Closed {
        /// The path of the socket.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Door {
    /// The door at a path. Nothing is opened yet.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where the socket is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Hands a request over; never blocks. The connection (non-blocking) is where the answer will come.
    pub fn hand_over(&self, request: &Request) -> Result<UnixStream, HandOverError> {
        let socket = self.connect().map_err(|error| self.refused(error))?;
        let frame = request.encode();
        let sent = rustix::net::send(&socket, &frame, SendFlags::NOSIGNAL | SendFlags::DONTWAIT)
            .map_err(|error| self.refused(error))?;
        if sent != frame.len() {
            return Err(HandOverError::Full(self.path.clone()));
        }
        Ok(UnixStream::from(socket))
    }

    fn connect(&self) -> Result<OwnedFd, rustix::io::Errno> {
        let socket = rustix::net::socket_with(
            AddressFamily::UNIX,
            SocketType::STREAM,
            SocketFlags::NONBLOCK | SocketFlags::CLOEXEC,
            None,
        )?;
        rustix::net::connect(&socket, &SocketAddrUnix::new(&self.path)?)?;
        Ok(socket)
    }

    fn refused(&self, error: rustix::io::Errno) -> HandOverError {
        match error {
            rustix::io::Errno::AGAIN => HandOverError::Full(self.path.clone()),
            other => HandOverError::Closed { path: self.path.clone(), source: other.into() },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::os::unix::net::UnixListener;

    use super::*;
    use crate::{Kind, MAX_MESSAGE, Transport};

    fn longest() -> Request {
        let nobody: SocketAddr = "192.0.2.1:1".parse().unwrap();
        Request {
            kind: Kind::Notify,
            transport: Transport::Udp,
            peer: nobody,
            local: nobody,
            tls_name: None,
            message: vec![1; MAX_MESSAGE],
        }
    }

    #[test]
    fn the_longest_request_goes_through_before_anybody_accepts() {
        let folder = tempfile::tempdir().unwrap();
        let door = Door::new(folder.path().join("door"));
        let listener = UnixListener::bind(door.path()).unwrap();
        drop(door.hand_over(&longest()).unwrap());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (stream, _) = listener.accept().unwrap();
        stream.set_nonblocking(true).unwrap();
        let received = runtime.block_on(async {
            let mut stream = tokio::net::UnixStream::from_std(stream).unwrap();
            crate::receive(&mut stream).await
        });
        assert_eq!(received.unwrap(), longest(), "although the giver is gone");
    }

    #[test]
    fn a_full_door_and_a_missing_one_are_told_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let door = Door::new(folder.path().join("door"));
        assert!(matches!(door.hand_over(&longest()), Err(HandOverError::Closed { .. })));
        let _listener = UnixListener::bind(door.path()).unwrap();
        let small = Request { message: Vec::new(), ..longest() };
        let mut waiting = Vec::new();
        let refused = loop {
            match door.hand_over(&small) {
                Ok(connection) => waiting.push(connection),
                Err(error) => break error,
            }
            assert!(waiting.len() < 100_000, "the door has no bound");
        };
        assert!(matches!(refused, HandOverError::Full(_)), "{refused}");
    }
}
