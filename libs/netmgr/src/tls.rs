//! Who this server is to clients over TLS (RFC 7858, 8310, 8484, 9250): a certificate and its key, replaced while
//! running; and whose certificates of clients it believes.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use quinn::crypto::rustls::QuicServerConfig;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoClientAuth, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use thiserror::Error;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// DNS over TLS in the client's list of protocols (RFC 7858 section 3.1, RFC 9103 section 8.1).
const DOT: &[u8] = b"dot";
/// HTTP/2 (RFC 9113 section 3.2).
const H2: &[u8] = b"h2";
/// DNS over QUIC (RFC 9250 section 4.1.1).
const DOQ: &[u8] = b"doq";

/// A certificate with its key, ready for use: TLS 1.2 and 1.3, sessions resumed by tickets, no early data.
#[derive(Clone)]
pub struct Identity(Arc<Configurations>);

/// One for each protocol. Tickets of one are of no use to another, since not all look at certificates of clients.
pub(crate) struct Configurations {
    pub(crate) tls: Arc<ServerConfig>,
    pub(crate) https: Arc<ServerConfig>,
    pub(crate) quic: Arc<QuicServerConfig>,
    expiry: i64,
}

/// What is made of certificates of clients over TLS and QUIC (RFC 8310 section 8.1, RFC 9103 section 9.3.3). Clients over
/// HTTPS are not asked for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientCertificates<'a> {
    /// Clients are not asked for any.
    Ignored,
    /// A client may show one that an authority of these vouches for (PEM form); a bad one ends its connection.
    Optional(&'a [u8]),
    /// A client has to show one.
    Required(&'a [u8]),
}

/// Why a certificate and a key are of no use.
#[derive(Debug, Error)]
pub enum IdentityError {
    /// The certificates cannot be read.
    #[error("the certificate is not in PEM form: {0}")]
    Certificate(PemError),
    /// There is no certificate.
    #[error("there is no certificate in the file; the server's comes first, then those that vouch for it")]
    NoCertificate,
    /// The certificate is in PEM form, and no certificate.
    #[error("the server's certificate cannot be understood")]
    NotUnderstood,
    /// The key cannot be read.
    #[error("the key is not a private key in PEM form: {0}")]
    Key(PemError),
    /// They do not go together, or are of a kind that TLS does not know.
    #[error("certificate and key cannot be used: {0}")]
    Unusable(#[from] rustls::Error),
    /// The certificates of those who vouch for clients cannot be used.
    #[error("the authorities that vouch for clients cannot be used: {0}")]
    Authorities(String),
}

impl Identity {
    /// Reads a chain of certificates, the server's first, and the key of that one, both in PEM form (RFC 7468).
    pub fn from_pem(
        certificates: &[u8],
        key: &[u8],
        clients: ClientCertificates<'_>,
    ) -> Result<Self, IdentityError> {
        let chain = CertificateDer::pem_slice_iter(certificates)
            .collect::<Result<Vec<_>, _>>()
            .map_err(IdentityError::Certificate)?;
        let own = chain.first().ok_or(IdentityError::NoCertificate)?;
        let expiry = expiry(own).ok_or(IdentityError::NotUnderstood)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(IdentityError::Key)?;
        let maker = Maker { provider: Arc::new(ring::default_provider()), chain, key };
        let verifier = verifier(clients, &maker.provider)?;
        let quic = maker.make(DOQ, Arc::clone(&verifier), &[&rustls::version::TLS13])?;
        let quic =
            QuicServerConfig::try_from(quic).map_err(|error| rustls::Error::General(error.to_string()))?;
        Ok(Self(Arc::new(Configurations {
            tls: Arc::new(maker.make(DOT, verifier, rustls::DEFAULT_VERSIONS)?),
            https: Arc::new(maker.make(H2, Arc::new(NoClientAuth), rustls::DEFAULT_VERSIONS)?),
            quic: Arc::new(quic),
            expiry,
        })))
    }

    pub(crate) fn quic(&self) -> Arc<QuicServerConfig> {
        Arc::clone(&self.0.quic)
    }

    /// When the certificate ends, in seconds since 1970.
    #[must_use]
    pub fn expiry(&self) -> i64 {
        self.0.expiry
    }
}

/// What the configurations have in common.
struct Maker {
    provider: Arc<CryptoProvider>,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Maker {
    fn make(
        &self,
        alpn: &[u8],
        verifier: Arc<dyn ClientCertVerifier>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Result<ServerConfig, rustls::Error> {
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(versions)?
            .with_client_cert_verifier(verifier)
            .with_single_cert(self.chain.clone(), self.key.clone_key())?;
        config.alpn_protocols = vec![alpn.to_vec()];
        config.ticketer = ring::Ticketer::new()?;
        Ok(config)
    }
}

fn verifier(
    clients: ClientCertificates<'_>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, IdentityError> {
    let (authorities, required) = match clients {
        ClientCertificates::Ignored => return Ok(Arc::new(NoClientAuth)),
        ClientCertificates::Optional(authorities) => (authorities, false),
        ClientCertificates::Required(authorities) => (authorities, true),
    };
    let unusable = |error: &dyn fmt::Display| IdentityError::Authorities(error.to_string());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(authorities) {
        let certificate = certificate.map_err(|error| unusable(&error))?;
        roots.add(certificate).map_err(|error| unusable(&error))?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    let builder = if required { builder } else { builder.allow_unauthenticated() };
    // Without any certificate this fails, and says so.
    builder.build().map_err(|error| unusable(&error))
}

/// When a certificate ends, in seconds since 1970.
fn expiry(certificate: &CertificateDer<'_>) -> Option<i64> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    Some(parsed.validity().not_after.timestamp())
}

/// The first host name in a client's certificate that was found good, in lower case.
pub(crate) fn client_name(chain: Option<&[CertificateDer<'_>]>) -> Option<std::rc::Rc<str>> {
    let (_, parsed) = X509Certificate::from_der(chain?.first()?).ok()?;
    let names = parsed.subject_alternative_name().ok()??;
    let name = names.value.general_names.iter().find_map(|name| match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        _ => None,
    })?;
    Some(name.into())
}

impl fmt::Debug for Identity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Identity")
    }
}

/// The identity in force. Looked up once for each connection.
pub(crate) struct Current(ArcSwapOption<Configurations>);

impl Current {
    pub(crate) fn new(identity: Option<Identity>) -> Self {
        Self(ArcSwapOption::new(identity.map(|Identity(all)| all)))
    }

    pub(crate) fn set(&self, Identity(all): Identity) {
        self.0.store(Some(all));
    }

    pub(crate) fn get(&self) -> Option<Arc<Configurations>> {
        self.0.load_full()
    }
}

impl fmt::Debug for Current {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Current")
    }
}
