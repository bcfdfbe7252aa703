//! A stream that remembers since when its peer has not taken all that was written.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

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
}

impl<S> Watched<S> {
    pub(super) fn new(stream: S) -> (Self, Rc<Stuck>) {
        let stuck = Rc::new(Stuck::default());
        (Self { stream, stuck: Rc::clone(&stuck) }, stuck)
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
        let outcome = Pin::new(&mut self.stream).poll_write(context, octets);
        if outcome.is_pending() {
            self.stuck.wait();
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
