//! A stream that remembers since when its peer has not taken all that was written, and writes each response by itself.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::frames::Frames;

/// Since when something waits for the peer to take it.
#[derive(Debug, Default)]
pub(super) struct Stuck(Cell<Option<Instant>>);

impl Stuck {
    pub(super) fn since(&self) -> Option<Instant> {
        self.0.get()
    }

    /// Part of it taken is not all of it.
    fn wait(&self) {
        self.0.set(self.0.get().or_else(|| Some(Instant::now())));
    }
}

/// The stream.
pub(super) struct Watched<S> {
    stream: S,
    stuck: Rc<Stuck>,
    frames: Frames,
}

impl<S> Watched<S> {
    pub(super) fn new(stream: S) -> (Self, Rc<Stuck>) {
        let stuck = Rc::new(Stuck::default());
        (Self { stream, stuck: Rc::clone(&stuck), frames: Frames::default() }, stuck)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        space: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, space)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        let octets = octets.get(..self.frames.one_response(octets)).unwrap_or_default();
        let outcome = Pin::new(&mut self.stream).poll_write(context, octets);
        match outcome {
            Poll::Ready(Ok(written)) => self.frames.written(octets.get(..written).unwrap_or_default()),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => self.stuck.wait(),
        }
        outcome
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_flush(context);
        match outcome {
            Poll::Pending => self.stuck.wait(),
            Poll::Ready(_) => self.stuck.0.set(None),
        }
        outcome
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
