//! What a client of the door sees: accounts, pages, commits.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use common::{Bench, PASSWORD, PATIENCE};
use serde_json::json;
use tenon_bus::names::{CFGMGR, CMDCTL, CMDCTL_PATH};
use tenon_bus::{Cfgmgr1, Cmdctl1, Stats1};

#[tokio::test]
async fn accounts_come_in_by_password_or_token_and_others_do_not() {
    let bench = Bench::start(json!({})).await;
    let _cfgmgr = bench.cfgmgr().await;
    assert_eq!(bench.get("/v1/config").await.status, 200);
    let token = bench.account(&["--add-token", "alice", "--days", "1"]);
    let bearer = format!("authorization: Bearer {token}");
    assert_eq!(bench.curl("/v1/config", &["--header", &bearer]).await.status, 200);
    for arguments in
        [&[][..], &["--user", "alice:wrong"], &["--user", "eve:x"], &["--header", "authorization: Bearer x"]]
    {
        let refused = bench.curl("/v1/config", arguments).await;
        assert_eq!(refused.status, 401, "{refused:?}");
        assert!(refused.headers.to_lowercase().contains("www-authenticate: basic realm=\"tenon\""));
        assert!(refused.headers.contains("application/problem+json"), "{refused:?}");
    }
    bench.account(&["--remove-account", "alice"]);
    assert_eq!(bench.get("/v1/config").await.status, 401);
    assert_eq!(bench.curl("/v1/config", &["--header", &bearer]).await.status, 401);
    let listed = bench.account(&["--list-accounts"]);
    assert!(listed.contains("rita") && !listed.contains("argon2"), "{listed}");
}

#[tokio::test]
async fn guessing_is_limited_and_counted() {
    let bench = Bench::start(json!({"failures_per_minute": 2})).await;
    let statuses = [401, 401, 429, 429];
    for status in statuses {
        let refused = bench.curl("/v1/status", &["--user", "alice:wrong"]).await;
        assert_eq!(refused.status, status, "{refused:?}");
        assert_eq!(refused.headers.to_lowercase().contains("retry-after: "), status == 429);
    }
    let counters = Stats1::new(&bench.bus, CMDCTL).counters().await.unwrap();
    assert_eq!((counters["authentications_failed"], counters["authentications_limited"]), (2, 2));
}

#[tokio::test]
async fn pages_over_both_versions_of_http() {
    let bench = Bench::start(json!({})).await;
    let _cfgmgr = bench.cfgmgr().await;
    let all = bench.get("/v1/config").await;
    assert!(all.headers.starts_with("HTTP/2 200") && all.headers.contains("etag: \"1\""), "{all:?}");
    assert_eq!(all.json()["value"]["cmdctl"]["connections"], json!(64));
    let user = format!("alice:{PASSWORD}");
    let first = bench.curl("/v1/config/cmdctl/connections", &["--http1.1", "--user", &user]).await;
    assert!(first.headers.starts_with("HTTP/1.1 200"), "{first:?}");
    assert_eq!(first.json(), json!({"generation": 1, "path": "cmdctl/connections", "value": 64}));
    let schema = bench.get("/v1/config/schema/cmdctl").await.json();
    assert_eq!(schema["properties"]["connections"]["maximum"], json!(900));
    let history = bench.get("/v1/config/history?limit=5").await.json();
    assert_eq!(history["generations"][0]["author"], "root");
    assert_eq!(bench.get("/v1/config/diff/1/1").await.json(), json!({"changes": []}));
    let document = bench.get("/v1/openapi.json").await.json();
    assert!(document["paths"]["/v1/config/commit"]["post"].is_object());

    let status = bench.get("/v1/status").await.json();
    assert_eq!(status["generation"], json!(1));
    let zonec =
        status["services"].as_array().unwrap().iter().find(|s| s["service"] == "tenon-zonec").unwrap();
    assert_eq!(zonec["running"], json!(false));
    assert!(zonec["cost"].as_str().unwrap().contains("not compiled"));

    for (path, status, kind) in [
        ("/nothing", 404, "NoSuchPage"),
        ("/v1/config/auth/nothing", 404, "NoSuchOption"),
        ("/v1/config/schema/nobody", 404, "NoSuchComponent"),
        ("/v1/config/diff/1/77", 404, "NoSuchGeneration"),
        ("/v1/config/commit", 405, "WrongMethod"),
    ] {
        let reply = bench.get(path).await;
        assert_eq!(reply.status, status, "{path}: {reply:?}");
        assert_eq!(reply.json()["type"], format!("tag:tenon.invalid,2026:{kind}"), "{path}");
    }
}

#[tokio::test]
async fn a_missing_service_is_named_and_not_started() {
    let bench = Bench::start(json!({})).await;
    for (path, service) in [
        ("/v1/zones", "tenon-zonec"),
        ("/v1/zones/example.com", "tenon-zonec"),
        ("/v1/config", "tenon-cfgmgr"),
        ("/v1/statistics", "tenon-stats"),
    ] {
        let reply = bench.get(path).await;
        assert_eq!((reply.status, &reply.json()["service"]), (503, &json!(service)), "{path}: {reply:?}");
    }
    let reply = bench.commit("alice", r#"{"edits": []}"#).await;
    assert_eq!((reply.status, &reply.json()["service"]), (503, &json!("tenon-cfgmgr")));
    assert!(!bench.bus.is_present(CFGMGR).await.unwrap());
}

#[tokio::test]
async fn commits_with_their_author_and_refusals_with_their_reason() {
    let bench = Bench::start(json!({})).await;
    let _cfgmgr = bench.cfgmgr().await;
    let done = bench
        .commit(
            "alice",
            r#"{"edits": [{"path": "cmdctl/failures_per_minute", "value": 20}], "comment": "more"}"#,
        )
        .await;
    let verdict = |said: &str, effect: &str, notes: &[&str]| json!([{"component": "cmdctl", "said": said, "asked": "service", "effect": effect, "notes": notes}]);
    let committed = json!({"generation": 2, "notes": [], "verdicts": verdict("accepted", "applied", &[])});
    assert_eq!((done.status, done.json()), (200, committed), "{done:?}");
    let history = bench.get("/v1/config/history?limit=1").await.json();
    assert_eq!(history["generations"][0]["author"], "cmdctl:alice");
    assert_eq!(history["generations"][0]["comment"], "more");

    for (body, status, error) in [
        // The owner's own rule, which no schema says.
        (r#"{"edits": [{"path": "cmdctl/key_file", "value": "relative"}]}"#, 422, "Rejected"),
        (r#"{"edits": [{"path": "cmdctl/connections", "value": 0}]}"#, 422, "InvalidValue"),
        (r#"{"edits": [{"path": "cmdctl/nothing", "value": 0}]}"#, 422, "NoSuchOption"),
        (r#"{"edits": [{"path": "cmdctl/failures_per_minute", "value": 30}], "base": 1}"#, 409, "Conflict"),
        // Accepted, but cannot be: the settings before come back.
        (r#"{"edits": [{"path": "cmdctl/key_file", "value": "/nowhere"}]}"#, 500, "ApplyFailed"),
    ] {
        let refused = bench.commit("alice", body).await;
        assert_eq!(refused.status, status, "{body}: {refused:?}");
        assert_eq!(refused.json()["error"], format!("org.tenon.Error.{error}"), "{body}");
        let said = match error {
            "Rejected" => ("refused", "none"),
            "ApplyFailed" => ("accepted", "failed"),
            _ => continue,
        };
        let verdict = &refused.json()["verdicts"][0];
        assert_eq!((&verdict["said"], &verdict["effect"]), (&json!(said.0), &json!(said.1)), "{refused:?}");
    }
    let cfgmgr = Cfgmgr1::new(&bench.bus);
    assert_eq!(cfgmgr.get("cmdctl/failures_per_minute", false).await.unwrap(), json!(20));
    assert!(cfgmgr.diff().await.unwrap().is_empty(), "no candidate is left behind");
    let unset = r#"{"edits": [{"path": "cmdctl/failures_per_minute", "unset": true}]}"#;
    assert_eq!(bench.commit("rita", unset).await.status, 403);
    assert_eq!(bench.commit("alice", unset).await.status, 200);
    assert_eq!(cfgmgr.get("cmdctl/failures_per_minute", false).await.unwrap(), json!(10));
    for bad in [
        "",
        "{",
        "[]",
        r#"{"edits": [{"path": "a/b"}]}"#,
        r#"{"edits": [{"path": "a/b", "value": 1, "unset": true}]}"#,
    ] {
        assert_eq!(bench.commit("alice", bad).await.status, 400, "{bad}");
    }
}

#[tokio::test]
async fn a_commit_that_waits_is_confirmed_or_rolled_back_by_whoever_may() {
    let bench = Bench::start(json!({})).await;
    let _cfgmgr = bench.cfgmgr().await;
    let commit = |value: u32| {
        json!({"edits": [{"path": "cmdctl/connections", "value": value}], "confirm_s": 600}).to_string()
    };
    assert_eq!(bench.post("/v1/config/confirm", "alice", "").await.status, 409);
    assert_eq!(bench.commit("alice", &commit(20)).await.status, 200);
    let status = bench.get("/v1/status").await.json();
    assert_eq!(
        (&status["unconfirmed"]["generation"], &status["unconfirmed"]["restores"]),
        (&json!(2), &json!(1))
    );
    let refused = bench.commit("alice", &commit(30)).await;
    assert_eq!(
        (refused.status, refused.json()["error"].clone()),
        (409, json!("org.tenon.Error.ConfirmationPending"))
    );
    assert_eq!(bench.post("/v1/config/confirm", "rita", "").await.status, 403);
    assert_eq!(bench.post("/v1/config/confirm", "alice", "").await.json(), json!({"generation": 2}));
    assert!(bench.get("/v1/status").await.json().get("unconfirmed").is_none());

    assert_eq!(bench.commit("alice", &commit(30)).await.status, 200);
    let back = bench.post("/v1/config/rollback", "alice", r#"{"to": 2, "comment": "no good"}"#).await;
    assert_eq!((back.status, back.json()["generation"].clone()), (200, json!(4)), "{back:?}");
    assert_eq!(bench.get("/v1/config/cmdctl/connections").await.json()["value"], 20);
    let history = bench.get("/v1/config/history?limit=1").await.json();
    assert_eq!(
        (&history["generations"][0]["author"], &history["generations"][0]["comment"]),
        (&json!("cmdctl:alice"), &json!("no good"))
    );
    assert_eq!(bench.post("/v1/config/rollback", "alice", r#"{"to": 77}"#).await.status, 422);
    assert_eq!(bench.post("/v1/config/rollback", "rita", r#"{"to": 1}"#).await.status, 403);
}

#[tokio::test]
async fn two_accounts_at_once_never_mix() {
    let bench = Bench::start(json!({})).await;
    let _cfgmgr = bench.cfgmgr().await;
    bench.account(&["--add-account", "bob", "--password-stdin"]);
    let commits = (1..=20).map(|n: u32| {
        let bench = &bench;
        async move {
            let (account, option) =
                if n.is_multiple_of(2) { ("alice", "connections") } else { ("bob", "failures_per_minute") };
            let body =
                json!({"edits": [{"path": format!("cmdctl/{option}"), "value": 100 + n}], "comment": option});
            let reply = bench.commit(account, &body.to_string()).await;
            assert_eq!(reply.status, 200, "{reply:?}");
        }
    });
    futures_util::future::join_all(commits).await;
    let history = Cfgmgr1::new(&bench.bus).history(0, 20).await.unwrap();
    assert_eq!(history.len(), 20);
    for entry in history {
        let option = if entry.author == "cmdctl:alice" { "connections" } else { "failures_per_minute" };
        assert_eq!(entry.comment, option, "{}", entry.author);
    }
}

#[tokio::test]
async fn without_the_bus_it_says_so_and_comes_back() {
    let mut bench = Bench::start(json!({})).await;
    bench.daemon.stop().unwrap();
    let began = std::time::Instant::now();
    let reply = loop {
        let reply = bench.get("/v1/status").await;
        if reply.status == 503 || began.elapsed() > PATIENCE {
            break reply;
        }
    };
    assert_eq!((reply.status, &reply.json()["service"]), (503, &json!("dbus")), "{reply:?}");
    bench.daemon.restart().unwrap();
    while bench.get("/v1/status").await.status != 200 {
        assert!(began.elapsed() < PATIENCE, "it does not come back");
    }
}

#[tokio::test]
async fn the_bus_shows_the_certificate_and_introspection_is_what_the_file_promises() {
    let bench = Bench::start(json!({})).await;
    let state = Cmdctl1::new(&bench.bus).state().await.unwrap();
    assert_eq!((state.accounts, state.addresses.len(), state.faults.len()), (2, 1, 0), "{state:?}");
    let pinned =
        ["--insecure", "--pinnedpubkey", &state.public_key_pin, "--user", &format!("alice:{PASSWORD}")];
    assert_eq!(bench.curl("/v1/status", &pinned).await.status, 200);
    let other = "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    assert_eq!(bench.curl("/v1/status", &["--insecure", "--pinnedpubkey", other]).await.status, 0);
    assert_eq!(bench.daemon.differences(CMDCTL, CMDCTL_PATH, &["Cmdctl1"]).await, [""; 0]);
}
