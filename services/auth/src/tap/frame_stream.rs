//! Frame Streams, as dnstap is sent: the side that writes, over a UNIX socket, with the handshake of both ways.

use std::io::{self, BufWriter, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// How long the reader may take over anything.
const PATIENCE: Duration = Duration::from_secs(2);
/// Octets that are written together.
const TOGETHER: usize = 65_536;
/// Longest control frame of the reader (the format's own bound).
const LONGEST_CONTROL: u32 = 512;

/// Types of control frames.
const ACCEPT: u32 = 1;
const START: u32 = 2;
const STOP: u32 = 3;
const READY: u32 = 4;
const FINISH: u32 = 5;
/// The field of a control frame that names the content.
const CONTENT_TYPE: u32 = 1;

/// An open stream.
#[derive(Debug)]
pub(super) struct FrameStream {
    writer: BufWriter<UnixStream>,
}

impl FrameStream {
    /// Connects and agrees on the content.
    ///
    /// # Errors
    /// Nobody listens, or the reader wants something else.
    pub(super) fn open(path: &Path, content: &[u8]) -> io::Result<Self> {
        let stream = UnixStream::connect(path)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut this = Self { writer: BufWriter::with_capacity(TOGETHER, stream) };
        this.control(READY, Some(content))?;
        this.writer.flush()?;
        this.read_control(ACCEPT, content)?;
        this.control(START, Some(content))?;
        this.writer.flush()?;
        Ok(this)
    }

    /// Writes one frame; it may wait to be written with others.
    pub(super) fn write(&mut self, frame: &[u8]) -> io::Result<()> {
        let length = u32::try_from(frame.len()).map_err(io::Error::other)?;
        self.writer.write_all(&length.to_be_bytes())?;
        self.writer.write_all(frame)
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }

    /// Says that nothing more comes and waits until the reader has it all.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.control(STOP, None)?;
        self.writer.flush()?;
        self.read_control(FINISH, &[])
    }

    /// A control frame: an escape (a length of zero), its length, its type, and its fields.
    fn control(&mut self, kind: u32, content: Option<&[u8]>) -> io::Result<()> {
        let mut frame = kind.to_be_bytes().to_vec();
        if let Some(content) = content {
            frame.extend(CONTENT_TYPE.to_be_bytes());
            frame.extend(u32::try_from(content.len()).map_err(io::Error::other)?.to_be_bytes());
            frame.extend(content);
        }
        self.writer.write_all(&0_u32.to_be_bytes())?;
        self.write(&frame)
    }

    /// Reads a control frame of this kind that names, among others, this content if there is any.
    fn read_control(&mut self, kind: u32, content: &[u8]) -> io::Result<()> {
        let odd = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        let stream = self.writer.get_mut();
        let mut number = || -> io::Result<u32> {
            let mut octets = [0; 4];
            stream.read_exact(&mut octets)?;
            Ok(u32::from_be_bytes(octets))
        };
        let (escape, length, found) = (number()?, number()?, number()?);
        if escape != 0 || found != kind || !(4..=LONGEST_CONTROL).contains(&length) {
            return Err(odd("the reader does not speak Frame Streams"));
        }
        let mut fields = vec![0; length as usize - 4];
        stream.read_exact(&mut fields)?;
        if content.is_empty() || fields.windows(content.len()).any(|window| window == content) {
            Ok(())
        } else {
            Err(odd("the reader does not read dnstap"))
        }
    }
}
