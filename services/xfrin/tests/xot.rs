//! Zones over TLS: from primaries that prove who they are, and from no others.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::collections::HashMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::primary::{Query, soa, transfer};
use common::{Bench, text};
use data_encoding::BASE64;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, PublicKeyData};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion, version};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tenon_bus::{JobState, JobStatus};
use tenon_private_bus::{KeptAddress, Process};
use tenon_wire::RrType;

const ZONE: &str = "example.";

/// An authority, and certificates that it vouches for, in files.
struct Pki {
    directory: tempfile::TempDir,
    pin: String,
}

impl Pki {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: String| fs::write(directory.path().join(name), text).unwrap();
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        write("ca.pem", issuer.pem());
        let mut pin = String::new();
        for name in ["primary.test", "client.test"] {
            let key = KeyPair::generate().unwrap();
            let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
            write(&format!("{name}.pem"), params.signed_by(&key, &issuer).unwrap().pem());
            write(&format!("{name}.key"), key.serialize_pem());
            if name == "primary.test" {
                pin = BASE64.encode(&Sha256::digest(key.subject_public_key_info()));
            }
        }
        Self { directory, pin }
    }

    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).to_str().unwrap().to_owned()
    }

    fn chain(&self, name: &str) -> Vec<CertificateDer<'static>> {
        CertificateDer::pem_file_iter(self.path(name)).unwrap().map(Result::unwrap).collect()
    }

    fn server(
        &self,
        version: &'static SupportedProtocolVersion,
        alpn: &[u8],
        is_mutual: bool,
    ) -> ServerConfig {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[version])
            .unwrap();
        let builder = if is_mutual {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(self.chain("ca.pem"));
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            builder.with_client_cert_verifier(verifier)
        } else {
            builder.with_no_client_auth()
        };
        let key = PrivateKeyDer::from_pem_file(self.path("primary.test.key")).unwrap();
        let mut config = builder.with_single_cert(self.chain("primary.test.pem"), key).unwrap();
        config.alpn_protocols = vec![alpn.to_vec()];
        config
    }

    async fn bench(&self, more: Value) -> Bench {
        let mut settings = json!({"tls_ca_file": self.path("ca.pem"), "connect_timeout_s": 20});
        more.as_object().unwrap().iter().for_each(|(name, value)| settings[name] = value.clone());
        Bench::start(settings).await
    }
}

/// What a primary over TLS heard: the types it was asked for.
type Heard = Arc<Mutex<Vec<RrType>>>;

/// A primary over TLS with one serial; nobody answers at its port over UDP.
fn serve(config: ServerConfig, serial: u32) -> (SocketAddr, Heard) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let (address, heard) = (listener.local_addr().unwrap(), Heard::default());
    let (config, hearing) = (Arc::new(config), Arc::clone(&heard));
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let (config, heard) = (Arc::clone(&config), Arc::clone(&hearing));
            std::thread::spawn(move || -> std::io::Result<()> {
                let mut stream = StreamOwned::new(ServerConnection::new(config).unwrap(), stream);
                let mut length = [0; 2];
                stream.read_exact(&mut length)?;
                let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
                stream.read_exact(&mut message)?;
                let query = Query::read(&message);
                heard.lock().unwrap().push(query.rrtype);
                let answers = match query.rrtype {
                    RrType::SOA => vec![query.answer(&[soa(&query.zone, serial)])],
                    _ => transfer(&query, serial, 500),
                };
                for answer in answers {
                    stream.write_all(&[&(answer.len() as u16).to_be_bytes()[..], &answer].concat())?;
                }
                stream.flush()?;
                // Until the other side hangs up.
                stream.read(&mut [0]).map(drop)
            });
        }
    });
    (address, heard)
}

async fn refresh(bench: &Bench, address: SocketAddr, options: &[(&str, &str)]) -> JobStatus {
    let options: HashMap<String, String> =
        options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let job = bench.xfrin.refresh_from(ZONE, &[(address, options)], false).await.unwrap();
    bench.ended(job).await
}

#[tokio::test]
async fn by_name_and_by_pin_and_nothing_without_tls() {
    let pki = Pki::new();
    let bench = pki.bench(json!({})).await;
    for (serial, proof) in [(5, ("tls_name", "primary.test")), (6, ("tls_pin", pki.pin.as_str()))] {
        let (address, heard) = serve(pki.server(&version::TLS13, b"dot", false), serial);
        let options = [proof, ("source", "127.0.0.1")];
        let status = refresh(&bench, address, &options).await;
        assert_eq!(text(&status, "outcome"), "transferred", "{status:?}");
        assert_eq!(bench.serial(ZONE), Some(serial));
        assert_eq!(text(&refresh(&bench, address, &options).await, "outcome"), "current");
        let asked = heard.lock().unwrap().clone();
        assert_eq!((asked.first() == Some(&RrType::SOA), asked.last()), (serial == 6, Some(&RrType::SOA)));
    }
    let counters = bench.counters().await;
    assert_eq!((counters["soa_queries_ipv4"], counters["tls_failed"]), (0, 0));
    assert_eq!(counters["tls_connected"], 5);
}

#[tokio::test]
async fn whoever_does_not_prove_who_it_is_gets_no_question() {
    let pki = Pki::new();
    let bench = pki.bench(json!({"connect_timeout_s": 2})).await;
    let other = BASE64.encode(&[7; 32]);
    let name = ("tls_name", "primary.test");
    for (config, proof, told) in [
        (pki.server(&version::TLS13, b"dot", false), ("tls_name", "other.test"), "certificate"),
        (
            pki.server(&version::TLS13, b"dot", false),
            ("tls_pin", other.as_str()),
            "is not the one in tls_pin",
        ),
        (pki.server(&version::TLS13, b"h2", false), name, "TLS"),
        (pki.server(&version::TLS12, b"dot", false), name, "TLS"),
        (pki.server(&version::TLS13, b"dot", true), name, ""),
    ] {
        let (address, heard) = serve(config, 5);
        let status = refresh(&bench, address, &[proof]).await;
        assert_eq!(status.state, JobState::Failed, "{proof:?}");
        assert!(status.reason().contains(told), "{proof:?}: {}", status.reason());
        assert!(heard.lock().unwrap().is_empty(), "{proof:?}: asked all the same");
    }
    // One that agrees on no protocol at all is as bad.
    let mut silent = pki.server(&version::TLS13, b"dot", false);
    silent.alpn_protocols.clear();
    let status = refresh(&bench, serve(silent, 5).0, &[name]).await;
    assert!(status.reason().contains("did not agree on the protocol `dot`"), "{}", status.reason());
    // And one that says nothing.
    let mute = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let status = refresh(&bench, mute.local_addr().unwrap(), &[name]).await;
    assert!(status.reason().contains("no TLS handshake within 2 s"), "{}", status.reason());
    let missing = pki.bench(json!({"tls_ca_file": "/nowhere/ca.pem"})).await;
    let (address, _) = serve(pki.server(&version::TLS13, b"dot", false), 5);
    let status = refresh(&missing, address, &[name]).await;
    assert!(status.reason().contains("/nowhere/ca.pem"), "{}", status.reason());
}

#[tokio::test]
async fn a_certificate_of_our_own_is_shown_to_who_wants_one() {
    let pki = Pki::new();
    let own = json!({
        "tls_certificate_file": pki.path("client.test.pem"), "tls_key_file": pki.path("client.test.key"),
    });
    let bench = pki.bench(own).await;
    let (address, _) = serve(pki.server(&version::TLS13, b"dot", true), 5);
    let status = refresh(&bench, address, &[("tls_name", "primary.test")]).await;
    assert_eq!(text(&status, "outcome"), "transferred", "{status:?}");
}

#[tokio::test]
async fn from_bind_over_tls() {
    let Some(named) = ["/usr/sbin/named", "/usr/bin/named"].into_iter().find(|path| Path::new(path).exists())
    else {
        return println!("named is not installed: skipped");
    };
    let pki = Pki::new();
    let kept = KeptAddress::new().unwrap();
    let (address, port) = (kept.get(), kept.get().port());
    let zone = "example. 300 SOA ns.example. h.example. 7 3600 600 86400 300\n\
                example. 300 NS ns.example.\nns.example. 300 A 192.0.2.1\n";
    fs::write(pki.path("zone"), zone).unwrap();
    let directory = pki.directory.path().display();
    let config = format!(
        "tls dot {{ cert-file \"{directory}/primary.test.pem\"; key-file \"{directory}/primary.test.key\"; }};\n\
         options {{ directory \"{directory}\"; listen-on port {port} tls dot {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; \
         pid-file none; session-keyfile \"{directory}/session.key\"; recursion no; notify no; \
         allow-transfer port {port} transport tls {{ any; }}; }};\ncontrols {{ }};\n\
         zone \"example\" {{ type primary; file \"{directory}/zone\"; }};\n"
    );
    fs::write(pki.path("named.conf"), config).unwrap();
    let log = fs::File::create(pki.path("log")).unwrap();
    let mut command = Command::new(named);
    command.args(["-f", "-n", "1", "-c"]).arg(pki.path("named.conf"));
    let _ended_with_us = Process::start(command.stdout(log.try_clone().unwrap()).stderr(log));
    let bench = pki.bench(json!({})).await;
    let began = Instant::now();
    loop {
        let status = refresh(&bench, address, &[("tls_name", "primary.test")]).await;
        if status.state == JobState::Done {
            assert_eq!((text(&status, "outcome").as_str(), bench.serial(ZONE)), ("transferred", Some(7)));
            break;
        }
        let log = || fs::read_to_string(pki.path("log")).unwrap_or_default();
        assert!(began.elapsed() < common::PATIENCE, "{}: {}", status.reason(), log());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(bench.records(ZONE).len(), 3);
}
