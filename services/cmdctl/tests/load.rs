//! Many clients at once: nothing is lost and nothing done twice.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::process::Stdio;

use common::{Bench, PASSWORD};
use serde_json::{Value, json};
use tenon_bus::names::CMDCTL;
use tenon_bus::{Cfgmgr1, Stats1};

const CLIENTS: usize = 50;

/// Changes of each client: few in `make test`, `make load` says more.
fn changes() -> usize {
    std::env::var("TENON_LOAD_CHANGES").map_or(20, |text| text.parse().unwrap())
}

/// One client: its changes one after the other over one connection; the generations it was told.
async fn client(bench: &Bench, number: usize) -> Vec<u64> {
    // Each value differs from all others, so that no commit finds nothing to change.
    let mut script = String::new();
    for change in 0..changes() {
        let value = 1000 + number * changes() + change;
        let comment = format!("{number}/{change}");
        let edit =
            json!({"edits": [{"path": "cmdctl/connection_timeout_s", "value": value}], "comment": comment});
        let next = if change == 0 { "" } else { "next\n" };
        let certificate = bench.place("cmdctl/certificate.pem");
        let _ = write!(
            script,
            "{next}url = https://localhost:{}/v1/config/commit\ncacert = {}\nuser = \"alice:{PASSWORD}\"\nipv4\ndata = {}\n",
            bench.address.port(),
            certificate.display(),
            Value::String(edit.to_string()),
        );
    }
    let path = bench.place(&format!("client-{number}"));
    std::fs::write(&path, script).unwrap();
    let output = tokio::process::Command::new("curl")
        .args(["--silent", "--show-error", "--noproxy", "*", "--max-time", "3600", "--config"])
        .arg(path)
        .stderr(Stdio::inherit())
        .output()
        .await
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let replies = serde_json::Deserializer::from_str(&text).into_iter::<Value>();
    replies.map(|reply| reply.unwrap()["generation"].as_u64().unwrap_or_else(|| panic!("{text}"))).collect()
}

#[tokio::test]
async fn changes_of_fifty_clients_are_each_made_once() {
    let bench = Bench::start(json!({})).await;
    let _cfgmgr = bench.cfgmgr().await;
    let keep = json!({"edits": [{"path": "cfgmgr/keep_generations", "value": 100_000}]});
    assert_eq!(bench.commit("alice", &keep.to_string()).await.status, 200);

    let clients = (0..CLIENTS).map(|number| client(&bench, number));
    let told: Vec<Vec<u64>> = futures_util::future::join_all(clients).await;
    assert!(told.iter().all(|told| told.len() == changes() && told.is_sorted()));
    let generations: BTreeSet<u64> = told.iter().flatten().copied().collect();
    assert_eq!(generations.len(), CLIENTS * changes(), "a generation was told twice");
    assert_eq!(
        (generations.first(), generations.last()),
        (Some(&3), Some(&((CLIENTS * changes() + 2) as u64)))
    );

    let cfgmgr = Cfgmgr1::new(&bench.bus);
    let (mut comments, mut before) = (BTreeSet::new(), 0);
    loop {
        let page = cfgmgr.history(before, 100).await.unwrap();
        let Some(last) = page.last() else { break };
        before = last.generation;
        comments.extend(
            page.into_iter().filter(|entry| entry.author == "cmdctl:alice").map(|entry| entry.comment),
        );
    }
    let expected =
        (0..CLIENTS).flat_map(|client| (0..changes()).map(move |change| format!("{client}/{change}")));
    let missing: Vec<String> = expected.filter(|comment| !comments.contains(comment)).collect();
    assert!(missing.is_empty(), "lost: {missing:?}");
    let counters = Stats1::new(&bench.bus, CMDCTL).counters().await.unwrap();
    assert_eq!(counters["changes"], (CLIENTS * changes() + 1) as u64);
    assert_eq!(counters["authentications_failed"] + counters["changes_refused"], 0);
}
