//! Certificates, and connections that are encrypted.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion};
use socket2::Type;
use tenon_netmgr::{ClientCertificates, Identity, InheritedSocket, Network, Protocol, Settings};

use super::{Obedient, bound, connect};

pub(crate) const BOTH: &[&SupportedProtocolVersion] = &[&TLS12, &TLS13];

pub(crate) fn certificate() -> CertifiedKey<KeyPair> {
    generate_simple_self_signed(vec!["dns.example".to_owned()]).unwrap()
}

pub(crate) fn identity(own: &CertifiedKey<KeyPair>) -> Identity {
    identity_and(own, ClientCertificates::Ignored)
}

pub(crate) fn identity_and(
    CertifiedKey { cert, signing_key }: &CertifiedKey<KeyPair>,
    clients: ClientCertificates<'_>,
) -> Identity {
    Identity::from_pem(cert.pem().as_bytes(), signing_key.serialize_pem().as_bytes(), clients).unwrap()
}

/// A network with one socket of that protocol.
pub(crate) fn start_with(
    protocol: Protocol,
    settings: &Settings,
    identity: Option<Identity>,
) -> (Network, SocketAddr) {
    let kind = if protocol == Protocol::Quic { Type::DGRAM } else { Type::STREAM };
    let (fd, server) = bound(kind, "127.0.0.1:0");
    let socket = InheritedSocket { name: "test".to_owned(), fd, protocol, proxied: false };
    (Network::start(vec![socket], settings, identity, |_| Obedient::default()).unwrap(), server)
}

/// The same with a certificate of its own.
pub(crate) fn serve_with(
    protocol: Protocol,
    settings: &Settings,
) -> (Network, SocketAddr, CertificateDer<'static>) {
    let own = certificate();
    let (network, server) = start_with(protocol, settings, Some(identity(&own)));
    (network, server, own.cert.der().clone())
}

pub(crate) fn client(
    trusted: &CertificateDer<'static>,
    versions: &[&'static SupportedProtocolVersion],
    alpn: &[&str],
) -> Arc<ClientConfig> {
    client_as(trusted, versions, alpn, None)
}

/// One that shows a certificate of its own if it has one.
pub(crate) fn client_as(
    trusted: &CertificateDer<'static>,
    versions: &[&'static SupportedProtocolVersion],
    alpn: &[&str],
    own: Option<&CertifiedKey<KeyPair>>,
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
    let builder = builder.with_root_certificates(roots);
    let mut config = match own {
        None => builder.with_no_client_auth(),
        Some(CertifiedKey { cert, signing_key }) => {
            let key = signing_key.serialize_der().try_into().unwrap();
            builder.with_client_auth_cert(vec![cert.der().clone()], key).unwrap()
        }
    };
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    Arc::new(config)
}

pub(crate) type Session = StreamOwned<ClientConnection, TcpStream>;

/// Connects and agrees on a session.
pub(crate) fn session(config: &Arc<ClientConfig>, server: SocketAddr) -> io::Result<Session> {
    let name = ServerName::try_from("dns.example").unwrap();
    let mut session =
        StreamOwned::new(ClientConnection::new(Arc::clone(config), name).unwrap(), connect(server));
    while session.conn.is_handshaking() {
        session.conn.complete_io(&mut session.sock)?;
    }
    Ok(session)
}
