//! Clients that send too much, too slowly, nonsense, or come too often; and a certificate that is replaced.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::time::Instant;

use common::{Bench, PASSWORD, PATIENCE};
use serde_json::json;
use tenon_bus::names::CMDCTL;
use tenon_bus::{Cmdctl1, Stats1};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn counter(bench: &Bench, name: &str) -> u64 {
    Stats1::new(&bench.bus, CMDCTL).counters().await.unwrap()[name]
}

async fn until_cut(mut stream: TcpStream) {
    let mut answer = Vec::new();
    // A reset is an end as well.
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("never cut");
}

#[tokio::test]
async fn too_much_is_refused() {
    let bench = Bench::start(json!({"body_octets": 2000})).await;
    let body = json!({"edits": [], "comment": "x".repeat(3000)}).to_string();
    let refused = bench.commit("alice", &body).await;
    assert_eq!(refused.status, 413, "{refused:?}");
    // The same without saying how much is to come.
    let user = format!("alice:{PASSWORD}");
    let chunked = ["--http1.1", "--user", &user, "--header", "transfer-encoding: chunked", "--data", &body];
    assert_eq!(bench.curl("/v1/config/commit", &chunked).await.status, 413);
    assert_eq!(counter(&bench, "bodies_too_large").await, 2);

    let long = format!("long: {}", "x".repeat(20_000));
    let header = bench.curl("/v1/status", &["--http1.1", "--header", &long]).await;
    assert_eq!(header.status, 431, "{header:?}");
    assert_eq!(counter(&bench, "headers_too_large").await, 1);
    let header = bench.curl("/v1/status", &["--http2", "--header", &long]).await;
    assert_ne!(header.status, 200, "{header:?}");
    assert_eq!(bench.get("/v1/status").await.status, 200);
}

#[tokio::test]
async fn a_refusal_reaches_who_is_still_sending() {
    let bench = Bench::start(json!({})).await;
    let body = json!({"to": 1, "comment": "x".repeat(30_000)}).to_string();
    for version in ["--http1.1", "--http2"].repeat(20) {
        let user = format!("rita:{PASSWORD}");
        let refused = bench.curl("/v1/config/rollback", &[version, "--user", &user, "--json", &body]).await;
        assert_eq!(refused.status, 403, "{version} {refused:?}");
    }
}

#[tokio::test]
async fn the_slow_are_cut() {
    let bench = Bench::start(json!({"read_timeout_s": 1})).await;
    // Before the handshake is over.
    until_cut(TcpStream::connect(bench.address).await.unwrap()).await;
    assert_eq!(counter(&bench, "handshakes_failed").await, 1);
    // In the middle of a body: curl sends half a kilooctet and then one octet a second.
    let body = "x".repeat(600);
    let user = format!("alice:{PASSWORD}");
    let slow = ["--http1.1", "--user", &user, "--limit-rate", "100", "--data", &body];
    let began = Instant::now();
    let reply = bench.curl("/v1/config/commit", &slow).await;
    assert!(matches!(reply.status, 408 | 0 | 400), "{reply:?} after {:?}", began.elapsed());
    // In the middle of a header.
    let mut half = tokio::process::Command::new("openssl")
        .args(["s_client", "-quiet", "-connect", &bench.address.to_string()])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut input = half.stdin.take().unwrap();
    input.write_all(b"GET /v1/status HTTP/1.1\r\nhost:").await.unwrap();
    input.flush().await.unwrap();
    tokio::time::timeout(PATIENCE, half.wait()).await.expect("never cut").unwrap();
    assert_eq!(bench.get("/v1/status").await.status, 200);
}

#[tokio::test]
async fn nonsense_is_not_answered() {
    let bench = Bench::start(json!({})).await;
    for octets in [&b"GET /v1/status HTTP/1.1\r\nhost: a\r\n\r\n"[..], &[0; 1000], &[0x16, 3, 1, 0xff, 0xff]]
    {
        let mut stream = TcpStream::connect(bench.address).await.unwrap();
        stream.write_all(octets).await.unwrap();
        stream.shutdown().await.unwrap();
        until_cut(stream).await;
    }
    let began = Instant::now();
    while counter(&bench, "handshakes_failed").await < 3 {
        assert!(began.elapsed() < PATIENCE, "not counted");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(bench.get("/v1/status").await.status, 200);
}

#[tokio::test]
async fn more_than_allowed_wait_for_their_turn() {
    let bench = Bench::start(json!({"connections": 4, "read_timeout_s": 2})).await;
    let mut silent = Vec::new();
    for _ in 0..4 {
        silent.push(TcpStream::connect(bench.address).await.unwrap());
    }
    let began = Instant::now();
    while counter(&bench, "connections_open").await < 4 {
        assert!(began.elapsed() < PATIENCE, "not counted");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    // Comes in when the silent ones have been cut.
    assert_eq!(bench.get("/v1/status").await.status, 200);
    assert!(counter(&bench, "connections_waited").await >= 1);
    assert!(counter(&bench, "handshakes_failed").await >= 1);
}

#[tokio::test]
async fn a_connection_ends_when_its_time_is_over() {
    let bench = Bench::start(json!({"connection_timeout_s": 1, "read_timeout_s": 1})).await;
    let mut client = tokio::process::Command::new("openssl")
        .args(["s_client", "-quiet", "-alpn", "h2", "-connect", &bench.address.to_string()])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut input = client.stdin.take().unwrap();
    // The preface of HTTP/2 and empty settings: alive, and asking nothing.
    input.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    input.flush().await.unwrap();
    tokio::time::timeout(PATIENCE, client.wait()).await.expect("never cut").unwrap();
    assert_eq!(counter(&bench, "connections_expired").await, 1);
}

#[tokio::test]
async fn a_replaced_certificate_is_used_without_a_restart() {
    let bench = Bench::start(json!({})).await;
    let before = Cmdctl1::new(&bench.bus).state().await.unwrap().fingerprint;
    let (new, key) = (bench.place("new.pem"), bench.place("new.key"));
    let made = std::process::Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=DNS:localhost"])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&new)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    std::fs::rename(key, bench.place("cmdctl/key.pem")).unwrap();
    let half = Cmdctl1::new(&bench.bus).state().await.unwrap();
    assert_eq!((half.fingerprint == before, half.faults.len()), (true, 1), "{half:?}");
    std::fs::rename(new, bench.place("cmdctl/certificate.pem")).unwrap();
    // The client checks against the new file.
    assert_eq!(bench.get("/v1/status").await.status, 200);
    let after = Cmdctl1::new(&bench.bus).state().await.unwrap();
    assert!(after.fingerprint != before && after.faults.is_empty(), "{after:?}");
}
