//! One request over HTTPS and its response.

use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{RecvStream, SendStream};
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode};

use super::request::{Asked, DNS_MESSAGE, examine, is_message, refusal};
use crate::answering::{Answered, Next, Relay, answer};
use crate::counters::HttpsCounters;
use crate::exchanges::{Outcome, Step};
use crate::handler::{Handle, Handler};
use crate::seat::Phase;
use crate::worker::Worker;

/// How long the rest of a refused request is waited for.
const REST: Duration = Duration::from_secs(1);

/// What an exchange has of its connection.
pub(super) struct Exchange<H> {
    pub(super) worker: Rc<Worker<H>>,
    pub(super) handle: Rc<Handle>,
    /// Octets of replies that were given out and perhaps not written.
    pub(super) unsent: Rc<Cell<usize>>,
    pub(super) step: Rc<Step>,
}

/// Why an exchange comes to nothing.
enum Failure {
    /// The request is of no use; this is to be said.
    Status(StatusCode),
    /// The client does not want to know any more.
    Cancelled,
}

impl From<h2::Error> for Failure {
    fn from(_: h2::Error) -> Self {
        Self::Cancelled
    }
}

impl<H: Handler> Exchange<H> {
    /// From the head of a request to the end of its response.
    pub(super) async fn run(self, request: Request<RecvStream>, mut respond: SendResponse<Bytes>) -> Outcome {
        self.counters().received.add(1);
        let (head, mut content) = request.into_parts();
        let failure = match self.answer(&head, &mut content, &mut respond).await {
            Ok(()) => return Outcome::Useful,
            Err(failure) => failure,
        };
        self.count(&failure);
        if let Failure::Status(status) = failure {
            self.read_rest(&mut content).await;
            // Who has gone need not be told.
            let _gone = respond.send_response(refusal(status), true);
        }
        Outcome::Useless
    }

    async fn answer(
        &self,
        head: &Parts,
        content: &mut RecvStream,
        respond: &mut SendResponse<Bytes>,
    ) -> Result<(), Failure> {
        let limits = &self.worker.common.limits;
        let longest = limits.https_body_octets();
        let message = match examine(head, |path| limits.is_https_path(path), longest) {
            Ok(Asked::Message(message)) => message,
            Ok(Asked::Follows) => read(content, longest).await?,
            Err(status) => return Err(Failure::Status(status)),
        };
        let (reply, freshness) = match answer(&self.worker, &self.handle, &message) {
            Answered::Reply(reply) => (reply.octets, reply.freshness),
            // There has to be a response; the message deserves none.
            Answered::Silence => return Err(Failure::Status(StatusCode::BAD_REQUEST)),
            Answered::Elsewhere(relay) => (self.relay(relay).await?, None),
        };
        self.reply(respond, reply, freshness, head.method == Method::HEAD).await
    }

    /// Takes what is left of a request that is refused, as far as a good one may be long and it comes without delay: a
    /// stream that is closed before is an error to some clients (curl 7.88), which then do not show the status.
    async fn read_rest(&self, content: &mut RecvStream) {
        let longest = self.worker.common.limits.https_body_octets();
        let reading = async {
            let mut octets = 0;
            while let Some(Ok(piece)) = content.data().await
                && octets <= longest
            {
                octets += piece.len();
                // The stream is about to end either way.
                let _closed = content.flow_control().release_capacity(piece.len());
            }
        };
        let _in_time = tokio::time::timeout(REST, reading).await;
    }

    /// The one message that another process answers with.
    async fn relay(&self, mut relay: Relay<H>) -> Result<Bytes, Failure> {
        self.step.enter(Phase::Relaying);
        match relay.next().await {
            Next::Message(message) => {
                // Its end, without which the other process is told that nobody listens.
                let _ended = relay.next().await;
                Ok(message)
            }
            Next::Failed(Some(instead)) => Ok(instead),
            Next::End | Next::Failed(None) => Err(Failure::Status(StatusCode::SERVICE_UNAVAILABLE)),
        }
    }

    async fn reply(
        &self,
        respond: &mut SendResponse<Bytes>,
        reply: Bytes,
        freshness: Option<u32>,
        only_head: bool,
    ) -> Result<(), Failure> {
        self.step.enter(Phase::Writing);
        let mut response = Response::new(());
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(DNS_MESSAGE));
        headers.insert(CONTENT_LENGTH, HeaderValue::from(reply.len()));
        let kept = freshness.and_then(|seconds| HeaderValue::try_from(format!("max-age={seconds}")).ok());
        headers.insert(CACHE_CONTROL, kept.unwrap_or(HeaderValue::from_static("no-store")));
        let mut stream = respond.send_response(response, only_head)?;
        if !only_head {
            self.send(&mut stream, reply).await?;
        }
        self.counters().sent.add(1);
        Ok(())
    }

    /// Gives out what the client has room for, until it is all.
    async fn send(&self, stream: &mut SendStream<Bytes>, mut reply: Bytes) -> Result<(), Failure> {
        stream.reserve_capacity(reply.len());
        loop {
            let room = stream.capacity().min(reply.len());
            if room > 0 || reply.is_empty() {
                let piece = reply.split_to(room);
                self.unsent.set(self.unsent.get() + room);
                stream.send_data(piece, reply.is_empty())?;
                if reply.is_empty() {
                    return Ok(());
                }
            }
            poll_fn(|context| stream.poll_capacity(context)).await.ok_or(Failure::Cancelled)??;
        }
    }

    fn count(&self, failure: &Failure) {
        let counters = self.counters();
        match failure {
            Failure::Cancelled => &counters.cancelled,
            Failure::Status(StatusCode::NOT_FOUND) => &counters.notfound,
            Failure::Status(StatusCode::METHOD_NOT_ALLOWED) => &counters.badmethod,
            Failure::Status(StatusCode::PAYLOAD_TOO_LARGE) => &counters.toolarge,
            Failure::Status(StatusCode::UNSUPPORTED_MEDIA_TYPE) => &counters.badtype,
            Failure::Status(StatusCode::SERVICE_UNAVAILABLE) => &counters.unavailable,
            Failure::Status(_) => &counters.badrequest,
        }
        .add(1);
    }

    fn counters(&self) -> &HttpsCounters {
        self.worker.counters.https(&self.handle.local)
    }
}

/// The message that follows the head of a request.
async fn read(content: &mut RecvStream, longest: usize) -> Result<Vec<u8>, Failure> {
    let mut message = Vec::new();
    while let Some(piece) = content.data().await {
        let piece = piece?;
        if message.len() + piece.len() > longest {
            return Err(Failure::Status(StatusCode::PAYLOAD_TOO_LARGE));
        }
        message.extend_from_slice(&piece);
    }
    // Not before it is whole, so that parts of messages are bounded over all exchanges of the connection.
    content.flow_control().release_capacity(message.len())?;
    if is_message(message.len()) { Ok(message) } else { Err(Failure::Status(StatusCode::BAD_REQUEST)) }
}
