//! Clients that come in by certificate, with a real client.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests fail like tests

mod common;

use std::process::Command;

use common::{Bench, Reply};
use serde_json::json;
use tenon_bus::Cmdctl1;

const OPENSSL: &str = "[req]\ndistinguished_name=name\n[name]\n[authority]\nbasicConstraints=critical,CA:TRUE\n\
    [client]\nbasicConstraints=critical,CA:FALSE\n";

/// Makes a certificate of a kind and its key in files of this name.
fn make(bench: &Bench, name: &str, kind: &str, more: &[&str]) {
    std::fs::write(bench.place("openssl.cnf"), OPENSSL).unwrap();
    let place = |ending: &str| bench.place(&format!("{name}.{ending}"));
    let mut openssl = Command::new("openssl");
    openssl.args([
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
    ]);
    openssl.args(["-config", "openssl.cnf", "-extensions", kind]);
    openssl.arg("-keyout").arg(place("key")).arg("-out").arg(place("pem")).args(more);
    let made = openssl.current_dir(bench.place("")).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    // bindctl takes both from one file.
    let both = ["pem", "key"].map(|ending| std::fs::read_to_string(place(ending)).unwrap()).concat();
    std::fs::write(place("both"), both).unwrap();
}

async fn ask(bench: &Bench, name: &str, path: &str, more: &[&str]) -> Reply {
    let file = |ending: &str| bench.place(&format!("{name}.{ending}")).display().to_string();
    let (certificate, key) = (file("pem"), file("key"));
    bench.curl(path, &[&["--cert", &certificate, "--key", &key], more].concat()).await
}

#[tokio::test]
async fn whom_the_authority_vouches_for_is_the_account_of_his_name() {
    let bench = Bench::start(json!({})).await;
    let _cfgmgr = bench.cfgmgr().await;
    make(&bench, "ca", "authority", &["-subj", "/CN=authority"]);
    let vouched = ["-CA", "ca.pem", "-CAkey", "ca.key"];
    make(
        &bench,
        "alice",
        "client",
        &[&["-subj", "/CN=any", "-addext", "subjectAltName=DNS:alice"], &vouched[..]].concat(),
    );
    make(&bench, "rita", "client", &[&["-subj", "/CN=rita"], &vouched[..]].concat());
    make(&bench, "bob", "client", &[&["-subj", "/CN=bob"], &vouched[..]].concat());
    make(&bench, "false", "client", &["-subj", "/CN=alice"]);

    assert_eq!(ask(&bench, "alice", "/v1/status", &[]).await.status, 401, "nobody vouches for anybody yet");
    let set = |file: &str| {
        let file = bench.place(file);
        json!({"edits": [{"path": "cmdctl/client_ca_file", "value": file}]}).to_string()
    };
    let refused = bench.commit("alice", &set("nowhere.pem")).await;
    assert!(refused.status != 200 && refused.body.contains("cmdctl/client_ca_file"), "{refused:?}");
    let done = bench.commit("alice", &set("ca.pem")).await;
    assert_eq!(done.status, 200, "{done:?}");

    assert_eq!(ask(&bench, "alice", "/v1/status", &[]).await.status, 200);
    let edit = r#"{"edits": [{"path": "cmdctl/connections", "value": 20}]}"#;
    let commit = ["--header", "content-type: application/json", "--data", edit];
    assert_eq!(ask(&bench, "rita", "/v1/status", &[]).await.status, 200, "by the common name");
    assert_eq!(ask(&bench, "rita", "/v1/config/commit", &commit).await.status, 403);
    assert_eq!(ask(&bench, "alice", "/v1/config/commit", &commit).await.status, 200);
    assert_eq!(ask(&bench, "bob", "/v1/status", &[]).await.status, 401, "no such account");
    assert_eq!(
        ask(&bench, "false", "/v1/status", &[]).await.status,
        0,
        "nobody vouches for it: no handshake"
    );
    assert_eq!(bench.get("/v1/status").await.status, 200, "passwords are as good as ever");
    let wrong = ask(&bench, "alice", "/v1/status", &["--user", "alice:wrong password"]).await;
    assert_eq!(wrong.status, 401, "what is said goes before what is shown");

    // A file that cannot be used vouches for nobody, and is a fault; replaced, it counts at once.
    let whole = std::fs::read(bench.place("ca.pem")).unwrap();
    std::fs::write(bench.place("ca.pem"), "nothing").unwrap();
    assert_eq!(ask(&bench, "alice", "/v1/status", &[]).await.status, 401);
    let faults = Cmdctl1::new(&bench.bus).state().await.unwrap().faults;
    assert!(faults.iter().any(|fault| fault.contains("no certificate is in it")), "{faults:?}");
    std::fs::write(bench.place("ca.pem"), whole).unwrap();
    assert_eq!(ask(&bench, "alice", "/v1/status", &[]).await.status, 200);

    // The command line comes in that way, too.
    let own = std::env::current_exe().unwrap();
    let bindctl = own.parent().and_then(std::path::Path::parent).unwrap().join("examples/bindctl");
    let bindctl = |identity: &str| {
        let url = format!("https://localhost:{}", bench.address.port());
        let mut command = tokio::process::Command::new(&bindctl);
        command.args(["--server", &url]);
        command.arg("--certificate").arg(bench.place("cmdctl/certificate.pem"));
        command.arg("--identity").arg(bench.place(identity));
        command.args(["--json", "config", "show", "cmdctl/connections"]);
        async move { command.output().await.unwrap() }
    };
    let shown = bindctl("alice.both").await;
    assert_eq!(String::from_utf8_lossy(&shown.stdout).trim(), "20", "{shown:?}");
    let refused = bindctl("bob.both").await;
    assert!(!refused.status.success(), "{refused:?}");
}
