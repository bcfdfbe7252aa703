//! A client of DNS over QUIC.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ApplicationClose, ClientConfig, Connection, ConnectionError, Endpoint, TransportConfig, VarInt};
use rcgen::{CertifiedKey, KeyPair};
use rustls::pki_types::CertificateDer;
use rustls::version::TLS13;

use super::{NEVER, framed, tls};

/// How a client speaks.
pub(crate) fn config(
    trusted: &CertificateDer<'static>,
    alpn: &[&str],
    own: Option<&CertifiedKey<KeyPair>>,
) -> ClientConfig {
    let tls = tls::client_as(trusted, &[&TLS13], alpn, own);
    let mut config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()));
    let mut transport = TransportConfig::default();
    // A test waits for the server's patience to end, not for its own.
    transport.keep_alive_interval(Some(Duration::from_millis(50)));
    // So that who does not read is felt.
    transport.stream_receive_window(100_000_u32.into()).receive_window(200_000_u32.into());
    config.transport_config(Arc::new(transport));
    config
}

pub(crate) async fn connect_with(
    server: SocketAddr,
    config: ClientConfig,
) -> Result<(Endpoint, Connection), ConnectionError> {
    let endpoint = Endpoint::client(([127, 0, 0, 1], 0).into()).unwrap();
    let connecting = endpoint.connect_with(config, server, "dns.example").unwrap();
    let connected = tokio::time::timeout(NEVER, connecting).await.expect("neither yes nor no");
    connected.map(|connection| (endpoint, connection))
}

/// A connection as it should be; it lasts as long as its endpoint.
pub(crate) async fn connect(server: SocketAddr, trusted: &CertificateDer<'static>) -> (Endpoint, Connection) {
    connect_with(server, config(trusted, &["doq"], None)).await.unwrap()
}

/// Sends octets on a stream of its own; what comes back, to the end, or none when the stream ends otherwise.
pub(crate) async fn exchange(connection: &Connection, octets: &[u8]) -> Option<Vec<u8>> {
    let (mut send, mut receive) = connection.open_bi().await.ok()?;
    send.write_all(octets).await.ok()?;
    send.finish().ok()?;
    let reading = receive.read_to_end(1 << 20);
    tokio::time::timeout(NEVER, reading).await.expect("neither an answer nor an end").ok()
}

/// One message and the one that answers it.
pub(crate) async fn ask(connection: &Connection, message: &[u8]) -> Option<Vec<u8>> {
    let reply = exchange(connection, &framed(message)).await?;
    let (length, message) = reply.split_first_chunk().unwrap();
    assert_eq!(usize::from(u16::from_be_bytes(*length)), message.len());
    Some(message.to_vec())
}

/// The code with which the server closes.
pub(crate) async fn closed(connection: &Connection) -> VarInt {
    match tokio::time::timeout(NEVER, connection.closed()).await.expect("it goes on") {
        ConnectionError::ApplicationClosed(ApplicationClose { error_code, .. }) => error_code,
        other => panic!("closed in another way: {other}"),
    }
}
