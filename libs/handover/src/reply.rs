//! The taker's side: the answer on its way back.

use std::io;

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
