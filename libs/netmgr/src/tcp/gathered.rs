//! A stream that keeps what is written until all of it is to go: many records of TLS, one call of the system.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Octets after which they go without being told to.
const ENOUGH: usize = 64 * 1024;

/// The stream. It holds memory only while something waits to be written.
pub(super) struct Gathered<S> {
    stream: S,
    gathers: bool,
    waiting: Vec<u8>,
}

impl<S> Gathered<S> {
    /// A stream that passes everything on at once, until it is told to gather.
    pub(super) const fn new(stream: S) -> Self {
        Self { stream, gathers: false, waiting: Vec::new() }
    }

    /// From now on what is written goes with the next flush.
    pub(super) const fn gather(&mut self) {
        self.gathers = true;
    }
}

impl<S: AsyncWrite + Unpin> Gathered<S> {
    /// Writes what waits, all of it.
    fn poll_drain(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut written = 0;
        let outcome = loop {
            let Some(rest @ [_, ..]) = self.waiting.get(written..) else { break Poll::Ready(Ok(())) };
            match Pin::new(&mut self.stream).poll_write(context, rest) {
                Poll::Ready(Ok(0)) => break Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(octets)) => written += octets,
                Poll::Ready(Err(error)) => break Poll::Ready(Err(error)),
                Poll::Pending => break Poll::Pending,
            }
        };
        if written >= self.waiting.len() {
            self.waiting = Vec::new();
        } else {
            self.waiting.drain(..written);
        }
        outcome
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Gathered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        space: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, space)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Gathered<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        if !self.gathers {
            return Pin::new(&mut self.stream).poll_write(context, octets);
        }
        if self.waiting.len() >= ENOUGH {
            ready!(self.poll_drain(context))?;
        }
        self.waiting.extend_from_slice(octets);
        Poll::Ready(Ok(octets.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(context))?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(context))?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
