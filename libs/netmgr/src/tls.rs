//! Who this server is to clients over TLS (RFC 7858, RFC 8310): a certificate and its key, replaced while running.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;

/// DNS over TLS in the client's list of protocols (RFC 7858 section 3.1, RFC 9103 section 8.1).
const ALPN: &[u8] = b"dot";

/// A certificate with its key, ready for use: TLS 1.2 and 1.3, sessions resumed by tickets, no early data.
#[derive(Clone)]
pub struct Identity(Arc<ServerConfig>);

/// Why a certificate and a key are of no use.
#[derive(Debug, Error)]
pub enum IdentityError {
    /// The certificates cannot be read.
    #[error("the certificate is not in PEM form: {0}")]
    Certificate(PemError),
    /// There is no certificate.
    #[error("there is no certificate in the file; the server's comes first, then those that vouch for it")]
    NoCertificate,
    /// The key cannot be read.
    #[error("the key is not a private key in PEM form: {0}")]
    Key(PemError),
    /// They do not go together, or are of a kind that TLS does not know.
    #[error("certificate and key cannot be used: {0}")]
    Unusable(#[from] rustls::Error),
}

impl Identity {
    /// Reads a chain of certificates, the server's first, and the key of that one, both in PEM form (RFC 7468).
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Self, IdentityError> {
        let chain = CertificateDer::pem_slice_iter(certificates)
            .collect::<Result<Vec<_>, _>>()
            .map_err(IdentityError::Certificate)?;
        if chain.is_empty() {
            return Err(IdentityError::NoCertificate);
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(IdentityError::Key)?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        config.alpn_protocols = vec![ALPN.to_vec()];
        config.ticketer = ring::Ticketer::new()?;
        Ok(Self(Arc::new(config)))
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Identity")
    }
}

/// The identity in force. Looked up once for each connection.
#[derive(Debug)]
pub(crate) struct Current(ArcSwapOption<ServerConfig>);

impl Current {
    pub(crate) fn new(identity: Option<Identity>) -> Self {
        Self(ArcSwapOption::new(identity.map(|Identity(config)| config)))
    }

    pub(crate) fn set(&self, Identity(config): Identity) {
        self.0.store(Some(config));
    }

    pub(crate) fn get(&self) -> Option<Arc<ServerConfig>> {
        self.0.load_full()
    }
}
