//! Zones over TLS (RFC 9103): TLS 1.3, the protocol `dot` agreed on, and a primary that proved who it is.
//!
//! Whatever of that is missing ends the connection before anything is asked: there is no way on without.

use std::io::{self, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error, RootCertStore,
    SignatureScheme, StreamOwned,
};
use sha2::{Digest, Sha256};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::settings::XfrinSettings;
use crate::way::Proof;

/// DNS over TLS in the list of protocols (RFC 9103 section 7.1).
const ALPN: &[u8] = b"dot";

/// Why there is no connection over TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file of ours.
    #[error("{}: {what}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// What we are cannot be used.
    #[error("our certificate and key cannot be used: {0}")]
    Identity(Error),
    /// The primary did not prove who it is, or speaks no TLS that we do.
    #[error("TLS: {0}")]
    Handshake(Error),
    /// It did not agree on DNS.
    #[error("TLS: it did not agree on the protocol `dot` (ALPN, RFC 9103 section 7.1)")]
    NoAlpn,
    /// The connection broke.
    #[error("the connection broke in the TLS handshake: {0}")]
    Broke(io::Error),
    /// Nothing in time.
    #[error("no TLS handshake within {} s (`xfrin/connect_timeout_s`)", .0.as_secs())]
    Late(Duration),
}

/// Makes a connection with timeouts one over TLS. It blocks, for `connect_timeout_s` at most.
///
/// # Errors
/// See [`TlsError`].
pub fn begin(
    mut stream: TcpStream,
    proof: &Proof,
    settings: &XfrinSettings,
) -> Result<StreamOwned<ClientConnection, TcpStream>, TlsError> {
    let config = Arc::new(config(proof, settings)?);
    let name = match proof {
        Proof::Name(name) => name.clone(),
        // Nobody looks at it, and it is not sent.
        Proof::Pin(_) => ServerName::IpAddress(std::net::Ipv4Addr::UNSPECIFIED.into()),
    };
    let mut session = ClientConnection::new(config, name).map_err(TlsError::Handshake)?;
    let (began, limit) = (Instant::now(), settings.connect_timeout());
    while session.is_handshaking() || session.wants_write() {
        if began.elapsed() >= limit {
            return Err(TlsError::Late(limit));
        }
        shake(&mut session, &mut stream)?;
    }
    if session.alpn_protocol() != Some(ALPN) {
        return Err(TlsError::NoAlpn);
    }
    Ok(StreamOwned::new(session, stream))
}

/// One step: says what is to be said, or hears what came.
fn shake(session: &mut ClientConnection, stream: &mut TcpStream) -> Result<(), TlsError> {
    if session.wants_write() {
        session.write_tls(stream).map_err(TlsError::Broke)?;
        return stream.flush().map_err(TlsError::Broke);
    }
    match session.read_tls(stream) {
        Ok(0) => return Err(TlsError::Broke(io::ErrorKind::UnexpectedEof.into())),
        Ok(_) => {}
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
        Err(error) => return Err(TlsError::Broke(error)),
    }
    if let Err(error) = session.process_new_packets() {
        // It may say why we hang up.
        let _gone = session.write_tls(stream);
        return Err(TlsError::Handshake(error));
    }
    Ok(())
}

fn config(proof: &Proof, settings: &XfrinSettings) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(TlsError::Identity)?;
    let builder = match proof {
        Proof::Name(_) => builder.with_root_certificates(authorities(Path::new(&settings.tls_ca_file))?),
        Proof::Pin(pin) => {
            let verifier = Arc::new(Pinned { pin: *pin, provider });
            builder.dangerous().with_custom_certificate_verifier(verifier)
        }
    };
    let mut config = match (&settings.tls_certificate_file, &settings.tls_key_file) {
        (Some(certificate), Some(key)) => {
            let (certificate, key) = (Path::new(certificate), Path::new(key));
            let chain = certificates(certificate)?;
            let file = |what: String| TlsError::File { path: key.to_owned(), what };
            let key = PrivateKeyDer::from_pem_file(key).map_err(|error| file(error.to_string()))?;
            builder.with_client_auth_cert(chain, key).map_err(TlsError::Identity)?
        }
        _ => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.enable_sni = matches!(proof, Proof::Name(_));
    Ok(config)
}

fn authorities(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut store = RootCertStore::empty();
    // Some in a system's bundle are of kinds that nobody can use; they vouch for nobody.
    let (usable, _) = store.add_parsable_certificates(certificates(path)?);
    if usable == 0 {
        let what = "it holds no certificate of an authority (`xfrin/tls_ca_file`)".to_owned();
        return Err(TlsError::File { path: path.to_owned(), what });
    }
    Ok(store)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let told = |error: rustls::pki_types::pem::Error| TlsError::File {
        path: path.to_owned(),
        what: error.to_string(),
    };
    CertificateDer::pem_file_iter(path).map_err(told)?.collect::<Result<_, _>>().map_err(told)
}

/// Lets in who has one key, whatever the certificate says besides.
#[derive(Debug)]
struct Pinned {
    pin: [u8; 32],
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let (_, certificate) = X509Certificate::from_der(end_entity)
            .map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
        if Sha256::digest(certificate.public_key().raw)[..] == self.pin[..] {
            return Ok(ServerCertVerified::assertion());
        }
        Err(Error::General("its key is not the one in tls_pin".to_owned()))
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("TLS 1.2 is not offered".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
