//! What HTTP clients see, well-behaved and not.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use common::{Bench, PATIENCE};
use tenon_bus::names::auth;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Sends octets, and gives what comes back until the other side closes.
async fn talk(bench: &Bench, octets: &[u8]) -> String {
    let mut stream = TcpStream::connect(bench.address).await.unwrap();
    stream.write_all(octets).await.unwrap();
    let mut answer = Vec::new();
    // A reset is an end as well, and comes when something of ours was not read.
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("no end");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn metrics_and_json_with_a_real_client() {
    let bench = Bench::start().await;
    let _daemons = (bench.counting(&auth(1), 30).await, bench.counting(&auth(2), 12).await);
    let metrics = bench.curl("/metrics", &["--include"]);
    for part in [
        "HTTP/1.1 200 OK\r\n",
        "content-type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n",
        "# HELP tenon_auth_queries Queries received.\n# TYPE tenon_auth_queries counter\n",
        "tenon_auth_queries_total{instance=\"1\"} 30\ntenon_auth_queries_total{instance=\"2\"} 12\n",
        "# TYPE tenon_auth_tcp_clients_open gauge\n",
        "tenon_up{component=\"stats\"} 1\n",
        "tenon_auth_answer_seconds_bucket{le=\"0.000001\",instance=\"2\",transport=\"udp\"} 12\n",
        "tenon_auth_answer_seconds_count{instance=\"2\",transport=\"udp\"} 13\n",
        "# EOF\n",
    ] {
        assert!(metrics.contains(part), "no {part:?} in {metrics}");
    }
    let text = bench.curl("/json", &[]);
    let (body, status) = text.rsplit_once('\n').unwrap();
    assert_eq!(status, "200");
    let document: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(document["components"]["auth"]["counters"]["queries"]["value"], 42);
    assert_eq!(document["silent"], serde_json::json!([]));
    assert!(bench.curl("/", &[]).contains("href=\"/metrics\""));
}

#[tokio::test]
async fn other_paths_methods_and_heads() {
    let bench = Bench::start().await;
    assert!(bench.curl("/nothing", &[]).ends_with("\n404"));
    let posted = bench.curl("/metrics", &["--include", "--data", "x=1"]);
    assert!(posted.contains("allow: GET, HEAD\r\n") && posted.ends_with("\n405"), "{posted}");
    let head = bench.curl("/metrics", &["--head"]);
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && !head.contains("tenon_up"), "{head}");
}

#[tokio::test]
async fn bad_requests_are_refused() {
    let bench = Bench::start().await;
    let long = "x".repeat(20_000);
    let many: String = (0..200).map(|number| format!("field-{number}: 1\r\n")).collect();
    for (request, status) in [
        ("nonsense\r\n\r\n".to_owned(), "400"),
        ("\x00\x01\x02\x03\r\n\r\n".to_owned(), "400"),
        (format!("GET / HTTP/1.1\r\nhost: a\r\nlong: {long}\r\n\r\n"), "431"),
        (format!("GET / HTTP/1.1\r\nhost: a\r\n{many}\r\n"), "431"),
    ] {
        let answer = talk(&bench, request.as_bytes()).await;
        let begin: String = answer.chars().take(40).collect();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{begin:?} for {status}");
    }
    assert!(bench.curl("/", &[]).ends_with("\n200"));
}

#[tokio::test]
async fn slow_clients_are_cut_and_keep_nobody_out() {
    let bench = Bench::start().await;
    // As many as there are places: the next one waits until these are cut.
    let mut slow = Vec::new();
    for _ in 0..64 {
        let mut stream = TcpStream::connect(bench.address).await.unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\nhost:").await.unwrap();
        slow.push(stream);
    }
    assert!(bench.curl("/metrics", &[]).ends_with("\n200"));
    for mut stream in slow {
        let mut answer = Vec::new();
        let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("never cut");
        assert!(!answer.starts_with(b"HTTP/1.1 200"));
    }
}

#[tokio::test]
async fn without_the_bus_it_says_so_and_comes_back() {
    let mut bench = Bench::start().await;
    bench.daemon.stop().unwrap();
    let began = std::time::Instant::now();
    let answer = loop {
        let answer = bench.curl("/metrics", &[]);
        if answer.ends_with("\n503") || began.elapsed() > PATIENCE {
            break answer;
        }
    };
    assert!(answer.contains("bus") && answer.ends_with("\n503"), "{answer}");
    bench.daemon.restart().unwrap();
    while !bench.curl("/metrics", &[]).ends_with("\n200") {
        assert!(began.elapsed() < PATIENCE, "it does not come back");
    }
}
