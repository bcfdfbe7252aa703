//! The taker's side: the answer on its way back.

use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;

/// Ends an answer: a message of length zero.
pub const END: [u8; 2] = [0, 0];

/// Where the answer to one request goes. Dropped without [`Reply::finish`] it tells the giver that the answer is not
/// whole.
#[derive(Debug)]
pub struct Reply {
    stream: UnixStream,
}

impl Reply {
    /// The way back over the connection that a request came on.
    #[must_use]
    pub fn new(stream: UnixStream) -> Self {
        Self { stream }
    }

    /// Sends messages that already have their two-octet lengths before them. Waits while the client does not read.
    ///
    /// # Errors
    /// The client or the giver is gone.
    pub async fn send(&mut self, framed: &[u8]) -> io::Result<()> {
        self.stream.write_all(framed).await
    }

    /// Says that the answer is whole.
    ///
    /// # Errors
    /// The client or the giver is gone.
    pub async fn finish(mut self) -> io::Result<()> {
        self.stream.write_all(&END).await
    }

    /// The same for a thread that may block. Each write waits `idle` at most for the client to read on, and none goes
    /// on after `deadline`.
    ///
    /// # Errors
    /// The connection cannot be changed.
    pub fn into_blocking(self, idle: Duration, deadline: Instant) -> io::Result<BlockingReply> {
        let stream = self.stream.into_std()?;
        stream.set_nonblocking(false)?;
        stream.set_write_timeout(Some(idle.max(Duration::from_millis(1))))?;
        Ok(BlockingReply { stream, deadline })
    }

    /// Ends when the giver closed the connection: the client went, or the giver did.
    pub async fn gone(&self) {
        let mut octet = [0; 1];
        loop {
            if self.stream.readable().await.is_err() {
                return;
            }
            match self.stream.try_read(&mut octet) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // The giver sends nothing after its request: octets here are as wrong as an end.
                Ok(_) | Err(_) => return,
            }
        }
    }
}

/// Where an answer of one message goes.
#[derive(Debug)]
pub struct ShortReply(std::os::unix::net::UnixStream);

impl ShortReply {
    /// The way back over the connection that a request came on.
    #[must_use]
    pub const fn new(stream: std::os::unix::net::UnixStream) -> Self {
        Self(stream)
    }

    /// Sends all of the answer, its end included, without waiting, from any thread. Nothing was sent before, so there is room
    /// for it.
    ///
    /// # Errors
    /// The client or the giver is gone.
    pub fn send(mut self, framed: &[u8]) -> io::Result<()> {
        self.0.write_all(framed)
    }
}

/// The answer on its way back, written by a thread that may block. See [`Reply::into_blocking`].
#[derive(Debug)]
pub struct BlockingReply {
    stream: std::os::unix::net::UnixStream,
    deadline: Instant,
}

impl BlockingReply {
    /// Sends messages that already have their two-octet lengths before them.
    ///
    /// # Errors
    /// The client or the giver is gone; [`io::ErrorKind::TimedOut`] when the client stopped reading or took too long.
    pub fn send(&mut self, mut framed: &[u8]) -> io::Result<()> {
        while !framed.is_empty() {
            if Instant::now() >= self.deadline {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "it took too long in all"));
            }
            match self.stream.write(framed) {
                Ok(written) => framed = framed.get(written..).unwrap_or(&[]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Err(io::Error::new(io::ErrorKind::TimedOut, "the client stopped reading"));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Says that the answer is whole.
    ///
    /// # Errors
    /// As of [`BlockingReply::send`].
    pub fn finish(mut self) -> io::Result<()> {
        self.send(&END)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_client_that_stops_reading_or_dawdles_ends_the_answer() {
        let (taker, giver) = UnixStream::pair().unwrap();
        let idle = Duration::from_millis(50);
        let hour = Instant::now() + Duration::from_secs(3600);
        let mut reply = Reply::new(taker).into_blocking(idle, hour).unwrap();
        let error =
            tokio::task::spawn_blocking(move || reply.send(&vec![0; 64 << 20])).await.unwrap().unwrap_err();
        assert_eq!(
            (error.kind(), error.to_string().as_str()),
            (io::ErrorKind::TimedOut, "the client stopped reading")
        );
        drop(giver);

        let (taker, _giver) = UnixStream::pair().unwrap();
        let mut reply = Reply::new(taker).into_blocking(idle, Instant::now()).unwrap();
        assert_eq!(reply.send(b"x").unwrap_err().to_string(), "it took too long in all");
        let (taker, giver) = UnixStream::pair().unwrap();
        drop(giver);
        let mut reply = Reply::new(taker).into_blocking(idle, hour).unwrap();
        assert_eq!(reply.send(b"x").unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}
