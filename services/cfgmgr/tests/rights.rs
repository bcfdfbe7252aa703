//! Who may read and who may write, without polkit: root and an ordinary user. Whom polkit lets, the whole system shows.
//!
//! Needs root, to be somebody else; an ordinary user's run says that it is skipped.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests fail like tests

mod common;

use std::process::Output;

use common::Bench;
use tenon_bus::names;

/// Calls cfgmgr as the user nobody.
async fn as_nobody(bench: &Bench, method: &str, arguments: &[&str]) -> Output {
    let mut command = tokio::process::Command::new("setpriv");
    command
        .args(["--reuid=65534", "--regid=65534", "--clear-groups", "busctl"])
        .arg(format!("--address={}", bench.daemon.address()))
        .args(["call", names::CFGMGR, names::CFGMGR_PATH, names::CFGMGR_INTERFACE, method])
        .args(arguments);
    command.output().await.unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test]
async fn an_ordinary_user_reads_and_does_not_write() {
    if std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").unwrap()) != 0 {
        println!("skipped: only root can be somebody else");
        return;
    }
    let bench = Bench::new().await;
    let _cfgmgr = bench.start_cfgmgr().await;
    let set = ["ss", "auth/workers", "8"];

    let read = as_nobody(&bench, "Get", &["sb", "auth/workers", "false"]).await;
    assert!(read.status.success(), "{}", said(&read));
    let refused = as_nobody(&bench, "Set", &set).await;
    assert!(
        !refused.status.success() && said(&refused).contains("org.tenon.config.commit"),
        "{}",
        said(&refused)
    );
    let refused = as_nobody(&bench, "Commit", &["s", ""]).await;
    assert!(!refused.status.success(), "{}", said(&refused));
}

#[tokio::test]
async fn candidates_are_each_users_own() {
    if std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").unwrap()) != 0 {
        println!("skipped: only root can be somebody else");
        return;
    }
    let bench = Bench::new().await;
    let _cfgmgr = bench.start_cfgmgr().await;
    bench.cfgmgr.set("auth/workers", &serde_json::json!(8)).await.unwrap();
    let diff = as_nobody(&bench, "Diff", &[]).await;
    assert_eq!(String::from_utf8_lossy(&diff.stdout), "a(sss) 0\n");
}
