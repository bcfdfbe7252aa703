//! The certificate of this server and its key, for clients over TLS, HTTPS and QUIC, and those who vouch for clients:
//! files that are replaced while it runs.

use std::path::{Path, PathBuf};

use tenon_image::Identity as FileIdentity;
use tenon_netmgr::{ClientCertificates, Identity};
use tracing::{error, info, warn};

use crate::messages;
use crate::settings::TlsClients;

/// The chain of certificates, the server's first, in PEM form.
const CERTIFICATE: &str = "certificate.pem";
/// The private key of the server's certificate, in PEM form.
const KEY: &str = "key.pem";
/// Certificates of those who vouch for clients, in PEM form.
const CLIENT_AUTHORITIES: &str = "client-ca.pem";

/// Seconds.
const DAY: i64 = 86_400;
/// Days before the end of a certificate from which on it is told.
const WARNING: i64 = 30;

/// What is known of the files.
#[derive(Debug)]
pub(crate) struct Certificate {
    directory: PathBuf,
    clients: TlsClients,
    /// The files as they were when they were last looked at.
    seen: Files,
    /// Those in force, or those that were complained about.
    settled: Option<Files>,
    fault: Option<String>,
    term: Term,
}

/// Certificate, key and, where they are looked at, the authorities of clients, as far as they are there; and whether
/// they are.
type Files = ([Option<FileIdentity>; 3], TlsClients);

impl Certificate {
    /// Reads the files of a directory for the first time.
    pub(crate) fn read(directory: &Path, clients: TlsClients) -> (Self, Option<Identity>) {
        let seen = ([None, None, None], clients);
        let mut certificate = Self {
            directory: directory.to_owned(),
            clients,
            seen,
            settled: None,
            fault: None,
            term: Term::default(),
        };
        certificate.seen = certificate.files();
        let identity = certificate.renew();
        (certificate, identity)
    }

    /// What is to be made of certificates of clients from the next look on.
    pub(crate) fn set_clients(&mut self, clients: TlsClients) {
        self.clients = clients;
    }

    /// What to show from now on, if the files were replaced by others that can be used.
    ///
    /// Two files cannot be replaced at once: a fault is told only when they are the same at the next look.
    pub(crate) fn renew(&mut self) -> Option<Identity> {
        let files = self.files();
        if self.settled.as_ref() == Some(&files) {
            return None;
        }
        let still = self.seen == files;
        self.seen = files;
        match self.load() {
            Ok(identity) => {
                info!(
                    message_id = messages::CERTIFICATE_TAKEN,
                    "clients over TLS are shown the certificate in {}",
                    self.directory.display()
                );
                self.fault = None;
                self.settled = Some(self.seen);
                self.term = Term { end: Some(identity.expiry()), ..Term::default() };
                Some(identity)
            }
            Err(reason) if still => {
                error!(message_id = messages::CERTIFICATE_UNUSABLE, reason = %reason, "no new certificate: {reason}");
                self.fault = Some(format!("the certificate for TLS cannot be used: {reason}"));
                self.settled = Some(self.seen);
                None
            }
            Err(_) => None,
        }
    }

    /// Tells once a day that the certificate in force ends soon or has ended. `now` is in seconds since 1970.
    pub(crate) fn look_at_clock(&mut self, now: i64) {
        let directory = self.directory.display();
        match self.term.due(now) {
            None => {}
            Some(days @ 0..) => warn!(
                message_id = messages::CERTIFICATE_ENDS,
                days,
                "the certificate in {directory} ends within {} days",
                days.saturating_add(1)
            ),
            Some(days) => error!(
                message_id = messages::CERTIFICATE_ENDED,
                "the certificate in {directory} has ended, {} days ago; clients over TLS turn away",
                days.saturating_add(1).unsigned_abs()
            ),
        }
    }

    /// What is wrong, as a sentence.
    pub(crate) fn fault(&self) -> Option<&str> {
        let ended =
            self.term.ended.then_some("the certificate for TLS has ended: put a new one in its place");
        self.fault.as_deref().or(ended)
    }

    fn files(&self) -> Files {
        let file = |name| FileIdentity::of(&self.directory.join(name));
        let asked = self.clients != TlsClients::Ignored;
        let authorities = asked.then(|| file(CLIENT_AUTHORITIES)).flatten();
        ([file(CERTIFICATE), file(KEY), authorities], self.clients)
    }

    fn load(&self) -> Result<Identity, String> {
        let read = |name| {
            let path = self.directory.join(name);
            std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))
        };
        let (certificates, key) = (read(CERTIFICATE)?, read(KEY)?);
        let authorities = match self.clients {
            TlsClients::Ignored => Vec::new(),
            TlsClients::Optional | TlsClients::Required => read(CLIENT_AUTHORITIES)?,
        };
        let clients = match self.clients {
            TlsClients::Ignored => ClientCertificates::Ignored,
            TlsClients::Optional => ClientCertificates::Optional(&authorities),
            TlsClients::Required => ClientCertificates::Required(&authorities),
        };
        Identity::from_pem(&certificates, &key, clients)
            .map_err(|error| format!("{}: {error}", self.directory.display()))
    }
}

/// How long the certificate in force holds.
#[derive(Debug, Default)]
struct Term {
    /// Its end, in seconds since 1970; none without a certificate.
    end: Option<i64>,
    /// When its end was told last.
    told: Option<i64>,
    ended: bool,
}

impl Term {
    /// The whole days that are left, if it is time to tell them; below zero once it has ended.
    fn due(&mut self, now: i64) -> Option<i64> {
        let left = self.end?.saturating_sub(now);
        let ended_before = self.ended;
        self.ended = left < 0;
        if left >= WARNING * DAY {
            return None;
        }
        let is_new = self.ended && !ended_before
            || self.told.is_none_or(|told| now.abs_diff(told) >= DAY.unsigned_abs());
        self.told = if is_new { Some(now) } else { self.told };
        is_new.then(|| left.div_euclid(DAY))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertifiedKey, generate_simple_self_signed};

    fn pair() -> [String; 2] {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(vec!["dns.example".to_owned()]).unwrap();
        [cert.pem(), signing_key.serialize_pem()]
    }

    fn put(directory: &Path, name: &str, text: &str) {
        std::fs::write(directory.join("new"), text).unwrap();
        std::fs::rename(directory.join("new"), directory.join(name)).unwrap();
    }

    #[test]
    fn its_end_is_told_once_a_day_and_is_a_fault_when_it_has_come() {
        let mut term = Term::default();
        assert_eq!(term.due(0), None, "there is no certificate");
        term.end = Some(100 * DAY);
        for (now, told, ended) in [
            (70 * DAY, None, false),
            (70 * DAY + 1, Some(29), false),
            (71 * DAY, None, false),
            (71 * DAY + 1, Some(28), false),
            (99 * DAY + 9, Some(0), false),
            (100 * DAY, None, false),
            (100 * DAY + 1, Some(-1), true),
            (100 * DAY + 2, None, true),
            (102 * DAY, Some(-2), true),
            // The clock was wrong.
            (80 * DAY, Some(20), false),
        ] {
            assert_eq!((term.due(now), term.ended), (told, ended), "{now}");
        }
    }

    #[test]
    fn replaced_files_are_taken_and_faults_told_once_they_stay() {
        let scratch = tempfile::tempdir().unwrap();
        let directory = scratch.path();
        let (mut certificate, identity) = Certificate::read(directory, TlsClients::Ignored);
        assert!(identity.is_none());
        assert!(certificate.fault().unwrap().contains("certificate.pem"), "{:?}", certificate.fault());

        let [text, key] = pair();
        put(directory, CERTIFICATE, &text);
        assert!(certificate.renew().is_none(), "the key is still missing");
        put(directory, KEY, &key);
        assert!(certificate.renew().is_some());
        assert_eq!(certificate.fault(), None);
        assert!(certificate.renew().is_none(), "nothing is new");

        let [text, key] = pair();
        put(directory, CERTIFICATE, &text);
        assert!(certificate.renew().is_none(), "the key is that of the other");
        assert_eq!(certificate.fault(), None, "it may come yet");
        assert!(certificate.renew().is_none());
        assert!(certificate.fault().is_some(), "it did not come");
        put(directory, KEY, &key);
        assert!(certificate.renew().is_some());
        assert_eq!(certificate.fault(), None);

        certificate.set_clients(TlsClients::Required);
        assert!(certificate.renew().is_none() && certificate.renew().is_none());
        assert!(certificate.fault().unwrap().contains(CLIENT_AUTHORITIES), "{:?}", certificate.fault());
        put(directory, CLIENT_AUTHORITIES, &text);
        assert!(certificate.renew().is_some());
        put(directory, CLIENT_AUTHORITIES, "nothing");
        assert!(certificate.renew().is_none() && certificate.renew().is_none());
        assert!(certificate.fault().unwrap().contains("vouch for clients"), "{:?}", certificate.fault());
        certificate.set_clients(TlsClients::Ignored);
        assert!(certificate.renew().is_some());
    }
}
