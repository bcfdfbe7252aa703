//! A request's body that outlives whoever reads it.
//!
//! An answer may be given before the whole request was read. Over HTTP/2 a body that is dropped before the answer is on
//! its way cancels the stream, and the client sees an error where it should see, say, 403; dropped afterwards it only
//! says that no more is wanted (RFC 9113, 8.1). So the answer's body keeps the request's. Even so some clients (curl 7.88)
//! fail when they had not sent everything yet: a small rest is read before the answer goes out.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use tokio::time::timeout;

/// Octets of a request that are read though nobody wants them.
const REST: usize = 65_536;
const PATIENCE: Duration = Duration::from_secs(1);

/// A request's body, lent to whoever reads it.
#[derive(Clone, Debug)]
pub(crate) struct Lent(Arc<Mutex<Incoming>>);

impl Lent {
    pub(crate) fn new(body: Incoming) -> Self {
        Self(Arc::new(Mutex::new(body)))
    }

    /// Reads the rest, as far as it is short and comes without delay.
    pub(crate) async fn read_rest(&mut self) {
        let mut left = REST;
        let reading = async {
            while let Some(Ok(frame)) = self.frame().await {
                left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
                if left == 0 {
                    break;
                }
            }
        };
        // What did not come in time is not waited for: the answer stands.
        let _in_time = timeout(PATIENCE, reading).await;
    }

    /// An answer's body that keeps this one until it has been sent.
    pub(crate) fn kept_by(self, answer: Body) -> Body {
        Body::new(Keeper { answer, _request: self })
    }
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let mut body = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Pin::new(&mut *body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).size_hint()
    }
}

struct Keeper {
    answer: Body,
    _request: Lent,
}

impl HttpBody for Keeper {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.answer).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.answer.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.answer.size_hint()
    }
}
