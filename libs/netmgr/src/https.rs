//! DNS over HTTPS (RFC 8484): requests of HTTP/2 on an encrypted stream, each with its answer, all at the same time.
//!
//! What a client can make this hold is bounded. Requests: `https_streams` at a time, each with a head of at most
//! `https_header_octets`. Messages that come in parts: [`WINDOW`] octets over all exchanges, since their room is given
//! back only when they are whole. Replies: no more are made while the client has not taken those before. Whoever begins
//! exchanges and takes them back, or asks for what there is not, is parted with after `useless_requests` in a row.

mod connection;
mod exchange;
mod frames;
mod request;
mod watched;

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use h2::server::Builder;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::handler::{Handle, Handler};
use crate::quota::Permit;
use crate::settings::Limits;
use crate::worker::Worker;
use connection::Connection;
use watched::Watched;

/// Octets of messages that a client may send before the first of them is whole, over all exchanges: four of the longest.
const WINDOW: u32 = 4 * MESSAGE_WINDOW;
/// The same for one exchange.
const MESSAGE_WINDOW: u32 = 65_535;
/// Exchanges that their client took back and that are remembered, and for how long, so that what comes late for them is
/// no error.
const REMEMBERED: usize = 20;
const REMEMBERED_FOR: Duration = Duration::from_secs(5);

/// Serves one stream until it ends.
pub(crate) async fn serve<S, H>(worker: Rc<Worker<H>>, stream: S, handle: Handle, permit: Permit)
where
    S: AsyncRead + AsyncWrite + Unpin,
    H: Handler + 'static,
{
    let limits = &worker.common.limits;
    let (stream, stuck) = Watched::new(stream);
    let agreeing = builder(limits).handshake::<_, Bytes>(stream);
    let agreed = tokio::time::timeout(limits.initial(), agreeing).await;
    let h2 = match agreed {
        Ok(Ok(h2)) => h2,
        Ok(Err(_)) => return worker.counters.https(&handle.local).protocolerror.add(1),
        Err(_) => return worker.counters.tcp(&handle.local).initialtimeout.add(1),
    };
    Connection::new(worker, h2, stuck, handle, permit).serve().await;
}

fn builder(limits: &Limits) -> Builder {
    let mut builder = Builder::new();
    builder
        .max_concurrent_streams(limits.https_streams())
        .max_header_list_size(limits.https_header_octets())
        .initial_connection_window_size(WINDOW)
        .initial_window_size(MESSAGE_WINDOW)
        .max_send_buffer_size(MESSAGE_WINDOW as usize)
        .max_concurrent_reset_streams(REMEMBERED)
        .reset_stream_duration(REMEMBERED_FOR)
        .max_pending_accept_reset_streams(REMEMBERED);
    builder
}
