//! Clients of HTTP/2: one that speaks it properly, one that sends whatever octets.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use data_encoding::BASE64URL_NOPAD;
use h2::client::{Builder, ResponseFuture, SendRequest};
use h2::{Reason, SendStream};
use http::{HeaderMap, Request};
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::NEVER;
use super::tls::{BOTH, client};

/// A request with its content.
pub(crate) type Asked = (Request<()>, Option<Bytes>);

pub(crate) fn post(message: &[u8]) -> Asked {
    let request = Request::post("https://dns.example/dns-query")
        .header("content-type", "application/dns-message")
        .header("accept", "application/dns-message");
    (request.body(()).unwrap(), Some(Bytes::copy_from_slice(message)))
}

pub(crate) fn get(message: &[u8]) -> Asked {
    let query = BASE64URL_NOPAD.encode(message);
    (Request::get(format!("https://dns.example/dns-query?dns={query}")).body(()).unwrap(), None)
}

/// A response.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    headers: HeaderMap,
    pub(crate) content: Vec<u8>,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// The side of a connection that asks.
#[derive(Clone)]
pub(crate) struct Requests(SendRequest<Bytes>);

/// One connection.
pub(crate) struct Client {
    requests: Requests,
    connection: JoinHandle<Result<(), h2::Error>>,
}

impl Client {
    pub(crate) async fn connect(server: SocketAddr, trusted: &CertificateDer<'static>) -> Self {
        Self::over(TcpStream::connect(server).await.unwrap(), trusted).await
    }

    pub(crate) async fn over<S>(stream: S, trusted: &CertificateDer<'static>) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        Self::with(&Builder::new(), encrypt(stream, trusted).await).await
    }

    /// One that lets the server send hardly anything.
    pub(crate) async fn narrow(server: SocketAddr, trusted: &CertificateDer<'static>) -> Self {
        let stream = encrypt(TcpStream::connect(server).await.unwrap(), trusted).await;
        Self::with(Builder::new().initial_window_size(10), stream).await
    }

    async fn with<S>(builder: &Builder, stream: S) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (requests, connection) = builder.handshake(stream).await.unwrap();
        Self { requests: Requests(requests), connection: tokio::spawn(connection) }
    }

    /// What asks on it, for several at the same time.
    pub(crate) fn requests(self) -> Requests {
        self.requests
    }

    pub(crate) async fn ask(&mut self, asked: Asked) -> Result<Reply, h2::Error> {
        self.requests.ask(asked).await
    }

    pub(crate) async fn begin(
        &mut self,
        asked: Asked,
    ) -> Result<impl Future<Output = Result<Reply, h2::Error>> + use<>, h2::Error> {
        self.requests.begin(asked).await
    }

    pub(crate) async fn begin_sending(
        &mut self,
        request: Request<()>,
    ) -> (ResponseFuture, SendStream<Bytes>) {
        self.requests.0.clone().ready().await.unwrap().send_request(request, false).unwrap()
    }

    /// Waits until the server closes; why, if it said.
    pub(crate) async fn until_end(&mut self) -> Option<Reason> {
        // A GOAWAY is told to whoever asks next, too.
        let ended = within(&mut self.connection).await.unwrap();
        match ended {
            Ok(()) => Some(Reason::NO_ERROR),
            Err(error) => error.reason(),
        }
    }
}

impl Requests {
    /// Sends a request, whose response comes from the future.
    pub(crate) async fn begin(
        &mut self,
        (request, content): Asked,
    ) -> Result<impl Future<Output = Result<Reply, h2::Error>> + use<>, h2::Error> {
        let mut requests = self.0.clone().ready().await?;
        let (response, mut sending) = requests.send_request(request, content.is_none())?;
        if let Some(content) = content {
            sending.send_data(content, true)?;
        }
        Ok(receive(response))
    }

    pub(crate) async fn ask(&mut self, asked: Asked) -> Result<Reply, h2::Error> {
        self.begin(asked).await?.await
    }
}

async fn receive(response: ResponseFuture) -> Result<Reply, h2::Error> {
    let (head, mut body) = within(response).await?.into_parts();
    let mut content = Vec::new();
    while let Some(piece) = within(body.data()).await {
        let piece = piece?;
        body.flow_control().release_capacity(piece.len())?;
        content.extend_from_slice(&piece);
    }
    Ok(Reply { status: head.status.as_u16(), headers: head.headers, content })
}

async fn encrypt<S>(stream: S, trusted: &CertificateDer<'static>) -> TlsStream<S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let name = ServerName::try_from("dns.example").unwrap();
    TlsConnector::from(client(trusted, BOTH, &["h2"])).connect(name, stream).await.unwrap()
}

/// Waits for something that is certain to come.
async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(NEVER, future).await.expect("it never came")
}

/// Waits until something becomes true, and lets others go on meanwhile.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + NEVER;
    while !holds() {
        assert!(Instant::now() < deadline, "never happened: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// All at the same time.
pub(crate) async fn together<F: Future + 'static>(count: usize, make: impl Fn(usize) -> F) -> Vec<F::Output>
where
    F::Output: 'static,
{
    let local = tokio::task::LocalSet::new();
    let tasks: Vec<_> = (0..count).map(|number| local.spawn_local(make(number))).collect();
    local
        .run_until(async {
            let mut outputs = Vec::new();
            for task in tasks {
                outputs.push(task.await.unwrap());
            }
            outputs
        })
        .await
}

/// A session in which anything can be said.
pub(crate) struct Raw(TlsStream<TcpStream>);

pub(crate) async fn agree(server: SocketAddr, trusted: &CertificateDer<'static>) -> Raw {
    Raw(encrypt(TcpStream::connect(server).await.unwrap(), trusted).await)
}

impl Raw {
    /// Begins as a client does, and goes on with frames.
    pub(crate) async fn begin_with(&mut self, frames: &[u8]) {
        let beginning = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
        self.send(&[&beginning[..], frames].concat()).await;
    }

    pub(crate) async fn send(&mut self, octets: &[u8]) {
        // Who is parted with meanwhile finds out when he reads.
        let _ended = self.try_send(octets).await;
    }

    pub(crate) async fn try_send(&mut self, octets: &[u8]) -> bool {
        self.0.write_all(octets).await.is_ok() && self.0.flush().await.is_ok()
    }

    /// Reads to the end; the reason in the last GOAWAY.
    pub(crate) async fn until_end(&mut self) -> Option<Reason> {
        let mut said = Vec::new();
        let mut room = [0; 4096];
        while let Ok(1..) = within(self.0.read(&mut room)).await.inspect(|octets| {
            said.extend_from_slice(&room[..*octets]);
        }) {}
        let mut reason = None;
        while let Some((&[a, b, c, kind, _, _, _, _, _], rest)) = said.split_first_chunk() {
            let length = usize::try_from(u32::from_be_bytes([0, a, b, c])).unwrap();
            let Some((body, rest)) = rest.split_at_checked(length) else { break };
            if kind == 7 {
                reason = body[4..].first_chunk().map(|code| Reason::from(u32::from_be_bytes(*code)));
            }
            said = rest.to_vec();
        }
        reason
    }
}

/// A frame that lets the server send without end, on each stream and over all.
pub(crate) fn wide_open() -> Vec<u8> {
    let largest = 0x7fff_ffff_u32.to_be_bytes();
    let settings = [&[0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 4][..], &largest].concat();
    let more = (0x7fff_ffff_u32 - 65_535).to_be_bytes();
    [&settings[..], &[0, 0, 4, 8, 0, 0, 0, 0, 0], &more].concat()
}

/// A GET as one frame, its head not compressed.
pub(crate) fn raw_get(stream: u32, message: &[u8]) -> Vec<u8> {
    let path = format!("/dns-query?dns={}", BASE64URL_NOPAD.encode(message));
    raw_head(stream, 0x82, &path, 5)
}

/// The head of a POST, whose content is to follow.
pub(crate) fn raw_post(stream: u32) -> Vec<u8> {
    raw_head(stream, 0x83, "/dns-query", 4)
}

fn raw_head(stream: u32, method: u8, path: &str, flags: u8) -> Vec<u8> {
    // Method and scheme by their numbers, path and authority written out (RFC 7541 appendix A).
    let mut block = vec![method, 0x87, 0x04, u8::try_from(path.len()).unwrap()];
    block.extend(path.as_bytes());
    block.extend([0x01, 11]);
    block.extend(b"dns.example");
    let mut frame = vec![0, 0, u8::try_from(block.len()).unwrap(), 1, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend(block);
    frame
}

pub(crate) fn raw_reset(stream: u32) -> Vec<u8> {
    [&[0, 0, 4, 3, 0][..], &stream.to_be_bytes(), &[0, 0, 0, 8]].concat()
}

/// Writes octet by octet, each in a segment of its own.
pub(crate) struct Dribble(pub(crate) TcpStream);

impl AsyncRead for Dribble {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        space: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, space)
    }
}

impl AsyncWrite for Dribble {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, &octets[..octets.len().min(1)])
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
