//! Clients that prove by a certificate which account is theirs: the authority that vouches for them, and the name that it
//! vouches for. A client without a certificate is as welcome, and comes in by password or token.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::crypto::ring::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::{ResolvesServerCert, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;
use tracing::error;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::messages;
use crate::watched::{self, Identity};

/// Largest file that is read, in octets.
const FILE_LIMIT: u64 = 1 << 20;

/// What handshakes are made with, as the file of the authority is at the moment.
pub struct ClientAuthority {
    certificate: Arc<dyn ResolvesServerCert>,
    state: Mutex<State>,
}

struct State {
    file: Option<PathBuf>,
    seen: Option<Identity>,
    acceptor: TlsAcceptor,
    fault: Option<String>,
}

impl ClientAuthority {
    /// With the server's own certificate, and the file of those who vouch for clients, if there is one. A file that cannot
    /// be used is a fault, and no certificate of a client counts.
    pub fn new(
        certificate: Arc<dyn ResolvesServerCert>,
        file: Option<PathBuf>,
    ) -> Result<Self, rustls::Error> {
        let acceptor = acceptor(certificate.clone(), None).map_err(rustls::Error::General)?;
        let state = State { file, seen: None, acceptor, fault: None };
        Ok(Self { certificate, state: Mutex::new(state) })
    }

    /// Whether a file could be used.
    pub fn check(file: &Path) -> Result<(), String> {
        roots(file).map(drop)
    }

    /// Asks this file from now on.
    pub fn set_file(&self, file: Option<PathBuf>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.file != file {
            // Sessions of before are resumed with nobody.
            (state.file, state.seen, state.fault) = (file, None, None);
            self.look_again(&mut state);
        }
    }

    /// What the next handshake is made with.
    pub fn acceptor(&self) -> TlsAcceptor {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.file.as_deref().is_some_and(|file| state.seen.is_none() || state.seen != Identity::of(file))
        {
            self.look_again(&mut state);
        }
        state.acceptor.clone()
    }

    /// What is wrong with the file, if something is.
    pub fn fault(&self) -> Option<String> {
        self.acceptor();
        self.state.lock().unwrap_or_else(PoisonError::into_inner).fault.clone()
    }

    fn look_again(&self, state: &mut State) {
        state.seen = state.file.as_deref().and_then(Identity::of);
        let vouching = state.file.as_deref().map(roots).transpose();
        let made = vouching.and_then(|roots| acceptor(self.certificate.clone(), roots));
        let reason = match made {
            Ok(made) => {
                (state.acceptor, state.fault) = (made, None);
                return;
            }
            Err(reason) => reason,
        };
        // Who may come in by certificate is not known: nobody may. Passwords and tokens are as good as ever.
        if let Ok(without) = acceptor(self.certificate.clone(), None) {
            state.acceptor = without;
        }
        if state.fault.as_ref() != Some(&reason) {
            error!(
                message_id = messages::CLIENT_AUTHORITY_BROKEN,
                reason = %reason,
                "no client is let in by its certificate: {reason}"
            );
        }
        state.fault = Some(reason);
    }
}

/// The name that a client's certificate is for: its first alternative name that is a domain name or a mail address, or
/// else its common name.
pub fn name_of(certificate: &CertificateDer<'_>) -> Option<String> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let named = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) | GeneralName::RFC822Name(name) => Some((*name).to_owned()),
        _ => None,
    };
    if let Ok(Some(names)) = parsed.subject_alternative_name() {
        return names.value.general_names.iter().find_map(named);
    }
    let common = parsed.subject().iter_common_name().next()?;
    common.as_str().ok().map(str::to_owned)
}

fn acceptor(
    certificate: Arc<dyn ResolvesServerCert>,
    vouching: Option<RootCertStore>,
) -> Result<TlsAcceptor, String> {
    let provider = Arc::new(default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(|error| error.to_string())?;
    let builder = match vouching {
        None => builder.with_no_client_auth(),
        Some(roots) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .allow_unauthenticated()
                .build()
                .map_err(|error| error.to_string())?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut tls = builder.with_cert_resolver(certificate);
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(tls)))
}

fn roots(file: &Path) -> Result<RootCertStore, String> {
    let wrong = |reason: &dyn std::fmt::Display| format!("{}: {reason}", file.display());
    let text = watched::read(file, FILE_LIMIT).map_err(|error| wrong(&error))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|error| wrong(&error))?;
        roots.add(certificate).map_err(|error| wrong(&error))?;
    }
    if roots.is_empty() {
        return Err(wrong(&"no certificate is in it"));
    }
    Ok(roots)
}
