//! Messages over a TCP connection, each within its time, given up when that is asked for.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// How often a connection on which nothing happens is looked at whether to give it up.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Room for one message of the longest: enough for a small zone.
const FIRST_ROOM: usize = 2 + u16::MAX as usize;
/// Room for what comes in one read once much comes: several messages.
const ROOM: usize = 256 << 10;

/// Why no message came, or none could be sent.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// The primary closed the connection.
    #[error("it closed the connection in the middle")]
    Closed,
    /// No message in time.
    #[error("no whole message came within {} s (`xfrin/idle_timeout_s`)", .0.as_secs())]
    Idle(Duration),
    /// The time for everything is over.
    #[error("it took longer than {} s (`xfrin/total_timeout_s`)", .0.as_secs())]
    Total(Duration),
    /// It was asked to give up.
    #[error("given up on request")]
    Cancelled,
    /// The query could not be sent.
    #[error("the query could not be sent: {0}")]
    Send(io::Error),
    /// The system says something else.
    #[error("the connection broke: {0}")]
    Receive(io::Error),
}

/// How long things may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Patience {
    /// For one message.
    pub idle: Duration,
    /// For all of them.
    pub total: Duration,
}

/// A stream of octets to a primary, over TLS or not, that does not block for ever.
pub trait Link: Read + Write + Send {}

impl<T: Read + Write + Send> Link for T {}

/// A connection to a primary.
pub struct Connection<'c> {
    stream: Box<dyn Link>,
    patience: Patience,
    began: Instant,
    is_cancelled: &'c dyn Fn() -> bool,
    buffer: Vec<u8>,
    /// What of the buffer was read and not taken yet.
    filled: std::ops::Range<usize>,
}

impl<'c> Connection<'c> {
    /// A connection over a stream with [timeouts](prepare).
    pub fn new(stream: Box<dyn Link>, patience: Patience, is_cancelled: &'c dyn Fn() -> bool) -> Self {
        let buffer = vec![0; FIRST_ROOM];
        Self { stream, patience, began: Instant::now(), is_cancelled, buffer, filled: 0..0 }
    }

    /// Sends a message with its length before it.
    ///
    /// # Errors
    /// [`ConnectionError::Send`].
    pub fn send(&mut self, message: &[u8]) -> Result<(), ConnectionError> {
        let length = u16::try_from(message.len()).unwrap_or(u16::MAX).to_be_bytes();
        let sent = self.stream.write_all(&[&length[..], message].concat());
        sent.and_then(|()| self.stream.flush()).map_err(ConnectionError::Send)
    }

    /// The next message.
    ///
    /// # Errors
    /// See [`ConnectionError`].
    pub fn receive(&mut self) -> Result<&[u8], ConnectionError> {
        let waiting = Instant::now();
        loop {
            let filled = self.buffer.get(self.filled.clone()).unwrap_or_default();
            if let Some((length, rest)) = filled.split_first_chunk::<2>() {
                let length = usize::from(u16::from_be_bytes(*length));
                if rest.len() >= length {
                    let start = self.filled.start + 2;
                    self.filled.start = start + length;
                    return Ok(self.buffer.get(start..start + length).unwrap_or_default());
                }
            }
            self.read_more(waiting)?;
        }
    }

    fn read_more(&mut self, waiting: Instant) -> Result<(), ConnectionError> {
        // A whole message of any length must find room behind what is there.
        if self.buffer.len() - self.filled.start < FIRST_ROOM {
            self.buffer.copy_within(self.filled.clone(), 0);
            self.filled = 0..self.filled.len();
        }
        loop {
            if (self.is_cancelled)() {
                return Err(ConnectionError::Cancelled);
            }
            if self.began.elapsed() >= self.patience.total {
                return Err(ConnectionError::Total(self.patience.total));
            }
            if waiting.elapsed() >= self.patience.idle {
                return Err(ConnectionError::Idle(self.patience.idle));
            }
            match self.stream.read(self.buffer.get_mut(self.filled.end..).unwrap_or_default()) {
                Ok(0) => return Err(ConnectionError::Closed),
                Ok(length) => {
                    self.filled.end += length;
                    if self.filled.end == self.buffer.len() {
                        self.buffer.resize(ROOM, 0);
                    }
                    return Ok(());
                }
                Err(error) if is_nothing_yet(&error) => {}
                // TLS without the farewell that it should have.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Err(ConnectionError::Closed);
                }
                Err(error) => return Err(ConnectionError::Receive(error)),
            }
        }
    }
}

/// Has a stream come back now and then from waiting.
///
/// # Errors
/// What the system says.
pub fn prepare(stream: &TcpStream, patience: Patience) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(LOOK_EVERY))?;
    stream.set_write_timeout(Some(patience.idle))
}

fn is_nothing_yet(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}
