//! Zones and records through the door: the real loader behind it, and an image that is answered.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use common::{Bench, PASSWORD, Reply, answer};
use serde_json::{Value, json};

const ZONE: &str = "; curl takes an @ at the start for a file\n@ 3600 SOA ns admin 7 7200 3600 1209600 300\n@ NS ns\nns A 192.0.2.53\n";

/// Asks as somebody who named a token.
async fn with(bench: &Bench, token: &str, method: &str, path: &str, more: &[&str]) -> Reply {
    let bearer = format!("authorization: Bearer {token}");
    bench.curl(path, &[&["--request", method, "--header", &bearer], more].concat()).await
}

async fn put(bench: &Bench, path: &str, zone: &str, headers: &[&str]) -> Reply {
    let user = format!("alice:{PASSWORD}");
    let mut arguments = vec!["--user", &user, "--request", "PUT", "--data-binary", zone];
    arguments.extend(["--header", "content-type: text/dns"]);
    headers.iter().for_each(|header| arguments.extend(["--header", header]));
    bench.curl(path, &arguments).await
}

fn kind(reply: &Reply) -> String {
    let kind = reply.json()["type"].as_str().unwrap_or_default().to_owned();
    kind.rsplit(':').next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn zones_are_created_replaced_and_removed_on_the_version_they_were_made_on() {
    let bench = Bench::start(json!({})).await;
    let _loader = bench.loader().await;
    let page = "/v1/zones/Example.com";
    let created = put(&bench, page, ZONE, &["if-none-match: *"]).await;
    assert_eq!((created.status, created.json()["outcome"].clone()), (200, json!("loaded")), "{created:?}");
    assert_eq!((&created.json()["zone"], &created.json()["records"]), (&json!("example.com."), &json!(3)));
    assert!(created.headers.contains("etag: \"7\""), "{created:?}");
    let newer = ZONE.replace("admin 7", "admin 8");
    for headers in [["if-none-match: *"], ["if-match: \"6\""]] {
        let refused = put(&bench, page, &newer, &headers).await;
        assert_eq!((refused.status, kind(&refused)), (412, "PreconditionFailed".into()), "{refused:?}");
    }
    assert_eq!(put(&bench, page, &newer, &["if-match: 7"]).await.status, 400);
    let bad = put(&bench, page, ";\n@ SOA x\nfoo A 300.1.1.1\n$INCLUDE /etc/passwd\n", &[]).await;
    assert_eq!((bad.status, kind(&bad)), (422, "BadZone".into()), "{bad:?}");
    assert!(bad.json()["errors"].as_array().unwrap().len() >= 3, "{bad:?}");
    assert_eq!(put(&bench, page, &newer, &["if-match: \"7\""]).await.json()["serial"], json!(8));
    let older = put(&bench, page, ZONE, &[]).await;
    assert_eq!(older.status, 422, "{older:?}");
    assert_eq!(put(&bench, "/v1/zones/example.com?force=true", ZONE, &[]).await.status, 200);

    let user = format!("alice:{PASSWORD}");
    let delete = ["--user", &user, "--request", "DELETE", "--header", "if-match: \"8\""];
    assert_eq!(bench.curl(page, &delete).await.status, 412);
    assert_eq!(bench.curl(page, &delete[..4]).await.status, 204);
    assert_eq!(bench.curl(page, &delete[..4]).await.status, 404);
}

#[tokio::test]
async fn bodies_are_bounded_and_a_load_without_a_loader_is_told() {
    let bench = Bench::start(json!({"zone_octets": 2000})).await;
    let missing = put(&bench, "/v1/zones/example.com", ZONE, &[]).await;
    assert_eq!((missing.status, &missing.json()["service"]), (503, &json!("tenon-loader")), "{missing:?}");
    let _loader = bench.loader().await;
    let large = format!("{ZONE}; {}\n", "x".repeat(3000));
    let refused = put(&bench, "/v1/zones/example.com", &large, &[]).await;
    assert_eq!((refused.status, kind(&refused)), (413, "BodyTooLarge".into()), "{refused:?}");
    assert_eq!(put(&bench, "/v1/zones/example.com", ZONE, &[]).await.status, 200);
}

#[tokio::test]
async fn scopes_are_by_verb_and_zone_and_tokens_narrow_them() {
    let bench = Bench::start(json!({})).await;
    let _loader = bench.loader().await;
    answer(&bench, 7, 0);
    let scoped = ["--scope", "zone:.example.com", "--scope", "read:example.com"];
    bench.account(&[&["--add-account", "bob", "--password-stdin"], &scoped[..]].concat());
    let all = bench.account(&["--add-token", "bob"]);
    let narrow = bench.account(&["--add-token", "bob", "--scope", "zone:a.example.com", "--scope", "zone"]);
    let load = ["--data-binary", ZONE];
    for (token, zone, status) in [
        (&all, "example.com", 200),
        (&all, "sub.example.com", 200),
        (&all, "example.net", 403),
        (&narrow, "a.example.com", 200),
        (&narrow, "b.example.com", 200),
        (&narrow, "example.net", 403),
    ] {
        let reply = with(&bench, token, "PUT", &format!("/v1/zones/{zone}"), &load).await;
        assert_eq!(reply.status, status, "{zone}: {reply:?}");
    }
    assert_eq!(with(&bench, &all, "GET", "/v1/zones/example.com/export", &[]).await.status, 200);
    assert_eq!(with(&bench, &narrow, "GET", "/v1/zones/example.com/export", &[]).await.status, 403);
    for page in ["/v1/status", "/v1/config", "/v1/zones/example.net"] {
        assert_eq!(with(&bench, &all, "GET", page, &[]).await.status, 403, "{page}");
    }
    let listed: Value = serde_json::from_str(&bench.account(&["--list-accounts"])).unwrap();
    let bob = listed["accounts"].as_array().unwrap().iter().find(|account| account["name"] == "bob").unwrap();
    assert_eq!(bob["scopes"], json!(["zone:.example.com.", "read:example.com."]));
    let id = bob["tokens"][0]["id"].as_str().unwrap().to_owned();
    bench.account(&["--remove-token", "bob", &id]);
    assert_eq!(with(&bench, &all, "GET", "/v1/zones/example.com/export", &[]).await.status, 401);
    bench.account(&["--set-scopes", "bob", "--scope", "read"]);
    assert_eq!(with(&bench, &narrow, "PUT", "/v1/zones/a.example.com", &load).await.status, 403);
}

#[tokio::test]
async fn records_are_shown_as_rrsets_page_by_page_and_whole_zones_as_text() {
    let bench = Bench::start(json!({})).await;
    assert_eq!(bench.get("/v1/zones/example.com/records").await.status, 404);
    answer(&bench, 7, 25);
    let (mut owners, mut after) = (Vec::new(), String::new());
    loop {
        let page = bench.get(&format!("/v1/zones/example.com/records?limit=10&after={after}")).await;
        assert!(page.headers.contains("etag: \"7\""), "{page:?}");
        let page = page.json();
        owners.extend(page["rrsets"].as_array().unwrap().iter().map(|set| set["owner"].clone()));
        let Some(next) = page.get("next").and_then(Value::as_str) else { break };
        next.clone_into(&mut after);
    }
    assert_eq!(owners.len(), 28, "{owners:?}");
    let ns = bench.get("/v1/zones/example.com/records/ns/a").await.json();
    assert_eq!(ns, json!({"owner": "ns.example.com.", "type": "A", "ttl": 300, "records": ["192.0.2.53"]}));
    let apex = bench.get("/v1/zones/example.com/records/@/NS").await.json();
    assert_eq!(apex["records"], json!(["ns.example.com."]));
    for (path, status) in [("nothing/A", 404), ("ns/MX", 404), ("ns/NOTYPE", 422), ("a.example.net./A", 422)]
    {
        let reply = bench.get(&format!("/v1/zones/example.com/records/{path}")).await;
        assert_eq!(reply.status, status, "{path}: {reply:?}");
    }
    // A newer version is seen at once.
    answer(&bench, 8, 1);
    let text = bench.get("/v1/zones/example.com/export").await;
    assert!(text.headers.contains("etag: \"8\""), "{text:?}");
    assert!(
        text.body.starts_with("example.com.\t300\tIN\tSOA\tns.example.com. admin.example.com. 8 "),
        "{text:?}"
    );
    assert_eq!(text.body.lines().count(), 4);
    assert_eq!(bench.get("/v1/zones/example.net/export").await.status, 404);
}

#[tokio::test]
async fn verbs_are_called_as_on_the_bus_if_they_are_listed() {
    let bench = Bench::start(json!({})).await;
    let _cfgmgr = bench.cfgmgr().await;
    let call = |destination: &str, interface: &str, member: &str, signature: &str, arguments: Value| {
        json!({"destination": destination, "path": format!("/{}", destination.replace('.', "/")),
            "interface": interface, "member": member, "signature": signature, "arguments": arguments})
        .to_string()
    };
    let cfgmgr = "org.tenon.Cfgmgr1";
    let commit = call(
        cfgmgr,
        cfgmgr,
        "CommitEdits",
        "sta(ss)su",
        json!(["root", 0, [["cmdctl/connections", "20"]], "by call", 0]),
    );
    assert_eq!(bench.post("/v1/call", "rita", &commit).await.status, 403);
    let done = bench.post("/v1/call", "alice", &commit).await;
    assert_eq!((done.status, done.json()), (200, json!({"signature": "tas", "values": [2, []]})), "{done:?}");
    let history = call(cfgmgr, cfgmgr, "History", "tu", json!([0, 1]));
    let history = bench.post("/v1/call", "rita", &history).await.json();
    assert_eq!(history["values"][0][0][2], json!("cmdctl:alice"), "{history}");
    let state = call(cfgmgr, "org.freedesktop.DBus.Properties", "GetAll", "s", json!([cfgmgr]));
    assert_eq!(bench.post("/v1/call", "rita", &state).await.json()["values"][0]["Generation"], json!(2));
    let commit = call(cfgmgr, cfgmgr, "Commit", "s", json!(["x"]));
    let refused = bench.post("/v1/call", "alice", &commit).await;
    assert_eq!((refused.status, kind(&refused)), (403, "NotListed".into()), "{refused:?}");
    let names = call("org.freedesktop.DBus", "org.freedesktop.DBus", "ListNames", "", json!([]));
    let names = bench.post("/v1/call", "rita", &names).await.json();
    assert!(names["values"][0].as_array().unwrap().contains(&json!(cfgmgr)), "{names}");
    let wrong = call(cfgmgr, cfgmgr, "History", "tu", json!(["x", 1]));
    let wrong = bench.post("/v1/call", "alice", &wrong).await;
    assert_eq!(wrong.status, 422, "{wrong:?}");
}
