//! The certificate and its key: made at the first start, read again when they are replaced.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use data_encoding::{BASE64, HEXUPPER};
use ring::digest::{SHA256, digest};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tracing::{error, info};

use crate::messages;
use crate::watched::{self, Identity};

/// Largest file that is read, in octets.
const FILE_LIMIT: u64 = 1 << 20;

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read or written.
    #[error("{}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: io::Error,
    },
    /// A file does not hold what it should.
    #[error("{}: {reason}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The two files do not belong together.
    #[error("{}: the key is not that of the certificate: {reason}", path.display())]
    Mismatch {
        /// The key's file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// The two files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// Certificate and chain, PEM.
    pub certificate: PathBuf,
    /// Key, PEM.
    pub key: PathBuf,
}

/// A certificate in use.
#[derive(Debug)]
pub struct Pair {
    /// What TLS needs.
    pub certified: Arc<CertifiedKey>,
    /// SHA-256 of the certificate as `openssl x509 -fingerprint` writes it.
    pub fingerprint: String,
    /// SHA-256 of the public key as `curl --pinnedpubkey` takes it; empty when the key does not tell.
    pub pin: String,
}

/// The certificate of the moment.
#[derive(Debug)]
pub struct Certificate {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    files: Files,
    seen: [Option<Identity>; 2],
    pair: Option<Arc<Pair>>,
    fault: Option<String>,
}

impl Certificate {
    /// The certificate of these files; made when neither is there.
    pub fn new(files: Files) -> Self {
        if let Err(reason) = files.make_missing() {
            tell_broken(&reason);
        }
        let state = State { files, seen: [None; 2], pair: None, fault: None };
        let certificate = Self { state: Mutex::new(state) };
        certificate.now();
        certificate
    }

    /// Whether these are the files in use.
    pub fn has(&self, files: &Files) -> bool {
        self.state().files == *files
    }

    /// Whether these files could be used.
    pub fn check(files: &Files) -> Result<(), CertificateError> {
        files.read().map(drop)
    }

    /// Uses other files from now on; refused, and nothing is different, when they cannot be used.
    pub fn set_files(&self, files: Files) -> Result<(), CertificateError> {
        let mut state = self.state();
        if files == state.files {
            return Ok(());
        }
        let seen = files.identities();
        let pair = files.read()?;
        *state = State { files, seen, pair: Some(Arc::new(pair)), fault: None };
        Ok(())
    }

    /// The certificate now; the one before when the files were replaced by something that cannot be used.
    pub fn now(&self) -> Option<Arc<Pair>> {
        let mut state = self.state();
        let seen = state.files.identities();
        if seen != state.seen {
            state.look_again(seen);
        }
        state.pair.clone()
    }

    /// What is wrong with the files, if something is.
    pub fn fault(&self) -> Option<String> {
        self.now();
        self.state().fault.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn look_again(&mut self, seen: [Option<Identity>; 2]) {
        self.seen = seen;
        match self.files.read() {
            Ok(pair) => {
                info!(
                    message_id = messages::CERTIFICATE,
                    path = %self.files.certificate.display(),
                    fingerprint = %pair.fingerprint,
                    pin = %pair.pin,
                    "the certificate has SHA-256 {}; its key {}", pair.fingerprint, pair.pin
                );
                self.pair = Some(Arc::new(pair));
                self.fault = None;
            }
            Err(reason) => {
                tell_broken(&reason);
                self.fault = Some(format!("certificate: {reason}"));
            }
        }
    }
}

fn tell_broken(reason: &CertificateError) {
    error!(
        message_id = messages::CERTIFICATE_BROKEN,
        reason = %reason,
        "the certificate cannot be used: {reason}"
    );
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.now().map(|pair| pair.certified.clone())
    }
}

impl Files {
    fn identities(&self) -> [Option<Identity>; 2] {
        [Identity::of(&self.certificate), Identity::of(&self.key)]
    }

    fn read(&self) -> Result<Pair, CertificateError> {
        let content = |path: &Path, reason: String| CertificateError::Content { path: path.into(), reason };
        let text = read(&self.certificate)?;
        let chain: Result<Vec<CertificateDer<'static>>, _> = CertificateDer::pem_slice_iter(&text).collect();
        let chain = chain.map_err(|error| content(&self.certificate, error.to_string()))?;
        let Some(first) = chain.first() else {
            return Err(content(&self.certificate, "holds no certificate in PEM".into()));
        };
        let fingerprint = colons(&HEXUPPER.encode(digest(&SHA256, first).as_ref()));
        let key = PrivateKeyDer::from_pem_slice(&read(&self.key)?)
            .map_err(|error| content(&self.key, error.to_string()))?;
        let certified = CertifiedKey::from_der(chain, key, &default_provider()).map_err(|error| {
            CertificateError::Mismatch { path: self.key.clone(), reason: error.to_string() }
        })?;
        let public = certified.key.public_key();
        let pin =
            public.map(|public| format!("sha256//{}", BASE64.encode(digest(&SHA256, &public).as_ref())));
        Ok(Pair { certified: Arc::new(certified), fingerprint, pin: pin.unwrap_or_default() })
    }

    /// Writes a self-signed certificate when neither file is there. One that is there alone is somebody's.
    fn make_missing(&self) -> Result<(), CertificateError> {
        if self.certificate.exists() || self.key.exists() {
            return Ok(());
        }
        let failed = |error: rcgen::Error| CertificateError::Content {
            path: self.certificate.clone(),
            reason: format!("none could be made: {error}"),
        };
        let host = host_name();
        let names = vec!["localhost".to_owned(), host.clone(), "127.0.0.1".into(), "::1".into()];
        let key = rcgen::KeyPair::generate().map_err(failed)?;
        let mut wanted = rcgen::CertificateParams::new(names).map_err(failed)?;
        wanted.distinguished_name = rcgen::DistinguishedName::new();
        wanted.distinguished_name.push(rcgen::DnType::CommonName, format!("tenon-cmdctl on {host}"));
        let made = wanted.self_signed(&key).map_err(failed)?;
        let write = |path: &Path, text: String| {
            let at = |error| CertificateError::File { path: path.to_owned(), error };
            watched::replace(path, text.as_bytes(), 0o600).map_err(at)
        };
        // The key first: a certificate without key would be taken for somebody's.
        if self.key == self.certificate {
            return write(&self.key, format!("{}{}", made.pem(), key.serialize_pem()));
        }
        write(&self.key, key.serialize_pem())?;
        write(&self.certificate, made.pem())
    }
}

fn read(path: &Path) -> Result<Vec<u8>, CertificateError> {
    watched::read(path, FILE_LIMIT).map_err(|error| CertificateError::File { path: path.to_owned(), error })
}

/// What the host calls itself, where that is a name that can stand in a certificate.
fn host_name() -> String {
    // Not from the kernel: the sandbox shows no more of /proc than processes.
    let name = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    let name = name.trim();
    let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'));
    if plain { name.to_owned() } else { "localhost".to_owned() }
}

fn colons(hexadecimal: &str) -> String {
    let octets: Vec<&str> =
        hexadecimal.as_bytes().chunks(2).filter_map(|o| std::str::from_utf8(o).ok()).collect();
    octets.join(":")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn files(directory: &Path, name: &str) -> Files {
        let path = |kind| directory.join(format!("{name}.{kind}"));
        Files { certificate: path("certificate"), key: path("key") }
    }

    #[test]
    fn one_is_made_and_another_that_takes_its_place_is_used() {
        let scratch = tempfile::tempdir().unwrap();
        let (first, second) = (files(scratch.path(), "first"), files(scratch.path(), "second"));
        let certificate = Certificate::new(first.clone());
        let before = certificate.now().unwrap();
        assert_eq!(before.fingerprint.len(), 95);
        assert!(before.pin.starts_with("sha256//"), "{}", before.pin);
        let mode = std::fs::metadata(&first.key).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        // The same files give the same certificate to the process that comes after.
        assert_eq!(Certificate::new(first.clone()).now().unwrap().fingerprint, before.fingerprint);

        let other = Certificate::new(second.clone()).now().unwrap();
        std::fs::rename(&second.certificate, &first.certificate).unwrap();
        assert_eq!(certificate.now().unwrap().fingerprint, before.fingerprint, "its key is still to come");
        assert!(certificate.fault().unwrap().contains("not that of the certificate"));
        std::fs::rename(&second.key, &first.key).unwrap();
        assert_eq!(certificate.now().unwrap().fingerprint, other.fingerprint);
        assert_eq!(certificate.fault(), None);
        std::fs::remove_file(&first.certificate).unwrap();
        assert_eq!(certificate.now().unwrap().fingerprint, other.fingerprint);
        assert!(certificate.fault().is_some());
    }

    #[test]
    fn other_files_are_refused_when_they_cannot_be_used() {
        let scratch = tempfile::tempdir().unwrap();
        let certificate = Certificate::new(files(scratch.path(), "first"));
        let before = certificate.now().unwrap().fingerprint.clone();
        assert!(certificate.set_files(files(scratch.path(), "nothing")).is_err());
        let broken = files(scratch.path(), "broken");
        std::fs::write(&broken.certificate, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
            .unwrap();
        std::fs::write(&broken.key, "no key").unwrap();
        assert!(certificate.set_files(broken).is_err());
        assert_eq!(certificate.now().unwrap().fingerprint, before);
    }
}
