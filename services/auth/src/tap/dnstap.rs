//! dnstap: messages with who sent them and when, in protocol buffers.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use prost::Message as _;
use tenon_netmgr::Transport;
use tracing::{info, warn};

use super::frame_stream::FrameStream;
use super::{Event, TapStatistics, count};
use crate::messages;

const CONTENT: &[u8] = b"protobuf:dnstap.Dnstap";
/// How long until a reader that is not there is looked for again.
const RETRY: Duration = Duration::from_secs(1);

/// Types of a `Dnstap` and of a `Message`.
const MESSAGE: i32 = 1;
const AUTH_QUERY: i32 = 1;
const AUTH_RESPONSE: i32 = 2;

/// What goes into a frame.
#[derive(Clone, PartialEq, prost::Message)]
struct Envelope {
    #[prost(bytes = "vec", tag = "1")]
    identity: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    version: Vec<u8>,
    #[prost(message, optional, tag = "14")]
    message: Option<Message>,
    #[prost(int32, required, tag = "15")]
    kind: i32,
}

/// One message, or a query with its response.
#[derive(Clone, PartialEq, prost::Message)]
struct Message {
    #[prost(int32, required, tag = "1")]
    kind: i32,
    /// 1: IPv4, 2: IPv6.
    #[prost(int32, optional, tag = "2")]
    family: Option<i32>,
    /// 1: UDP, 2: TCP, 3: TLS, 4: HTTPS, 7: QUIC.
    #[prost(int32, optional, tag = "3")]
    protocol: Option<i32>,
    #[prost(bytes = "vec", optional, tag = "4")]
    query_address: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "5")]
    response_address: Option<Vec<u8>>,
    #[prost(uint32, optional, tag = "6")]
    query_port: Option<u32>,
    #[prost(uint32, optional, tag = "7")]
    response_port: Option<u32>,
    #[prost(uint64, optional, tag = "8")]
    query_seconds: Option<u64>,
    #[prost(fixed32, optional, tag = "9")]
    query_nanoseconds: Option<u32>,
    #[prost(bytes = "vec", optional, tag = "10")]
    query: Option<Vec<u8>>,
    #[prost(uint64, optional, tag = "12")]
    response_seconds: Option<u64>,
    #[prost(fixed32, optional, tag = "13")]
    response_nanoseconds: Option<u32>,
    #[prost(bytes = "vec", optional, tag = "14")]
    response: Option<Vec<u8>>,
}

/// The way to a reader.
#[derive(Debug)]
pub(super) struct Dnstap {
    path: PathBuf,
    identity: Vec<u8>,
    queries: bool,
    responses: bool,
    stream: Option<FrameStream>,
    tried: Option<Instant>,
    /// Why there is no stream, as it was logged.
    told: String,
    statistics: Arc<TapStatistics>,
}

impl Dnstap {
    pub(super) fn new(
        path: &Path,
        identity: &str,
        queries: bool,
        responses: bool,
        statistics: Arc<TapStatistics>,
    ) -> Self {
        Self {
            path: path.to_owned(),
            identity: identity.as_bytes().to_vec(),
            queries,
            responses: responses || !queries,
            stream: None,
            tried: None,
            told: String::new(),
            statistics,
        }
    }

    /// Sends what is to be told of an event; false when nobody takes it.
    pub(super) fn send(&mut self, event: &Event) -> bool {
        let frames = [
            self.queries.then(|| self.frame(AUTH_QUERY, event)),
            (self.responses && event.response.is_some()).then(|| self.frame(AUTH_RESPONSE, event)),
        ];
        frames.into_iter().flatten().all(|frame| self.with_stream(|stream| stream.write(&frame)))
    }

    /// Sends what waits to be sent with more.
    pub(super) fn flush(&mut self) {
        if self.stream.is_some() {
            self.with_stream(FrameStream::flush);
        }
    }

    /// The end.
    pub(super) fn finish(self) {
        if let Some(stream) = self.stream {
            // A reader that does not answer has what it has.
            let _ended = stream.finish();
            info!(message_id = messages::TAP_ENDED, path = %self.path.display(), "dnstap to {} ended", self.path.display());
        }
    }

    fn with_stream(&mut self, work: impl FnOnce(&mut FrameStream) -> std::io::Result<()>) -> bool {
        if self.stream.is_none() {
            self.connect();
        }
        let Some(stream) = &mut self.stream else { return false };
        match work(stream) {
            Ok(()) => true,
            Err(error) => {
                self.stream = None;
                self.tell(&error.to_string());
                false
            }
        }
    }

    fn connect(&mut self) {
        if self.tried.is_some_and(|tried| tried.elapsed() < RETRY) {
            return;
        }
        self.tried = Some(Instant::now());
        match FrameStream::open(&self.path, CONTENT) {
            Ok(stream) => {
                self.stream = Some(stream);
                self.told.clear();
                count(&self.statistics.tap_connections);
                info!(message_id = messages::TAP_CONNECTED, path = %self.path.display(), "dnstap goes to {}", self.path.display());
            }
            Err(error) => self.tell(&error.to_string()),
        }
    }

    /// Once is enough until it worked again.
    fn tell(&mut self, reason: &str) {
        if self.told.is_empty() {
            warn!(
                message_id = messages::TAP_BROKEN,
                path = %self.path.display(), reason,
                "nobody reads dnstap at {}: {reason}; trying again", self.path.display()
            );
        }
        reason.clone_into(&mut self.told);
    }

    fn frame(&self, kind: i32, event: &Event) -> Vec<u8> {
        let (seconds, nanoseconds) = since_epoch(event.at);
        let is_response = kind == AUTH_RESPONSE;
        let message = Message {
            kind,
            family: Some(if event.peer.ip().to_canonical().is_ipv4() { 1 } else { 2 }),
            protocol: Some(protocol(event.transport)),
            query_address: Some(octets(event.peer)),
            response_address: Some(octets(event.local)),
            query_port: Some(event.peer.port().into()),
            response_port: Some(event.local.port().into()),
            query_seconds: Some(seconds),
            query_nanoseconds: Some(nanoseconds),
            query: (!is_response).then(|| event.query.clone()),
            // Both within one batch: the query is looked at when its answer is made.
            response_seconds: is_response.then_some(seconds),
            response_nanoseconds: is_response.then_some(nanoseconds),
            response: if is_response { event.response.clone() } else { None },
        };
        let envelope = Envelope {
            identity: self.identity.clone(),
            version: concat!("tenon ", env!("CARGO_PKG_VERSION")).as_bytes().to_vec(),
            message: Some(message),
            kind: MESSAGE,
        };
        envelope.encode_to_vec()
    }
}

const fn protocol(transport: Transport) -> i32 {
    match transport {
        Transport::Udp => 1,
        Transport::Tcp => 2,
        Transport::Tls => 3,
        Transport::Https => 4,
        Transport::Quic => 7,
    }
}

fn octets(address: SocketAddr) -> Vec<u8> {
    match address.ip().to_canonical() {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

fn since_epoch(time: SystemTime) -> (u64, u32) {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    (since.as_secs(), since.subsec_nanos())
}
